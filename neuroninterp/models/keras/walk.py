"""From a loaded Keras model to the canonical graph, one layer call after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from neuroninterp.errors import ModelError
from neuroninterp.graph import Constant, Graph, Input, Node, Opaque
from neuroninterp.models.keras.inputs import InputPlan
from neuroninterp.models.keras.operations import translate_call
from neuroninterp.models.keras.values import Call, GraphBuilder, Scope, Shape, Value

__all__ = ["build_graph"]


def build_graph(model: Any, plan: InputPlan) -> tuple[Graph, GraphBuilder]:
    """Translate a whole model; what is not understood becomes an opaque node.

    Parameters
    ----------
    model : keras.Model
        A Functional or Sequential model.
    plan : InputPlan
        Which input holds the sequence, how it is laid out, and what the others are held at.

    Returns
    -------
    tuple of Graph and GraphBuilder
        The graph, and where each of its nodes is found in the Keras model.

    Raises
    ------
    ModelError
        If a layer cannot take what the layers before it give at the plan's length.
    """
    builder = GraphBuilder()
    bound = {id(tensor): _input(tensor, plan, builder) for tensor in model.inputs}
    outputs = _walk(model, bound, builder, prefix="", scope=None)
    return Graph(tuple(builder.nodes), tuple(value.node for value in outputs)), builder


def _input(tensor: Any, plan: InputPlan, builder: GraphBuilder) -> Value:
    """Add the node of one of the model's inputs."""
    shape, axes = plan.layout_of(tensor)
    value = Value(builder.unique(tensor.name), axes, tensor, shape)
    named: dict[str, Any] = {"name": value.node, "inputs": (), "source": tensor.name}
    channels, height = value.channels, plan.held.get(tensor.name, 0.0)
    node: Node
    if tensor is plan.sequence:
        node = Input(**named, length=value.length, channels=plan.channels)
    elif "L" in axes and channels is not None:
        declared = tuple(tensor.shape)[axes.index("L")]
        node = Constant(**named, length=declared, value=np.full(channels, height, np.float32))
    else:
        node = Opaque(**named, operation="InputLayer", reason="a second input of the model")
    builder.nodes.append(node)
    return value


def _walk(
    model: Any, bound: dict[int, Value], builder: GraphBuilder, *, prefix: str, scope: Scope | None
) -> list[Value]:
    """Translate the calls of one model whose inputs are bound; return its outputs' values."""
    for node in _calls(model):
        if not all(id(tensor) in bound for tensor in node.input_tensors):
            continue
        source = f"{prefix}{node.operation.name}"
        inputs = tuple(bound[id(tensor)] for tensor in node.input_tensors)
        outputs = tuple(node.output_tensors)
        call = Call(
            operation=node.operation,
            source=source,
            inputs=inputs,
            outputs=outputs,
            shapes=_shapes(node, source, inputs, outputs),
            operands=_operands(node, bound),
            arguments=node.arguments,
            builder=builder,
            scope=scope,
        )
        values = _nested(call) if _can_descend(call) else translate_call(call)
        bound.update((id(tensor), value) for tensor, value in zip(outputs, values, strict=True))
    return [bound[id(tensor)] for tensor in model.outputs]


def _operands(node: Any, bound: dict[int, Value]) -> tuple[Any, ...]:
    import keras

    given = keras.tree.flatten((node.arguments.args, node.arguments.kwargs))
    return tuple(bound[id(each)] if isinstance(each, keras.KerasTensor) else each for each in given)


def _calls(model: Any) -> Iterator[Any]:
    """Yield the model's layer calls, each after those it depends on."""
    # A Sequential model keeps the graph of its calls in a Functional one.
    function = getattr(model, "_functional", None) or model
    for depth in sorted(function._nodes_by_depth, reverse=True):
        for node in function._nodes_by_depth[depth]:
            if node.operation is not None and not node.is_input:
                yield node


def _can_descend(call: Call) -> bool:
    import keras

    nested = call.operation
    if call.in_training or not isinstance(nested, keras.Model):
        return False
    return is_graph_model(nested) and len(nested.inputs) == len(call.inputs)


def is_graph_model(model: Any) -> bool:
    """Whether Keras holds the model's calls as a graph (Functional, or Sequential once built)."""
    import keras

    if isinstance(model, keras.Sequential):
        return getattr(model, "_functional", None) is not None
    # A subclass with a call() of its own may do more than its graph says.
    return hasattr(model, "_nodes_by_depth") and type(model).__module__.startswith("keras.")


def _nested(call: Call) -> list[Value]:
    """Translate the inside of a nested model."""
    model = call.operation
    arguments = tuple(value.tensor for value in call.inputs)
    scope = Scope(tuple(model.inputs), arguments, call.scope)
    bound = {
        id(inner): replace(value, tensor=inner)
        for inner, value in zip(model.inputs, call.inputs, strict=True)
    }
    inside = _walk(model, bound, call.builder, prefix=f"{call.source}/", scope=scope)
    return [
        replace(value, tensor=tensor) for value, tensor in zip(inside, call.outputs, strict=True)
    ]


def _shapes(
    node: Any, source: str, inputs: tuple[Value, ...], outputs: tuple[Any, ...]
) -> tuple[Shape, ...]:
    """Return the output shapes at the outermost input shape.

    A nested model is often declared for any length and called on a fixed one.
    """
    import keras

    declared = tuple(tuple(tensor.shape) for tensor in outputs)
    if all(value.shape == tuple(value.tensor.shape) for value in inputs):
        return declared
    actual = {
        id(value.tensor): keras.KerasTensor(value.shape, dtype=value.tensor.dtype)
        for value in inputs
    }
    arguments, keywords = node.arguments.fill_in(actual)
    try:
        found = node.operation.compute_output_spec(*arguments, **keywords)
    except Exception as error:  # Keras raises every kind
        shapes = ", ".join(str(value.shape) for value in inputs)
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"layer {source!r} cannot take {shapes}: {reason}") from error
    return tuple(tuple(tensor.shape) for tensor in keras.tree.flatten(found))
