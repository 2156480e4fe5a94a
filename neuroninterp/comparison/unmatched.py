"""Motifs of two runs that match no known one, compared by the likeness of their matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neuroninterp.comparison.rows import FOUND_IN, Held, motif_row, where
from neuroninterp.motifs import DictionaryMotif, load_database
from neuroninterp.motifs.alignment import Comparison, Segment
from neuroninterp.motifs.information import reverse_complement
from neuroninterp.motifs.matching import shuffle_columns
from neuroninterp.results import AnalysisResult
from neuroninterp.text import printable

__all__ = ["unmatched_rows"]

_MOST_ENTRIES = 1_000
"""Entries without a match of a run that are compared, those of the largest support: the time
goes with the square."""

_NULL_DATABASE, _NULL_STEP = "JASPAR2024", 4
"""Known motifs whose columns are Tomtom's null, as where dictionaries are built."""


@dataclass(frozen=True, eq=False)
class _Entry:
    """A dictionary entry, and whose: side 0 or 1, and layer."""

    side: int
    layer: int
    motif: DictionaryMotif

    def rank(self) -> tuple[Any, ...]:
        """Order of entries, which does not tell the sides apart as long as anything else does."""
        return (-self.motif.support, self.motif.consensus, self.layer, self.motif.name, self.side)

    def segment(self, number: int) -> Segment:
        return Segment(self.side, number, 0, len(self.motif.ppm), 1.0, self.motif.ppm)


def _entries(results: Sequence[AnalysisResult], *, matched: bool) -> list[_Entry]:
    found = []
    for side, result in enumerate(results):
        own = [
            _Entry(side, layer.layer.number, motif)
            for layer in result.layers
            for motif in layer.dictionary
            if (motif.match is not None) == matched
        ]
        found += sorted(own, key=_Entry.rank)[:_MOST_ENTRIES]
    return sorted(found, key=_Entry.rank)


def unmatched_rows(
    first: AnalysisResult, second: AnalysisResult, n_jobs: int
) -> tuple[list[dict[str, Any]], int]:
    """Return the motifs without a match, and how many would be shared by chance."""
    entries = _entries((first, second), matched=False)
    known = _entries((first, second), matched=True)
    rng = np.random.default_rng(0)
    shuffled = [
        replace(entry, motif=replace(entry.motif, ppm=shuffle_columns(entry.motif.ppm, rng)))
        for entry in entries
    ]
    by_chance = [_found_in(group) for group, _ in _grouped(shuffled, known, n_jobs)]
    rows = []
    for group, name in _grouped(entries, known, n_jobs):
        held = (Held(), Held())
        for entry in group:
            held[entry.side].add(entry.layer, entry.motif.neurons, None)
        label = f"{FOUND_IN[1 + group[0].side]} {group[0].motif.name}"
        rows.append(motif_row("unmatched", label, name, group[0].motif.consensus, *held))
    return rows, by_chance.count("both")


def _found_in(group: Sequence[_Entry]) -> str:
    sides = {entry.side for entry in group}
    return where(0 in sides, 1 in sides)


def _grouped(
    entries: Sequence[_Entry], known: Sequence[_Entry], n_jobs: int
) -> list[tuple[list[_Entry], str]]:
    """Group entries that are one motif; the one of most support comes first in its group.

    A group of one run alone is joined by those of the other's ``known`` entries that it
    resembles, and named after the first: what one run only resembles, the other may have matched.
    """
    if not entries:
        return []
    alike = _alike(entries, entries, n_jobs)
    groups: list[list[_Entry]] = []
    remaining = dict.fromkeys(range(len(entries)))
    while remaining:
        founder = next(iter(remaining))
        # It belongs to its group even where it is too short to be significant.
        group = [founder, *(i for i in sorted(alike[founder]) if i in remaining and i != founder)]
        groups.append([entries[index] for index in group])
        for index in group:
            del remaining[index]
    resembled = (
        _alike([group[0] for group in groups], known, n_jobs) if known else [{}] * len(groups)
    )
    found = []
    for group, indices in zip(groups, resembled, strict=True):
        others = [known[i] for i in indices if known[i].side != group[0].side]
        if _found_in(group) == "both" or not others:
            found.append((group, ""))
        else:
            name = next((e.motif.match.target_name for e in others if e.motif.match), "")
            found.append(([*group, *others], printable(name)))
    return found


def _alike(
    queries: Sequence[_Entry], among: Sequence[_Entry], n_jobs: int
) -> list[dict[int, object]]:
    """Return for each query which of the others are the same motif, by index."""
    null = load_database(_NULL_DATABASE).ppms[::_NULL_STEP]
    compared = Comparison(
        [query.motif.ppm for query in queries],
        [entry.segment(number) for number, entry in enumerate(among)],
        [*null, *map(reverse_complement, null)],
        n_jobs=n_jobs,
    )
    # Equal matrices are one motif, however short and insignificant.
    equal: dict[bytes, dict[int, object]] = {}
    for number, entry in enumerate(among):
        equal.setdefault(_digits(entry.motif), {})[number] = None
    return [
        {**equal.get(_digits(query.motif), {}), **compared.alike(row)}
        for row, query in enumerate(queries)
    ]


def _digits(motif: DictionaryMotif) -> bytes:
    return motif.ppm.round(6).tobytes()
