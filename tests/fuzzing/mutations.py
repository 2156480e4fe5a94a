"""Ways to damage a file: its bytes, its fields, its members."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = [
    "damaged_bytes",
    "damaged_hdf5",
    "damaged_lines",
    "damaged_onnx",
    "damaged_saved_model",
    "damaged_zip",
    "json_member",
]

SIZES = (0, 1, -1, 2, 3, 7, 255, 2**16, 2**31 - 1, 2**31, 2**40, 2**62, -(2**63))
FLOATS = (0.0, -1.0, 1e-30, 1e30, float("nan"), float("inf"), -float("inf"))
NAMES = (
    "",
    "x",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "a\x1b[31mb\nc\0d",
    "é" * 300,
    "dna",
)
OPERATIONS = [
    "Add",
    "Mul",
    "Sub",
    "Div",
    "Pow",
    "Sqrt",
    "Abs",
    "Exp",
    "Log",
    "Relu",
    "Sigmoid",
    "Softmax",
    "Conv",
    "ConvTranspose",
    "MaxPool",
    "AveragePool",
    "GlobalMaxPool",
    "GlobalAveragePool",
    "LpPool",
    "Pad",
    "Slice",
    "Gather",
    "Squeeze",
    "Unsqueeze",
    "Reshape",
    "Transpose",
    "Flatten",
    "Expand",
    "Tile",
    "Resize",
    "Range",
    "ConstantOfShape",
    "Shape",
    "Size",
    "Split",
    "Concat",
    "MatMul",
    "Gemm",
    "Einsum",
    "BatchNormalization",
    "InstanceNormalization",
    "LayerNormalization",
    "LSTM",
    "GRU",
    "If",
    "Loop",
    "Scan",
    "NonZero",
    "TopK",
    "Where",
    "Cast",
    "Clip",
    "PRelu",
    "DequantizeLinear",
    "QuantizeLinear",
    "QLinearConv",
    "ReduceMean",
    "ReduceMax",
    "CumSum",
    "OneHot",
    "ScatterND",
    "GatherND",
    "DepthToSpace",
    "Identity",
    "Dropout",
    "Wibble",
]


def damaged_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    """Flip, overwrite, cut, repeat, swap or truncate."""
    found = bytearray(data)
    size = len(found)
    at = int(rng.integers(size))
    length = int(min(1 + rng.geometric(0.05), size - at))
    kind = rng.integers(7)
    if kind == 0:
        for where in rng.integers(size, size=rng.geometric(0.3)):
            found[where] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        found[at : at + length] = rng.bytes(length)
    elif kind == 2:
        found[at : at + length] = rng.choice([b"\0", b"\xff", b"\x7f"]) * length
    elif kind == 3:
        del found[at : at + length]
    elif kind == 4:
        found[at:at] = found[at : at + length]
    elif kind == 5:
        other = int(rng.integers(size - length + 1))
        one, two = bytes(found[at : at + length]), bytes(found[other : other + length])
        found[other : other + length], found[at : at + length] = one, two
    else:
        del found[at:]
    return bytes(found)


def damaged_lines(data: bytes, rng: np.random.Generator) -> bytes:
    """Change the words and lines of a text."""
    lines = data.split(b"\n")
    at = int(rng.integers(len(lines)))
    words = lines[at].split()
    kind = rng.integers(6)
    odd = [b"-1", b"1e400", b"nan", b"9" * 40, b"\0", b">", b"\xff\xfe", b"\t\t", b"0", b""]
    if kind == 0 and words:
        words[int(rng.integers(len(words)))] = odd[int(rng.integers(len(odd)))]
        lines[at] = b" ".join(words) if rng.random() < 0.5 else b"\t".join(words)
    elif kind == 1:
        del lines[at]
    elif kind == 2:
        lines.insert(int(rng.integers(len(lines))), lines[at])
    elif kind == 3:
        other = int(rng.integers(len(lines)))
        lines[at], lines[other] = lines[other], lines[at]
    elif kind == 4:
        lines[at] = lines[at] * int(rng.integers(2, 50))
    else:
        return damaged_bytes(data, rng)
    return b"\n".join(lines)


def damaged_json(document: Any, rng: np.random.Generator) -> Any:
    """Change, remove or repeat one value of a JSON document."""
    found = copy.deepcopy(document)
    places = list(_places(found))
    holder, key = places[int(rng.integers(len(places)))]
    kind = rng.integers(5)
    if kind == 0:
        del holder[key]
    elif kind == 1:
        other, other_key = places[int(rng.integers(len(places)))]
        holder[key] = copy.deepcopy(other[other_key])
    elif kind == 2 and isinstance(holder, list):
        holder.append(copy.deepcopy(holder[key]))
    else:
        odd = [*SIZES, *FLOATS[:4], *NAMES, None, True, [], {}, [[]], "relu", "Lambda", "Dense"]
        holder[key] = odd[int(rng.integers(len(odd)))]
    return found


def _places(document: Any) -> Any:
    """Yield every (container, key) of a JSON document."""
    keys = document if isinstance(document, dict) else range(len(document))
    for key in list(keys):
        yield document, key
        if isinstance(document[key], (dict, list)):
            yield from _places(document[key])


def damaged_zip(
    data: bytes, rng: np.random.Generator, inside: dict[str, Callable[..., bytes]]
) -> bytes:
    """Change one member of an archive, or drop, rename or empty it."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = list(members)[int(rng.integers(len(members)))]
    kind = rng.integers(8)
    if kind == 0:
        del members[name]
    elif kind == 1:
        members[f"../{name}"] = members.pop(name)
    elif kind == 2:
        members[name] = b""
    else:
        members[name] = inside.get(name, damaged_bytes)(members[name], rng)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for member, contents in members.items():
            archive.writestr(member, contents)
    return stream.getvalue()


