"""Forward computation of a graph on one receptive field, without padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neuroninterp.backend import import_keras
from neuroninterp.fields.receptive_field import Interval, input_interval, required_intervals
from neuroninterp.graph import (
    Concatenate,
    Constant,
    Convolution,
    Dense,
    Graph,
    Input,
    Node,
    Take,
)
from neuroninterp.graph.evaluate import compute, held

__all__ = ["Forward"]


class Forward:
    """Computes every node on exactly the interval that one output position needs.

    Parameters
    ----------
    graph : Graph
        The graph.
    target : str
        The node whose single output position is wanted.
    """

    def __init__(self, graph: Graph, target: str) -> None:
        self.graph = graph
        self.target = target
        self.nodes = graph.ancestors(target)
        self.intervals = required_intervals(graph, target)

    def __call__(
        self, encoded: Any, wanted: str | None = None, known: dict[str, Any] | None = None
    ) -> Any:
        """Compute a node from encoded windows ``(N, field, channels)``.

        ``wanted`` is the target unless another node is named; ``known`` nodes are taken as
        given.
        """
        wanted = wanted or self.target
        tensors: dict[str, Any] = dict(known or {})
        for node in self.nodes:
            if node.name in tensors:
                pass
            elif isinstance(node, Input):
                tensors[node.name] = encoded
            elif isinstance(node, Constant):
                tensors[node.name] = held(node, encoded, width(self.intervals[node.name]))
            else:
                operands = [self._operand(node, name, tensors[name]) for name in node.inputs]
                tensors[node.name] = compute(node, operands)
            if node.name == wanted:
                break
        return tensors[wanted]

    def of_neurons(self, encoded: Any, neurons: Any, known: dict[str, Any] | None = None) -> Any:
        """Compute the target's one position, of one channel a window: ``neurons[i]``, shape (N,).

        Where the target is a convolution, only that channel of it is computed.
        """
        ops = import_keras().ops
        node = self.graph[self.target]
        if not isinstance(node, Convolution) or node.groups != 1:
            z = self(encoded, known=known)[:, 0]
            return ops.take_along_axis(z, ops.expand_dims(neurons, 1), axis=1)[:, 0]
        (source,) = node.inputs
        read = self._operand(node, source, self(encoded, source, known))[:, :: node.dilation]
        rows = np.ascontiguousarray(node.kernel.reshape(-1, node.kernel.shape[2]).T)
        weights = ops.take(ops.convert_to_tensor(rows), neurons, axis=0)
        flat = ops.reshape(read, (-1, rows.shape[1]))
        return ops.sum(flat * weights, axis=1) + ops.take(
            ops.convert_to_tensor(node.bias), neurons, axis=0
        )

    def largest_tensor(self) -> int:
        """Return the number of entries, per window, of the largest tensor."""
        channels = _channels(self.nodes)
        largest = max(width(self.intervals[name]) * count for name, count in channels.items())
        node = self.graph[self.target]
        # One channel's weights a window, where only that channel is computed.
        return max(largest, node.kernel[..., 0].size if isinstance(node, Convolution) else 0)

    def multiplications(self) -> int:
        """Return the number of multiplications that one window costs in convolutions."""
        return sum(
            width(self.intervals[node.name]) * int(node.kernel.size)
            for node in self.nodes
            if isinstance(node, Convolution)
        )

    def _operand(self, node: Node, name: str, tensor: Any) -> Any:
        """Cut from a computed tensor the stretch that this reader needs."""
        have_first, have_last = self.intervals[name]
        need_first, need_last = input_interval(node, self.intervals[node.name])
        if (have_first, have_last) == (need_first, need_last):
            return tensor
        return tensor[:, need_first - have_first : need_last - have_first + 1]


def width(interval: Interval) -> int:
    """Return the number of positions of an interval."""
    return interval[1] - interval[0] + 1


def _channels(nodes: Sequence[Node]) -> dict[str, int]:
    """Return how many channels each node's output has."""
    channels: dict[str, int] = {}
    for node in nodes:
        below = [channels[name] for name in node.inputs]
        if isinstance(node, Input):
            channels[node.name] = node.channels
        elif isinstance(node, Constant):
            channels[node.name] = len(node.value)
        elif isinstance(node, (Convolution, Dense)):
            channels[node.name] = int(node.kernel.shape[-1])
        elif isinstance(node, Take):
            channels[node.name] = len(node.channels)
        elif isinstance(node, Concatenate):
            channels[node.name] = sum(below)
        else:
            channels[node.name] = max(below)
    return channels
