"""The canonical graph while it is built from an ONNX file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from neuroninterp.graph import Convolution, Flatten, GlobalPool, Node, Opaque, Pad
from neuroninterp.models.onnx.tensors import Operation, Tensor
from neuroninterp.models.runtime import Tap

__all__ = ["Translation"]


@dataclass(eq=False)
class Translation:
    """The canonical graph while it is built.

    Parameters
    ----------
    opset : int
        Version of the standard operator set.
    batch : int
        Sequences at once that sizes are computed for: the file's, or a stand-in.
    nodes : dict
        Canonical nodes by name, in topological order.
    taps : dict
        Canonical node name to tensor of the file.
    room : int
        Entries that constants computed from here on may have together.
    unfolded : bool
        Whether there is a constant that is not computed here.
    helpers : list
        Operations that compute tensors that canonical nodes have and the file has not, for
        taps: ``onnx.NodeProto``.
    """

    opset: int
    batch: int
    nodes: dict[str, Node] = field(default_factory=dict)
    taps: dict[str, Tap] = field(default_factory=dict)
    room: int = 0
    unfolded: bool = False
    helpers: list[Any] = field(default_factory=list)
    _settled: dict[str, Tensor] = field(default_factory=dict)
    _tapped: dict[str, str] = field(default_factory=dict)

    def rows(self, tensor: Tensor) -> int:
        """Return the size of a tensor's batch axis."""
        return self.batch * tensor.stacked

    def add(
        self,
        kind: Callable[..., Node],
        operation: Operation,
        inputs: Sequence[Tensor],
        /,
        *,
        axes: str | None,
        sizes: Sequence[int] | None,
        tapped: bool | str = True,
        **fields: Any,
    ) -> Tensor:
        """Add a canonical node and return its tensor.

        Parameters
        ----------
        kind : type of Node
            Which node.
        operation : Operation
            The operation it comes from.
        inputs : sequence of Tensor
            What it reads.
        axes : str or None
            Layout of the operation's output.
        sizes : sequence of int or None
            Its sizes.
        tapped : bool or str
            Whether it is the operation's output, or the name of another tensor that it is.
        **fields
            The node's own fields.

        Returns
        -------
        Tensor
            The output.
        """
        if kind is not Convolution:
            inputs = [self.settle(tensor) for tensor in inputs]
        stacked = inputs[0].stacked if inputs else 1
        whole = any(tensor.whole for tensor in inputs) or fields.get("whole_sequence", False)
        name = self._unused(operation.source)
        length = None
        if axes and sizes and "L" in axes:
            length = sizes[axes.index("L")]
        elif axes == "MC" and sizes:
            length = sizes[0] // (self.batch * stacked)
        read = tuple(tensor.node for tensor in inputs)
        self.nodes[name] = kind(
            name=name, inputs=read, source=operation.source, length=length, **fields
        )
        if tapped and axes is not None and set("NLC") <= set(axes) and kind is not Opaque:
            tensor_name = operation.outputs[0] if tapped is True else tapped
            # Of the nodes that one operation becomes, the last is its output.
            self.taps.pop(self._tapped.get(tensor_name, ""), None)
            self.taps[name] = Tap(tensor_name, axes, stacked)
            self._tapped[tensor_name] = name
        return Tensor(
            name,
            axes,
            None if sizes is None else tuple(sizes),
            stacked=stacked,
            whole=whole or kind in (Flatten, GlobalPool),
        )

    def help(self, kind: str, name: str, output: str) -> str:
        """Add an operation on tensor ``name`` that only taps need; return its output's name."""
        from onnx import helper

        if all(output not in node.output for node in self.helpers):
            self.helpers.append(helper.make_node(kind, [name], [output]))
        return output

    def settle(self, tensor: Tensor) -> Tensor:
        """Turn zeros that no convolution takes over into a node of their own."""
        pad = tensor.pad
        if pad is None:
            return tensor
        key = pad.operation.outputs[0]
        if key not in self._settled:
            inner = replace(tensor, pad=None)
            self._settled[key] = self.add(
                Pad, pad.operation, [inner], axes=pad.axes, sizes=pad.sizes, padding=pad.padding
            )
        settled = self._settled[key]
        return replace(settled, axes=tensor.axes, sizes=tensor.sizes, stacked=tensor.stacked)

    def opaque(
        self,
        operation: Operation,
        reads: Sequence[Tensor],
        reason: str,
        *,
        whole_sequence: bool = False,
    ) -> Tensor:
        """Add an Opaque node that reads ``reads``.

        What reads a tensor that sees the whole sequence sees it too. It stands for the steps
        before it that are not understood as well (the heads of an attention): nothing less than
        the whole sequence is seen after them.
        """
        settled = {tensor.node: tensor for tensor in map(self.settle, reads)}
        whole = whole_sequence or any(tensor.whole for tensor in settled.values())
        return self.add(
            Opaque,
            operation,
            self._absorbed(settled) if whole else list(settled.values()),
            axes=None,
            sizes=None,
            operation=operation.kind,
            reason=reason,
            whole_sequence=whole,
        )

    def _absorbed(self, tensors: Mapping[str, Tensor]) -> list[Tensor]:
        """Replace tensors that are not understood by what they are computed from."""
        found: dict[str, Tensor] = {}
        waiting = list(tensors.values())
        while waiting:
            tensor = waiting.pop(0)
            node = self.nodes[tensor.node]
            if isinstance(node, Opaque) and not node.whole_sequence and node.inputs:
                waiting.extend(Tensor(name, None, None) for name in node.inputs)
            else:
                found.setdefault(tensor.node, tensor)
        return list(found.values())

    def _unused(self, wanted: str) -> str:
        name, number = wanted, 2
        while name in self.nodes:
            name, number = f"{wanted}_{number}", number + 1
        return name
