"""The trunk: what computes a layer's neurons on one window of receptive-field length.

Walk forward computing each node on exactly the interval that the backward walk asked for
(:func:`neuroninterp.fields.receptive_field.required_intervals`): no padding inside, so a
window's value equals the full model's at any interior position.
"""

from __future__ import annotations

import time
from functools import cached_property
from typing import Any

import numpy as np

from neuroninterp.backend import compiled, import_keras, recompiles_per_shape, value_and_gradient
from neuroninterp.errors import DataError
from neuroninterp.fields.forward import Forward, width
from neuroninterp.fields.simplify import leaky, simplify
from neuroninterp.fields.summands import Summands, find_summands
from neuroninterp.graph import Affine, Convolution, Graph, Input, LayerNodes, Pad, Pool
from neuroninterp.graph.evaluate import BASES, encode

__all__ = ["BASES", "Trunk"]

_SMALLEST_BATCH = 256
_LARGEST_BATCH = 8192
_BATCH_BYTES = 96_000_000
"""Memory of a batch's largest tensor, unless fewer than the smallest batch fit."""

_FEWER = 4
"""By how much batches are smaller where gradients are taken."""

_PROBES = 256
_ROUNDING = 1e-4
"""Largest difference, relative to the largest value, of a sum in another order."""


