"""Workers of a Dask cluster: the same jobs on other machines, through dask.distributed."""

from __future__ import annotations

import importlib.metadata
import logging
import math
import platform
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from queue import Empty, SimpleQueue
from time import monotonic
from types import FunctionType, ModuleType
from typing import Any
from uuid import uuid4

from neuroninterp.errors import NeuroninterpError
from neuroninterp.jobs.cluster_worker import do_job, hold
from neuroninterp.jobs.failure import Failure
from neuroninterp.jobs.job import Done, Job
from neuroninterp.jobs.queues import QUEUES, scheduler

__all__ = ["Cluster"]

_JOB, _EQUIPMENT = "neuroninterp-job", "neuroninterp-equipment"
"""Dask tells kinds of tasks apart by how their names begin."""
_LOOK = 1.0
"""Seconds between looks at what became of scheduler and workers while nothing arrives."""
_LONGEST_QUEUE = 7 * 24 * 3600.0
_CLOSING = 1.5
"""Seconds that the farewell to the scheduler may take."""


class Cluster:
    """Has jobs done by the workers of a Dask scheduler.

    Every worker process does one job at a time, in one thread: start workers with
    ``--nthreads 1``, and as many as there are cores (or GPUs). What a lost worker had in hand
    is done by another. Network and motifs travel to each worker once.

    Parameters
    ----------
    equipment : bytes
        As :func:`neuroninterp.jobs.equipment.pack_equipment` packed it.
    address : str
        The scheduler's, like ``"tcp://host:8786"``, or a queueing system whose jobs shall be the
        workers (:data:`neuroninterp.jobs.queues.QUEUES`): then a scheduler is started here, and
        waits for them as long as the queue takes, a week at most.
    jobs : int
        How many jobs to put into that queue.
    batch_bytes : int or None
        Memory that one batch of a worker may take; None for the usual.
    gpu : bool
        Compute on the workers' GPUs, rather than nowhere near them.
    timeout : float
        Seconds to wait for the scheduler, and for a worker where there is none.

    Raises
    ------
    NeuroninterpError
        If dask.distributed is not installed, no scheduler or no worker can be reached, or a
        worker has other versions of what the results depend on.
    """

    files = False

    def __init__(
        self,
        equipment: bytes,
        address: str,
        *,
        jobs: int = 1,
        batch_bytes: int | None = None,
        gpu: bool = False,
        timeout: float = 30.0,
    ) -> None:
        self._distributed = _distributed()
        self._queue = ExitStack()
        self._address = self._queue.enter_context(scheduler(address, jobs))
        self._timeout = _LONGEST_QUEUE if address in QUEUES else timeout
        self._backend = _backend()
        self._batch_bytes, self._gpu = batch_bytes, gpu
        self._name = uuid4().hex
        self._ended: SimpleQueue[Any] = SimpleQueue()
        self._running: dict[str, tuple[Job, Any]] = {}
        self._counted, self._worker_count = -math.inf, 1
        try:
            self._client = self._connect()
            self._await_workers()
            self._refuse_other_versions()
            # As a task and not scattered: where every worker that has it is lost, the
            # scheduler has it made again.
            self._equipment = self._task(hold, equipment, key=f"{_EQUIPMENT}-{self._name}")
            self._client.replicate([self._equipment])
        except BaseException:
            self.close()
            raise

    @property
    def capacity(self) -> int:
        """Three for each worker, of which some may come and go, and one more.

        With more than two of a kind for each worker, Dask keeps them until a worker is free,
        instead of guessing beforehand which one will be.
        """
        if monotonic() - self._counted > _LOOK:
            self._worker_count = max(len(self._workers()), 1)
            self._counted = monotonic()
        return 3 * self._worker_count + 1

    def submit(self, job: Job) -> None:
        """Take a job. Returns at once."""
        future = self._task(
            do_job,
            job,
            self._equipment,
            key=f"{_JOB}-{self._name}-{job.key}",
            backend=self._backend,
            batch_bytes=self._batch_bytes,
            gpu=self._gpu,
        )
        self._running[job.key] = job, future
        future.add_done_callback(lambda _: self._ended.put(job.key))

    def finished(self) -> list[Done]:
        """Return jobs that have been done since the last call; waits until there is one.

        Empty where no job is unfinished.

        Raises
        ------
        NeuroninterpError
            If a job says so; if workers die of a job again and again; if the scheduler is gone,
            or every worker for longer than the timeout.
        WorkerBugError
            If a job fails otherwise.
        """
        found: list[Done] = []
        deserted = None
        while self._running:
            try:
                key = self._ended.get(block=not found, timeout=_LOOK)
            except Empty:
                if found:
                    break
                deserted = self._look_after(deserted)
            else:
                found.append(self._take(key))
        return found

    def close(self) -> None:
        """Let go of all jobs; a worker ends the one in hand for nobody."""
        futures = [future for _, future in self._running.values()]
        self._running.clear()
        with suppress(Exception):
            if futures and self._client.status == "running":
                self._client.cancel(futures, asynchronous=False)
        with suppress(Exception):
            self._client.close(timeout=_CLOSING)
        self._queue.close()

    def _connect(self) -> Any:
        # What goes wrong is said here, in one line.
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
        try:
            return self._distributed.Client(
                self._address, timeout=self._timeout, name="neuroninterp", set_as_default=False
            )
        except OSError as error:
            raise NeuroninterpError(
                f"no Dask scheduler can be reached at {self._address}: {error}; "
                "start one with 'dask scheduler', and give the address that it prints"
            ) from error

    def _await_workers(self) -> None:
        try:
            self._client.wait_for_workers(1, timeout=self._timeout)
        except TimeoutError as error:
            raise NeuroninterpError(self._deserted()) from error

    def _deserted(self) -> str:
        return (
            f"the Dask scheduler at {self._address} has had no worker for {self._timeout:g} s; "
            f"start some with 'dask worker {self._address} --nthreads 1'"
        )

    def _refuse_other_versions(self) -> None:
        ours = _versions()
        # As a function without a module: some workers may lack ours.
        alone = FunctionType(_versions.__code__, {"importlib": importlib, "platform": platform})
        for worker, theirs in self._client.run(alone).items():
            differing = [name for name in ours if theirs.get(name) != ours[name]]
            if differing:
                there = _listed(theirs, differing)
                raise NeuroninterpError(
                    f"worker {worker} has {there}, and here is {_listed(ours, differing)}: "
                    "the same results could not be promised; install the same versions"
                )

    def _workers(self) -> Mapping[str, int]:
        try:
            threads: Mapping[str, int] = self._client.nthreads()
        except Exception as error:  # Of many classes, by when the connection broke.
            raise NeuroninterpError(self._lost()) from error
        return threads

    def _task(self, function: Callable[..., Any], *arguments: Any, key: str, **given: Any) -> Any:
        import dask

        # What a job is given belongs to it, however large.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):
            return self._client.submit(function, *arguments, key=key, pure=False, **given)

    def _look_after(self, deserted: float | None) -> float | None:
        """Return since when there is no worker; raise where that or the scheduler is hopeless."""
        if self._client.status != "running":
            raise NeuroninterpError(self._lost())
        if self._workers():
            return None
        if deserted is not None and monotonic() - deserted > self._timeout:
            raise NeuroninterpError(self._deserted())
        return deserted or monotonic()

    def _lost(self) -> str:
        return f"the Dask scheduler at {self._address} is gone"

    def _take(self, key: str) -> Done:
        job, future = self._running.pop(key)
        if future.status in ("cancelled", "lost"):
            raise NeuroninterpError(self._lost())
        try:
            reply = future.result()
        except self._distributed.KilledWorker as error:
            raise NeuroninterpError(
                f"{job.label}: too many Dask workers died of it; probably memory ran out: give "
                "each more, or start fewer on a machine"
            ) from error
        if isinstance(reply, Failure):
            raise reply.error()
        done: Done = reply
        return done


def _distributed() -> ModuleType:
    try:
        import distributed
    except ImportError as error:
        raise NeuroninterpError(
            "a Dask scheduler needs dask.distributed; pip install 'neuroninterp[dask]'"
        ) from error
    module: ModuleType = distributed
    return module


def _backend() -> str:
    from neuroninterp.backend import import_keras

    return str(import_keras().backend.backend())


def _listed(versions: Mapping[str, str], names: list[str]) -> str:
    return ", ".join(f"{name} {versions.get(name, 'none')}" for name in names)


def _versions() -> dict[str, str]:
    """Return the versions of what decides the last digits of a result."""
    found = {"Python": ".".join(platform.python_version_tuple()[:2])}
    for package in ("neuroninterp", "numpy", "keras", "tensorflow"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "none"
    return found
