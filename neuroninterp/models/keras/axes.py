"""What moves, cuts or pads axes in Keras without computing anything."""

from __future__ import annotations

from typing import Any

import numpy as np

from neuroninterp.graph import Flatten, Pad, Take
from neuroninterp.models.keras.values import Call, NotUnderstoodError, Value

__all__ = [
    "crop",
    "expand_dims",
    "flatten",
    "move_axis",
    "named",
    "pad",
    "pad_axes",
    "permute",
    "repeat",
    "reshape",
    "squeeze",
    "swap_axes",
    "transpose",
    "zero_pad",
]

_MODES = ("constant", "reflect", "symmetric")


def permute(call: Call) -> Value:
    """Translate a Permute layer."""
    return _reordered(call, [0, *call.operation.dims])


def transpose(call: Call) -> Value:
    """Translate ``keras.ops.transpose``."""
    rank = len(call.only_input().axes)
    return _reordered(call, list(call.operation.axes or reversed(range(rank))))


def swap_axes(call: Call) -> Value:
    """Translate ``keras.ops.swapaxes``."""
    order = list(range(len(call.only_input().axes)))
    first, second = call.operation.axis1, call.operation.axis2
    order[first], order[second] = order[second], order[first]
    return _reordered(call, order)


def move_axis(call: Call) -> Value:
    """Translate ``keras.ops.moveaxis``."""
    operation, rank = call.operation, len(call.only_input().axes)
    source, destination = (
        [axis % rank for axis in (axes if isinstance(axes, (tuple, list)) else [axes])]
        for axes in (operation.source, operation.destination)
    )
    order = [axis for axis in range(rank) if axis not in source]
    for place, axis in sorted(zip(destination, source, strict=True)):
        order.insert(place, axis)
    return _reordered(call, order)


def _reordered(call: Call, order: list[int]) -> Value:
    axes = "".join(call.only_input().axes[axis] for axis in order)
    if axes[0] != "N":
        raise NotUnderstoodError(f"it moves the batch axis: {axes}")
    return call.unchanged(axes)


def squeeze(call: Call) -> Value:
    """Translate the removal of axes of size 1."""
    value = call.only_input()
    rank, axis = len(value.axes), call.operation.axis
    if axis is None:
        removed = [a for a, size in enumerate(value.shape) if size == 1]
    else:
        removed = [a % rank for a in (axis if isinstance(axis, (tuple, list)) else [axis])]
    return call.unchanged(_without(value, removed))


def _without(value: Value, removed: list[int]) -> str:
    axes = "".join(letter for axis, letter in enumerate(value.axes) if axis not in removed)
    if "N" not in axes or not ("L" in axes or "C" in axes or "F" in axes):
        raise NotUnderstoodError(f"it leaves the axes {axes!r} of a tensor laid out {value.axes}")
    return axes


def expand_dims(call: Call) -> Value:
    """Translate the insertion of axes of size 1."""
    value, axis = call.only_input(), call.operation.axis
    added = axis if isinstance(axis, (tuple, list)) else [axis]
    rank = len(value.axes) + len(added)
    places = {a % rank for a in added}
    kept = iter(value.axes)
    return call.unchanged(named("".join("1" if a in places else next(kept) for a in range(rank))))


def named(axes: str) -> str:
    """Let a new axis of size 1 stand for the length or the channels where these are gone.

    Raises
    ------
    NotUnderstoodError
        If positions would be made of features that come from everywhere.
    """
    if "F" in axes and len(axes) > 2:
        raise NotUnderstoodError("it makes positions of features", whole_sequence=True)
    for missing in "LC":
        if missing not in axes and "F" not in axes and len(axes) > 2:
            axes = axes.replace("1", missing, 1)
    return axes


def reshape(call: Call) -> Value:
    """Translate a reshape that flattens, or that adds and removes axes of size 1."""
    value, shape = call.only_input(), call.shapes[0]
    if len(shape) == 2 and value.axes not in ("NC", "NF", "NL"):
        return flatten(call)
    if value.axes == "NF" and len(shape) > 2:
        raise NotUnderstoodError("it makes positions of features", whole_sequence=True)
    remaining = [axis for axis in value.axes[1:] if axis != "1"]
    axes = "N"
    for size in shape[1:]:
        if remaining and value.size(remaining[0]) == size:
            axes += remaining.pop(0)
        elif size == 1:
            axes += "1"
        else:
            break
    if remaining or len(axes) != len(shape) or not 2 <= len(shape) <= 4:
        raise NotUnderstoodError(f"it reshapes {value.shape} to {shape}")
    return call.unchanged(named(axes))


