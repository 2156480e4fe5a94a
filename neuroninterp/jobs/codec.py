"""Values as bytes and back, exactly: no number loses a digit, nothing is executed.

A text of JSON that tells the structure is followed by the arrays, each as it lies in memory.
Dataclasses are written field by field under their names and made anew from these; only those
that :func:`storable` was told of are made. Pickle would be shorter, but opening a colleague's
folder must not run what it says.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import numpy as np

__all__ = ["CodecError", "decode", "encode", "storable"]

_Type = TypeVar("_Type", bound=type)

_KINDS = "?bhilqBHILQefd"
"""Types of arrays: truth, whole numbers and floats."""
_HEAD = struct.Struct("<QQ")
_LEVEL = 1

_types: dict[str, type] = {}


class CodecError(ValueError):
    """Bytes that are no encoded value, or a value that cannot be encoded."""


def storable(*types: _Type) -> None:
    """Let dataclasses be written and read by their names.

    Parameters
    ----------
    *types : type
        Dataclasses whose fields are arguments of their constructors.
    """
    for kind in types:
        known = _types.setdefault(kind.__name__, kind)
        if known is not kind or not is_dataclass(kind):
            raise CodecError(f"{kind} cannot be stored under its name")


def encode(value: Any, *, level: int = _LEVEL) -> bytes:
    """Return a value as bytes; equal values give equal bytes.

    Parameters
    ----------
    value : Any
        None, truth, whole and floating-point numbers, text, bytes, NumPy arrays of these
        numbers, dataclasses named to :func:`storable`, and tuples, lists and dicts (with text
        as keys) of all that.
    level : int
        Of compression, 0 for none.

    Raises
    ------
    CodecError
        If it holds anything else.
    """
    arrays: list[bytes] = []
    structure = json.dumps(_taken_apart(value, arrays), separators=(",", ":")).encode("utf-8")
    packed = zlib.compress(structure, level)
    body = zlib.compress(b"".join(arrays), level)
    return _HEAD.pack(len(packed), len(body)) + packed + body


def decode(data: bytes) -> Any:
    """Return the value that :func:`encode` wrote; arrays cannot be written to.

    Raises
    ------
    CodecError
        If the bytes are not such a value.
    """
    try:
        packed, body = _HEAD.unpack_from(data)
        begin = _HEAD.size
        if len(data) != begin + packed + body:
            raise CodecError(f"{len(data)} bytes instead of {begin + packed + body}")
        structure = json.loads(zlib.decompress(data[begin : begin + packed]))
        return _put_together(structure, zlib.decompress(data[begin + packed :]))
    except (struct.error, zlib.error, KeyError, TypeError, ValueError, IndexError) as error:
        raise CodecError(f"not an encoded value: {error}") from error


def _taken_apart(value: Any, arrays: list[bytes]) -> Any:
    """Return plain JSON; what JSON has no word for becomes a list that begins with its kind."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, np.generic):
        return _array(np.asarray(value), arrays, "scalar")
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, bytes):
        return _array(np.frombuffer(value, np.uint8), arrays, "bytes")
    if isinstance(value, np.ndarray):
        return _array(value, arrays)
    if isinstance(value, (tuple, list)):
        return [type(value).__name__, *(_taken_apart(item, arrays) for item in value)]
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise CodecError("keys of a dict must be text")
        return {key: _taken_apart(item, arrays) for key, item in value.items()}
    kind = type(value)
    if _types.get(kind.__name__) is not kind:
        raise CodecError(f"a value of type {kind.__name__} cannot be stored")
    held = {f.name: _taken_apart(getattr(value, f.name), arrays) for f in fields(value) if f.init}
    return ["record", kind.__name__, held]


def _array(value: np.ndarray, arrays: list[bytes], *what: str) -> list[Any]:
    if value.dtype.char not in _KINDS:
        raise CodecError(f"an array of {value.dtype} cannot be stored")
    little = value.astype(value.dtype.newbyteorder("<"), order="C", copy=False)
    arrays.append(little.tobytes())
    return ["array", little.dtype.str, list(value.shape), *what]


def _put_together(structure: Any, body: bytes) -> Any:
    place = 0

    def build(item: Any) -> Any:
        nonlocal place
        if isinstance(item, dict):
            return {key: build(held) for key, held in item.items()}
        if not isinstance(item, list):
            return item
        kind, *rest = item
        if kind == "record":
            # Arguments are made in the order in which they were taken apart.
            return _types[rest[0]](**{name: build(held) for name, held in rest[1].items()})
        if kind != "array":
            return {"tuple": tuple, "list": list}[kind](build(held) for held in rest)
        dtype = np.dtype(rest[0])
        if dtype.char not in _KINDS:
            raise CodecError(f"an array of {dtype}")
        count = int(np.prod(rest[1], dtype=np.int64))
        flat = np.frombuffer(body, dtype, count, place)
        place += flat.nbytes
        if rest[2:] == ["bytes"]:
            return flat.tobytes()
        return flat[0] if rest[2:] == ["scalar"] else flat.reshape(rest[1])

    value = build(structure)
    if place != len(body):
        raise CodecError(f"{len(body) - place} bytes too many")
    return value
