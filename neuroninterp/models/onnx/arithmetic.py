"""Sums, products, maxima, concatenation and matrix products."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from neuroninterp.graph import Activation, Add, Affine, Concatenate, Dense, Maximum, Multiply, Take
from neuroninterp.models.onnx.axes import relabel
from neuroninterp.models.onnx.tensors import Constant, NotUnderstoodError, Operation, Tensor, known
from neuroninterp.models.onnx.translation import Translation

__all__ = ["HANDLERS", "affine", "per_channel"]


def per_channel(translation: Translation, tensor: Tensor, constant: np.ndarray) -> np.ndarray:
    """Spread a constant that is the same at all positions over the channels, float64.

    Raises
    ------
    NotUnderstoodError
        If it differs between positions or sequences, or changes the tensor's shape.
    """
    axes, sizes = known(tensor)
    if tensor.features is None:
        raise NotUnderstoodError("the layout of its input is not known")
    if "M" in axes:
        raise NotUnderstoodError("batch and length are merged")
    if constant.ndim == len(axes) and constant.shape[0] == translation.rows(tensor):
        # The same for every sequence: computed from an input that is held at a value.
        constant = constant[:1] if (constant == constant[:1]).all() else constant
    axis = axes.index(tensor.features)
    shape = (1,) * (len(axes) - constant.ndim) + constant.shape
    if len(shape) != len(axes):
        raise NotUnderstoodError("its constant has more axes than its input")
    if any(size != 1 for i, size in enumerate(shape) if i != axis):
        raise NotUnderstoodError("its constant differs between positions")
    channels = sizes[axis]
    if shape[axis] not in (1, channels):
        raise NotUnderstoodError("its constant changes the shape of its input")
    return np.broadcast_to(constant.reshape(-1).astype(np.float64), (channels,))


def affine(
    operation: Operation,
    translation: Translation,
    tensor: Tensor,
    scale: np.ndarray | float,
    shift: np.ndarray | float,
    *,
    tapped: bool | str = True,
) -> Tensor:
    """Add ``tensor * scale + shift``, per channel."""
    units = per_channel(translation, tensor, np.zeros(()))
    return translation.add(
        Affine,
        operation,
        [tensor],
        axes=tensor.axes,
        sizes=tensor.sizes,
        tapped=tapped,
        scale=np.asarray(scale + units, np.float32),
        shift=np.asarray(shift + units, np.float32),
    )


def _negated(operation: Operation, translation: Translation, index: int) -> Tensor:
    """Add minus input ``index``, which may be a layer's value and needs a tensor to compare."""
    name = f"{operation.names[index]}/minus"
    helper = translation.help("Neg", operation.names[index], name)
    return affine(operation, translation, operation.tensor(index), -1.0, 0.0, tapped=helper)


def _divided(operation: Operation) -> tuple[list[int], list[np.ndarray]]:
    """Return the indices of the tensors among the inputs, and the constants."""
    tensors = [i for i, value in enumerate(operation.inputs) if isinstance(value, Tensor)]
    constants = [
        operation.constant(i, "constant")
        for i, value in enumerate(operation.inputs)
        if isinstance(value, Constant)
    ]
    return tensors, [value for value in constants if value is not None]


def _pair(operation: Operation, translation: Translation) -> tuple[Tensor, np.ndarray, bool] | None:
    """Return tensor, constant, and whether the tensor is first; None for two tensors."""
    tensors, constants = _divided(operation)
    if len(tensors) == 2:
        return None
    tensor = operation.tensor(tensors[0])
    return tensor, per_channel(translation, tensor, constants[0]), tensors[0] == 0


def _aligned(
    operation: Operation, translation: Translation, tensors: Sequence[Tensor]
) -> tuple[list[Tensor], str, list[int]]:
    """Give tensors the same shape by spreading single channels; also return that shape."""
    axes, _ = known(tensors[0])
    shapes = [known(tensor)[1] for tensor in tensors]
    if any(tensor.axes != axes for tensor in tensors):
        layouts = " and ".join(str(tensor.axes) for tensor in tensors)
        raise NotUnderstoodError(f"its inputs have different layouts: {layouts}")
    sizes = [max(column) for column in zip(*shapes, strict=True)]
    for letter, column in zip(axes, zip(*shapes, strict=True), strict=True):
        if any(size not in (1, max(column)) for size in column):
            raise NotUnderstoodError(f"its inputs have different shapes: {shapes}")
        if letter not in "LCF" and len(set(column)) > 1:
            raise NotUnderstoodError(f"its inputs have different shapes: {shapes}")
    return [_spread(operation, translation, tensor, sizes) for tensor in tensors], axes, sizes


