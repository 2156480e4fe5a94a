"""What a run has found so far can be read while it goes on."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from command_line import Run, small_model

import neuroninterp as ni
from neuroninterp.pipeline.snapshots import Snapshots
from neuroninterp.results import UNFINISHED


def test_results_grow_while_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_here: Run
) -> None:
    output, seen = tmp_path / "report", []

    class Eager(Snapshots):
        def __call__(self) -> None:
            self._next = 0.0
            super().__call__()
            seen.append(ni.read_results(output))
            if len(seen[-1].layers) == 2 and not list(tmp_path.glob("*.html")):
                done = run_here("report", output, "-o", tmp_path / "early.html")
                assert done.returncode == 0, done.stderr

    monkeypatch.setattr("neuroninterp.pipeline.run.Snapshots", Eager)
    settings = {"motifs": "JASPAR2016", "effort": "quick", "n_jobs": 1}
    result = ni.analyze(small_model(tmp_path / "small.keras"), output=output, **settings)
    assert not (output / UNFINISHED).exists()
    states = [read.unfinished for read in seen]
    assert all(state is not None and state.neurons == 5 for state in states)
    done = [state.done for state in states if state is not None]
    assert done == sorted(done)
    assert set(done) == {0, 3, 5}
    assert {read.verdict.kind for read in seen} == {"undetermined"}
    assert "layers 1-2 to come, the verdict" in seen[0].verdict.sentence
    assert "Not finished" in (tmp_path / "early.html").read_text()
    # What was said early is what is said in the end.
    for read in seen:
        for layer in read.layers:
            for early in layer.neurons:
                late = result.layer(layer.layer.number).neuron(early.neuron)
                assert len(early.parts) == len(late.parts)
                for one, other in zip(early.parts, late.parts, strict=True):
                    np.testing.assert_array_equal(one.ppm, other.ppm.astype(np.float32))
                assert [m.target_id for m in early.matches] == [m.target_id for m in late.matches]


def test_snapshots_are_rare_and_take_little_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now, written = [0.0], []

    def write() -> None:
        written.append(now[0])
        now[0] += 6.0

    monkeypatch.setattr("neuroninterp.pipeline.snapshots.time.monotonic", lambda: now[0])
    look = Snapshots(write, every=60.0, share=0.03)
    while now[0] < 2000:
        look()
        now[0] += 1.0
    assert written[0] == 60.0
    assert all(200 <= b - a <= 210 for a, b in itertools.pairwise(written))
