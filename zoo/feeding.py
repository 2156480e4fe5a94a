"""Sequences as Keras takes them for training, validation and prediction, batch by batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from neuroninterp.backend import import_keras

__all__ = ["fed"]

_BATCHES_AHEAD = 2


def fed(inputs: np.ndarray, labels: np.ndarray | None, batch_size: int) -> dict[str, Any]:
    """Return the arguments of ``fit``, ``evaluate`` or ``predict`` for these sequences.

    For TensorFlow they are a ``tf.data.Dataset`` without tuning. Keras makes one of arrays
    itself, whose tuner looks on after 10, 20, 40, … ms and is waited for once the last batch
    is through: up to as long again as the batches took.

    Parameters
    ----------
    inputs : numpy.ndarray, shape=(N, L, 4)
        One-hot, in the order in which they are used.
    labels : numpy.ndarray, shape=(N, T), or None
        None for prediction.
    batch_size : int
        Sequences a step.

    Returns
    -------
    dict of str to object
        ``x``, and ``y`` and ``batch_size`` where the backend is not TensorFlow.
    """
    arrays = (inputs,) if labels is None else (inputs, labels)
    if import_keras().backend.backend() == "tensorflow":
        return {"x": _dataset(arrays, batch_size)}
    return {**dict(zip("xy", arrays, strict=False)), "batch_size": batch_size}


def _dataset(arrays: tuple[np.ndarray, ...], batch_size: int) -> Any:
    import tensorflow

    tensors = tuple(tensorflow.constant(array) for array in arrays)
    options = tensorflow.data.Options()
    options.autotune.enabled = False
    options.deterministic = True
    firsts = tensorflow.data.Dataset.range(0, len(arrays[0]), batch_size)
    batches = firsts.map(lambda first: tuple(t[first : first + batch_size] for t in tensors))
    return batches.prefetch(_BATCHES_AHEAD).with_options(options)
