"""The command that repeats a run says all that was given, and gives the same results."""

from __future__ import annotations

import shlex
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Run, small_model
from example_result import example_result
from hypothesis import given
from hypothesis import strategies as st

import neuroninterp as ni
from neuroninterp.commands import analyze
from neuroninterp.results import repeat_command, stored_ppms
from neuroninterp.results.command import given_arguments
from neuroninterp.sequences import Sequences

# What a shell, click or TOML might trip over; no name of a file holds NUL.
TEXT = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), min_size=1)
WORD = TEXT.filter(lambda text: "," not in text and text == text.strip())
NUMBERS = st.lists(st.integers(0, 30), min_size=1, max_size=6, unique=True)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
ARGUMENTS = st.fixed_dictionaries(
    {"model": TEXT.filter(lambda text: not text.startswith("-"))},
    optional={
        "data": TEXT,
        "layers": NUMBERS,
        "neurons": NUMBERS,
        "motifs": TEXT,
        "relevant": st.lists(WORD, min_size=1, max_size=3),
        "effort": st.sampled_from(["quick", "thorough"]),
        "rounds": st.integers(1, 3),
        "seed": st.integers(1, 2**40),
        "force": st.just(True),
        "device": st.just("cpu"),
        "weights": TEXT,
        "input_name": TEXT,
        "alphabet": TEXT,
        "layout": TEXT,
        "length": st.integers(1, 10**6),
        "held": st.dictionaries(TEXT, FINITE, min_size=1, max_size=3),
        "background": FINITE,
        "x_key": TEXT,
        "y_key": TEXT,
        "data_alphabet": TEXT,
        "genome": TEXT,
        "n_jobs": st.integers(-3, 8),
        "trust_model": st.just(True),
    },
)


def parsed(words: list[str]) -> dict[str, Any]:
    return dict(analyze.make_context("analyze", words).params)


def with_arguments(arguments: dict[str, Any] | None) -> ni.AnalysisResult:
    return replace(example_result(), settings={"arguments": arguments})


@given(ARGUMENTS)
def test_the_command_is_parsed_to_what_was_given(arguments: dict[str, Any]) -> None:
    words = shlex.split(repeat_command(with_arguments(arguments)))
    assert words[:2] == ["neuroninterp", "analyze"]
    found = parsed(words[2:])
    expected = {**parsed(["some"]), **arguments}
    for name in ("layers", "neurons", "relevant"):
        if name in arguments:
            expected[name] = tuple(arguments[name])
    expected["held"] = tuple(arguments.get("held", {}).items())
    assert found == expected


def test_what_cannot_be_told_is_not_told() -> None:
    assert repeat_command(example_result()) == ""
    assert repeat_command(with_arguments(None)) == ""
    assert repeat_command(with_arguments({"model": "m", "relevant": ["A,B"]})) == ""
    assert repeat_command(with_arguments({"model": "-m"})) == "neuroninterp analyze ./-m"


def test_how_and_where_a_run_is_done_is_no_part_of_what_it_finds() -> None:
    parameters = signature(ni.analyze).parameters
    values = {name: parameter.default for name, parameter in parameters.items()}
    how = {"n_jobs": 3, "memory": "4GB", "scheduler": "tcp://host:1", "resume": False}
    values |= {name: value for name, value in how.items() if name in parameters}
    values |= {"model": "m.keras", "output": "folder", "verbose": True, "seed": 3, "force": True}
    assert given_arguments(ni.analyze, values) == {"model": "m.keras", "seed": 3, "force": True}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_model(tmp_path_factory.mktemp("a network's") / "small one.keras")


def test_running_it_gives_the_same_results(model: Path, tmp_path: Path, run_here: Run) -> None:
    settings = {"layers": [1], "neurons": [1, 0], "effort": "quick", "seed": 5}
    first = ni.analyze(model, relevant=["MAX"], alphabet="ACGT", **settings)
    command = repeat_command(first)
    words = shlex.split(command)
    assert words[:3] == ["neuroninterp", "analyze", str(model)]
    asked = "--layers 1 --neurons 1,0 --relevant MAX --effort quick --seed 5 --alphabet ACGT"
    assert " ".join(words[3:]) == asked
    done = run_here(*words[1:], "-q", "-o", tmp_path / "again")
    assert done.returncode == 0, done.stderr
    again = ni.read_results(tmp_path / "again")
    ppms, repeated = stored_ppms(first), stored_ppms(again)
    assert ppms.keys() == repeated.keys()
    for name, ppm in ppms.items():
        np.testing.assert_array_equal(ppm.astype(np.float32), repeated[name])
    assert repeat_command(again) == command
    assert first.model["input"]["assumed"] == ["layout"]


def test_a_loaded_model_remembers_how_it_was_loaded(model: Path) -> None:
    loaded = ni.load(model, alphabet="AGCT", layout="NLC")
    options = {"layers": [1], "neurons": [0], "effort": "quick"}
    result = ni.analyze(loaded, **options)
    words = shlex.split(repeat_command(result))
    asked = "--layers 1 --neurons 0 --effort quick --alphabet AGCT --layout NLC"
    assert words[2:] == [str(model), *asked.split()]
    codes = np.zeros((2, 40), np.uint8)
    handed_over = ni.analyze(loaded, Sequences(codes, None, None, None, "made"), **options)
    assert repeat_command(handed_over) == ""
