"""What travels through the translation of a Keras model: values, calls, the graph so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from neuroninterp.graph import Node

__all__ = ["Call", "GraphBuilder", "NotUnderstoodError", "Scope", "Value"]

Shape = tuple[int | None, ...]


class NotUnderstoodError(Exception):
    """A layer call has no canonical form; ``reason`` says why, for the user."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, eq=False)
class Value:
    """A symbolic Keras tensor and the canonical node that computes it.

    Parameters
    ----------
    node : str
        Name of the graph node.
    axes : str
        Layout of the Keras tensor, for example ``"NLC"``, ``"NL1C"``, ``"NF"``.
    tensor : keras.KerasTensor
        The tensor, in the (possibly nested) model that holds it.
    shape : tuple of int or None
        Its shape at the outermost model's input shape, batch first.
    """

    node: str
    axes: str
    tensor: Any
    shape: Shape

    def size(self, axis: str) -> int | None:
        """Return the size of the axis with this letter; None where it is free or absent."""
        return self.shape[self.axes.index(axis)] if axis in self.axes else None

    @property
    def length(self) -> int | None:
        """Positions along the sequence; None where free or absent."""
        return self.size("L")

    @property
    def channels_last(self) -> bool:
        """Whether the last axis holds the channels (or features)."""
        return self.axes[-1] in "CF"


@dataclass(frozen=True, eq=False)
class Scope:
    """One call of a nested model: how its tensors become tensors of the model around it.

    Parameters
    ----------
    inputs : tuple of keras.KerasTensor
        The nested model's own symbolic inputs.
    arguments : tuple of keras.KerasTensor
        The tensors that it is called on, in the scope around it.
    parent : Scope or None
        The scope around it; None where that is the outermost model.
    """

    inputs: tuple[Any, ...]
    arguments: tuple[Any, ...]
    parent: Scope | None

    def lift(self, tensor: Any, name: str) -> Any:
        """Return ``tensor`` of this scope as a tensor of the outermost model."""
        import keras

        for inner, outer in zip(self.inputs, self.arguments, strict=True):
            if inner is tensor:
                lifted = outer
                break
        else:
            # A model of its own keeps the nested layers' names apart from the outer ones.
            part = keras.Model(list(self.inputs), [tensor], name=name)
            lifted = part(list(self.arguments))[0]
        return lifted if self.parent is None else self.parent.lift(lifted, f"{name}_outer")


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer or operation.

    Parameters
    ----------
    operation : keras.Operation
        The layer, or an operation of ``keras.ops``.
    source : str
        Its name in the file, ``outer/inner`` inside a nested model.
    inputs : tuple of Value
        What it is called on.
    outputs : tuple of keras.KerasTensor
        What it returns.
    shapes : tuple of tuple
        Shapes of the outputs at the outermost model's input shape.
    keywords : mapping
        Keyword arguments of the call.
    builder : GraphBuilder
        The graph being built.
    scope : Scope or None
        The nested model's call in which it happens; None in the outermost model.
    """

    operation: Any
    source: str
    inputs: tuple[Value, ...]
    outputs: tuple[Any, ...]
    shapes: tuple[Shape, ...]
    keywords: Mapping[str, Any]
    builder: GraphBuilder
    scope: Scope | None

    def only_input(self) -> Value:
        """Return the single input, or raise NotUnderstoodError."""
        if len(self.inputs) != 1:
            raise NotUnderstoodError(f"it reads {len(self.inputs)} tensors")
        return self.inputs[0]

    def common_axes(self) -> str:
        """Return the layout that all inputs share, or raise NotUnderstoodError."""
        layouts = {value.axes for value in self.inputs}
        if len(layouts) != 1:
            raise NotUnderstoodError(f"it merges tensors laid out {', '.join(sorted(layouts))}")
        return layouts.pop()

    def after(self, value: Value) -> Call:
        """Return this call as one that reads ``value``: the second step of a fused layer."""
        return replace(self, inputs=(value,))


@dataclass
class GraphBuilder:
    """The canonical nodes so far, and where each is found in the Keras model."""

    nodes: list[Node] = field(default_factory=list)
    found: dict[str, tuple[Any, str, Scope | None]] = field(default_factory=dict)
    _names: set[str] = field(default_factory=set)

    def unique(self, name: str) -> str:
        """Return ``name``, numbered where a node already has it (a layer called again)."""
        number, candidate = 1, name
        while candidate in self._names:
            number += 1
            candidate = f"{name}#{number}"
        self._names.add(candidate)
        return candidate

    def add(
        self,
        kind: type[Node],
        call: Call,
        /,
        *,
        axes: str,
        part: str = "",
        tensor: Any = ...,
        **fields: Any,
    ) -> Value:
        """Add a node that reads the call's inputs.

        Parameters
        ----------
        kind : type of Node
            The canonical node to make.
        call : Call
            The layer call that it stands for.
        axes : str
            Layout of its tensor in Keras.
        part : str
            What it is of the layer, where one layer becomes two nodes.
        tensor : keras.KerasTensor or None
            Its tensor; the call's first output by default, None where Keras never holds it.
        **fields
            The node's own fields.

        Returns
        -------
        Value
            The node's value.
        """
        output = call.outputs[0] if tensor is ... else tensor
        shape = call.shapes[0]
        value = Value("", axes, output, shape)
        node = kind(
            name=self.unique(f"{call.source}:{part}" if part else call.source),
            inputs=tuple(value.node for value in call.inputs),
            source=call.source,
            length=value.length,
            **fields,
        )
        self.nodes.append(node)
        if output is not None:
            self.found[node.name] = (output, axes, call.scope)
        return replace(value, node=node.name)

    def before_activation(self, call: Call) -> Any:
        """Return the layer's output before the activation it applies itself.

        Keras never holds that tensor, so the layer is built once more without its
        activation, with the same weights, on the same input.
        """
        layer = call.operation
        config = {
            **layer.get_config(),
            "activation": "linear",
            "name": f"{layer.name}_before_activation_{len(self.nodes)}",
        }
        linear = type(layer).from_config(config)
        tensor = linear(call.inputs[0].tensor)
        linear.set_weights(layer.get_weights())
        return tensor
