"""Worker processes on this machine."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import BinaryIO, cast

from neuroninterp.errors import NeuroninterpError
from neuroninterp.jobs.failure import Failure
from neuroninterp.jobs.job import Done, Job
from neuroninterp.jobs.threads import ONE_THREAD
from neuroninterp.jobs.worker import READY, Setup, send

__all__ = ["Processes"]

_DEATHS = 3
"""Workers that one job may take with it."""
_PATIENCE = 1.0
"""Seconds between asking a worker to end and making it."""
_LAST_LINES = 5
"""Of what a dead worker said, in the error."""

_START = "import sys; sys.path[:] = {path!r}; from {module} import main; main({parent})"
"""Not by ``-m``: that would let a file of the working directory pass for a library's."""


class Processes:
    """Has jobs done by processes of this machine, each with one thread.

    They are new interpreters, not copies of this process: what this one imported or runs as a
    script does not matter to them, and a script needs no ``if __name__ == "__main__"``.

    Parameters
    ----------
    equipment : bytes
        As :func:`neuroninterp.jobs.equipment.pack_equipment` packed it; sent once to each.
    workers : int
        How many at most, at least 1. One starts for each of the first jobs, so that those for
        which there is nothing to do cost nothing.
    batch_bytes : int or None
        Memory that one batch of a worker may take; None for the usual.
    gpu : bool
        Let them see GPUs.
    """

    files = True

    def __init__(
        self,
        equipment: bytes,
        workers: int,
        *,
        batch_bytes: int | None = None,
        gpu: bool = False,
    ) -> None:
        self.capacity = 2 * workers
        self._setup = Setup(equipment, batch_bytes)
        self._environment = _environment(gpu)
        self._waiting: SimpleQueue[Job | None] = SimpleQueue()
        self._ended: SimpleQueue[Done | Exception] = SimpleQueue()
        self._unfinished = 0
        self._closed = False
        self._lock = threading.Lock()
        self._workers: dict[int, _Worker] = {}
        self._threads = [
            threading.Thread(target=self._employ, args=(place,), daemon=True)
            for place in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers that have been started and not been replaced."""
        with self._lock:
            return tuple(worker.pid for worker in self._workers.values())

    def submit(self, job: Job) -> None:
        """Take a job. Returns at once."""
        self._unfinished += 1
        self._waiting.put(job)

    def finished(self) -> list[Done]:
        """Return jobs that have been done since the last call; waits until there is one.

        Empty where no job is unfinished.

        Raises
        ------
        NeuroninterpError
            If a job says so; if a job's workers die again and again, or none can start.
        OSError
            If a job could not read a file.
        WorkerBugError
            If a job fails otherwise.
        """
        found: list[Done] = []
        while self._unfinished:
            try:
                ended = self._ended.get(block=not found)
            except Empty:
                break
            if isinstance(ended, Exception):
                raise ended
            self._unfinished -= 1
            found.append(ended)
        return found

    def close(self) -> None:
        """End the workers, within 2 s, whatever they do."""
        with self._lock:
            self._closed = True
            workers = list(self._workers.values())
        for worker in workers:
            worker.terminate()
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _employ(self, place: int) -> None:
        """Keep a worker at work, and start another where it died."""
        job = self._waiting.get()
        deaths = 0
        try:
            while job is not None and (worker := self._start(place)) is not None:
                try:
                    worker.prepare(self._setup)
                    while job is not None:
                        self._ended.put(worker.do(job))
                        deaths = 0
                        job = self._waiting.get()
                except (EOFError, OSError, pickle.UnpicklingError):
                    deaths += 1
                finally:
                    worker.end()
                if job is not None and deaths == _DEATHS and not self._closed:
                    raise worker.why_dead(job, deaths)
        except Exception as error:
            self._ended.put(error)

    def _start(self, place: int) -> _Worker | None:
        with self._lock:
            if self._closed:
                return None
            self._workers[place] = _Worker(self._environment)
            return self._workers[place]


class _Worker:
    """A running worker process, and what it says on standard error."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        code = _START.format(path=sys.path, module="neuroninterp.jobs.worker", parent=os.getpid())
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(environment),
            )
        except OSError as error:
            raise NeuroninterpError(
                f"a worker process could not be started ({error}); use fewer (-j)"
            ) from error
        self._orders = cast(BinaryIO, self._process.stdin)
        self._replies = cast(BinaryIO, self._process.stdout)
        self._said: deque[bytes] = deque(maxlen=_LAST_LINES)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def prepare(self, setup: Setup) -> None:
        """Hand over the equipment; return when the worker has it."""
        send(setup, self._orders)
        reply = pickle.load(self._replies)
        if reply != READY:
            raise cast(Failure, reply).error()

    def do(self, job: Job) -> Done | Exception:
        """Have a job done; raises EOFError or OSError where the worker dies of it."""
        send(job, self._orders)
        reply = pickle.load(self._replies)
        return reply.error() if isinstance(reply, Failure) else cast(Done, reply)

    def terminate(self) -> None:
        """Ask the process to end, from any thread."""
        self._process.terminate()

    def end(self) -> None:
        """Make sure that the process has ended, and let go of it."""
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join(_PATIENCE)
        with suppress(OSError):  # Of a message that it did not read to the end.
            self._orders.close()
        self._replies.close()

    def why_dead(self, job: Job, deaths: int) -> NeuroninterpError:
        """Return the error that says how it ended."""
        code = self._process.returncode
        said = b" ".join(line.strip() for line in self._said).decode("utf-8", "replace")
        text = f"{job.label}: {deaths} worker processes died of it, the last by {_ending(code)}"
        if code == -signal.SIGKILL:
            text += "; probably memory ran out: use fewer workers (-j) or --memory"
        return NeuroninterpError(text + (f"; it said: {said}" if said else ""))

    def _listen(self) -> None:
        with cast(BinaryIO, self._process.stderr) as stream:
            self._said.extend(stream)


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _environment(gpu: bool) -> dict[str, str]:
    environment = {**os.environ, **ONE_THREAD, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if not gpu:
        environment |= {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
    if "keras" in sys.modules:
        # It may have been chosen otherwise than in the environment.
        environment["KERAS_BACKEND"] = sys.modules["keras"].backend.backend()
    return environment
