"""Values survive being stored, to the last bit, and nothing but values can be read."""

from __future__ import annotations

import math
import pickle
import struct
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from neuroninterp.jobs import CodecError, codec, decode, encode, storable


@dataclass(frozen=True, eq=False)
class Pair:
    """Two values."""

    left: object
    right: object


@dataclass(frozen=True)
class Stranger:
    """A value that nobody has named."""

    held: int = 0


storable(Pair)

NUMBERS = st.sampled_from(["?", "i1", "u1", "i4", "i8", "u8", "f2", "f4", "f8", ">f4", ">i8"])
ARRAYS = NUMBERS.flatmap(lambda kind: arrays(np.dtype(kind), array_shapes(min_dims=0, min_side=0)))
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.floats(width=32).map(np.float32),
    ARRAYS,
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text(max_size=5), inner, max_size=4),
        st.builds(Pair, inner, inner),
    ),
    max_leaves=12,
)


def same(a: object, b: object) -> bool:
    """Of one type, and equal to the last bit; NaN is itself."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        little = a.astype(a.dtype.newbyteorder("<"))
        return little.dtype == b.dtype and a.shape == b.shape and little.tobytes() == b.tobytes()
    if type(a) is not type(b):
        return False
    if isinstance(a, float) and isinstance(b, float):
        return struct.pack("d", a) == struct.pack("d", b) or (math.isnan(a) and math.isnan(b))
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, Pair) and isinstance(b, Pair):
        return same(a.left, b.left) and same(a.right, b.right)
    return bool(a == b) or (a != a and b != b)


@given(VALUES)
def test_what_is_read_is_what_was_written(value: object) -> None:
    assert same(value, decode(encode(value)))
    assert same(value, decode(encode(value, level=0)))
    assert encode(value) == encode(decode(encode(value)))


@given(VALUES, st.data())
def test_damaged_bytes_are_refused_or_are_another_value(value: object, data: st.DataObject) -> None:
    """Checksums find damage; without them nothing worse than another value comes of it."""
    written = bytearray(encode(value, level=0))
    place = data.draw(st.integers(0, len(written) - 1))
    written[place] ^= data.draw(st.integers(1, 255))
    for damaged in (bytes(written), bytes(written[:place])):
        try:
            decode(damaged)
        except CodecError:
            continue


@pytest.mark.parametrize(
    "value", [Stranger(), {1: 2}, object(), np.array(["text"]), np.array([None]), 1j]
)
def test_what_cannot_be_stored_is_refused(value: object) -> None:
    with pytest.raises(CodecError):
        encode(value)


def test_pickles_and_unknown_records_are_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CodecError):
        decode(pickle.dumps([1, 2]))
    written = encode(Pair(1, 2))
    monkeypatch.delitem(codec._types, "Pair")
    with pytest.raises(CodecError, match="Pair"):
        decode(written)
