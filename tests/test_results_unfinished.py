"""A results folder while a run goes on: what it holds so far can be read, and says so."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import h5py
import pytest
from command_line import Run
from example_result import example_result
from same_results import assert_same

from neuroninterp.comparison import compare
from neuroninterp.errors import OutputError
from neuroninterp.models import Model
from neuroninterp.report import render
from neuroninterp.results import (
    UNFINISHED,
    AnalysisResult,
    Unfinished,
    prepare_output,
    read,
    read_results,
    summarize,
    unfinished_verdict,
    write_results,
    write_snapshot,
)
from neuroninterp.sequence_view.view import layer_of_view

SENTENCE = "Not finished: 1 of 3 neurons are analysed. Layer 2 has not begun."


def partial_result() -> AnalysisResult:
    """Return the example as it was after its first neuron."""
    whole = example_result()
    unfinished = Unfinished(1, 3, "Layer 2 has not begun.")
    layer = replace(whole.layers[0], neurons=whole.layers[0].neurons[:1])
    return replace(
        whole,
        layers=(layer,),
        verdict=unfinished_verdict(whole.verdict.structural, unfinished),
        unfinished=unfinished,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    output = tmp_path / "run"
    write_snapshot(partial_result(), output)
    return output


def test_a_folder_of_a_run_that_goes_on_is_read(folder: Path) -> None:
    stored, partial = read_results(folder), partial_result()
    assert [path.name for path in folder.iterdir()] == [UNFINISHED]
    assert stored.folder == folder / UNFINISHED
    assert stored.seconds == {}
    for name in ("layers", "verdict", "fields", "unfinished"):
        assert_same(getattr(stored, name), getattr(partial, name), name)


def test_the_finished_result_goes_first(folder: Path) -> None:
    write_results(example_result(), folder)
    stored = read_results(folder)
    assert stored.unfinished is None
    assert len(stored.layers) == 2
    # What a run that goes on has there is its own to remove.
    assert read_results(folder / UNFINISHED).unfinished == partial_result().unfinished


def test_a_run_that_has_told_nothing_yet_is_named(tmp_path: Path) -> None:
    (tmp_path / UNFINISHED).mkdir()
    with pytest.raises(OutputError, match=r"no results at .* yet: a run in .* is not finished"):
        read_results(tmp_path)


def test_a_run_that_is_finished_meanwhile_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look into the folder and the opening of the file."""
    opened: list[Path] = []
    look = read._results_file

    def finish(path: Path) -> Path:
        found = look(path)
        opened.append(found)
        if len(opened) == 1:
            write_results(example_result(), folder)
            shutil.rmtree(folder / UNFINISHED)
        return found

    monkeypatch.setattr(read, "_results_file", finish)
    assert read_results(folder).unfinished is None
    assert opened[0] == folder / UNFINISHED / "results.h5"
    assert opened[-1] == folder / "results.h5"


def test_no_layer_yet_is_an_ordinary_refusal_beside_attributions() -> None:
    partial = replace(partial_result(), layers=())
    network = SimpleNamespace(sha256=partial.model["sha256"])
    with pytest.raises(OutputError, match="holds no layer yet; wait"):
        layer_of_view(cast(Model, network), partial)


def test_a_folder_with_an_unfinished_run_may_be_used(folder: Path) -> None:
    assert prepare_output(folder) == folder
    (folder / ".neuroninterp-left").mkdir()
    assert prepare_output(folder) == folder
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"other things.*notes\.txt"):
        prepare_output(folder)


def test_a_finished_result_is_no_snapshot(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="finished"):
        write_snapshot(example_result(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_readers_find_a_whole_file_at_any_moment(folder: Path) -> None:
    """One that has the older file open keeps it; others find the older or the newer one."""
    with h5py.File(folder / UNFINISHED / "results.h5") as older:
        partials = [
            replace(partial_result(), unfinished=Unfinished(done, 3, "More.")) for done in (2, 3)
        ]
        done = threading.Event()

        def write() -> None:
            for partial in 10 * partials:
                write_snapshot(partial, folder)
            done.set()

        writer = threading.Thread(target=write)
        writer.start()
        found = set()
        while not done.is_set():
            unfinished = read_results(folder).unfinished
            assert unfinished is not None
            found.add(unfinished.done)
        writer.join()
        assert '"done": 1' in older.attrs["unfinished"]
        assert older["layers/1/neurons/0/mixture/ppm"].shape == (19, 4)
    assert found <= {1, 2, 3}
    assert [path.name for path in (folder / UNFINISHED).iterdir()] == ["results.h5"]


def test_a_result_that_is_not_finished_shows_it() -> None:
    partial = partial_result()
    assert "not finished: 1 of 3 neurons" in repr(partial)
    assert SENTENCE in partial._repr_html_()
    summary = summarize(partial)
    assert summary["unfinished"] == {"done": 1, "neurons": 3, "missing": "Layer 2 has not begun."}
    assert summary["verdict"]["layer"] is None
    assert summary["verdict"]["structural"]["layer"] == 2
    assert summary["verdict"]["empirical"]["reason"].startswith("not finished: 1 of 3")
    assert summarize(example_result())["unfinished"] is None


def test_the_report_gives_no_verdict_before_the_end() -> None:
    page = render(partial_result())
    assert f'<h1 id="verdict">{SENTENCE}</h1>' in page
    assert "This run is not finished." in page
    assert "Wait for the whole run" in page
    assert "first-layer filters that look like motifs may be chance" not in page.lower()
    # Whatever verdict it holds: it is not one.
    whole = example_result()
    page = render(replace(whole, unfinished=partial_result().unfinished))
    assert f'<h1 id="verdict">{SENTENCE}</h1>' in page
    assert "This run is not finished." not in render(whole)


def test_a_comparison_says_which_run_is_not_finished() -> None:
    whole, partial = (replace(run, layers=()) for run in (example_result(), partial_result()))
    notes = compare(whole, partial, n_jobs=1).notes
    assert notes[0] == "the second is not finished: 1 of 3 neurons are analysed"
    assert not any("not finished" in note for note in compare(whole, whole, n_jobs=1).notes)


def test_commands_warn_and_leave_the_folder_to_the_run(
    folder: Path, tmp_path: Path, run_here: Run
) -> None:
    warning = f"Warning: {SENTENCE}\n"
    done = run_here("figure", folder, "1:0", "-o", tmp_path / "one.svg")
    assert (done.returncode, done.stderr) == (0, warning)
    done = run_here("report", folder)
    assert (done.returncode, done.stderr) == (0, warning)
    assert done.stdout == f"report: {folder / UNFINISHED / 'report.html'}\n"
    assert [path.name for path in folder.iterdir()] == [UNFINISHED]
    done = run_here("report", folder, "-o", tmp_path / "page.html")
    assert (done.returncode, done.stderr) == (0, warning)
    page = (tmp_path / "page.html").read_bytes()
    assert page == (folder / UNFINISHED / "report.html").read_bytes()
    done = run_here("compare", folder, folder)
    assert done.stdout.count("Not finished: 1 of 3") == 2
    assert "note: the first is not finished" in done.stdout
