"""From a loaded Keras model to the canonical graph, one layer call after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from neuroninterp.graph import Graph, Input, Opaque
from neuroninterp.models.keras_operations import translate_call
from neuroninterp.models.keras_values import Call, GraphBuilder, Scope, Shape, Value

__all__ = ["build_graph"]


def build_graph(model: Any, sequence: Any, axes: str) -> tuple[Graph, GraphBuilder]:
    """Translate a whole model; what is not understood becomes an opaque node.

    Parameters
    ----------
    model : keras.Model
        A Functional or Sequential model.
    sequence : keras.KerasTensor
        Its sequence input.
    axes : str
        Layout of the sequence input, for example ``"NLC"``.

    Returns
    -------
    tuple of Graph and GraphBuilder
        The graph, and where each of its nodes is found in the Keras model.
    """
    builder = GraphBuilder()
    bound: dict[int, Value] = {}
    for tensor in model.inputs:
        name = builder.unique(tensor.name)
        shape = tuple(tensor.shape)
        value = Value(name, axes if tensor is sequence else "?" * len(shape), tensor, shape)
        if tensor is sequence:
            builder.nodes.append(
                Input(
                    name=name,
                    inputs=(),
                    source=tensor.name,
                    length=value.length,
                )
            )
        else:
            builder.nodes.append(
                Opaque(
                    name=name,
                    inputs=(),
                    source=tensor.name,
                    operation="InputLayer",
                    reason="a second input of the model",
                )
            )
        bound[id(tensor)] = value
    outputs = _walk(model, bound, builder, prefix="", scope=None)
    return Graph(tuple(builder.nodes), tuple(value.node for value in outputs)), builder


def _walk(
    model: Any, bound: dict[int, Value], builder: GraphBuilder, *, prefix: str, scope: Scope | None
) -> list[Value]:
    """Translate the calls of one model whose inputs are bound; return its outputs' values."""
    for node in _calls(model):
        if not all(id(tensor) in bound for tensor in node.input_tensors):
            continue
        operation = node.operation
        inputs = tuple(bound[id(tensor)] for tensor in node.input_tensors)
        outputs = tuple(node.output_tensors)
        call = Call(
            operation=operation,
            source=f"{prefix}{operation.name}",
            inputs=inputs,
            outputs=outputs,
            shapes=_shapes(node, inputs, outputs),
            keywords=node.arguments.kwargs,
            builder=builder,
            scope=scope,
        )
        values = _nested(call) if _can_descend(call) else translate_call(call)
        bound.update((id(tensor), value) for tensor, value in zip(outputs, values, strict=True))
    return [bound[id(tensor)] for tensor in model.outputs]


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
    if call.keywords.get("training") is True or not isinstance(nested, keras.Model):
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
        id(inner): Value(value.node, value.axes, inner, value.shape)
        for inner, value in zip(model.inputs, call.inputs, strict=True)
    }
    inside = _walk(model, bound, call.builder, prefix=f"{call.source}/", scope=scope)
    return [
        Value(value.node, value.axes, tensor, value.shape)
        for value, tensor in zip(inside, call.outputs, strict=True)
    ]


def _shapes(node: Any, inputs: tuple[Value, ...], outputs: tuple[Any, ...]) -> tuple[Shape, ...]:
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
    found = node.operation.compute_output_spec(*arguments, **keywords)
    return tuple(tuple(tensor.shape) for tensor in keras.tree.flatten(found))