def _spread(
    operation: Operation, translation: Translation, tensor: Tensor, sizes: Sequence[int]
) -> Tensor:
    """Repeat a single channel; a single position may be spread by a product only."""
    axes, own = known(tensor)
    along = axes.index("L") if "L" in axes else None
    spread_along = along is not None and own[along] != sizes[along]
    if spread_along and not (operation.kind == "Mul" and tensor.whole):
        raise NotUnderstoodError("it spreads one position over all", whole_sequence=True)
    if tensor.features is None:
        raise NotUnderstoodError("the layout of its inputs is not known")
    axis = axes.index(tensor.features)
    if own[axis] == sizes[axis] or operation.kind == "Mul":
        return tensor
    return translation.add(
        Take,
        operation,
        [tensor],
        axes=axes,
        sizes=[sizes[axis] if i == axis else size for i, size in enumerate(own)],
        tapped=False,
        channels=np.zeros(sizes[axis], np.int64),
    )


def _joined(
    kind: Callable[..., Any],
    operation: Operation,
    translation: Translation,
    tensors: Sequence[Tensor],
    *,
    tapped: bool = True,
) -> Tensor:
    """Add a sum, a product or a maximum of tensors."""
    if len(tensors) == 1:
        return tensors[0]
    same, axes, sizes = _aligned(operation, translation, tensors)
    return translation.add(kind, operation, same, axes=axes, sizes=sizes, tapped=tapped)


def _add(operation: Operation, translation: Translation) -> Tensor:
    """Add tensors and constants; Mean divides by how many there are."""
    tensors, constants = _divided(operation)
    share = 1.0 / len(operation.inputs) if operation.kind == "Mean" else 1.0
    scaled = bool(constants) or share != 1.0
    summands = [operation.tensor(i) for i in tensors]
    total = _joined(Add, operation, translation, summands, tapped=not scaled)
    if not scaled:
        return total
    shift = sum(per_channel(translation, total, value) for value in constants)
    return affine(operation, translation, total, share, shift * share)


def _subtract(operation: Operation, translation: Translation) -> Tensor:
    pair = _pair(operation, translation)
    if pair is None:
        negative = _negated(operation, translation, 1)
        return _joined(Add, operation, translation, [operation.tensor(0), negative])
    tensor, constant, tensor_first = pair
    scale, shift = (1.0, -constant) if tensor_first else (-1.0, constant)
    return affine(operation, translation, tensor, scale, shift)


def _multiply(operation: Operation, translation: Translation) -> Tensor:
    pair = _pair(operation, translation)
    if pair is None:
        return _joined(Multiply, operation, translation, operation.tensors())
    return affine(operation, translation, pair[0], pair[1], 0.0)


def _divide(operation: Operation, translation: Translation) -> Tensor:
    pair = _pair(operation, translation)
    if pair is None or not pair[2] or not np.all(pair[1]):
        raise NotUnderstoodError("it divides by a tensor or by zero")
    return affine(operation, translation, pair[0], 1.0 / pair[1], 0.0)


def _negate(operation: Operation, translation: Translation) -> Tensor:
    return affine(operation, translation, operation.tensor(0), -1.0, 0.0)


def _extremum(operation: Operation, translation: Translation) -> Tensor:
    """Maximum or minimum of tensors, or of one tensor and constants: a clip."""
    tensors, constants = _divided(operation)
    largest = operation.kind == "Max"
    if not constants:
        if largest:
            return _joined(Maximum, operation, translation, operation.tensors())
        minus = [_negated(operation, translation, index) for index in tensors]
        turned = _joined(Maximum, operation, translation, minus, tapped=False)
        return affine(operation, translation, turned, -1.0, 0.0)
    if len(tensors) != 1:
        raise NotUnderstoodError("it compares tensors and constants at once")
    tensor = operation.tensor(tensors[0])
    limits = np.stack([per_channel(translation, tensor, value) for value in constants])
    bound = (limits.max if largest else limits.min)()
    if (limits != limits[:, :1]).any():
        raise NotUnderstoodError("its bound differs between channels")
    bounds = (float(bound), np.inf) if largest else (-np.inf, float(bound))
    function = "relu" if bounds == (0.0, np.inf) else "clip"
    return translation.add(
        Activation,
        operation,
        [tensor],
        axes=tensor.axes,
        sizes=tensor.sizes,
        function=function,
        bounds=bounds,
    )


