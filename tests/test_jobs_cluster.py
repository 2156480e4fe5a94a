"""The same jobs on a real Dask scheduler with worker processes of its own."""

from __future__ import annotations

import importlib.metadata
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from resumable import arguments, assert_same, journal_of, lines_of, wait_until
from small_equipment import equipment, packed
from worker_jobs import job

from neuroninterp.errors import NeuroninterpError, UnknownNameError
from neuroninterp.jobs import Equipment, decode, encode, perform
from neuroninterp.jobs.cluster import Cluster
from neuroninterp.jobs.failure import WorkerBugError

__all__ = ["equipment", "packed"]

_PATIENCE = 60.0


@dataclass
class Dask:
    """A scheduler on loopback, and its workers, each a process."""

    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.folder / "scheduler.json"

    @property
    def address(self) -> str:
        wait_for(self.file.exists)
        return str(json.loads(self.file.read_text())["address"])

    def start(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", f"distributed.cli.dask_{program}"),
                *("--scheduler-file", str(self.file), "--no-dashboard", *arguments),
            ],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(sys.path),
                "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.processes.append(process)
        return process

    def start_scheduler(self) -> subprocess.Popen[bytes]:
        return self.start("scheduler", "--host", "127.0.0.1", "--port", "0")

    def start_worker(self) -> subprocess.Popen[bytes]:
        return self.start("worker", "--nthreads", "1", "--no-nanny")

    def end(self) -> None:
        for process in reversed(self.processes):
            process.kill()
        for process in self.processes:
            process.wait()


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dask]:
    started = Dask(tmp_path_factory.mktemp("dask"))
    try:
        started.start_scheduler()
        started.start_worker()
        started.start_worker()
        yield started
    finally:
        started.end()


@pytest.fixture(scope="module")
def cluster(dask: Dask, packed: bytes) -> Iterator[Cluster]:
    connected = Cluster(packed, dask.address, batch_bytes=50_000)
    yield connected
    connected.close()


def wait_for(truth: object) -> None:
    until = time.monotonic() + _PATIENCE
    while not truth():
        assert time.monotonic() < until, "it took too long"
        time.sleep(0.02)


def done(cluster: Cluster, *jobs: object) -> dict[str, bytes]:
    for each in jobs:
        cluster.submit(each)
    found: dict[str, bytes] = {}
    while len(found) < len(jobs):
        found |= {one.key: one.payload for one in cluster.finished()}
    assert cluster.finished() == []
    return found


def test_a_cluster_returns_the_bytes_of_one_process(cluster: Cluster, equipment: Equipment) -> None:
    rng = np.random.default_rng(0)
    length = equipment.model.layer(2).receptive_field
    jobs = [
        job(
            "values",
            encode(rng.integers(0, 4, (1000 + number, length), np.uint8)),
            key=str(number),
            layer=2,
        )
        for number in range(6)
    ]
    assert done(cluster, *jobs) == {one.key: perform(one, equipment) for one in jobs}
    threads = decode(done(cluster, job("threads"))["threads"])
    assert set(threads["pools"]) == {1}
    assert threads["tensorflow"] == 1


def test_large_inputs_pass_without_a_word(cluster: Cluster) -> None:
    noise = np.random.default_rng(0).integers(0, 256, 11_000_000, np.uint8)
    assert decode(done(cluster, job("length", encode(noise)))["length"]) == len(noise)


def test_errors_arrive_as_they_were(cluster: Cluster) -> None:
    with pytest.raises(UnknownNameError, match="unknown layer '99'; valid: 1, 2"):
        done(cluster, job("unknown_layer"))
    with pytest.raises(WorkerBugError, match="bug: KeyError: 'a bug'") as bug:
        done(cluster, job("bug"))
    assert "worker_jobs.py" in str(bug.value.__cause__)


def test_another_version_is_refused(
    dask: Dask, packed: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata,
        "version",
        lambda package: "0.9" if package == "keras" else installed(package),
    )
    with pytest.raises(NeuroninterpError) as caught:
        Cluster(packed, dask.address)
    assert str(caught.value).startswith("worker tcp://127.0.0.1:")
    assert f"has keras {installed('keras')}, and here is keras 0.9: the same" in str(caught.value)


