"""What goes wrong around a run: one clear line each, and nothing is lost or passed over."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from resumable import (
    arguments,
    assert_same,
    journal_of,
    lines_of,
    undisturbed,
    wait_until,
    work,
    zygote,
)
from zygote import Command, Zygote

from neuroninterp.results import UNFINISHED

__all__ = ["undisturbed", "work", "zygote"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB of its own."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", mounted], capture_output=True
    )
    if done.returncode:
        pytest.skip("file systems can be mounted by root only")
    yield mounted
    subprocess.run(["umount", "-l", mounted], check=True)


def assert_one_line(command: Command, *words: object) -> None:
    """It ends with exit code 2 and one line that holds the words."""
    assert command.wait() == 2, command.errors
    lines = [line for line in command.errors.splitlines() if not line.startswith("going on from")]
    assert len(lines) == 1, command.errors
    assert lines[0].startswith("Error: ")
    for word in words:
        assert str(word) in lines[0]


def stopped(zygote: Zygote, work: list[object], output: Path, lines: int = 10) -> None:
    """Begin a run and kill it."""
    command = zygote.start(*work, "-o", output)
    wait_until(lambda: lines_of(journal_of(output)) >= lines)
    command.send(signal.SIGKILL)
    command.wait()


def test_a_full_disk(
    zygote: Zygote, work: list[object], undisturbed: Path, small_disk: Path
) -> None:
    output, ballast = small_disk / "report", small_disk / "ballast"
    ended = []
    # Full at once, among the units, and when the results are written.
    for free in (16_000, 60_000, 120_000, 400_000, 900_000):
        ballast.unlink(missing_ok=True)
        left = shutil.disk_usage(small_disk).free
        with ballast.open("wb") as file:
            file.write(bytes(max(left - free, 0)))
        command = zygote.run(*work, "-o", output)
        ended.append(command.wait())
        if ended[-1]:
            lines = command.errors.splitlines()
            error = [line for line in lines if not line.startswith("going on from")]
            assert len(error) == 1, command.errors
            assert error[0].startswith("Error: ")
            assert "full" in error[0] or "No space left" in error[0]
            assert not (output / "summary.json").exists()
    assert ended[0] == ended[1] == 2
    ballast.unlink()
    if ended[-1]:
        assert zygote.run(*work, "-o", output).wait() == 0
    assert_same(output, undisturbed)


def test_a_disk_that_cannot_be_written_to(
    zygote: Zygote, work: list[object], undisturbed: Path, small_disk: Path
) -> None:
    output = small_disk / "report"
    stopped(zygote, work, output)
    kept = sorted(path.name for path in (output / UNFINISHED / "units").iterdir())
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert_one_line(zygote.run(*work, "-o", output), output, "cannot be written to", "Read-only")
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    assert sorted(path.name for path in (output / UNFINISHED / "units").iterdir()) == kept
    assert zygote.run(*work, "-o", output).wait() == 0
    assert_same(output, undisturbed)


def test_a_folder_that_is_taken_away_meanwhile(
    zygote: Zygote, work: list[object], undisturbed: Path, tmp_path: Path
) -> None:
    output = tmp_path / "report"
    command = zygote.start(*work, "-o", output)
    wait_until(lambda: lines_of(journal_of(output)) >= 8)
    output.rename(tmp_path / "elsewhere")
    assert_one_line(command, output, "No such file")
    # It goes on where it lies now.
    again = zygote.run(*work, "-o", tmp_path / "elsewhere")
    assert again.wait() == 0
    assert again.errors.startswith("going on from ")
    assert_same(tmp_path / "elsewhere", undisturbed)


def test_a_model_or_data_file_that_vanishes(
    zygote: Zygote, undisturbed: Path, tmp_path: Path
) -> None:
    work, output = arguments(tmp_path), tmp_path / "report"
    model, data = Path(str(work[1])), Path(str(work[3]))
    for path in (model, data):
        stopped(zygote, work, output, lines=6 if path == model else 14)
        away = path.rename(path.with_suffix(".away"))
        assert_one_line(zygote.run(*work, "-o", output), path)
        assert list((output / UNFINISHED / "units").glob("*.unit"))
        away.rename(path)
    # Once it is under way it needs neither.
    command = zygote.start(*work, "-o", output)
    wait_until(lambda: command.errors.startswith("going on from "))
    model.rename(tmp_path / "model.away")
    data.rename(tmp_path / "data.away")
    assert command.wait() == 0, command.errors
    neurons = "neurons.tsv"
    assert (output / neurons).read_bytes() == (undisturbed / neurons).read_bytes()


def test_another_run_in_the_same_folder(
    zygote: Zygote, work: list[object], undisturbed: Path, tmp_path: Path
) -> None:
    output = tmp_path / "report"
    first = zygote.start(*work, "-o", output)
    wait_until(lambda: lines_of(journal_of(output)) >= 2)
    first.send(signal.SIGSTOP)
    second = zygote.run(*work, "-o", output)
    host = os.uname().nodename
    assert_one_line(second, output, f"process {first.pid} on {host}, begun 0 minutes ago")
    first.send(signal.SIGCONT)
    assert first.wait() == 0
    assert_same(output, undisturbed)
    # A lock whose holder was killed holds nobody up, and one on another machine does for a while.
    stopped(zygote, [*work, "--seed", 3], output)
    lock = output / UNFINISHED / "lock"
    lock.write_text(lock.read_text().replace(host, "elsewhere"))
    assert_one_line(zygote.run(*work, "--seed", 3, "-o", output), "on elsewhere")
    os.utime(lock, (0, 0))
    assert zygote.run(*work, "--seed", 3, "-o", output).wait() == 0


def test_units_that_were_truncated_or_altered(
    zygote: Zygote, work: list[object], undisturbed: Path, tmp_path: Path
) -> None:
    output = tmp_path / "report"
    stopped(zygote, work, output, lines=20)
    units = sorted((output / UNFINISHED / "units").glob("*.unit"))
    damaged = units[:3]
    damaged[0].write_bytes(damaged[0].read_bytes()[:-1])
    damaged[1].write_bytes(b"")
    held = bytearray(damaged[2].read_bytes())
    held[len(held) // 2] ^= 1
    damaged[2].write_bytes(held)
    (units[3].parent / ".half.part").write_bytes(b"half")
    again = zygote.run(*work, "-o", output)
    assert again.wait() == 0
    told = [line for line in again.errors.splitlines() if "going on from" not in line]
    assert len(told) == 3
    for line, path in zip(sorted(told), damaged, strict=True):
        assert line.startswith(f"{path}: ")
        assert line.endswith("it is computed again")
    assert_same(output, undisturbed)
