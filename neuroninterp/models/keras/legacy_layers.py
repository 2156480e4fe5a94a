"""What each layer of Keras 0.x and 1 computes, said in layers of Keras 3."""

from __future__ import annotations

from collections.abc import Callable

from neuroninterp.backend import import_keras
from neuroninterp.errors import ModelError
from neuroninterp.models.keras.keras_2_activations import activation_of_keras_2
from neuroninterp.models.keras.legacy_sliding import (
    convolution_1d,
    convolution_2d,
    global_pool,
    pool_1d,
    pool_2d,
)
from neuroninterp.models.keras.legacy_values import Call, Tensor

__all__ = ["apply_layer"]

_LAST = {0: 0, 1: 3, 2: 1, 3: 2}
"""Where each axis of a channels-first image lies once the channels are last."""

_VARIANCE_UNKNOWN = ("1.0.1", "1.0.2", "1.0.3")
"""Releases around the one that began to store a variance where a deviation had stood."""


def apply_layer(call: Call) -> Tensor:
    """Call the Keras 3 layer that computes what a layer of Keras 0.x or 1 did.

    Parameters
    ----------
    call : Call
        The layer and what it reads.

    Returns
    -------
    Tensor
        Its output.

    Raises
    ------
    UnsupportedOperationError
        If the layer, or one of its settings, is not understood.
    ModelError
        If its stored weights do not fit.
    """
    kind = call.kind
    function = _LAYERS.get(kind)
    if function is None:
        if kind in ("Lambda", "LambdaMerge"):
            raise ModelError(
                f"{call.origin.path}: layer {call.name!r} ({kind}) carries Python code "
                "of an older Python, which cannot be run"
            )
        raise call.refuse("is not understood; export the model to .onnx where it was made")
    result = function(call)
    fused = call.settings.get("activation")
    if fused not in (None, "linear") and kind in _WITH_ACTIVATION:
        layer = import_keras().layers.Activation(
            activation_of_keras_2(str(fused)), name=f"{call.name}_activation"
        )
        result = Tensor(layer(result.tensor), result.moved)
    return result


def _dense(call: Call) -> Tensor:
    source = call.input.in_file_order()
    inputs, units = source.shape[-1], int(call.settings["output_dim"])
    use_bias = bool(call.settings.get("bias", True))
    weights = [call.stored.take(int(inputs), units)]
    if use_bias:
        weights.append(call.stored.take(units))
    layer = import_keras().layers.Dense(units, use_bias=use_bias, name=call.name)
    output = layer(source)
    layer.set_weights(weights)
    return Tensor(output)


def _activation(call: Call) -> Tensor:
    function = str(call.settings["activation"])
    layer = import_keras().layers.Activation(activation_of_keras_2(function), name=call.name)
    # A softmax goes over the last axis, which must be the file's.
    return call.plain(layer) if function == "softmax" else call.elementwise(layer)


def _batch_normalization(call: Call) -> Tensor:
    settings, origin = call.settings, call.origin
    if settings.get("mode", 0) != 0:
        raise call.refuse(f"mode {settings['mode']} normalises by the batch or the sample")
    if origin.version in _VARIANCE_UNKNOWN:
        raise call.refuse(f"what Keras {origin.version} stored as its variance is not known")
    axis = int(settings.get("axis", -1))
    axis = axis % call.input.rank if axis < 0 else axis
    # Early files leave the shape out: the axis has as many sizes as there are stored numbers.
    moved = call.input.moved
    number = int(call.input.tensor.shape[_LAST[axis] if moved else axis])
    gamma, beta, mean, spread = (call.stored.take(number) for _ in range(4))
    epsilon = float(settings.get("epsilon", 1e-6))
    if origin.version == "1.0.0" or origin.version.split(".")[0] == "0":
        # They divided by (deviation + epsilon), later ones by the root of (variance + epsilon).
        spread = (spread + epsilon) ** 2 - epsilon
    layer = import_keras().layers.BatchNormalization(
        axis=_LAST[axis] if moved else axis, epsilon=epsilon, name=call.name
    )
    output = call.elementwise(layer)
    layer.set_weights([gamma, beta, mean, spread])
    return output


def _prelu(call: Call) -> Tensor:
    shape = tuple(call.input.tensor.shape[1:])
    if call.input.moved:
        shape = (shape[2], shape[0], shape[1])
    if call.settings.get("shared_axes"):
        raise call.refuse("shared_axes are not understood")
    slopes = call.stored.take(*shape)
    layer = import_keras().layers.PReLU(name=call.name)
    output = call.plain(layer)
    layer.set_weights([slopes])
    return output


