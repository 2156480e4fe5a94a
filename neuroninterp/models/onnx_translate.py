"""Walks through an ONNX graph and builds the canonical one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from neuroninterp.errors import ModelError
from neuroninterp.graph import Activation, Affine, Dense, Graph, Input, Node, Opaque
from neuroninterp.models.onnx_constants import fold
from neuroninterp.models.onnx_elementwise import identify, trace
from neuroninterp.models.onnx_file import OnnxFile, names_read
from neuroninterp.models.onnx_operations import HANDLERS
from neuroninterp.models.onnx_tensors import Constant, NotUnderstoodError, Operation, Tensor
from neuroninterp.models.runtime import Tap

__all__ = ["Translated", "Translation", "translate"]

LARGEST_TENSOR = 2**29
"""Most entries of an intermediate tensor, per sequence, that a model may ask for."""
_FREE_BATCH = 7919
_FREE_LENGTH = 20011
"""Sizes assumed for free axes: primes, so that no product of others equals them by chance."""


@dataclass(eq=False)
class Translation:
    """The canonical graph while it is built.

    Parameters
    ----------
    opset : int
        Version of the standard operator set.
    batch : int
        Sequences at once that sizes are computed for: the file's, or a stand-in.
    free_length : bool
        Whether the file leaves the sequence length open; sizes then hold for a stand-in.
    nodes : dict
        Canonical nodes by name, in topological order.
    taps : dict
        Canonical node name to tensor of the file.
    """

    opset: int
    batch: int
    free_length: bool
    nodes: dict[str, Node] = field(default_factory=dict)
    taps: dict[str, Tap] = field(default_factory=dict)
    _settled: dict[str, Tensor] = field(default_factory=dict)

    def add(
        self,
        kind: Callable[..., Node],
        operation: Operation,
        inputs: Sequence[Tensor],
        /,
        *,
        axes: str | None,
        sizes: tuple[int, ...] | None,
        takes_padding: bool = False,
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
        sizes : tuple of int or None
            Its sizes.
        takes_padding : bool
            Whether it takes over zeros added to its input.
        **fields
            The node's own fields.

        Returns
        -------
        Tensor
            The output.
        """
        if not takes_padding:
            inputs = [self.settle(tensor) for tensor in inputs]
        output = operation.outputs[0]
        name = self._unused(operation.source)
        length = None
        if axes and sizes and "L" in axes and not self.free_length:
            length = sizes[axes.index("L")]
        elif axes == "MC" and sizes and not self.free_length:
            length = sizes[0] // self.batch
        read = tuple(tensor.node for tensor in inputs)
        self.nodes[name] = kind(
            name=name, inputs=read, source=operation.source, length=length, **fields
        )
        if axes is not None and set("NLC") <= set(axes) and kind is not Opaque:
            self.taps[name] = Tap(output, axes)
        return Tensor(name, axes, sizes)

    def quietly(self, handler: Callable[..., Tensor], *arguments: Any) -> Tensor:
        """Add a helper node that no tensor of the file corresponds to."""
        tensor = handler(arguments[0], self, *arguments[1:])
        self.taps.pop(tensor.node, None)
        return tensor

    def settle(self, tensor: Tensor) -> Tensor:
        """Turn zeros that no convolution takes over into an operation not understood."""
        if tensor.pad is None:
            return tensor
        key = tensor.pad.outputs[0]
        if key not in self._settled:
            reason = "it pads something other than a convolution's input"
            inner = replace(tensor, pad=None, padding=(0, 0))
            self._settled[key] = self.opaque(tensor.pad, [inner], reason)
        return self._settled[key]

    def opaque(self, operation: Operation, reads: Sequence[Tensor], reason: str) -> Tensor:
        """Add an Opaque node that reads ``reads``."""
        settled = {tensor.node: tensor for tensor in map(self.settle, reads)}
        return self.add(
            Opaque,
            operation,
            list(settled.values()),
            axes=None,
            sizes=None,
            operation=operation.kind,
            reason=reason,
        )

    def _unused(self, wanted: str) -> str:
        name, number = wanted, 2
        while name in self.nodes:
            name, number = f"{wanted}_{number}", number + 1
        return name


