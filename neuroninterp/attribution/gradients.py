"""Gradient methods: saliency and integrated gradients, on the canonical graph."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neuroninterp.attribution.explained import Explained

__all__ = ["by_base", "saliency"]


def by_base(multipliers: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Turn multipliers of the input's channels into those of the bases.

    Parameters
    ----------
    multipliers : numpy.ndarray, shape=(..., channels)
        Of the file's channels.
    table : numpy.ndarray, shape=(5, channels)
        What the channels hold for A, C, G, T, N.

    Returns
    -------
    numpy.ndarray, shape=(..., 4)
        What each base, ACGT, adds.
    """
    return multipliers @ table[:4].T


def saliency(
    explained: Explained,
    codes: np.ndarray,
    positions: np.ndarray | None,
    advance: Callable[[int], None] = lambda done: None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the gradient by each base: what the input's entry times its gradient would be.

    Parameters
    ----------
    explained : Explained
        What is explained.
    codes : numpy.ndarray, shape=(N, L)
        Sequences, uint8.
    positions : numpy.ndarray or None, shape=(N,)
        Output position of each sequence, where the explained tensor has positions.
    advance : callable
        Called with the number of finished sequences of each batch.

    Returns
    -------
    values : numpy.ndarray, shape=(N,)
        The explained number.
    gradients : numpy.ndarray, shape=(N, L, 4)
        float32. The score of the base that is there is gradient times input.
    """
    values, gradients = explained.gradients(codes, positions, advance)
    return values, by_base(gradients, explained.table)