def _parameterless(call: Call) -> Tensor:
    layers = import_keras().layers
    if call.kind == "LeakyReLU":
        return call.elementwise(layers.LeakyReLU(call.settings.get("alpha", 0.3), name=call.name))
    if call.kind == "ELU":
        layer = layers.ELU(alpha=float(call.settings.get("alpha", 1.0)), name=call.name)
        return call.elementwise(layer)
    threshold = float(call.settings.get("theta", 1.0))
    return call.elementwise(layers.ReLU(threshold=threshold, name=call.name))


def _identity(call: Call) -> Tensor:
    """Skip what acts in training only."""
    return call.input


def _flatten(call: Call) -> Tensor:
    return call.plain(import_keras().layers.Flatten(name=call.name))


def _reshape(call: Call) -> Tensor:
    shape = call.settings.get("target_shape") or call.settings.get("dims")
    return call.plain(import_keras().layers.Reshape(shape, name=call.name))


def _permute(call: Call) -> Tensor:
    return call.plain(import_keras().layers.Permute(call.settings["dims"], name=call.name))


def _pad_or_crop_1d(call: Call) -> Tensor:
    key = "padding" if call.kind.startswith("Zero") else "cropping"
    layer = getattr(import_keras().layers, call.kind)
    amount = call.settings.get(key, 1)
    amount = tuple(amount) if isinstance(amount, list) else amount
    return call.plain(layer(amount, name=call.name))


def _pad_or_crop_2d(call: Call) -> Tensor:
    key = "padding" if call.kind.startswith("Zero") else "cropping"
    amount = call.settings.get(key, 1)
    if isinstance(amount, list) and len(amount) == 4:
        amount = [amount[:2], amount[2:]]
    layer = getattr(import_keras().layers, call.kind)
    return call.image(lambda: layer(amount, name=call.name))


def _merge(call: Call) -> Tensor:
    mode = call.settings.get("mode", "sum")
    layers = import_keras().layers
    tensors = [tensor.in_file_order() for tensor in call.inputs]
    if mode == "concat":
        axis = int(call.settings.get("concat_axis", -1))
        return Tensor(layers.Concatenate(axis=axis, name=call.name)(tensors))
    known = {
        "sum": layers.Add,
        "mul": layers.Multiply,
        "ave": layers.Average,
        "max": layers.Maximum,
    }
    if mode not in known:
        raise call.refuse(f"mode {mode!r} is not understood")
    return Tensor(known[mode](name=call.name)(tensors))


_WITH_ACTIVATION = frozenset(
    {
        "AtrousConvolution1D",
        "AtrousConvolution2D",
        "Convolution1D",
        "Convolution2D",
        "Dense",
        "TimeDistributedDense",
    }
)

_LAYERS: dict[str, Callable[[Call], Tensor]] = {
    **dict.fromkeys(("Convolution1D", "AtrousConvolution1D"), convolution_1d),
    **dict.fromkeys(("Convolution2D", "AtrousConvolution2D"), convolution_2d),
    **dict.fromkeys(("MaxPooling1D", "AveragePooling1D"), pool_1d),
    **dict.fromkeys(("MaxPooling2D", "AveragePooling2D"), pool_2d),
    **dict.fromkeys(
        (
            "GlobalAveragePooling1D",
            "GlobalAveragePooling2D",
            "GlobalMaxPooling1D",
            "GlobalMaxPooling2D",
        ),
        global_pool,
    ),
    **dict.fromkeys(("Dense", "TimeDistributedDense"), _dense),
    **dict.fromkeys(
        (
            "ActivityRegularization",
            "Dropout",
            "GaussianDropout",
            "GaussianNoise",
            "SpatialDropout1D",
            "SpatialDropout2D",
        ),
        _identity,
    ),
    **dict.fromkeys(("ELU", "LeakyReLU", "ThresholdedReLU"), _parameterless),
    **dict.fromkeys(("Cropping1D", "ZeroPadding1D"), _pad_or_crop_1d),
    **dict.fromkeys(("Cropping2D", "ZeroPadding2D"), _pad_or_crop_2d),
    "Activation": _activation,
    "BatchNormalization": _batch_normalization,
    "Flatten": _flatten,
    "InputLayer": _identity,
    "Merge": _merge,
    "PReLU": _prelu,
    "Permute": _permute,
    "Reshape": _reshape,
}
