"""The motif dictionary of a layer: the motifs that its neurons' PPMs are composed of.

Every part of every neuron is cut into its motifs (:func:`neuroninterp.motifs.information.cores`),
and motifs that are the same on either strand become one entry, aligned and averaged. A chain
of look-alikes whose ends differ is no entry: each member must itself resemble the average.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neuroninterp.motifs.alignment import Alignment, Comparison, Segment, average
from neuroninterp.motifs.composites import Group, take_apart
from neuroninterp.motifs.databases import MotifDatabase, load_database
from neuroninterp.motifs.information import (
    consensus,
    cores,
    information_content,
    reverse_complement,
)
from neuroninterp.motifs.matching import match
from neuroninterp.motifs.records import Match, Part
from neuroninterp.text import how_many, printable

__all__ = ["DictionaryMotif", "Occurrence", "build_dictionary"]

_MOST_SEGMENTS = 1_200
_MOST_FOUNDERS = 400
"""Segments that are grouped at all, and those that may found an entry: those with the most
weight. The time goes with the product of the two."""

_SMALLEST_SUPPORT = 0.05
"""Entries with less, a twentieth of one neuron's sample, are left out."""

_PSEUDOCOUNT = 3.0
"""Uniform sequences added to a part before it is cut."""

_ROUNDS = 3

_NULL_DATABASE = "JASPAR2024"
_NULL_STEP = 4
"""Every fourth known motif has columns enough for Tomtom's null."""

_PALINDROME = 0.85
"""Correlation of a motif with its own reverse complement from which it has no orientation."""


@dataclass(frozen=True)
class Occurrence:
    """One place where a dictionary motif stands in a neuron's part.

    Parameters
    ----------
    neuron, part : int
        Channel (from 0) and index of its part.
    start : int
        First position, in the part's PPM, that the dictionary motif covers (bp); negative where
        the motif begins before the receptive field.
    strand : str
        "+" or "-": how the motif stands there.
    share : float
        The part's share of its neuron's sample, in (0, 1].
    """

    neuron: int
    part: int
    start: int
    strand: str
    share: float


@dataclass(frozen=True, eq=False)
class DictionaryMotif:
    """One entry of a layer's motif dictionary.

    Parameters
    ----------
    name : str
        For example ``"layer2_motif0"``; the entries are numbered by falling support.
    ppm : numpy.ndarray, shape=(L, 4)
        Average of the members, ACGT, trimmed to its informative columns.
    support : float
        Shares of the members, added up: one neuron that is this motif wholly counts 1.
    occurrences : tuple of Occurrence
        The members, by neuron, part and place.
    match : Match or None
        The best known motif, where known motifs were given and one matches.
    """

    name: str
    ppm: np.ndarray
    support: float
    occurrences: tuple[Occurrence, ...]
    match: Match | None = None

    @property
    def consensus(self) -> str:
        """Most probable base at each position."""
        return consensus(self.ppm)

    @property
    def information(self) -> float:
        """Information of all columns, bits."""
        return float(information_content(self.ppm).sum())

    @property
    def palindromic(self) -> bool:
        """Whether the motif reads alike on both strands, so that it has no orientation."""
        forward, backward = self.ppm - 0.25, reverse_complement(self.ppm) - 0.25
        return bool((forward * backward).sum() >= _PALINDROME * (forward**2).sum())

    @property
    def neurons(self) -> tuple[int, ...]:
        """Channels of the neurons whose parts hold the motif."""
        return tuple(sorted({found.neuron for found in self.occurrences}))

    def __repr__(self) -> str:
        known = "" if self.match is None else f", like {printable(self.match.target_name, 40)}"
        return (
            f"DictionaryMotif({self.name!r}, {self.consensus!r}{known}, "
            f"support {self.support:.2f}, {how_many(len(self.neurons), 'neuron')})"
        )

    def _repr_html_(self) -> str:
        # A notebook asks the value itself; what draws it stands at the far end of the flow.
        from neuroninterp.notebook.motif_html import dictionary_motif_html

        return dictionary_motif_html(self)


