"""What stands behind a neuron's motifs: how often it is how active, and where in the data."""

from __future__ import annotations

import numpy as np

from neuroninterp.results import ActivationProfile, TopSequence
from neuroninterp.sampling import (
    ActivationSample,
    LargestWindows,
    NeuronInData,
    level_edges,
)
from neuroninterp.sequences import Sequences, decode
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


def top_sequences(largest: LargestWindows, sequences: Sequences) -> tuple[TopSequence, ...]:
    """Say where in the user's sequences a neuron has its largest values.

    Parameters
    ----------
    largest : LargestWindows
        The windows.
    sequences : Sequences
        What they were found in, with names and labels where it has them.

    Returns
    -------
    tuple of TopSequence
        One a window, in their order.
    """
    field = largest.windows.shape[1]
    tops = []
    for value, window, number, start in zip(
        largest.values.tolist(),
        decode(largest.windows),
        largest.sequences.tolist(),
        largest.starts.tolist(),
        strict=True,
    ):
        name = "" if sequences.names is None else sequences.names[number]
        tops.append(
            TopSequence(
                value=value,
                window=window,
                sequence=number,
                name=name,
                start=start,
                location=genome_location(name, sequences.length, start, start + field),
                labels=_labels(sequences, number),
            )
        )
    return tuple(tops)


def _labels(sequences: Sequences, number: int) -> tuple[str, ...]:
    """Return the names of the classes that are 1 for a sequence."""
    if sequences.labels is None or not sequences.binary_labels:
        return ()
    classes = np.flatnonzero(sequences.labels[number] == 1).tolist()
    names = sequences.class_names
    return tuple(str(k) if names is None else names[k] for k in classes)
