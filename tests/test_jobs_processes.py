"""Worker processes: the same bytes, errors that arrive, and deaths on either side."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from small_equipment import equipment, packed
from worker_jobs import job

from neuroninterp.errors import NeuroninterpError, UnknownNameError
from neuroninterp.jobs import Equipment, Job, decode, encode, perform, write_unit
from neuroninterp.jobs.failure import WorkerBugError
from neuroninterp.jobs.processes import Processes

__all__ = ["equipment", "packed"]

_PATIENCE = 30.0


@pytest.fixture(scope="module")
def two(packed: bytes) -> Iterator[Processes]:
    workers = Processes(packed, 2, batch_bytes=50_000)
    yield workers
    workers.close()


def done(workers: Processes, *jobs: Job) -> dict[str, bytes]:
    """Have jobs done, however they come back."""
    for each in jobs:
        workers.submit(each)
    found: dict[str, bytes] = {}
    while len(found) < len(jobs):
        found |= {one.key: one.payload for one in workers.finished()}
    return found


def wait_for(truth: object) -> None:
    until = time.monotonic() + _PATIENCE
    while not truth():
        assert time.monotonic() < until, "it took too long"
        time.sleep(0.02)


def running(pid: int) -> bool:
    """Whether a process lives; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_they_return_the_bytes_of_one_process_with_smaller_batches(
    two: Processes, equipment: Equipment, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    field = equipment.model.layer(2).receptive_field
    jobs = []
    for number in range(6):
        given = encode(rng.integers(0, 4, (1000 + number, field), np.uint8))
        file = tmp_path / f"{number}.unit"
        write_unit(file, given)
        jobs.append(job("values", file if number % 2 else given, key=str(number), layer=2))
    found = done(two, *jobs)
    assert found == {one.key: perform(one, equipment) for one in jobs}


def test_each_worker_has_one_thread(two: Processes) -> None:
    threads = decode(done(two, job("threads"))["threads"])
    assert set(threads["pools"]) == {1}
    assert threads["tensorflow"] == 1


def test_nothing_to_wait_for_is_no_wait(two: Processes) -> None:
    assert two.finished() == []


def test_errors_arrive_as_they_were(two: Processes, equipment: Equipment) -> None:
    with pytest.raises(UnknownNameError) as here:
        perform(job("unknown_layer"), equipment)
    with pytest.raises(UnknownNameError) as there:
        done(two, job("unknown_layer"))
    assert str(there.value) == str(here.value)
    with pytest.raises(FileNotFoundError, match="/nowhere/at-all"):
        done(two, job("missing_file"))
    with pytest.raises(WorkerBugError, match="bug: KeyError: 'a bug'") as bug:
        done(two, job("bug"))
    assert "worker_jobs.py" in str(bug.value.__cause__)
    with pytest.raises(NeuroninterpError, match="not enough memory"):
        done(two, job("too_large"))


def test_a_killed_workers_job_is_done_by_another(two: Processes, tmp_path: Path) -> None:
    before = two.pids
    found = done(
        two,
        job("die_once", mark=str(tmp_path / "died")),
        *(job("add", encode(n), encode(0.5), key=str(n)) for n in range(20)),
    )
    assert decode(found.pop("die_once")) == "alive"
    assert {key: decode(value) for key, value in found.items()} == {
        str(n): n + 0.5 for n in range(20)
    }
    assert len(set(two.pids) - set(before)) == 1


def test_what_kills_every_worker_is_named(packed: bytes) -> None:
    workers = Processes(packed, 1)
    try:
        with pytest.raises(NeuroninterpError) as caught:
            done(workers, job("die", key="layer2-neurons0-15"))
    finally:
        workers.close()
    assert str(caught.value) == (
        "layer2-neurons0-15: 3 worker processes died of it, the last by SIGKILL; probably memory "
        "ran out: use fewer workers (-j) or --memory; it said: what it said last"
    )


def test_close_abandons_what_is_being_done(packed: bytes, tmp_path: Path) -> None:
    workers = Processes(packed, 1)
    started = tmp_path / "started"
    workers.submit(job("sleep", seconds=600.0, started=str(started)))
    wait_for(started.exists)
    (pid,) = workers.pids
    begun = time.monotonic()
    workers.close()
    assert time.monotonic() - begun < 2
    assert not running(pid)


_PARENT = """
import sys
from pathlib import Path
from worker_jobs import job
from neuroninterp.jobs.processes import Processes

workers = Processes(Path(sys.argv[1]).read_bytes(), 1)
workers.submit(job("hold_every_thread", seconds=600.0, started=sys.argv[2]))
workers.finished()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it ends with its compiled code")
def test_workers_do_not_outlive_their_parent(packed: bytes, tmp_path: Path) -> None:
    started, given = tmp_path / "started", tmp_path / "equipment"
    given.write_bytes(packed)
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, given, started],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        wait_for(lambda: started.exists() and started.read_text())
        pid = int(started.read_text())
        assert running(pid)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        begun = time.monotonic()
        wait_for(lambda: not running(pid))
        assert time.monotonic() - begun < 3
    finally:
        parent.kill()
        parent.wait()


def test_what_prevents_the_start_is_told_at_once() -> None:
    workers = Processes(b"no equipment", 1)
    try:
        with pytest.raises(WorkerBugError, match="start of a worker"):
            done(workers, job("add"))
    finally:
        workers.close()
