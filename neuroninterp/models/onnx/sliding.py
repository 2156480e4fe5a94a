"""Convolutions and pools: operations that slide a window along the length."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neuroninterp.graph import Convolution, Pad, Pool
from neuroninterp.models.onnx.tensors import NotUnderstoodError, Operation, Tensor
from neuroninterp.models.onnx.translation import Translation

__all__ = ["HANDLERS"]


@dataclass(frozen=True)
class _Window:
    """A window along one axis; ``padding`` is None for "same" padding, then ``upper`` counts."""

    size: int
    stride: int
    dilation: int
    padding: tuple[int, int] | None
    upper: bool = True

    @property
    def span(self) -> int:
        return self.dilation * (self.size - 1) + 1

    def padding_for(self, length: int | None) -> tuple[int, int]:
        """Return the padding at a given length; None where the length is free."""
        if self.padding is not None:
            return self.padding
        if self.stride == 1:
            total = self.span - 1
        elif length is None:
            raise NotUnderstoodError("'same' padding needs the length of its input, not known here")
        else:
            total = max((-(-length // self.stride) - 1) * self.stride + self.span - length, 0)
        small = total // 2
        return (small, total - small) if self.upper else (total - small, small)


def _windows(operation: Operation, sizes: list[int]) -> list[_Window]:
    """Read window, stride, dilation and padding for each spatial axis."""
    attributes, rank = operation.attributes, len(sizes)
    strides = attributes.get("strides", [1] * rank)
    dilations = attributes.get("dilations", [1] * rank)
    mode = attributes.get("auto_pad", "NOTSET")
    pads = attributes.get("pads", [0] * 2 * rank) if mode == "NOTSET" else [0] * 2 * rank
    if min(pads) < 0:
        raise NotUnderstoodError("its padding is negative")
    same = mode.startswith("SAME")
    return [
        _Window(
            sizes[i],
            strides[i],
            dilations[i],
            None if same else (pads[i], pads[rank + i]),
            mode != "SAME_LOWER",
        )
        for i in range(rank)
    ]


def _layout(tensor: Tensor, sizes: list[int]) -> str:
    """Return the axes of a window's input; guessed from the window where they are lost."""
    if tensor.axes is not None:
        return tensor.axes
    if len(sizes) == 1:
        return "NCL"
    if len(sizes) == 2 and 1 in sizes:
        return "NC1L" if sizes[0] == 1 else "NCL1"
    raise NotUnderstoodError("it slides on two axes")


def _sequence(operation: Operation, translation: Translation) -> Tensor:
    """Return a window's input; features that lie along it see the whole sequence."""
    tensor = operation.tensor(0)
    if tensor.axes is None or "F" not in tensor.axes:
        return tensor
    reason = "it makes positions of flattened features"
    return translation.opaque(tensor.origin or operation, [tensor], reason, whole_sequence=True)


def _split(axes: str, windows: list[_Window]) -> tuple[_Window, _Window | None]:
    """Return the window along the length and the one along the other axis, if any."""
    spatial = axes[2:]
    if len(spatial) != len(windows) or "L" not in spatial or axes[0] != "N":
        raise NotUnderstoodError(f"it slides over axes {spatial or axes}, not along the sequence")
    along = spatial.index("L")
    return windows[along], windows[1 - along] if len(windows) == 2 else None


def _dummy_tap(window: _Window) -> int:
    """Return which tap of a kernel meets the data of an axis that has size 1."""
    left, right = window.padding_for(1)
    out = (1 + left + right - window.span) // window.stride + 1
    if out != 1 or left % window.dilation or left // window.dilation >= window.size:
        raise NotUnderstoodError("it slides on two axes")
    return left // window.dilation


def _one_dimensional(
    axes: str, weights: np.ndarray, other: _Window | None, channels: int | None
) -> tuple[np.ndarray, str]:
    """Reduce weights (filters, in, …) to (filters, in, width); also return the output's axes."""
    if other is None:
        if axes[1] != "C":
            raise NotUnderstoodError(f"it takes axis {axes[1]} of {axes} for the channels")
        return weights, axes
    side = 5 - axes.index("L")
    if axes[1] == "C" and axes[side] == "1":
        return np.take(weights, _dummy_tap(other), axis=side), axes
    if axes[1] == "1" and axes[side] == "C":
        # The bases are an image's second axis: the kernel must cover all of them at once.
        if other.size != channels or other.padding != (0, 0) or other.dilation != 1:
            raise NotUnderstoodError("it slides on two axes, over the bases too")
        merged = np.moveaxis(weights, side, 1)[:, :, 0, :]
        return merged, axes.replace("1", "C", 1)[:side] + "1" + axes[side + 1 :]
    raise NotUnderstoodError(f"it slides over axes {axes[2:]}, not along the sequence")


