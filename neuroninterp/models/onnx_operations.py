"""Activations, arithmetic, batch normalisation, concatenation and dense layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from neuroninterp.graph import Activation, Add, Affine, Concatenate, Dense
from neuroninterp.models import onnx_axes, onnx_sliding
from neuroninterp.models.onnx_tensors import Constant, NotUnderstoodError, Operation, Tensor

if TYPE_CHECKING:
    from neuroninterp.models.onnx_translate import Translation

__all__ = ["HANDLERS"]

_FLOATING = (1, 10, 11, 16)
"""ONNX's numbers of float32, float16, float64 and bfloat16."""


def _activation(function: str, alpha: float = 0.0) -> Callable[[Operation, Translation], Tensor]:
    """Return the translator of an elementwise activation; ``alpha`` is its default."""

    def translate(operation: Operation, translation: Translation) -> Tensor:
        tensor = operation.tensor(0)
        return translation.add(
            Activation,
            operation,
            [tensor],
            axes=tensor.axes,
            sizes=tensor.sizes,
            function=function,
            alpha=float(operation.attributes.get("alpha", alpha)),
        )

    return translate


def _gelu(operation: Operation, translation: Translation) -> Tensor:
    tanh = operation.attributes.get("approximate", "none") == "tanh"
    return _activation("gelu_tanh" if tanh else "gelu")(operation, translation)


def _softmax(operation: Operation, translation: Translation) -> Tensor:
    tensor = operation.tensor(0)
    axes, sizes = tensor.axes, tensor.sizes
    if axes is None or sizes is None:
        raise NotUnderstoodError("the layout of its input is not known")
    coerced = translation.opset < 13
    axis = operation.attributes.get("axis", 1 if coerced else -1) % len(axes)
    # Before opset 13 the axes from ``axis`` on were taken together.
    together = [a for a in (axes[axis:] if coerced else axes[axis]) if a != "1"]
    if len(together) != 1 or together[0] != tensor.features:
        raise NotUnderstoodError(f"it is taken over axes {''.join(together)}, not the channels")
    return _activation("softmax")(operation, translation)


def _same(operation: Operation, translation: Translation) -> Tensor:
    """Operations that compute nothing at inference."""
    return operation.tensor(0)


def _dropout(operation: Operation, translation: Translation) -> Tensor:
    training = operation.constant(2, "training mode")
    if training is not None and np.any(training):
        raise NotUnderstoodError("it is in training mode")
    return operation.tensor(0)


def _cast(operation: Operation, translation: Translation) -> Tensor:
    if operation.attributes["to"] not in _FLOATING or operation.tensor(0).unresolved:
        raise NotUnderstoodError("it does not give floating-point numbers")
    return operation.tensor(0)


def _per_channel(tensor: Tensor, constant: np.ndarray) -> np.ndarray:
    """Spread a constant that is the same at all positions over the channels, float64."""
    if tensor.axes is None or tensor.sizes is None or tensor.features is None:
        raise NotUnderstoodError("the layout of its input is not known")
    if "M" in tensor.axes:
        raise NotUnderstoodError("batch and length are merged")
    axis = tensor.axes.index(tensor.features)
    shape = (1,) * (len(tensor.axes) - constant.ndim) + constant.shape
    if len(shape) != len(tensor.axes):
        raise NotUnderstoodError("its constant has more axes than its input")
    if any(size != 1 for i, size in enumerate(shape) if i != axis):
        raise NotUnderstoodError("its constant differs between positions")
    channels = tensor.sizes[axis]
    if shape[axis] not in (1, channels):
        raise NotUnderstoodError("its constant changes the shape of its input")
    return np.broadcast_to(constant.reshape(-1).astype(np.float64), (channels,))


def _affine(
    operation: Operation,
    translation: Translation,
    tensor: Tensor,
    scale: np.ndarray | float,
    shift: np.ndarray | float,
) -> Tensor:
    """Add ``tensor * scale + shift``, per channel."""
    units = _per_channel(tensor, np.zeros(()))
    return translation.add(
        Affine,
        operation,
        [tensor],
        axes=tensor.axes,
        sizes=tensor.sizes,
        scale=np.asarray(scale + units, np.float32),
        shift=np.asarray(shift + units, np.float32),
    )


def _constant_and_tensor(operation: Operation) -> tuple[Tensor, np.ndarray, bool] | None:
    """Return tensor, constant, and whether the tensor is first; None for two tensors."""
    first, second = operation.inputs
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return None
    tensor_first = isinstance(first, Tensor)
    tensor, constant = (0, 1) if tensor_first else (1, 0)
    values = operation.constant(constant, "constant")
    assert values is not None
    tensor_value = operation.tensor(tensor)
    return tensor_value, _per_channel(tensor_value, values), tensor_first


def _sum(operation: Operation, translation: Translation, tensors: Sequence[Tensor]) -> Tensor:
    """Add tensors of one shape."""
    first = tensors[0]
    if first.axes is None or first.sizes is None:
        raise NotUnderstoodError("the layout of its inputs is not known")
    for other in tensors[1:]:
        if (other.axes, other.sizes) != (first.axes, first.sizes):
            raise NotUnderstoodError(
                f"its inputs have different layouts or shapes: {first.axes} {first.sizes} and "
                f"{other.axes} {other.sizes}"
            )
    return translation.add(Add, operation, tensors, axes=first.axes, sizes=first.sizes)