def json_member(data: bytes, rng: np.random.Generator) -> bytes:
    """Damage a JSON text as a document."""
    return json.dumps(damaged_json(json.loads(data), rng)).encode()


def damaged_onnx(data: bytes, rng: np.random.Generator) -> bytes:
    """Change one field of an ONNX model."""
    import onnx

    model = onnx.load_model_from_string(data)
    changes = (
        _tensor_size,
        _tensor_data,
        _attribute,
        _operation,
        _reading,
        _input_shape,
        _nodes,
        _header,
    )
    for _ in range(int(rng.geometric(0.7))):
        changes[int(rng.integers(len(changes)))](model, rng)
    return model.SerializeToString()


def _pick(values: Any, rng: np.random.Generator) -> Any:
    return values[int(rng.integers(len(values)))]


def _tensor_size(model: Any, rng: np.random.Generator) -> None:
    tensor = _pick(model.graph.initializer, rng)
    if tensor.dims:
        tensor.dims[int(rng.integers(len(tensor.dims)))] = _pick(SIZES, rng)


def _tensor_data(model: Any, rng: np.random.Generator) -> None:
    tensor = _pick(model.graph.initializer, rng)
    kind = rng.integers(5)
    if kind == 0:
        tensor.data_type = int(rng.integers(0, 24))
    elif kind == 1:
        tensor.raw_data = tensor.raw_data[: int(rng.integers(len(tensor.raw_data) + 1))]
    elif kind == 2:
        tensor.raw_data = damaged_bytes(tensor.raw_data or b"\0", rng)
    elif kind == 3:
        tensor.data_location = 1
        tensor.external_data.add(key="location", value=_pick(NAMES, rng))
        tensor.external_data.add(key="length", value=str(_pick(SIZES, rng)))
    else:
        tensor.name = _pick(NAMES, rng)


def _attribute(model: Any, rng: np.random.Generator) -> None:
    node = _pick(model.graph.node, rng)
    if not node.attribute:
        new = node.attribute.add()
        new.name, new.type, new.i = _pick(["axis", "group", "to", "ceil_mode"], rng), 2, 3
        return
    attribute = _pick(node.attribute, rng)
    kind = rng.integers(4)
    if kind == 0:
        node.attribute.remove(attribute)
    elif kind == 1:
        attribute.type = int(rng.integers(0, 15))
    elif attribute.ints:
        attribute.ints[int(rng.integers(len(attribute.ints)))] = _pick(SIZES, rng)
        if kind == 2:
            attribute.ints.append(1)
    elif attribute.s:
        attribute.s = _pick(NAMES, rng).encode()
    else:
        attribute.i, attribute.f = _pick(SIZES, rng), _pick(FLOATS, rng)


def _operation(model: Any, rng: np.random.Generator) -> None:
    node = _pick(model.graph.node, rng)
    if rng.random() < 0.2:
        node.domain = _pick(["ai.onnx.ml", "com.microsoft", "x"], rng)
    else:
        node.op_type = _pick(OPERATIONS, rng)


