"""A neuron's logos below each other, shifts taken back."""

from __future__ import annotations

from dataclasses import dataclass

from neuroninterp.motifs.records import Match, Motif, Part
from neuroninterp.report.payload import YOUR_SEQUENCES, ordered_parts
from neuroninterp.report.stretch import common_stretch
from neuroninterp.results.records import NeuronResult

__all__ = ["WIDEST", "Row", "in_register"]

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
    shifts = [motif.shift if isinstance(motif, Part) else 0 for _, motif, _ in members]
    left, right = common_stretch([motif.ppm for _, motif, _ in members], shifts, WIDEST)
    rows = []
    for (label, motif, match), shift in zip(members, shifts, strict=True):
        start, end = max(0, left + shift), min(len(motif.ppm), right + shift)
        if start < end:
            rows.append(Row(label, motif, match, start, end, start - left - shift))
    return rows, right - left
