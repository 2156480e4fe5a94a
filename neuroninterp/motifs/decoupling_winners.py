"""Which entries win: how every window is read below a neuron.

A gradient passes a max pool only at the winning position. What an entry before the first
pool on the way from the input contributes to the neuron's value is therefore nonzero only
where it wins in every pool above it: one backward pass tells the winning offset in all pools
at once. An average pool has no winner; its entries contribute by what they hold.
"""

from __future__ import annotations

import numpy as np

from neuroninterp.fields import Trunk
from neuroninterp.graph import Pool
from neuroninterp.models import Model
from neuroninterp.sampling import ActivationSample

__all__ = ["NO_WINNER", "reading_nodes", "representatives", "signatures", "winning_offsets"]

NO_WINNER = -1
"""Offset where a pool averages, or where nothing of what it reads contributes."""

_MOST_WINDOWS = 1_500
_FEWEST_WINDOWS = 300
_MULTIPLICATIONS = 3.6e10
"""Spent on windows whose gradient is taken: 1,000 of a trunk of 36 million."""
_ENTRIES = 512


def reading_nodes(model: Model, layer: int) -> tuple[str, ...]:
    """Return the nodes at whose inputs windows are told apart.

    The pools that no other pool lies below; without pools, the layer's own convolution; none
    for a layer that reads the sequence itself, which has nothing to tell apart.
    """
    pools = model.trunk(layer).pools
    first = tuple(
        name
        for name in pools
        if not any(node.name in pools for node in model.graph.ancestors(name)[:-1])
    )
    if first:
        return first
    convolution = model.layer_nodes(layer).convolution
    below = model.graph.ancestors(model.graph[convolution].inputs[0])
    return (convolution,) if len(below) > 1 else ()


def representatives(trunk: Trunk, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Choose the windows whose gradients are taken, evenly over the sorted values.

    Returns
    -------
    numpy.ndarray of int
        Indices into ``values``: all, or as many as the trunk's cost allows.
    """
    order = np.argsort(values, kind="stable")
    affordable = int(_MULTIPLICATIONS / max(trunk.multiplications, 1))
    count = min(max(affordable, _FEWEST_WINDOWS), _MOST_WINDOWS)
    if len(order) <= count:
        return order
    strata = (np.arange(count) + rng.random(count)) * (len(order) / count)
    return order[strata.astype(np.int64)]


def signatures(
    model: Model, sample: ActivationSample, nodes: tuple[str, ...], rows: np.ndarray
) -> np.ndarray:
    """Return what the entries before the first pools contribute to each window's value.

    Parameters
    ----------
    model : Model
        The network.
    sample : ActivationSample
        A neuron's sample.
    nodes : tuple of str
        From :func:`reading_nodes`.
    rows : numpy.ndarray of int, shape=(n,)
        Windows of the sample.

    Returns
    -------
    numpy.ndarray, shape=(n, entries)
        Positive contributions of the entries that carry most, each row of length 1 (zeros
        where nothing contributes). float32.
    """
    trunk = model.trunk(sample.layer)
    owners = np.full(len(rows), sample.neuron)
    gathered = []
    for node in nodes:
        held = trunk.contributions(sample.windows[rows], owners, node).reshape(len(rows), -1)
        np.maximum(held, 0.0, out=held)
        carried = sample.weights[rows] @ held
        gathered.append(held[:, np.argsort(-carried, kind="stable")[:_ENTRIES]])
    joined = np.concatenate(gathered, axis=1)
    return joined / np.maximum(np.linalg.norm(joined, axis=1, keepdims=True), 1e-12)


def winning_offsets(model: Model, layer: int, neuron: int, windows: np.ndarray) -> np.ndarray:
    """Return the winning offset of the entry that contributes most, in every pool.

    Parameters
    ----------
    model : Model
        The network.
    layer, neuron : int
        Whose value.
    windows : numpy.ndarray, shape=(n, receptive field)
        Codes 0 to 3, uint8.

    Returns
    -------
    numpy.ndarray of int, shape=(n, pools)
        Positions from the pool window's left end, pools in the order of ``trunk.pools``;
        :data:`NO_WINNER` where there is none.
    """
    trunk = model.trunk(layer)
    offsets = np.full((len(windows), len(trunk.pools)), NO_WINNER)
    for column, name in enumerate(trunk.pools):
        pool = model.graph[name]
        if not isinstance(pool, Pool) or pool.kind != "max":
            continue
        held = trunk.contributions(windows, np.full(len(windows), neuron), name)
        strongest = held.max(axis=2)
        position = strongest.argmax(axis=1)
        last = (held.shape[1] - (pool.size - 1) * pool.dilation - 1) // pool.stride
        begins = np.minimum(position // pool.stride, last) * pool.stride
        offset = (position - begins) // pool.dilation
        offsets[:, column] = np.where(strongest.max(axis=1) > 0, offset, NO_WINNER)
    return offsets
