"""The best that any network can do on single motif detection: the posterior probability itself.

A positive holds one site at a uniform place on a random strand, so the likelihood ratio of
positive to negative is the mean, over all places and both strands, of the site's odds:

    mean over (start, strand) of prod_j p_j(base) / background(base)
"""

from __future__ import annotations

import numpy as np

from zoo.simulations.dragonn.motifs import find_motifs
from zoo.simulations.dragonn.parameters import SingleMotif

__all__ = ["single_motif_posterior"]


def single_motif_posterior(codes: np.ndarray, parameters: SingleMotif) -> np.ndarray:
    """Return the probability that a sequence is a positive, given its bases.

    Parameters
    ----------
    codes : numpy.ndarray, shape=(N, length)
        Bases, 0 to 3, of sequences simulated with these parameters.
    parameters : SingleMotif
        Of the simulation; its motif must have an ENCODE name or be in the default collection.

    Returns
    -------
    numpy.ndarray, shape=(N,)
        In [0, 1]. Ranked by it, positives and negatives are told apart as well as possible.
    """
    (motif,) = find_motifs([parameters.motif])
    at, gc = (1 - parameters.gc) / 2, parameters.gc / 2
    background = np.array([at, gc, gc, at])
    places = codes.shape[1] - motif.width + 1
    ratio = np.zeros(len(codes))
    for strand in (1, -1):
        odds = motif.probabilities[::strand, ::strand] / background
        product = np.ones((len(codes), places))
        for column, bases in enumerate(odds):
            product *= bases[codes[:, column : column + places]]
        ratio += product.mean(axis=1) / 2
    weighted = ratio * parameters.positives
    return weighted / (weighted + parameters.negatives)
