"""Operations that keep, drop, add or reorder positions, channels and sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from neuroninterp.graph import Flatten, Pad, Pool, Reverse, Take
from neuroninterp.models.onnx.axes import relabel
from neuroninterp.models.onnx.tensors import (
    Constant,
    NotUnderstoodError,
    Operation,
    PendingPad,
    Tensor,
    known,
)
from neuroninterp.models.onnx.translation import Translation

__all__ = ["HANDLERS"]


def _pad(operation: Operation, translation: Translation) -> Tensor:
    """Positions added or cropped; zeros wait for a convolution to take them over."""
    tensor = operation.tensor(0)
    axes, sizes = known(tensor)
    mode = operation.attributes.get("mode", "constant")
    if mode not in ("constant", "reflect"):
        raise NotUnderstoodError(f"it pads by {mode!r}")
    left, right = _amounts(operation, len(axes))
    if any(left[i] or right[i] for i, axis in enumerate(axes) if axis != "L"):
        raise NotUnderstoodError("it pads an axis other than the length")
    along = axes.index("L") if "L" in axes else 0
    before, after = left[along], right[along]
    if before == after == 0:
        return tensor
    grown = list(sizes)
    grown[along] += before + after
    if grown[along] < 1:
        raise NotUnderstoodError(f"it leaves no position of {sizes[along]}")
    number = operation.constant(2, "fill value")
    value = operation.attributes.get("value", 0.0) if number is None else np.ravel(number)[0]
    if mode == "constant" and value == 0 and min(before, after) >= 0:
        return _zeros(operation, tensor, grown, (before, after))
    if mode == "reflect" and (min(before, after) < 0 or max(before, after) >= sizes[along]):
        raise NotUnderstoodError("it reflects more positions than there are, or crops as well")
    return translation.add(
        Pad,
        operation,
        [tensor],
        axes=axes,
        sizes=grown,
        padding=(before, after),
        mode=mode,
        value=float(value),
    )


def _amounts(operation: Operation, rank: int) -> tuple[list[int], list[int]]:
    """Return what is added to the left and right of every axis."""
    amounts = operation.integers("pads", 1) or []
    named = operation.integers("axes", 3)
    positions = range(rank) if named is None else [i % rank for i in named]
    half = len(positions)
    if len(amounts) != 2 * half:
        raise NotUnderstoodError("its amounts do not fit its axes")
    left, right = [0] * rank, [0] * rank
    for i, position in enumerate(positions):
        left[position], right[position] = amounts[i], amounts[half + i]
    return left, right


def _zeros(
    operation: Operation, tensor: Tensor, sizes: Sequence[int], padding: tuple[int, int]
) -> Tensor:
    earlier = tensor.pad.padding if tensor.pad else (0, 0)
    summed = (earlier[0] + padding[0], earlier[1] + padding[1])
    arranged = relabel(tensor, str(tensor.axes), sizes)
    pending = PendingPad(operation, str(tensor.axes), tuple(sizes), summed)
    return replace(arranged, pad=pending, curves={}, unresolved=False)


def _slice(operation: Operation, translation: Translation) -> Tensor:
    tensor = operation.tensor(0)
    axes, sizes = known(tensor)
    starts = operation.integers("starts", 1) or []
    ends = operation.integers("ends", 2) or []
    named = operation.integers("axes", 3)
    positions = list(range(len(starts))) if named is None else [i % len(axes) for i in named]
    steps = operation.integers("steps", 4) or [1] * len(starts)
    if not len(starts) == len(ends) == len(positions) == len(steps):
        raise NotUnderstoodError("its starts, ends, axes and steps do not fit each other")
    kept = {
        position: range(*slice(start, end, step).indices(sizes[position]))
        for position, start, end, step in zip(positions, starts, ends, steps, strict=True)
    }
    for position, chosen in sorted(kept.items()):
        tensor = _keep(operation, translation, tensor, position, chosen)
    return tensor


def _keep(
    operation: Operation, translation: Translation, tensor: Tensor, position: int, chosen: range
) -> Tensor:
    """Keep evenly spaced entries of one axis."""
    axes, sizes = known(tensor)
    size = sizes[position]
    if chosen == range(size):
        return tensor
    if not len(chosen):
        raise NotUnderstoodError(f"it leaves nothing of axis {axes[position]} of size {size}")
    if axes[position] == "L":
        return _positions(operation, translation, tensor, chosen)
    if axes[position] in "CF" and "M" not in axes:
        return _channels(operation, translation, tensor, position, np.array(chosen))
    if axes[position] == "N" and chosen.step == 1 and len(chosen) % translation.batch == 0:
        return _batches(translation, tensor, chosen.start, len(chosen))
    raise NotUnderstoodError(f"it keeps a part of axis {axes[position]} of {axes}")


def _resized(tensor: Tensor, position: int, size: int) -> list[int]:
    sizes = list(tensor.sizes or ())
    sizes[position] = size
    return sizes


def _positions(
    operation: Operation, translation: Translation, tensor: Tensor, chosen: range
) -> Tensor:
    """Crop, turn around, and take every n-th position; the last of these is the output."""
    axes, sizes = known(tensor)
    if set("NLC") - set(axes):
        raise NotUnderstoodError(f"it keeps some positions of axes {axes}")
    along = axes.index("L")
    first, last = sorted((chosen[0], chosen[-1]))
    crop = (-first, last + 1 - sizes[along])
    backwards = chosen.step < 0 and len(chosen) > 1
    stride = abs(chosen.step) if len(chosen) > 1 else 1
    width = last + 1 - first
    if crop != (0, 0):
        tapped = not backwards and stride == 1
        cropped = _resized(tensor, along, width)
        tensor = translation.add(
            Pad, operation, [tensor], axes=axes, sizes=cropped, tapped=tapped, padding=crop
        )
    if backwards:
        tensor = translation.add(
            Reverse,
            operation,
            [tensor],
            axes=axes,
            sizes=_resized(tensor, along, width),
            tapped=stride == 1,
        )
    if stride > 1:
        kept = _resized(tensor, along, len(chosen))
        tensor = translation.add(
            Pool, operation, [tensor], axes=axes, sizes=kept, kind="max", size=1, stride=stride
        )
    return tensor


def _channels(
    operation: Operation,
    translation: Translation,
    tensor: Tensor,
    position: int,
    chosen: np.ndarray,
    *,
    tapped: bool = True,
) -> Tensor:
    axes, sizes = known(tensor)
    if np.array_equal(chosen, np.arange(sizes[position])):
        return tensor
    return translation.add(
        Take,
        operation,
        [tensor],
        axes=axes,
        sizes=_resized(tensor, position, len(chosen)),
        tapped=tapped,
        channels=chosen.astype(np.int64),
    )


def _batches(translation: Translation, tensor: Tensor, start: int, rows: int) -> Tensor:
    """Keep the first of several batches that lie one behind the other."""
    if start != 0:
        raise NotUnderstoodError(
            "it holds the second of two batches (the reverse complements), of which the first "
            "is followed"
        )
    axes, sizes = known(tensor)
    first = relabel(tensor, axes, (rows, *sizes[1:]))
    return replace(first, stacked=rows // translation.batch)


def _gather(operation: Operation, translation: Translation) -> Tensor:
    tensor = operation.tensor(0)
    axes, sizes = known(tensor)
    position = operation.attributes.get("axis", 0) % len(axes)
    given = operation.integers("indices", 1) or []
    size, rank = sizes[position], _rank(operation)
    indices = np.array([i + size if i < 0 else i for i in given], np.int64)
    if rank > 1 or not len(indices) or indices.min() < 0 or indices.max() >= size:
        raise NotUnderstoodError(f"its indices {given[:4]} do not fit axis {axes[position]}")
    if rank == 0:
        return _one(operation, translation, tensor, position, int(indices[0]))
    if axes[position] in "CF" and "M" not in axes:
        return _channels(operation, translation, tensor, position, indices)
    step = int(indices[1] - indices[0]) if len(indices) > 1 else 1
    even = range(int(indices[0]), int(indices[-1]) + (1 if step > 0 else -1), step or 1)
    if not np.array_equal(np.array(even), indices):
        raise NotUnderstoodError(f"it picks entries of axis {axes[position]} in no even order")
    return _keep(operation, translation, tensor, position, even)


def _rank(operation: Operation) -> int:
    """Return the rank of an operation's indices; a GatherND picks slices by rows of them."""
    indices = operation.inputs[1]
    shape: tuple[int, ...] = indices.value.shape if isinstance(indices, Constant) else ()
    if operation.kind == "Gather":
        return len(shape)
    if len(shape) != 2 or shape[1] != 1 or operation.attributes.get("batch_dims", 0):
        raise NotUnderstoodError(f"its indices have shape {list(shape)}")
    return 1