def build_dictionary(
    layer: int,
    parts: Mapping[int, Sequence[Part]],
    database: MotifDatabase | None = None,
    *,
    source: str = "model",
    n_jobs: int = 1,
) -> tuple[DictionaryMotif, ...]:
    """Group the motifs in the parts of a layer's neurons.

    Parameters
    ----------
    layer : int
        Layer number, for the names.
    parts : mapping of int to sequence of Part
        The decoupled parts of each neuron, by channel.
    database : MotifDatabase, optional
        Known motifs to name the entries after.
    source : str
        Where the parts' windows come from, for the names: ``"model"`` gives
        ``layer5_motif0``, ``"data"`` gives ``layer5_data_motif0``.
    n_jobs : int
        Threads for matching; -1 for all. The answer does not depend on it.

    Returns
    -------
    tuple of DictionaryMotif
        Largest support first, counted over the 1,200 segments that weigh most. The same
        whatever the order of the neurons; empty where no part holds a motif.
    """
    segments = _cut(parts)
    if not segments:
        return ()
    grouping = _Grouping(segments, load_database(_NULL_DATABASE).ppms[::_NULL_STEP], n_jobs)
    groups = grouping.settle(grouping.found())
    groups = take_apart(groups)
    entries = [_entry(group) for group in groups]
    entries = [entry for entry in entries if entry.support >= _SMALLEST_SUPPORT]
    entries.sort(key=lambda entry: (-entry.support, _place(entry.occurrences[0])))
    prefix = f"layer{layer}" if source == "model" else f"layer{layer}_{source}"
    named = [replace(entry, name=f"{prefix}_motif{i}") for i, entry in enumerate(entries)]
    if database is None:
        return tuple(named)
    ppms, names = [entry.ppm for entry in named], [entry.name for entry in named]
    hits = match(ppms, database, names=names, n_jobs=n_jobs)
    return tuple(
        replace(entry, match=found[0] if found else None)
        for entry, found in zip(named, hits, strict=True)
    )


def _cautious(part: Part) -> np.ndarray:
    """Return a part's PPM without the information that so few sequences have by chance."""
    sequences = max(part.n_sequences, 1)
    return (sequences * np.asarray(part.ppm) + _PSEUDOCOUNT / 4) / (sequences + _PSEUDOCOUNT)


def _cut(parts: Mapping[int, Sequence[Part]]) -> list[Segment]:
    """Return the segments that weigh most, heaviest first."""
    segments = [
        Segment(neuron, index, start, end, part.share, np.asarray(part.ppm, np.float64))
        for neuron in sorted(parts)
        for index, part in enumerate(parts[neuron])
        for start, end in cores(_cautious(part))
        if part.share > 0
    ]

    def rank(segment: Segment) -> tuple[float, int, int, int]:
        weight = segment.share * information_content(segment.columns).sum()
        return (-round(float(weight), 9), segment.neuron, segment.part, segment.start)

    return sorted(segments, key=rank)[:_MOST_SEGMENTS]


