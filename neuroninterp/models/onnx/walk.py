"""Walks through an ONNX model, its sub-graphs and local functions included."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

__all__ = [
    "all_nodes",
    "graphs",
    "names",
    "names_read",
    "nodes_inside",
    "sparse_tensors",
    "tensors",
]


def names_read(node: Any) -> list[str]:
    """Return the tensors a node reads, those its sub-graphs take from outside included."""
    names = [name for name in node.input if name]
    for graph in _subgraphs(node):
        inside = {value.name for value in graph.input}
        inside.update(tensor.name for tensor in graph.initializer)
        for inner in graph.node:
            names.extend(name for name in names_read(inner) if name not in inside)
            inside.update(inner.output)
        names.extend(value.name for value in graph.output if value.name not in inside)
    return names


def nodes_inside(nodes: Iterable[Any]) -> Iterator[Any]:
    """Yield nodes and those of their sub-graphs."""
    for node in nodes:
        yield node
        for graph in _subgraphs(node):
            yield from nodes_inside(graph.node)


def all_nodes(model: Any) -> Iterator[Any]:
    """Yield every node of a model."""
    yield from nodes_inside(model.graph.node)
    for function in model.functions:
        yield from nodes_inside(function.node)


def graphs(model: Any) -> Iterator[Any]:
    """Yield the graph of a model and every sub-graph."""
    yield model.graph
    for node in all_nodes(model):
        yield from _subgraphs(node)


def tensors(model: Any) -> Iterator[Any]:
    """Yield every stored tensor, wherever it is stored; of a sparse one its two parts."""
    for graph in graphs(model):
        yield from graph.initializer
    for node in all_nodes(model):
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
    for sparse in sparse_tensors(model):
        yield from (sparse.values, sparse.indices)


def sparse_tensors(model: Any) -> Iterator[Any]:
    """Yield every sparse tensor, wherever it is stored."""
    for graph in graphs(model):
        yield from graph.sparse_initializer
    for node in all_nodes(model):
        for attribute in node.attribute:
            if attribute.HasField("sparse_tensor"):
                yield attribute.sparse_tensor
            yield from attribute.sparse_tensors


def names(model: Any) -> Iterator[str | bytes]:
    """Yield every name in a model; protocol buffers give one that is not UTF-8 as bytes."""
    for graph in graphs(model):
        for values in (graph.input, graph.output, graph.value_info):
            for value in values:
                yield value.name
                yield from (d.dim_param for d in value.type.tensor_type.shape.dim)
    for function in model.functions:
        yield from (function.domain, function.name, *function.input, *function.output)
    for tensor in tensors(model):
        yield tensor.name
        yield from (text for entry in tensor.external_data for text in (entry.key, entry.value))
    for node in all_nodes(model):
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        yield from (attribute.name for attribute in node.attribute)


def _subgraphs(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs
