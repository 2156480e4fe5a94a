"""What travels through the translation of a Keras model: values, calls, the graph so far."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from neuroninterp.graph import Flatten, GlobalPool, Node, Opaque
from neuroninterp.models.keras.channels import run_channels_last

__all__ = ["Call", "Found", "GraphBuilder", "NotUnderstoodError", "Scope", "Shape", "Value"]

Shape = tuple[int | None, ...]


class NotUnderstoodError(Exception):
    """A layer call has no canonical form; ``reason`` says why, for the user.

    ``whole_sequence`` tells that it lets every position see all others.
    """

    def __init__(self, reason: str, *, whole_sequence: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.whole_sequence = whole_sequence


@dataclass(frozen=True, eq=False)
class Value:
    """A symbolic Keras tensor and the canonical node that computes it.

    Parameters
    ----------
    node : str
        Name of the graph node.
    axes : str
        Layout of the Keras tensor: ``"NLC"``, ``"NCL"``, ``"NL1C"`` …; ``"NF"`` after a
        flatten; ``"NC"`` where the length is gone (one position, after a global pool) and
        ``"NL"`` where the channels are (one channel).
    tensor : keras.KerasTensor
        The tensor, in the (possibly nested) model that holds it.
    shape : tuple of int or None
        Its shape at the outermost model's input shape, batch first.
    stacked : int
        How many batches lie one behind the other on its first axis; the node computes the
        first.
    """

    node: str
    axes: str
    tensor: Any
    shape: Shape
    stacked: int = 1

    def size(self, axis: str) -> int | None:
        """Return the size of the axis with this letter; None where it is free or absent."""
        return self.shape[self.axes.index(axis)] if axis in self.axes else None

    @property
    def length(self) -> int | None:
        """Positions along the sequence; None where free or absent."""
        return 1 if self.axes == "NC" else self.size("L")

    @property
    def channels(self) -> int | None:
        """Channels (or features); None where free."""
        return 1 if self.axes == "NL" else self.size("F" if "F" in self.axes else "C")

    def letter(self, axis: int) -> str:
        """Return the letter of an axis, counted from the front or (negative) from the back."""
        return self.axes[axis]

    def as_tensor(self, tensor: Any, shape: Shape, axes: str | None = None) -> Value:
        """Return the value of another Keras tensor that holds the same node's numbers."""
        return replace(self, tensor=tensor, shape=shape, axes=axes or self.axes)


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
    operands : tuple
        Every argument of the call, flattened: Values, and constants as they are.
    arguments : keras.src.ops.symbolic_arguments.SymbolicArguments
        The same arguments as they were given.
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
    operands: tuple[Any, ...]
    arguments: Any
    builder: GraphBuilder
    scope: Scope | None

    def only_input(self) -> Value:
        """Return the single input, or raise NotUnderstoodError."""
        if len(self.inputs) != 1:
            raise NotUnderstoodError(f"it reads {len(self.inputs)} tensors")
        return self.inputs[0]

    @property
    def in_training(self) -> bool:
        """Whether the layer is called as in training, whatever the model is used for."""
        return self.arguments.kwargs.get("training") is True

    def call_on(self, tensor: Any) -> Any:
        """Call the operation on another tensor in place of its only input."""
        given = {id(self.only_input().tensor): tensor}
        arguments, keywords = self.arguments.fill_in(given)
        return self.operation(*arguments, **keywords)

    def common_axes(self) -> str:
        """Return the layout that all inputs share, or raise NotUnderstoodError."""
        layouts = {value.axes for value in self.inputs}
        if len(layouts) != 1:
            raise NotUnderstoodError(f"it merges tensors laid out {', '.join(sorted(layouts))}")
        return layouts.pop()

    def after(self, *values: Value) -> Call:
        """Return this call as one that reads ``values``: a further step of the same layer."""
        return replace(self, inputs=values)

    def unchanged(self, axes: str | None = None) -> Value:
        """Return the only input as the call's output: nothing but the layout changes."""
        return self.only_input().as_tensor(self.outputs[0], self.shapes[0], axes)


@dataclass(frozen=True, eq=False)
class Found:
    """Where a node's tensor is: in which model, laid out how, how many batches stacked."""

    tensor: Any
    axes: str
    scope: Scope | None
    stacked: int


@dataclass
class GraphBuilder:
    """The canonical nodes so far, and where each is found in the Keras model."""

    nodes: list[Node] = field(default_factory=list)
    found: dict[str, Found] = field(default_factory=dict)
    _names: set[str] = field(default_factory=set)
    _whole: set[str] = field(default_factory=set)

    def unique(self, name: str) -> str:
        """Return ``name``, numbered where a node already has it (a layer called again)."""
        number, candidate = 1, name
        while candidate in self._names:
            number += 1
            candidate = f"{name}#{number}"
        self._names.add(candidate)
        return candidate

    def mark(self) -> int:
        """Return where the graph stands, for :meth:`undo`."""
        return len(self.nodes)

    def undo(self, mark: int) -> None:
        """Take back the nodes added since a mark."""
        for node in self.nodes[mark:]:
            self._names.discard(node.name)
            self._whole.discard(node.name)
            self.found.pop(node.name, None)
        del self.nodes[mark:]

    def sees_everything(self, value: Value) -> bool:
        """Whether a value depends on something without a local receptive field."""
        return value.node in self._whole

    def add(
        self,
        kind: type[Node],
        call: Call,
        /,
        *,
        axes: str | None = None,
        shape: Shape | None = None,
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
        axes : str or None
            Layout of its tensor in Keras; None for the first input's.
        shape : tuple of int or None
            Shape of its tensor; None for that of the call's first output.
        part : str
            What it is of the layer, where one layer becomes several nodes.
        tensor : keras.KerasTensor or None
            Its tensor; the call's first output by default, None where Keras never holds it.
        **fields
            The node's own fields.

        Returns
        -------
        Value
            The node's value.

        Raises
        ------
        NotUnderstoodError
            If it merges tensors that are stacked on the batch axis with others that are not.
        """
        stacked = {value.stacked for value in call.inputs} or {1}
        if len(stacked) > 1:
            raise NotUnderstoodError("it merges tensors of different batches")
        value = Value(
            self.unique(f"{call.source}:{part}" if part else call.source),
            call.inputs[0].axes if axes is None else axes,
            call.outputs[0] if tensor is ... else tensor,
            call.shapes[0] if shape is None else shape,
            stacked.pop(),
        )
        reads = tuple(read.node for read in call.inputs)
        node = kind(
            name=value.node, inputs=reads, source=call.source, length=value.length, **fields
        )
        self.nodes.append(node)
        if isinstance(node, (Flatten, GlobalPool, Opaque)) or self._whole.intersection(reads):
            self._whole.add(node.name)
        if value.tensor is not None:
            self.hold(value, call)
        return value

    def hold(self, value: Value, call: Call) -> None:
        """Note where a node's tensor is found, unless that is known already."""
        found = Found(value.tensor, value.axes, call.scope, value.stacked)
        self.found.setdefault(value.node, found)

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
        run_channels_last(linear)
        return tensor
