"""Convolutions and pools of Keras 0.x and 1, said in layers of Keras 3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neuroninterp.backend import import_keras
from neuroninterp.models.keras.legacy_values import Call, Tensor

__all__ = ["convolution_1d", "convolution_2d", "global_pool", "pool_1d", "pool_2d"]


def _pair(value: Any) -> tuple[int, int]:
    return (int(value[0]), int(value[1])) if isinstance(value, (list, tuple)) else (value, value)


def convolution_1d(call: Call) -> Tensor:
    """Convolve along a sequence, channels last."""
    keras = import_keras()
    settings, channels = call.settings, int(call.input.tensor.shape[-1])
    filters, size = int(settings["nb_filter"]), int(settings["filter_length"])
    dilation = int(settings.get("atrous_rate") or 1)
    # Where both orders fit, the later one of Keras 1.1 and 1.2, filters last.
    filters_first = call.stored.shape() != (size, 1, channels, filters)
    kernel = (
        call.stored.take(filters, channels, size, 1)[..., 0].transpose(2, 1, 0)
        if filters_first
        else call.stored.take(size, 1, channels, filters)[:, 0]
    )
    turned = call.origin.turns_kernels(filters_first)
    padding, before = _padding(call, (size,), (dilation,), turned)
    if before:
        call = _padded(call, keras.layers.ZeroPadding1D(before[0], name=f"{call.name}_pad"))
    layer = keras.layers.Conv1D(
        filters,
        size,
        strides=int(settings.get("subsample_length") or 1),
        dilation_rate=dilation,
        padding=padding,
        use_bias=bool(settings.get("bias", True)),
        name=call.name,
    )
    output = call.plain(layer)
    layer.set_weights([kernel[::-1] if turned else kernel, *_bias(call, filters)])
    return output


def convolution_2d(call: Call) -> Tensor:
    """Convolve an image."""
    keras = import_keras()
    settings = call.settings
    filters = int(settings["nb_filter"])
    size = (int(settings["nb_row"]), int(settings["nb_col"]))
    dilation = _pair(settings.get("atrous_rate") or 1)
    shape = call.input.tensor.shape
    if len(shape) != 4:
        raise call.refuse(f"reads a tensor of shape {shape}, expected four axes")
    channels = int(shape[1] if call.channels_first and not call.input.moved else shape[-1])
    first = call.channels_first
    kernel = (
        call.stored.take(filters, channels, *size).transpose(2, 3, 1, 0)
        if first
        else call.stored.take(*size, channels, filters)
    )
    turned = call.origin.turns_kernels(first)
    padding, before = _padding(call, size, dilation, turned)
    source = Tensor(call.input.channels_last(), True) if first else Tensor(call.input.tensor)
    if before:
        source = Tensor(
            keras.layers.ZeroPadding2D(before, name=f"{call.name}_pad")(source.tensor), first
        )
    layer = keras.layers.Conv2D(
        filters,
        size,
        strides=_pair(settings.get("subsample") or 1),
        dilation_rate=dilation,
        padding=padding,
        use_bias=bool(settings.get("bias", True)),
        name=call.name,
    )
    output = Tensor(layer(source.tensor), first)
    layer.set_weights([kernel[::-1, ::-1] if turned else kernel, *_bias(call, filters)])
    return output


def _bias(call: Call, filters: int) -> list[np.ndarray]:
    return [call.stored.take(filters)] if call.settings.get("bias", True) else []


def _padding(
    call: Call, size: Sequence[int], dilation: Sequence[int], turned: bool
) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Return the padding of a convolution and the zeros to put before it."""
    mode = str(call.settings.get("border_mode", "valid"))
    reaches = [(k - 1) * d for k, d in zip(size, dilation, strict=True)]
    if mode == "valid":
        return "valid", ()
    if mode == "full":
        return "valid", tuple((reach, reach) for reach in reaches)
    if mode != "same":
        raise call.refuse(f"border_mode {mode!r} is not understood")
    if not turned:
        return "same", ()
    # Theano's "same" puts the odd zero before the sequence, TensorFlow's behind it.
    return "valid", tuple((reach - reach // 2, reach // 2) for reach in reaches)


def _padded(call: Call, layer: Any) -> Call:
    padded = Tensor(layer(call.input.in_file_order()))
    return Call(call.kind, call.settings, call.name, [padded], call.stored, call.origin)


def pool_1d(call: Call) -> Tensor:
    """Pool along a sequence."""
    settings = call.settings
    size = int(settings["pool_length"])
    layer = getattr(import_keras().layers, call.kind)(
        size,
        strides=int(settings.get("stride") or size),
        padding=_pool_padding(call),
        name=call.name,
    )
    return call.plain(layer)


def pool_2d(call: Call) -> Tensor:
    """Pool an image."""
    settings = call.settings
    size = _pair(settings["pool_size"])
    return call.image(
        lambda: getattr(import_keras().layers, call.kind)(
            size,
            strides=_pair(settings.get("strides") or size),
            padding=_pool_padding(call),
            name=call.name,
        )
    )


def _pool_padding(call: Call) -> str:
    mode = str(call.settings.get("border_mode", "valid"))
    if mode == "valid" or (mode == "same" and call.origin.backend == "tensorflow"):
        return mode
    raise call.refuse(f"border_mode {mode!r} of a pool is not understood")


def global_pool(call: Call) -> Tensor:
    """Pool over all positions."""
    layer = getattr(import_keras().layers, call.kind)(name=call.name)
    if call.kind.endswith("1D"):
        return call.plain(layer)
    return Tensor(call.image(lambda: layer).tensor)
