"""Measure whole runs: the memory of ``neuroninterp analyze`` against neurons and data.

    python -m benchmarks.whole_runs [--neurons K,K,…] [--data N,N,…] [-j J] [--write]

from the repository's root makes up networks of these numbers of first-layer neurons (and half as
many second-layer ones), and data of these numbers of sequences for the smallest of them, runs the
command on each in a process of its own, and prints seconds, memory, and the size of the results.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np

from benchmarks.large_data_steps import CLASSES, LENGTH
from benchmarks.plan import ROOT
from benchmarks.section import numbers, show
from neuroninterp.backend import import_keras, resolve_device

__all__ = ["main", "measure"]

_WIDTH, _POOL = 15, 4

_PREAMBLE = f"""Written by `python -m benchmarks.whole_runs --write`: `neuroninterp analyze
--effort quick`, start-up included, of networks with random weights: a first layer of filters of
{_WIDTH} bp, a pool of {_POOL}, and half as many neurons that read 3 of its positions. Data are
random sequences of {LENGTH:,} bp with {CLASSES} labels, and only the first layer is looked at in
them. *Peak* is the largest resident memory of the run itself and of any one worker, the libraries'
some 600 MB included; *kept* is the largest size of the folder `unfinished`."""

_COLUMNS = [
    ("neurons", lambda row: f"{row['neurons']:,}"),
    ("sequences", lambda row: f"{row['sequences']:,}" if row["sequences"] else ""),
    ("workers", lambda row: str(row["workers"])),
    ("s", lambda row: f"{row['seconds']:,.0f}"),
    ("CPU s", lambda row: f"{row['cpu']:,.0f}"),
    ("peak MB", lambda row: f"{row['peak'] / 1e6:,.0f}"),
    ("kept MB", lambda row: f"{row['kept'] / 1e6:,.1f}"),
    ("results.h5 MB", lambda row: f"{row['results'] / 1e6:,.1f}"),
]


def make_network(path: Path, neurons: int) -> None:
    """Save a network of two layers with random weights."""
    layers = import_keras().layers
    model = import_keras().Sequential(
        [
            layers.Input((LENGTH, 4)),
            layers.Conv1D(neurons, _WIDTH, activation="relu"),
            layers.MaxPooling1D(_POOL),
            layers.Conv1D(max(neurons // 2, 1), 3, activation="relu"),
            layers.GlobalMaxPooling1D(),
            layers.Dense(CLASSES, activation="sigmoid"),
        ]
    )
    rng = np.random.default_rng(neurons)
    first = rng.normal(size=(_WIDTH, 4, neurons))
    second = rng.normal(size=(3, neurons, max(neurons // 2, 1))) / np.sqrt(neurons)
    model.layers[0].set_weights([first - first.mean(axis=1, keepdims=True), np.full(neurons, -6.0)])
    model.layers[2].set_weights([second, np.full(second.shape[2], -0.5)])
    model.save(path)


def measure(neurons: int, sequences: int, workers: int) -> dict[str, Any]:
    """Measure one run.

    Parameters
    ----------
    neurons : int
        Of the first layer.
    sequences : int
        Of the data; 0 for none, which looks at both layers.
    workers : int
        As ``-j``.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        make_network(folder / "network.keras", neurons)
        words = [str(folder / "network.keras"), "--effort", "quick", "-j", str(workers), "-q"]
        if sequences:
            steps = ["benchmarks.large_data_steps", "make", "hdf5", str(sequences), name]
            subprocess.run(
                [sys.executable, "-m", *steps], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
            )
            words += ["--data", str(folder / "data.h5"), "--layers", "1"]
        output = folder / "report"
        found = _run(words, output)
        kept = {"results": (output / "results.h5").stat().st_size}
    neurons += 0 if sequences else max(neurons // 2, 1)
    return {"neurons": neurons, "sequences": sequences, "workers": workers, **found, **kept}


def _run(words: list[str], output: Path) -> dict[str, Any]:
    """Run the command; watch its processes and its folder."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "neuroninterp", "analyze", *words, "-o", str(output)]
    before = os.times()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    peak = kept = 0
    while process.poll() is None:
        peak = max(peak, *map(_peak, _family(process.pid)))
        kept = max(kept, _size(output / "unfinished"))
        time.sleep(0.2)
    assert process.returncode == 0
    after = os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return {"seconds": time.perf_counter() - began, "cpu": cpu, "peak": peak, "kept": kept}


def _family(pid: int) -> list[int]:
    """Return a process and those that it has started (Linux)."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, task.read_text().split())
    return found


def _peak(pid: int) -> int:
    """Return the largest resident memory that a process has had, bytes; 0 where it is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


@click.command()
@click.option("--neurons", callback=numbers, default="32,128,512,2048", show_default=True)
@click.option("--data", callback=numbers, default="10000,100000,1000000", show_default=True)
@click.option("-j", "workers", type=int, default=2, show_default=True)
@click.option("--write", is_flag=True, help="Put the figures into benchmarks/RESULTS.md.")
def main(neurons: list[int], data: list[int], workers: int, write: bool) -> None:
    """Measure whole runs and print the figures."""
    resolve_device("cpu")
    import_keras()
    asked = [(number, 0) for number in neurons] + [(neurons[0], number) for number in data]
    rows = []
    for number, sequences in asked:
        rows.append(measure(number, sequences, workers))
        click.echo(json.dumps(rows[-1]), err=True)
    show("Whole runs", _PREAMBLE, _COLUMNS, rows, write=write)


if __name__ == "__main__":
    main()
