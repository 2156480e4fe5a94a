"""The length (bp) at which a model that takes any length is looked at."""

from __future__ import annotations

from dataclasses import replace

from neuroninterp.fields import Layer, survey
from neuroninterp.graph import Convolution, Graph, Pool, Reverse

__all__ = ["reference_length"]

_LONG_FIELD = 2_000
"""Receptive field (bp) from which a second one beside it would cost more than it tells."""

_MARGIN = 1_000
"""Positions (bp) beyond a long field."""


def reference_length(graph: Graph) -> int:
    """Choose the length at which to look at a model without a fixed one.

    Two receptive fields of the layer that sees farthest (a long field and 1,000 bp more),
    plus what is cropped before that layer, rounded up to the coarsest step of the network.

    Parameters
    ----------
    graph : Graph
        The canonical graph, translated with its length left open.

    Returns
    -------
    int
        Length, bp.

    Raises
    ------
    ModelError
        If the graph has no convolution.
    UnsupportedOperationError
        If none can be analysed.
    """
    wanted = max(_wanted(layer) for layer in survey(_anchored(graph)).layers)
    step = _coarsest_step(graph)
    return -(-wanted // step) * step


def _wanted(layer: Layer) -> int:
    field = layer.receptive_field
    cropped = max(layer.start, 0) if layer.direction == 1 else 0
    return (field + _MARGIN if field > _LONG_FIELD else 2 * field) + 2 * cropped


def _anchored(graph: Graph) -> Graph:
    """Give every reversal some length: the size of a field does not depend on it."""
    nodes = [
        replace(node, length=1) if isinstance(node, Reverse) and node.length is None else node
        for node in graph
    ]
    return Graph(tuple(nodes), graph.outputs)


def _coarsest_step(graph: Graph) -> int:
    """Return the largest product of strides along any path."""
    step: dict[str, int] = {}
    for node in graph:
        below = max((step[name] for name in node.inputs), default=1)
        step[node.name] = below * (node.stride if isinstance(node, (Convolution, Pool)) else 1)
    return max(step.values())
