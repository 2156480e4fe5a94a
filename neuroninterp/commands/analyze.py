"""The ``analyze`` command: parses, calls, prints. Heavy imports happen inside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from neuroninterp.commands.config import config_option
from neuroninterp.commands.options import (
    JSON,
    MOTIFS,
    PROGRESS,
    RELEVANT,
    SEED,
    ModelName,
    Numbers,
    data_options,
    effort_option,
    model_options,
)

__all__ = ["analyze"]


@click.command()
@click.argument("model", type=ModelName())
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
@RELEVANT
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
@click.option(
    "-j",
    "--n-jobs",
    type=int,
    default=-1,
    show_default=True,
    help="Worker processes of one thread each; -1 for one a core where that pays.",
)
@click.option(
    "--memory",
    default=None,
    help="What all processes may take together, like 4GB: fewer workers, smaller batches.",
)
@click.option(
    "--scheduler",
    default=None,
    help="Run on a Dask cluster: tcp://HOST:8786, or slurm (see the documentation).",
)
@click.option(
    "--resume/--no-resume",
    default=True,
    show_default=True,
    help="Go on from what an interrupted run left in the folder, or begin anew.",
)
@PROGRESS
@JSON
@model_options
@config_option
def analyze(
    model: str,
    output: str | None,
    as_json: bool,
    held: tuple[tuple[str, float], ...],
    **options: Any,
) -> None:
    """Analyse MODEL and write a report that a browser opens."""
    from neuroninterp.jobs.threads import compute_in_one_thread

    # As every worker does: sums in another order end in other digits.
    compute_in_one_thread()
    from neuroninterp.analysis import analyze as run
    from neuroninterp.inspection import print_outcome
    from neuroninterp.models.model import ZOO

    folder = Path(output) if output else Path(f"{Path(model.removeprefix(ZOO)).name}-report")
    result = run(
        model,
        output=folder,
        held=dict(held),
        **options,
    )
    if as_json:
        click.echo((folder / "summary.json").read_text(encoding="utf-8"), nl=False)
    else:
        print_outcome(result, folder)
