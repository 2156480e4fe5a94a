"""Jobs for the tests of workers: each shows one thing that a job can do to its worker."""

import ctypes
import os
import signal
import time
from pathlib import Path

import numpy as np

from neuroninterp.jobs import Equipment, Job, encode

_TASKS = Path("/proc/self/task")


def job(name, *inputs, key=None, **parameters):
    label = key or name
    return Job(label, label, f"worker_jobs:{name}", encode(parameters), inputs)


def values(equipment: Equipment, windows: np.ndarray, *, layer: int) -> np.ndarray:
    return equipment.model.trunk(layer).values(windows)


def add(equipment: Equipment, *numbers: float) -> float:
    return sum(numbers)


def length(equipment: Equipment, array: np.ndarray) -> int:
    return len(array)


def sleep(equipment: Equipment, *, seconds: float, started: str = "") -> int:
    """Sleep, having told by a file that it began."""
    if started:
        Path(started).write_text(str(os.getpid()))
    time.sleep(seconds)
    return os.getpid()


def unknown_layer(equipment: Equipment) -> None:
    equipment.model.layer(99)


def bug(equipment: Equipment) -> None:
    print("a library prints to standard output")
    raise KeyError("a bug")


def missing_file(equipment: Equipment) -> None:
    Path("/nowhere/at-all").read_bytes()


def die_once(equipment: Equipment, *, mark: str) -> str:
    """Be killed the first time, and say so the second."""
    if not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def die(equipment: Equipment) -> None:
    os.write(2, b"what it said last\n")
    os.kill(os.getpid(), signal.SIGKILL)


def threads(equipment: Equipment) -> dict:
    """How many threads the libraries compute with."""
    from threadpoolctl import threadpool_info

    rows = np.zeros((500, equipment.model.layer(2).receptive_field), np.uint8)
    equipment.model.trunk(2).values(rows)
    names = [(thread / "comm").read_text().strip() for thread in _TASKS.iterdir()]
    return {
        "pools": [pool["num_threads"] for pool in threadpool_info()],
        "tensorflow": names.count("tf_Compute"),
    }


def too_large(equipment: Equipment) -> np.ndarray:
    return np.ones(1 << 60, np.uint8)


def hold_every_thread(equipment: Equipment, *, seconds: float, started: str) -> None:
    """Sleep as compiled code does that lets no thread of Python run."""
    Path(started).write_text(str(os.getpid()))
    ctypes.PyDLL(None).usleep(int(seconds * 1e6))
