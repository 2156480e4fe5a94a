"""Progress is shown where somebody watches, and never among the results."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Run, small_model

from neuroninterp.progress import rate

COMMAND = [sys.executable, "-c", "from neuroninterp.cli import main; main()"]


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    model = small_model(tmp_path_factory.mktemp("progress") / "small.keras")
    return ["analyze", model, "--layers", 1, "--effort", "quick"]


def test_nobody_watches(arguments: list[object], tmp_path: Path, run_here: Run) -> None:
    done = run_here(*arguments, "-o", tmp_path / "out")
    assert done.returncode == 0
    assert done.stderr == ""
    assert str(tmp_path / "out" / "report.html") in done.stdout
    told = run_here(*arguments, "-o", tmp_path / "out", "-v", "--json")
    lines = told.stderr.splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == ["reading motifs", "reading model"]
    assert all(re.search(r": \d+\.\d s$", line) for line in lines)
    # Standard output is summary.json and nothing else.
    assert told.stdout == (tmp_path / "out" / "summary.json").read_text()
    assert json.loads(told.stdout)["schema"] == "neuroninterp/1"


def test_a_terminal_shows_stage_rate_and_time_left(arguments: list[object], tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    words = [*COMMAND, *map(str, arguments), "-o", str(tmp_path / "out")]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=theirs, env=environment) as running:
        os.close(theirs)
        seen = b""
        while piece := _read(ours):
            seen += piece
        assert running.stdout is not None
        output = running.stdout.read().decode()
    os.close(ours)
    assert running.returncode == 0
    shown = seen.decode()
    assert "layer 1: sampling" in shown
    assert re.search(r"layer 1: sampling.*3/3.*(/s|s each).*\d+:\d\d:\d\d", shown)
    assert "layer 1: sampling" not in output
    assert "report.html" in output


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
