"""How much of an attribution lies where motifs are known to have been planted."""

from __future__ import annotations

import numpy as np

from neuroninterp.errors import DataError

__all__ = ["share_on_sites"]


def share_on_sites(scores: np.ndarray, sites: np.ndarray, *, above: float = 0.0) -> np.ndarray:
    """Return the share of each track's positive mass that lies on known sites.

    Parameters
    ----------
    scores : numpy.ndarray, shape=(N, L)
        Scores of the bases that are there (:attr:`Attribution.scores`).
    sites : numpy.ndarray, shape=(N, L)
        Whether each position lies in a site, bool.
    above : float
        Scores below this share of the track's largest are left out, in [0, 1]. In long
        sequences hundreds of letters too low to be seen add up to much.

    Returns
    -------
    numpy.ndarray, shape=(N,)
        Sum of the positive scores on sites over the sum of all positive scores, 0 to 1;
        NaN where no score is positive.

    Raises
    ------
    DataError
        If the shapes differ.
    """
    if scores.shape != sites.shape:
        raise DataError(f"scores of shape {scores.shape} with sites of shape {sites.shape}")
    positive = np.clip(scores, 0, None).astype(np.float64)
    positive[positive < above * positive.max(axis=1, keepdims=True)] = 0.0
    total = positive.sum(axis=1)
    on_sites = np.where(sites, positive, 0.0).sum(axis=1)
    return np.divide(on_sites, total, out=np.full(len(total), np.nan), where=total > 0)
