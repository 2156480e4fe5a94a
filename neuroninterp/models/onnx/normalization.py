"""Batch, layer and root-mean-square normalisation, as operations and spelt out.

Exporters write a normalisation over the channels as means, differences, squares and roots,
in several orders. As for activations (:mod:`neuroninterp.models.onnx.elementwise`), the
operations are evaluated on test vectors, and what comes out is compared with the formula.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from neuroninterp.graph import LayerNormalization, Opaque
from neuroninterp.models.onnx.arithmetic import affine, per_channel
from neuroninterp.models.onnx.elementwise import pointwise
from neuroninterp.models.onnx.reductions import reduced_axes
from neuroninterp.models.onnx.tensors import (
    Constant,
    NotUnderstoodError,
    Operation,
    Tensor,
    known,
)
from neuroninterp.models.onnx.translation import Translation

__all__ = ["HANDLERS", "identify_normalization", "part_of_normalization"]

_MAGNITUDES = np.array([1e3, -1e3, 1e-2, 1.0, 0.1, 30.0])
"""Scales of the test vectors: a large one and its mirror image give scale and shift, a small
one the epsilon, all of them the proof."""
_TOLERANCE = 1e-5
_DEEPEST = 24
"""Most operations that a normalisation is spelt out in."""


def _batch_normalization(operation: Operation, translation: Translation) -> Tensor:
    tensor = operation.tensor(0)
    names = ("scale", "shift", "mean", "variance")
    values = [operation.constant(i, name) for i, name in enumerate(names, start=1)]
    gamma, beta, mean, variance = (np.asarray(value, np.float64) for value in values)
    if operation.attributes.get("training_mode", 0) or not operation.attributes.get("spatial", 1):
        raise NotUnderstoodError("it normalises within the batch or per position")
    if tensor.axes is None or tensor.axes[1] != tensor.features:
        raise NotUnderstoodError(f"it normalises axis 1 of {tensor.axes}, not the channels")
    scale = gamma / np.sqrt(variance + operation.attributes.get("epsilon", 1e-5))
    return affine(operation, translation, tensor, scale, beta - mean * scale)


def _layer_normalization(operation: Operation, translation: Translation) -> Tensor:
    """Layer and root-mean-square normalisation over the last axis."""
    tensor = operation.tensor(0)
    axes, _ = known(tensor)
    axis = operation.attributes.get("axis", -1) % len(axes)
    letters = axes[axis:].replace("1", "")
    if letters != tensor.features:
        raise NotUnderstoodError(
            f"it normalises over axes {letters}, not the channels", whole_sequence="L" in letters
        )
    scale, shift = operation.constant(1, "scale"), operation.constant(2, "shift")
    if operation.kind.endswith("SkipLayerNormalization"):
        raise NotUnderstoodError("it adds a second tensor")

    def spread(value: np.ndarray | None, default: float) -> np.ndarray:
        given = np.full((), default) if value is None else value
        return per_channel(translation, tensor, given).astype(np.float32)

    return translation.add(
        LayerNormalization,
        operation,
        [tensor],
        axes=tensor.axes,
        sizes=tensor.sizes,
        epsilon=float(operation.attributes.get("epsilon", 1e-5)),
        scale=spread(scale, 1.0),
        shift=spread(shift, 0.0),
        centred=operation.kind == "LayerNormalization",
    )


HANDLERS: dict[str, Callable[[Operation, Translation], Tensor]] = {
    "BatchNormalization": _batch_normalization,
    "LayerNormalization": _layer_normalization,
    "RMSNormalization": _layer_normalization,
    "SimplifiedLayerNormalization": _layer_normalization,
}
"""Translators by operation type."""


def part_of_normalization(operation: Operation) -> bool:
    """Tell whether an operation may be a step of a normalisation over the channels.

    Parameters
    ----------
    operation : Operation
        A mean over the channels, or an elementwise operation on the result of one.
    """
    if _over_channels(operation):
        return True
    return pointwise(operation) is not None and any(t.reduced for t in operation.reads)


def _over_channels(operation: Operation) -> bool:
    value = operation.inputs[0] if operation.inputs else None
    if operation.kind not in ("ReduceMean", "ReduceSum") or not isinstance(value, Tensor):
        return False
    axes = value.axes
    if axes is None and value.origin is not None:
        axes = next((t.axes for t in value.origin.reads if t.axes), None)
    if axes is None or not operation.attributes.get("keepdims", 1):
        return False
    try:
        return [axes[i] for i in reduced_axes(operation, axes)] == ["C"]
    except (NotUnderstoodError, IndexError):
        return False


def identify_normalization(operation: Operation, translation: Translation) -> Tensor | None:
    """Add the normalisation that an operation ends, where it ends one.

    Parameters
    ----------
    operation : Operation
        An elementwise operation.
    translation : Translation
        The graph so far.

    Returns
    -------
    Tensor or None
        The normalised tensor; None where nothing known fits.
    """
    if pointwise(operation) is None or len(operation.reads) < 2:
        return None
    for root in _ancestors(operation):
        if root.axes is None or root.sizes is None or set("NLC") - set(root.axes):
            continue
        # A step of the normalisation itself is no root.
        if isinstance(translation.nodes[root.node], Opaque):
            continue
        vectors = _vectors(root)
        with np.errstate(all="ignore"):
            result = _evaluate(operation, root, vectors, 0)
        if result is None or result.shape != vectors.shape:
            continue
        at = root.axes.index("C")
        x, y = (np.moveaxis(v, at, -1).reshape(len(v), -1, v.shape[at]) for v in (vectors, result))
        for centred in (True, False):
            if (fields := _fit(x, y, centred)) is not None:
                return translation.add(
                    LayerNormalization,
                    operation,
                    [root],
                    axes=root.axes,
                    sizes=root.sizes,
                    centred=centred,
                    **fields,
                )
    return None


def _ancestors(operation: Operation) -> Iterator[Tensor]:
    """Yield the tensors below an operation, through steps of a normalisation, nearest first."""
    seen: list[Tensor] = []
    waiting = [value for value in operation.inputs if isinstance(value, Tensor)]
    while waiting and len(seen) < _DEEPEST:
        tensor = waiting.pop(0)
        if any(tensor is other for other in seen):
            continue
        seen.append(tensor)
        yield tensor
        origin = tensor.origin
        if origin is not None and (pointwise(origin) is not None or _over_channels(origin)):
            waiting.extend(value for value in origin.inputs if isinstance(value, Tensor))


def _vectors(root: Tensor) -> np.ndarray:
    """Return test values in a tensor's layout: a sequence a magnitude, two positions."""
    axes, sizes = known(root)
    shape = [{"L": 2, "C": size}.get(axis, 1) for axis, size in zip(axes, sizes, strict=True)]
    values = np.random.default_rng(0).normal(size=shape)
    batch = axes.index("N")
    return np.concatenate([values * magnitude for magnitude in _MAGNITUDES], axis=batch)


