"""Ascent: from good windows to the neuron's maximum.

Derivatives say which substitutions to try; only these are evaluated. Then stretches of good
windows are put into the best ones, and the climb goes on from what that gives. In the end every
single substitution of the best is evaluated: no window returned can be improved by one.
"""

from __future__ import annotations

import numpy as np

from neuroninterp.fields import Trunk

__all__ = ["ascend"]

_LARGEST_SHIFT = 3
_MOST_STEPS = 200
_SINGLE = 8
_TOGETHER = (2, 3, 5, 8, 13, 21, 34)
_EXCHANGES = 128
_MOST_EXCHANGES = 12
_CONTINUED = 3
_PATIENCE = 2
"""Rounds of exchange without a gain after which the search ends."""


def ascend(
    trunk: Trunk,
    neuron: int,
    starts: np.ndarray,
    donors: np.ndarray,
    rng: np.random.Generator,
) -> tuple[float, np.ndarray, np.ndarray]:
    """Climb from each start until no substitution and no shift helps, then recombine.

    Parameters
    ----------
    trunk : Trunk
        Trunk of the layer.
    neuron : int
        Channel.
    starts : numpy.ndarray, shape=(starts, receptive field)
        Windows to climb from, codes 0 to 3.
    donors : numpy.ndarray, shape=(donors, receptive field)
        Good windows, of which stretches are tried in the best ones.
    rng : numpy.random.Generator
        For the stretches that are exchanged.

    Returns
    -------
    maximum : float
        Largest z found.
    window : numpy.ndarray, shape=(receptive field,)
        A window that reaches it.
    tops : numpy.ndarray, shape=(starts, receptive field)
        Where each start's climb ended.
    """
    ended, values = _climb(trunk, neuron, np.unique(starts, axis=0))
    tops = ended[np.argsort(-values, kind="stable")]
    best, maximum = tops[0], float(values.max())
    left = _PATIENCE
    for _ in range(_MOST_EXCHANGES):
        crossed = _exchange(tops, np.concatenate([tops, donors]), rng)
        heights = trunk.values_of(crossed, np.full(len(crossed), neuron))
        promising = crossed[np.argsort(-heights, kind="stable")[:_CONTINUED]]
        climbed, reached = _climb(trunk, neuron, promising)
        left = _PATIENCE if reached.max() > maximum else left - 1
        if reached.max() > maximum:
            best, maximum = climbed[reached.argmax()], float(reached.max())
            # The best stays first and gets half of the trials.
            tops = np.concatenate([best[None], tops])[: len(ended)]
        if left == 0:
            break
    polished, reached = _climb(trunk, neuron, np.stack([best, *tops[:1]]), every=True)
    best, maximum = polished[reached.argmax()], float(reached.max())
    return maximum, best, ended


def _climb(
    trunk: Trunk, neuron: int, windows: np.ndarray, *, every: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Climb by suggested changes; where these fail, by ``every`` substitution if asked to."""
    windows = windows.copy()
    values = trunk.values_of(windows, np.full(len(windows), neuron)).astype(np.float64)
    climbing = np.arange(len(windows))
    for _ in range(_MOST_STEPS):
        if not len(climbing):
            break
        found, heights = _best(trunk, neuron, _suggested(trunk, neuron, windows[climbing]))
        better = heights > values[climbing]
        if every and not better.all():
            # Derivatives miss what a pool or a rectifier would let through.
            rest = climbing[~better]
            found[~better], heights[~better] = _best(trunk, neuron, _neighbours(windows[rest]))
            better = heights > values[climbing]
        windows[climbing[better]] = found[better]
        values[climbing[better]] = heights[better]
        climbing = climbing[better]
    return windows, values


def _best(trunk: Trunk, neuron: int, candidates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the best of each window's candidates ``(windows, candidates, L)``, and its z."""
    size, count, length = candidates.shape
    flat = trunk.values_of(candidates.reshape(-1, length), np.full(size * count, neuron))
    values = flat.reshape(size, count).astype(np.float64)
    best = values.argmax(axis=1)
    rows = np.arange(size)
    return candidates[rows, best], values[rows, best]


def _suggested(trunk: Trunk, neuron: int, windows: np.ndarray) -> np.ndarray:
    """Return shifts, the most promising substitutions, and several of them at once."""
    size, length = windows.shape
    _, slopes = trunk.slopes(windows, np.full(size, neuron))
    own = np.take_along_axis(slopes, windows[:, :, None].astype(np.int64), axis=2)
    gains = (slopes - own).max(axis=2)
    bases = slopes.argmax(axis=2).astype(np.uint8)
    order = np.argsort(-gains, axis=1, kind="stable")
    rows = np.arange(size)
    candidates = _shifted(windows)
    for rank in range(min(_SINGLE, length)):
        changed = windows.copy()
        changed[rows, order[:, rank]] = bases[rows, order[:, rank]]
        candidates.append(changed)
    for number in _TOGETHER:
        if number < length:
            changed = windows.copy()
            chosen = order[:, :number]
            np.put_along_axis(changed, chosen, np.take_along_axis(bases, chosen, 1), axis=1)
            candidates.append(changed)
    candidates.append(np.where(gains > 0, bases, windows))
    return np.stack(candidates, axis=1)


def _neighbours(windows: np.ndarray) -> np.ndarray:
    """Return every single substitution of each window."""
    length = windows.shape[1]
    substituted = np.repeat(windows[:, None], 4 * length, axis=1)
    position = np.repeat(np.arange(length), 4)
    substituted[:, np.arange(4 * length), position] = np.tile(np.arange(4), length)
    return substituted


def _shifted(windows: np.ndarray) -> list[np.ndarray]:
    distances = [d for d in range(-_LARGEST_SHIFT, _LARGEST_SHIFT + 1) if d]
    return [np.roll(windows, distance, axis=1) for distance in distances]


def _exchange(tops: np.ndarray, donors: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Put a stretch of a donor into a top, at its own place or a few bp away."""
    length = tops.shape[1]
    receiver = rng.integers(0, len(tops), _EXCHANGES) * rng.integers(0, 2, _EXCHANGES)
    donor = rng.integers(0, len(donors), _EXCHANGES)
    # As many from the few tops as from all other donors.
    donor = np.where(rng.random(_EXCHANGES) < 0.5, donor % len(tops), donor)
    ends = np.sort(rng.integers(0, length + 1, (_EXCHANGES, 2)), axis=1)
    position = np.arange(length)
    inside = (position >= ends[:, :1]) & (position < ends[:, 1:])
    moved = rng.integers(-_LARGEST_SHIFT, _LARGEST_SHIFT + 1, (_EXCHANGES, 1))
    origin = np.clip(position - moved, 0, length - 1)
    given = np.take_along_axis(donors[donor], origin, axis=1)
    return np.where(inside, given, tops[receiver])
