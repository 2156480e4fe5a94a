"""Which stretch of a PPM is drawn, and a neuron's logos below each other, shifts taken back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuroninterp.motifs.information import information_content
from neuroninterp.motifs.records import Match, Motif, Part
from neuroninterp.report.encoding import informative_span
from neuroninterp.report.payload import YOUR_SEQUENCES, ordered_parts
from neuroninterp.results.records import NeuronResult

__all__ = ["WIDEST", "Row", "drawn_span", "in_register"]

WIDEST = 120
"""Positions of a logo that are drawn: a field of a thousand would be megabytes of letters."""


@dataclass(frozen=True)
class Row:
    """One logo of a neuron, and where it stands.

    Parameters
    ----------
    label : str
        "Mixture", "Part 0", … or what the user's sequences gave.
    motif : Motif
        What is drawn.
    match : Match or None
        Its best known motif.
    start, end : int
        The stretch of it that is drawn (half-open, bp from 0 in the receptive field).
    offset : int
        Columns that stay blank before the stretch.
    """

    label: str
    motif: Motif
    match: Match | None
    start: int
    end: int
    offset: int


def drawn_span(ppm: np.ndarray, widest: int = WIDEST) -> tuple[int, int]:
    """Return the informative stretch of a PPM, or where it is too long its most informative one.

    Parameters
    ----------
    ppm : numpy.ndarray, shape=(length, 4)
        Probabilities, rows summing to 1.
    widest : int
        Most positions of it (bp).

    Returns
    -------
    tuple of int
        Half-open positions, from 0.
    """
    start, end = informative_span(ppm)
    offset, length = _densest(information_content(ppm)[start:end], widest)
    return start + offset, start + offset + length


def _densest(bits: np.ndarray, widest: int) -> tuple[int, int]:
    """Return start and length of the stretch of at most ``widest`` that adds up to most."""
    if len(bits) <= widest:
        return 0, len(bits)
    totals = np.convolve(bits, np.ones(widest), mode="valid")
    return int(np.argmax(totals)), widest


def in_register(neuron: NeuronResult, most_parts: int) -> tuple[list[Row], int]:
    """Lay a neuron's logos out: mixture, parts, user's sequences.

    Every part is moved back by its shift, so that what the parts share stands in one column;
    the mixture, and the user's sequences, stand where the first part does.

    Parameters
    ----------
    neuron : NeuronResult
        The neuron; a dead one has no row.
    most_parts : int
        Parts to show: those with the best matches, then the sharpest.

    Returns
    -------
    list of Row
        From top to bottom. A neuron of a single part has no row for the mixture, which is the
        same. Of long fields all rows show the stretch of :data:`WIDEST` columns that holds most
        information.
    int
        Columns that they take in all.
    """
    members: list[tuple[str, Motif, Match | None]] = []
    if neuron.mixture is not None and len(neuron.parts) != 1:
        best = min(neuron.mixture_matches, key=lambda match: match.e_value, default=None)
        members.append(("Mixture", neuron.mixture, best))
    for index in ordered_parts(neuron)[:most_parts]:
        hits = neuron.part_matches(index)
        label = f"Part {index}" if len(neuron.parts) > 1 else "Motif"
        members.append((label, neuron.parts[index], hits[0] if hits else None))
    if neuron.from_data is not None:
        members.append((YOUR_SEQUENCES, neuron.from_data, None))
    if not members:
        return [], 0
    spans = [informative_span(motif.ppm) for _, motif, _ in members]
    shifts = [motif.shift if isinstance(motif, Part) else 0 for _, motif, _ in members]
    left = min(start - shift for (start, _), shift in zip(spans, shifts, strict=True))
    right = max(end - shift for (_, end), shift in zip(spans, shifts, strict=True))
    if right - left > WIDEST:
        offset, _ = _densest(_information(members, shifts, left, right), WIDEST)
        left, right = left + offset, left + offset + WIDEST
    rows = []
    for (label, motif, match), shift in zip(members, shifts, strict=True):
        start, end = max(0, left + shift), min(len(motif.ppm), right + shift)
        if start < end:
            rows.append(Row(label, motif, match, start, end, start - left - shift))
    return rows, right - left


def _information(
    members: list[tuple[str, Motif, Match | None]], shifts: list[int], left: int, right: int
) -> np.ndarray:
    """Add up the information (bits) of all rows in every column from ``left`` to ``right``."""
    totals = np.zeros(right - left)
    for (_, motif, _), shift in zip(members, shifts, strict=True):
        start, end = max(0, left + shift), min(len(motif.ppm), right + shift)
        if start < end:
            totals[start - shift - left : end - shift - left] += information_content(
                motif.ppm[start:end]
            )
    return totals