def _evaluate(
    operation: Operation, root: Tensor, vectors: np.ndarray, depth: int
) -> np.ndarray | None:
    """Evaluate an operation, given the values of ``root``; None where it depends on others."""
    if depth > _DEEPEST:
        return None
    values: list[Any] = []
    for value in operation.inputs:
        if value is None:
            return None
        given = None
        if isinstance(value, Constant):
            given = _constant(value, root)
        elif value is root:
            given = vectors
        elif value.origin is not None:
            given = _evaluate(value.origin, root, vectors, depth + 1)
        if given is None:
            if _over_channels(operation) and values:
                # The axes of a reduction are no operand.
                continue
            return None
        values.append(given)
    if _over_channels(operation):
        at = str(root.axes).index("C")
        return (np.mean if operation.kind == "ReduceMean" else np.sum)(
            values[0], axis=at, keepdims=True
        )
    function = pointwise(operation)
    return None if function is None else np.asarray(function(*values))


def _constant(constant: Constant, root: Tensor) -> np.ndarray | None:
    """Return a constant that differs between channels at most, else None."""
    axes, value = str(root.axes), constant.value
    if constant.from_shape or value.dtype.kind not in "fiu" or value.ndim > len(axes):
        return None
    shape = (1,) * (len(axes) - value.ndim) + value.shape
    if any(size != 1 and axis != "C" for size, axis in zip(shape, axes, strict=True)):
        return None
    return value.reshape(shape).astype(np.float64)


def _fit(x: np.ndarray, y: np.ndarray, centred: bool) -> dict[str, Any] | None:
    """Return epsilon, scale and shift with which normalising ``x`` gives ``y``."""
    with np.errstate(all="ignore"):
        about = x - x.mean(axis=-1, keepdims=True) if centred else x
        variance = np.mean(about**2, axis=-1, keepdims=True)
        large, mirrored, small = y[0, 0], y[1, 0], y[2, 0]
        shift = (large + mirrored) / 2
        scale = (large - shift) * np.sqrt(variance[0, 0]) / about[0, 0]
        clearest = np.argmax(np.abs(scale * about[2, 0]))
        ratio = (scale * about[2, 0])[clearest] / (small - shift)[clearest]
        epsilon = float(ratio**2 - variance[2, 0, 0])
        expected = scale * about / np.sqrt(variance + max(epsilon, 0.0)) + shift
        errors = np.abs(expected - y) / np.maximum(1.0, np.abs(y))
    # Written so that NaN fails too.
    if not (errors.max() <= _TOLERANCE and -1e-9 < epsilon < 1.0 and scale.any()):
        return None
    return {
        "epsilon": max(epsilon, 0.0),
        "scale": scale.astype(np.float32),
        "shift": shift.astype(np.float32),
    }