class Trunk:
    """Values of all neurons of one layer on windows of receptive-field length.

    Parameters
    ----------
    graph : Graph
        The canonical graph.
    layer : LayerNodes
        The layer.
    table : numpy.ndarray, shape=(5, channels)
        What the input's channels hold for A, C, G, T, N.
    batch_bytes : int or None
        Memory that the largest tensor of one batch may take, however few windows that leaves;
        None for about 100 MB, or 256 windows where these take more.

    Attributes
    ----------
    receptive_field : int
        Window length, bp.
    neurons : int
        Number of neurons K of the layer.
    pools : tuple of str
        Names of the pooling nodes below the layer that hide more than one position,
        nearest first.
    linear : bool
        Whether z is a sum of one number a position.
    multiplications : int
        What one window costs in convolutions.
    evaluations : int
        Windows evaluated so far, whatever was asked of them.
    seconds : float
        Wall-clock time spent so far inside the compiled network, transfers included.
    """

    def __init__(
        self,
        graph: Graph,
        layer: LayerNodes,
        table: np.ndarray = BASES,
        *,
        batch_bytes: int | None = None,
    ) -> None:
        convolution = graph[layer.convolution]
        if not isinstance(convolution, Convolution):
            raise TypeError(f"{layer.convolution!r} is not a convolution")
        self._graph = graph
        self._exact = Forward(graph, layer.value)
        self._fast = Forward(simplify(graph, layer.value), layer.value)
        self.receptive_field = width(self._exact.intervals[graph.input.name])
        self.neurons = int(convolution.kernel.shape[2])
        self.pools = tuple(
            node.name
            for node in reversed(self._exact.nodes)
            if isinstance(node, Pool) and node.size > 1
        )
        self._table = table
        self._compiled: dict[tuple[str, ...], Any] = {}
        self.batch_size = _batch_size(self._exact.largest_tensor(), batch_bytes)
        self.linear = all(
            isinstance(node, (Input, Convolution, Affine, Pad)) for node in self._exact.nodes
        )
        self.multiplications = self._exact.multiplications()
        self.evaluations = 0
        self.seconds = 0.0

    def values(self, windows: np.ndarray) -> np.ndarray:
        """Return z of every neuron on every window.

        Parameters
        ----------
        windows : numpy.ndarray, shape=(N, receptive_field)
            Codes 0 to 3 for A, C, G, T; 4 for N. uint8.

        Returns
        -------
        numpy.ndarray, shape=(N, neurons)
            float32.
        """
        return self._run(windows, ("value",))[:, 0]

    def values_of(self, windows: np.ndarray, neurons: np.ndarray) -> np.ndarray:
        """Return z of one neuron a window: neuron ``neurons[i]`` on ``windows[i]``, shape (N,)."""
        return self._run(windows, ("gather",), np.asarray(neurons, np.int32))

    def guides_of(self, windows: np.ndarray, neurons: np.ndarray) -> np.ndarray:
        """Return what z would be if no rectifier below the layer cut anything off entirely.

        Where z is the same for nearly all windows, because everything below is silent, this
        says which of them come closest to waking something.

        Parameters
        ----------
        windows : numpy.ndarray, shape=(N, receptive_field)
            Codes, uint8.
        neurons : numpy.ndarray, shape=(N,)
            The neuron of each window.

        Returns
        -------
        numpy.ndarray, shape=(N,)
            float32; only its order means something.
        """
        return self._run(windows, ("guide",), np.asarray(neurons, np.int32))

    def slopes(self, windows: np.ndarray, neurons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return z and its gradient with respect to the bases.

        Parameters
        ----------
        windows : numpy.ndarray, shape=(N, receptive_field)
            Codes 0 to 3, uint8.
        neurons : numpy.ndarray, shape=(N,)
            The neuron of each window.

        Returns
        -------
        values : numpy.ndarray, shape=(N,)
            z, float32.
        gradients : numpy.ndarray, shape=(N, receptive_field, 4)
            Derivative of z by the share of each base at each position: the difference of two
            bases is, to first order, what the substitution changes.
        """
        found = self._run(windows, ("slope",), np.asarray(neurons, np.int32))
        length = self.receptive_field
        return found[:, 0], found[:, 1:].reshape(len(found), length, 4)

    @cached_property
    def summands(self) -> Summands | None:
        """What each position of the layer's kernel adds to z; None where that is too much.

        Kept for the life of the trunk, about 100 MB at most.
        """
        found = find_summands(self._fast, self._features)
        if found is None:
            return None
        probes = np.random.default_rng(0).integers(0, 4, (_PROBES, self.receptive_field), np.uint8)
        values = self.values(probes)
        close = np.abs(found.values(probes) - values).max() <= _ROUNDING * np.abs(values).max()
        return found if close else None

    def pool_inputs(self, windows: np.ndarray, pool: str) -> np.ndarray:
        """Return what a pool below the layer reads on every window.

        Parameters
        ----------
        windows : numpy.ndarray, shape=(N, receptive_field)
            Codes, uint8.
        pool : str
            One of :attr:`pools`.

        Returns
        -------
        numpy.ndarray, shape=(N, positions, channels)
            The pool's input before pooling, float32.
        """
        return self._run(windows, ("tensor", self._graph[pool].inputs[0]))

    def contributions(self, windows: np.ndarray, neurons: np.ndarray, pool: str) -> np.ndarray:
        """Return how much each entry that a pool reads contributes to the neuron's value.

        The entry times the gradient of z with respect to it: the gradient passes a max pool
        only at the winning position, so the winning offsets are known and not guessed.

        Parameters
        ----------
        windows : numpy.ndarray, shape=(N, receptive_field)
            Codes, uint8.
        neurons : numpy.ndarray, shape=(N,)
            The neuron of each window.
        pool : str
            One of :attr:`pools`.

        Returns
        -------
        numpy.ndarray, shape=(N, positions, channels)
            float32.
        """
        key = ("contribution", self._graph[pool].inputs[0])
        return self._run(windows, key, np.asarray(neurons, np.int32))

    def _run(self, windows: np.ndarray, key: tuple[str, ...], *extra: np.ndarray) -> np.ndarray:
        if windows.ndim != 2 or windows.shape[1] != self.receptive_field:
            raise DataError(
                f"windows must have shape (N, {self.receptive_field}), found {windows.shape}"
            )
        if key not in self._compiled:
            self._compiled[key] = compiled(self._function(key))
        # A gradient holds every tensor on the way, and not one or two at a time.
        rows = self.batch_size // _FEWER if key[0] in ("slope", "contribution") else self.batch_size
        return self._batched(self._compiled[key], rows, windows, *extra)

    def _features(self, below: Forward, windows: np.ndarray) -> np.ndarray:
        """Return what the last convolution reads at one position, (N, channels)."""
        function = compiled(lambda codes: below(encode(codes, self._table))[:, 0])
        return self._batched(function, self.batch_size, windows)

    def _batched(self, function: Any, rows: int, *arrays: np.ndarray) -> np.ndarray:
        count = len(arrays[0])
        self.evaluations += count
        to_numpy = import_keras().ops.convert_to_numpy
        begun = time.perf_counter()
        found = np.empty(0)
        # An empty call still tells the shape of the answer.
        for begin in range(0, max(count, 1), rows):
            batch = [a[begin : begin + rows] for a in arrays]
            size = len(batch[0])
            padded = [_pad_rows(a, self._padded_size(max(size, 1), rows)) for a in batch]
            piece = to_numpy(function(*padded))[:size]
            if begin == 0:
                # Filled in place: pieces beside the whole would take its memory twice.
                found = np.empty((count, *piece.shape[1:]), piece.dtype)
            found[begin : begin + size] = piece
        self.seconds += time.perf_counter() - begun
        return found

    def _function(self, key: tuple[str, ...]) -> Any:
        ops = import_keras().ops
        # Built when first asked for: few neurons need a guide.
        led = Forward(leaky(self._fast.graph), self._fast.target) if key[0] == "guide" else None

        def function(codes: Any, neurons: Any = None) -> Any:
            encoded = encode(codes, self._table)
            if led is not None:
                return led.of_neurons(encoded, neurons)
            if key[0] == "tensor":
                return self._exact(encoded, key[1])
            if key[0] == "contribution":
                tensor = self._exact(encoded, key[1])
                _, slope = value_and_gradient(
                    lambda at: self._exact.of_neurons(encoded, neurons, {key[1]: at}), tensor
                )
                return tensor * slope
            if key[0] == "slope":
                value, slope = value_and_gradient(
                    lambda at: self._fast.of_neurons(at, neurons), encoded
                )
                by_base = ops.matmul(slope, ops.transpose(self._table[:4].astype("float32")))
                flat = ops.reshape(by_base, (-1, 4 * self.receptive_field))
                return ops.concatenate([ops.expand_dims(value, 1), flat], axis=1)
            if key[0] == "gather":
                return self._fast.of_neurons(encoded, neurons)
            return self._fast(encoded)

        return function

    def _padded_size(self, rows: int, most: int) -> int:
        """Return the batch size to fill up to: few different ones where each is compiled."""
        if not recompiles_per_shape():
            return rows
        size = _SMALLEST_BATCH
        while size < rows:
            size *= 2
        return min(size, most)


def _batch_size(elements: int, most_bytes: int | None) -> int:
    """Return how many windows to compute at once, of so many float32 at most each."""
    rows = max((most_bytes or _BATCH_BYTES) // (4 * elements), _FEWER)
    # A power of two, so that few shapes are traced.
    least = _SMALLEST_BATCH if most_bytes is None else _FEWER
    return int(np.clip(2 ** int(np.log2(rows)), least, _LARGEST_BATCH))


def _pad_rows(array: np.ndarray, rows: int) -> np.ndarray:
    if len(array) == rows:
        return array
    padded = np.zeros((rows, *array.shape[1:]), array.dtype)
    padded[: len(array)] = array
    return padded
