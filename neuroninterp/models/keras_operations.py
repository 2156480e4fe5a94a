"""Translation of one Keras layer call into canonical nodes.

Every translator reads the tensors' axes (a layout string such as ``"NLC"`` or ``"NL1C"``,
``"NF"`` after a flatten) and either adds nodes to the graph being built or raises
:class:`NotUnderstoodError`, which turns the call into an opaque node.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from neuroninterp.graph import (
    Activation,
    Add,
    Affine,
    Concatenate,
    Convolution,
    Dense,
    Flatten,
    Opaque,
    Pool,
)
from neuroninterp.models.keras_activations import activation_of, fused_activation
from neuroninterp.models.keras_values import Call, NotUnderstoodError, Value

__all__ = ["same_padding", "translate_call"]


def same_padding(
    length: int | None, kernel: int, *, stride: int = 1, dilation: int = 1
) -> tuple[int, int]:
    """Return the zeros that ``padding="same"`` adds left and right, by TensorFlow's rule.

    Parameters
    ----------
    length : int or None
        Positions of the input tensor; None where the model takes any length, for which a
        multiple of the stride is assumed.
    kernel, stride, dilation : int
        Of the convolution or the pool, in positions.

    Returns
    -------
    tuple of int
        Left and right; where the total is odd, the right side has one more.
    """
    if length is None:
        length = stride * kernel * dilation
    steps = math.ceil(length / stride) - 1
    total = max(steps * stride + (kernel - 1) * dilation + 1 - length, 0)
    return total // 2, total - total // 2


def translate_call(call: Call) -> list[Value]:
    """Add the nodes of one layer call to its builder's graph; never raises for an unknown layer.

    Returns
    -------
    list of Value
        One value an output of the call.
    """
    translator = _translator(call.operation)
    try:
        if translator is None:
            raise NotUnderstoodError("")
        if call.keywords.get("training") is True:
            raise NotUnderstoodError("it is called with training=True")
        return [translator(call)]
    except NotUnderstoodError as error:
        return _opaque(call, error.reason)


def _translator(operation: Any) -> Callable[[Call], Value] | None:
    """Find the translator of Keras's own class; a user's subclass may compute anything."""
    import keras

    if not type(operation).__module__.startswith("keras."):
        return None
    is_layer = isinstance(operation, keras.layers.Layer)
    return (_LAYERS if is_layer else _FUNCTIONS).get(type(operation).__name__)


def _opaque(call: Call, reason: str) -> list[Value]:
    shape = call.shapes[0] if call.shapes else ()
    name = call.builder.add(
        Opaque,
        call,
        axes=_likely_axes(call, shape),
        operation=type(call.operation).__name__,
        reason=reason,
    ).node
    return [
        Value(name, _likely_axes(call, shape), tensor, shape)
        for tensor, shape in zip(call.outputs, call.shapes, strict=True)
    ]


def _likely_axes(call: Call, shape: tuple[int | None, ...]) -> str:
    """Guess the axes behind an opaque node, so that convolutions after it are still seen."""
    if call.inputs and len(call.inputs[0].axes) == len(shape):
        return call.inputs[0].axes
    if len(shape) == 4:
        return "N1LC" if shape[1] == 1 else "NL1C"
    return {2: "NF", 3: "NLC"}.get(len(shape), "?" * len(shape))


def _nothing(call: Call) -> Value:
    """Translate what computes nothing at inference."""
    value = call.only_input()
    return Value(value.node, value.axes, call.outputs[0], call.shapes[0])


def _convolution(call: Call) -> Value:
    layer, value = call.operation, call.only_input()
    _require_channels_last(layer)
    kernel = _array(layer.kernel)
    axis, kernel, axes = _slide(layer, value, kernel)
    stride, dilation = layer.strides[axis], layer.dilation_rate[axis]
    width = kernel.shape[0]
    padding = {"valid": (0, 0), "causal": ((width - 1) * dilation, 0)}.get(layer.padding)
    if padding is None:
        padding = same_padding(value.length, width, stride=stride, dilation=dilation)
    bias = _array(layer.bias) if layer.use_bias else np.zeros(kernel.shape[2], np.float32)
    fused = layer.activation
    has_activation = _is_nonlinear(fused)
    tensor = call.builder.before_activation(call) if has_activation else call.outputs[0]
    convolution = call.builder.add(
        Convolution,
        call,
        axes=axes,
        tensor=tensor,
        kernel=kernel,
        bias=bias,
        stride=stride,
        dilation=dilation,
        groups=layer.groups,
        padding=padding,
    )
    return _activate(call, convolution, fused) if has_activation else convolution


def _slide(layer: Any, value: Value, kernel: np.ndarray) -> tuple[int, np.ndarray, str]:
    """Return the kernel axis along the length, the 1-D kernel, and the output's axes."""
    spatial = value.axes[1:-1]
    if value.axes == "NLC":
        return 0, kernel, "NLC"
    if value.axes in ("NL1C", "N1LC"):
        return spatial.index("L"), _without_dummy(layer, value, kernel), value.axes
    if value.axes in ("NLC1", "NCL1"):
        channel = spatial.index("C")
        if kernel.shape[channel] != value.size("C") or layer.padding != "valid":
            raise NotUnderstoodError(
                f"its kernel {kernel.shape[:2]} with {layer.padding} padding does not cover "
                f"the channel axis exactly"
            )
        # The image's only channel gives way to the bases, which the kernel spans.
        one_dimensional = np.moveaxis(kernel[:, :, 0, :], channel, 1)
        return (
            1 - channel,
            np.ascontiguousarray(one_dimensional),
            value.axes[:-1].replace("C", "1") + "C",
        )
    raise NotUnderstoodError(f"it slides along axes {spatial!r} of a tensor laid out {value.axes}")


