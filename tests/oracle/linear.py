"""Truth of linear neurons of any width, by dynamic programming over scores.

The value of a linear neuron is a sum of one entry per position, so its distribution over
all 4^width windows is built position by position on a grid of scores. Real weights are
rounded to a fine grid; whole numbers are exact. Sums only, no differences of large numbers:
a level that one window of 4^40 reaches has its probability to many digits.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

__all__ = ["LEVELS", "LinearTruth", "linear", "linear_on_grid"]

LEVELS = 20
"""Number of activation levels (DESIGN section 3)."""


@dataclass(frozen=True, eq=False)
class LinearTruth:
    """What is true of a linear neuron.

    Parameters
    ----------
    ppm : numpy.ndarray, shape=(width, 4)
        Activation-weighted PPM.
    maximum, threshold : float
        Ends of the levels.
    log2_level : numpy.ndarray, shape=(LEVELS,)
        log2 P(z > lower edge of each level) of a uniformly random window; -inf where none is.
    """

    ppm: np.ndarray
    maximum: float
    threshold: float
    log2_level: np.ndarray


def linear(
    kernel: np.ndarray, bias: float = 0.0, threshold: float = 0.0, *, steps: int = 1 << 14
) -> LinearTruth:
    """Return the truth of z = (sum of the entries that a window picks) + bias.

    Parameters
    ----------
    kernel : numpy.ndarray, shape=(width, 4)
        Real weights.
    bias, threshold : float
        Added to the sum; above which the neuron is active.
    steps : int
        Number of grid steps between the smallest and the largest score; an entry is off by
        at most half a step.

    Returns
    -------
    LinearTruth
    """
    kernel = np.asarray(kernel, np.float64)
    lowest = kernel.min(axis=1)
    step = max(float((kernel.max(axis=1) - lowest).sum()), 1e-12) / steps
    grid = np.rint((kernel - lowest[:, None]) / step).astype(np.int64)
    found = linear_on_grid(grid, step, float(lowest.sum()) + bias, threshold)
    # Known without a grid.
    return replace(found, maximum=float(kernel.max(axis=1).sum()) + bias)


def linear_on_grid(grid: np.ndarray, step: float, offset: float, threshold: float) -> LinearTruth:
    """Return the truth of z = step * (sum of whole numbers picked from ``grid``) + offset.

    ``grid`` has shape (width, 4) and no entry below 0.
    """
    size = int(grid.max(axis=1).sum()) + 1
    score = step * np.arange(size) + offset
    prefix = _distributions(grid, size)
    suffix = _distributions(grid[::-1], size)[::-1]
    maximum = float(score[-1])
    edges = np.linspace(threshold, maximum, LEVELS + 1)
    # A level is a stretch of scores: above its lower edge, up to its upper one.
    bounds = np.searchsorted(score, edges, "right")
    bounds[-1] = size
    distribution = prefix[-1]
    levels = [slice(a, b) for a, b in itertools.pairwise(bounds)]
    mass = np.array([distribution[inside].sum() for inside in levels])
    above = np.array([distribution[inside] @ (score[inside] - threshold) for inside in levels])
    # A window of level b weighs a_b / mass_b, with a_b = above_b / mass_b.
    weight = np.divide(above, mass**2, out=np.zeros(LEVELS), where=mass > 0)
    ppm = _joint(grid, prefix, suffix, bounds) @ weight
    tail = np.cumsum(mass[::-1])[::-1]
    log2_level = np.log2(tail, out=np.full(LEVELS, -np.inf), where=tail > 0)
    total = ppm.sum(axis=1, keepdims=True)
    ppm = np.divide(ppm, total, out=np.full(ppm.shape, 0.25), where=total > 0)
    return LinearTruth(ppm, maximum, float(threshold), log2_level)


def _distributions(grid: np.ndarray, size: int) -> list[np.ndarray]:
    """Return the distribution of the partial score before each position and after the last."""
    current = np.zeros(size)
    current[0] = 1.0
    result = [current]
    for row in grid:
        following = np.zeros(size)
        for entry in row:
            following[entry:] += 0.25 * current[: size - entry]
        result.append(following)
        current = following
    return result


def _joint(
    grid: np.ndarray, prefix: list[np.ndarray], suffix: list[np.ndarray], bounds: np.ndarray
) -> np.ndarray:
    """Return P(base n at position r, level b), shape (width, 4, LEVELS)."""
    size = len(prefix[0])
    joint = np.zeros((len(grid), 4, LEVELS))
    for position, row in enumerate(grid):
        before = np.flatnonzero(prefix[position])
        chance = prefix[position][before]
        # tail[k]: what follows scores at least k.
        tail = np.append(np.cumsum(suffix[position + 1][::-1])[::-1], 0.0)
        for base, entry in enumerate(row):
            needed = np.clip(bounds[:, None] - before - entry, 0, size)
            reached = tail[needed] @ chance
            joint[position, base] = 0.25 * (reached[:-1] - reached[1:])
    return np.maximum(joint, 0.0)
