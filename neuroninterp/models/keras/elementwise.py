"""What acts on every position alone in Keras: activations, scalings, merges, normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neuroninterp.graph import Activation, Affine, Dense, LayerNormalization, Opaque
from neuroninterp.models.keras.activations import Form, forms_of, fused_forms, probed
from neuroninterp.models.keras.arrays import to_array
from neuroninterp.models.keras.values import Call, NotUnderstoodError, Value

__all__ = [
    "activate_fused",
    "activation",
    "affine",
    "batch_normalization",
    "dense",
    "elementwise_operation",
    "is_nonlinear",
    "layer_normalization",
    "normalization",
    "parametric_relu",
    "per_channel",
    "rescaling",
    "rms_normalization",
    "unit_normalization",
    "whole",
]


def activation(call: Call) -> Value:
    """Translate an activation layer or operation."""
    call.only_input()
    forms = forms_of(call.operation)
    axis = getattr(call.operation, "axis", -1)
    return _steps(call, forms, part="step", axis=axis) if forms else call.unchanged()


def is_nonlinear(function: Any) -> bool:
    """Whether a layer's ``activation`` argument computes anything (understood or not)."""
    try:
        return function is not None and fused_forms(function) != ()
    except NotUnderstoodError:
        return True


def activate_fused(call: Call, value: Value, function: Any) -> Value:
    """Add the activation that a layer applies itself, after its ``value``."""
    following = call.after(value)
    axis = getattr(function, "axis", -1)
    try:
        return _steps(following, fused_forms(function), part="activation", axis=axis, always=True)
    except NotUnderstoodError as error:
        return call.builder.add(
            Opaque,
            following,
            part="activation",
            operation=f"{type(call.operation).__name__} activation",
            reason=error.reason,
            whole_sequence=error.whole_sequence,
        )


def _steps(
    call: Call, forms: Sequence[Form], *, part: str, axis: Any, always: bool = False
) -> Value:
    """Add one activation a form; Keras holds only the last one's tensor."""
    if forms[0].function == "softmax":
        _require_channels(call, axis)
    value = call.inputs[0]
    for number, form in enumerate(forms, start=1):
        last = number == len(forms)
        value = call.builder.add(
            Activation,
            call.after(value),
            axes=value.axes,
            part=(part if always else "") if last else f"{part}{number}",
            tensor=call.outputs[0] if last else None,
            **form.keywords(),
        )
    return value


def _require_channels(call: Call, axis: Any) -> None:
    """Raise unless a normalisation runs over the channels of each position."""
    value = call.inputs[0]
    axes = axis if isinstance(axis, (tuple, list)) else [axis]
    letters = {value.letter(each) for each in axes}
    if letters - {"1"} not in ({"C"}, {"F"}):
        raise NotUnderstoodError(
            f"it normalises axis {_shown(axis)} of a tensor laid out {value.axes}",
            whole_sequence="L" in letters,
        )


def _shown(axis: Any) -> str:
    return ", ".join(map(str, axis)) if isinstance(axis, (tuple, list)) else str(axis)


def elementwise_operation(call: Call) -> Value:
    """Translate any other operation of ``keras.ops`` that proves to be elementwise."""
    value, kind = call.only_input(), type(call.operation).__name__
    # Its name says all.
    refused = NotUnderstoodError("", whole_sequence=kind in _SUMMARIES and _along_length(call))
    if call.shapes[0] != value.shape:
        raise refused
    try:
        form = probed(call.call_on, kind)
    except NotUnderstoodError:
        raise refused from None
    return call.builder.add(Activation, call, **form.keywords())


_SUMMARIES = ("Cumprod", "Cumsum", "LogSoftmax", "Logsumexp", "Min", "Prod", "Std", "Sum", "Var")


def _along_length(call: Call) -> bool:
    axis, axes = getattr(call.operation, "axis", None), call.inputs[0].axes
    if axis is None:
        return True
    return any(axes[a] == "L" for a in (axis if isinstance(axis, (tuple, list)) else [axis]))


def parametric_relu(call: Call) -> Value:
    """Translate a PReLU whose slopes differ between channels alone."""
    alpha = per_channel(call.only_input(), to_array(call.operation.alpha))
    return call.builder.add(Activation, call, function="leaky_relu", alpha=alpha)


def per_channel(value: Value, numbers: np.ndarray) -> np.ndarray:
    """Return numbers that are spread over a tensor as one a channel.

    Parameters
    ----------
    value : Value
        The tensor.
    numbers : numpy.ndarray
        Anything that NumPy would spread over the tensor.

    Returns
    -------
    numpy.ndarray, shape=(channels,)
        float32.

    Raises
    ------
    NotUnderstoodError
        If they differ between positions.
    """
    rank = len(value.axes)
    if numbers.ndim > rank or value.channels is None:
        raise NotUnderstoodError(f"numbers of shape {numbers.shape} meet a tensor {value.axes}")
    spread = numbers.reshape((1,) * (rank - numbers.ndim) + numbers.shape)
    for axis, letter in enumerate(value.axes):
        if letter in "CF" or spread.shape[axis] == 1:
            continue
        first = spread.take([0], axis=axis)
        if not (spread == first).all():
            raise NotUnderstoodError(f"its numbers differ along axis {axis} ({letter})")
        spread = first
    return np.broadcast_to(spread.ravel(), (value.channels,)).astype(np.float32)


