"""A neuron's value as a sum: what each position of its kernel adds.

Each position of a layer's kernel reads the layer below at one place, which sees only a part
of the window. So the value is a sum of functions of short stretches, and where these are
short enough to list, the values of all windows are sums of table entries: no window but the
short ones ever runs through the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from neuroninterp.fields.forward import Forward, width
from neuroninterp.fields.receptive_field import input_interval, required_intervals
from neuroninterp.graph import Convolution
from neuroninterp.sequences.coding import numbered_windows

__all__ = ["Summands", "find_summands"]

_MOST_ENTRIES = 24_000_000
"""Largest table of what the layer below says of all short stretches (about 100 MB)."""

_CHUNK = 65_536


@dataclass(frozen=True, eq=False)
class Summands:
    """z of every neuron of a layer, as a sum over the positions of its kernel.

    Parameters
    ----------
    field : int
        Receptive field of the layer, bp.
    starts : tuple of int
        Where in the window (bp from its start, ascending) each position begins to read.
    width : int
        How much each position reads, bp.
    features : numpy.ndarray, shape=(4^width, channels)
        What the layer below says of every stretch, in lexicographic order. float32.
    kernel : numpy.ndarray, shape=(len(starts), channels, neurons)
        Weights, in the order of ``starts``. float32.
    bias : numpy.ndarray, shape=(neurons,)
        float32.
    """

    field: int
    starts: tuple[int, ...]
    width: int
    features: np.ndarray
    kernel: np.ndarray
    bias: np.ndarray

    def values(self, windows: np.ndarray) -> np.ndarray:
        """Return z of every neuron on windows (N, field) of codes 0 to 3: (N, neurons)."""
        places = 4 ** np.arange(self.width - 1, -1, -1)
        z = np.tile(self.bias, (len(windows), 1))
        for start, weights in zip(self.starts, self.kernel, strict=True):
            stretches = windows[:, start : start + self.width] @ places
            z += self.features[stretches] @ weights
        return z

    def chunks(self, neuron: int) -> Iterator[np.ndarray]:
        """Yield z of one neuron on all 4^field windows, in lexicographic order.

        Returns
        -------
        iterator of numpy.ndarray
            Consecutive values, float32; each as many as there are windows with some first
            bases in common.
        """
        tables = self.kernel[:, :, neuron] @ self.features.T
        later = tables[-1] + self.bias[neuron]
        if len(tables) == 1:
            yield from np.split(later, range(_CHUNK, len(later), _CHUNK))
            return
        steps = np.diff(self.starts)
        # Backward: the sums over all windows that begin where a position begins to read, four
        # times as many with every base further to the left.
        for table, step in zip(tables[-2:0:-1], steps[:0:-1], strict=True):
            later = np.concatenate([sums.ravel() for sums in _sums(table, step, later)])
        for sums in _sums(tables[0], steps[0], later):
            yield sums.ravel()


def _sums(table: np.ndarray, step: int, later: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the sums of a table of the first bases and one of all from base ``step`` on."""
    # Bases that neither reads stand between the two.
    table = np.repeat(table, max(4**step // len(table), 1))
    heads = table.reshape(4**step, -1, 1)
    tails = later.reshape(heads.shape[1], -1)
    many = max(_CHUNK // tails.size, 1)
    rows = max(_CHUNK // tails.shape[1], 1)
    for first in range(0, len(heads), many):
        for begin in range(0, len(tails), rows):
            yield heads[first : first + many, begin : begin + rows] + tails[begin : begin + rows]


def find_summands(
    forward: Forward, features: Callable[[Forward, np.ndarray], np.ndarray]
) -> Summands | None:
    """Take a layer apart into what each position of its kernel adds.

    Parameters
    ----------
    forward : Forward
        Computes the layer's value.
    features : callable
        Runs another computation of the same graph on windows of its own field (N, width):
        (N, channels).

    Returns
    -------
    Summands or None
        None where the value is not simply a convolution, or reads stretches of which there
        are too many.
    """
    graph, node = forward.graph, forward.graph[forward.target]
    if not isinstance(node, Convolution) or node.groups != 1:
        return None
    below = Forward(graph, node.inputs[0])
    reads = width(below.intervals[graph.input.name])
    if 4**reads * node.kernel.shape[1] > _MOST_ENTRIES:
        return None
    first, last = input_interval(node, (0, 0))
    begins = [
        required_intervals(graph, node.inputs[0], position)[graph.input.name][0]
        for position in range(first, last + 1, node.dilation)
    ]
    # Below a reversal later positions read earlier bases.
    order = np.argsort(begins, kind="stable")
    return Summands(
        field=width(forward.intervals[graph.input.name]),
        starts=tuple(begins[k] - min(begins) for k in order),
        width=reads,
        features=features(below, numbered_windows(np.arange(4**reads), reads)),
        kernel=node.kernel[order],
        bias=node.bias,
    )
