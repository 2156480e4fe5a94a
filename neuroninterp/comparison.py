"""Two runs side by side: which motifs both networks learned, which only one, in which layers.

Two models, two seeds of one model, or two settings. Motifs are compared in two ways:

- *known* ones by name: a known motif that any part of any neuron matches (E <= 0.1). Families
  count with all their members, so that a network is not taken to lack MAX where MYC fits better.
- those *without a match* by likeness: entries of the layers' motif dictionaries, aligned by
  Tomtom on both strands, with the demands that make one dictionary entry of two motifs
  (:mod:`neuroninterp.motifs.alignment`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from neuroninterp.motifs import DictionaryMotif, Match, consensus, load_database
from neuroninterp.motifs.alignment import Comparison, Segment
from neuroninterp.motifs.information import reverse_complement
from neuroninterp.results import AnalysisResult
from neuroninterp.text import numbered, printable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FOUND_IN", "RunComparison", "compare"]

FOUND_IN = ("both", "first", "second")
"""Where a motif was found."""

_MOST_ENTRIES = 1_000
"""Entries without a match of a run that are compared, those of the largest support: the time
goes with the square."""

_NULL_DATABASE, _NULL_STEP = "JASPAR2024", 4
"""Known motifs whose columns are Tomtom's null, as where dictionaries are built."""

_COLUMNS = {
    "kind": "object",
    "motif": "object",
    "name": "object",
    "consensus": "object",
    "found_in": "object",
    "layers_first": "object",
    "layers_second": "object",
    "whole_layers_first": "object",
    "whole_layers_second": "object",
    "neurons_first": "int64",
    "neurons_second": "int64",
    "e_value_first": "float64",
    "e_value_second": "float64",
}


@dataclass(frozen=True, eq=False)
class RunComparison:
    """What two runs have in common.

    Parameters
    ----------
    first, second : AnalysisResult
        The runs.
    motifs : pandas.DataFrame
        One row a motif, those of both runs first. ``kind`` is "known", and ``motif`` its id, or
        "unmatched", and ``motif`` the dictionary entry that stands for it (the one of largest
        support, after "first" or "second"). ``name`` is the known motif's; of an unmatched one
        that of what it resembles in the other run, if anything. ``found_in`` is "both", "first"
        or "second". ``layers_*`` are the layers that hold it, separated by commas;
        ``whole_layers_*`` those that match the whole known motif; ``neurons_*`` counts their
        neurons; ``e_value_*`` is the smallest (NaN where there is none).
    notes : tuple of str
        Why the two may not be comparable.
    """

    first: AnalysisResult
    second: AnalysisResult
    motifs: pd.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, dict[str, Any]]:
        """Numbers of motifs by kind: "known", "whole" (known, matched as a whole), "unmatched".

        Each has ``both``, ``first`` (alone), ``second`` (alone) and ``jaccard``, the share of
        all that both have, in [0, 1]; None where there is nothing.
        """
        known = self.motifs[self.motifs["kind"] == "known"]
        whole = zip(
            known["whole_layers_first"] != "", known["whole_layers_second"] != "", strict=True
        )
        unmatched = self.motifs[self.motifs["kind"] == "unmatched"]
        return {
            "known": _counted(known["found_in"]),
            "whole": _counted(_where(a, b) for a, b in whole if a or b),
            "unmatched": _counted(unmatched["found_in"]),
        }

    @property
    def layers(self) -> pd.DataFrame:
        """Known motifs by layer number: ``layer``, ``first``, ``second``, ``both``, ``whole_*``.

        ``both`` counts those that the layers of this number have in common; None where one
        run has no such layer.
        """
        import pandas as pd

        known = self.motifs[self.motifs["kind"] == "known"]
        numbers = sorted({n for run in (self.first, self.second) for n in _analysed(run)})
        rows = [_layer_row(number, known, self.first, self.second) for number in numbers]
        columns = ("layer", "first", "second", "both", "whole_first", "whole_second", "whole_both")
        return pd.DataFrame(rows, columns=list(columns)).astype("Int64")


def compare(first: AnalysisResult, second: AnalysisResult, *, n_jobs: int = -1) -> RunComparison:
    """Compare what two runs found.

    Parameters
    ----------
    first, second : AnalysisResult
        The runs, for example from :func:`neuroninterp.read_results`.
    n_jobs : int
        Threads; -1 for all cores. The answer does not depend on it.

    Returns
    -------
    RunComparison
        The same with both sides exchanged where the runs are.
    """
    import pandas as pd

    rows = [*_known_rows(first, second), *_unmatched_rows(first, second, n_jobs)]
    rows.sort(key=lambda row: (FOUND_IN.index(row["found_in"]), row["kind"]))
    motifs = pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)
    return RunComparison(first, second, motifs, tuple(_notes(first, second)))


@dataclass
class _Held:
    """Where one run holds a motif."""

    layers: set[int] = field(default_factory=set)
    whole_layers: set[int] = field(default_factory=set)
    neurons: set[tuple[int, int]] = field(default_factory=set)
    e_value: float = float("nan")
    name: str = ""

    def add(self, layer: int, neurons: Iterable[int], match: Match | None) -> None:
        self.layers.add(layer)
        self.neurons.update((layer, neuron) for neuron in neurons)
        if match is not None:
            self.name = self.name or match.target_name
            if match.whole:
                self.whole_layers.add(layer)
            self.e_value = float(np.fmin(self.e_value, match.e_value))


def _where(first: object, second: object) -> str:
    return "both" if first and second else "first" if first else "second"


