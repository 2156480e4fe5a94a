"""Measure what more worker processes bring: work units a second, and a whole run.

    python -m benchmarks.scaling [--workers N,N,…] [--network NAME] [--effort EFFORT] [--write]

from the repository's root. How busy the machine was otherwise is measured first, and printed.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import click

import neuroninterp as ni
from benchmarks.plan import ROOT
from benchmarks.section import numbers, show
from neuroninterp.backend import import_keras, resolve_device
from neuroninterp.jobs import Equipment, Executor, Job, encode, pack_equipment
from neuroninterp.jobs.processes import Processes
from neuroninterp.motifs import load_database

__all__ = ["main", "throughput", "whole_run"]

_LAYER = 2
_BLOCK = 4
_UNITS = 12
_ROUNDS = 3
_RUN_NEURONS, _RUN_EFFORT = 96, "standard"
_SAMPLE = "neuroninterp.pipeline.layer_units:sample_block"

_PREAMBLE = """Written by `python -m benchmarks.scaling --write`. *Units*: {units} blocks of {block}
neurons of layer {layer} of {network}, sampled with effort {effort} by so many worker processes of
one thread, which have compiled it before, the median of {rounds} times. *Run*: `neuroninterp
analyze` of that layer's first
{neurons} neurons with effort {run_effort} and `-j`, start and report included; *cores* is processor
time over wall-clock, of all its processes. Before, {idle:.1f} of {cores} cores were idle.

Foreseen: at least 1.6 times the units with two workers on two idle cores, as one process does not
fill both (its *cores* are near 1); of the whole run less, since loading, the dictionary and the
report are one process's. Seen at first, with effort quick and half the neurons: none of the whole
run, whose 30 s were mostly starts and compiling; hence work of some minutes here, and hence
`analyze` calls workers in by itself only where sampling takes a minute or more."""

_COLUMNS = [
    ("workers", lambda row: str(row["workers"])),
    ("units a second", lambda row: f"{row['rate']:.2f}"),
    ("ratio", lambda row: f"{row['rate_ratio']:.2f}"),
    ("run s", lambda row: f"{row['seconds']:.1f}"),
    ("run ratio", lambda row: f"{row['run_ratio']:.2f}"),
    ("run cores", lambda row: f"{row['cores']:.2f}"),
]


def throughput(packed: bytes, workers: int, effort: str) -> float:
    """Return how many work units a second some worker processes finish."""
    with closing(Processes(packed, workers)) as executor:
        ready: set[str] = set()
        while len(ready) < workers:
            ready |= _have_done(executor, list(_units(effort, workers, first=_UNITS)))
        begun = time.perf_counter()
        _have_done(executor, list(_units(effort, _UNITS)))
        return _UNITS / (time.perf_counter() - begun)


def _units(effort: str, count: int, first: int = 0) -> Iterator[Job]:
    for number in range(first, first + count):
        begin = _BLOCK * (number % _UNITS)
        chosen = {"layer": _LAYER, "neurons": list(range(begin, begin + _BLOCK))}
        parameters = encode({**chosen, "effort": effort, "seed": number // _UNITS})
        yield Job(f"unit {number}", f"unit {number}", _SAMPLE, parameters)


def _have_done(executor: Executor, jobs: list[Job]) -> set[str]:
    """Have jobs done; return who did them."""
    for job in jobs:
        executor.submit(job)
    who: list[str] = []
    while len(who) < len(jobs):
        who += [done.worker for done in executor.finished()]
    return set(who)


def whole_run(network: str, workers: int) -> tuple[float, float]:
    """Return wall-clock seconds of a run, and the processor seconds of all its processes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    with TemporaryDirectory() as folder:
        chosen = ["--layers", str(_LAYER), "--neurons", f"0-{_RUN_NEURONS - 1}"]
        subprocess.run(
            [
                *(sys.executable, "-m", "neuroninterp", "analyze", f"zoo:{network}", *chosen),
                *(
                    "--effort",
                    _RUN_EFFORT,
                    "-j",
                    str(workers),
                    "-q",
                    "-o",
                    str(Path(folder) / "run"),
                ),
            ],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        seconds = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _idle_cores(seconds: float = 3.0) -> float:
    """Return how many cores have had nothing to do, on average over some seconds."""
    ticks = os.sysconf("SC_CLK_TCK")

    def idle() -> float:
        fields = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()
        return (int(fields[4]) + int(fields[5])) / ticks

    before = idle()
    time.sleep(seconds)
    return (idle() - before) / seconds


@click.command()
@click.option("--workers", callback=numbers, default="1,2", show_default=True)
@click.option("--network", default="cnn-2", show_default=True)
@click.option("--effort", default="quick", show_default=True)
@click.option("--write", is_flag=True, help="Put the figures into benchmarks/RESULTS.md.")
def main(workers: list[int], network: str, effort: str, write: bool) -> None:
    """Measure scaling and print the figures."""
    idle = _idle_cores()
    resolve_device("cpu")
    import_keras()
    model = ni.load(f"zoo:{network}")
    packed = pack_equipment(Equipment(model, load_database("JASPAR2024")), [_LAYER])
    rates: dict[int, list[float]] = {number: [] for number in workers}
    for _ in range(_ROUNDS):
        for number in workers:
            rates[number].append(throughput(packed, number, effort))
    rows: list[dict[str, Any]] = []
    for number in workers:
        rate = median(rates[number])
        seconds, busy = whole_run(network, number)
        row = {"workers": number, "rate": rate, "seconds": seconds, "cores": busy / seconds}
        first = rows[0] if rows else row
        row["rate_ratio"] = rate / first["rate"]
        row["run_ratio"] = first["seconds"] / seconds
        rows.append(row)
        click.echo(f"{row}", err=True)
    preamble = _PREAMBLE.format(
        units=_UNITS,
        rounds=_ROUNDS,
        block=_BLOCK,
        layer=_LAYER,
        network=network,
        effort=effort,
        neurons=_RUN_NEURONS,
        run_effort=_RUN_EFFORT,
        idle=idle,
        cores=os.cpu_count(),
    )
    show("Worker processes", preamble, _COLUMNS, rows, write=write)


if __name__ == "__main__":
    main()
