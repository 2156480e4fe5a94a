"""Small random Keras networks as files, and the comparison of what is read with Keras itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from oracle_graph import oracle

from neuroninterp.backend import import_keras
from neuroninterp.graph import Opaque, find_layers
from neuroninterp.graph.evaluate import evaluate
from neuroninterp.models.keras.reader import read_keras
from neuroninterp.models.layout import InputRequest, from_layout
from neuroninterp.models.runtime import ReadModel

__all__ = [
    "LENGTH",
    "assert_faithful",
    "close",
    "kinds",
    "opaque_nodes",
    "randomise",
    "read",
    "saved",
    "sequences",
    "sequential",
]

LENGTH = 23


def randomise(model: Any, seed: int = 0) -> Any:
    """Give every weight a random value, so that a wrong or missing one shows."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if weight.dtype != "float32":
            continue
        if "variance" in weight.path:
            weight.assign(rng.uniform(0.3, 2.0, weight.shape))
        else:
            weight.assign(rng.normal(0.0, 0.5, weight.shape))
    return model


def sequential(*stack: Any, shape: tuple[int | None, ...] = (LENGTH, 4)) -> Any:
    keras = import_keras()
    return randomise(keras.Sequential([keras.Input(shape, name="sequence"), *stack]))


def saved(model: Any, folder: Path, name: str = "model.keras") -> Path:
    path = folder / name
    model.save(path)
    return path


def read(
    model: Any, folder: Path, request: InputRequest | None = None, **options: Any
) -> ReadModel:
    return read_keras(saved(model, folder), request, **options)


def sequences(length: int, number: int = 3) -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.eye(4, dtype=np.float32)[rng.integers(0, 4, (number, length))]


def close(mine: np.ndarray, theirs: np.ndarray) -> bool:
    assert mine.shape == theirs.shape
    return float(np.abs(mine - theirs).max()) <= 1e-5 * max(float(np.abs(theirs).max()), 1e-3)


def canonical(tensor: np.ndarray, axes: str) -> np.ndarray:
    """Lay a Keras tensor out as the graph holds it."""
    if axes in ("NC", "NL"):
        return np.expand_dims(tensor, 1 if axes == "NC" else 2)
    return tensor if axes == "NF" else from_layout(tensor, axes)


def assert_faithful(model: ReadModel, length: int | None = None) -> dict[str, np.ndarray]:
    """Check tapped tensors, lengths, the product's executor and predictions with the oracle."""
    length = length or model.layout.reference_length
    assert length is not None
    one_hot = sequences(length)
    values = oracle(model.graph, model.layout.to_channels(one_hot))
    inputs = model.layout.to_file(one_hot)
    layers = [layer.value for layer in find_layers(model.graph)]
    assert set(layers) <= set(model.taps)
    names = [name for name in model.taps if name in values]
    tapped = model.runtime.tap(inputs, [model.taps[name] for name in names])
    for name, tensor in zip(names, tapped, strict=True):
        tensor = canonical(tensor, model.taps[name].axes)
        assert close(values[name], tensor), name
        if tensor.ndim == 3 and length == model.layout.reference_length:
            assert model.graph[name].length == tensor.shape[1], name
    ours = evaluate(model.graph, model.layout.to_channels(one_hot), layers)
    for name, mine in zip(layers, ours, strict=True):
        assert close(np.asarray(mine, np.float64), values[name]), name
    predictions = model.runtime.predict(inputs, batch_size=2)
    assert len(predictions) == len(model.graph.outputs)
    for name, prediction in zip(model.graph.outputs, predictions, strict=True):
        if name in values and len(prediction) == len(one_hot):
            assert close(values[name].reshape(prediction.shape), prediction), name
    return values


def kinds(model: ReadModel) -> list[str]:
    return [type(node).__name__ for node in model.graph]


def opaque_nodes(model: ReadModel) -> list[Opaque]:
    return [node for node in model.graph if isinstance(node, Opaque)]
