"""Coordinate ascent: from good windows to the neuron's maximum."""

from __future__ import annotations

import numpy as np

from neuroninterp.fields import Trunk

__all__ = ["ascend"]

_LARGEST_SHIFT = 3
_MOST_ROUNDS = 60


def ascend(trunk: Trunk, neurons: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Climb from each start by the best substitutions and shifts until none helps.

    Each round evaluates every single substitution and shifts of up to 3 bp of every window,
    then also the window that takes the best base at every position at once, and keeps the
    best of all.

    Parameters
    ----------
    trunk : Trunk
        Trunk of the layer.
    neurons : numpy.ndarray, shape=(n,)
        Channels.
    starts : numpy.ndarray, shape=(n, starts, receptive field)
        Windows to climb from, codes 0 to 3.

    Returns
    -------
    maxima : numpy.ndarray, shape=(n,)
        Largest z found for each neuron.
    windows : numpy.ndarray, shape=(n, receptive field)
        A window that reaches it.
    """
    count, per_neuron, length = starts.shape
    windows = starts.reshape(-1, length).copy()
    owners = np.repeat(np.asarray(neurons, np.int64), per_neuron)
    values = trunk.values_of(windows, owners).astype(np.float64)
    climbing = np.arange(len(windows))
    for _ in range(_MOST_ROUNDS):
        if not len(climbing):
            break
        best_windows, best_values = _best_neighbours(trunk, windows[climbing], owners[climbing])
        better = best_values > values[climbing]
        climbing, best_windows, best_values = (
            climbing[better],
            best_windows[better],
            best_values[better],
        )
        windows[climbing], values[climbing] = best_windows, best_values
    values = values.reshape(count, per_neuron)
    best = values.argmax(axis=1)
    rows = np.arange(count)
    return values[rows, best], windows.reshape(count, per_neuron, length)[rows, best]


def _best_neighbours(
    trunk: Trunk, windows: np.ndarray, owners: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    size, length = windows.shape
    substituted = np.repeat(windows[:, None], 4 * length, axis=1)
    position = np.repeat(np.arange(length), 4)
    substituted[:, np.arange(4 * length), position] = np.tile(np.arange(4), length)
    shifted = np.stack(
        [np.roll(windows, d, axis=1) for d in range(-_LARGEST_SHIFT, _LARGEST_SHIFT + 1) if d],
        axis=1,
    )
    candidates = np.concatenate([substituted, shifted.astype(np.uint8)], axis=1)
    values = _values(trunk, candidates, owners)
    by_base = values[:, : 4 * length].reshape(size, length, 4)
    together = by_base.argmax(axis=2).astype(np.uint8)[:, None]
    candidates = np.concatenate([candidates, together], axis=1)
    values = np.concatenate([values, _values(trunk, together, owners)], axis=1)
    best = values.argmax(axis=1)
    rows = np.arange(size)
    return candidates[rows, best], values[rows, best]


def _values(trunk: Trunk, candidates: np.ndarray, owners: np.ndarray) -> np.ndarray:
    size, count, length = candidates.shape
    flat = trunk.values_of(candidates.reshape(-1, length), np.repeat(owners, count))
    return flat.reshape(size, count).astype(np.float64)
