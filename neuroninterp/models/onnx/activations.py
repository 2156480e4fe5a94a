"""Elementwise nonlinearities, softmax, and rounding to the steps of quantised models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from neuroninterp.graph import Activation, Affine
from neuroninterp.models.onnx.arithmetic import affine, per_channel
from neuroninterp.models.onnx.elementwise import scaled_silu
from neuroninterp.models.onnx.tensors import Codes, NotUnderstoodError, Operation, Tensor, known
from neuroninterp.models.onnx.translation import Translation
from neuroninterp.models.runtime import Tap

__all__ = ["HANDLERS"]

_Handler = Callable[[Operation, Translation], Tensor]

_SELU = {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875}
"""What the operation's attributes are by default; the canonical function has the same."""


def _activate(
    operation: Operation, translation: Translation, *, tapped: bool = True, **fields: Any
) -> Tensor:
    tensor = operation.tensor(0)
    return translation.add(
        Activation,
        operation,
        [tensor],
        axes=tensor.axes,
        sizes=tensor.sizes,
        tapped=tapped,
        **fields,
    )


def _plain(function: str) -> _Handler:
    """Return the translator of an activation without parameters."""
    return lambda operation, translation: _activate(operation, translation, function=function)


def _sloped(function: str, default: float) -> _Handler:
    """Return the translator of an activation whose attribute ``alpha`` is the canonical one."""

    def translate(operation: Operation, translation: Translation) -> Tensor:
        alpha = float(operation.attributes.get("alpha", default))
        return _activate(operation, translation, function=function, alpha=alpha)

    return translate


def _gelu(operation: Operation, translation: Translation) -> Tensor:
    tanh = operation.attributes.get("approximate", "none") == "tanh"
    return _activate(operation, translation, function="gelu_tanh" if tanh else "gelu")


def _swish(operation: Operation, translation: Translation) -> Tensor:
    slope = float(operation.attributes.get("alpha", 1.0))
    if slope == 1.0:
        return _activate(operation, translation, function="silu")
    return _activate(
        operation,
        translation,
        function="custom",
        call=scaled_silu(slope),
        rectifier=slope > 0,
    )


def _celu(operation: Operation, translation: Translation) -> Tensor:
    alpha = float(operation.attributes.get("alpha", 1.0))
    if alpha == 1.0:
        return _activate(operation, translation, function="elu", alpha=1.0)

    def call(x: Any) -> Any:
        from neuroninterp.backend import import_keras

        ops = import_keras().ops
        return ops.where(x > 0, x, alpha * ops.expm1(ops.minimum(x, 0.0) / alpha))

    return _activate(operation, translation, function="custom", call=call, rectifier=alpha > 0)


def _selu(operation: Operation, translation: Translation) -> Tensor:
    alpha, gamma = (float(operation.attributes.get(name, _SELU[name])) for name in _SELU)
    if np.allclose((alpha, gamma), tuple(_SELU.values()), rtol=1e-6):
        return _activate(operation, translation, function="selu")
    grown = _activate(operation, translation, tapped=False, function="elu", alpha=alpha)
    return affine(operation, translation, grown, gamma, 0.0)


def _hard_sigmoid(operation: Operation, translation: Translation) -> Tensor:
    slope = float(operation.attributes.get("alpha", 0.2))
    shift = float(operation.attributes.get("beta", 0.5))
    if np.allclose((slope, shift), (1 / 6, 0.5), rtol=1e-6):
        return _activate(operation, translation, function="hard_sigmoid")
    if slope <= 0:
        raise NotUnderstoodError(f"its slope is {slope}")
    # Clipped first and scaled then, so that the layer's value stays what it is.
    bounds = (-shift / slope, (1 - shift) / slope)
    clipped = _activate(operation, translation, tapped=False, function="clip", bounds=bounds)
    return affine(operation, translation, clipped, slope, shift)


def _clip(operation: Operation, translation: Translation) -> Tensor:
    bounds = []
    for index, (name, default) in enumerate([("min", -np.inf), ("max", np.inf)], start=1):
        given = operation.constant(index, name)
        value = operation.attributes.get(name, default) if given is None else np.ravel(given)[0]
        bounds.append(float(value))
    low, high = bounds
    if abs(low) > np.finfo(np.float32).max / 2:
        low = -np.inf
    if high > np.finfo(np.float32).max / 2:
        high = np.inf
    if (low, high) == (-np.inf, np.inf):
        return operation.tensor(0)
    if (low, high) == (0.0, np.inf):
        return _activate(operation, translation, function="relu")
    return _activate(operation, translation, function="clip", bounds=(low, high))


