"""The ``analyze`` command: parses, calls, prints. Heavy imports happen inside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from neuroninterp.commands.options import (
    JSON,
    MOTIFS,
    PROGRESS,
    SEED,
    THREADS,
    Numbers,
    data_options,
    effort_option,
    model_options,
)
from neuroninterp.text import comma_separated

__all__ = ["analyze"]


@click.command()
@click.argument("model")
@click.option("--data", default=None, help="Sequences: HDF5, npz, mat, FASTA, or BED.")
@click.option(
    "-o",
    "--output",
    default=None,
    help="Folder for the results.  [default: MODEL's name with -report]",
)
@click.option("--layers", type=Numbers(), default=None, help="Layers, e.g. 1,3 or 1-4.")
@click.option("--neurons", type=Numbers(), default=None, help="Channels, e.g. 0-9.")
@MOTIFS
@click.option(
    "--relevant",
    default="",
    help="Ids or names of the motifs the network should know, separated by commas.",
)
@effort_option("standard")
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=None,
    help="Of decoupling: 1 allows as many parts as inspect has shifts, 2 their square.  "
    "[default: as many parts as differ]",
)
@click.option("--force", is_flag=True, help="Sample layers too that would take very long.")
@SEED
@data_options
@THREADS
@PROGRESS
@JSON
@model_options
def analyze(
    model: str,
    output: str | None,
    relevant: str,
    as_json: bool,
    held: tuple[tuple[str, float], ...],
    **options: Any,
) -> None:
    """Analyse MODEL and write a report that a browser opens."""
    from neuroninterp.analysis import analyze as run
    from neuroninterp.inspection import print_outcome
    from neuroninterp.models.model import ZOO

    folder = Path(output) if output else Path(f"{Path(model.removeprefix(ZOO)).name}-report")
    result = run(
        model,
        output=folder,
        relevant=comma_separated(relevant),
        held=dict(held),
        **options,
    )
    if as_json:
        click.echo((folder / "summary.json").read_text(encoding="utf-8"), nl=False)
    else:
        print_outcome(result, folder)
