"""Which convolutions a graph has, and where each neuron's value is read."""

from __future__ import annotations

from dataclasses import dataclass

from neuroninterp.errors import ModelError, UnsupportedOperationError
from neuroninterp.graph.nodes import (
    Activation,
    Affine,
    Constant,
    Convolution,
    Flatten,
    GlobalPool,
    Graph,
    Input,
    Node,
    Opaque,
    Pad,
    Pool,
    Reverse,
)

__all__ = [
    "BlockedLayer",
    "LayerNodes",
    "blocked_layers",
    "convolutions_left_out",
    "find_layers",
]


@dataclass(frozen=True)
class LayerNodes:
    """The nodes of one layer.

    Parameters
    ----------
    number : int
        1, 2, … from the input along the graph, counting every convolution that sees the
        sequence.
    convolution : str
        Name of the convolution node.
    value : str
        Name of the node whose output is the neuron's value z: the convolution, or the last
        of the per-channel affine operations (batch norm, bias) that follow it before the
        first nonlinearity. A fork or a merge of branches ends the walk.
    activation : str or None
        The first nonlinearity after the value, looking through a pool and a crop; None where
        there is none before the next layer.
    pool : str or None
        Name of the pooling node (local or global) that follows before the next convolution,
        if one does.
    rectified : bool
        Whether the layer's nonlinearity is rectifier-like and reads the value itself or its
        maximum (which commutes with monotone functions), so that active means z > 0. Behind
        an average, or a batch norm that follows a pool, zero is no threshold of the value.
    """

    number: int
    convolution: str
    value: str
    activation: str | None
    pool: str | None
    rectified: bool = False


@dataclass(frozen=True)
class BlockedLayer:
    """A convolution that cannot be analysed.

    Parameters
    ----------
    number : int
        As for the other layers.
    name : str
        The name it has in the file.
    filters, kernel : int
        As in the file.
    reason : str
        One sentence that names what stands in the way.
    whole_sequence : bool
        Whether that is that it sees the whole sequence, so that it has no window to sample;
        otherwise something before it is not understood.
    """

    number: int
    name: str
    filters: int
    kernel: int
    reason: str
    whole_sequence: bool


def find_layers(graph: Graph) -> tuple[LayerNodes, ...]:
    """Find the convolutions that see the sequence through understood, local operations.

    Parameters
    ----------
    graph : Graph
        The canonical graph.

    Returns
    -------
    tuple of LayerNodes
        In topological order. The numbers of blocked convolutions are left out.

    Raises
    ------
    UnsupportedOperationError
        If something stands before every convolution.
    ModelError
        If the graph has no convolution at all.
    """
    numbered = _convolutions(graph)
    clear = _on_clear_path(graph)
    found = tuple(_layer(graph, n, node) for n, node in numbered if node.name in clear)
    if found:
        return found
    if numbered:
        reason = _blocked(graph, *numbered[0]).reason
        raise UnsupportedOperationError(f"{reason}; the model cannot be analysed")
    raise ModelError("the model has no convolution over a sequence input; nothing to analyse")


def blocked_layers(graph: Graph) -> tuple[BlockedLayer, ...]:
    """Say of each convolution behind an operation that is not local what blocks it.

    Returns
    -------
    tuple of BlockedLayer
        In topological order; empty where every convolution can be analysed.
    """
    clear = _on_clear_path(graph)
    return tuple(
        _blocked(graph, number, node)
        for number, node in _convolutions(graph)
        if node.name not in clear
    )


def convolutions_left_out(graph: Graph) -> list[str]:
    """Name the convolutions that are neither layers nor named by what blocks a layer.

    A transposed convolution, or one that an optimiser fused, is an operation that is not
    understood. Where no other convolution follows it, nothing else would tell of it.

    Returns
    -------
    list of str
        A sentence each, for the user.
    """
    explained = " ".join(layer.reason for layer in blocked_layers(graph))
    return [
        f"convolution {node.source!r} ({node.operation}) is left out"
        + (f": {node.reason}" if node.reason else ", because it is not understood")
        for node in graph
        if isinstance(node, Opaque)
        and "Conv" in node.operation
        and not node.operation.endswith(" activation")
        and f"at node {node.source!r}" not in explained
    ]


def _convolutions(graph: Graph) -> list[tuple[int, Convolution]]:
    """Return the convolutions that depend on the sequence, numbered from 1."""
    depends = {graph.input.name}
    found: list[Convolution] = []
    for node in graph:
        # What follows an unknown second source may depend on the sequence inside it.
        unknown = isinstance(node, Opaque) and not node.inputs
        if unknown or depends.intersection(node.inputs):
            depends.add(node.name)
            if isinstance(node, Convolution):
                found.append(node)
    return list(enumerate(found, start=1))


def _on_clear_path(graph: Graph) -> set[str]:
    """Return the nodes that depend on the input through understood, local operations alone."""
    clear: set[str] = set()
    for node in graph:
        if isinstance(node, (Opaque, GlobalPool, Flatten)):
            continue
        source = isinstance(node, (Input, Constant))
        if source or (node.inputs and all(i in clear for i in node.inputs)):
            clear.add(node.name)
    return clear


def _blocked(graph: Graph, number: int, convolution: Convolution) -> BlockedLayer:
    ancestors = graph.ancestors(convolution.name)
    blocking = [a for a in ancestors if isinstance(a, (Opaque, GlobalPool, Flatten))]
    unknown = [a for a in blocking if isinstance(a, Opaque) and not a.whole_sequence]
    node = unknown[0] if unknown else blocking[0]
    where = f"convolution {convolution.source!r}"
    kind = node.operation if isinstance(node, Opaque) else type(node).__name__
    why = f" ({node.reason})" if isinstance(node, Opaque) and node.reason else ""
    operation = f"operation {kind!r} at node {node.source!r}{why}"
    if unknown:
        reason = f"{operation} stands before {where} and is not understood"
    else:
        reason = f"{where} sees the whole sequence, through {operation}: it has no window to sample"
    return BlockedLayer(
        number=number,
        name=convolution.source,
        filters=int(convolution.kernel.shape[2]),
        kernel=int(convolution.kernel.shape[0]),
        reason=reason,
        whole_sequence=not unknown,
    )


def _layer(graph: Graph, number: int, convolution: Convolution) -> LayerNodes:
    value: Node = convolution
    following = _only_consumer(graph, value)
    while isinstance(following, Affine):
        value = following
        following = _only_consumer(graph, value)
    activation: Activation | None = None
    pool: str | None = None
    rectified = False
    zero_kept = True
    while following is not None:
        if isinstance(following, Activation) and activation is None:
            activation = following
            rectified = following.rectified and zero_kept
        elif isinstance(following, (Pool, GlobalPool)) and pool is None:
            pool = following.name
            zero_kept = zero_kept and following.kind == "max"
        elif isinstance(following, Affine):
            zero_kept = False
        elif not isinstance(following, (Pad, Reverse)):
            break
        following = _only_consumer(graph, following)
    return LayerNodes(
        number=number,
        convolution=convolution.name,
        value=value.name,
        activation=activation.function if activation else None,
        pool=pool,
        rectified=rectified,
    )


def _only_consumer(graph: Graph, node: Node) -> Node | None:
    consumers = graph.consumers(node.name)
    return consumers[0] if len(consumers) == 1 else None