def _row(kind: str, motif: str, name: str, letters: str, *held: _Held) -> dict[str, Any]:
    row: dict[str, Any] = {"kind": kind, "motif": motif, "name": name, "consensus": letters}
    row["found_in"] = _where(*(side.layers for side in held))
    for side, found in zip(("first", "second"), held, strict=True):
        row[f"layers_{side}"] = ",".join(map(str, sorted(found.layers)))
        row[f"whole_layers_{side}"] = ",".join(map(str, sorted(found.whole_layers)))
        row[f"neurons_{side}"] = len(found.neurons)
        row[f"e_value_{side}"] = found.e_value
    return row


def _known_rows(first: AnalysisResult, second: AnalysisResult) -> list[dict[str, Any]]:
    """Return the known motifs that any part matches, the most certain first."""
    held = [_known(run) for run in (first, second)]
    targets = {**second.targets, **first.targets}
    rows = []
    for identifier in {**held[0], **held[1]}:
        sides = [side.get(identifier, _Held()) for side in held]
        ppm = targets[identifier].ppm if identifier in targets else None
        letters = "" if ppm is None else consensus(ppm)
        name = sides[0].name or sides[1].name
        rows.append(_row("known", printable(identifier), printable(name), letters, *sides))
    rows.sort(key=lambda row: (np.fmin(row["e_value_first"], row["e_value_second"]), row["motif"]))
    return rows


def _known(result: AnalysisResult) -> dict[str, _Held]:
    held: dict[str, _Held] = {}
    for layer in result.layers:
        for neuron in layer.neurons:
            for match in neuron.matches:
                found = held.setdefault(match.target_id, _Held())
                found.add(layer.layer.number, [neuron.neuron], match)
    return held


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


def _unmatched_rows(
    first: AnalysisResult, second: AnalysisResult, n_jobs: int
) -> list[dict[str, Any]]:
    """Group the entries without a match; the entry of most support stands for its group."""
    entries = _entries((first, second), matched=False)
    if not entries:
        return []
    alike = _alike(entries, entries, n_jobs)
    groups: list[list[int]] = []
    remaining = dict.fromkeys(range(len(entries)))
    while remaining:
        founder = next(iter(remaining))
        # It belongs to its group even where it is too short to be significant.
        group = [founder, *(i for i in sorted(alike[founder]) if i in remaining and i != founder)]
        groups.append(group)
        for index in group:
            del remaining[index]
    known = _entries((first, second), matched=True)
    resembled = _alike([entries[group[0]] for group in groups], known, n_jobs) if known else []
    rows = []
    for number, group in enumerate(groups):
        members = [entries[index] for index in group]
        sides = {member.side for member in members}
        names = []
        if len(sides) == 1 and known:
            # What one run only resembles, the other may have matched.
            others = [known[i] for i in resembled[number] if known[i].side not in sides]
            members += others
            names = [entry.motif.match.target_name for entry in others if entry.motif.match]
        held = (_Held(), _Held())
        for member in members:
            held[member.side].add(member.layer, member.motif.neurons, None)
        founder_entry = entries[group[0]]
        label = f"{('first', 'second')[founder_entry.side]} {founder_entry.motif.name}"
        name = printable(names[0]) if names else ""
        rows.append(_row("unmatched", label, name, founder_entry.motif.consensus, *held))
    return rows


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


def _counted(found_in: Iterable[str]) -> dict[str, Any]:
    found = list(found_in)
    numbers: dict[str, Any] = {where: found.count(where) for where in FOUND_IN}
    return {**numbers, "jaccard": numbers["both"] / len(found) if found else None}


def _analysed(result: AnalysisResult) -> list[int]:
    return [layer.layer.number for layer in result.layers]


def _layer_row(
    number: int, known: pd.DataFrame, first: AnalysisResult, second: AnalysisResult
) -> dict[str, int | None]:
    row: dict[str, int | None] = {"layer": number}
    for kind in ("", "whole_"):
        holding = []
        for side, result in (("first", first), ("second", second)):
            there = number in _analysed(result)
            layers = known[f"{kind}layers_{side}"]
            holds = {i for i, text in layers.items() if str(number) in text.split(",")}
            row[f"{kind}{side}"] = len(holds) if there else None
            holding += [holds] if there else []
        row[f"{kind}both"] = len(set.intersection(*holding)) if len(holding) == 2 else None
    return row


def _notes(first: AnalysisResult, second: AnalysisResult) -> list[str]:
    """Say why the runs may differ for other reasons than the networks."""
    notes = []
    for name, what in (("motifs", "known motifs"), ("effort", "effort"), ("neurons", "neurons")):
        one, other = (_setting(run.settings, name) for run in (first, second))
        if one != other:
            notes.append(f"{what}: {one} in the first, {other} in the second")
    layers = [_analysed(first), _analysed(second)]
    if layers[0] != layers[1]:
        told = [numbered("layer", numbers) if numbers else "none" for numbers in layers]
        notes.append(f"analysed: {told[0]} in the first, {told[1]} in the second")
    for where, run in (("first", first), ("second", second)):
        if not any(layer.dictionary for layer in run.layers):
            notes.append(
                f"the {where} has no motif dictionary: its motifs without a match are not compared"
            )
    return notes


def _setting(settings: Mapping[str, Any], name: str) -> str:
    value = settings.get(name)
    if isinstance(value, list | tuple):
        return numbered("channel", sorted(value)) if value else "none"
    return "all" if value is None else printable(value)