def _one(
    operation: Operation, translation: Translation, tensor: Tensor, position: int, index: int
) -> Tensor:
    """Keep a single entry of an axis, which disappears."""
    axes, sizes = known(tensor)
    rest = [size for i, size in enumerate(sizes) if i != position]
    if axes[position] == "1":
        return relabel(tensor, axes[:position] + axes[position + 1 :], rest)
    if axes[position] == "C" and "M" not in axes:
        chosen = np.array([index])
        channel = _channels(operation, translation, tensor, position, chosen, tapped=False)
        return replace(channel, axes=None, sizes=None, channel=channel)
    if axes[position] != "L" or sorted(axes.replace("1", "")) != ["C", "L", "N"]:
        raise NotUnderstoodError(f"it takes one entry of axis {axes[position]}")
    cropped = translation.add(
        Pad,
        operation,
        [tensor],
        axes=axes,
        sizes=_resized(tensor, position, 1),
        tapped=False,
        padding=(-index, index + 1 - sizes[position]),
    )
    letters = axes.replace("C", "F").replace("L", "")
    return translation.add(Flatten, operation, [cropped], axes=letters, sizes=rest)


def _split(operation: Operation, translation: Translation) -> tuple[Tensor, ...]:
    """Cut an axis into pieces, each of which is an output."""
    tensor = operation.tensor(0)
    axes, sizes = known(tensor)
    position = operation.attributes.get("axis", 0) % len(axes)
    count = len(operation.outputs)
    lengths = operation.integers("split", 1)
    if lengths is None:
        piece = -(-sizes[position] // count)
        lengths = [piece] * (count - 1) + [sizes[position] - piece * (count - 1)]
    if len(lengths) != count or sum(lengths) != sizes[position] or min(lengths) < 0:
        raise NotUnderstoodError(f"its pieces {lengths} do not add up to {sizes[position]}")
    pieces, start = [], 0
    for output, length in zip(operation.outputs, lengths, strict=True):
        one = replace(operation, outputs=(output,))
        try:
            chosen = range(start, start + length)
            pieces.append(_keep(one, translation, tensor, position, chosen))
        except NotUnderstoodError as error:
            pieces.append(translation.opaque(one, [tensor], str(error)))
        start += length
    return tuple(pieces)


def _reverse(operation: Operation, translation: Translation) -> Tensor:
    """Turn the positions around (ReverseSequence, over the full length of every sequence)."""
    tensor = operation.tensor(0)
    axes, sizes = known(tensor)
    position = operation.attributes.get("time_axis", 0) % len(axes)
    lengths = operation.integers("sequence_lens", 1) or []
    if axes[position] != "L" or any(length != sizes[position] for length in lengths):
        raise NotUnderstoodError("it reverses a part of the positions, or another axis")
    return _positions(operation, translation, tensor, range(sizes[position])[::-1])


HANDLERS: dict[str, Callable[[Operation, Translation], Tensor | tuple[Tensor, ...]]] = {
    "Gather": _gather,
    "GatherND": _gather,
    "Pad": _pad,
    "ReverseSequence": _reverse,
    "Slice": _slice,
    "Split": _split,
}
"""Translators by operation type."""
