"""Progress is shown where somebody watches, and never among the results."""

from __future__ import annotations

import json
import os
import pty
import re
import sys
import time
from pathlib import Path

import pytest
from command_line import Run, small_model

from neuroninterp.commands import analyze
from neuroninterp.progress import Progress, rate


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    model = small_model(tmp_path_factory.mktemp("progress") / "small.keras")
    return ["analyze", model, "--layers", 1, "--effort", "quick"]


def test_nobody_watches(arguments: list[object], tmp_path: Path, run_here: Run) -> None:
    done = run_here(*arguments, "-o", tmp_path / "out")
    assert done.returncode == 0
    assert done.stderr == ""
    assert str(tmp_path / "out" / "report.html") in done.stdout
    told = run_here(*arguments, "-o", tmp_path / "out", "--no-resume", "-v", "--json")
    lines = told.stderr.splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == ["reading motifs", "reading model"]
    assert all(re.search(r": \d+\.\d s$", line) for line in lines)
    # Standard output is summary.json and nothing else.
    assert told.stdout == (tmp_path / "out" / "summary.json").read_text()
    assert json.loads(told.stdout)["schema"] == "neuroninterp/2"


def test_a_terminal_shows_stage_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        # On a terminal it is shown without being asked for, and not where it is not wanted.
        assert analyze.make_context("analyze", ["m"]).params["verbose"] is True
        assert analyze.make_context("analyze", ["m", "-q"]).params["verbose"] is False
        progress = Progress(visible=True)
        with progress.stage("layer 1: sampling", 3) as advance:
            for _ in range(3):
                time.sleep(0.02)
                advance(1)
        monkeypatch.undo()
    seen = b""
    while piece := _read(ours):
        seen += piece
    os.close(ours)
    assert re.search(r"layer 1: sampling.*3/3.*\d/s.*0:00:00.*0:00:00", seen.decode())
    assert progress.seconds["layer 1: sampling"] >= 0.06


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:
        # Linux says so where the other end of a terminal is closed.
        return b""


def test_rates_are_told_of_several_pieces() -> None:
    assert rate(12.34, 100) == "12.3/s"
    assert rate(0.25, 100) == "4 s each"
    assert {rate(None, 10), rate(3.0, 1), rate(3.0, None), rate(0.0, 5)} == {""}