def _concatenate(operation: Operation, translation: Translation) -> Tensor:
    tensors = operation.tensors()
    if len(tensors) == 1:
        return tensors[0]
    first = tensors[0]
    axes, sizes = known(first)
    if any(tensor.axes != axes for tensor in tensors):
        layouts = " and ".join(str(tensor.axes) for tensor in tensors)
        raise NotUnderstoodError(f"its inputs have different or unknown layouts: {layouts}")
    axis = operation.attributes["axis"] % len(axes)
    shapes = [known(tensor)[1] for tensor in tensors]
    joined = list(sizes)
    joined[axis] = sum(shape[axis] for shape in shapes)
    if axes[axis] == "N" and len(set(shapes)) == 1:
        # A batch behind the batch: sequences and their reverse complements.
        batches = sum(tensor.stacked for tensor in tensors)
        behind = relabel(translation.settle(first), axes, joined)
        return replace(behind, stacked=batches)
    if axes[axis] != first.features or "M" in axes:
        raise NotUnderstoodError(f"it joins along axis {axes[axis]}, not the channels")
    if len({(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}) > 1:
        raise NotUnderstoodError(f"its inputs have different shapes: {shapes}")
    return translation.add(Concatenate, operation, tensors, axes=axes, sizes=joined)


def _dense(
    operation: Operation,
    translation: Translation,
    tensor: Tensor,
    kernel: np.ndarray,
    bias: np.ndarray,
) -> Tensor:
    """Add a matrix product over the channels."""
    axes, sizes = tensor.axes, tensor.sizes
    if kernel.ndim != 2:
        raise NotUnderstoodError("its weights are not a matrix")
    resized = None
    if axes is not None and sizes is not None and tensor.features is not None:
        position = axes.index(tensor.features)
        resized = [kernel.shape[1] if i == position else size for i, size in enumerate(sizes)]
    return translation.add(
        Dense,
        operation,
        [tensor],
        axes=axes,
        sizes=resized,
        kernel=np.ascontiguousarray(kernel, np.float32),
        bias=np.ascontiguousarray(bias, np.float32),
    )


def _matmul(operation: Operation, translation: Translation) -> Tensor:
    tensors, constants = _divided(operation)
    if not constants:
        raise NotUnderstoodError("it multiplies two tensors as matrices", whole_sequence=True)
    tensor, kernel = operation.tensor(tensors[0]), constants[0]
    axes = tensor.axes
    last = tensors[0] == 0
    if axes is not None:
        along = axes[-1] if last or len(axes) < 2 else axes[-2]
        if along != tensor.features:
            raise NotUnderstoodError(
                f"it multiplies along axis {along} of {axes}, not the channels",
                whole_sequence=along == "L",
            )
    if not last:
        kernel = kernel.T
    return _dense(operation, translation, tensor, kernel, np.zeros(kernel.shape[-1]))


def _gemm(operation: Operation, translation: Translation) -> Tensor:
    tensor = operation.tensor(0)
    kernel = operation.constant(1, "weights")
    added = operation.constant(2, "bias")
    assert kernel is not None
    attributes = operation.attributes
    if attributes.get("transA", 0):
        raise NotUnderstoodError("it transposes its input")
    if tensor.axes is not None and tensor.axes[-1] != tensor.features:
        raise NotUnderstoodError(f"it multiplies along axis {tensor.axes[-1]} of {tensor.axes}")
    kernel = (kernel.T if attributes.get("transB", 0) else kernel) * attributes.get("alpha", 1.0)
    bias = np.zeros(kernel.shape[1])
    if added is not None:
        if added.ndim == 2 and added.shape[0] != 1:
            raise NotUnderstoodError("its bias differs between rows")
        bias = bias + added.reshape(-1) * attributes.get("beta", 1.0)
    return _dense(operation, translation, tensor, kernel, bias)


HANDLERS: dict[str, Callable[[Operation, Translation], Tensor]] = {
    "Add": _add,
    "Concat": _concatenate,
    "Div": _divide,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Max": _extremum,
    "Mean": _add,
    "Min": _extremum,
    "Mul": _multiply,
    "Neg": _negate,
    "Sub": _subtract,
    "Sum": _add,
}
"""Translators by operation type."""
