"""MATLAB v5 files: their full numeric matrices, nothing else.

The format is read here, with every size checked against the file, because SciPy's reader
can take the whole process down on a damaged file. A file is a header of 128 bytes and a
row of elements, each with a tag (type, number of bytes). A matrix element holds flags,
dimensions, name and values as elements of their own; it may be compressed as a whole.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from neuroninterp.sequences.stored import check_whole

__all__ = ["MatlabArray", "matlab_arrays"]

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_STORED_TYPES = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip
_NUMERIC_CLASSES = range(6, 16)  # double, single, and the integers of 8 to 64 bits
_COMPLEX = 0x0800
_PREAMBLE = 2**16  # bytes within which a matrix must come to its values
_PIECE = 2**20


@dataclass(frozen=True)
class MatlabArray:
    """A numeric matrix of a MATLAB v5 file.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        Name of the variable.
    shape : tuple of int
        Its dimensions.
    dtype : numpy.dtype
        Type of the stored values, which may be narrower than the matrix's class.
    position, stored_bytes : int
        Where its element's contents stand in the file, and how many bytes they take.
    offset : int
        Where the values begin in the contents, once these are decompressed.
    compressed : bool
        Whether the contents are compressed.
    """

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    position: int
    stored_bytes: int
    offset: int
    compressed: bool

    @property
    def kind(self) -> str:
        """Always "number"."""
        return "number"

    @property
    def item_size(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    def chunk(self, axis: int) -> int:
        """Return 1: the matrix is in memory, or mapped, as a whole."""
        return 1

    def read(self, axis: int, start: int, stop: int) -> np.ndarray:
        """Return the matrix from ``start`` to ``stop`` along ``axis``."""
        part = (slice(None),) * axis + (slice(start, stop),)
        if self.compressed:
            return self._whole[part]
        # Mapped anew each time: what stays mapped stays in memory, page by page.
        place = self.position + self.offset
        return np.array(np.memmap(self.path, self.dtype, "r", place, self.shape, order="F")[part])

    @cached_property
    def _whole(self) -> np.ndarray:
        size = math.prod(self.shape) * self.item_size
        check_whole(self.name, size)
        with self.path.open("rb") as stream:
            stream.seek(self.position)
            contents = _inflate(stream.read(self.stored_bytes), self.offset + size)
        values = np.frombuffer(contents, self.dtype, math.prod(self.shape), self.offset)
        return values.reshape(self.shape, order="F")


def matlab_arrays(path: Path) -> dict[str, MatlabArray]:
    """List the full numeric matrices of a MATLAB v5 file without reading their values.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict of str to MatlabArray
        By name. Sparse and complex matrices, cells, structures and text are left out.

    Raises
    ------
    ValueError, struct.error, zlib.error
        If the file is truncated or damaged.
    """
    size = path.stat().st_size
    arrays = {}
    with path.open("rb") as stream:
        header = stream.read(_HEADER)
        order = {b"IM": "<", b"MI": ">"}.get(header[126:128])
        if order is None:
            raise ValueError("the header names no byte order")
        position = _HEADER
        while position < size:
            stream.seek(position)
            kind, length = struct.unpack(order + "II", stream.read(8))
            position += 8
            if position + length > size:
                raise ValueError(f"an element of {length} bytes runs over the end of the file")
            if kind in (_MATRIX, _COMPRESSED):
                start = stream.read(min(length, _PREAMBLE))
                array = _matrix(path, position, length, start, order, kind == _COMPRESSED)
                if array is not None:
                    arrays[array.name] = array
            position += length
            if kind != _COMPRESSED:
                position += -length % 8
    return arrays


def _matrix(
    path: Path, position: int, length: int, start: bytes, order: str, compressed: bool
) -> MatlabArray | None:
    """Read what precedes the values of one matrix; None if it is not numeric, full and real."""
    tag = 0
    available = length
    if compressed:
        start = zlib.decompressobj().decompress(start, _PREAMBLE)
        kind, available = struct.unpack_from(order + "II", start)
        tag = 8  # the decompressed contents begin with the tag of the matrix itself
        available += tag
        if kind != _MATRIX:
            return None
    _, place, width, cursor = _element(start, tag, order)
    flags = struct.unpack_from(order + "I", start, place)[0]
    if (flags & 0xFF) not in _NUMERIC_CLASSES or flags & _COMPLEX:
        return None
    _, place, width, cursor = _element(start, cursor, order)
    shape = struct.unpack_from(f"{order}{width // 4}i", start, place)
    _, place, width, cursor = _element(start, cursor, order)
    name = start[place : place + width].decode("latin-1")
    kind, place, width, _ = _element(start, cursor, order)
    if kind not in _STORED_TYPES:
        raise ValueError(f"variable {name!r} has values of the unknown type {kind}")
    dtype = np.dtype(order + _STORED_TYPES[kind])
    if min(shape) < 0 or math.prod(shape) * dtype.itemsize != width or place + width > available:
        raise ValueError(f"variable {name!r} does not hold the {shape} values that it declares")
    return MatlabArray(path, name, shape, dtype, position, length, place, compressed)


def _element(contents: bytes, cursor: int, order: str) -> tuple[int, int, int, int]:
    """Return type, place and bytes of the element at ``cursor``, and where the next begins."""
    kind, width = struct.unpack_from(order + "II", contents, cursor)
    if kind >> 16:  # up to four bytes stand in the tag itself
        return kind & 0xFFFF, cursor + 4, min(4, kind >> 16), cursor + 8
    return kind, cursor + 8, width, cursor + 8 + width + -width % 8


def _inflate(compressed: bytes, size: int) -> bytearray:
    """Decompress ``size`` bytes, and never more."""
    inflater = zlib.decompressobj()
    contents = bytearray()
    for start in range(0, len(compressed), _PIECE):
        piece = compressed[start : start + _PIECE]
        contents += inflater.decompress(piece, size - len(contents))
        if len(contents) == size:
            return contents
    raise ValueError("the compressed values end too early")
