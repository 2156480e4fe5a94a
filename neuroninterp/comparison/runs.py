"""Two runs side by side, as one value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neuroninterp.comparison.known import known_rows
from neuroninterp.comparison.rows import FOUND_IN, where
from neuroninterp.comparison.unmatched import unmatched_rows
from neuroninterp.results import AnalysisResult
from neuroninterp.results.tables import frame
from neuroninterp.text import numbered, printable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RunComparison", "compare"]

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
    shared_by_chance : int
        How many of the unmatched motifs would be in both if their columns were shuffled. Among
        a hundred motifs a run some are alike whatever they are: read the number in both beside
        this one.
    notes : tuple of str
        Why the two may not be comparable.
    """

    first: AnalysisResult
    second: AnalysisResult
    motifs: pd.DataFrame
    shared_by_chance: int = 0
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, dict[str, Any]]:
        """Numbers of motifs by kind: "known", "whole" (known, matched as a whole), "unmatched".

        Each has ``both``, ``first`` (alone), ``second`` (alone) and ``jaccard``, the share of
        all that both have, in [0, 1]; None where there is nothing. "unmatched" has
        ``both_by_chance``, too.
        """
        known = self.motifs[self.motifs["kind"] == "known"]
        whole = zip(
            known["whole_layers_first"] != "", known["whole_layers_second"] != "", strict=True
        )
        unmatched = self.motifs[self.motifs["kind"] == "unmatched"]
        return {
            "known": _counted(known["found_in"]),
            "whole": _counted(where(a, b) for a, b in whole if a or b),
            "unmatched": {
                **_counted(unmatched["found_in"]),
                "both_by_chance": self.shared_by_chance,
            },
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
    unmatched, by_chance = unmatched_rows(first, second, n_jobs)
    rows = [*known_rows(first, second), *unmatched]
    rows.sort(key=lambda row: (FOUND_IN.index(row["found_in"]), row["kind"]))
    motifs = frame(rows, _COLUMNS)
    return RunComparison(first, second, motifs, by_chance, tuple(_notes(first, second)))


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
    for side, run in (("first", first), ("second", second)):
        if run.unfinished is not None:
            done, neurons = run.unfinished.done, run.unfinished.neurons
            notes.append(f"the {side} is not finished: {done} of {neurons} neurons are analysed")
    for name, what in (("motifs", "known motifs"), ("effort", "effort"), ("neurons", "neurons")):
        one, other = (_setting(run.settings, name) for run in (first, second))
        if one != other:
            notes.append(f"{what}: {one} in the first, {other} in the second")
    layers = [_analysed(first), _analysed(second)]
    if layers[0] != layers[1]:
        told = [numbered("layer", numbers) if numbers else "none" for numbers in layers]
        notes.append(f"analysed: {told[0]} in the first, {told[1]} in the second")
    for side, run in (("first", first), ("second", second)):
        if not any(layer.dictionary for layer in run.layers):
            notes.append(
                f"the {side} has no motif dictionary: its motifs without a match are not compared"
            )
    return notes


def _setting(settings: Mapping[str, Any], name: str) -> str:
    value = settings.get(name)
    if isinstance(value, list | tuple):
        return numbered("channel", sorted(value)) if value else "none"
    return "all" if value is None else printable(value)
