"""DeepLIFT's rules: multipliers of what a node reads from those of what it writes.

The multiplier of an entry is what the explained number changes by, per unit of the entry's
difference from its reference. Linear operations pass multipliers on as they do gradients.
For the others (Shrikumar, Greenside & Kundaje 2017, section 3.5.1, the *rescale* rule, and its
usual extensions), every rule here keeps the sum of multiplier times difference exactly:

- Activations: difference of the result over difference of what is read; where the latter is
  next to nothing, the slope midway.
- Maxima (pools, elementwise): the difference of the maxima goes to one entry: where the
  maximum rises, to the winner of the sequence, where it falls, to the winner of the
  reference. SHAP's DeepExplainer, Captum and tangermeme do the same.
- Products: each factor's difference times the mean of the other factor over sequence and
  reference.
- Softmax and layer normalisation: broken up into sums, products and functions of one variable.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neuroninterp.backend import import_keras, value_and_gradient
from neuroninterp.errors import UnsupportedOperationError
from neuroninterp.graph import (
    Activation,
    Add,
    Affine,
    Concatenate,
    Convolution,
    Dense,
    Flatten,
    GlobalPool,
    LayerNormalization,
    Maximum,
    Multiply,
    Node,
    Opaque,
    Pad,
    Pool,
    Reverse,
    Take,
)
from neuroninterp.graph.evaluate import compute_padded

__all__ = ["Pair", "pull_back"]

_TINY = 1e-5
"""Difference below which the slope midway stands for the ratio of differences."""

_LINEAR = (Affine, Convolution, Dense, Flatten, Pad, Reverse, Take)


@dataclass(frozen=True, eq=False)
class Pair:
    """A tensor of the sequences beside that of their references, row by row."""

    ours: Any
    reference: Any

    @property
    def difference(self) -> Any:
        """What the sequence has more than the reference."""
        return self.ours - self.reference

    @property
    def mean(self) -> Any:
        """Midway between the two."""
        return (self.ours + self.reference) / 2


def pull_back(node: Node, read: Sequence[Pair], written: Pair, multipliers: Any) -> list[Any]:
    """Return the multipliers of every tensor that a node reads.

    Parameters
    ----------
    node : Node
        Any understood node but Input and Constant.
    read : sequence of Pair
        What it reads, one pair an input.
    written : Pair
        What it writes.
    multipliers : tensor
        Of what it writes, same shape.

    Returns
    -------
    list of tensors
        Of what it reads, one an input.

    Raises
    ------
    UnsupportedOperationError
        If the operation is not understood.
    """
    ops = import_keras().ops
    first = read[0]
    if isinstance(node, (Pool, GlobalPool)) and node.kind == "max":
        return [_through_windows(node, first, written, multipliers)]
    if isinstance(node, (*_LINEAR, Pool, GlobalPool)):
        return [_transposed(node, first.reference, multipliers)]
    if isinstance(node, Activation):
        if node.function == "softmax":
            return [_through_softmax(first, multipliers)]
        return [multipliers * _secant(node, first, written)]
    if isinstance(node, Add):
        return [multipliers] * len(read)
    if isinstance(node, Concatenate):
        ends = np.cumsum([pair.reference.shape[-1] for pair in read])[:-1]
        return list(ops.split(multipliers, [int(end) for end in ends], axis=-1))
    if isinstance(node, Multiply):
        return _through_product(read, multipliers)
    if isinstance(node, Maximum):
        stacked = Pair(*(ops.stack(list(side), axis=2) for side in _sides(read)))
        chosen = _route(stacked, written, multipliers)
        return [chosen[:, :, index] for index in range(len(read))]
    if isinstance(node, LayerNormalization):
        return [_through_normalization(node, first, multipliers)]
    operation = node.operation if isinstance(node, Opaque) else type(node).__name__
    raise UnsupportedOperationError(
        f"operation {operation!r} at node {node.source!r} has no DeepLIFT rule; "
        "--method ism (method='ism') explains any model"
    )


def _sides(read: Sequence[Pair]) -> tuple[list[Any], list[Any]]:
    return [pair.ours for pair in read], [pair.reference for pair in read]


def _transposed(node: Node, like: Any, multipliers: Any) -> Any:
    """Apply a linear operation backwards: the gradient of its product with the multipliers."""
    return value_and_gradient(lambda at: compute_padded(node, [at]) * multipliers, like)[1]


def _ratio(result: Any, read: Any, otherwise: Any) -> Any:
    """Return ``result / read``, or ``otherwise`` where ``read`` is next to nothing."""
    ops = import_keras().ops
    small = ops.abs(read) < _TINY
    return ops.where(small, otherwise, result / ops.where(small, 1.0, read))


def _secant(node: Activation, read: Pair, written: Pair) -> Any:
    # Rounding steps have no slope of their own: that of what they round.
    smooth = replace(node, function="clip") if node.function == "quantize" else node
    _, slope = value_and_gradient(lambda at: compute_padded(smooth, [at]), read.mean)
    return _ratio(written.difference, read.difference, slope)


def _through_windows(node: Pool | GlobalPool, read: Pair, written: Pair, multipliers: Any) -> Any:
    split = functools.partial(_windows, node)
    chosen = _route(Pair(split(read.ours), split(read.reference)), written, multipliers)
    return value_and_gradient(lambda at: split(at) * chosen, read.reference)[1]


def _windows(node: Pool | GlobalPool, x: Any) -> Any:
    """Return the windows of a pool, (N, windows, size, C), padded with the lowest number."""
    ops = import_keras().ops
    if isinstance(node, GlobalPool):
        return ops.expand_dims(x, 1)
    if any(node.padding):
        lowest = float(np.finfo(np.float32).min)
        x = ops.pad(x, ((0, 0), node.padding, (0, 0)), constant_values=lowest)
    reach = (node.size - 1) * node.dilation + 1
    count = (x.shape[1] - reach) // node.stride + 1
    if node.stride == node.size == reach:
        return ops.reshape(x[:, : count * reach], (-1, count, node.size, x.shape[2]))
    entries = np.arange(count)[:, None] * node.stride + np.arange(node.size) * node.dilation
    return ops.take(x, entries.astype(np.int32), axis=1)


def _route(windows: Pair, written: Pair, multipliers: Any) -> Any:
    """Return the multipliers of each window's entries, (N, windows, size, C)."""
    ops = import_keras().ops
    risen = written.ours > written.reference
    winner = ops.where(
        risen, ops.argmax(windows.ours, axis=2), ops.argmax(windows.reference, axis=2)
    )
    entries = np.arange(windows.reference.shape[2])[None, None, :, None]
    won = ops.cast(ops.expand_dims(winner, 2) == entries, "float32")
    read = ops.sum(ops.where(won > 0, windows.difference, 0.0), axis=2)
    return won * ops.expand_dims(multipliers * _ratio(written.difference, read, 1.0), 2)


