"""Operations that only move axes about, and the flattening that ends the sequence."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from neuroninterp.graph import Flatten
from neuroninterp.models.onnx_tensors import Constant, NotUnderstoodError, Operation, Tensor

if TYPE_CHECKING:
    from neuroninterp.models.onnx_translate import Translation

__all__ = ["HANDLERS", "regroup"]


def _known(tensor: Tensor) -> tuple[str, tuple[int, ...]]:
    """Return axes and sizes of a tensor, which must both be known."""
    if tensor.axes is None or tensor.sizes is None:
        raise NotUnderstoodError("the layout of its input is not known")
    return tensor.axes, tensor.sizes


def _relabel(tensor: Tensor, axes: str, sizes: Sequence[int]) -> Tensor:
    """Return the same node's tensor in another layout."""
    arranged = tuple(sizes)
    # What is computed element by element has the layout of what it is computed from.
    curves = {
        name: (replace(root, axes=axes, sizes=arranged), curve)
        for name, (root, curve) in tensor.curves.items()
    }
    return replace(tensor, axes=axes, sizes=arranged, curves=curves)


def _transpose(operation: Operation, translation: Translation) -> Tensor:
    tensor = operation.tensor(0)
    axes, sizes = _known(tensor)
    order = operation.attributes.get("perm", list(range(len(axes)))[::-1])
    return _relabel(tensor, "".join(axes[i] for i in order), [sizes[i] for i in order])


def _unsqueeze(operation: Operation, translation: Translation) -> Tensor:
    tensor = operation.tensor(0)
    axes, sizes = _known(tensor)
    added = operation.integers("axes", 1) or []
    rank = len(axes) + len(added)
    positions = {position % rank for position in added}
    old = iter(zip(axes, sizes, strict=True))
    pairs = [("1", 1) if position in positions else next(old) for position in range(rank)]
    return _relabel(tensor, "".join(a for a, _ in pairs), [s for _, s in pairs])


def _squeeze(operation: Operation, translation: Translation) -> Tensor:
    tensor = operation.tensor(0)
    axes, sizes = _known(tensor)
    removed = operation.integers("axes", 1)
    if removed is None:
        positions = {i for i, size in enumerate(sizes) if size == 1}
    else:
        positions = {position % len(axes) for position in removed}
    if any(axes[i] in "NFM" for i in positions):
        raise NotUnderstoodError("it removes the batch axis")
    target = [size for i, size in enumerate(sizes) if i not in positions]
    return regroup(operation, translation, tensor, target)


def _reshape(operation: Operation, translation: Translation) -> Tensor:
    tensor = operation.tensor(0)
    _, sizes = _known(tensor)
    target = operation.integers("shape", 1)
    if target is None:
        raise NotUnderstoodError("it has no target shape")
    if not operation.attributes.get("allowzero", 0):
        target = [
            sizes[i] if size == 0 and i < len(sizes) else size for i, size in enumerate(target)
        ]
    if -1 in target:
        rest = math.prod(size for size in target if size != -1)
        if rest <= 0 or math.prod(sizes) % rest:
            raise NotUnderstoodError(f"shape {list(sizes)} does not divide into {target}")
        target[target.index(-1)] = math.prod(sizes) // rest
    return regroup(operation, translation, tensor, target)


def _flatten(operation: Operation, translation: Translation) -> Tensor:
    tensor = operation.tensor(0)
    axes, sizes = _known(tensor)
    axis = operation.attributes.get("axis", 1) % (len(axes) + 1)
    target = [math.prod(sizes[:axis]), math.prod(sizes[axis:])]
    return regroup(operation, translation, tensor, target)