@dataclass(frozen=True, eq=False)
class Translated:
    """A canonical graph and where its tensors are found in the file."""

    graph: Graph
    taps: Mapping[str, Tap]


def translate(file: OnnxFile, name: str, axes: str, shape: Sequence[int | None]) -> Translated:
    """Translate a file, taking one of its inputs for the sequence.

    Parameters
    ----------
    file : OnnxFile
        The network.
    name : str
        The sequence input.
    axes : str
        Its layout, for example ``"NC1L"``.
    shape : sequence of int or None
        Its shape, None for a free axis.

    Returns
    -------
    Translated
        The graph; operations that are not understood are Opaque nodes in it.

    Raises
    ------
    ModelError
        If a tensor would be larger than 2^29 entries per sequence.
    """
    declared = dict(zip(axes, shape, strict=True))
    free_length = declared["L"] is None
    assumed = {"N": declared["N"] or _FREE_BATCH, "L": declared["L"] or _FREE_LENGTH, "C": 4}
    sizes = tuple(assumed.get(axis, 1) for axis in axes)
    inferred = _infer_sizes(file, name, sizes)
    translation = Translation(file.opset, assumed["N"], free_length)
    length = None if free_length else assumed["L"]
    translation.nodes[name] = Input(name=name, inputs=(), source=name, length=length)
    values: dict[str, Tensor | Constant] = {name: Tensor(name, axes, sizes)}
    values.update(_constants(file))
    graph = file.analysed.graph
    for value in graph.input:
        if value.name not in values:
            reason = "a second input, which is not the sequence"
            values[value.name] = _unknown(translation, "Input", value.name, reason)
    for sparse in graph.sparse_initializer:
        weight = sparse.values.name
        values[weight] = _unknown(translation, "Constant", weight, "a sparse weight")
    for proto in graph.node:
        operation = _look_up(proto, values)
        result = _translate_one(operation, translation, file.opset)
        for index, output in enumerate(proto.output):
            value = result if index == 0 else _further_output(operation, translation, output)
            if isinstance(value, Tensor) and value.sizes is None and output in inferred:
                value = replace(value, sizes=inferred[output])
            values[output] = value
    ends = [values.get(value.name) for value in graph.output]
    outputs = [translation.settle(value).node for value in ends if isinstance(value, Tensor)]
    return _finish(translation, name, outputs)


def _unknown(translation: Translation, kind: str, name: str, reason: str) -> Tensor:
    """Add a tensor that nothing is known of."""
    return translation.opaque(Operation(kind, name, {}, (), (name,), ()), [], reason)


def _further_output(operation: Operation, translation: Translation, output: str) -> Tensor:
    """Add a second, third, … output of an operation; only the first is translated."""
    same = replace(operation, outputs=(output,))
    return translation.opaque(same, operation.reads, f"its output {output!r} is read")


def _constants(file: OnnxFile) -> dict[str, Constant]:
    from onnx import numpy_helper

    constants = {}
    for tensor in file.analysed.graph.initializer:
        try:
            constants[tensor.name] = Constant(numpy_helper.to_array(tensor))
        except (ValueError, TypeError, KeyError) as error:
            raise ModelError(
                f"{file.path}: stored tensor {tensor.name!r} does not fit its shape "
                f"{list(tensor.dims)[:8]}; export the model again"
            ) from error
    return constants


