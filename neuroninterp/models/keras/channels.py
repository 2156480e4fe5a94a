"""Running channels-first convolutions on TensorFlow."""

from __future__ import annotations

from typing import Any

from neuroninterp.backend import import_keras

__all__ = ["run_channels_last"]

_KINDS = (
    "Conv1D",
    "Conv2D",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
)


def run_channels_last(layer: Any) -> None:
    """Make a channels-first convolution compute channels last, between two transpositions.

    TensorFlow has channels-first convolutions on the CPU only where oneDNN is built in and
    switched on, and Keras on TensorFlow adds a channels-first bias along the wrong axis where
    there are as many positions as channels. Any other layer or backend is left alone.

    Parameters
    ----------
    layer : keras.layers.Layer
        The layer; its declared layout stays channels first.
    """
    keras = import_keras()
    # A user's subclass may compute anything.
    known = type(layer).__module__.startswith("keras.") and type(layer).__name__ in _KINDS
    if not known or layer.data_format != "channels_first":
        return
    if keras.backend.backend() != "tensorflow":
        return
    ops = keras.ops

    def call(inputs: Any) -> Any:
        activation = layer.activation
        layer.data_format, layer.activation = "channels_last", None
        try:
            outputs = type(layer).call(layer, ops.moveaxis(inputs, 1, -1))
        finally:
            layer.data_format, layer.activation = "channels_first", activation
        outputs = ops.moveaxis(outputs, -1, 1)
        return outputs if activation is None else activation(outputs)

    layer.call = call
