"""Whether another channel order would explain the motifs better.

The order of the channels never stands in a model file. With a wrong one the PPMs are known
motifs spelt in the wrong letters, which match nothing; with the right one they match. So a
match rate that jumps when the columns of all PPMs are re-ordered gives a wrong order away.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np

from neuroninterp.motifs import MotifDatabase, match
from neuroninterp.results import LayerResult

__all__ = ["better_alphabet", "order_warning"]

_ALPHABET = "ACGT"
_MOST_PPMS = 60
_SIGNIFICANCE = 1e-3
"""Of the sign test over all 23 other orders together."""
_CLEAR = 0.75
"""Share of a layer's neurons with a whole match that speaks for the assumed order."""
_LEAST_GAIN = 0.2
"""Share of the PPMs that must match under the other order alone."""


def order_warning(
    layers: Sequence[LayerResult], database: MotifDatabase, alphabet: str, *, n_jobs: int = 1
) -> str | None:
    """Warn where the motifs of a layer speak for another channel order.

    Layers are asked from the first on, until one speaks for an order: its motifs match under
    the assumed one already, or under another.

    Parameters
    ----------
    layers : sequence of LayerResult
        Analysed layers.
    database : MotifDatabase
        Known motifs.
    alphabet : str
        Base of each channel as assumed, for example "ACGT"; letters that are no base are
        left as they are.
    n_jobs : int
        Threads for matching.

    Returns
    -------
    str or None
        One sentence that names the better order and both match rates.
    """
    for layer in layers:
        best = [neuron.best_part or neuron.mixture for neuron in layer.neurons]
        ppms = [motif.ppm for motif in best if motif is not None][:_MOST_PPMS]
        if layer.fractions.localist >= _CLEAR:
            return None
        found = better_alphabet(ppms, database, n_jobs=n_jobs)
        if found is not None:
            order, rate, plain = found
            spelt = dict(zip(_ALPHABET, order, strict=True))
            named = "".join(spelt.get(letter, letter) for letter in alphabet)
            return (
                f"the channels may be in the order {named}, not {alphabet}: with it "
                f"{rate:.0%} of {len(ppms)} motifs of layer {layer.layer.number} are whole known "
                f"motifs, now {plain:.0%}; if so, run again with --alphabet {named}"
            )
    return None


def better_alphabet(
    ppms: Sequence[np.ndarray], database: MotifDatabase, *, n_jobs: int = 1
) -> tuple[str, float, float] | None:
    """Find an order of the bases under which many more PPMs are whole known motifs.

    Parameters
    ----------
    ppms : sequence of numpy.ndarray, shape=(L, 4)
        PPMs under the assumed order, ACGT.
    database : MotifDatabase
        Known motifs.
    n_jobs : int
        Threads for matching.

    Returns
    -------
    tuple of str, float, float, or None
        What A, C, G and T should have been, and the share of the PPMs that have a whole match
        under that order and under the assumed one. None where no other order stands out: a
        sign test over the PPMs whose match changes, corrected for 23 orders, below 0.001,
        and a gain of at least 0.2.
    """
    from scipy.stats import binomtest

    if not ppms:
        return None
    orders = ["".join(order) for order in permutations(_ALPHABET)]
    columns = [[order.index(base) for base in _ALPHABET] for order in orders]
    queries = [ppm[:, column] for column in columns for ppm in ppms]
    hits = match(queries, database, n_jobs=n_jobs)
    whole = np.array([any(hit.whole for hit in found) for found in hits], bool)
    whole = whole.reshape(len(orders), len(ppms))
    plain = whole[0]
    best = int(whole.sum(axis=1).argmax())
    gained, lost = int((whole[best] & ~plain).sum()), int((plain & ~whole[best]).sum())
    if not gained or gained - lost < _LEAST_GAIN * len(ppms):
        return None
    chance = binomtest(gained, gained + lost, 0.5, alternative="greater").pvalue
    if chance * (len(orders) - 1) > _SIGNIFICANCE:
        return None
    return orders[best], float(whole[best].mean()), float(plain.mean())
