"""Walks through an ONNX graph and builds the canonical one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neuroninterp.errors import ModelError
from neuroninterp.graph import Activation, Affine, Dense, Graph, Input
from neuroninterp.models.onnx.constants import TooLargeError, fold
from neuroninterp.models.onnx.elementwise import identify, trace
from neuroninterp.models.onnx.file import OnnxFile
from neuroninterp.models.onnx.inputs import Reading, fill, held_input, input_shapes
from neuroninterp.models.onnx.normalization import identify_normalization, part_of_normalization
from neuroninterp.models.onnx.operations import HANDLERS, REASONS
from neuroninterp.models.onnx.reductions import WHOLE_SEQUENCE
from neuroninterp.models.onnx.sizes import infer_sizes
from neuroninterp.models.onnx.tensors import Constant, NotUnderstoodError, Operation, Tensor
from neuroninterp.models.onnx.translation import Translation
from neuroninterp.models.onnx.walk import names_read
from neuroninterp.models.runtime import Tap

__all__ = ["FREE_LENGTH", "Translated", "translate"]

LARGEST_TENSOR = 2**29
"""Most entries of an intermediate tensor (per sequence, unless the batch is fixed)."""
_COMPUTED = 2**25
"""Entries of all constants computed rather than stored that any file may ask for …"""
_EXPANSION = 8
"""… and how many more for each of its bytes."""
FREE_LENGTH = 20011
"""Length at which a model that takes any is looked at first, to see how far its layers see."""
_FREE_BATCH = 7919
"""Size assumed for a free batch. A prime, as above, so that no product of other sizes is it."""

_Value = Tensor | Constant


@dataclass(frozen=True, eq=False)
class Translated:
    """A canonical graph and where its tensors are found in the file.

    Parameters
    ----------
    graph : Graph
        The graph.
    taps : mapping of str to Tap
        Its nodes' tensors.
    helpers : tuple
        Operations (``onnx.NodeProto``) that compute those of them that the file has not.
    unfolded : bool
        Whether the file computes a constant of a size that is not known.
    """

    graph: Graph
    taps: Mapping[str, Tap]
    helpers: tuple[Any, ...] = ()
    unfolded: bool = False


def translate(
    file: OnnxFile, reading: Reading, length: int, held: Mapping[str, float]
) -> Translated:
    """Translate a file, taking one of its inputs for the sequence.

    Parameters
    ----------
    file : OnnxFile
        The network.
    reading : Reading
        The sequence input and its layout.
    length : int
        Sequence length (bp) to look at the network at.
    held : mapping of str to float
        What the other inputs hold.

    Returns
    -------
    Translated
        The graph; operations that are not understood are Opaque nodes in it.

    Raises
    ------
    ModelError
        If a tensor would be larger than 2^29 entries per sequence, or computed constants
        much larger than the file.
    """
    name, axes = reading.name, reading.axes
    batch = reading.shape[0] or _FREE_BATCH
    assumed = {"N": batch, "L": length, "C": reading.channels}
    shapes = {name: tuple(assumed.get(axis, 1) for axis in axes)}
    for other, shape in input_shapes(file).items():
        if other != name and shape is not None:
            shapes[other] = fill(shape, batch, length)
    inferred = infer_sizes(file.path, file.analysed, shapes)
    for tensor, sizes in inferred.items():
        _check_size(file, tensor, sizes, batch)
    room = _COMPUTED + _EXPANSION * file.analysed.ByteSize()
    translation = Translation(file.opset, batch, room=room)
    translation.nodes[name] = Input(
        name=name, inputs=(), source=name, length=length, channels=reading.channels
    )
    values: dict[str, _Value] = {name: Tensor(name, axes, shapes[name])}
    values.update(_constants(file))
    graph = file.analysed.graph
    for value in graph.input:
        if value.name not in values:
            kind = value.type.tensor_type.elem_type
            number = held.get(value.name, 0.0)
            values[value.name] = held_input(
                translation, value.name, shapes.get(value.name), kind, number, reading, length
            )
    for sparse in graph.sparse_initializer:
        weight = sparse.values.name
        values[weight] = _unknown(translation, "Constant", weight, "a sparse weight")
    for proto in graph.node:
        operation = _look_up(proto, values)
        try:
            results = _translate_one(operation, translation, inferred)
        except TooLargeError as error:
            raise ModelError(f"{file.path}: {error}, far more than it holds; not run") from error
        for index, output in enumerate(proto.output):
            if index < len(results):
                values[output] = results[index]
            else:
                values[output] = _further_output(operation, translation, output)
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


def _check_size(file: OnnxFile, name: str, sizes: Sequence[int], batch: int) -> None:
    entries, what = math.prod(sizes), "entries"
    # A free batch is told by its prime, wherever it has been moved to or merged.
    if batch == _FREE_BATCH and any(size and size % batch == 0 for size in sizes):
        entries, what = entries // batch, "entries per sequence"
    if entries > LARGEST_TENSOR:
        raise ModelError(
            f"{file.path}: tensor {name!r} would have {entries:,} {what}, more than "
            f"{LARGEST_TENSOR:,}; not run"
        )


def _look_up(proto: Any, values: Mapping[str, _Value]) -> Operation:
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
        names=tuple(proto.input),
    )


def _translate_one(
    operation: Operation, translation: Translation, inferred: Mapping[str, tuple[int, ...]]
) -> tuple[_Value, ...]:
    """Translate an operation; return its outputs, or the first of them."""
    if not operation.reads:
        folded = fold(operation, translation.opset, translation.room)
        if folded is not None:
            translation.room -= folded.value.size
            return (folded,)
        translation.unfolded = True
    curves = _curves(operation)
    spelt_out = len(operation.reads) > 1 or any(t.unresolved for t in operation.reads)
    result = _recognised(operation, translation, curves) if spelt_out else None
    resolved = result is not None
    if result is None:
        handled = _handled(operation, translation)
        if isinstance(handled, Constant):
            return (handled,)
        if isinstance(handled, tuple):
            return tuple(replace(t, origin=operation) for t in handled)
        result = handled if isinstance(handled, Tensor) else None
        reason = handled if isinstance(handled, NotUnderstoodError) else None
        if result is None and not spelt_out:
            result = _recognised(operation, translation, curves)
            resolved = result is not None
        if result is None:
            result = _opaque(operation, translation, reason, inferred.get(operation.outputs[0]))
        else:
            resolved = resolved or not spelt_out
    result = replace(result, sizes=result.sizes or inferred.get(operation.outputs[0]))
    if curves:
        result = replace(result, curves=curves, unresolved=not resolved)
    if part_of_normalization(operation):
        result = replace(result, reduced=not resolved)
    # An operation that changes nothing is no step of its own.
    return (result if result.origin else replace(result, origin=operation),)


def _curves(operation: Operation) -> dict[str, tuple[Tensor, Any]]:
    try:
        return trace(operation)
    except (IndexError, KeyError, TypeError, ValueError):
        # What a damaged file has for attributes is reported by the translator.
        return {}


def _recognised(
    operation: Operation, translation: Translation, curves: Mapping[str, tuple[Tensor, Any]]
) -> Tensor | None:
    """Add what an operation ends, where it ends an activation or normalisation spelt out."""
    match = identify(curves) if curves else None
    if match is not None:
        root = match.root
        return translation.add(
            Activation, operation, [root], axes=root.axes, sizes=root.sizes, **match.fields
        )
    if part_of_normalization(operation):
        return identify_normalization(operation, translation)
    return None


def _handled(
    operation: Operation, translation: Translation
) -> _Value | tuple[Tensor, ...] | NotUnderstoodError:
    """Apply the translator of an operation's type; return why, where there is no result."""
    handler = HANDLERS.get(operation.kind)
    kind = operation.kind.rpartition(".")[2]
    if kind in WHOLE_SEQUENCE and operation.reads:
        return NotUnderstoodError(WHOLE_SEQUENCE[kind], whole_sequence=True)
    if handler is None or not any(isinstance(value, Tensor) for value in operation.inputs):
        return NotUnderstoodError(REASONS.get(kind, ""))
    try:
        # Weights that are not finite are none of the reader's business.
        with np.errstate(all="ignore"):
            return handler(operation, translation)
    except NotUnderstoodError as error:
        return error
    except (AssertionError, IndexError, KeyError, TypeError, ValueError) as error:
        # ONNX Runtime overlooks attributes of the wrong type or length in a damaged file.
        return NotUnderstoodError(f"its attributes are malformed: {error}")


def _opaque(
    operation: Operation,
    translation: Translation,
    why: NotUnderstoodError | None,
    sizes: tuple[int, ...] | None,
) -> Tensor:
    """Add an operation that is not understood; one that keeps its input's shape keeps its axes."""
    result = translation.opaque(
        operation,
        operation.reads,
        str(why or ""),
        whole_sequence=why is not None and why.whole_sequence,
    )
    for tensor in operation.reads:
        if tensor.axes is not None and tensor.sizes == sizes:
            return replace(result, axes=tensor.axes, sizes=sizes, stacked=tensor.stacked)
    return result


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
        Graph(kept, outputs),
        {name: tap for name, tap in taps.items() if name in wanted},
        tuple(translation.helpers),
        translation.unfolded,
    )
