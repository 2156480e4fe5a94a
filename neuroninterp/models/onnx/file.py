"""Opens an ONNX file safely and prepares the two copies of it that are used.

Nothing in the file is executed. Data outside the file is read only from the model's own
folder, and only as many bytes as the tensor's shape asks for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuroninterp.errors import ModelError

__all__ = ["OnnxFile", "load_onnx", "names_read"]

MAXIMUM_BYTES = 2_000_000_000
"""Largest model, external data included: protocol buffers hold no more than 2 GB."""
MAXIMUM_NODES = 100_000
"""Most operations after local functions are expanded."""
OLDEST_OPSET = 7


@dataclass(frozen=True, eq=False)
class OnnxFile:
    """A file's network, twice.

    Parameters
    ----------
    path : Path
        The file.
    runnable : onnx.ModelProto
        The network as the file has it, external data read in. Only what ONNX Runtime refuses
        is written in another way: "same" padding of dilated convolutions, ``Erfc`` (which is
        no ONNX operation, but Keras exports it), and bfloat16 as float32.
    analysed : onnx.ModelProto
        The same with local functions expanded, half precision widened to float32, and
        the operations in topological order.
    opset : int
        Version of the standard operator set.
    notes : tuple of str
        What of the network is computed in another way than the file says.
    """

    path: Path
    runnable: Any
    analysed: Any
    opset: int
    notes: tuple[str, ...] = ()


def load_onnx(path: Path) -> OnnxFile:
    """Read an ``.onnx`` file.

    Parameters
    ----------
    path : Path
        The file; external data must lie in the same folder.

    Returns
    -------
    OnnxFile
        The network.

    Raises
    ------
    ModelError
        If the file is missing, empty, truncated, not ONNX, larger than 2 GB with its
        external data, older than opset 7, or refers to data outside its folder.
    """
    import onnx

    model = _parse(path)
    opset = _opset(path, model)
    _read_external_data(path, model)
    _write_out_same_padding(model)
    _write_out_erfc(model)
    narrowed = _widen(model, onnx.TensorProto.BFLOAT16)
    analysed = onnx.ModelProto()
    analysed.CopyFrom(model)
    if analysed.functions:
        analysed = _expand_functions(path, analysed)
        _write_out_same_padding(analysed)
    _widen(analysed, onnx.TensorProto.FLOAT16)
    del analysed.graph.value_info[:]
    _sort(path, analysed.graph)
    notes = ("its bfloat16 numbers are computed with as float32",) if narrowed else ()
    return OnnxFile(path, model, analysed, opset, notes)


def names_read(node: Any) -> list[str]:
    """Return the tensors a node reads, those its sub-graphs take from outside included."""
    names = [name for name in node.input if name]
    for graph in _subgraphs(node):
        inside = {value.name for value in graph.input}
        inside.update(tensor.name for tensor in graph.initializer)
        for inner in graph.node:
            names.extend(name for name in names_read(inner) if name not in inside)
            inside.update(inner.output)
        names.extend(value.name for value in graph.output if value.name not in inside)
    return names


def _parse(path: Path) -> Any:
    import onnx

    if not path.is_file():
        raise ModelError(f"{path}: no such file; give the path of an .onnx file")
    size = path.stat().st_size
    if size == 0:
        raise ModelError(f"{path}: the file is empty; export the model again")
    if size > MAXIMUM_BYTES:
        raise ModelError(f"{path}: {size} bytes, more than the {MAXIMUM_BYTES} an ONNX file holds")
    try:
        model = onnx.load_model_from_string(path.read_bytes())
    except Exception as error:  # protobuf's DecodeError, which has no typed import
        raise ModelError(
            f"{path}: not an ONNX file, or a truncated one; export or copy the model again"
        ) from error
    if not model.graph.node or not model.opset_import:
        raise ModelError(
            f"{path}: holds no ONNX network ({len(model.graph.node)} operations, "
            f"{len(model.opset_import)} operator sets); export or copy the model again"
        )
    return model


def _opset(path: Path, model: Any) -> int:
    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    if not versions or max(versions) < OLDEST_OPSET:
        found = f"opset {max(versions)}" if versions else "no standard operator set"
        raise ModelError(f"{path}: {found}; export the model with opset {OLDEST_OPSET} or newer")
    return int(max(versions))


def _subgraphs(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _nodes(nodes: Any) -> Iterator[Any]:
    """Yield all nodes, those of sub-graphs included."""
    for node in nodes:
        yield node
        for graph in _subgraphs(node):
            yield from _nodes(graph.node)


def _graphs(model: Any) -> Iterator[Any]:
    yield model.graph
    for node in _all_nodes(model):
        yield from _subgraphs(node)


def _all_nodes(model: Any) -> Iterator[Any]:
    yield from _nodes(model.graph.node)
    for function in model.functions:
        yield from _nodes(function.node)


def _tensors(model: Any) -> Iterator[Any]:
    """Yield every stored tensor, wherever it is stored."""
    for graph in _graphs(model):
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for node in _all_nodes(model):
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def _read_external_data(path: Path, model: Any) -> None:
    """Read tensors kept in files beside the model into the model."""
    import onnx

    total = path.stat().st_size
    stretches = []
    for tensor in _tensors(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            stretch = _external_stretch(path, tensor)
            total += stretch[2]
            stretches.append((tensor, *stretch))
    if total > MAXIMUM_BYTES:
        raise ModelError(f"{path}: {total} bytes with its data files, more than {MAXIMUM_BYTES}")
    for tensor, file, offset, length in stretches:
        with file.open("rb") as stream:
            stream.seek(offset)
            tensor.raw_data = stream.read(length)
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]


def _external_stretch(path: Path, tensor: Any) -> tuple[Path, int, int]:
    """Return the data file, offset and length of an external tensor, checked."""
    import onnx

    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    where = f"{path}: tensor {tensor.name!r} is kept in {location!r}"
    folder = path.parent.resolve()
    file = (folder / location).resolve()
    if not location or Path(location).is_absolute() or folder not in file.parents:
        raise ModelError(f"{where}, outside the model's folder; not opened")
    if not file.is_file():
        raise ModelError(f"{where}, which does not exist; put that file beside the model")
    try:
        itemsize = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        expected = math.prod(tensor.dims) * itemsize
        offset = int(entries.get("offset", 0))
        length = int(entries.get("length", expected))
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{where}, with an unreadable type, offset or length") from error
    available = file.stat().st_size
    if length != expected or offset < 0 or min(tensor.dims, default=1) < 0:
        raise ModelError(
            f"{where}: {length} bytes from {offset}, but shape {list(tensor.dims)} needs {expected}"
        )
    if offset + length > available:
        raise ModelError(
            f"{where}: needs bytes {offset} to {offset + length}, the file has {available}; "
            "copy it again"
        )
    return file, offset, length


def _expand_functions(path: Path, model: Any) -> Any:
    """Replace calls of local functions by their bodies, after counting what that would give."""
    from onnx import inliner

    bodies = {(f.domain, f.name): f for f in model.functions}
    counts: dict[tuple[str, str], int] = {}

    def count(nodes: Any, open_calls: tuple[tuple[str, str], ...]) -> int:
        total = 0
        for node in _nodes(nodes):
            key = (node.domain, node.op_type)
            if key in open_calls:
                raise ModelError(f"{path}: local function {node.op_type!r} calls itself")
            if key in bodies and key not in counts:
                counts[key] = count(bodies[key].node, (*open_calls, key))
            total += counts.get(key, 1)
        return total

    if (total := count(model.graph.node, ())) > MAXIMUM_NODES:
        raise ModelError(f"{path}: its local functions expand to {total} operations; not opened")
    return inliner.inline_local_functions(model)


def _write_out_same_padding(model: Any) -> None:
    """Write "same" padding of dilated convolutions at stride 1 as numbers."""
    import onnx

    shapes = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    for node in _nodes(model.graph.node):
        if node.op_type != "Conv" or node.domain not in ("", "ai.onnx") or len(node.input) < 2:
            continue
        mode = next((a.s for a in node.attribute if a.name == "auto_pad"), b"NOTSET")
        lists = {a.name: list(a.ints) for a in node.attribute}
        dilations = lists.get("dilations", [])
        kernel = lists.get("kernel_shape", shapes.get(node.input[1], [])[2:])
        dilated = len(dilations) == len(kernel) and max(dilations, default=1) > 1
        if mode not in (b"SAME_UPPER", b"SAME_LOWER") or not dilated:
            continue
        if max(lists.get("strides", []), default=1) > 1:
            continue
        totals = [(k - 1) * d for k, d in zip(kernel, dilations, strict=True)]
        small, large = [t // 2 for t in totals], [t - t // 2 for t in totals]
        pads = small + large if mode == b"SAME_UPPER" else large + small
        kept = [a for a in node.attribute if a.name not in ("auto_pad", "pads")]
        del node.attribute[:]
        node.attribute.extend([*kept, onnx.helper.make_attribute("pads", pads)])


def _write_out_erfc(model: Any) -> None:
    """Write ``Erfc`` as 1 - Erf."""
    from onnx import TensorProto, helper

    found = [node for node in model.graph.node if node.op_type == "Erfc" and not node.domain]
    if not found:
        return
    nodes = []
    for node in model.graph.node:
        if node.op_type != "Erfc" or node.domain or (len(node.input), len(node.output)) != (1, 1):
            nodes.append(node)
            continue
        (output,) = node.output
        erf, minus, one = (f"{output}/{part}" for part in ("erf", "minus", "one"))
        value = helper.make_tensor(one, TensorProto.FLOAT, [], [1.0])
        nodes += [
            helper.make_node("Erf", node.input, [erf], name=node.name),
            helper.make_node("Neg", [erf], [minus]),
            helper.make_node("Constant", [], [one], value=value),
            helper.make_node("Add", [minus, one], [output]),
        ]
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(copies)


def _widen(model: Any, narrow: int) -> bool:
    """Turn 16-bit numbers into float32; tell whether there were any.

    So that layer values carry no rounding of the file's (half precision), or ONNX Runtime can
    compute with them at all on a CPU (bfloat16).
    """
    import numpy as np
    import onnx

    single = onnx.TensorProto.FLOAT
    found = False
    for tensor in _tensors(model):
        if tensor.data_type == narrow:
            found = True
            wide = onnx.numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(wide, tensor.name))
    for node in _all_nodes(model):
        for attribute in node.attribute:
            if attribute.name in ("to", "dtype") and attribute.i == narrow:
                attribute.i, found = single, True
    for graph in _graphs(model):
        for value in [*graph.input, *graph.output, *graph.value_info]:
            if value.type.tensor_type.elem_type == narrow:
                value.type.tensor_type.elem_type, found = single, True
    return found


def _sort(path: Path, graph: Any) -> None:
    """Put the operations in topological order, which some converters leave out."""
    waiting = list(graph.node)
    produced = {name for node in waiting for name in node.output if name}
    ready: set[str] = set()
    ordered: list[Any] = []
    while waiting:
        held = []
        for node in waiting:
            if all(name in ready or name not in produced for name in names_read(node)):
                ordered.append(node)
                ready.update(node.output)
            else:
                held.append(node)
        if len(held) == len(waiting):
            raise ModelError(f"{path}: operation {held[0].name or held[0].op_type!r} is in a cycle")
        waiting = held
    copies = [type(node)() for node in ordered]
    for copy, node in zip(copies, ordered, strict=True):
        copy.CopyFrom(node)
    del graph.node[:]
    graph.node.extend(copies)
