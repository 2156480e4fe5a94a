"""Operations over all positions at once, and what else lets every position see all others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neuroninterp.graph import Affine, Flatten, GlobalPool
from neuroninterp.models.onnx.axes import relabel
from neuroninterp.models.onnx.tensors import NotUnderstoodError, Operation, Tensor, known
from neuroninterp.models.onnx.translation import Translation

__all__ = ["HANDLERS", "WHOLE_SEQUENCE", "reduced_axes"]

WHOLE_SEQUENCE = {
    "Attention": "it is attention",
    "GRU": "it is recurrent",
    "GlobalLpPool": "it pools over all positions",
    "GroupNormalization": "it normalises over the positions",
    "InstanceNormalization": "it normalises over the positions",
    "LSTM": "it is recurrent",
    "MultiHeadAttention": "it is attention",
    "RNN": "it is recurrent",
}
"""Operations that let every position see all others, each with the reason."""

_POOLS = {
    "GlobalAveragePool": "average",
    "GlobalMaxPool": "max",
    "ReduceMax": "max",
    "ReduceMean": "average",
    "ReduceSum": "average",
}


def reduced_axes(operation: Operation, axes: str) -> list[int]:
    """Return the positions of the axes that a ``Reduce…`` operation takes together."""
    named = operation.integers("axes", 1)
    if named:
        return sorted(position % len(axes) for position in named)
    if operation.attributes.get("noop_with_empty_axes", 0):
        return []
    return list(range(len(axes)))


def _reduce(operation: Operation, translation: Translation) -> Tensor:
    tensor = operation.tensor(0)
    axes, sizes = known(tensor)
    together = reduced_axes(operation, axes)
    letters = "".join(axes[i] for i in together if axes[i] != "1")
    if letters not in ("", "L") or set("NLC") - set(axes):
        raise NotUnderstoodError(
            f"it is taken over axes {letters} of {axes}",
            whole_sequence="L" in letters and "N" not in letters,
        )
    if operation.kind not in _POOLS:
        raise NotUnderstoodError(
            f"it is taken over axes {letters} of {axes}", whole_sequence=bool(letters)
        )
    keep = bool(operation.attributes.get("keepdims", 1))
    if letters:
        tensor = _pool(operation, translation, tensor, tapped=keep)
        sizes = known(tensor)[1]
    if keep:
        return tensor
    rest = [(a, s) for i, (a, s) in enumerate(zip(axes, sizes, strict=True)) if i not in together]
    left, left_sizes = "".join(a for a, _ in rest), [s for _, s in rest]
    if not letters:
        return relabel(tensor, left, left_sizes)
    flat = left.replace("C", "F")
    return translation.add(Flatten, operation, [tensor], axes=flat, sizes=left_sizes)


def _global_pool(operation: Operation, translation: Translation) -> Tensor:
    tensor = operation.tensor(0)
    axes, _ = known(tensor)
    if axes[:2] != "NC" or "L" not in axes:
        raise NotUnderstoodError(f"it takes axis 1 of {axes} for the channels", whole_sequence=True)
    return _pool(operation, translation, tensor, tapped=True)


def _pool(
    operation: Operation, translation: Translation, tensor: Tensor, *, tapped: bool
) -> Tensor:
    axes, sizes = known(tensor)
    single = [1 if axis == "L" else size for axis, size in zip(axes, sizes, strict=True)]
    summed = operation.kind == "ReduceSum"
    kind = _POOLS[operation.kind]
    pooled = translation.add(
        GlobalPool, operation, [tensor], axes=axes, sizes=single, tapped=tapped, kind=kind
    )
    if not summed:
        return pooled
    translation.taps.pop(pooled.node, None)
    channels = tensor.size("C") or 1
    return translation.add(
        Affine,
        operation,
        [pooled],
        axes=axes,
        sizes=single,
        tapped=tapped,
        scale=np.full(channels, sizes[axes.index("L")], np.float32),
        shift=np.zeros(channels, np.float32),
    )


HANDLERS: dict[str, Callable[[Operation, Translation], Tensor]] = {
    "GlobalAveragePool": _global_pool,
    "GlobalMaxPool": _global_pool,
    "ReduceL1": _reduce,
    "ReduceL2": _reduce,
    "ReduceLogSumExp": _reduce,
    "ReduceMax": _reduce,
    "ReduceMean": _reduce,
    "ReduceMin": _reduce,
    "ReduceSum": _reduce,
    "ReduceSumSquare": _reduce,
}
"""Translators by operation type."""