def _through_product(read: Sequence[Pair], multipliers: Any) -> list[Any]:
    """Multiply from the left to the right, and go back from the right to the left."""
    products = [read[0]]
    for pair in read[1:-1]:
        before = products[-1]
        products.append(Pair(before.ours * pair.ours, before.reference * pair.reference))
    found: list[Any] = []
    for before, pair in zip(reversed(products), reversed(read[1:]), strict=True):
        found.insert(0, _of_factor(pair.reference, before.mean, multipliers))
        multipliers = _of_factor(before.reference, pair.mean, multipliers)
    return [multipliers, *found]


def _of_factor(factor: Any, other: Any, multipliers: Any) -> Any:
    """Return a factor's multipliers; where it is spread along an axis, summed along it."""
    return value_and_gradient(lambda at: at * other * multipliers, factor)[1]


def _through_softmax(read: Pair, multipliers: Any) -> Any:
    ops = import_keras().ops
    # Softmax does not see what is added to all channels; so no power overflows.
    top = ops.maximum(*(ops.max(side, -1, keepdims=True) for side in (read.ours, read.reference)))
    powers = Pair(ops.exp(read.ours - top), ops.exp(read.reference - top))
    totals = Pair(*(ops.sum(side, -1, keepdims=True) for side in (powers.ours, powers.reference)))
    inverse = Pair(1 / totals.ours, 1 / totals.reference)
    of_inverse = ops.sum(multipliers * powers.mean, axis=-1, keepdims=True)
    slope = _ratio(inverse.difference, totals.difference, -ops.square(inverse.mean))
    of_powers = multipliers * inverse.mean + of_inverse * slope
    return of_powers * _ratio(powers.difference, read.difference, powers.mean)


def _through_normalization(node: LayerNormalization, read: Pair, multipliers: Any) -> Any:
    ops = import_keras().ops

    def mean(x: Any) -> Any:
        return ops.mean(x, axis=-1, keepdims=True)

    centred = read
    if node.centred:
        centred = Pair(read.ours - mean(read.ours), read.reference - mean(read.reference))
    variance = Pair(mean(ops.square(centred.ours)), mean(ops.square(centred.reference)))
    inverse = Pair(
        ops.rsqrt(variance.ours + node.epsilon), ops.rsqrt(variance.reference + node.epsilon)
    )
    scaled = multipliers * node.scale
    of_inverse = ops.sum(scaled * centred.mean, axis=-1, keepdims=True)
    midway = -0.5 * ops.power(variance.mean + node.epsilon, -1.5)
    of_variance = of_inverse * _ratio(inverse.difference, variance.difference, midway)
    # A square is a product with itself: both factors have the same multiplier.
    share = 2 / centred.reference.shape[-1]
    of_centred = scaled * inverse.mean + of_variance * centred.mean * share
    return of_centred - mean(of_centred) if node.centred else of_centred
