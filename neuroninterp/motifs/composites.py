"""Motifs that happen to touch: a group that is two others side by side is taken apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuroninterp.motifs.alignment import Alignment, Segment
from neuroninterp.motifs.information import information_content, reverse_complement

__all__ = ["Group", "take_apart"]

_LIKENESS = 0.75
"""Smallest correlation, about 1/4, of a motif with its place in the composite."""

_EXPLAINED = 0.75
"""Share of the composite's information that the two motifs must cover."""


@dataclass(frozen=True, eq=False)
class Group:
    """Segments of one motif with their alignment to the group's PPM ``(L, 4)``."""

    ppm: np.ndarray
    members: tuple[tuple[Segment, Alignment], ...]

    @property
    def support(self) -> float:
        """Shares of the members, added up."""
        return float(sum(segment.share for segment, _ in self.members))


def take_apart(groups: list[Group]) -> list[Group]:
    """Give the members of composites to the two groups that they are made of.

    Two motifs whose distance varies touch in some parts of a neuron, where they are cut as
    one. A composite is a group that two other ones of more support explain; the halves of a
    motif that mostly occurs whole have less.

    Returns
    -------
    list of Group
        Those that are no composites, in the same order; their PPMs stay as they were.
    """
    members = [list(group.members) for group in groups]
    support = [group.support for group in groups]
    composites = set()
    # Narrow ones are never composites of wider ones, so no piece goes to a composite.
    for index in sorted(range(len(groups)), key=lambda i: len(groups[i].ppm)):
        others = [
            i
            for i, other in enumerate(groups)
            if i not in composites
            and support[i] > support[index]
            and len(other.ppm) < len(groups[index].ppm)
        ]
        pieces = _pieces(groups, groups[index].ppm, others)
        if pieces:
            composites.add(index)
            for piece in pieces:
                width = len(groups[piece[0]].ppm)
                members[piece[0]] += [
                    _piece(member, len(groups[index].ppm), piece, width)
                    for member in groups[index].members
                ]
    return [
        Group(group.ppm, tuple(members[i])) for i, group in enumerate(groups) if i not in composites
    ]


_Piece = tuple[int, str, int, float]
"""Index of a group, its strand in the composite, its first column there, and likeness."""


def _pieces(groups: list[Group], composite: np.ndarray, others: list[int]) -> list[_Piece]:
    """Return the two groups that explain a composite, left one first, or nothing."""
    placed = _places(groups, others, composite)
    bits = information_content(composite)
    total = bits.sum()
    best: tuple[float, list[_Piece]] = (0.0, [])
    for left in placed:
        for right in placed:
            end = left[2] + len(groups[left[0]].ppm)
            if right[2] < end:
                continue
            covered = bits[left[2] : end].sum()
            covered += bits[right[2] : right[2] + len(groups[right[0]].ppm)].sum()
            if covered < _EXPLAINED * total:
                continue
            likeness = left[3] + right[3]
            if likeness > best[0]:
                best = (likeness, [left, right])
    return best[1]


def _places(groups: list[Group], others: list[int], composite: np.ndarray) -> list[_Piece]:
    """Return where the PPMs of other groups stand whole in a composite, by group and place."""
    by_width: dict[int, list[int]] = {}
    for other in others:
        by_width.setdefault(len(groups[other].ppm), []).append(other)
    places = []
    for width, same in by_width.items():
        starts = np.arange(len(composite) - width + 1)
        there = composite[starts[:, None] + np.arange(width)].reshape(len(starts), -1) - 0.25
        ppms = [(groups[other].ppm, reverse_complement(groups[other].ppm)) for other in same]
        turned = np.array(ppms).reshape(len(same), 2, 1, -1) - 0.25
        scale = np.sqrt((turned**2).sum(axis=-1) * (there**2).sum(axis=-1))
        likeness = (turned * there).sum(axis=-1) / np.where(scale > 0, scale, np.inf)
        for which, turn, start in np.argwhere(likeness >= _LIKENESS).tolist():
            places.append((same[which], "+-"[turn], start, float(likeness[which, turn, start])))
    return sorted(places)


def _piece(
    member: tuple[Segment, Alignment], composite: int, piece: _Piece, width: int
) -> tuple[Segment, Alignment]:
    """Turn a member of a composite into a member of one of its pieces."""
    segment, alignment = member
    _, strand, column, likeness = piece
    start = segment.position(alignment, composite)
    if alignment.strand == "+":
        start += column
    else:
        start += composite - column - width
        strand = "-" if strand == "+" else "+"
    left, right = max(0, start), min(len(segment.ppm), start + width)
    cut = Segment(segment.neuron, segment.part, left, right, segment.share, segment.ppm)
    offset = left - start if strand == "+" else start + width - right
    return cut, Alignment(strand, offset, likeness)
