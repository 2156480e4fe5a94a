"""Two runs made by hand, of which is known what they share: names, likeness, layers."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from command_line import Run, assert_one_line
from example_result import FIRST, SECOND, example_result, ppm_of
from hypothesis import given, settings
from hypothesis import strategies as st

import neuroninterp as ni
from neuroninterp.motifs import DictionaryMotif, Match, Occurrence
from neuroninterp.motifs.information import reverse_complement
from neuroninterp.motifs.records import KnownMotif
from neuroninterp.results import AnalysisResult, LayerResult, write_results

EXAMPLE = example_result()
NEURON = EXAMPLE.layers[1].neurons[0]

Hits = Mapping[tuple[int, int], Sequence[tuple[str, float, bool]]]
"""By layer and neuron: name of the known motif, E-value, whether it is matched as a whole."""

Entries = Mapping[int, Sequence[tuple[np.ndarray, str | None]]]
"""By layer: PPM, and the name of the known motif that it matches, if any."""


def match(name: str, e_value: float = 0.01, whole: bool = True) -> Match:
    return Match("query", f"ID_{name}", name, e_value / 500, e_value, "+", 0, 6, 6, 0.9, whole)


def run_of(hits: Hits | None = None, entries: Entries | None = None) -> AnalysisResult:
    """Make a run of two layers that matched and composed just that."""
    layers, targets = [], {}
    for geometry in (FIRST, SECOND):
        number = geometry.number
        neurons = []
        for (layer, neuron), found in (hits or {}).items():
            if layer == number:
                matches = tuple(match(*hit) for hit in found)
                neurons.append(replace(NEURON, layer=layer, neuron=neuron, matches=matches))
                targets |= {m.target_id: m.target_name for m in matches}
        dictionary = tuple(
            DictionaryMotif(
                f"layer{number}_motif{i}",
                ppm,
                1.0 - i / 1000,
                (Occurrence(i, 0, 0, "+", 1.0),),
                None if name is None else match(name),
            )
            for i, (ppm, name) in enumerate((entries or {}).get(number, ()))
        )
        layers.append(
            LayerResult(geometry, tuple(neurons), EXAMPLE.layers[0].fractions, dictionary)
        )
    known = {key: KnownMotif(key, name, ppm_of("ACGT", 4, 0)) for key, name in targets.items()}
    return replace(EXAMPLE, layers=tuple(layers), targets=known, settings={"motifs": "hand"})


def row(compared: ni.RunComparison, **named: str) -> dict[str, Any]:
    table = compared.motifs
    for column, value in named.items():
        table = table[table[column] == value]
    (found,) = table.to_dict(orient="records")
    return found


def test_known_motifs_are_compared_by_name_and_layer() -> None:
    first = run_of(
        {
            (1, 0): [("CTCF", 0.02, False), ("CTCF", 0.03, False)],
            (2, 0): [("CTCF", 1e-9, True), ("MAX", 0.01, True)],
            (2, 1): [("CTCF", 0.05, False)],
        }
    )
    second = run_of({(1, 3): [("CTCF", 0.1, False), ("SRF", 1e-5, True)]})
    compared = ni.compare(first, second)
    assert compared.motifs["name"].tolist() == ["CTCF", "MAX", "SRF"]
    ctcf = row(compared, name="CTCF")
    assert ctcf == {
        "kind": "known",
        "motif": "ID_CTCF",
        "name": "CTCF",
        "consensus": "ACGT",
        "found_in": "both",
        "layers_first": "1,2",
        "layers_second": "1",
        "whole_layers_first": "2",
        "whole_layers_second": "",
        "neurons_first": 3,
        "neurons_second": 1,
        "e_value_first": 1e-9,
        "e_value_second": 0.1,
    }
    assert (row(compared, name="MAX")["found_in"], row(compared, name="SRF")["found_in"]) == (
        "first",
        "second",
    )
    counts = compared.counts
    assert counts["known"] == {"both": 1, "first": 1, "second": 1, "jaccard": 1 / 3}
    assert counts["whole"] == {"both": 0, "first": 2, "second": 1, "jaccard": 0.0}
    nothing = {"both": 0, "first": 0, "second": 0, "jaccard": None, "both_by_chance": 0}
    assert counts["unmatched"] == nothing
    layers = compared.layers.set_index("layer")
    assert layers.loc[1].tolist() == [1, 2, 1, 0, 1, 0]
    assert layers.loc[2].tolist() == [2, 0, 0, 2, 0, 0]


def noisy(ppm: np.ndarray, flanks: tuple[int, int], seed: int) -> np.ndarray:
    """The same motif from another sample, between positions that say nothing."""
    rng = np.random.default_rng(seed)
    flat = [np.full((width, 4), 0.25) for width in flanks]
    columns = np.concatenate([flat[0], ppm, flat[1]])
    return np.array([rng.dirichlet(200 * column + 0.5) for column in columns])


SHARED = ppm_of("TGCAATCCGA", 10, 0)
TURNED = ppm_of("GGATTAAGTC", 10, 0)
ALONE = ppm_of("CCTAGTTTAC", 10, 0)
SEEN = ppm_of("ATGCCAACCT", 10, 0)


def test_motifs_without_a_match_are_compared_by_likeness() -> None:
    first = run_of(
        entries={
            1: [(SHARED, None), (ALONE, None)],
            2: [
                (noisy(SHARED, (0, 0), 1), None),
                (TURNED, None),
                (SEEN, None),
                (ppm_of("CACGTG", 6, 0), "MAX"),
            ],
        }
    )
    second = run_of(
        entries={
            2: [
                (noisy(SHARED, (1, 2), 2), None),
                (reverse_complement(noisy(TURNED, (2, 0), 3)), None),
                (noisy(SEEN, (0, 1), 4), "NEW1"),
                (ppm_of("GGGACTTTCC", 10, 0), None),
            ]
        }
    )
    for one, other, sides in (
        (first, second, ("first", "second")),
        (second, first, ("second", "first")),
    ):
        compared = ni.compare(one, other)
        assert set(compared.motifs["kind"]) == {"unmatched"}
        rows = compared.motifs.to_dict(orient="records")
        # The entry that stands for a group may be the one with flanks, or the other strand.
        where = {
            name: next(
                found
                for found in rows
                if name in found["consensus"] or _turned(name) in found["consensus"]
            )
            for name in ("TGCAATCCGA", "GGATTAAGTC", "CCTAGTTTAC", "ATGCCAACCT", "GGGACTTTCC")
        }
        assert len(rows) == len(where)
        assert [found["found_in"] for found in where.values()] == [
            "both",
            "both",
            sides[0],
            "both",
            sides[1],
        ]
        layers = [
            (found[f"layers_{sides[0]}"], found[f"layers_{sides[1]}"]) for found in where.values()
        ]
        assert layers == [("1,2", "2"), ("2", "2"), ("1", ""), ("2", "2"), ("", "2")]
        # What one run only resembles, the other matched.
        assert where["ATGCCAACCT"]["name"] == "NEW1"
        assert compared.counts["unmatched"]["jaccard"] == 3 / 5
        assert compared.shared_by_chance == 0


def test_what_is_shared_by_chance_stands_beside_it() -> None:
    """Of unrelated random motifs as many are shared as the null says, of equal ones all."""
    rng = np.random.default_rng(1)

    def some() -> Entries:
        return {2: [(rng.dirichlet([0.15] * 4, size=8), None) for _ in range(120)]}

    one, other = run_of(entries=some()), run_of(entries=some())
    unrelated, itself = ni.compare(one, other), ni.compare(one, one)
    assert 1 <= unrelated.shared_by_chance <= 40
    assert abs(unrelated.counts["unmatched"]["both"] - unrelated.shared_by_chance) <= 10
    assert itself.shared_by_chance <= 40
    assert itself.counts["unmatched"]["both"] == len(itself.motifs) >= 100


def _turned(word: str) -> str:
    return word[::-1].translate(str.maketrans("ACGT", "TGCA"))


WORDS = st.lists(st.text("ACGT", min_size=2, max_size=12), min_size=1, max_size=5)


@settings(max_examples=15, deadline=None)
@given(WORDS, WORDS)
def test_a_run_shares_everything_with_itself(shallow: list[str], deep: list[str]) -> None:
    """However short or alike its motifs are."""
    entries = {
        layer: [(ppm_of(word, len(word), 0), None) for word in words]
        for layer, words in ((1, shallow), (2, deep))
    }
    run = run_of({(1, 0): [("CTCF", 0.01, True)]}, entries)
    compared = ni.compare(run, run)
    assert set(compared.motifs["found_in"]) == {"both"}
    assert (compared.motifs["layers_first"] == compared.motifs["layers_second"]).all()
    assert (compared.motifs["neurons_first"] == compared.motifs["neurons_second"]).all()
    assert {found["jaccard"] for found in compared.counts.values()} == {1.0}
    assert not [note for note in compared.notes if "first" in note]


def test_the_command_tells_it_in_every_form(tmp_path: Path, run_here: Run) -> None:
    first = run_of({(2, 0): [("CTCF", 1e-9, True)]}, {2: [(ALONE, None)]})
    second = run_of({(1, 0): [("CTCF", 1e-3, True), ("SRF", 1e-3, True)]}, {1: [(SHARED, None)]})
    second = replace(second, layers=second.layers[:1], settings={"motifs": "other"})
    write_results(first, tmp_path / "one")
    write_results(second, tmp_path / "two")
    arguments = ("compare", tmp_path / "one", tmp_path / "two")
    shown = run_here(*arguments)
    assert shown.returncode == 0, shown.stderr
    assert "known motifs: 1 in both, 0 only in the first, 1 only in the second" in shown.stdout
    assert "without a match: 0 in both, 1 only in the first, 1 only in the second" in shown.stdout
    assert "note: known motifs: hand in the first, other in the second" in shown.stdout
    assert "note: analysed: layers 1-2 in the first, layer 1 in the second" in shown.stdout
    assert shown.stdout.count(EXAMPLE.verdict.sentence) == 2
    table = tmp_path / "motifs.tsv"
    told = json.loads(run_here(*arguments, "--json", "-o", table).stdout)
    assert told["counts"]["known"] == {"both": 1, "first": 0, "second": 1, "jaccard": 0.5}
    assert told["first"]["verdict"]["sentence"] == EXAMPLE.verdict.sentence
    assert told["layers"][1] == {
        "layer": 2,
        "first": 1,
        "second": None,
        "both": None,
        "whole_first": 1,
        "whole_second": None,
        "whole_both": None,
    }
    with open(table, encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [found["name"] for found in rows] == [found["name"] for found in told["motifs"]]
    assert [found["found_in"] for found in rows] == ["both", "first", "second", "second"]
    assert told["motifs"][1]["e_value_first"] is None


def test_wrong_input_gets_one_line(tmp_path: Path, run_here: Run) -> None:
    write_results(EXAMPLE, tmp_path / "one")
    assert_one_line(run_here("compare", tmp_path / "one"), "DIR2")
    assert_one_line(run_here("compare", tmp_path / "one", tmp_path / "absent"), "absent")
    assert_one_line(run_here("compare", tmp_path, tmp_path / "one"), "analyze")
    nowhere = tmp_path / "no" / "x.tsv"
    words = ("compare", tmp_path / "one", tmp_path / "one", "-o", nowhere)
    assert_one_line(run_here(*words), "no folder")
