"""The explained number by the model's own runtime (Keras, ONNX Runtime): for any model."""

from __future__ import annotations

import numpy as np

from neuroninterp.attribution.target import Target
from neuroninterp.backend import import_keras
from neuroninterp.errors import DataError
from neuroninterp.graph import Affine, Dense, Flatten, Graph, Node
from neuroninterp.graph.evaluate import compute_padded
from neuroninterp.models import Model
from neuroninterp.models.layout import from_layout
from neuroninterp.models.runtime import Tap
from neuroninterp.sequences import one_hot

__all__ = ["model_outputs", "runtime_values"]

_MOST_CERTAIN = 1e-7
"""Probabilities are moved so far away from 0 and 1 before their logit is taken: float32 has
no finer steps below 1, so that logits beyond 16.1 either way cannot be told apart."""


def model_outputs(model: Model, codes: np.ndarray, *, batch_size: int = 256) -> np.ndarray:
    """Return the model's first output, classes last.

    Parameters
    ----------
    model : Model
        The network.
    codes : numpy.ndarray, shape=(N, L)
        Sequences, uint8.
    batch_size : int
        Sequences at once.

    Returns
    -------
    numpy.ndarray, shape=(N, classes) or (N, positions, classes)
        float64.

    Raises
    ------
    DataError
        If the output has another shape.
    """
    raw = np.asarray(model.predict(codes, batch_size=batch_size), np.float64)
    tap = model.taps.get(model.graph.outputs[0]) if model.graph.outputs else None
    if raw.ndim > 2 and tap is not None and len(tap.axes) == raw.ndim:
        return _arranged(raw, tap)
    sizes = [size for size in raw.shape[1:] if size != 1] if raw.ndim != 2 else [raw.shape[1]]
    if len(sizes) > 1 and not (raw.ndim == 3 and model.format == "keras"):
        raise DataError(
            f"the model's output has shape {raw.shape[1:]} for a sequence, of which no axis is "
            "known to hold classes; explain a neuron instead (--layer and --neuron)"
        )
    return raw if len(sizes) > 1 else raw.reshape(len(raw), -1)


def runtime_values(
    model: Model,
    target: Target,
    codes: np.ndarray,
    positions: np.ndarray | None,
    *,
    batch_size: int = 256,
    lend: bool = True,
) -> np.ndarray:
    """Return the explained number of every sequence, by the model's own runtime.

    A logit is taken from the tensor that the last activation reads, where the runtime lends
    it or what it is a linear function of; else it is computed from the probabilities, which
    are first moved at least 1e-7 away from 0 and 1.

    Parameters
    ----------
    model : Model
        The network.
    target : Target
        What is explained.
    codes : numpy.ndarray, shape=(N, L)
        Sequences, uint8.
    positions : numpy.ndarray or None, shape=(N,)
        Output position of each sequence, where the explained tensor has positions.
    batch_size : int
        Sequences at once.
    lend : bool
        False computes logits from probabilities alone, where the graph is not to be trusted
        to know what the last activation reads.

    Returns
    -------
    numpy.ndarray, shape=(N,)
        float64.
    """
    pieces = []
    for begin in range(0, len(codes), batch_size):
        rows = slice(begin, begin + batch_size)
        where = None if positions is None else positions[rows]
        pieces.append(_batch(model, target, codes[rows], where, lend))
    return np.concatenate(pieces)


def _batch(
    model: Model,
    target: Target,
    codes: np.ndarray,
    positions: np.ndarray | None,
    lend: bool,
) -> np.ndarray:
    if target.layer is not None:
        return _picked(_tapped(model, target.node, codes), target.channel, positions)
    if target.final is None:
        outputs = model_outputs(model, codes, batch_size=len(codes))
        return _picked(outputs, target.channel, positions)
    lent = _lent_below(target.graph, target.node, model) if lend else None
    if lent is not None:
        tapped, above = lent
        tensor = _tapped(model, tapped, codes)
        for node in above:
            tensor = import_keras().ops.convert_to_numpy(compute_padded(node, [tensor]))
        logits = _at_positions(np.asarray(tensor, np.float64), positions)
    else:
        logits = _logits(model_outputs(model, codes, batch_size=len(codes)), target, positions)
    if target.final == "softmax":
        logits = logits - logits.mean(axis=1, keepdims=True)
    return logits[:, target.channel]


def _logits(outputs: np.ndarray, target: Target, positions: np.ndarray | None) -> np.ndarray:
    shares = np.clip(_at_positions(outputs, positions), _MOST_CERTAIN, 1 - _MOST_CERTAIN)
    if target.final == "softmax":
        return np.log(shares)
    return np.log(shares) - np.log1p(-shares)


def _lent_below(graph: Graph, name: str, model: Model) -> tuple[str, list[Node]] | None:
    """Return the nearest tensor that the runtime lends, and the linear nodes above it."""
    above: list[Node] = []
    node = graph[name]
    while node.name not in model.taps:
        if not isinstance(node, (Affine, Dense, Flatten)):
            return None
        above.insert(0, node)
        node = graph[node.inputs[0]]
    return node.name, above


def _tapped(model: Model, node: str, codes: np.ndarray) -> np.ndarray:
    tap = model.taps[node]
    (raw,) = model.runtime.tap(model.layout.to_file(one_hot(codes)), [tap])
    return _arranged(np.asarray(raw), tap)


def _arranged(raw: np.ndarray, tap: Tap) -> np.ndarray:
    """Return a tensor of the runtime as (N, positions, channels), or (N, features)."""
    return from_layout(raw, tap.axes) if set("NLC") <= set(tap.axes) else raw.reshape(len(raw), -1)


def _at_positions(tensor: np.ndarray, positions: np.ndarray | None) -> np.ndarray:
    if tensor.ndim == 2 or positions is None:
        return tensor.reshape(len(tensor), -1)
    return tensor[np.arange(len(tensor)), positions]


def _picked(tensor: np.ndarray, channel: int, positions: np.ndarray | None) -> np.ndarray:
    return _at_positions(tensor, positions)[:, channel].astype(np.float64)
