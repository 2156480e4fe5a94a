"""A run that is stopped, again and again, ends with the bytes of one that was left in peace."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from resumable import (
    assert_same,
    journal_of,
    lines_of,
    read_journal,
    undisturbed,
    wait_until,
    work,
    zygote,
)
from zygote import Zygote

from neuroninterp.results import UNFINISHED

__all__ = ["undisturbed", "work", "zygote"]

KILLS = 20


def test_killed_twenty_times_it_ends_with_the_same_bytes(
    zygote: Zygote, work: list[object], undisturbed: Path, tmp_path: Path
) -> None:
    output, kept = tmp_path / "report", tmp_path / "journal"
    journal = journal_of(output)
    rng = random.Random(8)
    command = zygote.start(*work, "-o", output)
    for _ in range(KILLS):
        # Within the work on some unit: just begun, under way, done, or being written.
        lines = lines_of(kept) + rng.randint(1, 2)
        wait_until(lambda lines=lines: lines_of(journal) >= lines)
        if not kept.exists():
            os.link(journal, kept)  # The run takes its own away at its end.
        time.sleep(rng.uniform(0, 0.05))
        assert command.running, "it ended before it was killed often enough"
        command.send(signal.SIGKILL)
        assert command.wait() == -signal.SIGKILL
        command = zygote.start(*work, "-o", output)
    assert command.wait() == 0
    assert "going on from" in command.errors
    assert_same(output, undisturbed)
    in_hand, cut_off, done = None, 0, set()
    for event, key in read_journal(kept):
        # Nothing is begun that was done, and nothing left undone but what a kill cut off.
        assert key not in done
        if event == "begun":
            cut_off += in_hand is not None
            in_hand = key
        else:
            assert key == in_hand
            in_hand = None
            done.add(key)
    assert in_hand is None
    assert 0 < cut_off <= KILLS
    assert len(done) > 1.5 * KILLS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_within_seconds_and_it_says_how_to_go_on(
    number: int, zygote: Zygote, work: list[object], undisturbed: Path, tmp_path: Path
) -> None:
    output = tmp_path / "report"
    command = zygote.start(*work, "-o", output)
    wait_until(lambda: lines_of(journal_of(output)) >= 6)
    command.send(number)
    assert command.wait(5) == 130
    (line,) = command.errors.split("\n")[1:-1]
    assert line.startswith("Interrupted: stopped: ")
    assert line.endswith(f"kept in {output / UNFINISHED}; the same command goes on from there")
    assert [entry.name for entry in output.iterdir()] == [UNFINISHED]
    again = zygote.run(*work, "-o", output)
    assert again.wait() == 0
    assert again.errors.startswith("going on from ")
    assert_same(output, undisturbed)


def test_what_is_finished_is_not_computed_again(
    zygote: Zygote, work: list[object], undisturbed: Path, tmp_path: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*")}
    again = zygote.run(*work, "-o", undisturbed)
    assert again.errors == f"{undisturbed} holds this analysis already; nothing is computed\n"
    assert {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*")} == before
    # The report has no settings that the analysis depends on.
    drawn = zygote.run("report", undisturbed, "-o", tmp_path / "again.html")
    assert drawn.wait() == 0, drawn.errors
    assert not (undisturbed / UNFINISHED).exists()


def test_other_arguments_begin_anew_and_say_so(
    zygote: Zygote, work: list[object], undisturbed: Path, tmp_path: Path
) -> None:
    output, kept = tmp_path / "report", tmp_path / "journal"
    command = zygote.start(*work, "--seed", 7, "-o", output)
    wait_until(lambda: lines_of(journal_of(output)) >= 8)
    command.send(signal.SIGKILL)
    command.wait()
    other = zygote.start(*work, "-o", output)
    wait_until(lambda: "with other settings" in other.errors)
    assert "seed was 7, now 0" in other.errors
    assert other.wait() == 0
    assert_same(output, undisturbed)
    # What does not depend on the seed is used, and what was asked to be forgotten is not.
    command = zygote.start(*work, "--seed", 7, "-o", output)
    wait_until(lambda: lines_of(journal_of(output)) >= 8)
    command.send(signal.SIGKILL)
    command.wait()
    fresh = zygote.start(*work, "--seed", 7, "--no-resume", "-o", output)
    wait_until(lambda: 0 < lines_of(journal_of(output)) < 8)
    os.link(journal_of(output), kept)
    assert fresh.wait() == 0
    assert fresh.errors == ""
    events = [event for event, _ in read_journal(kept)]
    assert events.count("begun") == events.count("done") > 30


def test_a_run_with_workers_that_is_killed_goes_on_without_them(
    zygote: Zygote, work: list[object], undisturbed: Path, tmp_path: Path
) -> None:
    output = tmp_path / "report"
    kept = tmp_path / "journal"
    command = zygote.start(*work[:-1], 2, "-o", output)
    wait_until(lambda: lines_of(journal_of(output)) >= 10)
    os.link(journal_of(output), kept)
    command.send(signal.SIGKILL)
    command.wait()
    assert zygote.run(*work, "-o", output).wait() == 0
    assert_same(output, undisturbed)
    events = read_journal(kept)
    done = [key for event, key in events if event == "done"]
    assert len(set(done)) == len(done)
    # Two workers have two units in hand and two more waiting.
    begun = [key for event, key in events if event == "begun"]
    assert len(begun) - len(done) <= 4
