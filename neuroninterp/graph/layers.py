"""Which convolutions a graph has, and where each neuron's value is read."""

from __future__ import annotations

from dataclasses import dataclass

from neuroninterp.errors import ModelError, UnsupportedOperationError
from neuroninterp.graph.nodes import (
    RECTIFIERS,
    Activation,
    Affine,
    Convolution,
    Graph,
    Input,
    Node,
    Opaque,
    Pool,
)

__all__ = ["LayerNodes", "blocked_convolutions", "find_layers"]


@dataclass(frozen=True)
class LayerNodes:
    """The nodes of one layer.

    Parameters
    ----------
    number : int
        1, 2, … from the input along the graph.
    convolution : str
        Name of the convolution node.
    value : str
        Name of the node whose output is the neuron's value z: the convolution, or the last
        of the per-channel affine operations (batch norm, bias) that follow it before the
        first nonlinearity. A fork or a merge of branches ends the walk.
    activation : str or None
        The first nonlinearity after the value, looking through a max pool (which commutes
        with monotone functions); None where there is none before the next layer.
    pool : str or None
        Name of the pooling node that follows before the next convolution, if one does.
    """

    number: int
    convolution: str
    value: str
    activation: str | None
    pool: str | None

    @property
    def rectified(self) -> bool:
        """Whether the layer's nonlinearity is rectifier-like, so that active means z > 0."""
        return self.activation in RECTIFIERS


def find_layers(graph: Graph) -> tuple[LayerNodes, ...]:
    """Find the convolutions that see the sequence through understood operations.

    Parameters
    ----------
    graph : Graph
        The canonical graph.

    Returns
    -------
    tuple of LayerNodes
        In topological order, numbered from 1. Convolutions downstream of an opaque node
        are left out when others precede that node.

    Raises
    ------
    UnsupportedOperationError
        If an operation that is not understood stands before the first convolution.
    ModelError
        If the graph has no convolution at all.
    """
    reachable = _on_understood_path(graph)
    clear = [n for n in graph if isinstance(n, Convolution) and n.name in reachable]
    if clear:
        return tuple(_layer(graph, number, node) for number, node in enumerate(clear, start=1))
    blocked = blocked_convolutions(graph)
    if blocked:
        raise UnsupportedOperationError(f"{blocked[0]}; the model cannot be analysed")
    raise ModelError("the model has no convolution over a sequence input; nothing to analyse")


def blocked_convolutions(graph: Graph) -> tuple[str, ...]:
    """Say of each convolution behind an operation that is not understood what blocks it.

    Returns
    -------
    tuple of str
        One sentence a convolution, naming the operation and its node; empty where every
        convolution can be analysed.
    """
    reachable = _on_understood_path(graph)
    sentences = []
    for node in graph:
        if isinstance(node, Convolution) and node.name not in reachable:
            blocking = next(a for a in graph.ancestors(node.name) if isinstance(a, Opaque))
            reason = f" ({blocking.reason})" if blocking.reason else ""
            sentences.append(
                f"operation {blocking.operation!r} at node {blocking.source!r}{reason} stands "
                f"before convolution {node.source!r} and is not understood"
            )
    return tuple(sentences)


def _on_understood_path(graph: Graph) -> set[str]:
    """Return the nodes that depend on the input through understood operations alone."""
    understood: set[str] = set()
    for node in graph:
        if isinstance(node, Opaque):
            continue
        if isinstance(node, Input) or (node.inputs and all(i in understood for i in node.inputs)):
            understood.add(node.name)
    return understood


def _layer(graph: Graph, number: int, convolution: Convolution) -> LayerNodes:
    value: Node = convolution
    following = _only_consumer(graph, value)
    while isinstance(following, Affine):
        value = following
        following = _only_consumer(graph, value)
    activation: str | None = None
    pool: str | None = None
    while following is not None:
        if isinstance(following, Activation) and activation is None:
            activation = following.function
        elif isinstance(following, Pool) and pool is None:
            pool = following.name
        elif not isinstance(following, Affine):
            break
        following = _only_consumer(graph, following)
    return LayerNodes(number, convolution.name, value.name, activation, pool)


def _only_consumer(graph: Graph, node: Node) -> Node | None:
    consumers = graph.consumers(node.name)
    return consumers[0] if len(consumers) == 1 else None
