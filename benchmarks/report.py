"""Measure the results folder of a large network: writing and reading results.h5, the report.

    python -m benchmarks.report [--size NEURONS PARTS WIDTH]... [--write]

from the repository's root makes up runs (benchmarks/large_result.py) and prints what their file
and their report cost, in time and in size.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from benchmarks.large_result import large_result
from benchmarks.section import show
from neuroninterp.backend import import_keras, resolve_device
from neuroninterp.report import render
from neuroninterp.results import AnalysisResult, read_results
from neuroninterp.results.store import write_store

__all__ = ["main", "measure"]


_SIZES = ((128, 8, 40), (3000, 16, 40), (3000, 16, 150))
"""Neurons, parts of each, and bp: of the demonstration's size, and of a large network's."""

_PREAMBLE = """Written by `python -m benchmarks.report --write`: made-up runs of three layers with
fields of so many bp, ten top sequences and two matches a neuron. CPU-seconds of one process.

Predicted of schema 2, before it was written: half the bytes; two thirds of the time to write, since
every PPM stays an HDF5 object with five attributes (some 0.2 ms each); a quarter of it to read.
Schema 1 (commit b352f82) took on that day's machine, shared with as much other work, for the same
runs and functions: 1.0 s to write, 0.9 s to read and 6.1 MB for 128 neurons; 25.5 s, 20.5 s and
188.1 MB for 3,000 of 40 bp; 23.4 s, 21.2 s and 295.5 MB for 3,000 of 150 bp."""

_COLUMNS = [
    ("neurons", lambda row: f"{row['neurons']:,}"),
    ("parts", lambda row: f"{row['parts']}"),
    ("bp", lambda row: f"{row['width']}"),
    ("step", lambda row: row["step"]),
    ("CPU s", lambda row: f"{row['seconds']:.1f}"),
    ("MB", lambda row: "" if row["bytes"] is None else f"{row['bytes'] / 1e6:.1f}"),
]


def measure(result: AnalysisResult, neurons: int, parts: int, width: int) -> list[dict[str, Any]]:
    """Measure writing and reading the file, and rendering the page.

    Returns
    -------
    list of dict
        One row a step: ``neurons``, ``parts``, ``width`` (bp), ``step``, ``seconds`` (CPU),
        ``bytes`` of what it made or None.
    """
    size = {"neurons": neurons, "parts": parts, "width": width}
    rows: list[dict[str, Any]] = []

    def timed(step: str, function: Callable[[], object], made: Path | None) -> None:
        begun = time.process_time()
        function()
        seconds = time.process_time() - begun
        found = None if made is None else made.stat().st_size
        rows.append({**size, "step": step, "seconds": seconds, "bytes": found})

    with TemporaryDirectory() as folder:
        stored, page = Path(folder) / "results.h5", Path(folder) / "report.html"
        timed("write results.h5", lambda: write_store(result, stored), stored)
        timed("read it", lambda: read_results(stored), None)
        timed("render report.html", lambda: page.write_text(render(result), encoding="utf-8"), page)
    return rows


@click.command()
@click.option(
    "--size",
    "sizes",
    type=(click.IntRange(min=3), click.IntRange(min=1), click.IntRange(min=24)),
    multiple=True,
    default=_SIZES,
    show_default=True,
    help="Neurons, parts of each, and bp of their fields.",
)
@click.option("--write", is_flag=True, help="Put the figures into benchmarks/RESULTS.md.")
def main(sizes: tuple[tuple[int, int, int], ...], write: bool) -> None:
    """Measure the results of large networks and print the figures."""
    resolve_device("cpu")
    import_keras()
    rows = [row for size in sizes for row in measure(large_result(*size), *size)]
    show("Results folder", _PREAMBLE, _COLUMNS, rows, write=write)


if __name__ == "__main__":
    main()
