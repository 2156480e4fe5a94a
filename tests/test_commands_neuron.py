"""A quick look at one neuron: the same answer as a whole run's, in letters and as a picture."""

from __future__ import annotations

import io
import json
import re
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from command_line import CONSENSUS, Run, assert_one_line, small_model
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rich.console import Console

import neuroninterp as ni
from neuroninterp.report.terminal_logo import letter_rows, terminal_logo
from neuroninterp.report.vector_logo import letter_bits

PPMS = arrays(float, st.tuples(st.integers(1, 12), st.just(4)), elements=st.floats(0.001, 1)).map(
    lambda weights: weights / weights.sum(axis=1, keepdims=True)
)


@given(PPMS, st.sampled_from([2, 6, 8, 20]))
def test_letters_take_the_rows_of_their_bits(ppm: np.ndarray, height: int) -> None:
    rows = letter_rows(ppm, height=height)
    assert len(rows) == height
    assert {len(row) for row in rows} == {len(ppm)}
    for position, bits in enumerate(letter_bits(ppm) * height / 2):
        column = "".join(row[position] for row in rows)
        stack = column.lstrip(" ")
        assert len(stack) == np.rint(bits.sum())
        for base, tall in zip("ACGT", bits, strict=True):
            assert abs(stack.count(base) - tall) <= 1
        # From above, each base in one piece, and never a taller one below a smaller one.
        pieces = [base for base, _ in groupby(stack)]
        talls = [bits["ACGT".index(base)] for base in pieces]
        assert len(set(pieces)) == len(pieces)
        assert talls == sorted(talls, reverse=True)


def shown(ppm: np.ndarray, width: int | None = None, **console: object) -> str:
    stream = io.StringIO()
    Console(file=stream, highlight=False, **console).print(
        terminal_logo(ppm, first=9, height=4, width=width), end="", soft_wrap=True
    )
    return stream.getvalue()


def test_a_logo_in_the_terminal() -> None:
    ppm = np.eye(4)[[0, 2, 3]]
    plain = " 2 │AGT\n   │AGT\n 1 │AGT\n   │AGT\n   └9──\n"
    assert shown(ppm) == plain
    assert shown(ppm, no_color=True) == plain
    assert "\x1b[1;32mA" in shown(ppm, force_terminal=True, color_system="standard")
    # Too wide for the line, it goes on below, with its own numbers.
    assert shown(ppm, width=6).splitlines()[::5] == [" 2 │AG", " 2 │T"]
    assert shown(ppm, width=6).splitlines()[4::5] == ["   └9─", "   └─"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_model(tmp_path_factory.mktemp("neuron") / "small.keras")


def test_it_is_the_neuron_of_a_whole_run(model: Path) -> None:
    alone = ni.analyze_neuron(model, 2, 0, motifs="JASPAR2016", seed=3)
    result = ni.analyze(model, layers=[2], neurons=[0], motifs="JASPAR2016", seed=3, effort="quick")
    (neuron,) = result.layers[0].neurons
    assert alone.matches == neuron.matches
    assert len(alone.parts) == len(neuron.parts) > 1
    for mine, theirs in zip(alone.parts, neuron.parts, strict=True):
        np.testing.assert_array_equal(mine.ppm, theirs.ppm)


def test_sequences_are_looked_at_too(model: Path, tmp_path: Path, run_here: Run) -> None:
    rng = np.random.default_rng(0)
    letters = ["".join(rng.choice(list("ACGT"), 40)) for _ in range(60)]
    letters[7] = letters[7][:11] + CONSENSUS[0] + letters[7][18:]
    fasta = tmp_path / "some.fa"
    fasta.write_text("".join(f">s{i}\n{word}\n" for i, word in enumerate(letters)))
    picture = tmp_path / "x.svg"
    told = run_here("neuron", model, 1, 0, "--data", fasta, "--json", "-o", picture)
    assert told.returncode == 0, told.stderr
    described = json.loads(told.stdout)
    assert described["from_data"]["maximum"] == described["mixture"]["maximum"] == 5
    best = described["top_sequences"][0]
    assert (best["name"], best["start"], best["value"]) == ("s7", 11, 5)
    assert best["window"].startswith(CONSENSUS[0])
    assert sum(described["profile"]["data_counts"]) > 0
    shown = run_here("neuron", model, 1, 0, "--data", fasta, "-o", picture).stdout
    assert f"  5  {best['window']}  s7, 11" in shown


def test_its_motif_is_printed_and_drawn(
    model: Path, tmp_path: Path, run_here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run_here("neuron", model, 1, 0)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    # The planted word stands in the letters' lower rows, where nothing else does.
    assert f" 1 │{CONSENSUS[0]}" in done.stdout
    assert re.search(r"motif: consensus ratio 1.00, (BNC2|Jun|FOS|BATF).*, E = ", done.stdout)
    picture = tmp_path / "small.keras-layer1-neuron0.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    svg = tmp_path / "second.svg"
    told = run_here("neuron", model, 1, 1, "--json", "-o", svg)
    described = json.loads(told.stdout)
    assert (described["layer"], described["neuron"], described["dead"]) == (1, 1, False)
    assert described["receptive_field"] == 8
    (part,) = described["parts"]
    assert part["consensus"][:6] == CONSENSUS[1]
    assert part["matches"][0]["e_value"] <= 0.1
    assert np.array(part["ppm"]).shape == (8, 4)
    np.testing.assert_allclose(np.sum(part["ppm"], axis=1), 1, atol=1e-5)
    assert described["picture"] == str(svg)
    assert "Layer 1, neuron 1" in svg.read_text()


def test_a_dead_neuron_is_said_to_be_dead(model: Path, tmp_path: Path, run_here: Run) -> None:
    picture = tmp_path / "dead.png"
    done = run_here("neuron", model, 1, 2, "-o", picture)
    assert done.returncode == 0, done.stderr
    assert "never active" in done.stdout
    assert not picture.exists()
    described = json.loads(run_here("neuron", model, 1, 2, "--json", "-o", picture).stdout)
    assert (described["dead"], described["mixture"], described["parts"]) == (True, None, [])
    assert described["picture"] is None


def test_wrong_input_gets_one_line(model: Path, tmp_path: Path, run_here: Run) -> None:
    picture = tmp_path / "out.png"
    cases: list[tuple[tuple[object, ...], tuple[str, ...]]] = [
        ((model,), ("LAYER",)),
        ((model, 1), ("NEURON",)),
        ((model, 0, 1), ("0",)),
        ((model, "one", 1), ("one",)),
        ((model, 7, 0), ("layer '7'", "1, 2")),
        ((model, 1, 3), ("'3'", "0 to 2")),
        ((tmp_path / "absent.keras", 1, 0), ("absent.keras",)),
        ((model, 1, 0, "--motifs", "JASPAR1999"), ("JASPAR1999",)),
        ((model, 1, 0, "--relevant", "CTFC"), ("CTFC", "CTCF")),
        ((model, 1, 0, "--data", tmp_path / "absent.fa"), ("absent.fa",)),
    ]
    for arguments, words in cases:
        assert_one_line(run_here("neuron", *arguments, "-o", picture), *words)
    assert_one_line(run_here("neuron", model, 1, 0, "-o", tmp_path / "x.gif"), ".svg or .png")
    assert_one_line(run_here("neuron", model, 1, 0, "-o", tmp_path / "no" / "x.png"), "no folder")
    assert list(tmp_path.iterdir()) == []
