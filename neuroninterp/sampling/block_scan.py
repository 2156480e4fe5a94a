"""What neurons do in one block of the user's sequences, and how the blocks come together.

The sequences are gone through twice: for each neuron's largest values (:func:`scan_largest`), and
then, its maximum known, for how often it is how active and a fair choice of the windows of each
level (:func:`scan_levels`). What is found in a block depends on that block alone, and what is
found in all of them is merged, in any order, to the same values, of which
:func:`neurons_from_scan` makes what is known of each neuron.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuroninterp.sampling.largest import LargestPart, LargestWindows, largest_of
from neuroninterp.sampling.layer_scan import LayerScan, ScannedModel, layer_scan
from neuroninterp.sampling.reservoirs import LevelsPart, Reservoirs
from neuroninterp.sampling.sample import (
    LEVELS,
    ActivationSample,
    level_weights,
    weighted_ppm,
)
from neuroninterp.sequences import SequenceData
from neuroninterp.sequences.dataset import block_size

__all__ = ["NeuronInData", "neurons_from_scan", "scan_largest", "scan_levels"]


@dataclass(frozen=True, eq=False)
class NeuronInData:
    """What the user's sequences show of one neuron.

    Parameters
    ----------
    sample : ActivationSample
        A fair choice of the windows on which it is active.
    level_counts : numpy.ndarray of int64, shape=(LEVELS,)
        All windows in each activation level, of the levels that were asked for.
    windows : int
        Windows that were looked at, active or not.
    largest : LargestWindows
        Those with its largest values.
    """

    sample: ActivationSample
    level_counts: np.ndarray
    windows: int
    largest: LargestWindows


def scan_largest(
    model: ScannedModel, layer: int, neurons: Sequence[int], codes: np.ndarray, first: int
) -> LargestPart:
    """Find the largest values of neurons in a block of sequences.

    Parameters
    ----------
    model : Model
        The network.
    layer : int
        Layer number.
    neurons : sequence of int
        Channels.
    codes : numpy.ndarray, shape=(n, L)
        The block.
    first : int
        Number of its first sequence in the whole data.

    Returns
    -------
    LargestPart
        For :func:`neuroninterp.sampling.merge_largest`.

    Raises
    ------
    DataError
        If no window of the layer's field fits into the sequences.
    """
    scan = layer_scan(model, layer, codes.shape[1])
    return largest_of(scan.largest(codes)[:, np.asarray(neurons, np.intp)], first)


def scan_levels(
    model: ScannedModel,
    layer: int,
    neurons: Sequence[int],
    thresholds: np.ndarray,
    maxima: np.ndarray,
    level_maxima: np.ndarray,
    codes: np.ndarray,
    first: int,
    seed: int,
) -> LevelsPart:
    """Count the windows of a block in each activation level, and keep a fair choice of them.

    Parameters
    ----------
    model, layer, neurons, codes, first
        As for :func:`scan_largest`.
    thresholds, maxima, level_maxima : numpy.ndarray, shape=(len(neurons),)
        Where each neuron's levels begin, where those of the choice end (the largest value in
        the whole data), and where those of the counts end.
    seed : int
        For the fair choice.

    Returns
    -------
    LevelsPart
        For :func:`neuroninterp.sampling.merge_levels`.

    Raises
    ------
    DataError
        If no window of the layer's field fits into the sequences.
    """
    scan = layer_scan(model, layer, codes.shape[1])
    columns = np.asarray(neurons, np.intp)
    reservoirs = Reservoirs(_key_states(seed, layer, columns), len(scan.starts))
    bounds = [np.asarray(ends, np.float64) for ends in (thresholds, maxima, level_maxima)]
    for begin, values in scan.values(codes):
        chosen = values
        if len(columns) != values.shape[2] or (columns != np.arange(len(columns))).any():
            chosen = np.ascontiguousarray(values[:, :, columns])
        reservoirs.offer(chosen, first + begin, *bounds)
    return reservoirs.part()


def neurons_from_scan(
    model: ScannedModel,
    layer: int,
    neurons: Sequence[int],
    thresholds: np.ndarray,
    largest: LargestPart,
    levels: LevelsPart,
    data: SequenceData,
) -> list[NeuronInData]:
    """Turn what was found in all blocks into what the sequences show of each neuron.

    Parameters
    ----------
    model, layer, neurons, thresholds
        As for :func:`scan_levels`.
    largest, levels : LargestPart, LevelsPart
        Merged over all blocks, of these neurons.
    data : SequenceData
        The sequences, from which the windows are cut.

    Returns
    -------
    list of NeuronInData
        One per neuron.
    """
    scan = layer_scan(model, layer, data.length)
    starts = scan.starts[levels.positions]
    windows = _cut(data, levels.sequences, starts, scan.field)
    ends = np.cumsum(levels.kept.sum(axis=1))
    largest_windows = _largest_windows(scan, largest, neurons, data)
    found = []
    for index, neuron in enumerate(neurons):
        own = slice(0 if index == 0 else ends[index - 1], ends[index])
        found.append(
            NeuronInData(
                sample=_sample(
                    layer,
                    int(neuron),
                    windows[own],
                    levels.values[own].astype(np.float64),
                    float(thresholds[index]),
                    float(largest.maxima[index]),
                ),
                level_counts=levels.counts[index],
                windows=len(data) * len(scan.starts),
                largest=largest_windows[index],
            )
        )
    return found


def _key_states(seed: int, layer: int, neurons: np.ndarray) -> np.ndarray:
    """Return where each neuron's stream of keys begins; uint64."""
    states = [
        np.random.SeedSequence([seed, layer, int(neuron), 1]).generate_state(1, np.uint64)
        for neuron in neurons
    ]
    return np.concatenate(states or [np.zeros(0, np.uint64)])


