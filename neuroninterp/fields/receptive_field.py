"""Receptive fields by backward intervals.

For one output position, walk backward which interval every tensor must supply (the union
over its consumers). The interval at the input is the receptive field. Skip connections,
dilation, strides, parallel branches, same and valid padding, overlapping and strided pools
need no special case.
"""

from __future__ import annotations

from neuroninterp.errors import UnsupportedOperationError
from neuroninterp.fields.layers import Layer, PoolSummary
from neuroninterp.graph import (
    Activation,
    Add,
    Affine,
    Concatenate,
    Convolution,
    Dense,
    Graph,
    Input,
    LayerNodes,
    Node,
    Opaque,
    Pool,
    find_layers,
)

__all__ = [
    "Interval",
    "hidden_shifts",
    "input_interval",
    "layer_table",
    "required_intervals",
    "spatial_uncertainty",
]

Interval = tuple[int, int]
"""First and last position, inclusive; may reach into the padding (negative positions)."""

_POINTWISE = (Affine, Activation, Add, Concatenate, Dense)


def required_intervals(graph: Graph, target: str, position: int = 0) -> dict[str, Interval]:
    """Find the positions that every ancestor must supply for one output position.

    Parameters
    ----------
    graph : Graph
        The canonical graph.
    target : str
        Node whose output is wanted.
    position : int
        Output position of ``target``.

    Returns
    -------
    dict of str to Interval
        Node name to the (first, last) positions of its output that are needed.

    Raises
    ------
    UnsupportedOperationError
        If the target depends on an operation without a local receptive field.
    """
    intervals: dict[str, Interval] = {target: (position, position)}
    for node in reversed(graph.ancestors(target)):
        first, last = input_interval(node, intervals[node.name])
        for name in node.inputs:
            known = intervals.get(name)
            if known is not None:
                first_known, last_known = known
                intervals[name] = (min(first, first_known), max(last, last_known))
            else:
                intervals[name] = (first, last)
    return intervals


def input_interval(node: Node, interval: Interval) -> Interval:
    """Return the positions of a node's inputs that an interval of its output depends on."""
    first, last = interval
    if isinstance(node, Convolution):
        reach = (node.kernel.shape[0] - 1) * node.dilation
        return first * node.stride - node.padding[0], last * node.stride - node.padding[0] + reach
    if isinstance(node, Pool):
        reach = node.size - 1
        return first * node.stride - node.padding[0], last * node.stride - node.padding[0] + reach
    if isinstance(node, (Input, *_POINTWISE)):
        return interval
    operation = node.operation if isinstance(node, Opaque) else type(node).__name__
    raise UnsupportedOperationError(
        f"operation {operation!r} at node {node.source!r} has no local receptive field; "
        "layers after it cannot be analysed"
    )


def layer_table(graph: Graph) -> tuple[Layer, ...]:
    """Describe every layer of a graph: shape, following pool and receptive field.

    Returns
    -------
    tuple of Layer
        In topological order, numbered from 1.
    """
    return tuple(_describe(graph, nodes) for nodes in find_layers(graph))


def _describe(graph: Graph, nodes: LayerNodes) -> Layer:
    convolution = graph[nodes.convolution]
    if not isinstance(convolution, Convolution):
        raise TypeError(f"{nodes.convolution!r} is not a convolution")
    first, last = _field(graph, nodes.value, 0)
    next_first, next_last = _field(graph, nodes.value, 1)
    if next_last - next_first != last - first:
        raise UnsupportedOperationError(
            f"the branches that meet below layer {nodes.number} ({convolution.source!r}) have "
            "different strides, so its receptive field differs between positions"
        )
    pool = graph[nodes.pool] if nodes.pool else None
    return Layer(
        number=nodes.number,
        name=convolution.source,
        filters=int(convolution.kernel.shape[2]),
        kernel=int(convolution.kernel.shape[0]),
        stride=convolution.stride,
        dilation=convolution.dilation,
        padding=convolution.padding,
        activation=nodes.activation,
        pool=PoolSummary(pool.kind, pool.size, pool.stride) if isinstance(pool, Pool) else None,
        receptive_field=last - first + 1,
        jump=next_first - first,
        start=first,
        shifts=hidden_shifts(graph, nodes.value),
        uncertainty=spatial_uncertainty(graph, nodes.pool or nodes.value),
    )


def _field(graph: Graph, target: str, position: int) -> Interval:
    return required_intervals(graph, target, position)[graph.input.name]


def hidden_shifts(graph: Graph, target: str) -> int:
    """Count the alignments that the pools below a node can hide.

    The product of the pool sizes along the path that has the most of them.
    """
    shifts: dict[str, int] = {}
    for node in graph.ancestors(target):
        below = max((shifts[name] for name in node.inputs), default=1)
        shifts[node.name] = below * (node.size if isinstance(node, Pool) else 1)
    return shifts[target]


def spatial_uncertainty(graph: Graph, target: str) -> int:
    """Add up the windows (bp) of the pools up to and including a node.

    Along the path where they are largest. A pool of size 4 over positions 2 bp apart makes
    8 bp indistinguishable.
    """
    jump: dict[str, int] = {}
    hidden: dict[str, int] = {}
    for node in graph.ancestors(target):
        reads = max((jump[name] for name in node.inputs), default=1)
        below = max((hidden[name] for name in node.inputs), default=0)
        stride = node.stride if isinstance(node, (Convolution, Pool)) else 1
        jump[node.name] = reads * stride
        hides = node.size * reads if isinstance(node, Pool) and node.size > 1 else 0
        hidden[node.name] = below + hides
    return hidden[target]
