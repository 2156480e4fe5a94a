"""Outputs of a graph: how many a layer has, and those that a model computes and throws away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from neuroninterp.graph import Constant, Convolution, Graph, Input, Node, Pad, Pool

__all__ = ["output_length", "without_last_crops"]


def without_last_crops(graph: Graph, targets: Sequence[str]) -> Graph:
    """Return a graph that keeps outputs which are cropped off and never met again.

    A crop that no other branch has to fit only moves the numbers of the outputs. Without it,
    one pass shows the targets at more positions.

    Parameters
    ----------
    graph : Graph
        The canonical graph.
    targets : sequence of str
        The nodes whose values are wanted.
    """
    needed = {node.name for target in targets for node in graph.ancestors(target)}
    nodes = tuple(
        replace(node, padding=(max(node.padding[0], 0), max(node.padding[1], 0)))
        if isinstance(node, Pad) and min(node.padding) < 0 and _alone(graph, node, needed)
        else node
        for node in graph
    )
    return Graph(nodes=nodes, outputs=graph.outputs)


def output_length(graph: Graph, name: str, length: int) -> int:
    """Return how many positions a node has for a sequence of ``length`` bp.

    Only local operations may lie between it and the input.
    """
    positions: dict[str, int] = {}
    for node in graph.ancestors(name):
        if isinstance(node, Input):
            positions[node.name] = length
        elif isinstance(node, Constant):
            positions[node.name] = length if node.length is None else node.length
        else:
            read = positions[node.inputs[0]]
            if isinstance(node, Convolution):
                span = (len(node.kernel) - 1) * node.dilation + 1
                read = (read + sum(node.padding) - span) // node.stride + 1
            elif isinstance(node, Pool):
                span = (node.size - 1) * node.dilation + 1
                read = (read + sum(node.padding) - span) // node.stride + 1
            elif isinstance(node, Pad):
                read += sum(node.padding)
            positions[node.name] = read
    return positions[name]


def _alone(graph: Graph, crop: Node, needed: set[str]) -> bool:
    """Say whether all that follows a crop, as far as it is needed, reads nothing else."""
    after = {crop.name}
    for node in graph:
        if node.name in needed and after.intersection(node.inputs):
            if not after.issuperset(node.inputs):
                return False
            after.add(node.name)
    return True
