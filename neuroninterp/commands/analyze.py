"""The ``analyze`` command: parses, calls, prints. Heavy imports happen inside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from neuroninterp.commands.options import Numbers, data_options, model_options
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
@click.option(
    "--motifs",
    default="JASPAR2024",
    show_default=True,
    help="Known motifs: a JASPAR release (JASPAR2024:plants) or a MEME file.",
)
@click.option(
    "--relevant",
    default="",
    help="Ids or names of the motifs the network should know, separated by commas.",
)
@click.option(
    "--effort",
    type=click.Choice(["quick", "standard", "thorough"]),
    default="standard",
    show_default=True,
    help="How carefully to sample.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=None,
    help="Of decoupling: 1 allows as many parts as inspect has shifts, 2 their square.  "
    "[default: as many parts as differ]",
)
@click.option("--force", is_flag=True, help="Sample layers too that would take very long.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@data_options
@click.option(
    "-j",
    "--n-jobs",
    type=int,
    default=-1,
    show_default=True,
    help="Threads for matching; -1 for all cores.",
)
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@model_options
def analyze(
    model: str,
    output: str | None,
    relevant: str,
    quiet: bool,
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
        verbose=not quiet,
        **options,
    )
    print_outcome(result, folder)
