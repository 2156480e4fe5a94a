"""Opens an ONNX file safely and prepares the two copies of it that are used.

Nothing in the file is executed. Data outside the file is read only from the model's own
folder, and only as many bytes as the tensor's shape asks for.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuroninterp.errors import ModelError
from neuroninterp.models.onnx.checks import (
    MAXIMUM_BYTES,
    MAXIMUM_NODES,
    check_nodes,
    check_tensors,
)
from neuroninterp.models.onnx.external import read_external_data
from neuroninterp.models.onnx.walk import all_nodes, graphs, names_read, nodes_inside, tensors

__all__ = ["OnnxFile", "load_onnx"]

OLDEST_OPSET = 7
_DEEPEST_CALL = 50
"""Most local functions that call one another in a row."""
_LARGEST_EXPANSION = 200
"""How much larger than the file its local functions may make it."""


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
    check_nodes(path, model)
    read_external_data(path, model)
    check_tensors(path, model)
    _free_sizes(model)
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


def _expand_functions(path: Path, model: Any) -> Any:
    """Replace calls of local functions by their bodies, after measuring what that would give."""
    from onnx import inliner

    bodies = {(f.domain, f.name): f for f in model.functions}
    sizes: dict[tuple[str, str], tuple[int, int]] = {}

    def measure(nodes: Any, open_calls: tuple[tuple[str, str], ...]) -> tuple[int, int]:
        """Return operations and bytes."""
        count = total = 0
        for node in nodes_inside(nodes):
            key = (node.domain, node.op_type)
            if key in open_calls or len(open_calls) > _DEEPEST_CALL:
                raise ModelError(
                    f"{path}: local function {node.op_type!r} calls itself, or its calls nest more "
                    f"than {_DEEPEST_CALL} deep"
                )
            if key in bodies and key not in sizes:
                sizes[key] = measure(bodies[key].node, (*open_calls, key))
            inside = sizes.get(key, (1, 0))
            count, total = count + inside[0], total + inside[1] + node.ByteSize()
        return count, total

    for key, function in bodies.items():
        sizes.setdefault(key, measure(function.node, (key,)))
    count, total = measure(model.graph.node, ())
    if count > MAXIMUM_NODES or total > _LARGEST_EXPANSION * path.stat().st_size:
        raise ModelError(
            f"{path}: its local functions expand to {count:,} operations of {total:,} bytes; not "
            "opened"
        )
    try:
        return inliner.inline_local_functions(model)
    except Exception as error:  # the inliner's own classes share no narrower base
        raise ModelError(f"{path}: its local functions cannot be expanded ({error})") from error


def _free_sizes(model: Any) -> None:
    """Leave sizes of 0 and below open, which is what exporters mean by them."""
    for graph in graphs(model):
        for value in [*graph.input, *graph.output, *graph.value_info]:
            for dim in value.type.tensor_type.shape.dim:
                if dim.HasField("dim_value") and dim.dim_value <= 0:
                    dim.ClearField("dim_value")


def _write_out_same_padding(model: Any) -> None:
    """Write "same" padding of dilated convolutions at stride 1 as numbers."""
    import onnx

    shapes = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    for node in nodes_inside(model.graph.node):
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
    for tensor in tensors(model):
        if tensor.data_type == narrow:
            found = True
            wide = onnx.numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(wide, tensor.name))
    for node in all_nodes(model):
        for attribute in node.attribute:
            if attribute.name in ("to", "dtype") and attribute.i == narrow:
                attribute.i, found = single, True
    for graph in graphs(model):
        for value in [*graph.input, *graph.output, *graph.value_info]:
            if value.type.tensor_type.elem_type == narrow:
                value.type.tensor_type.elem_type, found = single, True
    return found


def _sort(path: Path, graph: Any) -> None:
    """Put the operations in topological order, which some converters leave out."""
    nodes = list(graph.node)
    makers: dict[str, int] = {}
    for index, node in enumerate(nodes):
        for name in filter(None, node.output):
            makers.setdefault(name, index)
    before = [{makers[name] for name in names_read(node) if name in makers} for node in nodes]
    after: list[list[int]] = [[] for _ in nodes]
    for index, made in enumerate(before):
        for maker in made:
            after[maker].append(index)
    # What is in order already stays as it is: of the operations that may come next, the first.
    free = [index for index, made in enumerate(before) if not made]
    ordered = []
    while free:
        index = heapq.heappop(free)
        ordered.append(index)
        for reader in after[index]:
            before[reader].discard(index)
            if not before[reader]:
                heapq.heappush(free, reader)
    if len(ordered) < len(nodes):
        held = nodes[min(set(range(len(nodes))) - set(ordered))]
        raise ModelError(f"{path}: operation {held.name or held.op_type!r} is in a cycle")
    if ordered == sorted(ordered):
        return
    copies = [type(nodes[index])() for index in ordered]
    for copy, index in zip(copies, ordered, strict=True):
        copy.CopyFrom(nodes[index])
    del graph.node[:]
    graph.node.extend(copies)
