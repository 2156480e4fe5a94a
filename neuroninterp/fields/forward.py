"""Forward computation of a graph on one receptive field, without padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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

    def largest_tensor(self) -> int:
        """Return the number of entries, per window, of the largest tensor."""
        channels = _channels(self.nodes)
        return max(width(self.intervals[name]) * count for name, count in channels.items())

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
