"""Operations that only move axes about, and the flattening that ends the sequence."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from neuroninterp.graph import Flatten
from neuroninterp.models.onnx.tensors import Constant, NotUnderstoodError, Operation, Tensor, known
from neuroninterp.models.onnx.translation import Translation

__all__ = ["HANDLERS", "regroup", "relabel"]


def relabel(tensor: Tensor, axes: str, sizes: Sequence[int]) -> Tensor:
    """Return the same node's tensor in another layout."""
    arranged = tuple(sizes)
    # What is computed element by element has the layout of what it is computed from.
    curves = {
        name: (replace(root, axes=axes, sizes=arranged), curve)
        for name, (root, curve) in tensor.curves.items()
    }
    return replace(tensor, axes=axes, sizes=arranged, curves=curves, reduced=False, origin=None)


def _transpose(operation: Operation, translation: Translation) -> Tensor:
    tensor = operation.tensor(0, codes=True)
    axes, sizes = known(tensor)
    order = operation.attributes.get("perm", list(range(len(axes)))[::-1])
    if sorted(order) != list(range(len(axes))):
        raise NotUnderstoodError(f"its order {list(order)[:8]} is none of {len(axes)} axes")
    return relabel(tensor, "".join(axes[i] for i in order), [sizes[i] for i in order])


def _unsqueeze(operation: Operation, translation: Translation) -> Tensor:
    tensor = operation.tensor(0, codes=True)
    added = operation.integers("axes", 1) or []
    if tensor.channel is not None and len(added) == 1:
        return _with_channel_axis(tensor.channel, added[0])
    axes, sizes = known(tensor)
    rank = len(axes) + len(added)
    positions = {position % rank for position in added}
    old = iter(zip(axes, sizes, strict=True))
    pairs = [("1", 1) if position in positions else next(old) for position in range(rank)]
    return relabel(tensor, "".join(a for a, _ in pairs), [s for _, s in pairs])


def _with_channel_axis(tensor: Tensor, position: int) -> Tensor:
    """Move the axis of a single channel to where it is put back."""
    axes, sizes = known(tensor)
    others = [pair for pair in zip(axes, sizes, strict=True) if pair[0] != "C"]
    others.insert(position % len(axes), ("C", 1))
    return relabel(tensor, "".join(a for a, _ in others), [s for _, s in others])


def _squeeze(operation: Operation, translation: Translation) -> Tensor:
    tensor = operation.tensor(0, codes=True)
    axes, sizes = known(tensor)
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
    tensor = operation.tensor(0, codes=True)
    _, sizes = known(tensor)
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
    tensor = operation.tensor(0, codes=True)
    axes, sizes = known(tensor)
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
    axes, sizes = known(tensor)
    target = list(target)
    if math.prod(target) != math.prod(sizes):
        raise NotUnderstoodError(f"shape {list(sizes)} does not fit {target}")
    pairs = [(a, s) for a, s in zip(axes, sizes, strict=True) if a != "1"]
    if (matched := _match(pairs, target)) is not None:
        return relabel(tensor, matched, target)
    if (matched := _cut_channels(pairs, target)) is not None:
        return relabel(tensor, matched, target)
    letters = "".join(letter for letter, _ in pairs)
    if letters == "NLC" and target == [pairs[0][1] * pairs[1][1], pairs[2][1]]:
        return relabel(tensor, "MC", target)
    if letters == "MC":
        rows = translation.rows(tensor)
        whole = [("N", rows), ("L", sizes[0] // rows), ("C", sizes[1])]
        if (matched := _match(whole, target)) is not None:
            return relabel(tensor, matched, target)
    if letters in ("NLC", "NCL") and target == [pairs[0][1], pairs[1][1] * pairs[2][1]]:
        if tensor.codes is not None:
            raise NotUnderstoodError("it flattens integers")
        return translation.add(
            Flatten,
            operation,
            [tensor],
            axes="NF",
            sizes=target,
            channels_first=letters == "NCL",
        )
    length = tensor.size("L")
    # Positions made of flattened features, or channels and positions in one axis.
    mixed = "F" in axes or any(length and t > length and t % length == 0 for t in target[1:])
    raise NotUnderstoodError(
        f"it turns axes {axes} of shape {list(sizes)} into {target}", whole_sequence=bool(mixed)
    )


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


def _cut_channels(pairs: Sequence[tuple[str, int]], target: Sequence[int]) -> str | None:
    """Return the axes of a shape in which the channels are cut into groups or put together."""
    letters = "".join(letter for letter, _ in pairs)
    if "GH" in letters:
        at = letters.index("GH")
        joined = ("C", pairs[at][1] * pairs[at + 1][1])
        return _match([*pairs[:at], joined, *pairs[at + 2 :]], target)
    if "C" not in letters or len(target) != len(pairs) + 1:
        return None
    at = letters.index("C")
    parts = [("G", target[at]), ("H", target[at + 1])]
    return _match([*pairs[:at], *parts, *pairs[at + 1 :]], target)


def _shape(operation: Operation, translation: Translation) -> Constant:
    sizes = operation.tensor(0, codes=True).sizes
    if sizes is None:
        raise NotUnderstoodError("the shape of its input is not known")
    attributes = operation.attributes
    chosen = sizes[attributes.get("start", 0) : attributes.get("end", len(sizes))]
    return Constant(np.array(chosen, dtype=np.int64), from_shape=True)


def _size(operation: Operation, translation: Translation) -> Constant:
    sizes = operation.tensor(0, codes=True).sizes
    if sizes is None:
        raise NotUnderstoodError("the shape of its input is not known")
    return Constant(np.array(math.prod(sizes), dtype=np.int64), from_shape=True)


HANDLERS: dict[str, Callable[[Operation, Translation], Tensor | Constant]] = {
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Shape": _shape,
    "Size": _size,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
"""Translators by operation type."""
