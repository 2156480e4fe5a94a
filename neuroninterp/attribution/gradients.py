"""Gradient methods on the canonical graph: saliency, and integrated gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from neuroninterp.attribution.explained import Explained
from neuroninterp.backend import compiled, import_keras, value_and_gradient
from neuroninterp.graph.evaluate import encode

__all__ = ["integrated_function", "saliency"]


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
    return values, gradients @ explained.table[:4].T


def integrated_function(explained: Explained, count: int, steps: int) -> Callable[..., Any]:
    """Return the function that averages gradients on the way from references to sequences.

    The straight way, cut into equal steps, with the gradient in the middle of each
    (Sundararajan, Taly & Yan 2017, equation 3, by the midpoint rule).

    Parameters
    ----------
    explained : Explained
        What is explained.
    count : int
        References a sequence.
    steps : int
        Gradients a way.

    Returns
    -------
    callable
        As :func:`neuroninterp.attribution.deeplift.deeplift_function` returns it.
    """
    ops = import_keras().ops

    def ends(codes: Any, references: Any, positions: Any) -> Any:
        encoded = encode(codes, explained.table)
        repeated = ops.repeat(positions, count, axis=0)
        return explained(encoded, positions), explained(references, repeated)

    def gradient(codes: Any, references: Any, positions: Any, share: Any) -> Any:
        encoded = ops.repeat(encode(codes, explained.table), count, axis=0)
        midway = references + share * (encoded - references)
        repeated = ops.repeat(positions, count, axis=0)
        return value_and_gradient(lambda at: explained(at, repeated), midway)[1]

    ends, gradient = compiled(ends), compiled(gradient)

    def function(codes: np.ndarray, references: np.ndarray, positions: np.ndarray) -> Any:
        total: Any = 0.0
        for step in range(steps):
            # A tensor, because a number would be compiled in, and every step anew.
            share = ops.convert_to_tensor(np.float32((step + 0.5) / steps))
            total = total + gradient(codes, references, positions, share)
        return (*ends(codes, references, positions), total / steps)

    return function
