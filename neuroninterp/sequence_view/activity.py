"""Where on a sequence the neurons of a layer fire, and how strongly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from neuroninterp.backend import compiled, import_keras
from neuroninterp.fields import Layer
from neuroninterp.graph.evaluate import encode, evaluate
from neuroninterp.models import Model
from neuroninterp.results import NeuronResult

__all__ = ["Activity", "layer_activity"]


@dataclass(frozen=True, eq=False)
class Activity:
    """Values of a layer's neurons along one sequence.

    Parameters
    ----------
    layer : Layer
        The layer.
    neurons : tuple of int
        Channels.
    values : numpy.ndarray, shape=(positions, len(neurons))
        z at every output position, float32; the outermost may hang over the sequence's ends.
    """

    layer: Layer
    neurons: tuple[int, ...]
    values: np.ndarray

    def interval(self, position: int) -> tuple[int, int]:
        """Return the half-open stretch (bp) that an output position sees."""
        return self.layer.interval(position)

    def levels(self, neurons: Sequence[NeuronResult]) -> np.ndarray:
        """Return how far each value is from its neuron's threshold (0) to its maximum (1).

        Parameters
        ----------
        neurons : sequence of NeuronResult
            What the analysis found about these neurons, in this order.

        Returns
        -------
        numpy.ndarray, shape=(positions, len(neurons))
            0 where a neuron is not active, or dead. Above 1 where the sequence beats the
            largest value that the analysis saw.
        """
        mixtures = [neuron.mixture for neuron in neurons]
        # Dead neurons have no threshold that a value could pass.
        thresholds = np.array([np.inf if m is None else m.threshold for m in mixtures])
        maxima = np.array([np.inf if m is None else m.maximum for m in mixtures])
        above = np.maximum(self.values - thresholds, 0.0)
        with np.errstate(invalid="ignore"):
            return np.where(above > 0, above / (maxima - thresholds), 0.0)


def layer_activity(
    model: Model, layer: int, neurons: Sequence[int], codes: np.ndarray
) -> Iterator[Activity]:
    """Compute the values of some neurons at every position of sequences, one by one.

    Parameters
    ----------
    model : Model
        The network.
    layer : int
        Layer number.
    neurons : sequence of int
        Channels.
    codes : numpy.ndarray, shape=(N, L)
        Sequences of the length that the model reads, 0 to 4 for A, C, G, T, N; uint8.

    Yields
    ------
    Activity
        One a sequence, with the padding that the model has.

    Raises
    ------
    UnknownNameError, UnsupportedOperationError
        If there is no such layer, or it cannot be analysed.
    """
    geometry = model.layer(layer)
    target = model.layer_nodes(layer).value
    to_numpy = import_keras().ops.convert_to_numpy
    function = compiled(
        lambda batch: evaluate(model.graph, encode(batch, model.layout.table), [target])[0]
    )
    channels = np.asarray(neurons, np.int64)
    for row in range(len(codes)):
        values = to_numpy(function(codes[row : row + 1]))[0]
        yield Activity(geometry, tuple(int(k) for k in channels), values[:, channels])
