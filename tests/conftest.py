"""Shared set-up: helpers of the tests are importable, and the CPU is used."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from neuroninterp.backend import import_keras, resolve_device

sys.path.insert(0, str(Path(__file__).parent))

# Before anything imports TensorFlow on its own: no GPU probing, no start-up messages.
resolve_device("cpu")
import_keras()


@pytest.fixture(autouse=True)
def nothing_left_in_pyplot() -> Iterator[None]:
    """Fail the test that leaves a figure behind, not a later one that counts them."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        left = pyplot.get_fignums()
        pyplot.close("all")
        assert left == [], "figures left open"


@pytest.fixture
def run_here(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command in this process, which has the heavy libraries imported already."""
    from neuroninterp.cli import main

    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        words = ["neuroninterp", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", words)
        capfd.readouterr()
        with pytest.raises(SystemExit) as caught:
            main()
        written = capfd.readouterr()
        return subprocess.CompletedProcess(words, int(caught.value.code or 0), *written)

    return call


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """A headless Chromium, one a process; tests are skipped where there is none."""
    from browser import Chromium, missing_browser

    if reason := missing_browser():
        pytest.skip(reason)
    with Chromium.started() as started:
        yield started
