"""What an edit of one base can change: a window of every tensor, and where its entries come from.

An edit at position p changes an interval of every tensor. So that many edits can be computed
together, the window that is recomputed of a tensor has one width for all of them, the widest
interval's, and its own start for each. What a window needs of the tensors that it is computed
from is either in their windows, or as it was before the edit, or padding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neuroninterp.graph import (
    Constant,
    Convolution,
    Dense,
    Flatten,
    GlobalPool,
    Graph,
    Input,
    Node,
    Pad,
    Pool,
    Reverse,
)

__all__ = ["PADDING", "Reach", "Source", "Window", "find_reach"]

PADDING = -1
"""Entry of a :class:`Source` that lies outside of the tensor."""


@dataclass(frozen=True, eq=False)
class Window:
    """The positions of a tensor that are recomputed.

    Parameters
    ----------
    starts : numpy.ndarray, shape=(L,)
        First position, for an edit at each position of the sequence.
    width : int
        Number of positions.
    """

    starts: np.ndarray
    width: int


@dataclass(frozen=True, eq=False)
class Source:
    """Where a window's operand comes from.

    Parameters
    ----------
    tensor : str
        The operand's node.
    entries : numpy.ndarray, shape=(L, needed)
        For an edit at each position: a position of the tensor as it was (0 and more),
        :data:`PADDING`, or -2 - k for entry k of the tensor's own window.
    direct : bool
        Whether it is that window itself.
    """

    tensor: str
    entries: np.ndarray
    direct: bool


@dataclass(frozen=True, eq=False)
class Reach:
    """What edits can change of the tensors of a graph.

    Parameters
    ----------
    windows : mapping of str to Window
        Of every tensor with positions that an edit can change.
    sources : mapping of str to sequence of Source
        Operands of every node that reads tensors with positions, by the node's name.
    flat : frozenset of str
        Tensors without positions that an edit can change.
    """

    windows: Mapping[str, Window]
    sources: Mapping[str, Sequence[Source]]
    flat: frozenset[str]


def find_reach(
    graph: Graph, target: str, shapes: Mapping[str, tuple[int, ...]], length: int
) -> Reach | None:
    """Find what single-base edits change on the way to a node.

    Parameters
    ----------
    graph : Graph
        The canonical graph.
    target : str
        The node.
    shapes : mapping of str to tuple of int
        Shape of every tensor on the way, for one sequence.
    length : int
        Length of the sequence, bp.

    Returns
    -------
    Reach or None
        None where an operation mixes positions in a way that is not followed here (padding
        by reflection, positions made of flat tensors).
    """
    at = np.arange(length)
    changed: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    windows: dict[str, Window] = {}
    sources: dict[str, list[Source]] = {}
    flat: set[str] = set()
    for node in graph.ancestors(target):
        if isinstance(node, Constant) or not (
            isinstance(node, Input) or any(x in changed or x in flat for x in node.inputs)
        ):
            continue
        if isinstance(node, Pad) and node.mode != "constant":
            return None
        shape = shapes[node.name]
        if len(shape) == 2 and flat.intersection(node.inputs):
            return None
        if isinstance(node, Input):
            changed[node.name] = at, at
        elif len(shape) == 1:
            flat.add(node.name)
        else:
            changed[node.name] = _changed(node, changed, shapes)
        if len(shape) == 2:
            windows[node.name] = _window(*changed[node.name], shape[0])
        if not isinstance(node, Input):
            sources[node.name] = [
                _source(node, name, windows, shapes, length)
                for name in node.inputs
                if len(shapes[name]) == 2
            ]
    return Reach(windows, sources, frozenset(flat))


def _changed(
    node: Node,
    changed: Mapping[str, tuple[np.ndarray, np.ndarray]],
    shapes: Mapping[str, tuple[int, ...]],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and last position that changes, for an edit at each position."""
    size = shapes[node.name][0]
    firsts, lasts = [], []
    for name in node.inputs:
        if name not in changed:
            continue
        first, last = changed[name]
        if isinstance(node, (Convolution, Pool)):
            span = node.kernel.shape[0] if isinstance(node, Convolution) else node.size
            reach = (span - 1) * node.dilation
            # Rounded up: the first output whose last entry has come to ``first``.
            first = -((reach - first - node.padding[0]) // node.stride)
            last = (last + node.padding[0]) // node.stride
        elif isinstance(node, Pad):
            first, last = first + node.padding[0], last + node.padding[0]
        elif isinstance(node, Reverse):
            first, last = size - 1 - last, size - 1 - first
        elif isinstance(node, GlobalPool) or shapes[name][0] < size:
            # It is spread along all positions.
            first, last = np.zeros_like(first), np.full_like(last, size - 1)
        firsts.append(first)
        lasts.append(last)
    return np.clip(np.min(firsts, axis=0), 0, size), np.clip(np.max(lasts, axis=0), -1, size - 1)


def _window(first: np.ndarray, last: np.ndarray, size: int) -> Window:
    width = max(1, int((last - first).max()) + 1)
    return Window(np.clip(first, 0, size - width), width)


def _source(
    node: Node,
    name: str,
    windows: Mapping[str, Window],
    shapes: Mapping[str, tuple[int, ...]],
    length: int,
) -> Source:
    size = shapes[name][0]
    starts, width = np.zeros(length, np.int64), size
    if node.name in windows and not isinstance(node, GlobalPool):
        starts, width = _needed(node, windows[node.name], size, shapes[node.name][0])
    positions = starts[:, None] + np.arange(width)
    entries = np.where((positions >= 0) & (positions < size), positions, PADDING)
    direct = False
    if name in windows:
        own = windows[name]
        offset = positions - own.starts[:, None]
        inside = (offset >= 0) & (offset < own.width)
        entries = np.where(inside, -2 - offset, entries)
        direct = width == own.width and bool(inside.all()) and not offset[:, 0].any()
    return Source(name, entries.astype(np.int32), direct)


def _needed(node: Node, window: Window, size: int, result: int) -> tuple[np.ndarray, int]:
    """Return the first position that a window needs of an operand, and how many."""
    starts, width = window.starts, window.width
    if isinstance(node, (Convolution, Pool)):
        span = node.kernel.shape[0] if isinstance(node, Convolution) else node.size
        reach = (span - 1) * node.dilation
        return starts * node.stride - node.padding[0], (width - 1) * node.stride + reach + 1
    if isinstance(node, Pad):
        return starts - node.padding[0], width
    if isinstance(node, Reverse):
        return size - starts - width, width
    if isinstance(node, (Dense, Flatten)) or size == result:
        return starts, width
    return np.zeros_like(starts), size
