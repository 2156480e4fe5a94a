"""Receptive fields by backward intervals.

For one output position, walk backward which interval every tensor must supply (the union
over its consumers). The interval at the input is the receptive field. Skip connections,
dilation, strides, parallel branches, same and valid padding, overlapping and strided pools
need no special case. A reversal turns the direction of what lies below it.
"""

from __future__ import annotations

from dataclasses import dataclass

from neuroninterp.errors import UnsupportedOperationError
from neuroninterp.fields.layers import Layer, PoolSummary
from neuroninterp.graph import (
    Activation,
    Add,
    Affine,
    BlockedLayer,
    Concatenate,
    Constant,
    Convolution,
    Dense,
    GlobalPool,
    Graph,
    Input,
    LayerNodes,
    LayerNormalization,
    Maximum,
    Multiply,
    Node,
    Opaque,
    Pad,
    Pool,
    Reverse,
    Take,
    blocked_layers,
    find_layers,
)

__all__ = [
    "Interval",
    "Survey",
    "hidden_shifts",
    "input_interval",
    "layer_table",
    "required_intervals",
    "spatial_uncertainty",
    "survey",
]

Interval = tuple[int, int]
"""First and last position, inclusive; may reach into the padding (negative positions)."""

_FAR = 2**32
"""A position so far out that branches of different strides have moved apart there."""

_ANY_LENGTH = 1_000
"""Positions (bp) that a global pool is taken to hide where the model has no fixed length."""

_POINTWISE = (
    Activation,
    Add,
    Affine,
    Concatenate,
    Constant,
    Dense,
    Input,
    LayerNormalization,
    Maximum,
    Multiply,
    Take,
)


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
        reach = (node.size - 1) * node.dilation
        return first * node.stride - node.padding[0], last * node.stride - node.padding[0] + reach
    if isinstance(node, Pad):
        return first - node.padding[0], last - node.padding[0]
    if isinstance(node, Reverse) and node.length is not None:
        return node.length - 1 - last, node.length - 1 - first
    if isinstance(node, _POINTWISE):
        return interval
    operation = node.operation if isinstance(node, Opaque) else type(node).__name__
    raise UnsupportedOperationError(
        f"operation {operation!r} at node {node.source!r} has no local receptive field; "
        "layers after it cannot be analysed"
    )


@dataclass(frozen=True)
class Survey:
    """What a graph's convolutions are.

    Parameters
    ----------
    layers : tuple of Layer
        Those that can be analysed, in topological order.
    nodes : tuple of LayerNodes
        Their nodes, in the same order.
    blocked : tuple of BlockedLayer
        The others, each with its reason.
    """

    layers: tuple[Layer, ...]
    nodes: tuple[LayerNodes, ...]
    blocked: tuple[BlockedLayer, ...]


def survey(graph: Graph) -> Survey:
    """Describe every convolution of a graph, or say why it has no window to sample.

    Raises
    ------
    ModelError
        If the graph has no convolution.
    UnsupportedOperationError
        If none can be analysed.
    """
    blocked = list(blocked_layers(graph))
    layers, kept = [], []
    for nodes in find_layers(graph):
        described = _describe(graph, nodes)
        if isinstance(described, Layer):
            layers.append(described)
            kept.append(nodes)
        else:
            blocked.append(described)
    blocked.sort(key=lambda layer: layer.number)
    if not layers:
        raise UnsupportedOperationError(f"{blocked[0].reason}; the model cannot be analysed")
    return Survey(tuple(layers), tuple(kept), tuple(blocked))


def layer_table(graph: Graph) -> tuple[Layer, ...]:
    """Describe every layer that can be analysed: shape, following pool and receptive field.

    Returns
    -------
    tuple of Layer
        In topological order; numbers count every convolution, from 1.
    """
    return survey(graph).layers


def _describe(graph: Graph, nodes: LayerNodes) -> Layer | BlockedLayer:
    convolution = graph[nodes.convolution]
    if not isinstance(convolution, Convolution):
        raise TypeError(f"{nodes.convolution!r} is not a convolution")
    reversed_below = any(isinstance(a, Reverse) for a in graph.ancestors(nodes.value))
    try:
        first, last = _field(graph, nodes.value, 0)
        next_first, _ = _field(graph, nodes.value, 1)
        far_first, far_last = _field(graph, nodes.value, _FAR)
    except UnsupportedOperationError as error:
        return _block(nodes, convolution, str(error), whole_sequence=False)
    # A narrow branch may hide within a wide one at the first positions. The width is a convex
    # function of the position, so that the far one tells about all between.
    if far_last - far_first != last - first:
        where = f"convolution {convolution.source!r}"
        if reversed_below:
            reason = (
                f"{where} reads the sequence and its reverse at once: it has no single window "
                "to sample"
            )
        else:
            reason = (
                f"the branches that meet below {where} have different strides, so its receptive "
                "field differs between positions"
            )
        return _block(nodes, convolution, reason, whole_sequence=reversed_below)
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
        pool=_summary(graph, pool),
        receptive_field=last - first + 1,
        jump=abs(next_first - first),
        start=first,
        direction=1 if next_first > first else -1,
        shifts=hidden_shifts(graph, nodes.value),
        uncertainty=spatial_uncertainty(graph, nodes.pool or nodes.value),
    )


def _block(
    nodes: LayerNodes, convolution: Convolution, reason: str, *, whole_sequence: bool
) -> BlockedLayer:
    return BlockedLayer(
        number=nodes.number,
        name=convolution.source,
        filters=int(convolution.kernel.shape[2]),
        kernel=int(convolution.kernel.shape[0]),
        reason=reason,
        whole_sequence=whole_sequence,
    )


def _summary(graph: Graph, pool: Node | None) -> PoolSummary | None:
    if isinstance(pool, Pool):
        return PoolSummary(pool.kind, pool.size, pool.stride)
    if isinstance(pool, GlobalPool):
        return PoolSummary(f"global {pool.kind}", None, None)
    return None


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
        hides = 0
        if isinstance(node, Pool) and node.size > 1:
            hides = ((node.size - 1) * node.dilation + 1) * reads
        elif isinstance(node, GlobalPool):
            positions = graph[node.inputs[0]].length
            hides = _ANY_LENGTH if positions is None else positions * reads
        hidden[node.name] = below + hides
    return hidden[target]
