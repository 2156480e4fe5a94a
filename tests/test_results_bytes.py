"""The same findings give the same bytes, and a disk that is full or fails an ordinary error."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path

import h5py
import pytest
from example_result import example_result
from full_disk import on_full_disk

from neuroninterp import durable
from neuroninterp.results import AnalysisResult, read_results, write_results
from neuroninterp.results.store import store_image

CLOCK = ("summary.json", "report.html")
"""Files that tell when a run began and how long it took."""


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def timed(started: str, seconds: float) -> AnalysisResult:
    result = example_result()
    settings = {**result.settings, "started": started, "arguments": {"model": "m.keras"}}
    return replace(result, settings=settings, seconds={"sampling": seconds})


def test_the_same_findings_give_the_same_bytes(tmp_path: Path) -> None:
    """At another time, in another folder, under another name; and once more from the file."""
    write_results(timed("2026-01-01T00:00:00+00:00", 1.5), tmp_path / "first")
    time.sleep(1.1)
    # A folder beside it: what lies relative to it is the same.
    write_results(timed("2026-02-02T00:00:00+00:00", 2.5), tmp_path / "second")
    first, second = (contents(tmp_path / name) for name in ("first", "second"))
    assert first.keys() == second.keys()
    differing = {name for name in first if first[name] != second[name]}
    assert differing == set(CLOCK)
    assert json.loads(first["summary.json"])["settings"]["started"].startswith("2026-01-01")
    for name in CLOCK:
        plain = [
            re.sub(rb"2026-0\d-0\d(T00:00:00\+00:00)?", b"", files[name]).replace(b"2.5", b"1.5")
            for files in (first, second)
        ]
        assert plain[0] == plain[1], name

    write_results(read_results(tmp_path / "first"), tmp_path / "third")
    assert contents(tmp_path / "third") == first


def test_what_the_clock_said_stands_in_the_summary_alone(tmp_path: Path) -> None:
    write_results(timed("2026-01-01T00:00:00+00:00", 1.5), tmp_path)
    with h5py.File(tmp_path / "results.h5") as file:
        assert "seconds" not in file.attrs
        assert "started" not in json.loads(file.attrs["settings"])
    stored = read_results(tmp_path)
    assert stored.seconds == {"sampling": 1.5}
    assert stored.settings["started"] == "2026-01-01T00:00:00+00:00"
    for damaged in ("", "[]", '{"seconds": 3, "settings": {}}', '{"seconds": {}, "settings": []}'):
        (tmp_path / "summary.json").write_text(damaged)
        stored = read_results(tmp_path)
        assert stored.seconds == {}
        assert "started" not in stored.settings


def test_text_of_any_length_takes_no_more_room_than_it_needs() -> None:
    """One long name must not make every other name as long."""
    result = example_result()
    neuron = result.layers[1].neurons[0]
    (top, *_) = neuron.top_sequences
    tops = tuple(replace(top, name="x" * 10**6 if k == 0 else str(k)) for k in range(1000))
    layer = replace(result.layers[1], neurons=(replace(neuron, top_sequences=tops),))
    assert len(store_image(replace(result, layers=(layer,)))) < 3 * 10**6


@pytest.mark.parametrize("kilobytes", [0, 4, 60])
def test_a_full_disk_is_one_line_and_nothing_is_lost(tmp_path: Path, kilobytes: int) -> None:
    done = on_full_disk(tmp_path, kilobytes)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    found = json.loads(done.stdout)
    assert found["as_before"]
    assert len(found["told"]) == (2 if kilobytes < 60 else 1), found
    for message in found["told"]:
        assert re.search(r"could not be written to \S+ \((No space left|File too large)", message)


def test_files_are_on_the_disk_before_they_get_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a power cut would find it: content first, then the name, then the folder of the name."""
    events: list[tuple[str, str]] = []
    fsync, rename = durable.os.fsync, Path.rename

    def synced(number: int) -> None:
        events.append(("fsync", Path(f"/proc/self/fd/{number}").resolve().name))
        fsync(number)

    def renamed(source: Path, target: Path) -> Path:
        events.append(("rename", source.name))
        return rename(source, target)

    monkeypatch.setattr(durable.os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
    write_results(example_result(), tmp_path / "run")
    moved = [name for kind, name in events if kind == "rename"]
    assert set(moved) == {path.name for path in (tmp_path / "run").iterdir()}
    first = events.index(("rename", moved[0]))
    before = {name for kind, name in events[:first] if kind == "fsync"}
    files = {path.name for path in (tmp_path / "run").rglob("*")}
    assert before >= files
    assert events[-1] == ("fsync", "run")
