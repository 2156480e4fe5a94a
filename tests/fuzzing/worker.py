"""A process of its own that opens suspect files, watched from outside.

A crash of the process (a segmentation fault in HDF5 or ONNX Runtime), a hang and the memory
that a file takes can only be seen from another process.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["CLEAN", "RIGHT", "Outcome", "Worker"]

RIGHT, CLEAN = "right answer", "clean error"

_ADDRESS_SPACE = 4 * 2**30
"""Bytes that a worker may add to what it maps at its start, so that a bomb cannot fill the
machine before it is noticed."""


@dataclass(frozen=True)
class Outcome:
    """What one file did.

    Parameters
    ----------
    kind : str
        :data:`RIGHT`, :data:`CLEAN`, or else what went wrong.
    detail : str
        Message or traceback.
    grown : int
        Bytes by which the process's peak memory exceeded what it held before.
    """

    kind: str
    detail: str
    grown: int = 0


class Worker:
    """Runs ``judge`` on files, one after the other, in a process that is replaced when it dies.

    Parameters
    ----------
    judge : callable
        Opens a file: returns on a right answer, raises otherwise. Must be importable.
    patience : float
        Seconds after which a file counts as a hang.
    sound : Path or None
        A file judged first in every new process, so that what the libraries take when they
        are loaded is not laid to a damaged file.
    """

    def __init__(
        self, judge: Callable[[Path], None], *, patience: float, sound: Path | None = None
    ) -> None:
        self._judge = judge
        self._sound = sound
        self._patience = patience
        self._process: Any = None
        self._pipe: Any = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def run(self, path: Path) -> Outcome:
        """Have the file judged."""
        if self._process is None:
            self._start()
        self._pipe.send(path)
        try:
            if self._pipe.poll(self._patience):
                return self._pipe.recv()
            outcome = Outcome("hang", f"no answer within {self._patience:g} s")
        except (EOFError, ConnectionError):
            self._process.join()
            outcome = Outcome("crash", f"the process ended with code {self._process.exitcode}")
        self._stop()
        return outcome

    def _start(self) -> None:
        # Not forked: TensorFlow's and ONNX Runtime's threads do not survive that.
        context = multiprocessing.get_context("spawn")
        self._pipe, far_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(self._judge, far_end, sys.path))
        self._process.start()
        far_end.close()
        ready = self._pipe.poll(120)
        assert ready, "the worker does not start"
        assert self._pipe.recv() == "ready"
        if self._sound is not None:
            self._pipe.send(self._sound)
            assert self._pipe.recv().kind == RIGHT, self._sound

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._process = None


def _serve(judge: Callable[[Path], None], pipe: Any, path: list[str]) -> None:
    sys.path[:] = path
    _bound_memory()
    pipe.send("ready")
    while True:
        try:
            file = pipe.recv()
        except EOFError:
            return
        pipe.send(_outcome(judge, file))


def _outcome(judge: Callable[[Path], None], file: Path) -> Outcome:
    from neuroninterp.errors import NeuroninterpError

    before = _resident_and_reset()
    try:
        judge(file)
        kind, detail = RIGHT, ""
    except NeuroninterpError as error:
        kind, detail = CLEAN, f"{type(error).__name__}: {error}"
        if "\n" in str(error) or not str(error):
            kind = "message of more than one line"
    except BaseException as error:  # whatever it is, it must not have come through
        kind, detail = type(error).__name__, traceback.format_exc()
    return Outcome(kind, detail, max(_peak() - before, 0))


def _bound_memory() -> None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * os.sysconf("SC_PAGE_SIZE") + _ADDRESS_SPACE
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _resident_and_reset() -> int:
    """Return the bytes held now, and start the peak anew where the system can do so."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return _peak()
    return pages * os.sysconf("SC_PAGE_SIZE")


def _peak() -> int:
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