def test_a_whole_run_is_the_same_bytes_in_one_process_two_and_on_a_cluster(
    dask: Dask, run_here: Callable[..., Any], tmp_path: Path
) -> None:
    *work, _, _ = arguments(tmp_path)
    one, two, many = tmp_path / "one", tmp_path / "two", tmp_path / "many"
    assert run_here(*work, "-j", 1, "-o", one).returncode == 0
    assert run_here(*work, "-j", 2, "--memory", "5GB", "-o", two).returncode == 0
    assert_same(two, one)
    victim, journal = dask.processes[-1], journal_of(many)

    def kill_half_way() -> None:
        wait_until(lambda: lines_of(journal) >= 12)
        victim.kill()

    killer = threading.Thread(target=kill_half_way)
    killer.start()
    done = run_here(*work, "--scheduler", dask.address, "-o", many)
    killer.join()
    assert done.returncode == 0, done.stderr
    assert victim.wait() == -signal.SIGKILL
    assert_same(many, one)
    dask.start_worker()


def test_a_killed_workers_jobs_are_done_by_another_and_what_kills_all_is_named(
    dask: Dask, cluster: Cluster, tmp_path: Path
) -> None:
    victim = dask.processes[-1]
    jobs = [
        job("sleep", key=f"sleep-{n}", seconds=0.5, started=str(tmp_path / f"{n}"))
        for n in range(4)
    ]
    for each in jobs:
        cluster.submit(each)

    def at_work() -> bool:
        marks = [tmp_path / f"{n}" for n in range(4)]
        return str(victim.pid) in [mark.read_text() for mark in marks if mark.exists()]

    wait_for(at_work)
    victim.kill()
    found: set[str] = set()
    while len(found) < 4:
        found |= {one.key for one in cluster.finished()}
    assert found == {each.key for each in jobs}
    dask.start_worker()
    with pytest.raises(NeuroninterpError, match="layer2: too many Dask workers died of it"):
        done(cluster, job("die", key="layer2"))


def test_no_worker_no_scheduler_no_address(dask: Dask, packed: bytes, tmp_path: Path) -> None:
    with pytest.raises(NeuroninterpError, match="unknown scheduler 'tcp://host'; expected an addr"):
        Cluster(packed, "tcp://host")
    other = Dask(tmp_path)
    scheduler = other.start_scheduler()
    try:
        with pytest.raises(NeuroninterpError, match=r"no worker for 0\.2 s; start some with"):
            Cluster(packed, other.address, timeout=0.2)
        other.start_worker()
        cluster = Cluster(packed, other.address)
        try:
            cluster.submit(job("sleep", seconds=600.0, started=str(tmp_path / "started")))
            wait_for((tmp_path / "started").exists)
            scheduler.send_signal(signal.SIGKILL)
            with pytest.raises(NeuroninterpError, match=r"scheduler at tcp://.* is gone"):
                cluster.finished()
        finally:
            begun = time.monotonic()
            cluster.close()
            assert time.monotonic() - begun < 2
        with pytest.raises(NeuroninterpError, match="no Dask scheduler can be reached at tcp://"):
            Cluster(packed, other.address, timeout=0.2)
    finally:
        other.end()


_SUBMIT = """#!/bin/sh
cp "$1" {folder}/script  # As Slurm does: the file is removed at once.
setsid sh {folder}/script > {folder}/log 2>&1 &
echo "Submitted batch job $!"
"""
_CANCEL = """#!/bin/sh
echo "$@" >> {log}
kill -- -"$1"
"""


def test_workers_from_a_queue(
    packed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dask as library

    with pytest.raises(NeuroninterpError, match="unknown scheduler 'slrum'; expected an address"):
        Cluster(packed, "slrum")
    with pytest.raises(NeuroninterpError, match="there is no sbatch here; run where jobs can be"):
        Cluster(packed, "slurm")
    cancelled = tmp_path / "cancelled"
    for name, text in (
        ("sbatch", _SUBMIT.format(folder=tmp_path)),
        ("scancel", _CANCEL.format(log=cancelled)),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    with pytest.raises(NeuroninterpError, match="how many cores and how much memory a job has"):
        Cluster(packed, "slurm")
    asked = {"cores": 1, "memory": "2GB", "local-directory": str(tmp_path), "interface": "lo"}
    with library.config.set({f"jobqueue.slurm.{name}": value for name, value in asked.items()}):
        cluster = Cluster(packed, "slurm")
        try:
            assert decode(done(cluster, job("add", encode(1), encode(2)))["add"]) == 3
        finally:
            cluster.close()
    assert cancelled.exists()
