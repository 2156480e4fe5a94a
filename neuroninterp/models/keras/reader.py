"""Reading a Keras file into the canonical graph."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from neuroninterp.backend import import_keras
from neuroninterp.errors import ModelError, UnsupportedOperationError
from neuroninterp.graph import (
    Convolution,
    Graph,
    Opaque,
    convolutions_left_out,
    find_layers,
)
from neuroninterp.models.keras.channels import run_channels_last
from neuroninterp.models.keras.inputs import InputPlan, candidate_plans
from neuroninterp.models.keras.load import load_keras_file
from neuroninterp.models.keras.runtime import KerasRuntime
from neuroninterp.models.keras.values import GraphBuilder
from neuroninterp.models.keras.walk import build_graph
from neuroninterp.models.layout import InputLayout, InputRequest, written_shape
from neuroninterp.models.reference import reference_length
from neuroninterp.models.runtime import ReadModel, Tap

__all__ = ["read_keras"]


def read_keras(
    path: Path,
    request: InputRequest | None = None,
    *,
    trust: bool = False,
    weights: Path | None = None,
) -> ReadModel:
    """Read a ``.keras`` or HDF5 model file, or an architecture in JSON, of any Keras version.

    Parameters
    ----------
    path : Path
        The file; its format is recognised by its content.
    request : InputRequest or None
        What the user says about the inputs; None to infer all of it.
    trust : bool
        Let Keras run code that the file carries (Lambda layers).
    weights : Path or None
        The weights of an architecture in JSON; None to find them beside it.

    Returns
    -------
    ReadModel
        Graph, layout, runtime, and a tap for every node that the file's model holds. Where the
        model takes any length, the graph is that of the layout's reference length.

    Raises
    ------
    ModelError
        If the file is no Keras model, is not safe to load, has no convolution on a one-hot
        input, or does not fit what the request says of its inputs.
    UnsupportedOperationError
        If an operation before the first convolution is not understood.
    """
    path, request = Path(path), request or InputRequest()
    import_keras()
    loaded = load_keras_file(path, trust=trust, weights=weights)
    model = loaded.model
    for layer in model._flatten_layers():
        run_channels_last(layer)
    plan, graph, builder = _translate(path, model, request)
    layout = InputLayout(
        name=plan.sequence.name,
        shape=tuple(plan.sequence.shape),
        axes=plan.axes,
        length=plan.declared_length,
        channels=plan.channels,
        alphabet=request.channel_letters(plan.channels),
        background=request.background,
        reference_length=plan.length or plan.declared_length,
        held=plan.held,
    )
    runtime = KerasRuntime(model, plan.sequence, plan.held)
    taps = _taps(graph, builder)
    notes = (*loaded.notes, *layout.notes(), *convolutions_left_out(graph))
    return ReadModel("keras", graph, layout, runtime, taps, notes)


def _translate(
    path: Path, model: Any, request: InputRequest
) -> tuple[InputPlan, Graph, GraphBuilder]:
    """Translate under each layout that the shape admits; take the one that explains most layers."""
    best: tuple[int, InputPlan, Graph, GraphBuilder] | None = None
    failures: list[tuple[InputPlan, Graph, ModelError]] = []
    for plan in candidate_plans(path, model, request):
        graph, builder = build_graph(model, plan)
        try:
            count = len(find_layers(graph))
        except ModelError as error:
            failures.append((plan, graph, error))
            continue
        if best is None or count > best[0]:
            best = count, plan, graph, builder
    if best is None:
        raise _no_convolution(path, *failures[0])
    _, plan, graph, builder = best
    if plan.declared_length is not None:
        return plan, graph, builder
    plan = replace(plan, length=request.length or reference_length(graph))
    try:
        return plan, *build_graph(model, plan)
    except ModelError as error:
        raise ModelError(
            f"{path} cannot be looked at {plan.length} bp: {error}; give another --length"
        ) from error


def _no_convolution(path: Path, plan: InputPlan, graph: Graph, error: ModelError) -> ModelError:
    """Say why no layer can be analysed."""
    if isinstance(error, UnsupportedOperationError):
        return UnsupportedOperationError(f"{path}: {error}")
    shape = written_shape(plan.sequence.shape)
    for node in graph:
        if isinstance(node, Opaque) and "Conv" in node.operation:
            reason = f": {node.reason}" if node.reason else ""
            return UnsupportedOperationError(
                f"{path}: convolution {node.source!r} ({node.operation}) on the input of shape "
                f"{shape} is not understood{reason}"
            )
    kinds = ", ".join(dict.fromkeys(_kind(node) for node in graph.nodes[1:])) or "nothing"
    return ModelError(
        f"{path} has no convolution on its {plan.channels}-channel input {plan.sequence.name!r} "
        f"{shape}; found {kinds}"
    )


def _kind(node: Any) -> str:
    return node.operation if isinstance(node, Opaque) else type(node).__name__


def _taps(graph: Graph, builder: GraphBuilder) -> dict[str, Tap]:
    """Give a tap to every node of the outer model, and to the layers' values inside nested ones."""
    needed = {layer.value for layer in find_layers(graph)}
    needed.update(node.name for node in graph if isinstance(node, Convolution))
    taps = {}
    for number, (name, found) in enumerate(builder.found.items()):
        if found.scope is None:
            taps[name] = Tap(found.tensor, found.axes, found.stacked)
        elif name in needed:
            tensor = found.scope.lift(found.tensor, f"tap_{number}")
            taps[name] = Tap(tensor, found.axes, found.stacked)
    return taps