def _sample(
    layer: int,
    neuron: int,
    windows: np.ndarray,
    values: np.ndarray,
    threshold: float,
    maximum: float,
) -> ActivationSample:
    """Turn the windows kept of a neuron into a sample."""
    weights = level_weights(values, threshold, maximum)
    field = windows.shape[1]
    alive = len(values) > 0
    return ActivationSample(
        layer=layer,
        neuron=neuron,
        windows=windows,
        values=values,
        weights=weights,
        ppm=weighted_ppm(windows, weights) if alive else np.full((field, 4), 0.25),
        threshold=threshold,
        maximum=maximum,
        best_window=windows[values.argmax()] if alive else np.zeros(field, np.uint8),
        log2_rarity=float("nan"),
        log2_level=np.full(LEVELS, np.nan),
        source="data",
    )


def _largest_windows(
    scan: LayerScan, largest: LargestPart, neurons: Sequence[int], data: SequenceData
) -> list[LargestWindows]:
    """Find where in the sequences the largest values are; these are computed once more."""
    numbers, rows = np.unique(largest.sequences, return_inverse=True)
    rows = rows.reshape(largest.sequences.shape)
    chosen = data.some(numbers.tolist()).codes
    starts = np.zeros(largest.sequences.shape, np.int64)
    for begin, values in scan.values(chosen):
        here = (rows >= begin) & (rows < begin + len(values))
        rank, column = np.nonzero(here)
        own = values[rows[here] - begin, :, np.asarray(neurons, np.intp)[column]]
        starts[rank, column] = _leftmost(own, scan.starts)
    return [
        LargestWindows(
            values=largest.values[:, index].astype(np.float64),
            sequences=largest.sequences[:, index],
            starts=starts[:, index],
            windows=chosen[rows[:, index, None], starts[:, index, None] + np.arange(scan.field)],
        )
        for index in range(largest.values.shape[1])
    ]


def _leftmost(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return where the window of the largest value in each row (n, positions) begins."""
    if starts[0] <= starts[-1]:
        found: np.ndarray = starts[values.argmax(axis=1)]
    else:
        found = starts[::-1][values[:, ::-1].argmax(axis=1)]
    return found


def _cut(data: SequenceData, sequences: np.ndarray, starts: np.ndarray, field: int) -> np.ndarray:
    """Cut windows from sequences, block by block; shape (n, field)."""
    windows = np.empty((len(sequences), field), np.uint8)
    order = np.argsort(sequences, kind="stable")
    ordered = sequences[order]
    size = block_size(data.length, data.classes)
    for number in np.unique(ordered // size).tolist():
        begin, end = np.searchsorted(ordered, [number * size, (number + 1) * size])
        rows = order[begin:end]
        codes = data.block(number).codes
        inside = sequences[rows] - number * size
        windows[rows] = codes[inside[:, None], starts[rows][:, None] + np.arange(field)]
    return windows
