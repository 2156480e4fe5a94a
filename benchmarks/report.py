"""Measure the results folder of a large network: writing and reading results.h5, the report.

    python -m benchmarks.report [--neurons N] [--parts N] [--write]

from the repository's root makes up a run (benchmarks/large_result.py) and prints what its file
and its report cost, in time and in size.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from benchmarks.environment import environment
from benchmarks.large_result import large_result
from benchmarks.plan import ROOT
from benchmarks.tables import table, write_text_section
from neuroninterp.backend import import_keras, resolve_device
from neuroninterp.report import render
from neuroninterp.results import AnalysisResult, read_results
from neuroninterp.results.store import write_store

__all__ = ["main", "measure"]

_RESULTS = ROOT / "benchmarks" / "RESULTS.md"

_PREAMBLE = """Written by `python -m benchmarks.report --write`: a made-up run of three layers with
fields of 40 bp, ten top sequences and two matches a neuron. CPU-seconds of one process."""

_COLUMNS = [
    ("neurons", lambda row: f"{row['neurons']:,}"),
    ("parts", lambda row: f"{row['parts']}"),
    ("step", lambda row: row["step"]),
    ("CPU s", lambda row: f"{row['seconds']:.1f}"),
    ("MB", lambda row: "" if row["bytes"] is None else f"{row['bytes'] / 1e6:.1f}"),
]


def measure(result: AnalysisResult, neurons: int, parts: int) -> list[dict[str, Any]]:
    """Measure writing and reading the file, and rendering the page.

    Returns
    -------
    list of dict
        One row a step: ``neurons``, ``parts``, ``step``, ``seconds`` (CPU), ``bytes`` of what
        it made or None.
    """
    rows: list[dict[str, Any]] = []

    def timed(step: str, function: Callable[[], object], size: Callable[[], int] | None) -> None:
        begun = time.process_time()
        function()
        seconds = time.process_time() - begun
        found = None if size is None else size()
        rows.append(
            {"neurons": neurons, "parts": parts, "step": step, "seconds": seconds, "bytes": found}
        )

    with TemporaryDirectory() as folder:
        stored, page = Path(folder) / "results.h5", Path(folder) / "report.html"
        timed(
            "write results.h5", lambda: write_store(result, stored), lambda: stored.stat().st_size
        )
        timed("read it", lambda: read_results(stored), None)
        timed(
            "render report.html",
            lambda: page.write_text(render(result), encoding="utf-8"),
            lambda: page.stat().st_size,
        )
    return rows


@click.command()
@click.option("--neurons", type=click.IntRange(min=3), default=3000, show_default=True)
@click.option("--parts", type=click.IntRange(min=1), default=16, show_default=True)
@click.option("--write", is_flag=True, help="Put the figures into benchmarks/RESULTS.md.")
def main(neurons: int, parts: int, write: bool) -> None:
    """Measure the results of a large network and print the figures."""
    resolve_device("cpu")
    import_keras()
    rows = measure(large_result(neurons, parts), neurons, parts)
    where = environment()
    versions = ", ".join(f"{name} {number}" for name, number in where["versions"].items())
    section = (
        "\n\n".join(
            [
                f"## Results folder: {where['machine']}, {where['cores']} cores",
                f"{where['date']}, commit {where['commit']}; {where['device']}; {versions}.",
                _PREAMBLE,
                table(_COLUMNS, rows),
            ]
        )
        + "\n"
    )
    click.echo(section)
    if write:
        write_text_section(section, _RESULTS)


if __name__ == "__main__":
    main()
