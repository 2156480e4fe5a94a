"""The peaks of neurons along a sequence, and the motif that each of them stands for there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuroninterp.motifs.information import clip, log_odds
from neuroninterp.results import NeuronResult
from neuroninterp.sequence_view.activity import Activity

__all__ = ["LOWEST_LEVEL", "Firing", "find_firings"]

LOWEST_LEVEL = 0.25
"""A peak counts from this share of the way between threshold and maximum."""


@dataclass(frozen=True, eq=False)
class Firing:
    """One peak of one neuron on a sequence.

    Parameters
    ----------
    neuron : int
        Channel.
    value : float
        z at the peak.
    level : float
        How far z is from the threshold (0) to the neuron's maximum (1).
    window : tuple of int
        The stretch that the neuron sees there, half-open, bp; may hang over the ends.
    part : int or None
        Index of the neuron's part that fits the window best; None for a neuron without parts.
    start, end : int
        Where that part's informative columns lie on the sequence, half-open, bp.
    ppm : numpy.ndarray, shape=(end - start, 4)
        Those columns, ACGT.
    match_id, match_name : str
        The known motif that the part matches best; "" where none does.
    """

    neuron: int
    value: float
    level: float
    window: tuple[int, int]
    part: int | None
    start: int
    end: int
    ppm: np.ndarray
    match_id: str
    match_name: str


def find_firings(
    activity: Activity,
    codes: np.ndarray,
    neurons: Sequence[NeuronResult],
    *,
    lowest_level: float = LOWEST_LEVEL,
) -> tuple[Firing, ...]:
    """Find where neurons fire on a sequence, and with which of their motifs.

    A neuron fires at a position where its value is above ``lowest_level`` and the largest
    within half a receptive field to either side.

    Parameters
    ----------
    activity : Activity
        Values of these neurons, in this order.
    codes : numpy.ndarray, shape=(L,)
        The sequence, 0 to 4 for A, C, G, T, N; uint8.
    neurons : sequence of NeuronResult
        What the analysis found; those that are dead never fire.
    lowest_level : float
        From 0 (threshold) to 1 (maximum).

    Returns
    -------
    tuple of Firing
        The strongest (in levels) first.
    """
    levels = activity.levels(neurons)
    reach = max(1, activity.layer.receptive_field // (2 * activity.layer.jump))
    found = [
        _firing(activity, codes, neuron, column, int(position), float(levels[position, column]))
        for column, neuron in enumerate(neurons)
        for position in _peaks(levels[:, column], lowest_level, reach)
    ]
    return tuple(sorted(found, key=lambda firing: (-firing.level, firing.start, firing.neuron)))


def _peaks(levels: np.ndarray, lowest: float, reach: int) -> list[int]:
    """Return positions above ``lowest`` that no higher one lies within ``reach`` of."""
    kept: list[int] = []
    for position in np.argsort(-levels, kind="stable"):
        if levels[position] < lowest or levels[position] <= 0:
            break
        if all(abs(position - other) > reach for other in kept):
            kept.append(int(position))
    return kept


def _firing(
    activity: Activity,
    codes: np.ndarray,
    neuron: NeuronResult,
    column: int,
    position: int,
    level: float,
) -> Firing:
    window = activity.interval(position)
    part = _best_part(neuron, _window_codes(codes, window))
    motif = neuron.mixture if part is None else neuron.parts[part]
    assert motif is not None  # the neuron is alive
    hits = neuron.mixture_matches if part is None else neuron.part_matches(part)
    best = min(hits, key=lambda match: match.e_value, default=None)
    first, last = clip(motif.ppm, flank=0)
    if first == last:
        first, last = 0, len(motif.ppm)
    return Firing(
        neuron=neuron.neuron,
        value=float(activity.values[position, column]),
        level=level,
        window=window,
        part=part,
        start=window[0] + first,
        end=window[0] + last,
        ppm=motif.ppm[first:last],
        match_id="" if best is None else best.target_id,
        match_name="" if best is None else best.target_name,
    )


def _window_codes(codes: np.ndarray, window: tuple[int, int]) -> np.ndarray:
    """Cut a window out of a sequence; N where it hangs over an end."""
    positions = np.arange(*window)
    inside = (positions >= 0) & (positions < len(codes))
    return np.where(inside, codes[np.clip(positions, 0, len(codes) - 1)], 4)


def _best_part(neuron: NeuronResult, window: np.ndarray) -> int | None:
    """Return the part whose log-odds on the window are highest."""
    if not neuron.parts:
        return None
    positions = np.arange(len(window))
    return int(np.argmax([log_odds(part.ppm)[positions, window].sum() for part in neuron.parts]))
