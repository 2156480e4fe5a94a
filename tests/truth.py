"""Independent truths: enumeration and dynamic programming in plain NumPy."""

from __future__ import annotations

import itertools

import numpy as np
from oracle import LEVELS, linear_on_grid


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
    that its window picks, and it is active above ``threshold``.
    """
    lowest = integer_kernel.min(axis=1)
    grid = (integer_kernel - lowest[:, None]).astype(np.int64)
    truth = linear_on_grid(grid, 1.0, float(lowest.sum()), float(threshold))
    return truth.ppm, round(truth.maximum), float(truth.log2_level[0])
