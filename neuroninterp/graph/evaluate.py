"""Execution of the canonical graph with ``keras.ops``.

Every node is computed on tensors that already carry the positions it needs: padding is
added by the caller (at full length) or not at all (on one receptive field, see
:mod:`neuroninterp.fields`). So there is one implementation of each operation.
"""

from __future__ import annotations

import functools
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
    Constant,
    Convolution,
    Dense,
    Flatten,
    GlobalPool,
    Graph,
    Input,
    LayerNormalization,
    Maximum,
    Multiply,
    Node,
    Opaque,
    Pad,
    Pool,
    Reverse,
    Take,
)

__all__ = ["BASES", "compute", "compute_padded", "encode", "evaluate", "held"]


BASES = np.eye(5, 4, dtype=np.float32)
"""Channels of A, C, G, T, N for a plain one-hot input."""


def encode(codes: Any, table: np.ndarray) -> Any:
    """Turn codes into the channels of the model's input.

    Parameters
    ----------
    codes : tensor or numpy.ndarray, shape=(N, L)
        0 to 3 for A, C, G, T; 4 for N.
    table : numpy.ndarray, shape=(5, channels)
        What the input's channels hold for each code
        (:attr:`neuroninterp.models.InputLayout.table`).

    Returns
    -------
    tensor, shape=(N, L, channels)
        float32.
    """
    ops = import_keras().ops
    if np.array_equal(table, BASES):
        # The same numbers, in half the time.
        return ops.one_hot(ops.cast(codes, "int32"), 4, dtype="float32")
    rows = ops.convert_to_tensor(table.astype(np.float32, copy=False))
    return ops.take(rows, ops.cast(codes, "int32"), axis=0)


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
        if isinstance(node, Constant):
            positions = inputs.shape[1] if node.length is None else node.length
            tensors[node.name] = held(node, inputs, positions)
            continue
        tensors[node.name] = compute_padded(node, [tensors[name] for name in node.inputs])
    return [tensors[target] for target in targets]


def compute_padded(node: Node, operands: Sequence[Any]) -> Any:
    """Compute one node at full length, adding the padding that the file asks for.

    Parameters and errors are those of :func:`compute`.
    """
    if isinstance(node, Pool):
        return _pool_padded(node, operands[0])
    if isinstance(node, Convolution):
        operands = [_pad(operands[0], node.padding, 0.0)]
    elif isinstance(node, Pad):
        operands = [_pad(operands[0], node.padding, node.value, node.mode)]
    return compute(node, operands)


def held(node: Constant, like: Any, positions: int) -> Any:
    """Return a constant's tensor ``(N, positions, channels)`` for as many rows as ``like``."""
    ops = import_keras().ops
    value = ops.convert_to_tensor(np.asarray(node.value, np.float32))
    return ops.broadcast_to(value, (ops.shape(like)[0], positions, len(node.value)))