def _add(operation: Operation, translation: Translation) -> Tensor:
    if len(operation.inputs) == 1:
        return operation.tensor(0)
    if all(isinstance(value, Tensor) for value in operation.inputs):
        return _sum(operation, translation, operation.reads)
    if len(operation.inputs) != 2:
        raise NotUnderstoodError("it adds tensors and constants at once")
    pair = _constant_and_tensor(operation)
    assert pair is not None
    tensor, constant, _ = pair
    return _affine(operation, translation, tensor, 1.0, constant)


def _subtract(operation: Operation, translation: Translation) -> Tensor:
    pair = _constant_and_tensor(operation)
    if pair is None:
        first, second = operation.tensor(0), operation.tensor(1)
        if first.axes is None or (first.axes, first.sizes) != (second.axes, second.sizes):
            raise NotUnderstoodError("its inputs have different layouts or shapes")
        negative = translation.quietly(_affine, operation, second, -1.0, 0.0)
        return _sum(operation, translation, [first, negative])
    tensor, constant, tensor_first = pair
    scale, shift = (1.0, -constant) if tensor_first else (-1.0, constant)
    return _affine(operation, translation, tensor, scale, shift)


def _multiply(operation: Operation, translation: Translation) -> Tensor:
    pair = _constant_and_tensor(operation)
    if pair is None:
        raise NotUnderstoodError("it multiplies two tensors")
    return _affine(operation, translation, pair[0], pair[1], 0.0)


def _divide(operation: Operation, translation: Translation) -> Tensor:
    pair = _constant_and_tensor(operation)
    if pair is None or not pair[2] or not np.all(pair[1]):
        raise NotUnderstoodError("it divides by a tensor or by zero")
    return _affine(operation, translation, pair[0], 1.0 / pair[1], 0.0)


def _negate(operation: Operation, translation: Translation) -> Tensor:
    return _affine(operation, translation, operation.tensor(0), -1.0, 0.0)


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
    return _affine(operation, translation, tensor, scale, beta - mean * scale)


def _concatenate(operation: Operation, translation: Translation) -> Tensor:
    tensors = [operation.tensor(i) for i in range(len(operation.inputs))]
    if len(tensors) == 1:
        return tensors[0]
    first = tensors[0]
    if first.axes is None or any(t.axes != first.axes or t.sizes is None for t in tensors):
        raise NotUnderstoodError("its inputs have different or unknown layouts")
    axis = operation.attributes["axis"] % len(first.axes)
    if first.axes[axis] != first.features or "M" in first.axes:
        raise NotUnderstoodError(f"it joins along axis {first.axes[axis]}, not the channels")
    shapes = [list(t.sizes or ()) for t in tensors]
    sizes = shapes[0].copy()
    sizes[axis] = sum(shape[axis] for shape in shapes)
    return translation.add(Concatenate, operation, tensors, axes=first.axes, sizes=tuple(sizes))


def _dense(
    operation: Operation, translation: Translation, kernel: np.ndarray, bias: np.ndarray
) -> Tensor:
    """Add a matrix product over the last axis of input 0."""
    tensor = operation.tensor(0)
    axes, sizes = tensor.axes, tensor.sizes
    if kernel.ndim != 2:
        raise NotUnderstoodError("its weights are not a matrix")
    if axes is not None and axes[-1] != tensor.features:
        raise NotUnderstoodError(f"it multiplies along axis {axes[-1]} of {axes}, not the channels")
    return translation.add(
        Dense,
        operation,
        [tensor],
        axes=axes,
        sizes=None if sizes is None else (*sizes[:-1], kernel.shape[1]),
        kernel=np.ascontiguousarray(kernel, np.float32),
        bias=np.ascontiguousarray(bias, np.float32),
    )


def _matmul(operation: Operation, translation: Translation) -> Tensor:
    kernel = operation.constant(1, "weights")
    assert kernel is not None
    return _dense(operation, translation, kernel, np.zeros(kernel.shape[-1]))


def _gemm(operation: Operation, translation: Translation) -> Tensor:
    kernel = operation.constant(1, "weights")
    added = operation.constant(2, "bias")
    assert kernel is not None
    attributes = operation.attributes
    if attributes.get("transA", 0):
        raise NotUnderstoodError("it transposes its input")
    kernel = (kernel.T if attributes.get("transB", 0) else kernel) * attributes.get("alpha", 1.0)
    bias = np.zeros(kernel.shape[1])
    if added is not None:
        if added.ndim == 2 and added.shape[0] != 1:
            raise NotUnderstoodError("its bias differs between rows")
        bias = bias + added.reshape(-1) * attributes.get("beta", 1.0)
    return _dense(operation, translation, kernel, bias)


HANDLERS: dict[str, Callable[[Operation, Translation], Tensor | Constant]] = {
    **onnx_axes.HANDLERS,
    **onnx_sliding.HANDLERS,
    "Add": _add,
    "BatchNormalization": _batch_normalization,
    "Cast": _cast,
    "Concat": _concatenate,
    "Div": _divide,
    "Dropout": _dropout,
    "Elu": _activation("elu", 1.0),
    "Exp": _activation("exponential"),
    "Gelu": _gelu,
    "Gemm": _gemm,
    "Identity": _same,
    "LeakyRelu": _activation("leaky_relu", 0.01),
    "MatMul": _matmul,
    "Mul": _multiply,
    "Neg": _negate,
    "Relu": _activation("relu"),
    "Sigmoid": _activation("sigmoid"),
    "Softmax": _softmax,
    "Softplus": _activation("softplus"),
    "Sub": _subtract,
    "Sum": _add,
    "Tanh": _activation("tanh"),
}
"""Translators by standard operation type; each returns a tensor or raises NotUnderstoodError."""
