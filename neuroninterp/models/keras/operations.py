"""Translation of one Keras layer call into canonical nodes: which translator reads it.

Every translator reads the tensors' axes (a layout string such as ``"NLC"`` or ``"NL1C"``,
``"NF"`` after a flatten) and either adds nodes to the graph being built or raises
:class:`NotUnderstoodError`, which turns the call into an opaque node.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from neuroninterp.backend import import_keras
from neuroninterp.graph import Opaque
from neuroninterp.models.keras import axes, elementwise, merge, slices, sliding
from neuroninterp.models.keras.values import Call, NotUnderstoodError, Value

__all__ = ["translate_call"]

Translator = Callable[[Call], "Value | list[Value]"]


def translate_call(call: Call) -> list[Value]:
    """Add the nodes of one layer call to its builder's graph; never raises for an unknown layer.

    Returns
    -------
    list of Value
        One value an output of the call.
    """
    translator = _translator(call.operation)
    marked = call.builder.mark()
    try:
        if translator is None:
            raise NotUnderstoodError("")
        if call.in_training:
            raise NotUnderstoodError("it is called with training=True")
        result = translator(call)
    except NotUnderstoodError as error:
        # Steps added before the one that failed compute nothing that is used.
        call.builder.undo(marked)
        return _opaque(call, error)
    return result if isinstance(result, list) else [result]


def _translator(operation: Any) -> Translator | None:
    """Find the translator of Keras's own class; a user's subclass may compute anything."""
    if not type(operation).__module__.startswith("keras."):
        return None
    kind = type(operation).__name__
    if isinstance(operation, import_keras().layers.Layer):
        return _LAYERS.get(kind)
    return _FUNCTIONS.get(kind, elementwise.elementwise_operation)


def _opaque(call: Call, error: NotUnderstoodError) -> list[Value]:
    shape = call.shapes[0] if call.shapes else ()
    value = call.builder.add(
        Opaque,
        replace(call, inputs=tuple(replace(each, stacked=1) for each in call.inputs)),
        axes=_likely_axes(call, shape),
        operation=type(call.operation).__name__,
        reason=error.reason,
        whole_sequence=error.whole_sequence,
    )
    return [
        Value(value.node, _likely_axes(call, shape), tensor, shape)
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
    return call.unchanged()


def _conversion(call: Call) -> Value:
    """Translate a conversion between numbers; whole numbers would round."""
    kind = str(call.outputs[0].dtype)
    if not kind.startswith(("float", "bfloat")):
        raise NotUnderstoodError(f"it converts to {kind}")
    return call.unchanged()


def _at_every_position(call: Call) -> Value | list[Value]:
    """Translate TimeDistributed around a layer that acts on every position alone."""
    inner = call.operation.layer
    translator = _translator(inner)
    kind = type(inner).__name__
    if kind not in _POINTWISE or call.only_input().axes != "NLC" or translator is None:
        raise NotUnderstoodError(f"around {kind!r}")
    return translator(replace(call, operation=inner))


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

_POINTWISE = ("Activation", "Dense", "Dropout", "ELU", "LeakyReLU", "ReLU")

_RECURRENT_OR_ATTENTION = (
    "AdditiveAttention",
    "Attention",
    "Bidirectional",
    "Dot",
    "GRU",
    "GroupNormalization",
    "GroupedQueryAttention",
    "LSTM",
    "MultiHeadAttention",
    "RNN",
    "SimpleRNN",
)

_LAYERS: dict[str, Translator] = {
    **dict.fromkeys(_INACTIVE, _nothing),
    **dict.fromkeys(_RECURRENT_OR_ATTENTION, elementwise.whole),
    **dict.fromkeys(("Activation", "ELU", "LeakyReLU", "ReLU", "Softmax"), elementwise.activation),
    **dict.fromkeys(
        (
            "Conv1D",
            "Conv2D",
            "DepthwiseConv1D",
            "DepthwiseConv2D",
            "SeparableConv1D",
            "SeparableConv2D",
        ),
        sliding.convolution,
    ),
    **dict.fromkeys(("AveragePooling1D", "AveragePooling2D"), sliding.pool("average")),
    **dict.fromkeys(("Cropping1D", "Cropping2D"), axes.crop),
    **dict.fromkeys(
        ("GlobalAveragePooling1D", "GlobalAveragePooling2D"), sliding.global_pool("average")
    ),
    **dict.fromkeys(("GlobalMaxPooling1D", "GlobalMaxPooling2D"), sliding.global_pool("max")),
    **dict.fromkeys(("MaxPooling1D", "MaxPooling2D"), sliding.pool("max")),
    **dict.fromkeys(("ZeroPadding1D", "ZeroPadding2D"), axes.zero_pad),
    "Add": merge.add,
    "Average": merge.average,
    "BatchNormalization": elementwise.batch_normalization,
    "Concatenate": merge.concatenate,
    "Dense": elementwise.dense,
    "Flatten": axes.flatten,
    "LayerNormalization": elementwise.layer_normalization,
    "Maximum": merge.maximum,
    "Minimum": merge.minimum,
    "Multiply": merge.multiply,
    "Normalization": elementwise.normalization,
    "PReLU": elementwise.parametric_relu,
    "Permute": axes.permute,
    "RMSNormalization": elementwise.rms_normalization,
    "RepeatVector": axes.repeat,
    "Rescaling": elementwise.rescaling,
    "Reshape": axes.reshape,
    "Subtract": merge.subtract,
    "TimeDistributed": _at_every_position,
    "UnitNormalization": elementwise.unit_normalization,
}

_FUNCTIONS: dict[str, Translator] = {
    **dict.fromkeys(
        (
            "Clip",
            "Elu",
            "Exp",
            "Gelu",
            "HardSigmoid",
            "HardSilu",
            "HardTanh",
            "LeakyRelu",
            "Relu",
            "Relu6",
            "Selu",
            "Sigmoid",
            "Silu",
            "Softmax",
            "Softplus",
            "Softsign",
            "Tanh",
        ),
        elementwise.activation,
    ),
    **dict.fromkeys(("Copy", "StopGradient"), _nothing),
    **dict.fromkeys(("Divide", "TrueDivide"), merge.divide),
    **dict.fromkeys(("Einsum", "Dot", "Matmul"), merge.product_of_matrices),
    "Add": merge.add,
    "Cast": _conversion,
    "Concatenate": merge.concatenate,
    "ExpandDims": axes.expand_dims,
    "Flip": slices.flip,
    "GetItem": slices.get_item,
    "Max": sliding.global_pool_operation("max"),
    "Maximum": merge.maximum,
    "Mean": sliding.global_pool_operation("average"),
    "Minimum": merge.minimum,
    "Moveaxis": axes.move_axis,
    "Multiply": merge.multiply,
    "Negative": merge.negative,
    "Pad": axes.pad,
    "Reshape": axes.reshape,
    "Split": slices.split,
    "Squeeze": axes.squeeze,
    "Subtract": merge.subtract,
    "Swapaxes": axes.swap_axes,
    "Take": slices.take,
    "Transpose": axes.transpose,
}
