"""The values of a layer at every position of sequences, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np

from neuroninterp.backend import compiled, import_keras
from neuroninterp.errors import DataError
from neuroninterp.fields import Layer
from neuroninterp.graph import Constant, Graph, LayerNodes, Reverse
from neuroninterp.graph.evaluate import encode, evaluate
from neuroninterp.models.layout import InputLayout

__all__ = ["LayerScan", "ScannedModel", "layer_scan"]

_BASES_AT_ONCE = 2**15
_SEQUENCES_AT_ONCE = 128


class ScannedModel(Protocol):
    """What of a :class:`neuroninterp.models.Model` a scan needs; its own runtime it does not."""

    @property
    def graph(self) -> Graph:
        """The canonical graph."""

    @property
    def layout(self) -> InputLayout:
        """How the file arranges its input."""

    @property
    def reference_length(self) -> int:
        """Length (bp) at which the model is looked at."""

    def layer(self, number: int) -> Layer:
        """Return a layer by its number."""

    def layer_nodes(self, number: int) -> LayerNodes:
        """Return the graph nodes of a layer by its number."""


class LayerScan:
    """Values of a layer at every position whose window lies inside the sequence.

    Parameters
    ----------
    model : ScannedModel
        The network.
    layer : int
        Layer number.
    length : int
        Of the sequences, bp.

    Attributes
    ----------
    field : int
        The layer's receptive field, bp.
    starts : numpy.ndarray, shape=(P,)
        Where the window of each position begins, bp; rising or falling.

    Raises
    ------
    DataError
        If no window of the layer's field fits into the sequences.
    """

    def __init__(self, model: ScannedModel, layer: int, length: int) -> None:
        geometry = model.layer(layer)
        self.field = geometry.receptive_field
        if length != model.reference_length and _holds_for_one_length(model, layer):
            raise DataError(
                f"layer {layer} is read at {model.reference_length} bp and the sequences have "
                f"{length}; give --length {length}"
            )
        ends = length - self.field - geometry.start
        if geometry.direction > 0:
            first, last = max(0, -(geometry.start // geometry.jump)), ends // geometry.jump
        else:
            first, last = max(0, -(ends // geometry.jump)), geometry.start // geometry.jump
        if last < first:
            raise DataError(
                f"layer {layer} sees {self.field} bp; no such window fits into sequences of "
                f"{length} bp without padding"
            )
        step = geometry.jump * geometry.direction
        self.starts = geometry.start + step * np.arange(first, last + 1)
        # Small batches stay in the processor's cache between the convolution and what follows.
        self._at_once = max(1, min(_SEQUENCES_AT_ONCE, _BASES_AT_ONCE // length))
        keras = import_keras()
        self._to_numpy = keras.ops.convert_to_numpy
        graph, table = model.graph, model.layout.table
        target, positions = model.layer_nodes(layer).value, slice(first, last + 1)

        def values(batch: Any) -> Any:
            return evaluate(graph, encode(batch, table), [target])[0][:, positions]

        self._values = compiled(values)
        self._largest = compiled(lambda batch: keras.ops.max(values(batch), axis=1))

    def values(self, codes: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (index of the first sequence, values (n, P, neurons)) batch by batch."""
        for begin, batch, size in self._batches(codes):
            yield begin, self._to_numpy(self._values(batch))[:size]

    def largest(self, codes: np.ndarray) -> np.ndarray:
        """Return the largest value of each neuron in each sequence, shape (N, neurons)."""
        found = [
            self._to_numpy(self._largest(batch))[:size] for _, batch, size in self._batches(codes)
        ]
        return np.concatenate(found)

    def _batches(self, codes: np.ndarray) -> Iterator[tuple[int, np.ndarray, int]]:
        """Yield batches of one shape, so that what surrounds a sequence changes nothing."""
        for begin in range(0, len(codes), self._at_once):
            batch = codes[begin : begin + self._at_once]
            size = len(batch)
            if size < self._at_once:
                padding = np.zeros((self._at_once - size, batch.shape[1]), np.uint8)
                batch = np.concatenate([batch, padding])
            yield begin, batch, size


_made: WeakKeyDictionary[Any, dict[tuple[int, int], LayerScan]] = WeakKeyDictionary()
"""The scan that each model made last: blocks of sequences of one layer follow each other."""


def layer_scan(model: ScannedModel, layer: int, length: int) -> LayerScan:
    """Return the compiled scan of a layer, that of the last call where it is the same.

    Parameters and errors are those of :class:`LayerScan`.
    """
    key = (layer, length)
    last = _made.get(model, {})
    if key not in last:
        _made[model] = last = {key: LayerScan(model, layer, length)}
    return last[key]


def _holds_for_one_length(model: ScannedModel, layer: int) -> bool:
    """Whether the layer's graph was translated for one sequence length and no other."""
    return any(
        isinstance(node, Reverse) or (isinstance(node, Constant) and node.length is not None)
        for node in model.graph.ancestors(model.layer_nodes(layer).value)
    )