def _convolution(operation: Operation, translation: Translation) -> Tensor:
    tensor = _sequence(operation, translation)
    weights = operation.constant(1, "kernel")
    bias = operation.constant(2, "bias")
    if weights is None or weights.ndim not in (3, 4):
        raise NotUnderstoodError("its kernel is neither 1-D nor 2-D")
    shape = list(weights.shape[2:])
    axes = _layout(tensor, shape)
    window, other = _split(axes, _windows(operation, shape))
    groups = operation.attributes.get("group", 1)
    merged = axes[1] == "1"
    channels = tensor.size("C")
    weights, out_axes = _one_dimensional(axes, weights, other, channels)
    if merged and groups != 1:
        raise NotUnderstoodError("it has groups over a dummy axis")
    if channels is not None and weights.shape[1] * groups != channels:
        raise NotUnderstoodError(
            f"its kernel reads {weights.shape[1] * groups} channels, its input has {channels}"
        )
    length = tensor.size("L")
    own = window.padding_for(length)
    added = tensor.pad.padding if tensor.pad else (0, 0)
    padding = (own[0] + added[0], own[1] + added[1])
    out_length = None if length is None else (length + sum(own) - window.span) // window.stride + 1
    if out_length is not None and out_length < 1:
        raise NotUnderstoodError(f"its input of {length} positions is shorter than its kernel")
    return translation.add(
        Convolution,
        operation,
        [tensor],
        axes=out_axes,
        sizes=_sizes(translation.rows(tensor), out_axes, out_length, len(weights)),
        kernel=np.ascontiguousarray(weights.transpose(2, 1, 0), dtype=np.float32),
        bias=np.zeros(len(weights), np.float32) if bias is None else bias.astype(np.float32),
        stride=window.stride,
        dilation=window.dilation,
        groups=groups,
        padding=padding,
    )


def _sizes(
    rows: int, axes: str, length: int | None, channels: int | None
) -> tuple[int, ...] | None:
    if length is None or channels is None:
        return None
    return tuple({"N": rows, "L": length, "C": channels, "1": 1}[a] for a in axes)


def _pool(operation: Operation, translation: Translation) -> Tensor:
    tensor = _sequence(operation, translation)
    kind = {"MaxPool": "max", "AveragePool": "average"}[operation.kind]
    shape = [int(size) for size in operation.attributes["kernel_shape"]]
    axes = _layout(tensor, shape)
    window, other = _split(axes, _windows(operation, shape))
    if axes[1] != "C":
        raise NotUnderstoodError(f"it takes axis {axes[1]} of {axes} for the channels")
    if other is not None and (other.size != 1 or other.padding_for(1) != (0, 0)):
        raise NotUnderstoodError("it slides on two axes")
    length = tensor.size("L")
    left, right = window.padding_for(length)
    out_length = None
    counted = kind == "average" and bool(operation.attributes.get("count_include_pad", 0))
    if operation.attributes.get("ceil_mode", 0):
        needed = _rounded_up(window, length, left, right)
        if counted and needed > right:
            # A window that reaches beyond the padding too averages what is there.
            tensor = _padded(operation, translation, tensor, axes, (left, right))
            length, left, right, needed, counted = tensor.size("L"), 0, 0, needed - right, False
        right = needed
    if length is not None:
        out_length = (length + left + right - window.span) // window.stride + 1
    if out_length is not None and out_length < 1:
        raise NotUnderstoodError(f"its input of {length} positions is shorter than its window")
    return translation.add(
        Pool,
        operation,
        [tensor],
        axes=axes,
        sizes=_sizes(translation.rows(tensor), axes, out_length, tensor.size("C")),
        kind=kind,
        size=window.size,
        stride=window.stride,
        padding=(left, right),
        count_padding=counted,
        dilation=window.dilation,
    )


def _padded(
    operation: Operation,
    translation: Translation,
    tensor: Tensor,
    axes: str,
    padding: tuple[int, int],
) -> Tensor:
    """Add zeros as a node of its own, which no tensor of the file corresponds to."""
    length = (tensor.size("L") or 0) + sum(padding)
    sizes = _sizes(translation.rows(tensor), axes, length, tensor.size("C"))
    return translation.add(
        Pad, operation, [tensor], axes=axes, sizes=sizes, tapped=False, padding=padding
    )


def _rounded_up(window: _Window, length: int | None, left: int, right: int) -> int:
    """Return the right padding with which rounding down gives what ceil_mode gives."""
    if window.stride == 1:
        return right
    if length is None:
        raise NotUnderstoodError("ceil_mode needs the length of its input, which is not known")
    steps = -(-(length + left + right - window.span) // window.stride)
    # A window must not begin behind the data.
    if steps * window.stride >= length + left:
        steps -= 1
    return max(steps * window.stride + window.span - length - left, 0)


HANDLERS: dict[str, Callable[[Operation, Translation], Tensor]] = {
    "AveragePool": _pool,
    "Conv": _convolution,
    "MaxPool": _pool,
}
"""Translators by operation type."""
