"""The fidelity check: the canonical graph must compute what the model file computes.

Both compute every layer's values on the same random sequences. Two kinds of layer need more
than that:

- In a quantized network a value that lies on the boundary between two steps is rounded up by
  one program and down by the other, and layer after layer the few such values grow to many.
  So the graph's layers read the roundings of the model's own runtime, and each rounding is
  compared by itself: it may differ only where the value lies on a boundary.
- A layer that says the same everywhere, because a layer below it is silent on ordinary
  sequences, shows nothing of its kernel. Such layers are compared again on amplified input,
  which is no sequence but wakes them up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from neuroninterp.backend import import_keras
from neuroninterp.errors import FidelityError, NeuroninterpError
from neuroninterp.graph import Activation, Graph, LayerNodes
from neuroninterp.graph.evaluate import compute, evaluate
from neuroninterp.models.layout import from_layout
from neuroninterp.models.runtime import ReadModel

__all__ = ["TOLERANCE", "check_fidelity"]

TOLERANCE = 1e-4
"""Largest accepted difference, relative to the largest value of the layer."""

_SEQUENCES = 4
_POSITIONS = 16_000
"""Positions compared, in at most _SEQUENCES sequences and at least one: a layer applies the
same weights at every position, so that long sequences need not be many."""

_AMPLIFICATION = 10.0
_SMALLEST = float(np.finfo(np.float32).tiny)


def check_fidelity(
    model: ReadModel, layers: Sequence[LayerNodes], length: int, *, seed: int = 0
) -> float:
    """Compare every layer's values with the model's own runtime on random sequences.

    Parameters
    ----------
    model : ReadModel
        Graph and runtime.
    layers : sequence of LayerNodes
        The layers to compare.
    length : int
        Length of the random sequences, bp.
    seed : int
        Seed of the sequences.

    Returns
    -------
    float
        The largest difference over the layers, relative to the layer's largest value.

    Raises
    ------
    FidelityError
        Naming the first layer that is off by more than :data:`TOLERANCE`, or whose values are
        no finite numbers; or a rounding to steps that differs elsewhere than at a boundary.
    """
    rng = np.random.default_rng(seed)
    rows = int(np.clip(_POSITIONS // length, 1, _SEQUENCES))
    one_hot = np.eye(4, dtype=np.float32)[rng.integers(0, 4, (rows, length))]
    worst = 0.0
    silent = []
    for layer, mine, expected in _values(model, layers, one_hot):
        worst = max(worst, _difference(model, layer, mine, expected))
        if _constant(expected):
            silent.append(layer)
    amplified = rng.normal(scale=_AMPLIFICATION, size=one_hot.shape).astype(np.float32)
    for layer, mine, expected in _values(model, silent, amplified):
        # No sequence gives such input, so both may leave the range of numbers, together.
        alike = ~(np.isfinite(mine) | np.isfinite(expected))
        mine, expected = np.where(alike, 0.0, mine), np.where(alike, 0.0, expected)
        worst = max(worst, _difference(model, layer, mine, expected))
    return worst


def _constant(values: np.ndarray) -> bool:
    """Say whether every neuron has one value at all positions of all sequences."""
    first = values[:1, :1]
    # A look at the first few positions settles it for nearly all layers.
    return bool((values[:, :8] == first).all() and (values == first).all())


def _values(
    model: ReadModel, layers: Sequence[LayerNodes], one_hot: np.ndarray
) -> Iterator[tuple[LayerNodes, np.ndarray, np.ndarray]]:
    """Yield each layer with the graph's values and the runtime's, both ``(N, L', C)``.

    Then, behind the last layer, the roundings are compared.
    """
    if not layers:
        return
    names = [layer.value for layer in layers]
    needed = {node.name for name in names for node in model.graph.ancestors(name)}
    roundings = [
        node
        for node in model.graph
        if isinstance(node, Activation)
        and node.function == "quantize"
        and node.name in needed.intersection(model.taps)
    ]
    taps = [model.taps[name] for name in (*names, *(node.name for node in roundings))]
    raw = model.runtime.tap(model.layout.to_file(one_hot), taps)
    rounded = {
        node.name: _arranged(model, f"rounding {node.source!r}", node.name, tensor)
        for node, tensor in zip(roundings, raw[len(names) :], strict=True)
    }
    targets = [*names, *(node.inputs[0] for node in roundings)]
    ours = _evaluate(_with_roundings(model.graph, rounded), model, one_hot, targets)
    for layer, mine, theirs in zip(layers, ours, raw, strict=False):
        yield layer, mine, _arranged(model, _name(model, layer), layer.value, theirs)
    for node, mine in zip(roundings, ours[len(names) :], strict=True):
        _check_rounding(node, mine, rounded[node.name])


def _evaluate(
    graph: Graph, model: ReadModel, one_hot: np.ndarray, targets: Sequence[str]
) -> list[np.ndarray]:
    try:
        tensors = evaluate(graph, model.layout.to_channels(one_hot), targets)
    except NeuroninterpError:
        raise
    except Exception as error:  # every backend has its own class for tensors that do not fit
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise FidelityError(
            f"the graph cannot be computed on sequences of {one_hot.shape[1]} bp ({first_line}); "
            "please report this model"
        ) from error
    return [import_keras().ops.convert_to_numpy(tensor) for tensor in tensors]


def _arranged(model: ReadModel, what: str, node: str, raw: np.ndarray) -> np.ndarray:
    """Return a tensor of the runtime as ``(N, L', C)``."""
    axes = model.taps[node].axes
    try:
        return from_layout(np.asarray(raw), axes)
    except ValueError as error:
        raise FidelityError(
            f"{what}: the model's own runtime gives a tensor of shape {np.shape(raw)}, which is "
            f"not laid out {axes}; please report this model"
        ) from error


def _with_roundings(graph: Graph, rounded: Mapping[str, np.ndarray]) -> Graph:
    """Return the graph with the results of some nodes given."""

    def give(tensor: np.ndarray) -> Any:
        return lambda _: import_keras().ops.convert_to_tensor(tensor)

    nodes = [
        replace(node, function="custom", call=give(rounded[node.name]))
        if isinstance(node, Activation) and node.name in rounded
        else node
        for node in graph
    ]
    return Graph(tuple(nodes), graph.outputs)


def _check_rounding(node: Activation, before: np.ndarray, theirs: np.ndarray) -> None:
    """Require the runtime's rounding to be that of the graph, except on a boundary."""
    mine = np.asarray(import_keras().ops.convert_to_numpy(compute(node, [before])), np.float64)
    if mine.shape != theirs.shape:
        raise FidelityError(
            f"rounding {node.source!r}: the graph gives values of shape {mine.shape}, the model's "
            f"own runtime {theirs.shape}; please report this model"
        )
    value = np.clip(before.astype(np.float64), *node.bounds)
    slack = TOLERANCE * float(np.abs(value).max(initial=0.0))
    half = np.asarray(node.alpha, np.float64) / 2
    on_boundary = (np.abs(value - mine) >= half - slack) & (np.abs(value - theirs) <= half + slack)
    # Written so that NaN counts as wrong.
    wrong = ~((np.abs(mine - theirs) <= slack) | on_boundary)
    if wrong.any():
        raise FidelityError(
            f"rounding {node.source!r} (a quantization) differs from the model's own runtime at "
            f"{wrong.mean():.1%} of the values that lie on no boundary between two steps; please "
            "report this model"
        )


def _difference(
    model: ReadModel, layer: LayerNodes, mine: np.ndarray, expected: np.ndarray
) -> float:
    """Return the largest relative difference, or raise FidelityError."""
    name = _name(model, layer)
    if mine.shape != expected.shape:
        raise FidelityError(
            f"{name}: the graph gives values of shape {mine.shape}, the model's own runtime "
            f"{expected.shape}; please report this model"
        )
    if mine.size == 0:
        raise FidelityError(f"{name} has no output on the random sequences: they are too short")
    largest = float(np.abs(expected).max())
    if not np.isfinite(largest):
        share = 1 - np.isfinite(expected).mean()
        raise FidelityError(
            f"{name}: {share:.1%} of the values that the model's own runtime gives on random "
            "sequences are not finite (NaN or infinite), so nothing can be compared; did its "
            "training diverge, or is it meant for another input?"
        )
    with np.errstate(invalid="ignore", over="ignore"):
        off = float(np.abs(mine - expected).max())
    # What float32 holds only in part is 0 in some runtimes.
    relative = off / largest if largest >= _SMALLEST else 0.0 if off < _SMALLEST else np.inf
    # Written so that NaN fails too.
    if not relative <= TOLERANCE:
        raise FidelityError(
            f"{name} is the first that diverges: the graph is off by {relative:.2g} of the largest "
            f"value (accepted: {TOLERANCE:g}); please report this model"
        )
    return relative


def _name(model: ReadModel, layer: LayerNodes) -> str:
    return f"layer {layer.number} ({model.graph[layer.convolution].source!r})"