def compute(node: Node, operands: Sequence[Any]) -> Any:
    """Compute one node on operands that carry exactly the positions it needs.

    Parameters
    ----------
    node : Node
        Any node but Input and Constant.
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
    if isinstance(node, (Add, Multiply, Maximum)):
        combine = {Add: ops.add, Multiply: ops.multiply, Maximum: ops.maximum}[type(node)]
        return functools.reduce(combine, operands)
    if isinstance(node, Concatenate):
        return ops.concatenate(list(operands), axis=-1)
    if isinstance(node, Pad):
        return first
    if isinstance(node, Reverse):
        return ops.flip(first, axis=1)
    if isinstance(node, Take):
        return ops.take(first, ops.convert_to_tensor(node.channels.astype(np.int32)), axis=-1)
    if isinstance(node, LayerNormalization):
        return _normalize(node, first)
    if isinstance(node, GlobalPool):
        pool = ops.max if node.kind == "max" else ops.mean
        return pool(first, axis=1, keepdims=True)
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
    # TensorFlow refuses stride and dilation together.
    stride = 1 if node.dilation > 1 else node.stride
    settings = (stride, "valid", "channels_last", node.dilation)
    if node.groups == 1:
        y = ops.conv(x, node.kernel, *settings)
    elif node.groups == x.shape[-1] and node.stride == stride:
        width, _, filters = node.kernel.shape
        depthwise = node.kernel.reshape(width, node.groups, filters // node.groups)
        y = ops.depthwise_conv(x, depthwise, *settings)
    else:
        # TensorFlow has no other groups on the CPU.
        pieces = zip(
            ops.split(x, node.groups, axis=-1),
            np.split(node.kernel, node.groups, axis=-1),
            strict=True,
        )
        y = ops.concatenate([ops.conv(p, k, *settings) for p, k in pieces], axis=-1)
    if stride != node.stride:
        y = y[:, :: node.stride]
    return y + node.bias if node.bias.any() else y


def _normalize(node: LayerNormalization, x: Any) -> Any:
    ops = import_keras().ops
    if node.centred:
        x = x - ops.mean(x, axis=-1, keepdims=True)
    variance = ops.mean(ops.square(x), axis=-1, keepdims=True)
    return x * ops.rsqrt(variance + node.epsilon) * node.scale + node.shift


_SIMPLE_ACTIVATIONS = {
    "relu": "relu",
    "selu": "selu",
    "softplus": "softplus",
    "softsign": "softsign",
    "silu": "silu",
    "hard_silu": "hard_silu",
    "sigmoid": "sigmoid",
    "hard_sigmoid": "hard_sigmoid",
    "tanh": "tanh",
    "exponential": "exp",
    "softmax": "softmax",
}
"""Canonical activations that are functions of ``keras.ops`` as they are."""


def _activate(node: Activation, x: Any) -> Any:
    ops = import_keras().ops
    if node.function == "mish":
        # keras.ops has it only from some version on.
        return x * ops.tanh(ops.softplus(x))
    if node.function in _SIMPLE_ACTIVATIONS:
        return getattr(ops, _SIMPLE_ACTIVATIONS[node.function])(x)
    if node.function == "leaky_relu":
        return ops.where(x > 0, x, node.alpha * x)
    if node.function == "thresholded_relu":
        return ops.where(x > node.alpha, x, 0.0)
    if node.function == "elu":
        return ops.where(x > 0, x, node.alpha * ops.expm1(ops.minimum(x, 0.0)))
    if node.function in ("gelu", "gelu_tanh"):
        return ops.gelu(x, approximate=node.function == "gelu_tanh")
    if node.function == "clip":
        return ops.clip(x, *node.bounds)
    if node.function == "quantize":
        return ops.clip(ops.round(x / node.alpha) * node.alpha, *node.bounds)
    if node.function == "custom" and node.call is not None:
        return node.call(x)
    raise UnsupportedOperationError(
        f"activation {node.function!r} at node {node.source!r} is not understood"
    )


def _pool(node: Pool, x: Any) -> Any:
    ops = import_keras().ops
    if node.dilation > 1:
        return _pool_dilated(node, x)
    pool = ops.max_pool if node.kind == "max" else ops.average_pool
    return pool(x, node.size, node.stride, "valid", "channels_last")


def _pool_dilated(node: Pool, x: Any) -> Any:
    """Pool over entries that lie apart, which the backends do not offer."""
    ops = import_keras().ops
    steps = (x.shape[1] - (node.size - 1) * node.dilation - 1) // node.stride + 1
    offsets = [tap * node.dilation for tap in range(node.size)]
    reach = (steps - 1) * node.stride + 1
    taps = [x[:, offset : offset + reach : node.stride] for offset in offsets]
    if node.kind == "max":
        return functools.reduce(ops.maximum, taps)
    return functools.reduce(ops.add, taps) / node.size


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


def _pad(x: Any, padding: tuple[int, int], value: float, mode: str = "constant") -> Any:
    """Pad (or, where negative, crop) the length axis."""
    ops = import_keras().ops
    left, right = padding
    if left < 0 or right < 0:
        x = x[:, max(-left, 0) : x.shape[1] - max(-right, 0)]
    left, right = max(left, 0), max(right, 0)
    if left == right == 0:
        return x
    widths = ((0, 0), (left, right), (0, 0))
    if mode != "constant":
        return ops.pad(x, widths, mode=mode)
    return ops.pad(x, widths, constant_values=value)
