"""What an ONNX file says of itself is checked once, before any library believes it.

ONNX Runtime and TensorFlow end the process where a stored tensor is smaller than its shape, a
stride is zero or larger than they count, a kernel is no kernel, or an order of axes leaves one out;
NumPy and protocol buffers raise errors of every kind.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from neuroninterp.errors import ModelError
from neuroninterp.models.onnx.walk import all_nodes, names, sparse_tensors, tensors

__all__ = ["MAXIMUM_BYTES", "MAXIMUM_NODES", "check_nodes", "check_tensors", "stored_size"]

MAXIMUM_BYTES = 2_000_000_000
"""Largest model, external data included: protocol buffers hold no more than 2 GB."""
MAXIMUM_NODES = 20_000
"""Most operations, local functions expanded."""

_LONGEST_NAME = 10_000
_LARGEST_RANK = 32
"""Most axes of a stored tensor: what every NumPy can hold."""
_LARGEST_SETTING = 2**24
"""Largest stride, dilation and so on. No sequence is longer, and products fit 64 bits."""
_SETTINGS = frozenset(
    {"dilations", "group", "kernel_shape", "output_padding", "output_shape", "pads", "strides"}
)
_COUNTS = frozenset({"dilations", "group", "kernel_shape", "strides"})
"""Of these the smallest is 1."""
_CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})
_SMALLEST_RANK = 3
"""Axes of the kernel of a convolution along one axis."""
_LARGEST_EXPANSION = 200
"""How much larger than its numbers a sparse tensor may be."""
_ALWAYS_SPARSE = 2**20
"""Entries up to which a sparse tensor may be as empty as it likes."""

# By ONNX's numbers of the types, which an older onnx does not name all.
_BITS = {
    **dict.fromkeys((2, 3, 8, 9, 17, 18, 19, 20, 24), 8),
    **dict.fromkeys((4, 5, 10, 16), 16),
    **dict.fromkeys((1, 6, 12), 32),
    **dict.fromkeys((7, 11, 13, 14), 64),
    15: 128,
    **dict.fromkeys((21, 22, 23), 4),
    **dict.fromkeys((25, 26), 2),
}
"""Bits of one entry by type; texts (8) are counted as one byte each."""
_FIELDS = {
    **dict.fromkeys((1, 14), ("float_data", 4)),
    7: ("int64_data", 8),
    8: ("string_data", 1),
    **dict.fromkeys((11, 15), ("double_data", 8)),
    12: ("uint64_data", 4),
    13: ("uint64_data", 8),
}
"""Where the entries of a type are kept unless as raw bytes, and the bytes of each."""


def check_nodes(path: Path, model: Any) -> None:
    """Refuse too many operations, settings that no network has, and names that are no text.

    Parameters
    ----------
    path : Path
        The file, for messages.
    model : onnx.ModelProto
        The network as it was parsed.

    Raises
    ------
    ModelError
        Naming the operation.
    """
    for number, _ in enumerate(all_nodes(model), start=1):
        if number > MAXIMUM_NODES:
            raise ModelError(f"{path}: more than {MAXIMUM_NODES:,} operations; not opened")
    for name in names(model):
        if isinstance(name, bytes) or len(name) > _LONGEST_NAME:
            raise ModelError(
                f"{path}: the name {name[:40]!r} is not UTF-8, or longer than {_LONGEST_NAME:,} "
                "characters; export or copy the model again"
            )
    kernels = {tensor.name: tensor.dims for tensor in model.graph.initializer}
    for node in all_nodes(model):
        where = f"{path}: operation {node.name or node.op_type!r}"
        if not node.op_type or not any(node.output):
            raise ModelError(f"{where} has no type or no output; export or copy the model again")
        _check_settings(where, node)
        kernel = kernels.get(node.input[1]) if len(node.input) > 1 else None
        if node.op_type in _CONVOLUTIONS and kernel is not None and len(kernel) < _SMALLEST_RANK:
            raise ModelError(
                f"{where} has a kernel of shape {_shape(kernel)}; export or copy the model again"
            )


def _check_settings(where: str, node: Any) -> None:
    """Refuse sizes and orders that no operation has."""
    for attribute in node.attribute:
        given = (*attribute.ints,) or ((attribute.i,) if attribute.HasField("i") else ())
        said = None
        smallest, largest = min(given, default=1), max(map(abs, given), default=1)
        if attribute.name == "perm" and sorted(given) != [*range(len(given))]:
            said = f"puts axes in the order {list(given)[:_LARGEST_RANK]}, which leaves one out"
        elif attribute.name in _COUNTS and smallest < 1:
            said = f"has {attribute.name} of {smallest:,}"
        elif attribute.name in _SETTINGS and largest > _LARGEST_SETTING:
            said = f"has {attribute.name} of {largest:,}, more than any sequence is long"
        if said is not None:
            raise ModelError(f"{where} {said}; export or copy the model again")


def check_tensors(path: Path, model: Any) -> None:
    """Refuse stored tensors whose shape says something else than their data.

    Parameters
    ----------
    path : Path
        The file, for messages.
    model : onnx.ModelProto
        The network, its external data read in.

    Raises
    ------
    ModelError
        Naming the tensor.
    """
    for tensor in tensors(model):
        expected = stored_size(path, tensor)
        found = _found_size(tensor)
        if found != expected or tensor.HasField("segment"):
            raise ModelError(
                f"{path}: stored tensor {tensor.name!r} does not fit its shape "
                f"{_shape(tensor.dims)}: {expected:,} bytes expected, {found:,} found; export or "
                "copy the model again"
            )
    for sparse in sparse_tensors(model):
        entries = math.prod(max(size, 0) for size in sparse.dims)
        kept = math.prod(sparse.values.dims)
        if entries > max(_ALWAYS_SPARSE, _LARGEST_EXPANSION * kept):
            raise ModelError(
                f"{path}: sparse tensor {sparse.values.name!r} of shape {_shape(sparse.dims)} "
                f"holds {kept:,} numbers; refused"
            )


def stored_size(path: Path, tensor: Any) -> int:
    """Return how many bytes the data of a tensor must have.

    Parameters
    ----------
    path : Path
        The file, for messages.
    tensor : onnx.TensorProto
        The tensor.

    Returns
    -------
    int
        Bytes; of a tensor of texts, how many there are.

    Raises
    ------
    ModelError
        If its type is unknown, or its shape is none or larger than a model may be.
    """
    bits = _BITS.get(tensor.data_type)
    where = f"{path}: stored tensor {tensor.name!r}"
    if bits is None:
        raise ModelError(
            f"{where} is of type {tensor.data_type}, which is not known; export or copy the model "
            "again"
        )
    dims = list(tensor.dims)
    # A zero among the sizes must not hide the others.
    largest = math.prod(max(size, 1) for size in dims[:_LARGEST_RANK]) * bits // 8
    if min(dims, default=0) < 0 or len(dims) > _LARGEST_RANK or largest > MAXIMUM_BYTES:
        raise ModelError(
            f"{where} has shape {_shape(dims)}, which no data in a file can have; export or copy "
            "the model again"
        )
    return -(-math.prod(dims) * bits // 8)


def _found_size(tensor: Any) -> int:
    """Return how many bytes of data a tensor has (of texts, how many)."""
    if tensor.HasField("raw_data"):
        return len(tensor.raw_data)
    field, item = _FIELDS.get(tensor.data_type, ("int32_data", 0))
    # Types of less than 4 bytes are kept one byte or number to an int32.
    return len(getattr(tensor, field)) * (item or max(_BITS[tensor.data_type] // 8, 1))


def _shape(dims: Any) -> str:
    """Write a shape, its first sizes where it has many."""
    sizes = [str(size) for size in dims[:8]]
    return f"[{', '.join(sizes)}{', …' if len(dims) > 8 else ''}]"