class _Grouping:
    """Grouping of segments into motifs.

    Parameters
    ----------
    segments : list of Segment
        Those that weigh most first.
    null : sequence of numpy.ndarray
        Known motifs, for Tomtom's null.
    n_jobs : int
        Threads.
    """

    def __init__(self, segments: list[Segment], null: Sequence[np.ndarray], n_jobs: int) -> None:
        self._segments = segments
        self._null = [*null, *map(reverse_complement, null)]
        self._n_jobs = n_jobs

    def found(self) -> list[Group]:
        """Let the heaviest segment gather what resembles it, and then what resembles them all."""
        founders = self._segments[:_MOST_FOUNDERS]
        compared = self._compare([segment.columns for segment in founders], founders)
        groups, remaining = [], dict.fromkeys(range(len(founders)))
        while remaining:
            first = next(iter(remaining))
            # The founder belongs to its group even where it is too short to be significant.
            found = {first: Alignment("+", 0, 1.0), **compared.alike(first, remaining)}
            ppm, members = average([(founders[i], found[i]) for i in sorted(found)])
            if len(found) > 1:
                candidates = list(remaining)
                among = [founders[i] for i in candidates]
                wider = self._compare([ppm], among).alike(0)
                wider.setdefault(0, members[0][1])
                ppm, members = average([(among[i], wider[i]) for i in sorted(wider)])
                found = {candidates[i]: alignment for i, alignment in wider.items()}
            groups.append(Group(ppm, members))
            for index in found:
                del remaining[index]
        return groups

    def settle(self, groups: list[Group]) -> list[Group]:
        """Merge groups of one motif; give each segment to the group that it resembles most."""
        alone: list[Segment] = []
        known: dict[bytes, dict[int, Alignment]] = {}
        for _ in range(_ROUNDS):
            before = [group.ppm.tobytes() for group in groups]
            # Averages become more alike once the members have found their places.
            groups = self._merged(groups)
            new = [group.ppm for group in groups if group.ppm.tobytes() not in known]
            if new:
                compared = self._compare(new, self._segments)
                known |= {ppm.tobytes(): compared.alike(row) for row, ppm in enumerate(new)}
            found = [known[group.ppm.tobytes()] for group in groups]
            chosen: list[list[tuple[Segment, Alignment]]] = [[] for _ in groups]
            alone = []
            for index, segment in enumerate(self._segments):
                fitting = [(f[index].likeness, -g) for g, f in enumerate(found) if index in f]
                if fitting:
                    best = -max(fitting)[1]
                    chosen[best].append((segment, found[best][index]))
                elif index < _MOST_FOUNDERS:
                    alone.append(segment)
            groups = [Group(*average(members)) for members in chosen if members]
            if before == [group.ppm.tobytes() for group in groups]:
                break
        groups, strangers = self._without_strangers(groups)
        itself = Alignment("+", 0, 1.0)
        return groups + [Group(s.columns, ((s, itself),)) for s in (*alone, *strangers)]

    def _merged(self, groups: list[Group]) -> list[Group]:
        """Drop every group that resembles one founded earlier; its members will move there."""
        whole = [Segment(0, i, 0, len(g.ppm), 1.0, g.ppm) for i, g in enumerate(groups)]
        compared = self._compare([group.ppm for group in groups], whole)
        kept: list[int] = []
        covered: set[int] = set()
        for index in range(len(groups)):
            if index not in covered:
                kept.append(index)
                covered.update(compared.alike(index))
        return [groups[index] for index in kept]

    def _without_strangers(self, groups: list[Group]) -> tuple[list[Group], list[Segment]]:
        """Take out the members that do not resemble the average that they ended up in."""
        result, strangers = [], []
        for group in groups:
            if len(group.members) == 1:
                result.append(group)
                continue
            among = [segment for segment, _ in group.members]
            found = self._compare([group.ppm], among).alike(0)
            members = tuple(member for i, member in enumerate(group.members) if i in found)
            strangers += [s for i, (s, _) in enumerate(group.members) if i not in found]
            if members:
                result.append(Group(group.ppm, members))
        return result, strangers

    def _compare(self, ppms: list[np.ndarray], segments: list[Segment]) -> Comparison:
        return Comparison(ppms, segments, self._null, n_jobs=self._n_jobs)


def _entry(group: Group) -> DictionaryMotif:
    occurrences = [
        Occurrence(
            segment.neuron,
            segment.part,
            segment.position(alignment, len(group.ppm)),
            alignment.strand,
            segment.share,
        )
        for segment, alignment in group.members
    ]
    occurrences.sort(key=_place)
    support = sum(found.share for found in occurrences)
    return DictionaryMotif("", group.ppm, float(support), tuple(occurrences))


def _place(occurrence: Occurrence) -> tuple[int, int, int]:
    return occurrence.neuron, occurrence.part, occurrence.start
