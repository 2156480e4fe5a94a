"""What picks positions or channels in Keras: slices, reversals, indices, splits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from neuroninterp.graph import Node, Opaque, Pad, Pool, Reverse, Take
from neuroninterp.models.keras.axes import named
from neuroninterp.models.keras.values import Call, NotUnderstoodError, Value

__all__ = ["flip", "get_item", "split", "take"]


def get_item(call: Call) -> Value:
    """Translate ``tensor[key]`` with slices, numbers, ``None`` and ``...``."""
    value = call.only_input()
    result, axes = value, ""
    position = 0
    for part in _expanded(_key(call), len(value.axes)):
        if part is None:
            axes += "1"
            continue
        letter = value.axes[position]
        if isinstance(part, slice):
            axes += letter
            result = _sliced(call, result, position, part)
        else:
            result = _sliced(call, result, position, _single(part))
        position += 1
    if axes != value.axes:
        axes = named(axes)
    if not axes.startswith("N") or axes == "N":
        raise NotUnderstoodError(f"it leaves the axes {axes!r} of a tensor laid out {value.axes}")
    return _finished(call, result, axes)


def _key(call: Call) -> tuple[Any, ...]:
    arguments = [*call.arguments.args[1:], *call.arguments.kwargs.values()]
    key = arguments[0]
    return tuple(key) if isinstance(key, (tuple, list)) else (key,)


def _expanded(key: tuple[Any, ...], rank: int) -> Iterator[Any]:
    """Yield one entry an axis (None for a new one), with ``...`` written out."""
    taken = sum(part is not None and part is not Ellipsis for part in key)
    whole = [slice(None)] * (rank - taken)
    if not any(part is Ellipsis for part in key):
        key = (*key, Ellipsis)
    for part in key:
        if part is Ellipsis:
            yield from whole
        elif part is None or isinstance(part, (slice, int, np.integer)):
            yield part
        else:
            raise NotUnderstoodError(f"it picks by {type(part).__name__}")


def _single(index: Any) -> slice:
    index = int(index)
    return slice(index, index + 1 if index != -1 else None)


def _sliced(call: Call, value: Value, axis: int, part: slice) -> Value:
    """Apply a slice to one axis (numbered as in the call's input)."""
    if any(not isinstance(b, (int, np.integer, type(None))) for b in _bounds(part)):
        raise NotUnderstoodError("it slices by a tensor")
    letter = call.only_input().axes[axis]
    size = call.only_input().shape[axis]
    if _bounds(part) in ((None, None, None), (0, None, None), (0, None, 1), (None, None, 1)):
        return value
    if letter == "L":
        return _positions(call, value, size, part)
    if letter == "C" and size is not None:
        return _channels(call, value, axis, np.arange(size)[part])
    if letter == "1" and size in (1, None) and part.indices(1)[:2] == (0, 1):
        return value
    raise NotUnderstoodError(f"it slices axis {axis} of a tensor laid out {value.axes}")


def _bounds(part: slice) -> tuple[Any, Any, Any]:
    return part.start, part.stop, part.step


def _positions(call: Call, value: Value, size: int | None, part: slice) -> Value:
    """Crop, then take every s-th position; backward steps reverse first."""
    step = 1 if part.step is None else int(part.step)
    if size is None:
        left, right, kept = _open_ended(part)
    else:
        indices = range(size)[part]
        if not indices:
            raise NotUnderstoodError("it keeps no position")
        first, last = indices[0], indices[-1]
        left, right = (first, size - 1 - last) if step > 0 else (size - 1 - first, last)
        kept = size - left - right
    if step < 0:
        value = _add(call, value, Reverse, "reversed", value.length)
    if left or right:
        value = _add(call, value, Pad, "cropped", kept, padding=(-left, -right))
    if abs(step) > 1:
        steps = None if kept is None else (kept - 1) // abs(step) + 1
        value = _add(call, value, Pool, "strided", steps, kind="max", size=1, stride=abs(step))
    return value


def _open_ended(part: slice) -> tuple[int, int, None]:
    """Read a slice of an axis of any size, whose far end may stay unknown until that is set."""
    left = part.start if part.start is not None and part.start > 0 else 0
    right = -part.stop if part.stop is not None and part.stop < 0 else 0
    return int(left), int(right), None


def _channels(call: Call, value: Value, axis: int, kept: np.ndarray) -> Value:
    shape = list(value.shape)
    shape[axis] = len(kept)
    return call.builder.add(
        Take,
        call.after(value),
        axes=value.axes,
        shape=tuple(shape),
        part="channels",
        tensor=None,
        channels=kept.astype(np.int64),
    )


def _add(
    call: Call, value: Value, kind: type[Node], part: str, positions: int | None, /, **fields: Any
) -> Value:
    shape = list(value.shape)
    shape[value.axes.index("L")] = positions
    return call.builder.add(
        kind,
        call.after(value),
        axes=value.axes,
        shape=tuple(shape),
        part=part,
        tensor=None,
        **fields,
    )


def _finished(call: Call, value: Value, axes: str, output: int = 0) -> Value:
    """Give the last node its tensor, now that all axes are known."""
    tensor, shape = call.outputs[output], call.shapes[output]
    final = value.as_tensor(tensor, shape, axes)
    call.builder.hold(final, call)
    return final


def flip(call: Call) -> Value:
    """Translate ``keras.ops.flip`` of the length, of the channels, or of both."""
    value, axis = call.only_input(), call.operation.axis
    rank = len(value.axes)
    if axis is None:
        raise NotUnderstoodError("it reverses every axis")
    result = value
    for each in axis if isinstance(axis, (tuple, list)) else [axis]:
        result = _sliced(call, result, each % rank, slice(None, None, -1))
    return _finished(call, result, value.axes)


def take(call: Call) -> Value:
    """Translate ``keras.ops.take`` with constant indices."""
    value, axis = call.only_input(), call.operation.axis
    constants = [operand for operand in call.operands if operand is not value]
    if axis is None or not constants or any(isinstance(c, Value) for c in constants):
        raise NotUnderstoodError("it picks by a tensor, or along no axis")
    indices = np.asarray(constants, np.int64).squeeze()
    axis, size = axis % len(value.axes), value.shape[axis]
    letter = value.axes[axis]
    if indices.ndim != 1:
        raise NotUnderstoodError(f"it picks by numbers of shape {indices.shape}")
    run = None if size is None else _as_slice(indices, size)
    if letter == "C" and size is not None:
        result = _channels(call, value, axis, np.arange(size)[indices])
    elif letter == "L" and size is not None and run is not None:
        result = _positions(call, value, size, run)
    else:
        raise NotUnderstoodError(f"it picks along {letter!r} of a tensor laid out {value.axes}")
    return _finished(call, result, value.axes)


def _as_slice(indices: np.ndarray, size: int) -> slice | None:
    """Return the slice that picks these indices; None where none does."""
    indices = np.where(indices < 0, indices + size, indices)
    steps = np.diff(indices)
    if len(indices) < 2 or not steps[0] or (steps != steps[0]).any():
        return None
    stop = int(indices[-1] + np.sign(steps[0]))
    return slice(int(indices[0]), stop if stop >= 0 else None, int(steps[0]))


def split(call: Call) -> list[Value]:
    """Translate ``keras.ops.split`` of channels, of positions, or of stacked batches."""
    value, operation = call.only_input(), call.operation
    axis = operation.axis % len(value.axes)
    if value.axes[axis] == "N":
        return _unstacked(call)
    bounds = np.cumsum([0] + [shape[axis] or 0 for shape in call.shapes])
    if value.shape[axis] != bounds[-1]:
        raise NotUnderstoodError("it splits an axis of any size")
    results = []
    for output, (begin, end) in enumerate(pairwise(bounds)):
        piece = _sliced(call, value, axis, slice(int(begin), int(end)))
        results.append(_finished(call, piece, value.axes, output))
    return results


def _unstacked(call: Call) -> list[Value]:
    """Follow the first of the stacked batches; the others read another sequence."""
    value, parts = call.only_input(), len(call.outputs)
    if not isinstance(call.operation.indices_or_sections, int) or value.stacked % parts:
        raise NotUnderstoodError("it splits the batch")
    stacked = value.stacked // parts
    first = replace(value.as_tensor(call.outputs[0], call.shapes[0]), stacked=stacked)
    others = []
    for output in range(1, parts):
        other = call.builder.add(
            Opaque,
            call,
            part=f"batch{output + 1}",
            shape=call.shapes[output],
            tensor=None,
            operation=type(call.operation).__name__,
            reason="another of the batches stacked one behind the other",
        )
        others.append(replace(other, tensor=call.outputs[output], stacked=stacked))
    return [first, *others]
