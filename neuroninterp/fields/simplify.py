"""Rewriting a graph into one that computes the same values with less work.

Two rules, exact on windows without padding: a per-channel affine operation folds into the
convolution before it, and a max pool moves before the bias and the monotone activation that
it follows, so that these touch only the winners.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neuroninterp.graph import Activation, Affine, Convolution, Graph, Node, Pool

__all__ = ["leaky", "simplify"]

_LEAK = 0.3

_MONOTONE = frozenset(
    {
        "clip",
        "elu",
        "exponential",
        "hard_sigmoid",
        "leaky_relu",
        "quantize",
        "relu",
        "selu",
        "sigmoid",
        "softplus",
        "softsign",
        "tanh",
        "thresholded_relu",
    }
)


def simplify(graph: Graph, target: str) -> Graph:
    """Return the graph that computes ``target``, simplified; names of results stay.

    Parameters
    ----------
    graph : Graph
        The canonical graph.
    target : str
        The only node whose value is wanted.
    """
    nodes = {node.name: node for node in graph.ancestors(target)}
    _fold_affine(nodes)
    _pool_first(nodes)
    return Graph(nodes=tuple(nodes.values()), outputs=(target,))


def leaky(graph: Graph) -> Graph:
    """Return the graph with rectifiers that let a part of what is negative pass."""
    nodes = tuple(
        replace(node, function="leaky_relu", alpha=_LEAK)
        if isinstance(node, Activation)
        and (node.function in ("relu", "thresholded_relu") or node.floor)
        else node
        for node in graph
    )
    return Graph(nodes=nodes, outputs=graph.outputs)


def _only_reader(nodes: dict[str, Node], name: str) -> Node | None:
    readers = [node for node in nodes.values() if name in node.inputs]
    return readers[0] if len(readers) == 1 else None


def _fold_affine(nodes: dict[str, Node]) -> None:
    for name in list(nodes):
        node = nodes.get(name)
        if not isinstance(node, Convolution):
            continue
        reader = _only_reader(nodes, name)
        while isinstance(reader, Affine):
            folded = replace(
                node,
                name=reader.name,
                kernel=(node.kernel * reader.scale).astype(np.float32),
                bias=(node.bias * reader.scale + reader.shift).astype(np.float32),
            )
            # In place of the affine node, so that the order stays topological.
            nodes[reader.name] = folded
            del nodes[node.name]
            node, reader = folded, _only_reader(nodes, folded.name)


def _pool_first(nodes: dict[str, Node]) -> None:
    for name in list(nodes):
        pool = nodes.get(name)
        if not isinstance(pool, Pool) or pool.kind != "max":
            continue
        activation = nodes[pool.inputs[0]]
        if not isinstance(activation, Activation) or activation.function not in _MONOTONE:
            continue
        # A negative slope on the left makes a function that is not monotone, and so does a
        # threshold there.
        if np.any(np.asarray(activation.alpha) < 0):
            continue
        source = nodes[activation.inputs[0]]
        alone = all(_only_reader(nodes, n.name) is not None for n in (activation, source))
        if alone and isinstance(source, Convolution):
            _rebuild(nodes, source, activation, pool)


def _rebuild(
    nodes: dict[str, Node], source: Convolution, activation: Activation, pool: Pool
) -> None:
    """Put convolution, pool, bias, activation in this order; the last takes the pool's name."""
    bare, pooled, shifted = (f"{pool.name}/{part}" for part in ("linear", "pooled", "shifted"))
    channels = source.kernel.shape[2]
    chain = (
        replace(source, name=bare, bias=np.zeros(channels, np.float32)),
        replace(pool, name=pooled, inputs=(bare,)),
        Affine(
            name=shifted,
            inputs=(pooled,),
            source=source.source,
            scale=np.ones(channels, np.float32),
            shift=source.bias,
        ),
        replace(activation, name=pool.name, inputs=(shifted,)),
    )
    rebuilt: dict[str, Node] = {}
    for name, node in nodes.items():
        if name == pool.name:
            rebuilt.update({link.name: link for link in chain})
        elif name not in (source.name, activation.name):
            rebuilt[name] = node
    nodes.clear()
    nodes.update(rebuilt)
