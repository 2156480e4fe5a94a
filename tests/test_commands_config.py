"""Options from a file: the same as on the command line, which wins; mistakes are named."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from command_line import Run, assert_one_line, small_model
from hypothesis import given
from test_commands_repeat import ARGUMENTS, parsed, with_arguments

import neuroninterp as ni
from neuroninterp.results import stored_ppms
from neuroninterp.results.command import names_a_file, run_config

FILES = ("model", "data", "weights", "genome", "motifs")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Somewhere else than the current folder."""
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("here"))
    yield tmp_path_factory.mktemp("there") / "deeper"
    os.chdir(before)


@given(arguments=ARGUMENTS)
def test_a_run_is_read_from_its_file(folder: Path, arguments: dict[str, Any]) -> None:
    folder.mkdir(exist_ok=True)
    config = folder / "run.toml"
    config.write_text(run_config(with_arguments(arguments), folder), encoding="utf-8")
    found = parsed(["--config", str(config)])
    expected = {**parsed(["some"]), **arguments}
    for name in ("layers", "neurons", "relevant"):
        if name in arguments:
            expected[name] = tuple(arguments[name])
    expected["held"] = tuple(arguments.get("held", {}).items())
    for name in FILES:
        if names_a_file(name, arguments.get(name)):
            # The file lies elsewhere: it names the same files in its own way.
            found[name], expected[name] = map(os.path.abspath, (found[name], expected[name]))
    assert found == expected


def write(folder: Path, text: str) -> Path:
    path = folder / "options.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_command_line_wins_and_files_lie_beside_the_file(tmp_path: Path) -> None:
    config = write(
        tmp_path,
        'model = "m.keras"\ndata = "/elsewhere/x.h5"\noutput = "out"\nmotifs = "JASPAR2016"\n'
        'layers = [1, "3-4"]\nneurons = 7\nrelevant = ["SRF", "A,B"]\nseed = 3\nforce = true\n'
        'background = 1\nhold = "tracks=0.5"\nverbose = true\n',
    )
    found = parsed(["--config", str(config), "--seed", "4", "--hold", "other=2"])
    assert found["model"] == str(tmp_path / "m.keras")
    assert (found["data"], found["output"]) == ("/elsewhere/x.h5", str(tmp_path / "out"))
    assert (found["motifs"], found["layers"], found["neurons"]) == ("JASPAR2016", (1, 3, 4), (7,))
    assert (found["relevant"], found["seed"], found["force"]) == (("SRF", "A,B"), 4, True)
    assert (found["background"], found["verbose"]) == (1.0, True)
    assert found["held"] == (("other", 2.0),)
    assert parsed(["zoo:cnn-2", "--config", str(config)])["model"] == "zoo:cnn-2"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sed = 3", ("unknown key 'sed'", "'seed'")),
        ("n_jobs = 3", ("unknown key 'n_jobs'", "'n-jobs'")),
        ("input_name = 'x'", ("unknown key 'input_name'", "'input'")),
        ("config = 'x.toml'", ("unknown key 'config'",)),
        ("[tool]\nseed = 3", ("unknown key 'tool'",)),
        ("seed = 'three'", ("seed = 'three'", "a whole number")),
        ("seed = true", ("seed = true", "a whole number")),
        ("seed = -1", ("seed = -1", "range")),
        ("force = 'yes'", ("force = 'yes'", "true or false")),
        ("background = 'much'", ("background = 'much'", "a number")),
        ("effort = 'quik'", ("effort = 'quik'", "quick")),
        ("layers = 'one'", ("layers = 'one'", "1,3 or 0-9")),
        ("layers = [1.5]", ("layers = [1.5]", "0-9,12")),
        ("hold = ['x']", ("hold = ['x']", "tracks=0.5")),
        ("data = ['x', 'y']", ("data = ['x', 'y']", "text in quotes")),
        ("relevant = [1]", ("relevant = [1]", "text")),
        ("seed = = 3", ("not a TOML file", "line 1")),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    config = write(tmp_path, text + "\n")
    with pytest.raises(click.ClickException) as caught:
        parsed(["zoo:cnn-2", "--config", str(config)])
    message = caught.value.format_message()
    for word in ("options.toml", *words):
        assert word in message, message


def test_wrong_files_get_one_line(tmp_path: Path, run_here: Run) -> None:
    assert_one_line(run_here("analyze", "--config", tmp_path / "absent.toml"), "absent.toml")
    assert_one_line(run_here("analyze", "--config", tmp_path), str(tmp_path))
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    assert_one_line(run_here("neuron", "--config", binary), "binary.toml", "TOML")
    empty = write(tmp_path, "")
    assert_one_line(run_here("attribute", "--config", empty), "MODEL")
    wrong = write(tmp_path, "layers = 1\n")
    assert_one_line(run_here("attribute", "m", "--config", wrong), "'layers'", "'layer'")


def test_run_toml_repeats_the_run(
    tmp_path: Path, run_here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    small_model(Path("small.keras"))
    arguments = ("--layers", "1", "--neurons", "0,1", "--effort", "quick", "--seed", "9")
    first = run_here("analyze", "small.keras", *arguments, "-o", "../results/first")
    assert first.returncode == 0, first.stderr
    config = tmp_path / "results" / "first" / "run.toml"
    assert 'model = "../../mine/small.keras"' in config.read_text()
    monkeypatch.chdir(tmp_path)
    done = run_here("analyze", "--config", config, "-o", "again", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["settings"]["arguments"]["seed"] == 9
    once, again = (stored_ppms(ni.read_results(path)) for path in (config.parent, "again"))
    assert once.keys() == again.keys()
    for name, ppm in once.items():
        np.testing.assert_array_equal(ppm, again[name])
