"""Derivatives with respect to one input position, for all layers in one forward pass.

Beside every tensor runs its tangent: how it changes with the input in one direction. One pass
so gives the derivative of every neuron at every output position, where gradients from
the other end would take one pass a neuron and position.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from neuroninterp.backend import import_keras, value_and_gradient
from neuroninterp.errors import UnsupportedOperationError
from neuroninterp.graph import (
    Activation,
    Add,
    Affine,
    Concatenate,
    Constant,
    Convolution,
    Dense,
    Graph,
    Input,
    LayerNormalization,
    Maximum,
    Multiply,
    Node,
    Pad,
    Pool,
    Reverse,
    Take,
)
from neuroninterp.graph.evaluate import compute_padded, held

__all__ = ["tangents"]


def tangents(graph: Graph, inputs: Any, direction: Any, targets: Sequence[str]) -> dict[str, Any]:
    """Compute how nodes change with the input in one direction, at full length.

    Rounding steps (``quantize``) have no slope; they are passed as if they only clipped.

    Parameters
    ----------
    graph : Graph
        The canonical graph.
    inputs, direction : numpy.ndarray, shape=(N, L, channels)
        Where the derivative is taken, and along what; channels in the file's order, float32.
    targets : sequence of str
        Node names.

    Returns
    -------
    dict of str to numpy.ndarray
        Target to its directional derivative, shape (N, L', C).

    Raises
    ------
    UnsupportedOperationError
        If a target depends on an operation that has no local derivative.
    """
    ops = import_keras().ops
    needed = {node.name for target in targets for node in graph.ancestors(target)}
    nodes = [node for node in graph if node.name in needed]
    readers = Counter(name for node in nodes for name in node.inputs)
    values: dict[str, Any] = {}
    slopes: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for node in nodes:
        if isinstance(node, Input):
            values[node.name] = ops.convert_to_tensor(inputs, dtype="float32")
            slopes[node.name] = ops.convert_to_tensor(direction, dtype="float32")
        elif isinstance(node, Constant):
            positions = inputs.shape[1] if node.length is None else node.length
            values[node.name] = held(node, inputs, positions)
            slopes[node.name] = ops.zeros_like(values[node.name])
        else:
            read = [values[name] for name in node.inputs]
            slopes[node.name] = _tangent(node, read, [slopes[name] for name in node.inputs])
            values[node.name] = compute_padded(node, read)
        if node.name in targets:
            found[node.name] = ops.convert_to_numpy(slopes[node.name])
        # What nobody reads any more is let go: a deep network's tensors fill the memory.
        for name in {*node.inputs, node.name}:
            readers[name] -= node.inputs.count(name)
            if readers[name] <= 0:
                del values[name], slopes[name]
    return found


def _tangent(node: Node, read: Sequence[Any], slopes: Sequence[Any]) -> Any:
    """Push the tangents of what a node reads through it."""
    ops = import_keras().ops
    if isinstance(node, (Convolution, Dense)):
        return compute_padded(replace(node, bias=np.zeros_like(node.bias)), slopes)
    if isinstance(node, Affine):
        return compute_padded(replace(node, shift=np.zeros_like(node.shift)), slopes)
    if isinstance(node, Pad):
        return compute_padded(replace(node, value=0.0), slopes)
    if isinstance(node, Pool) and node.kind == "max":
        return _winning(node, read[0], slopes[0])
    if isinstance(node, (Pool, Add, Concatenate, Reverse, Take)):
        return compute_padded(node, slopes)
    if isinstance(node, Multiply):
        terms = []
        for index, slope in enumerate(slopes):
            terms.append(functools.reduce(ops.multiply, [*read[:index], slope, *read[index + 1 :]]))
        return functools.reduce(ops.add, terms)
    if isinstance(node, Maximum):
        value, slope = read[0], slopes[0]
        for other, its_slope in zip(read[1:], slopes[1:], strict=True):
            slope = ops.where(other > value, its_slope, slope)
            value = ops.maximum(value, other)
        return slope
    if isinstance(node, LayerNormalization):
        return _normalized(node, read[0], slopes[0])
    if isinstance(node, Activation):
        return _activated(node, read[0], slopes[0])
    raise UnsupportedOperationError(
        f"operation {type(node).__name__!r} at node {node.source!r} has no local derivative"
    )


def _winning(node: Pool, x: Any, slope: Any) -> Any:
    """Return the tangent of each window's largest entry."""
    ops = import_keras().ops
    widths = ((0, 0), node.padding, (0, 0))
    x = ops.pad(x, widths, constant_values=float(np.finfo(np.float32).min))
    slope = ops.pad(slope, widths)
    span = (node.size - 1) * node.dilation + 1
    reach = (x.shape[1] - span) // node.stride * node.stride + 1
    best = won = None
    for offset in range(0, span, node.dilation):
        here = x[:, offset : offset + reach : node.stride]
        its = slope[:, offset : offset + reach : node.stride]
        if best is None:
            best, won = here, its
        else:
            won = ops.where(here > best, its, won)
            best = ops.maximum(best, here)
    return won


def _activated(node: Activation, x: Any, slope: Any) -> Any:
    ops = import_keras().ops
    if node.function == "softmax":
        share = ops.softmax(x)
        return share * (slope - ops.sum(share * slope, axis=-1, keepdims=True))
    if node.function == "quantize":
        node = replace(node, function="clip")
    # Elementwise, so the gradient of the sum is each entry's own derivative.
    return slope * value_and_gradient(lambda at: compute_padded(node, [at]), x)[1]


def _normalized(node: LayerNormalization, x: Any, slope: Any) -> Any:
    ops = import_keras().ops
    if node.centred:
        x = x - ops.mean(x, axis=-1, keepdims=True)
        slope = slope - ops.mean(slope, axis=-1, keepdims=True)
    inverse = ops.rsqrt(ops.mean(ops.square(x), axis=-1, keepdims=True) + node.epsilon)
    along = ops.mean(x * slope, axis=-1, keepdims=True)
    return (slope - x * along * ops.square(inverse)) * inverse * node.scale
