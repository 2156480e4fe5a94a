"""Activation samples taken from the user's own sequences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from neuroninterp.sampling.block_scan import (
    NeuronInData,
    neurons_from_scan,
    scan_largest,
    scan_levels,
)
from neuroninterp.sampling.largest import LargestPart, merge_largest
from neuroninterp.sampling.layer_scan import ScannedModel
from neuroninterp.sampling.reservoirs import LevelsPart, merge_levels
from neuroninterp.sampling.sample import ActivationSample
from neuroninterp.sequences import SequenceData, Sequences

__all__ = ["neurons_in_data", "windows_from_data"]


def windows_from_data(
    model: ScannedModel,
    layer: int,
    neurons: Sequence[int],
    thresholds: np.ndarray,
    codes: np.ndarray | SequenceData,
    *,
    seed: int = 0,
    advance: Callable[[int], None] = lambda sequences: None,
) -> list[ActivationSample]:
    """Sample neurons from the windows of sequences on which they are active.

    Every window that lies wholly inside a sequence is looked at, twice: once for the
    maximum, once to keep a fair choice of at most 200 windows a level.

    Parameters
    ----------
    model : Model
        The network.
    layer : int
        Layer number.
    neurons : sequence of int
        Channels.
    thresholds : numpy.ndarray, shape=(len(neurons),)
        Above which each is active.
    codes : numpy.ndarray, shape=(N, L), or SequenceData
        Sequences, 0 to 4 for A, C, G, T, N; uint8.
    seed : int
        For the fair choice.
    advance : callable
        Called with the number of sequences done since the last call.

    Returns
    -------
    list of ActivationSample
        One per neuron; dead where none of its windows is active.

    Raises
    ------
    DataError
        If no window of the layer's field fits into the sequences.
    """
    found = neurons_in_data(model, layer, neurons, thresholds, codes, seed=seed, advance=advance)
    return [neuron.sample for neuron in found]


def neurons_in_data(
    model: ScannedModel,
    layer: int,
    neurons: Sequence[int],
    thresholds: np.ndarray,
    codes: np.ndarray | SequenceData,
    *,
    level_maxima: Sequence[float] | None = None,
    seed: int = 0,
    advance: Callable[[int], None] = lambda sequences: None,
) -> list[NeuronInData]:
    """Say where in sequences neurons are how active.

    Parameters
    ----------
    model, layer, neurons, thresholds, codes, seed, advance
        As for :func:`windows_from_data`.
    level_maxima : sequence of float or None
        Upper end of each neuron's activation levels, in which its windows are counted; the
        largest z in the sequences for None. The samples' levels end there in any case.

    Returns
    -------
    list of NeuronInData
        One per neuron. Windows above the last level count in it.

    Raises
    ------
    DataError
        If no window of the layer's field fits into the sequences.
    """
    data = Sequences(codes, None, None, None, "") if isinstance(codes, np.ndarray) else codes

    def largest_parts() -> Iterator[LargestPart]:
        for first, block in data.blocks():
            yield scan_largest(model, layer, neurons, block.codes, first)
            advance(len(block))

    largest = merge_largest(largest_parts())
    ends = largest.maxima if level_maxima is None else np.asarray(level_maxima, np.float64)

    def levels_parts() -> Iterator[LevelsPart]:
        for first, block in data.blocks():
            yield scan_levels(
                model, layer, neurons, thresholds, largest.maxima, ends, block.codes, first, seed
            )
            advance(len(block))

    levels = merge_levels(levels_parts())
    return neurons_from_scan(model, layer, neurons, thresholds, largest, levels, data)