def flatten(call: Call) -> Value:
    """Translate a flatten."""
    value = call.only_input()
    if value.axes in ("NF", "NC"):
        return call.unchanged()
    kept = value.axes.replace("1", "")
    if getattr(call.operation, "data_format", "") == "channels_first":
        # Keras then flattens with the first of the axes moved last.
        moved = value.axes[:1] + value.axes[2:] + value.axes[1]
        kept = moved.replace("1", "")
    if kept not in ("NLC", "NCL"):
        raise NotUnderstoodError(f"it flattens a tensor laid out {value.axes}")
    return call.builder.add(Flatten, call, axes="NF", channels_first=kept == "NCL")


def crop(call: Call) -> Value:
    """Translate a cropping layer."""
    amounts = _sides(call.operation.cropping)
    return _resized(call, [(-left, -right) for left, right in amounts])


def zero_pad(call: Call) -> Value:
    """Translate a zero-padding layer."""
    return _resized(call, _sides(call.operation.padding))


def _sides(amounts: Any) -> list[tuple[int, int]]:
    """Return (left, right) of each spatial axis; 1-D layers hold a single pair."""
    pairs = [amounts] if isinstance(amounts[0], int) else amounts
    return [(int(left), int(right)) for left, right in pairs]


def _resized(call: Call, spatial: list[tuple[int, int]]) -> Value:
    first = getattr(call.operation, "data_format", "channels_last") == "channels_first"
    unchanged = (0, 0)
    if first:
        return pad_axes(call, [unchanged, unchanged, *spatial])
    return pad_axes(call, [unchanged, *spatial, unchanged])


def pad(call: Call) -> Value:
    """Translate ``keras.ops.pad``."""
    operation, value = call.operation, call.only_input()
    amounts = [(int(left), int(right)) for left, right in operation.pad_width]
    if len(amounts) == 1:
        amounts = amounts * len(value.axes)
    constants = [operand for operand in call.operands if operand is not value]
    constant = next((operand for operand in constants if operand is not None), 0.0)
    if operation.mode not in _MODES or np.ndim(constant):
        raise NotUnderstoodError(f"it pads by mode {operation.mode!r} with {constant!r}")
    return pad_axes(call, amounts, mode=operation.mode, value=float(constant))


def pad_axes(
    call: Call, amounts: list[tuple[int, int]], *, mode: str = "constant", value: float = 0.0
) -> Value:
    """Add or (negative) cut positions at both ends of every axis.

    Raises
    ------
    NotUnderstoodError
        If an axis other than the length grows, or any but length and channels shrinks.
    """
    result = call.only_input()
    changed = [axis for axis, sides in enumerate(amounts) if tuple(sides) != (0, 0)]
    for axis in changed:
        letter, sides = result.axes[axis], amounts[axis]
        last = axis == changed[-1]
        shape = list(result.shape)
        size = shape[axis]
        shape[axis] = None if size is None else size + sum(sides)
        placed: dict[str, Any] = {
            "part": "" if last else f"axis{axis}",
            "shape": tuple(shape),
            "tensor": call.outputs[0] if last else None,
        }
        reading = call.after(result)
        if letter == "L":
            result = call.builder.add(Pad, reading, padding=sides, mode=mode, value=value, **placed)
        elif letter == "C" and max(sides) <= 0 and result.channels is not None:
            kept = np.arange(result.channels)[-sides[0] : result.channels + sides[1]]
            result = call.builder.add(Take, reading, channels=kept, **placed)
        else:
            raise NotUnderstoodError(f"it pads or crops axis {axis} of {result.axes} by {sides}")
    return result if changed else call.unchanged()


def repeat(call: Call) -> Value:
    """Say of a repeated vector that all its positions hold the same."""
    raise NotUnderstoodError("it makes positions of one vector", whole_sequence=True)