def affine(call: Call, scale: Any, shift: Any, *, part: str = "", tensor: Any = ...) -> Value:
    """Add ``x * scale + shift``, whose numbers are spread over the only input.

    Raises
    ------
    NotUnderstoodError
        If they differ between positions.
    """
    value = call.only_input()
    return call.builder.add(
        Affine,
        call,
        part=part,
        tensor=tensor,
        scale=per_channel(value, np.asarray(scale, np.float32)),
        shift=per_channel(value, np.asarray(shift, np.float32)),
    )


def batch_normalization(call: Call) -> Value:
    """Translate a batch normalisation over the channels."""
    layer, value = call.operation, call.only_input()
    axis = layer.axis[0] if isinstance(layer.axis, (list, tuple)) else layer.axis
    if value.letter(axis) not in "CF1":
        raise NotUnderstoodError(f"it normalises axis {axis} of a tensor laid out {value.axes}")
    variance = to_array(layer.moving_variance).astype(np.float64)
    scale = 1.0 / np.sqrt(variance + layer.epsilon)
    if layer.scale:
        scale = scale * to_array(layer.gamma)
    shift = -to_array(layer.moving_mean) * scale
    if layer.center:
        shift = shift + to_array(layer.beta)
    # In place of the axis it belongs to, whichever that is.
    spread = [1] * len(value.axes)
    spread[axis] = -1
    return affine(call, scale.reshape(spread), shift.reshape(spread))


def rescaling(call: Call) -> Value:
    """Translate a scaling by constants."""
    return affine(call, to_array(call.operation.scale), to_array(call.operation.offset))


def normalization(call: Call) -> Value:
    """Translate a normalisation by a stored mean and variance."""
    layer = call.operation
    mean = to_array(layer.mean).astype(np.float64)
    deviation = np.maximum(np.sqrt(to_array(layer.variance).astype(np.float64)), 1e-7)
    if layer.invert:
        return affine(call, deviation, mean)
    return affine(call, 1.0 / deviation, -mean / deviation)


def layer_normalization(call: Call) -> Value:
    """Translate a layer normalisation over the channels of each position."""
    layer = call.operation
    if getattr(layer, "rms_scaling", False):
        raise NotUnderstoodError("rms_scaling=True")
    scale = layer.gamma if layer.scale else None
    return _normalise(call, scale, layer.beta if layer.center else None, centred=True)


def rms_normalization(call: Call) -> Value:
    """Translate a root-mean-square normalisation over the channels of each position."""
    return _normalise(call, call.operation.scale, None, centred=False)


def _normalise(call: Call, scale: Any, shift: Any, *, centred: bool) -> Value:
    value = call.only_input()
    _require_channels(call, call.operation.axis)
    if value.channels is None:
        raise NotUnderstoodError(f"it normalises a tensor {value.axes} of any size")
    ones = np.ones(value.channels, np.float32)
    return call.builder.add(
        LayerNormalization,
        call,
        epsilon=float(call.operation.epsilon),
        scale=ones if scale is None else to_array(scale).ravel(),
        shift=0 * ones if shift is None else to_array(shift).ravel(),
        centred=centred,
    )


def unit_normalization(call: Call) -> Value:
    """Say of a scaling to length 1 whether it sees the whole sequence."""
    _require_channels(call, call.operation.axis)
    raise NotUnderstoodError("it scales the channels to length 1")


def whole(call: Call) -> Value:
    """Say of a layer that it lets every position see all others."""
    raise NotUnderstoodError("", whole_sequence=True)


def dense(call: Call) -> Value:
    """Translate a matrix product over the channels."""
    layer, value = call.operation, call.only_input()
    if value.axes[-1] not in "CF":
        raise NotUnderstoodError(
            f"it multiplies the last axis of a tensor laid out {value.axes}",
            whole_sequence=value.axes[-1] == "L",
        )
    if layer.quantization_mode is not None:
        raise NotUnderstoodError(f"its weights are quantized ({layer.quantization_mode})")
    kernel = to_array(layer.kernel)
    bias = to_array(layer.bias) if layer.use_bias else np.zeros(kernel.shape[1], np.float32)
    nonlinear = is_nonlinear(layer.activation)
    tensor = None if nonlinear else call.outputs[0]
    result = call.builder.add(Dense, call, tensor=tensor, kernel=kernel, bias=bias)
    return activate_fused(call, result, layer.activation) if nonlinear else result
