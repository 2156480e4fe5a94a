"""Measure data that memory would not hold: storing it, and looking for a first layer in it.

    python -m benchmarks.large_data [--hdf5 N,N,…] [--fasta N,…] [--bed N,…] [--write]

from the repository's root makes up data files of these numbers of sequences, one after the other
and each in a temporary folder, and prints what they cost, in time and in memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from tempfile import TemporaryDirectory
from typing import Any

import click

from benchmarks.large_data_steps import FILTERS, LENGTH, PROCESSES, WIDTH
from benchmarks.plan import ROOT
from benchmarks.section import numbers, show
from neuroninterp.backend import import_keras, resolve_device

__all__ = ["main", "measure"]


_PREAMBLE = f"""Written by `python -m benchmarks.large_data --write`: random sequences of
{LENGTH:,} bp, HDF5 as one-hot bytes in chunks of 64 compressed with lzf, BED over a genome of
20 Mb; a first layer of {FILTERS} filters of {WIDTH} bp, each active on a tenth of all windows.
*Store* is one process; *scan* goes through the stored blocks twice, in {PROCESSES} processes of one
thread, which load the model first. Seconds on the clock and CPU-seconds of all processes, their
start included; on a machine with other work the clock runs longer. *Peak* is the largest resident
memory of any one process."""

_COLUMNS = [
    ("format", lambda row: row["kind"]),
    ("sequences", lambda row: f"{row['number']:,}"),
    ("file MB", lambda row: f"{row['file'] / 1e6:,.0f}"),
    ("stored MB", lambda row: f"{row['stored'] / 1e6:,.0f}"),
    ("store s", lambda row: f"{row['store']['seconds']:,.1f}"),
    ("CPU s", lambda row: f"{row['store']['cpu']:,.1f}"),
    ("peak MB", lambda row: f"{row['store']['peak'] / 1e6:,.0f}"),
    ("scan s", lambda row: f"{row['scan']['seconds']:,.1f}"),
    ("CPU s", lambda row: f"{row['scan']['cpu']:,.1f}"),
    ("peak MB", lambda row: f"{row['scan']['peak'] / 1e6:,.0f}"),
]


def measure(kind: str, number: int) -> dict[str, Any]:
    """Measure one data file.

    Parameters
    ----------
    kind : str
        "hdf5", "fasta" or "bed".
    number : int
        Sequences.

    Returns
    -------
    dict
        ``kind``, ``number``; ``file`` and ``stored``, bytes; ``store`` and ``scan``, each with
        ``seconds``, ``cpu`` (seconds) and ``peak`` (bytes).
    """
    with TemporaryDirectory() as folder:
        _step("make", kind, number, folder)
        store = _step("store", kind, number, folder)
        scan = _step("scan", kind, number, folder)
    return {
        "kind": kind,
        "number": number,
        "file": scan["file"],
        "stored": scan["stored"],
        "store": store,
        "scan": scan,
    }


def _step(name: str, kind: str, number: int, folder: str) -> dict[str, Any]:
    one = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.large_data_steps", name, kind, str(number), folder],
        env={**os.environ, **one},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    click.echo(f"{kind} {number:,} {name}: {found}", err=True)
    return found


@click.command()
@click.option("--hdf5", callback=numbers, default="10000,100000,1000000", show_default=True)
@click.option("--fasta", callback=numbers, default="10000", show_default=True)
@click.option("--bed", callback=numbers, default="10000", show_default=True)
@click.option("--write", is_flag=True, help="Put the figures into benchmarks/RESULTS.md.")
def main(hdf5: list[int], fasta: list[int], bed: list[int], write: bool) -> None:
    """Measure large data and print the figures."""
    resolve_device("cpu")
    import_keras()
    kinds = {"hdf5": hdf5, "fasta": fasta, "bed": bed}
    rows = [measure(kind, number) for kind, numbers in kinds.items() for number in numbers]
    show("Large data", _PREAMBLE, _COLUMNS, rows, write=write)


if __name__ == "__main__":
    main()
