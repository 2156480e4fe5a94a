"""A worker process: does one job after the other for the process that started it.

:class:`neuroninterp.jobs.processes.Processes` starts it and speaks with it through its standard
input and output: first a :class:`Setup`, then jobs; back come :data:`READY`, and a
:class:`~neuroninterp.jobs.job.Done` or a :class:`~neuroninterp.jobs.failure.Failure` for each
job. Both ends are the same program by the same user, so the messages are pickled.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import sys
import threading
import time
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, BinaryIO

from neuroninterp.jobs.equipment import unpack_equipment
from neuroninterp.jobs.failure import Failure
from neuroninterp.jobs.job import Done, Job
from neuroninterp.jobs.perform import perform
from neuroninterp.jobs.threads import use_one_thread

__all__ = ["READY", "Setup", "main", "send"]

READY = "ready"
"""What a worker says when it waits for its first job."""

_SET_PARENT_DEATH_SIGNAL = 1
"""Linux: PR_SET_PDEATHSIG."""


@dataclass(frozen=True)
class Setup:
    """What a worker is given before its first job.

    Parameters
    ----------
    equipment : bytes
        As :func:`neuroninterp.jobs.equipment.pack_equipment` packed it.
    batch_bytes : int or None
        Largest memory of one batch; see :attr:`neuroninterp.models.Model.batch_bytes`.
    """

    equipment: bytes
    batch_bytes: int | None = None


def send(message: object, stream: BinaryIO) -> None:
    """Write a message, at once."""
    pickle.dump(message, stream, protocol=5)
    stream.flush()


def main(parent: int) -> None:
    """Work until the parent has no more to say, or is gone.

    Parameters
    ----------
    parent : int
        Process id of the parent.
    """
    # Ctrl-C reaches the whole group; the parent decides what becomes of its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    orders, replies = _own_streams()
    said: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_listen, args=(orders, said), daemon=True).start()
    _die_with(parent)
    use_one_thread()
    setup: Setup = said.get()
    try:
        equipment = unpack_equipment(setup.equipment, batch_bytes=setup.batch_bytes)
    except Exception as error:
        send(Failure.of(error, "start of a worker"), replies)
        return
    send(READY, replies)
    who = f"process {os.getpid()}"
    while True:
        job: Job = said.get()
        begun = time.perf_counter()
        reply: Done | Failure
        try:
            payload = perform(job, equipment)
            reply = Done(job.key, payload, time.perf_counter() - begun, who)
        except Exception as error:
            reply = Failure.of(error, job.label)
        send(reply, replies)


def _own_streams() -> tuple[BinaryIO, BinaryIO]:
    """Take standard input and output away from everyone else in this process.

    Whatever a library prints goes to standard error, which the parent keeps.
    """
    orders, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return orders, replies


def _listen(orders: BinaryIO, said: SimpleQueue[Any]) -> None:
    """Pass on what the parent says; when that ends, so does this process, whatever it does."""
    try:
        while True:
            said.put(pickle.load(orders))
    except (EOFError, OSError, pickle.UnpicklingError):
        os._exit(0)


def _die_with(parent: int) -> None:
    """End together with the parent, also inside compiled code that lets no thread run."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(0)  # It was gone before.
