"""Batch norms as part of the layer before them, as they act on a trained network's inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["folded"]


def folded(layer: Any, norm: Any | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights of a layer that does what the layer and the batch norm after it do.

    Parameters
    ----------
    layer : keras.layers.Conv1D or keras.layers.Dense
        With no activation where a batch norm follows.
    norm : keras.layers.BatchNormalization or None
        None for the layer's own weights.

    Returns
    -------
    kernel : numpy.ndarray, shape=(…, filters)
        float64, in the layer's shape.
    bias : numpy.ndarray, shape=(filters,)
        float64.
    """
    kernel = np.asarray(layer.kernel, np.float64)
    bias = np.asarray(layer.bias, np.float64) if layer.use_bias else np.zeros(kernel.shape[-1])
    if norm is None:
        return kernel, bias
    variance = np.asarray(norm.moving_variance, np.float64)
    factor = 1 / np.sqrt(variance + norm.epsilon)
    if norm.scale:
        factor = factor * np.asarray(norm.gamma, np.float64)
    offset = np.asarray(norm.beta, np.float64) if norm.center else 0.0
    mean = np.asarray(norm.moving_mean, np.float64)
    return kernel * factor, (bias - mean) * factor + offset
