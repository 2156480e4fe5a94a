"""Truth of neurons with a small field: every window is looked at, straight from the definition.

Two passes over all 4^L windows in chunks: the first stores every value (float32, 4^L * 4
bytes a neuron), the second counts bases level by level.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .linear import LEVELS

__all__ = ["LARGEST", "Exact", "activation_weights", "enumerate_exactly", "windows_of"]

LARGEST = 12
"""Longest field (bp) that is enumerated."""

_CHUNK = 1 << 16


@dataclass(frozen=True, eq=False)
class Exact:
    """What is true of a neuron.

    Parameters
    ----------
    ppm : numpy.ndarray, shape=(L, 4)
        Activation-weighted PPM.
    maximum, threshold : float
        Ends of the levels.
    log2_level : numpy.ndarray, shape=(LEVELS,)
        log2 P(z > lower edge of each level); -inf where no window is.
    best_window : numpy.ndarray, shape=(L,)
        Codes of the first window that reaches the maximum.
    shares : numpy.ndarray, shape=(groups,)
        Activation-weighted share of each label, where windows are labelled; else [1].
    ppms : numpy.ndarray, shape=(groups, L, 4)
        Activation-weighted PPM of each label (levels are the neuron's own); 1/4 where none.
    maxima : numpy.ndarray, shape=(groups,)
        Largest value of each label; -inf where none.
    """

    ppm: np.ndarray
    maximum: float
    threshold: float
    log2_level: np.ndarray
    best_window: np.ndarray
    shares: np.ndarray
    ppms: np.ndarray
    maxima: np.ndarray


def windows_of(numbers: np.ndarray, length: int) -> np.ndarray:
    """Write numbers 0 to 4^length - 1 in base 4: codes, uint8, shape (N, length)."""
    powers = 4 ** np.arange(length - 1, -1, -1, dtype=np.int64)
    return (np.asarray(numbers, np.int64)[:, None] // powers % 4).astype(np.uint8)


def activation_weights(
    level: np.ndarray, activation: np.ndarray, fairness: np.ndarray | None = None
) -> np.ndarray:
    """Weigh windows so that levels count by mean activation, and add up to 1.

    Parameters
    ----------
    level : numpy.ndarray, shape=(n,)
        0 to LEVELS - 1.
    activation : numpy.ndarray, shape=(n,)
        Value minus threshold, positive.
    fairness : numpy.ndarray or None, shape=(n,)
        What each window counts within its level.
    """
    within = np.ones(len(level)) if fairness is None else fairness
    mass = np.bincount(level, within, LEVELS)
    total = np.bincount(level, within * activation, LEVELS)
    each = np.divide(total, mass**2, out=np.zeros(LEVELS), where=mass > 0)
    weights = within * each[level]
    return weights / weights.sum()


def enumerate_exactly(
    values: Callable[[np.ndarray], np.ndarray],
    length: int,
    neurons: Sequence[int],
    thresholds: Sequence[float],
    *,
    label: Callable[[int, np.ndarray], np.ndarray] | None = None,
    groups: Sequence[int] | None = None,
) -> list[Exact]:
    """Return the truth of neurons whose field has at most :data:`LARGEST` bp.

    Parameters
    ----------
    values : callable
        Windows (N, length), uint8 codes, to values (N, K).
    length : int
        Field, bp.
    neurons, thresholds : sequences
        Columns of ``values``, and above which each is active.
    label : callable or None
        Index in ``neurons`` and windows (N, length) to the label of each window, from 0.
    groups : sequence of int or None
        Number of labels of each neuron, with ``label``.

    Returns
    -------
    list of Exact
        One per neuron, in order.
    """
    if length > LARGEST:
        raise ValueError(f"a field of {length} bp is not enumerated (up to {LARGEST})")
    chosen = list(neurons)
    stored = np.empty((len(chosen), 4**length), np.float32)
    for begin, windows in _chunks(length):
        stored[:, begin : begin + len(windows)] = values(windows)[:, chosen].T
    return [
        _exact(
            z,
            length,
            float(thresholds[index]),
            groups[index] if groups else 1,
            None if label is None else lambda windows, index=index: label(index, windows),
        )
        for index, z in enumerate(stored)
    ]


def _chunks(length: int) -> Iterator[tuple[int, np.ndarray]]:
    for begin in range(0, 4**length, _CHUNK):
        yield begin, windows_of(np.arange(begin, min(begin + _CHUNK, 4**length)), length)


def _exact(
    z: np.ndarray,
    length: int,
    threshold: float,
    groups: int,
    label: Callable[[np.ndarray], np.ndarray] | None,
) -> Exact:
    maximum = float(z.max())
    edges = np.linspace(threshold, maximum, LEVELS + 1)
    # Mean one-hot matrices need, per label and level, how often each base stands where.
    bases = np.zeros((groups, LEVELS, length, 4))
    total = np.zeros(LEVELS)
    count = np.zeros((groups, LEVELS))
    maxima = np.full(groups, -np.inf)
    active = np.flatnonzero(z > threshold)
    for begin in range(0, len(active), _CHUNK):
        numbers = active[begin : begin + _CHUNK]
        value = z[numbers].astype(np.float64)
        windows = windows_of(numbers, length)
        level = np.searchsorted(edges[1:-1], value, "left")
        group = np.zeros(len(numbers), np.int64) if label is None else label(windows)
        np.maximum.at(maxima, group, value)
        cell = group * LEVELS + level
        total += np.bincount(level, value - threshold, LEVELS)
        count += np.bincount(cell, minlength=groups * LEVELS).reshape(groups, LEVELS)
        for position in range(length):
            at = np.bincount(cell * 4 + windows[:, position], minlength=groups * LEVELS * 4)
            bases[:, :, position] += at.reshape(groups, LEVELS, 4)
    in_level = count.sum(axis=0)
    each = np.divide(total, in_level**2, out=np.zeros(LEVELS), where=in_level > 0)
    mass = count @ each
    sums = np.einsum("b,gblc->glc", each, bases)
    ppms = np.divide(
        sums, mass[:, None, None], out=np.full(sums.shape, 0.25), where=mass[:, None, None] > 0
    )
    tail = np.cumsum(in_level[::-1])[::-1] / 4.0**length
    return Exact(
        ppm=sums.sum(axis=0) / mass.sum(),
        maximum=maximum,
        threshold=threshold,
        log2_level=np.log2(tail, out=np.full(LEVELS, -np.inf), where=tail > 0),
        best_window=windows_of(np.array([z.argmax()]), length)[0],
        shares=mass / mass.sum(),
        ppms=ppms,
        maxima=maxima,
    )
