"""A run of some 40 units, its results, and its journal: what tests of interruptions work with."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from zygote import Zygote

from neuroninterp.backend import import_keras
from neuroninterp.results import UNFINISHED


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    """Starts commands in processes of their own."""
    begun = Zygote(tmp_path_factory.mktemp("zygote"))
    yield begun
    begun.close()


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """Arguments of the run; where it writes is left to the test."""
    return arguments(tmp_path_factory.mktemp("work"))


def four_layers(path: Path) -> Path:
    """Write a network of four layers of two neurons, which is soon sampled."""
    layers = import_keras().layers
    rng = np.random.default_rng(4)
    inner = [layers.Conv1D(2, 3, activation="relu") for _ in range(3)]
    first = layers.Conv1D(2, 6, activation="relu")
    network = import_keras().Sequential(
        [
            layers.Input((40, 4)),
            first,
            layers.MaxPooling1D(2),
            *inner,
            layers.GlobalMaxPooling1D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    first.set_weights([rng.normal(size=(6, 4, 2)), np.full(2, -2.0)])
    for layer in inner:
        layer.set_weights([rng.normal(size=(3, 2, 2)), np.zeros(2)])
    network.save(path)
    return path


def arguments(folder: Path) -> list[object]:
    """Write a small network and sequences into a folder; return the arguments of a run."""
    model, data = four_layers(folder / "small.keras"), folder / "some.fa"
    rng = random.Random(1)
    letters = ("".join(rng.choices("ACGT", k=40)) for _ in range(300))
    data.write_text("".join(f">s{i}\n{text}\n" for i, text in enumerate(letters)))
    how = ["--motifs", "JASPAR2016", "--effort", "quick", "-q", "-j", 1]
    return ["analyze", model, "--data", data, *how]


@pytest.fixture(scope="module")
def undisturbed(
    zygote: Zygote, work: list[object], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Results of the run, left in peace."""
    output = tmp_path_factory.mktemp("undisturbed") / "report"
    assert zygote.run(*work, "-o", output).wait() == 0
    assert not (output / UNFINISHED).exists()
    return output


def assert_same(output: Path, undisturbed: Path) -> None:
    """Every file has the same bytes, but for what the clock said."""
    found, expected = contents(output), contents(undisturbed)
    assert found.keys() == expected.keys()
    for name in found:
        assert found[name] == expected[name], name


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file of a results folder, without the time that the run took."""
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    summary = json.loads(found["summary.json"])
    started = summary["settings"].pop("started")
    assert len(summary.pop("seconds")) > 10
    found["summary.json"] = json.dumps(summary).encode()
    page = found["report.html"].replace(started.encode(), b"")
    page, times = re.subn(rb"<h3>Run time</h3>.*?</section>", b"", page, flags=re.DOTALL)
    assert times == 1
    found["report.html"] = page
    return found


def journal_of(output: Path) -> Path:
    """Return where the journal of a run lies while it lasts."""
    return output / UNFINISHED / "journal.tsv"


def read_journal(path: Path) -> list[tuple[str, str]]:
    """Return what happened ("begun", "done"), and to which unit, in order."""
    rows = [line.split("\t") for line in path.read_text().splitlines()]
    return [(row[1], row[3]) for row in rows]


def lines_of(journal: Path) -> int:
    """Return how many lines a journal has; 0 where there is none."""
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def wait_until(happened: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.002)
