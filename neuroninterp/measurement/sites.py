"""Where to substitute so that few substitutions test the ends of many fields."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["choose_sites"]

_MOST_SITES = 8


def choose_sites(
    targets: Sequence[np.ndarray], length: int, rng: np.random.Generator, *, spread: bool
) -> list[int]:
    """Choose few positions of which every target holds one, as far as it can.

    Parameters
    ----------
    targets : sequence of numpy.ndarray of int
        For each end of a field, the positions that test it; those outside of the sequence
        do not count.
    length : int
        Length of the sequence, bp.
    rng : numpy.random.Generator
        Decides between equally good positions where ``spread``.
    spread : bool
        Prefer any place in the middle half of the sequence; otherwise the middle itself,
        where zeros of the padding are furthest away.

    Returns
    -------
    list of int
        At most 8 positions; the one that serves most targets first.
    """
    flags = np.zeros((len(targets), length), bool)
    for row, sites in zip(flags, targets, strict=True):
        row[sites[(sites >= 0) & (sites < length)]] = True
    distance = np.abs(np.arange(length) - (length - 1) / 2) / length
    if spread:
        # Less than a vote, so that it only decides between equals.
        distance = np.where(distance <= 0.25, rng.random(length) / 4, distance)
    chosen: list[int] = []
    while flags.any() and len(chosen) < _MOST_SITES:
        site = int((flags.sum(axis=0) - distance).argmax())
        chosen.append(site)
        flags = flags[~flags[:, site]]
    return chosen