def _prelu(operation: Operation, translation: Translation) -> Tensor:
    slope = operation.constant(1, "slope")
    assert slope is not None
    slopes = per_channel(translation, operation.tensor(0), slope)
    uniform = bool((slopes == slopes[0]).all())
    alpha: float | np.ndarray = float(slopes[0]) if uniform else slopes.astype(np.float32)
    return _activate(operation, translation, function="leaky_relu", alpha=alpha)


def _softmax(operation: Operation, translation: Translation) -> Tensor:
    tensor = operation.tensor(0)
    axes, _ = known(tensor)
    coerced = translation.opset < 13
    axis = operation.attributes.get("axis", 1 if coerced else -1) % len(axes)
    # Before opset 13 the axes from ``axis`` on were taken together.
    together = [a for a in (axes[axis:] if coerced else axes[axis]) if a != "1"]
    if len(together) != 1 or together[0] != tensor.features:
        raise NotUnderstoodError(
            f"it is taken over axes {''.join(together)}, not the channels",
            whole_sequence="L" in together,
        )
    return _activate(operation, translation, function="softmax")


def _quantize(operation: Operation, translation: Translation) -> Tensor:
    """Round to integers; the node has what these stand for."""
    step, zero = operation.constant(1, "scale"), operation.constant(2, "zero point")
    if step is None or step.size != 1 or operation.attributes.get("block_size", 0):
        raise NotUnderstoodError("its step differs between channels")
    kind = np.dtype(np.uint8) if zero is None else zero.dtype
    if kind.name not in ("int8", "uint8", "int16", "uint16"):
        raise NotUnderstoodError(f"it rounds to {kind.name}")
    codes = Codes(float(np.ravel(step)[0]), 0 if zero is None else int(np.ravel(zero)[0]))
    if not codes.step > 0:
        raise NotUnderstoodError(f"its step is {codes.step}")
    limits = np.iinfo(kind)
    bounds = tuple((float(end) - codes.zero) * codes.step for end in (limits.min, limits.max))
    rounded = _activate(
        operation,
        translation,
        tapped=False,
        function="quantize",
        alpha=codes.step,
        bounds=bounds,
    )
    return replace(rounded, codes=codes)


def _dequantize(operation: Operation, translation: Translation) -> Tensor:
    tensor = operation.tensor(0, codes=True)
    axes, sizes = known(tensor)
    written = tensor.codes
    step, zero = operation.constant(1, "scale"), operation.constant(2, "zero point")
    if written is None:
        raise NotUnderstoodError("it reads integers that were not rounded from numbers")
    if step is None or step.size != 1:
        raise NotUnderstoodError("its step differs between channels")
    read = Codes(float(np.ravel(step)[0]), 0 if zero is None else int(np.ravel(zero)[0]))
    plain = replace(tensor, codes=None)
    if read == written:
        if set("NLC") <= set(axes):
            tap = Tap(operation.outputs[0], axes, tensor.stacked)
            translation.taps.setdefault(tensor.node, tap)
        return plain
    units = per_channel(translation, plain, np.ones(()))
    return translation.add(
        Affine,
        operation,
        [plain],
        axes=axes,
        sizes=sizes,
        scale=(units * read.step / written.step).astype(np.float32),
        shift=(units * (written.zero - read.zero) * read.step).astype(np.float32),
    )


HANDLERS: dict[str, _Handler] = {
    "Celu": _celu,
    "Clip": _clip,
    "DequantizeLinear": _dequantize,
    "Elu": _sloped("elu", 1.0),
    "Exp": _plain("exponential"),
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _plain("hard_silu"),
    "LeakyRelu": _sloped("leaky_relu", 0.01),
    "Mish": _plain("mish"),
    "PRelu": _prelu,
    "QuantizeLinear": _quantize,
    "Relu": _plain("relu"),
    "Selu": _selu,
    "Sigmoid": _plain("sigmoid"),
    "Softmax": _softmax,
    "Softplus": _plain("softplus"),
    "Softsign": _plain("softsign"),
    "Swish": _swish,
    "Tanh": _plain("tanh"),
    "ThresholdedRelu": _sloped("thresholded_relu", 1.0),
}
"""Translators by operation type."""