def _reading(model: Any, rng: np.random.Generator) -> None:
    graph = model.graph
    names = [name for node in graph.node for name in (*node.input, *node.output)]
    node = _pick(graph.node, rng)
    kind = rng.integers(4)
    if kind == 0 and node.input:
        node.input[int(rng.integers(len(node.input)))] = _pick([*names, *NAMES], rng)
    elif kind == 1 and node.input:
        del node.input[-1]
    elif kind == 2:
        node.input.append(_pick(names, rng))
    elif node.output:
        node.output[0] = _pick([*names, *NAMES], rng)


def _input_shape(model: Any, rng: np.random.Generator) -> None:
    value = _pick(model.graph.input, rng)
    kind = rng.integers(4)
    dimensions = value.type.tensor_type.shape.dim
    if kind == 0 and dimensions:
        _pick(dimensions, rng).dim_value = _pick(SIZES, rng)
    elif kind == 1 and dimensions:
        del dimensions[int(rng.integers(len(dimensions)))]
    elif kind == 2:
        value.type.tensor_type.elem_type = int(rng.integers(0, 24))
    else:
        value.name = _pick(NAMES, rng)


def _nodes(model: Any, rng: np.random.Generator) -> None:
    nodes = model.graph.node
    kind = rng.integers(4)
    if kind == 0 and len(nodes) > 1:
        del nodes[int(rng.integers(len(nodes)))]
    elif kind == 1:
        nodes.add().CopyFrom(_pick(nodes, rng))
    elif kind == 2:
        moved = list(nodes)
        rng.shuffle(moved)
        copies = [type(node).FromString(node.SerializeToString()) for node in moved]
        del nodes[:]
        nodes.extend(copies)
    else:
        _pick(nodes, rng).name = _pick(NAMES, rng)


def _header(model: Any, rng: np.random.Generator) -> None:
    kind = rng.integers(4)
    if kind == 0:
        _pick(model.opset_import, rng).version = _pick([*SIZES, 6, 7, 8, 11, 13, 30], rng)
    elif kind == 1:
        model.ir_version = _pick(SIZES, rng)
    elif kind == 2:
        model.graph.output[0].name = _pick(NAMES, rng)
    else:
        _pick(model.opset_import, rng).domain = _pick(NAMES, rng)


def damaged_saved_model(data: bytes, rng: np.random.Generator) -> bytes:
    """Change one operation, or the declared shape of a variable, of a ``saved_model.pb``."""
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel.FromString(data)
    graph = model.meta_graphs[0]
    node = _pick(_pick(graph.graph_def.library.function, rng).node_def, rng)
    kind = rng.integers(5)
    if kind == 0:
        odd = ["ReadFile", "PyFunc", "Conv2D", "Relu", "Placeholder", "Wibble", "", "Fill"]
        node.op = _pick(odd, rng)
    elif kind == 1 and node.input:
        node.input[0] = _pick(["x", "", "^x", node.name], rng)
    elif kind == 2 and node.attr:
        del node.attr[_pick(sorted(node.attr), rng)]
    elif kind == 3:
        node.name = _pick(["x", "", "a/../b"], rng)
    else:
        variables = [n.variable for n in graph.object_graph_def.nodes if n.HasField("variable")]
        shape = _pick(variables, rng).shape
        if shape.dim:
            _pick(shape.dim, rng).size = _pick(SIZES, rng)
    return model.SerializeToString()


def damaged_hdf5(data: bytes, rng: np.random.Generator) -> bytes:
    """Change an attribute, or remove or reshape an array; a JSON attribute as a document."""
    import h5py

    stream = io.BytesIO(data)
    with h5py.File(stream, "r+") as file:
        holders = [file]
        file.visititems(lambda _, item: holders.append(item))
        holder = holders[int(rng.integers(len(holders)))]
        keys = list(holder.attrs)
        kind = rng.integers(4)
        if "model_config" in file.attrs and kind == 0:
            document = json.loads(file.attrs["model_config"])
            file.attrs["model_config"] = json.dumps(damaged_json(document, rng))
        elif keys and kind < 3:
            odd = [1, -1, b"\xff", "x", np.zeros(0), np.full(3, 2**40), *NAMES[2:4]]
            holder.attrs[_pick(keys, rng)] = _pick(odd, rng)
        elif isinstance(holder, h5py.Dataset) and holder.name:
            shape = _pick([(), (0,), (3, 4), (1, 2, 3, 4)], rng)
            name = holder.name
            del file[name]
            if rng.random() < 0.7:
                kinds: list[Any] = ["f4", "i8", "S3", "c8", "?"]
                file.create_dataset(name, shape, _pick(kinds, rng))
        elif holder.name != "/":
            del file[holder.name]
    return stream.getvalue()
