"""The canonical graph of a network: nodes, layers, and its execution."""

from neuroninterp.graph.layers import LayerNodes, blocked_convolutions, find_layers
from neuroninterp.graph.nodes import (
    RECTIFIERS,
    Activation,
    Add,
    Affine,
    Concatenate,
    Convolution,
    Dense,
    Flatten,
    Graph,
    Input,
    Node,
    Opaque,
    Pool,
)

__all__ = [
    "RECTIFIERS",
    "Activation",
    "Add",
    "Affine",
    "Concatenate",
    "Convolution",
    "Dense",
    "Flatten",
    "Graph",
    "Input",
    "LayerNodes",
    "Node",
    "Opaque",
    "Pool",
    "blocked_convolutions",
    "find_layers",
]
