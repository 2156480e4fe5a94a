"""Execution of the canonical graph with ``keras.ops``.

Every node is computed on tensors that already carry the positions it needs: padding is
added by the caller (at full length) or not at all (on one receptive field, see
:mod:`neuroninterp.fields`). So there is one implementation of each operation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neuroninterp.backend import import_keras
from neuroninterp.errors import UnsupportedOperationError
from neuroninterp.graph.nodes import (
    Activation,
    Add,
    Affine,
    Concatenate,
    Convolution,
    Dense,
    Flatten,
    Graph,
    Input,
    Node,
    Opaque,
    Pool,
)

__all__ = ["compute", "encode", "evaluate"]


def encode(codes: Any, channels: int, channel_of_base: Sequence[int]) -> Any:
    """Turn codes into one-hot sequences in the file's channel order.

    Parameters
    ----------
    codes : tensor or numpy.ndarray, shape=(N, L)
        0 to 3 for A, C, G, T; 4 for N, a zero column.
    channels : int
        Number of input channels.
    channel_of_base : sequence of int
        The file's channel of A, C, G, T.

    Returns
    -------
    tensor, shape=(N, L, channels)
        float32.
    """
    ops = import_keras().ops
    table = np.zeros((5, channels), np.float32)
    table[np.arange(4), list(channel_of_base)] = 1.0
    return ops.take(ops.convert_to_tensor(table), ops.cast(codes, "int32"), axis=0)


def evaluate(graph: Graph, inputs: Any, targets: Sequence[str]) -> list[Any]:
    """Evaluate nodes at full length, with the padding of the file.

    Parameters
    ----------
    graph : Graph
        The canonical graph.
    inputs : tensor or numpy.ndarray, shape=(N, L, channels)
        One-hot sequences, float32, channels in the file's order.
    targets : sequence of str
        Node names.

    Returns
    -------
    list of tensors
        One per target, shape (N, L', C) or (N, F).

    Raises
    ------
    UnsupportedOperationError
        If a target depends on an operation that is not understood.
    """
    needed: set[str] = set()
    for target in targets:
        needed.update(node.name for node in graph.ancestors(target))
    keras = import_keras()
    tensors: dict[str, Any] = {}
    for node in graph:
        if node.name not in needed:
            continue
        if isinstance(node, Input):
            tensors[node.name] = keras.ops.convert_to_tensor(inputs, dtype="float32")
            continue
        operands = [tensors[name] for name in node.inputs]
        if isinstance(node, Convolution):
            operands = [_pad(operands[0], node.padding, 0.0)]
        elif isinstance(node, Pool):
            tensors[node.name] = _pool_padded(node, operands[0])
            continue
        tensors[node.name] = compute(node, operands)
    return [tensors[target] for target in targets]


def compute(node: Node, operands: Sequence[Any]) -> Any:
    """Compute one node on operands that carry exactly the positions it needs.

    Parameters
    ----------
    node : Node
        Any node but Input.
    operands : sequence of tensors
        One per entry of ``node.inputs``.

    Raises
    ------
    UnsupportedOperationError
        For an opaque node.
    """
    ops = import_keras().ops
    first = operands[0]
    if isinstance(node, Convolution):
        return _convolve(node, first)
    if isinstance(node, Affine):
        scaled = first if (node.scale == 1.0).all() else first * node.scale
        return scaled + node.shift
    if isinstance(node, Activation):
        return _activate(node, first)
    if isinstance(node, Pool):
        return _pool(node, first)
    if isinstance(node, Add):
        return sum(operands[1:], start=first)
    if isinstance(node, Concatenate):
        return ops.concatenate(list(operands), axis=-1)
    if isinstance(node, Flatten):
        ordered = ops.transpose(first, (0, 2, 1)) if node.channels_first else first
        return ops.reshape(ordered, (-1, int(np.prod(ordered.shape[1:]))))
    if isinstance(node, Dense):
        return ops.matmul(first, node.kernel) + node.bias
    operation = node.operation if isinstance(node, Opaque) else type(node).__name__
    raise UnsupportedOperationError(
        f"operation {operation!r} at node {node.source!r} is not understood and cannot be computed"
    )


def _convolve(node: Convolution, x: Any) -> Any:
    ops = import_keras().ops
    stride = node.stride
    # TensorFlow refuses stride and dilation together, and groups on the CPU.
    if node.dilation > 1:
        stride = 1
    if node.groups == 1:
        y = ops.conv(x, node.kernel, stride, "valid", "channels_last", node.dilation)
    else:
        pieces = zip(
            ops.split(x, node.groups, axis=-1),
            np.split(node.kernel, node.groups, axis=-1),
            strict=True,
        )
        y = ops.concatenate(
            [ops.conv(p, k, stride, "valid", "channels_last", node.dilation) for p, k in pieces],
            axis=-1,
        )
    if stride != node.stride:
        y = y[:, :: node.stride]
    return y + node.bias if node.bias.any() else y


def _activate(node: Activation, x: Any) -> Any:
    keras = import_keras()
    ops = keras.ops
    simple = {
        "relu": ops.relu,
        "softplus": ops.softplus,
        "silu": ops.silu,
        "sigmoid": ops.sigmoid,
        "tanh": ops.tanh,
        "exponential": ops.exp,
        "softmax": ops.softmax,
    }
    if node.function in simple:
        return simple[node.function](x)
    if node.function == "leaky_relu":
        return ops.leaky_relu(x, negative_slope=node.alpha)
    if node.function == "elu":
        return ops.where(x > 0, x, node.alpha * ops.expm1(ops.minimum(x, 0.0)))
    if node.function in ("gelu", "gelu_tanh"):
        return ops.gelu(x, approximate=node.function == "gelu_tanh")
    raise UnsupportedOperationError(
        f"activation {node.function!r} at node {node.source!r} is not understood"
    )


def _pool(node: Pool, x: Any) -> Any:
    ops = import_keras().ops
    pool = ops.max_pool if node.kind == "max" else ops.average_pool
    return pool(x, node.size, node.stride, "valid", "channels_last")


def _pool_padded(node: Pool, x: Any) -> Any:
    """Pool at full length; padded positions win no maximum and count only if asked to."""
    if node.padding == (0, 0):
        return _pool(node, x)
    if node.kind == "max":
        # The lowest float, not -inf, which some kernels turn into NaN.
        return _pool(node, _pad(x, node.padding, float(np.finfo(np.float32).min)))
    ops = import_keras().ops
    mean = _pool(node, _pad(x, node.padding, 0.0))
    if node.count_padding:
        return mean
    present = _pad(ops.ones_like(x[:1, :, :1]), node.padding, 0.0)
    return mean / _pool(node, present)


def _pad(x: Any, padding: tuple[int, int], value: float) -> Any:
    """Pad (or, where negative, crop) the length axis."""
    ops = import_keras().ops
    left, right = padding
    if left < 0 or right < 0:
        x = x[:, max(-left, 0) : x.shape[1] - max(-right, 0)]
    left, right = max(left, 0), max(right, 0)
    if left == right == 0:
        return x
    return ops.pad(x, ((0, 0), (left, right), (0, 0)), constant_values=value)