def regroup(
    operation: Operation, translation: Translation, tensor: Tensor, target: Sequence[int]
) -> Tensor:
    """Reshape a tensor, keeping track of what its axes mean.

    Parameters
    ----------
    operation : Operation
        The reshape, squeeze or flatten.
    translation : Translation
        The graph so far; a Flatten node is added where the length axis disappears.
    tensor : Tensor
        Its input, axes and sizes known.
    target : sequence of int
        Its output shape.

    Returns
    -------
    Tensor
        The same tensor in another layout, or the flattened one.

    Raises
    ------
    NotUnderstoodError
        If the shape mixes axes in another way.
    """
    axes, sizes = _known(tensor)
    target = list(target)
    if math.prod(target) != math.prod(sizes):
        raise NotUnderstoodError(f"shape {list(sizes)} does not fit {target}")
    pairs = [(a, s) for a, s in zip(axes, sizes, strict=True) if a != "1"]
    if (matched := _match(pairs, target)) is not None:
        return _relabel(tensor, matched, target)
    letters = "".join(letter for letter, _ in pairs)
    if letters == "NLC" and target == [pairs[0][1] * pairs[1][1], pairs[2][1]]:
        return _relabel(tensor, "MC", target)
    if letters == "MC":
        batch = translation.batch
        whole = [("N", batch), ("L", sizes[0] // batch), ("C", sizes[1])]
        if (matched := _match(whole, target)) is not None:
            return _relabel(tensor, matched, target)
    if letters in ("NLC", "NCL") and target == [pairs[0][1], pairs[1][1] * pairs[2][1]]:
        return translation.add(
            Flatten,
            operation,
            [tensor],
            axes="NF",
            sizes=tuple(target),
            channels_first=letters == "NCL",
        )
    raise NotUnderstoodError(f"it turns axes {axes} of shape {list(sizes)} into {target}")


def _match(pairs: Sequence[tuple[str, int]], target: Sequence[int]) -> str | None:
    """Return the axes of a shape that holds the same axes in the same order, else None."""
    remaining = list(pairs)
    letters = []
    for size in target:
        if remaining and remaining[0][1] == size:
            letters.append(remaining.pop(0)[0])
        elif size == 1:
            letters.append("1")
        else:
            return None
    return "".join(letters) if not remaining else None


def _pad(operation: Operation, translation: Translation) -> Tensor:
    """Zeros along the length, which the next convolution takes over."""
    tensor = operation.tensor(0)
    axes, sizes = _known(tensor)
    if operation.attributes.get("mode", "constant") != "constant":
        raise NotUnderstoodError(f"it pads by {operation.attributes['mode']}")
    amounts = operation.integers("pads", 1) or []
    fill = operation.constant(2, "fill value")
    filled_with = operation.attributes.get("value", 0.0) if fill is None else np.ravel(fill)[:1]
    named = operation.integers("axes", 3)
    positions = range(len(axes)) if named is None else [i % len(axes) for i in named]
    half = len(positions)
    if len(amounts) != 2 * half:
        raise NotUnderstoodError("its amounts do not fit its axes")
    left, right = [0] * len(axes), [0] * len(axes)
    for i, position in enumerate(positions):
        left[position], right[position] = amounts[i], amounts[half + i]
    if not any(amounts):
        return tensor
    if np.any(filled_with) or min(amounts) < 0:
        raise NotUnderstoodError("it crops, or pads with something other than zeros")
    if any(left[i] + right[i] for i, axis in enumerate(axes) if axis != "L"):
        raise NotUnderstoodError("it pads an axis other than the length")
    along = axes.index("L")
    grown = list(sizes)
    grown[along] += left[along] + right[along]
    padding = (tensor.padding[0] + left[along], tensor.padding[1] + right[along])
    return replace(_relabel(tensor, axes, grown), padding=padding, pad=operation)


def _shape(operation: Operation, translation: Translation) -> Constant:
    sizes = operation.tensor(0).sizes
    if sizes is None:
        raise NotUnderstoodError("the shape of its input is not known")
    attributes = operation.attributes
    chosen = sizes[attributes.get("start", 0) : attributes.get("end", len(sizes))]
    return Constant(np.array(chosen, dtype=np.int64), from_shape=True)


def _size(operation: Operation, translation: Translation) -> Constant:
    sizes = operation.tensor(0).sizes
    if sizes is None:
        raise NotUnderstoodError("the shape of its input is not known")
    return Constant(np.array(math.prod(sizes), dtype=np.int64), from_shape=True)


HANDLERS: dict[str, Callable[[Operation, Translation], Tensor | Constant]] = {
    "Flatten": _flatten,
    "Pad": _pad,
    "Reshape": _reshape,
    "Shape": _shape,
    "Size": _size,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
"""Translators by operation type."""
