"""An independent NumPy evaluation of the canonical graph, at full length, in float64.

Written from the node definitions alone (neuroninterp.graph.nodes), with plain loops over
kernel taps and windows, so that readers and the product's own executor can be compared with it.
"""

from __future__ import annotations

import functools

import numpy as np
from scipy.special import erf

from neuroninterp.graph import (
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

__all__ = ["oracle"]


def oracle(graph: Graph, x: np.ndarray) -> dict[str, np.ndarray]:
    """Evaluate every node that does not depend on an Opaque one.

    Parameters
    ----------
    graph : Graph
        The canonical graph.
    x : numpy.ndarray, shape=(N, L, channels)
        Input in the file's own channel order.

    Returns
    -------
    dict of str to numpy.ndarray
        Node name to value, float64, channels last.
    """
    values: dict[str, np.ndarray] = {}
    for node in graph:
        if isinstance(node, Input):
            values[node.name] = np.asarray(x, dtype=np.float64)
        elif isinstance(node, Constant):
            positions = x.shape[1] if node.length is None else node.length
            values[node.name] = np.tile(node.value.astype(np.float64), (len(x), positions, 1))
        elif not isinstance(node, Opaque) and all(name in values for name in node.inputs):
            values[node.name] = _evaluate(node, [values[name] for name in node.inputs])
    return values


def _evaluate(node: Node, inputs: list[np.ndarray]) -> np.ndarray:
    x = inputs[0]
    if isinstance(node, Convolution):
        return _convolve(node, x)
    if isinstance(node, Affine):
        return x * node.scale.astype(np.float64) + node.shift.astype(np.float64)
    if isinstance(node, Activation):
        return _activate(node, x)
    if isinstance(node, Pool):
        return _pool(node, x)
    if isinstance(node, Add):
        assert len({value.shape for value in inputs}) == 1
        return np.sum(inputs, axis=0)
    if isinstance(node, Concatenate):
        return np.concatenate(inputs, axis=-1)
    if isinstance(node, Flatten):
        return (x.transpose(0, 2, 1) if node.channels_first else x).reshape(len(x), -1)
    if isinstance(node, Dense):
        return x @ node.kernel.astype(np.float64) + node.bias.astype(np.float64)
    if isinstance(node, Multiply):
        return functools.reduce(np.multiply, inputs)
    if isinstance(node, Maximum):
        return functools.reduce(np.maximum, inputs)
    if isinstance(node, Take):
        return x[:, :, node.channels]
    if isinstance(node, Reverse):
        assert node.length is None or node.length == x.shape[1]
        return x[:, ::-1]
    if isinstance(node, Pad):
        return _pad(node, x)
    if isinstance(node, GlobalPool):
        return {"max": np.max, "average": np.mean}[node.kind](x, axis=1, keepdims=True)
    if isinstance(node, LayerNormalization):
        centred = x - x.mean(axis=2, keepdims=True) if node.centred else x
        spread = np.sqrt((centred**2).mean(axis=2, keepdims=True) + node.epsilon)
        return centred / spread * node.scale.astype(np.float64) + node.shift.astype(np.float64)
    raise AssertionError(f"the oracle does not know {type(node).__name__}")


def _convolve(node: Convolution, x: np.ndarray) -> np.ndarray:
    padded = np.pad(x, [(0, 0), node.padding, (0, 0)])
    width, channels_in, filters = node.kernel.shape
    assert channels_in * node.groups == x.shape[2]
    length = (padded.shape[1] - node.dilation * (width - 1) - 1) // node.stride + 1
    out = np.zeros((len(x), length, filters)) + node.bias
    per_group = filters // node.groups
    for position in range(length):
        for tap in range(width):
            column = padded[:, position * node.stride + tap * node.dilation]
            for group in range(node.groups):
                rows = slice(group * channels_in, (group + 1) * channels_in)
                units = slice(group * per_group, (group + 1) * per_group)
                out[:, position, units] += column[:, rows] @ node.kernel[tap, :, units]
    return out


def _pad(node: Pad, x: np.ndarray) -> np.ndarray:
    left, right = node.padding
    kept = x[:, max(-left, 0) : x.shape[1] - max(-right, 0)]
    widths = [(0, 0), (max(left, 0), max(right, 0)), (0, 0)]
    if node.mode == "constant":
        return np.pad(kept, widths, constant_values=node.value)
    return np.pad(kept, widths, mode=node.mode)


def _pool(node: Pool, x: np.ndarray) -> np.ndarray:
    left, right = node.padding
    length = x.shape[1]
    span = (node.size - 1) * node.dilation + 1
    windows = []
    for start in range(-left, length + right - span + 1, node.stride):
        inside = [p for p in range(start, start + span, node.dilation) if 0 <= p < length]
        window = x[:, inside]
        if node.kind == "max":
            windows.append(window.max(axis=1))
        else:
            assert node.kind == "average"
            divisor = node.size if node.count_padding else window.shape[1]
            windows.append(window.sum(axis=1) / divisor)
    return np.stack(windows, axis=1)


def _activate(node: Activation, x: np.ndarray) -> np.ndarray:
    if node.function == "softmax":
        powers = np.exp(x - x.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)
    functions = {
        "relu": lambda: np.where(x > 0, x, 0.0),
        "thresholded_relu": lambda: np.where(x > node.alpha, x, 0.0),
        "leaky_relu": lambda: np.where(x > 0, x, node.alpha * x),
        "elu": lambda: np.where(x > 0, x, node.alpha * np.expm1(np.minimum(x, 0))),
        "selu": lambda: (
            1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))
        ),
        "softsign": lambda: x / (1 + np.abs(x)),
        "mish": lambda: x * np.tanh(np.logaddexp(0, x)),
        "hard_sigmoid": lambda: np.clip(x / 6 + 0.5, 0, 1),
        "hard_silu": lambda: x * np.clip(x / 6 + 0.5, 0, 1),
        "clip": lambda: np.clip(x, *node.bounds),
        "quantize": lambda: np.clip(np.round(x / node.alpha) * node.alpha, *node.bounds),
        "custom": lambda: np.asarray(node.call(x.astype(np.float32)), np.float64),
        "gelu": lambda: x * 0.5 * (1 + erf(x / np.sqrt(2))),
        "gelu_tanh": lambda: x * 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
        "softplus": lambda: np.logaddexp(0, x),
        "silu": lambda: x / (1 + np.exp(-x)),
        "sigmoid": lambda: 1 / (1 + np.exp(-x)),
        "tanh": lambda: np.tanh(x),
        "exponential": lambda: np.exp(x),
    }
    return functions[node.function]()
