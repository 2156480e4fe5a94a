"""The canonical graph: what a network computes, whatever file it came from.

Tensors are channels last, ``(N, L, C)`` for sequences and ``(N, F)`` after a flatten.
Weights are NumPy float32 arrays. Operations that compute nothing at inference
(dropout, identity, layout changes around a convolution) do not appear.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

__all__ = [
    "RECTIFIERS",
    "Activation",
    "Add",
    "Affine",
    "Concatenate",
    "Convolution",
    "Dense",
    "Flatten",
    "Graph",
    "Input",
    "Node",
    "Opaque",
    "Pool",
]

RECTIFIERS = frozenset({"relu", "leaky_relu", "elu", "gelu", "gelu_tanh", "softplus", "silu"})
"""Activation functions for which a neuron counts as active when z > 0."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Node:
    """One operation; ``inputs`` names the nodes it reads, in order.

    Parameters
    ----------
    name : str
        Unique in the graph.
    inputs : tuple of str
        Names of the nodes read.
    source : str
        The name the operation has in the model file, for tables and messages.
    length : int or None
        Output length (positions) at the model's input length; None where the model has
        no fixed length or the output has no length axis.
    """

    name: str
    inputs: tuple[str, ...]
    source: str
    length: int | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Input(Node):
    """The one-hot sequence, ``(N, L, channels)``, channels in the file's own order."""

    channels: int = 4


@dataclass(frozen=True, eq=False, kw_only=True)
class Convolution(Node):
    """Cross-correlation along the length.

    Parameters
    ----------
    kernel : numpy.ndarray, shape=(width, channels_in / groups, filters)
        Weights, float32.
    bias : numpy.ndarray, shape=(filters,)
        Zeros where the file has none.
    stride, dilation, groups : int
        As usual.
    padding : tuple of int
        Zeros added to the left and to the right, in positions of the input tensor.
    """

    kernel: np.ndarray
    bias: np.ndarray
    stride: int = 1
    dilation: int = 1
    groups: int = 1
    padding: tuple[int, int] = (0, 0)


@dataclass(frozen=True, eq=False, kw_only=True)
class Affine(Node):
    """``x * scale + shift`` per channel: batch norm, a separate bias, a scaling.

    ``scale`` and ``shift`` have shape (channels,), float32.
    """

    scale: np.ndarray
    shift: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class Activation(Node):
    """Elementwise nonlinearity.

    Parameters
    ----------
    function : str
        One of relu, leaky_relu, elu, gelu, gelu_tanh, softplus, silu, sigmoid, tanh,
        exponential, softmax.
    alpha : float
        Negative slope of leaky_relu, scale of elu's negative part; unused otherwise.
    """

    function: str
    alpha: float = 0.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Pool(Node):
    """Pooling along the length.

    Parameters
    ----------
    kind : str
        "max" or "average".
    size, stride : int
        Window and step in positions of the input tensor.
    padding : tuple of int
        Positions added to the left and right: minus infinity for "max", zeros for "average".
    count_padding : bool
        Whether an average divides by the padded positions too.
    """

    kind: str
    size: int
    stride: int
    padding: tuple[int, int] = (0, 0)
    count_padding: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class Add(Node):
    """Elementwise sum of two or more tensors of the same shape."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Concatenate(Node):
    """Concatenation along the channels."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Flatten(Node):
    """``(N, L, C)`` to ``(N, L * C)``; ``channels_first`` where the file flattens ``(N, C, L)``."""

    channels_first: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class Dense(Node):
    """Matrix product over the last axis: kernel ``(features, units)``, bias ``(units,)``."""

    kernel: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class Opaque(Node):
    """An operation that is not understood: harmless downstream of the analysed layers.

    ``operation`` is its type in the file (for example "LSTM"), for the error message;
    ``reason`` may add why it is not understood.
    """

    operation: str
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Graph:
    """A directed acyclic graph of nodes in topological order.

    Parameters
    ----------
    nodes : tuple of Node
        Every node after the nodes it reads.
    outputs : tuple of str
        Names of the nodes that the model returns.
    """

    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    _by_name: dict[str, Node] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        by_name: dict[str, Node] = {}
        for node in self.nodes:
            if node.name in by_name:
                raise ValueError(f"two nodes are named {node.name!r}")
            missing = [name for name in node.inputs if name not in by_name]
            if missing:
                raise ValueError(f"node {node.name!r} reads {missing} before they are computed")
            by_name[node.name] = node
        object.__setattr__(self, "_by_name", by_name)

    def __getitem__(self, name: str) -> Node:
        return self._by_name[name]

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    @property
    def input(self) -> Input:
        """The sequence input (there is exactly one)."""
        return next(node for node in self.nodes if isinstance(node, Input))

    def consumers(self, name: str) -> list[Node]:
        """Return the nodes that read ``name``, in topological order."""
        return [node for node in self.nodes if name in node.inputs]

    def ancestors(self, name: str) -> list[Node]:
        """Return ``name``'s node and every node that it depends on, in topological order."""
        wanted = {name}
        for node in reversed(self.nodes):
            if node.name in wanted:
                wanted.update(node.inputs)
        return [node for node in self.nodes if node.name in wanted]
