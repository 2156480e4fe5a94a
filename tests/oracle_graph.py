"""An independent NumPy evaluation of the canonical graph, at full length, in float64.

Written from the node definitions alone (neuroninterp.graph.nodes), with plain loops over
kernel taps and windows, so that readers and the product's own executor can be compared with it.
"""

from __future__ import annotations

import numpy as np
from scipy.special import erf

from neuroninterp.graph import (
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


def _pool(node: Pool, x: np.ndarray) -> np.ndarray:
    left, right = node.padding
    length = x.shape[1]
    windows = []
    for start in range(-left, length + right - node.size + 1, node.stride):
        window = x[:, max(start, 0) : max(start + node.size, 0)]
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
        "leaky_relu": lambda: np.where(x > 0, x, node.alpha * x),
        "elu": lambda: np.where(x > 0, x, node.alpha * np.expm1(np.minimum(x, 0))),
        "gelu": lambda: x * 0.5 * (1 + erf(x / np.sqrt(2))),
        "gelu_tanh": lambda: x * 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
        "softplus": lambda: np.logaddexp(0, x),
        "silu": lambda: x / (1 + np.exp(-x)),
        "sigmoid": lambda: 1 / (1 + np.exp(-x)),
        "tanh": lambda: np.tanh(x),
        "exponential": lambda: np.exp(x),
    }
    return functions[node.function]()
