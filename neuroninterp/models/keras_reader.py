"""Reading a Keras file into the canonical graph."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neuroninterp.backend import import_keras
from neuroninterp.errors import ModelError, UnsupportedOperationError
from neuroninterp.graph import Convolution, Graph, Opaque, find_layers
from neuroninterp.models.keras_file import open_keras_file
from neuroninterp.models.keras_runtime import KerasRuntime
from neuroninterp.models.keras_values import GraphBuilder
from neuroninterp.models.keras_walk import build_graph, is_graph_model
from neuroninterp.models.layout import ALPHABET, InputLayout, infer_axes
from neuroninterp.models.runtime import ReadModel, Tap

__all__ = ["read_keras"]

_LONGEST_MESSAGE = 240
_CHANNELS = len(ALPHABET)


def read_keras(
    path: Path, *, trust: bool = False, axes: str | None = None, alphabet: str = ALPHABET
) -> ReadModel:
    """Read a ``.keras`` or HDF5 model file, of Keras 3 or Keras 2.

    Parameters
    ----------
    path : Path
        The file; its format is recognised by its content.
    trust : bool
        Let Keras run code that the file carries (Lambda layers).
    axes : str or None
        Layout of the sequence input, for example ``"NLC"`` or ``"NL1C"``; inferred by default.
    alphabet : str
        Base of each channel, in the file's order.

    Returns
    -------
    ReadModel
        Graph, layout, runtime, and a tap for every node that the file's model holds.

    Raises
    ------
    ModelError
        If the file is no Keras model, is not safe to load, or has no convolution on a
        4-channel input.
    UnsupportedOperationError
        If an operation before the first convolution is not understood.
    """
    path = Path(path)
    import_keras()
    model = _load(path, trust)
    sequence = _sequence_input(path, model, axes)
    chosen, graph, builder = _translate(path, model, sequence, axes)
    shape = tuple(sequence.shape)
    layout = InputLayout(
        name=sequence.name,
        shape=shape,
        axes=chosen,
        length=shape[chosen.index("L")],
        channels=_CHANNELS,
        alphabet=alphabet,
    )
    return ReadModel("keras", graph, layout, KerasRuntime(model, sequence), _taps(graph, builder))


def _load(path: Path, trust: bool) -> Any:
    keras = import_keras()
    with open_keras_file(path, trust=trust) as loadable:
        try:
            model = keras.saving.load_model(loadable, compile=False, safe_mode=not trust)
        except Exception as error:  # Keras raises every kind, down to KeyError
            raise ModelError(f"Keras cannot load {path}: {_shortened(error)}") from error
    if not isinstance(model, keras.Model):
        raise ModelError(f"{path} holds a {type(model).__name__}, not a Keras model")
    if not is_graph_model(model):
        raise ModelError(
            f"{path}: the model ({type(model).__name__}) holds no graph of its layers, because it "
            "is subclassed or was saved before it saw an input; rebuild it with keras.Input, or "
            "export it to .onnx"
        )
    _use_full_precision(model)
    return model


def _use_full_precision(model: Any) -> None:
    """Compute in float32 what was trained in mixed precision; the weights are float32 anyway."""
    for layer in model._flatten_layers():
        if layer.compute_dtype != layer.variable_dtype == "float32":
            layer.dtype_policy = "float32"


def _shortened(error: Exception) -> str:
    """Return the one sentence of Keras's message that says what is wrong."""
    text = str(error).split("Exception encountered:")[-1]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    start = "".join(lines[:1])
    if start.endswith(":"):
        start = " ".join(lines[:2])
    # The configuration of the whole model may follow on the same line.
    sentence = re.split(r"\.? *(?:Full object config|config=\{|Received:|: \{'module')", start)[0]
    sentence = sentence or type(error).__name__
    if len(sentence) > _LONGEST_MESSAGE:
        sentence = sentence[:_LONGEST_MESSAGE].rsplit(" ", 1)[0] + " …"
    return sentence


def _sequence_input(path: Path, model: Any, axes: str | None) -> Any:
    """Find the one input that holds the sequence."""
    inputs = list(model.inputs)
    if axes is None:
        fitting = [tensor for tensor in inputs if infer_axes(tensor.shape, channels=_CHANNELS)]
    else:
        fitting = [tensor for tensor in inputs if _admits(tuple(tensor.shape), axes)]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(f"{tensor.name!r} {_shown(tensor.shape)}" for tensor in inputs)
    if fitting:
        raise ModelError(f"{path} has {len(fitting)} one-hot inputs, expected one: found {listed}")
    wanted = f"laid out {axes}" if axes else f"with {_CHANNELS} channels"
    raise ModelError(
        f"{path} has no one-hot sequence input {wanted}, so no convolution on a 4-channel input; "
        f"found {listed}"
    )


def _admits(shape: Sequence[int | None], axes: str) -> bool:
    """Whether a layout that the user gave fits a declared shape."""
    if sorted(axes.replace("1", "")) != sorted("NLC") or len(axes) != len(shape) or axes[0] != "N":
        return False
    sizes = dict(zip(axes, shape, strict=True))
    return sizes["C"] in (_CHANNELS, None) and sizes.get("1", 1) in (1, None)


def _translate(
    path: Path, model: Any, sequence: Any, axes: str | None
) -> tuple[str, Graph, GraphBuilder]:
    """Translate under each layout that the shape admits; take the one that explains most layers."""
    candidates = [axes] if axes else infer_axes(sequence.shape, channels=_CHANNELS)
    best: tuple[int, str, Graph, GraphBuilder] | None = None
    failures: list[tuple[Graph, ModelError]] = []
    for candidate in candidates:
        graph, builder = build_graph(model, sequence, candidate)
        try:
            count = len(find_layers(graph))
        except ModelError as error:
            failures.append((graph, error))
            continue
        if best is None or count > best[0]:
            best = count, candidate, graph, builder
    if best is not None:
        return best[1:]
    raise _no_convolution(path, sequence, *failures[0])


def _no_convolution(path: Path, sequence: Any, graph: Graph, error: ModelError) -> ModelError:
    """Say why no layer can be analysed."""
    if isinstance(error, UnsupportedOperationError):
        return UnsupportedOperationError(f"{path}: {error}")
    shape = _shown(sequence.shape)
    for node in graph:
        if isinstance(node, Opaque) and "Conv" in node.operation:
            reason = f": {node.reason}" if node.reason else ""
            return UnsupportedOperationError(
                f"{path}: convolution {node.source!r} ({node.operation}) on the input of shape "
                f"{shape} is not understood{reason}"
            )
    kinds = ", ".join(dict.fromkeys(_kind(node) for node in graph.nodes[1:])) or "nothing"
    return ModelError(
        f"{path} has no convolution on its 4-channel input {sequence.name!r} {shape}; found {kinds}"
    )


def _kind(node: Any) -> str:
    return node.operation if isinstance(node, Opaque) else type(node).__name__


def _shown(shape: Sequence[int | None]) -> str:
    return "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"


def _taps(graph: Graph, builder: GraphBuilder) -> dict[str, Tap]:
    """Give a tap to every node of the outer model, and to the layers' values inside nested ones."""
    needed = {layer.value for layer in find_layers(graph)}
    needed.update(node.name for node in graph if isinstance(node, Convolution))
    taps = {}
    for number, (name, (tensor, axes, scope)) in enumerate(builder.found.items()):
        if scope is None:
            taps[name] = Tap(tensor, axes)
        elif name in needed:
            taps[name] = Tap(scope.lift(tensor, f"tap_{number}"), axes)
    return taps
