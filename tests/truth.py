"""Independent truths: enumeration and dynamic programming in plain NumPy."""

from __future__ import annotations

import itertools

import numpy as np

LEVELS = 20


def activation_weighted(windows: np.ndarray, values: np.ndarray, threshold: float) -> np.ndarray:
    """The definition of DESIGN section 3, written as it is spoken."""
    maximum = values.max()
    edges = np.linspace(threshold, maximum, LEVELS + 1)
    total, weight = np.zeros((windows.shape[1], 4)), 0.0
    for low, high in itertools.pairwise(edges):
        inside = (values > low) & (values <= high + (1e-12 if high == edges[-1] else 0.0))
        if inside.any():
            activation = (values[inside] - threshold).mean()
            total += activation * np.eye(4)[windows[inside]].mean(axis=0)
            weight += activation
    return total / weight


def every_window(length: int) -> np.ndarray:
    return np.array(list(itertools.product(range(4), repeat=length)), np.uint8)


def linear_truth(integer_kernel: np.ndarray, threshold: int) -> tuple[np.ndarray, int, float]:
    """Exact PPM, maximum and log2 P(active) of a linear neuron with integer weights.

    ``integer_kernel`` has shape (width, 4); the neuron's value is the sum of the entries
    that its window picks, and it is active above ``threshold``. Scores are integers, so the
    distribution over all 4^width windows is a product of polynomials.
    """
    width = len(integer_kernel)
    lowest = integer_kernel.min(axis=1)
    size = int((integer_kernel.max(axis=1) - lowest).sum()) + 1
    score = np.arange(size) + lowest.sum()
    prefix = _distributions(integer_kernel - lowest[:, None], size)
    suffix = _distributions((integer_kernel - lowest[:, None])[::-1], size)[::-1]
    distribution = prefix[-1]
    maximum = int(score[np.flatnonzero(distribution > 0).max()])
    edges = np.linspace(threshold, maximum, LEVELS + 1)
    level = np.searchsorted(edges, score, "left") - 1
    level[score == maximum] = LEVELS - 1
    ppm, weight = np.zeros((width, 4)), 0.0
    conditional = _conditional(integer_kernel - lowest[:, None], prefix, suffix, size)
    for b in range(LEVELS):
        inside = (level == b) & (score > threshold)
        mass = distribution[inside].sum()
        if mass > 0:
            activation = (distribution[inside] * (score[inside] - threshold)).sum() / mass
            ppm += activation * conditional[:, :, inside].sum(axis=2) / mass
            weight += activation
    return ppm / weight, maximum, float(np.log2(distribution[score > threshold].sum()))


def _distributions(kernel: np.ndarray, size: int) -> list[np.ndarray]:
    """Distribution of the partial score before each position, and after the last."""
    current = np.zeros(size)
    current[0] = 1.0
    result = [current]
    for row in kernel:
        following = np.zeros(size)
        for entry in row:
            following[entry:] += 0.25 * current[: size - entry]
        result.append(following)
        current = following
    return result


def _conditional(
    kernel: np.ndarray, prefix: list[np.ndarray], suffix: list[np.ndarray], size: int
) -> np.ndarray:
    """P(base n at position r and score s), shape (width, 4, size)."""
    from scipy.signal import fftconvolve

    joint = np.zeros((len(kernel), 4, size))
    for position, row in enumerate(kernel):
        others = fftconvolve(prefix[position], suffix[position + 1])[:size]
        for base, entry in enumerate(row):
            joint[position, base, entry:] = 0.25 * others[: size - entry]
    return np.maximum(joint, 0.0)
