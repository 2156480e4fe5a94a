"""How many workers this machine can have: its cores, and the memory that they may take."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

from neuroninterp.errors import NeuroninterpError

__all__ = ["Plan", "parse_memory", "plan_workers", "usable_cores"]

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BINARY = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_SIZE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([KMGT]?)(i?)B?", re.IGNORECASE)

_MAIN_BYTES = 700_000_000
"""What the process that hands out the work takes: the libraries, the model, the results."""
_WORKER_BYTES = 500_000_000
"""What a worker takes with the libraries and a network in memory, beside 400 MB of the libraries'
files, which all share."""
_ROOM_BYTES = 1_100_000_000
"""What sampling and decoupling take beside a batch in the largest layer measured, BD-10's tenth."""
_LARGEST_BATCH = 96_000_000
"""A batch's usual memory; a larger one is no faster."""
_SMALLEST_BATCH = 1_000_000
_BATCHES = 4
"""How often a batch's largest tensor is there, at the peak of its computation."""


@dataclass(frozen=True)
class Plan:
    """How many workers, and what each may take.

    Parameters
    ----------
    workers : int
        At least 1.
    batch_bytes : int or None
        Memory of a batch, for :class:`neuroninterp.jobs.processes.Processes`; None for the
        usual.
    """

    workers: int
    batch_bytes: int | None = None


def usable_cores() -> int:
    """Return how many cores this process may use, at least 1.

    Those it is bound to (``taskset``, a job of a queue), or as many as a container may use of
    them on average.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    bound = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(int(min(bound, _quota())), 1)


def _quota(cgroups: Path = Path("/sys/fs/cgroup")) -> float:
    """Return the cores that the container may use; infinite where it has no limit."""
    try:
        quota, period = (cgroups / "cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        try:
            quota = (cgroups / "cpu" / "cpu.cfs_quota_us").read_text(encoding="ascii")
            period = (cgroups / "cpu" / "cpu.cfs_period_us").read_text(encoding="ascii")
        except OSError:
            return math.inf
    try:
        cores = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        return math.inf  # "max"
    return cores if cores > 0 else math.inf


def parse_memory(text: str) -> int:
    """Return an amount of memory in bytes.

    Parameters
    ----------
    text : str
        "4GB", "512M", "1.5 GiB", "200000000": a number of bytes, or of K, M, G, T of them, of
        1000 or, with an i, 1024.

    Raises
    ------
    NeuroninterpError
        If it is no such text, or nothing.
    """
    found = _SIZE.fullmatch(text.strip())
    if not found or not float(found[1]) or (found[3] and not found[2]):
        raise NeuroninterpError(f"{text!r} is no amount of memory; expected one like 4GB or 512M")
    number, unit, binary = found.groups()
    return int(float(number) * (_BINARY if binary else _UNITS)[unit.upper()])


def plan_workers(workers: int, memory: int | None = None) -> Plan:
    """Decide how many workers fit into the memory, and how large their batches may be.

    Parameters
    ----------
    workers : int
        How many are wanted; -1 for one a core that this process may use. Fewer are planned
        where the memory does not do for all.
    memory : int or None
        Bytes that the main process and all workers may take together; None for no limit. One
        worker is reckoned as the main process itself.

    Returns
    -------
    Plan

    Raises
    ------
    NeuroninterpError
        If ``workers`` is neither positive nor -1, or the memory does not do even for
        one.
    """
    if workers == -1:
        workers = usable_cores()
    if workers < 1:
        raise NeuroninterpError(f"{workers} workers: expected at least 1, or -1 for all cores")
    if memory is None:
        return Plan(workers)
    least = _ROOM_BYTES + _BATCHES * _SMALLEST_BATCH
    if memory < _MAIN_BYTES + least:
        raise NeuroninterpError(
            f"{_readable(memory)} of memory does not do; "
            f"expected at least {_readable(_MAIN_BYTES + least)}"
        )
    fitting = (memory - _MAIN_BYTES) // (_WORKER_BYTES + least)
    # A single worker is the main process itself.
    workers = max(min(workers, fitting), 1)
    each = (
        memory - _MAIN_BYTES if workers == 1 else (memory - _MAIN_BYTES) // workers - _WORKER_BYTES
    )
    return Plan(workers, min((each - _ROOM_BYTES) // _BATCHES, _LARGEST_BATCH))


def _readable(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
