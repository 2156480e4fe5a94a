"""What stands behind a neuron's motifs: how often it is how active, and where in the data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuroninterp.results import ActivationProfile, TopSequence
from neuroninterp.sampling import (
    ActivationSample,
    LargestWindows,
    NeuronInData,
    level_edges,
)
from neuroninterp.sequences import SequenceData, Sequences, decode
from neuroninterp.sequences.location import genome_location

__all__ = ["activation_profile", "top_sequences"]


def activation_profile(
    drawn: ActivationSample, in_data: NeuronInData | None
) -> ActivationProfile | None:
    """Say how often a neuron is how active.

    Parameters
    ----------
    drawn : ActivationSample
        What was drawn from the model; the levels are its.
    in_data : NeuronInData or None
        What the user's sequences show, their windows counted in the same levels.

    Returns
    -------
    ActivationProfile or None
        None for a dead neuron, which has no levels.
    """
    if drawn.dead:
        return None
    known = np.isfinite(drawn.log2_level)
    return ActivationProfile(
        edges=level_edges(drawn.threshold, drawn.maximum),
        log2_level=np.where(known, drawn.log2_level, np.nan),
        data_counts=None if in_data is None else in_data.level_counts,
        data_windows=0 if in_data is None else in_data.windows,
    )


def top_sequences(
    largest: Sequence[LargestWindows], sequences: SequenceData
) -> list[tuple[TopSequence, ...]]:
    """Say where in the user's sequences neurons have their largest values.

    Parameters
    ----------
    largest : sequence of LargestWindows
        The windows of each neuron. What is known of their sequences is read once for all.
    sequences : SequenceData
        What they were found in, with names and labels where it has them.

    Returns
    -------
    list of tuple of TopSequence
        One tuple a neuron; in it one a window, in their order.
    """
    numbers = np.unique(np.concatenate([np.zeros(0, np.int64), *(x.sequences for x in largest)]))
    rows = {number: row for row, number in enumerate(numbers.tolist())}
    found = sequences.some(list(rows))
    scored = sequences.binary_labels
    return [
        tuple(
            _top_sequence(windows, rank, found, rows[number], named=sequences.named, scored=scored)
            for rank, number in enumerate(windows.sequences.tolist())
        )
        for windows in largest
    ]


def _top_sequence(
    largest: LargestWindows, rank: int, found: Sequences, row: int, *, named: bool, scored: bool
) -> TopSequence:
    name = found.names[row] if named and found.names is not None else ""
    start = int(largest.starts[rank])
    window = largest.windows[rank]
    return TopSequence(
        value=float(largest.values[rank]),
        window=decode(window[None])[0],
        sequence=int(largest.sequences[rank]),
        name=name,
        start=start,
        location=genome_location(name, found.length, start, start + len(window)),
        labels=_labels(found, row) if scored else (),
    )


def _labels(sequences: Sequences, row: int) -> tuple[str, ...]:
    """Return the names of the classes that are 1 for a sequence."""
    if sequences.labels is None:
        return ()
    classes = np.flatnonzero(sequences.labels[row] == 1).tolist()
    names = sequences.class_names
    return tuple(str(k) if names is None else names[k] for k in classes)
