"""What slides along the length in Keras: convolutions and pools, local and global."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from neuroninterp.graph import Convolution, GlobalPool, Pool
from neuroninterp.models.keras.arrays import to_array
from neuroninterp.models.keras.elementwise import activate_fused, is_nonlinear
from neuroninterp.models.keras.values import Call, NotUnderstoodError, Value

__all__ = ["convolution", "global_pool", "global_pool_operation", "pool", "same_padding"]


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


def convolution(call: Call) -> Value:
    """Translate a convolution: plain, grouped, depthwise or depthwise separable."""
    layer, value = call.operation, call.only_input()
    kernel, groups = _dense_kernel(layer)
    axis, kernel, axes = _slide(layer, value, kernel, groups)
    stride, dilation = layer.strides[axis], layer.dilation_rate[axis]
    width = kernel.shape[0]
    padding = {"valid": (0, 0), "causal": ((width - 1) * dilation, 0)}.get(layer.padding)
    if padding is None:
        padding = same_padding(value.length, width, stride=stride, dilation=dilation)
    bias = to_array(layer.bias) if layer.use_bias else np.zeros(kernel.shape[2], np.float32)
    fused = is_nonlinear(layer.activation)
    result = call.builder.add(
        Convolution,
        call,
        axes=axes,
        tensor=call.builder.before_activation(call) if fused else call.outputs[0],
        kernel=kernel,
        bias=bias,
        stride=stride,
        dilation=dilation,
        groups=groups,
        padding=padding,
    )
    return activate_fused(call, result, layer.activation) if fused else result


def _dense_kernel(layer: Any) -> tuple[np.ndarray, int]:
    """Return the kernel (spatial axes, channels in / groups, filters) and the groups."""
    kind = type(layer).__name__
    if kind.startswith("Separable"):
        # Nothing stands between the two steps, so that they are one convolution.
        depthwise = to_array(layer.depthwise_kernel).astype(np.float64)
        pointwise = to_array(layer.pointwise_kernel).astype(np.float64)
        split = pointwise.reshape(*depthwise.shape[-2:], -1)
        kernel = np.einsum("...cm,cmf->...cf", depthwise, split)
        return kernel.astype(np.float32), 1
    kernel = to_array(layer.kernel)
    if kind.startswith("Depthwise"):
        # Filters run through the multiples of the first channel, then of the second, …
        return kernel.reshape(*kernel.shape[:-2], 1, -1), kernel.shape[-2]
    return kernel, layer.groups


def _slide(
    layer: Any, value: Value, kernel: np.ndarray, groups: int
) -> tuple[int, np.ndarray, str]:
    """Return the kernel axis along the length, the 1-D kernel, and the output's axes."""
    spatial, channel = _axes_of(layer, value)
    letters = "".join(value.axes[axis] for axis in spatial)
    if value.axes[channel] == "C" and letters in ("L", "L1", "1L"):
        if len(letters) == 2:
            kernel = _without_dummy(layer, value, kernel, letters.index("1"), spatial)
        return letters.index("L"), kernel, value.axes
    if value.axes[channel] == "1" and letters in ("LC", "CL"):
        across = letters.index("C")
        if kernel.shape[across] != value.size("C") or layer.padding != "valid" or groups != 1:
            raise NotUnderstoodError(
                f"its kernel {kernel.shape[:2]} with {layer.padding} padding does not cover "
                f"the channel axis exactly"
            )
        # The image's only channel gives way to the bases, which the kernel spans.
        one_dimensional = np.moveaxis(kernel[:, :, 0, :], across, 1)
        swapped = value.axes.translate(str.maketrans("C1", "1C"))
        return 1 - across, np.ascontiguousarray(one_dimensional), swapped
    raise NotUnderstoodError(f"it slides along axes {letters!r} of a tensor laid out {value.axes}")


def _axes_of(layer: Any, value: Value) -> tuple[list[int], int]:
    """Return the axes that a layer slides along, and the one that it takes for the channels."""
    last = len(value.axes) - 1
    channel = 1 if layer.data_format == "channels_first" else last
    return [axis for axis in range(1, last + 1) if axis != channel], channel


def _without_dummy(
    layer: Any, value: Value, kernel: np.ndarray, dummy: int, spatial: list[int]
) -> np.ndarray:
    width = kernel.shape[dummy]
    tap = 0
    if width > 1:
        dilation = layer.dilation_rate[dummy]
        tap, rest = divmod((width - 1) * dilation // 2, dilation)
        if rest or layer.padding != "same" or value.shape[spatial[dummy]] != 1:
            raise NotUnderstoodError(f"its kernel is {width} wide along the dummy axis")
    # Under same padding every other tap along an axis of size 1 meets only zeros.
    return np.ascontiguousarray(np.take(kernel, tap, axis=dummy))


def pool(kind: str) -> Callable[[Call], Value]:
    """Return the translator of pools of one kind, "max" or "average"."""

    def translate(call: Call) -> Value:
        layer, value = call.operation, call.only_input()
        spatial, _ = _axes_of(layer, value)
        letters = "".join(value.axes[axis] for axis in spatial)
        if "L" not in letters:
            raise NotUnderstoodError(f"it pools a tensor laid out {value.axes}")
        along = letters.index("L")
        for other, axis in enumerate(spatial):
            size, stride = layer.pool_size[other], layer.strides[other]
            single = value.shape[axis] == 1 or (letters[other] == "1" and size == 1)
            if other != along and not single and not size == stride == 1:
                raise NotUnderstoodError("it pools along an axis that is not known to be 1")
        size, stride = layer.pool_size[along], layer.strides[along]
        same = layer.padding == "same"
        padding = same_padding(value.length, size, stride=stride) if same else (0, 0)
        return call.builder.add(Pool, call, kind=kind, size=size, stride=stride, padding=padding)

    return translate


def global_pool(kind: str) -> Callable[[Call], Value]:
    """Return the translator of global pooling layers of one kind, "max" or "average"."""

    def translate(call: Call) -> Value:
        layer, value = call.operation, call.only_input()
        spatial, _ = _axes_of(layer, value)
        return _pool_over(call, kind, spatial, kept=layer.keepdims)

    return translate


def global_pool_operation(kind: str) -> Callable[[Call], Value]:
    """Return the translator of a maximum or mean over axes that ``keras.ops`` takes."""

    def translate(call: Call) -> Value:
        operation, value = call.operation, call.only_input()
        axis = operation.axis
        rank = len(value.axes)
        axes = (
            range(rank) if axis is None else (axis if isinstance(axis, (tuple, list)) else [axis])
        )
        return _pool_over(call, kind, [a % rank for a in axes], kept=operation.keepdims)

    return translate


def _pool_over(call: Call, kind: str, pooled: list[int], *, kept: bool) -> Value:
    value = call.only_input()
    letters = sorted(value.axes[axis] for axis in pooled)
    if letters not in (["L"], ["1", "L"]):
        raise NotUnderstoodError(
            f"it pools axes {''.join(letters)} of a tensor laid out {value.axes}",
            whole_sequence="L" in letters,
        )
    if kept:
        return call.builder.add(GlobalPool, call, kind=kind)
    axes = "".join(letter for axis, letter in enumerate(value.axes) if axis not in pooled)
    if axes != "NC":
        raise NotUnderstoodError(f"it leaves the axes {axes} of a tensor laid out {value.axes}")
    return call.builder.add(GlobalPool, call, axes=axes, kind=kind)