def _infer_sizes(file: OnnxFile, name: str, sizes: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Return the size of every tensor whose size follows from the input's."""
    import onnx

    model = onnx.ModelProto()
    model.CopyFrom(file.analysed)
    for value in model.graph.input:
        if value.name == name:
            del value.type.tensor_type.shape.dim[:]
            for size in sizes:
                value.type.tensor_type.shape.dim.add().dim_value = size
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    try:
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except onnx.shape_inference.InferenceError:
        # Files that break a rule of ONNX and still run; sizes are then followed step by step.
        return {}
    known = {}
    for value in [*model.graph.value_info, *model.graph.output]:
        dims = value.type.tensor_type.shape.dim
        if not value.type.tensor_type.HasField("shape"):
            continue
        if all(dim.HasField("dim_value") for dim in dims):
            known[value.name] = tuple(dim.dim_value for dim in dims)
            _check_size(file, value.name, known[value.name], sizes[0])
    return known


def _check_size(file: OnnxFile, name: str, sizes: Sequence[int], batch: int) -> None:
    entries = math.prod(sizes)
    if entries > LARGEST_TENSOR * (batch if sizes and sizes[0] == batch else 1):
        raise ModelError(
            f"{file.path}: tensor {name!r} would have shape {list(sizes)}, more than "
            f"{LARGEST_TENSOR} entries per sequence; not run"
        )


def _look_up(proto: Any, values: Mapping[str, Tensor | Constant]) -> Operation:
    from onnx import helper

    attributes = {}
    for attribute in proto.attribute:
        value = helper.get_attribute_value(attribute)
        attributes[attribute.name] = (
            value.decode(errors="replace") if isinstance(value, bytes) else value
        )
    standard = proto.domain in ("", "ai.onnx")
    outputs = tuple(proto.output)
    known = [values.get(name) for name in names_read(proto)]
    return Operation(
        kind=proto.op_type if standard else f"{proto.domain}.{proto.op_type}",
        source=proto.name or f"{proto.op_type} {next(filter(None, outputs), '')}",
        attributes=attributes,
        inputs=tuple(values.get(name) if name else None for name in proto.input),
        outputs=outputs,
        reads=tuple(value for value in known if isinstance(value, Tensor)),
    )


def _translate_one(operation: Operation, translation: Translation, opset: int) -> Tensor | Constant:
    if not operation.reads and (folded := fold(operation, opset)) is not None:
        return folded
    curves = {}
    handler = HANDLERS.get(operation.kind)
    result: Tensor | Constant | None = None
    reason = ""
    try:
        curves = trace(operation)
        if handler is not None and operation.inputs:
            result = handler(operation, translation)
    except NotUnderstoodError as error:
        reason = str(error)
    except (IndexError, KeyError, TypeError, ValueError) as error:
        # ONNX Runtime overlooks attributes of the wrong type or length in a damaged file.
        reason = f"its attributes are malformed: {error}"
    if isinstance(result, Constant):
        return result
    unresolved = bool(curves) and (
        result is None or any(tensor.unresolved for tensor in operation.reads)
    )
    if unresolved and (found := identify(curves)) is not None:
        root, function, alpha = found
        unresolved = False
        result = translation.add(
            Activation,
            operation,
            [root],
            axes=root.axes,
            sizes=root.sizes,
            function=function,
            alpha=alpha,
        )
    if result is None:
        result = translation.opaque(operation, operation.reads, reason)
    if curves and unresolved and result.axes is None:
        first = operation.reads[0]
        result = replace(result, axes=first.axes, sizes=first.sizes)
    return replace(result, curves=curves, unresolved=unresolved) if curves else result


def _finish(translation: Translation, input_name: str, outputs: Sequence[str]) -> Translated:
    """Merge biases into dense layers and leave out what no output depends on."""
    nodes, taps = dict(translation.nodes), dict(translation.taps)
    renamed: dict[str, str] = {}
    readers = Counter(name for node in nodes.values() for name in set(node.inputs))
    readers.update(outputs)
    for name in list(nodes):
        node = nodes[name]
        node = replace(node, inputs=tuple(renamed.get(i, i) for i in node.inputs))
        nodes[name] = node
        before = nodes[node.inputs[0]] if node.inputs else None
        if not isinstance(node, Affine) or not isinstance(before, Dense):
            continue
        if readers[before.name] == 1 and not before.bias.any() and (node.scale == 1).all():
            nodes[before.name] = replace(before, bias=node.shift)
            renamed[name] = before.name
            taps.pop(before.name, None)
            if name in taps:
                taps[before.name] = taps.pop(name)
            del nodes[name]
    outputs = tuple(dict.fromkeys(renamed.get(name, name) for name in outputs))
    wanted = {input_name, *outputs}
    for node in reversed(list(nodes.values())):
        if node.name in wanted:
            wanted.update(node.inputs)
    kept = tuple(node for node in nodes.values() if node.name in wanted)
    return Translated(
        Graph(kept, outputs), {name: tap for name, tap in taps.items() if name in wanted}
    )