def _without_dummy(layer: Any, value: Value, kernel: np.ndarray) -> np.ndarray:
    dummy = value.axes[1:-1].index("1")
    width = kernel.shape[dummy]
    tap = 0
    if width > 1:
        dilation = layer.dilation_rate[dummy]
        tap, rest = divmod((width - 1) * dilation // 2, dilation)
        if rest or layer.padding != "same" or value.shape[1 + dummy] != 1:
            raise NotUnderstoodError(f"its kernel is {width} wide along the dummy axis")
    # Under same padding every other tap along an axis of size 1 meets only zeros.
    return np.ascontiguousarray(np.take(kernel, tap, axis=dummy))


def _pool(kind: str) -> Callable[[Call], Value]:
    def translate(call: Call) -> Value:
        layer, value = call.operation, call.only_input()
        _require_channels_last(layer)
        if value.axes not in ("NLC", "NL1C", "N1LC"):
            raise NotUnderstoodError(f"it pools a tensor laid out {value.axes}")
        axis = value.axes[1:-1].index("L")
        for other, size in enumerate(layer.pool_size):
            if other != axis and size > 1 and value.shape[1 + other] != 1:
                raise NotUnderstoodError("it pools along an axis that is not known to be 1")
        size, stride = layer.pool_size[axis], layer.strides[axis]
        same = layer.padding == "same"
        padding = same_padding(value.length, size, stride=stride) if same else (0, 0)
        return call.builder.add(
            Pool, call, axes=value.axes, kind=kind, size=size, stride=stride, padding=padding
        )

    return translate


def _batch_normalization(call: Call) -> Value:
    layer, value = call.operation, call.only_input()
    axis = layer.axis[0] if isinstance(layer.axis, (list, tuple)) else layer.axis
    if value.axes[axis] not in "CF":
        raise NotUnderstoodError(f"it normalises axis {axis} of a tensor laid out {value.axes}")
    variance = _array(layer.moving_variance).astype(np.float64)
    scale = 1.0 / np.sqrt(variance + layer.epsilon)
    if layer.scale:
        scale = scale * _array(layer.gamma)
    shift = -_array(layer.moving_mean) * scale
    if layer.center:
        shift = shift + _array(layer.beta)
    return call.builder.add(
        Affine,
        call,
        axes=value.axes,
        scale=scale.astype(np.float32),
        shift=shift.astype(np.float32),
    )


def _activation(call: Call) -> Value:
    value = call.only_input()
    found = activation_of(call.operation)
    if found is None:
        return _nothing(call)
    if found[0] == "softmax" and not value.channels_last:
        raise NotUnderstoodError(f"it normalises the last axis of a tensor laid out {value.axes}")
    return call.builder.add(Activation, call, axes=value.axes, function=found[0], alpha=found[1])


def _is_nonlinear(function: Any) -> bool:
    try:
        return function is not None and fused_activation(function) is not None
    except NotUnderstoodError:
        return True


def _activate(call: Call, value: Value, function: Any) -> Value:
    """Add the activation that a layer applies itself, after its ``value``."""
    following = call.after(value)
    try:
        name, alpha = fused_activation(function)  # type: ignore[misc]  # known to be nonlinear
        return call.builder.add(
            Activation, following, axes=value.axes, part="activation", function=name, alpha=alpha
        )
    except NotUnderstoodError as error:
        return call.builder.add(
            Opaque,
            following,
            axes=value.axes,
            part="activation",
            operation=f"{type(call.operation).__name__} activation",
            reason=error.reason,
        )


def _dense(call: Call) -> Value:
    layer, value = call.operation, call.only_input()
    if not value.channels_last:
        raise NotUnderstoodError(f"it multiplies the last axis of a tensor laid out {value.axes}")
    if layer.quantization_mode is not None:
        raise NotUnderstoodError(f"its weights are quantized ({layer.quantization_mode})")
    kernel = _array(layer.kernel)
    bias = _array(layer.bias) if layer.use_bias else np.zeros(kernel.shape[1], np.float32)
    nonlinear = _is_nonlinear(layer.activation)
    dense = call.builder.add(
        Dense,
        call,
        axes=value.axes,
        tensor=None if nonlinear else call.outputs[0],
        kernel=kernel,
        bias=bias,
    )
    return _activate(call, dense, layer.activation) if nonlinear else dense


def _flatten(call: Call) -> Value:
    value = call.only_input()
    if value.axes == "NF":
        return _nothing(call)
    kept = value.axes.replace("1", "")
    if kept not in ("NLC", "NCL"):
        raise NotUnderstoodError(f"it flattens a tensor laid out {value.axes}")
    return call.builder.add(Flatten, call, axes="NF", channels_first=kept == "NCL")


def _reshape(call: Call) -> Value:
    value, shape = call.only_input(), call.shapes[0]
    if len(shape) == 2:
        return _flatten(call)
    remaining = [axis for axis in value.axes[1:] if axis != "1"]
    axes = "N"
    for size in shape[1:]:
        if remaining and value.size(remaining[0]) == size:
            axes += remaining.pop(0)
        elif size == 1:
            axes += "1"
        else:
            break
    if remaining or len(axes) != len(shape) or len(shape) > 4:
        raise NotUnderstoodError(f"it reshapes {value.shape} to {shape}")
    return Value(value.node, axes, call.outputs[0], shape)


def _permute(call: Call) -> Value:
    value = call.only_input()
    axes = "N" + "".join(value.axes[axis] for axis in call.operation.dims)
    return Value(value.node, axes, call.outputs[0], call.shapes[0])


def _add(call: Call) -> Value:
    axes = call.common_axes()
    if len(call.inputs) < 2 or len({value.shape for value in call.inputs}) > 1:
        raise NotUnderstoodError("it adds tensors of different shapes")
    return call.builder.add(Add, call, axes=axes)


def _concatenate(call: Call) -> Value:
    axes = call.common_axes()
    if axes[call.operation.axis] not in "CF":
        raise NotUnderstoodError(f"it concatenates along {axes[call.operation.axis]!r} of {axes}")
    return call.builder.add(Concatenate, call, axes=axes)


def _require_channels_last(layer: Any) -> None:
    if layer.data_format != "channels_last":
        raise NotUnderstoodError(f"data_format={layer.data_format!r}")


def _array(variable: Any) -> np.ndarray:
    import keras

    tensor = keras.ops.convert_to_tensor(variable)
    return np.asarray(keras.ops.convert_to_numpy(tensor), dtype=np.float32)


_INACTIVE = (
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "Identity",
    "SpatialDropout1D",
    "SpatialDropout2D",
)

_LAYERS: dict[str, Callable[[Call], Value]] = {
    **dict.fromkeys(_INACTIVE, _nothing),
    **dict.fromkeys(("Activation", "ELU", "LeakyReLU", "ReLU", "Softmax"), _activation),
    "Add": _add,
    "AveragePooling1D": _pool("average"),
    "AveragePooling2D": _pool("average"),
    "BatchNormalization": _batch_normalization,
    "Concatenate": _concatenate,
    "Conv1D": _convolution,
    "Conv2D": _convolution,
    "Dense": _dense,
    "Flatten": _flatten,
    "MaxPooling1D": _pool("max"),
    "MaxPooling2D": _pool("max"),
    "Permute": _permute,
    "Reshape": _reshape,
}

_FUNCTIONS: dict[str, Callable[[Call], Value]] = {
    **dict.fromkeys(
        ("Elu", "Exp", "Gelu", "LeakyRelu", "Relu", "Sigmoid", "Silu", "Softmax", "Softplus"),
        _activation,
    ),
    "Tanh": _activation,
    "Add": _add,
    "Concatenate": _concatenate,
}
