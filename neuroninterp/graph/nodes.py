"""The canonical graph: what a network computes, whatever file it came from.

Tensors are channels last, ``(N, L, C)`` for sequences and ``(N, F)`` after a flatten.
Weights are NumPy float32 arrays. Operations that compute nothing at inference
(dropout, identity, layout changes around a convolution) do not appear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = [
    "RECTIFIERS",
    "Activation",
    "Add",
    "Affine",
    "Concatenate",
    "Constant",
    "Convolution",
    "Dense",
    "Flatten",
    "GlobalPool",
    "Graph",
    "Input",
    "LayerNormalization",
    "Maximum",
    "Multiply",
    "Node",
    "Opaque",
    "Pad",
    "Pool",
    "Reverse",
    "Take",
]

RECTIFIERS = frozenset(
    {
        "elu",
        "gelu",
        "gelu_tanh",
        "hard_silu",
        "leaky_relu",
        "mish",
        "relu",
        "selu",
        "silu",
        "softplus",
    }
)
"""Activation functions for which a neuron counts as active when z > 0."""

_NEARLY_ZERO = 1e-3
"""Largest threshold of a thresholded ReLU, and smallest result of one, of which that holds, too.

DeepSEA's are 1e-6: of Keras the threshold, of Torch the result.
"""


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
    """The one-hot sequence, ``(N, L, channels)``, channels in the file's own order.

    Channels beyond the four bases (see :class:`neuroninterp.models.InputLayout`) hold their
    background value at every position.
    """

    channels: int = 4


@dataclass(frozen=True, eq=False, kw_only=True)
class Constant(Node):
    """A tensor that does not depend on the sequence: another input, held at a value.

    ``value`` has shape (channels,), float32, the same at all ``length`` positions.
    """

    value: np.ndarray


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
    """Elementwise nonlinearity (softmax, over the channels, apart).

    Parameters
    ----------
    function : str
        One of relu, thresholded_relu, leaky_relu, elu, selu, gelu, gelu_tanh, softplus,
        softsign, silu, hard_silu, mish, sigmoid, hard_sigmoid, tanh, exponential, softmax,
        clip, quantize, custom. ``hard_sigmoid`` is clip(x / 6 + 1 / 2, 0, 1) and ``hard_silu``
        x times it; ``thresholded_relu`` is x above its threshold and 0 elsewhere.
    alpha : float or numpy.ndarray, shape=(channels,)
        Negative slope of leaky_relu (one a channel for a PReLU), scale of elu's negative
        part, threshold of thresholded_relu, step of quantize (which rounds half to even);
        unused otherwise.
    bounds : tuple of float
        Smallest and largest result of clip and quantize; infinite where open.
    call : callable or None
        The function itself, tensor to tensor, where the user registered it ("custom").
    rectifier : bool
        Whether a custom function is rectifier-like.
    """

    function: str
    alpha: float | np.ndarray = 0.0
    bounds: tuple[float, float] = (-np.inf, np.inf)
    call: Callable[[Any], Any] | None = None
    rectifier: bool = False

    @property
    def rectified(self) -> bool:
        """Whether the function is rectifier-like, so that active means z > 0."""
        # Exporters of quantised networks let the rounding's lower bound stand for a ReLU.
        clipped = self.function in ("clip", "quantize") and self.bounds[0] == 0.0
        nearly = self.function == "thresholded_relu" and -_NEARLY_ZERO <= self.alpha <= _NEARLY_ZERO
        return (
            self.function in RECTIFIERS or clipped or bool(nearly) or self.rectifier or self.floor
        )

    @property
    def floor(self) -> bool:
        """Whether it is a clip from below alone, at or next to 0: a ReLU but for that."""
        smallest, largest = self.bounds
        return self.function == "clip" and largest == np.inf and abs(smallest) <= _NEARLY_ZERO


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
    dilation : int
        Positions between the entries of a window.
    """

    kind: str
    size: int
    stride: int
    padding: tuple[int, int] = (0, 0)
    count_padding: bool = False
    dilation: int = 1


@dataclass(frozen=True, eq=False, kw_only=True)
class GlobalPool(Node):
    """Maximum or average over all positions, ``(N, 1, C)``: what follows sees everything.

    ``kind`` is "max" or "average".
    """

    kind: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Pad(Node):
    """Positions added to the left and right (cropped where negative).

    Parameters
    ----------
    padding : tuple of int
        Left and right.
    mode : str
        What is added: "constant" (``value``), "reflect" or "symmetric".
    value : float
        The constant.
    """

    padding: tuple[int, int]
    mode: str = "constant"
    value: float = 0.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Reverse(Node):
    """The positions in reverse order; needs ``length``."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Take(Node):
    """Some channels, in a given order: ``channels`` holds their indices, int64."""

    channels: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class LayerNormalization(Node):
    """Normalisation over the channels of each position, then ``* scale + shift``.

    Parameters
    ----------
    epsilon : float
        Added to the variance.
    scale, shift : numpy.ndarray, shape=(channels,)
        float32.
    centred : bool
        Whether the mean is subtracted (layer normalisation) or not (RMS normalisation).
    """

    epsilon: float
    scale: np.ndarray
    shift: np.ndarray
    centred: bool = True


@dataclass(frozen=True, eq=False, kw_only=True)
class Add(Node):
    """Elementwise sum of two or more tensors of the same shape."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Multiply(Node):
    """Elementwise product of two or more tensors; size 1 along an axis is spread."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Maximum(Node):
    """Elementwise maximum of two or more tensors of the same shape."""


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

    Parameters
    ----------
    operation : str
        Its type in the file (for example "LSTM"), for the message.
    reason : str
        Why it is not understood, where more than the type is to be said.
    whole_sequence : bool
        Whether it is known to let every position see all others (a recurrent layer,
        attention, positions made of flattened features): the layers after it have no
        receptive field short of the whole sequence.
    """

    operation: str
    reason: str = ""
    whole_sequence: bool = False


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
