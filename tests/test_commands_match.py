"""Motifs of a file against known motifs: what was planted is found, and told as in matches.tsv."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from command_line import Run, assert_one_line

from neuroninterp.motifs import load_database, write_meme
from neuroninterp.motifs.information import on_strand

PLANTED = {
    "ctcf": ("CTCF", "+"),
    "srf": ("SRF", "+"),
    "max": ("MAX", "+"),
    "yy1_back": ("YY1", "-"),
}
JASPAR = "JASPAR2016"


@pytest.fixture(scope="module")
def motif_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four known motifs, one turned around, and a flat one; two share their id."""
    database = load_database(JASPAR)
    known = dict(zip(database.names, database.ppms, strict=True))
    motifs = [
        (name, "planted", on_strand(known[target], strand), 50)
        for name, (target, strand) in PLANTED.items()
    ]
    flat = np.full((8, 4), 0.25)
    path = tmp_path_factory.mktemp("meme") / "mine.meme"
    write_meme(path, [*motifs, ("flat", "", flat, 10), ("srf", "again", motifs[1][2], 10)])
    return path


def test_planted_motifs_are_found_on_their_strand(
    motif_file: Path, tmp_path: Path, run_here: Run
) -> None:
    table = tmp_path / "matches.tsv"
    done = run_here("match", motif_file, "--motifs", JASPAR, "--best", "-o", table)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"wrote {table}",
        "5 of 6 motifs match JASPAR2016:vertebrates (E <= 0.1)",
    ]
    with open(table, encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["Query_ID"] for row in rows] == [*PLANTED, "srf"]
    found = {row["Query_ID"]: (row["target_name"], row["Orientation"]) for row in rows}
    assert {name: found[name] for name in ("ctcf", "yy1_back")} == {
        name: PLANTED[name] for name in ("ctcf", "yy1_back")
    }
    # Of palindromes both strands are right.
    assert (found["srf"][0], found["max"][0]) == ("SRF", "MAX")
    assert all(row["whole"] == "True" and float(row["E-value"]) < 1e-6 for row in rows)


def test_json_and_terminal_tell_the_same(motif_file: Path, tmp_path: Path, run_here: Run) -> None:
    table = tmp_path / "matches.tsv"
    arguments = ("match", motif_file, "--motifs", JASPAR, "--relevant", "CTCF")
    told = json.loads(run_here(*arguments, "--json", "-o", table).stdout)
    assert (told["queries"], told["matched"], told["motifs"]) == (6, 5, "JASPAR2016:vertebrates")
    with open(table, encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) == len(told["matches"]) > 6
    for row, entry in zip(rows, told["matches"], strict=True):
        assert {key: str(value) for key, value in entry.items()} == row
    relevant = {entry["target_name"] for entry in told["matches"] if entry["relevant"]}
    assert relevant == {"CTCF"}
    shown = run_here(*arguments).stdout
    assert "MA0139.1" in shown
    assert "5 of 6 motifs match" in shown
    strict = json.loads(run_here(*arguments, "--json", "--e-value", "1e-300").stdout)
    assert (strict["matched"], strict["matches"]) == (0, [])


def test_columns_are_those_of_a_run(motif_file: Path) -> None:
    from example_result import example_result

    from neuroninterp.motifs import read_meme
    from neuroninterp.motifs.match_table import match_table
    from neuroninterp.results import matches_table

    mine = match_table(read_meme(motif_file), load_database(JASPAR))
    runs = matches_table(example_result())
    shared = [name for name in runs.columns if name in mine.columns]
    assert set(runs.columns) - set(shared) <= {"layer", "neuron", "part", "target_start"}
    assert set(mine.columns) - set(shared) == {"query_name"}
    assert {name: str(mine[name].dtype) for name in shared} == {
        name: str(runs[name].dtype) for name in shared
    }


def test_wrong_input_gets_one_line(motif_file: Path, tmp_path: Path, run_here: Run) -> None:
    text = tmp_path / "text.meme"
    text.write_text(">not a meme file\nACGT\n")
    assert_one_line(run_here("match"), "FILE")
    assert_one_line(run_here("match", tmp_path / "absent.meme"), "absent.meme", "no such")
    assert_one_line(run_here("match", text), "text.meme", "MEME")
    assert_one_line(run_here("match", motif_file, "--motifs", "JASPAR1999"), "JASPAR1999")
    assert_one_line(run_here("match", motif_file, "--relevant", "CTFC"), "CTFC", "CTCF")
    assert_one_line(run_here("match", motif_file, "--e-value", "0"), "--e-value", "0")
    assert_one_line(run_here("match", motif_file, "-o", tmp_path / "no" / "x.tsv"), "no folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["text.meme"]
