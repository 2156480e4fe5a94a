"""The ``attribute`` command: parses, calls, prints. Heavy imports happen inside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from neuroninterp.commands.config import config_option
from neuroninterp.commands.options import (
    PROGRESS,
    SEED,
    LayerNumber,
    ModelName,
    Names,
    Numbers,
    data_options,
    model_options,
)

__all__ = ["attribute"]

_METHODS = ("deeplift", "integrated-gradients", "ism", "saliency")
_REFERENCES = ("shuffled", "gc", "average", "uniform", "zero")


class _Region(click.ParamType):
    """A stretch, half-open, from 0: ``100-160``."""

    name = "START-END"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Return the two numbers."""
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"(\d{1,9})-(\d{1,9})", str(value))
        if found is None:
            self.fail(f"{value!r}: expected two positions like 100-160", param, ctx)
        return int(found[1]), int(found[2])


@click.command(short_help="Say what each base adds to a class or a neuron.")
@click.argument("model", type=ModelName())
@click.option("--data", required=True, help="Sequences: HDF5, npz, mat, FASTA, or BED.")
@click.option(
    "-o",
    "--output",
    default=None,
    help="Folder for the scores.  [default: MODEL's name with -attribution]",
)
@click.option(
    "--method",
    type=click.Choice(_METHODS),
    default="deeplift",
    show_default=True,
    help="How to attribute; ism works for any model.",
)
@click.option("--target", default=None, help="Class of the output: number from 0, or name.")
@click.option("--layer", type=LayerNumber(), default=None, help="A neuron's layer.")
@click.option("--neuron", type=click.IntRange(min=0), default=None, help="A neuron's channel.")
@click.option(
    "--position",
    type=click.IntRange(min=0),
    default=None,
    help="Output position to explain, from 0.  [default: where the neuron is largest]",
)
@click.option(
    "--scale",
    type=click.Choice(["logit", "output"]),
    default=None,
    help="What of a class to explain.  [default: logit where the model ends in a sigmoid or "
    "softmax]",
)
@click.option(
    "--reference",
    type=click.Choice(_REFERENCES),
    default="shuffled",
    show_default=True,
    help="What deeplift and integrated-gradients compare with.",
)
@click.option(
    "--references",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Shuffles a sequence, whose scores are averaged.",
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="Steps of integrated gradients.",
)
@click.option("--sequences", type=Numbers(), default=None, help="Which sequences, e.g. 0-9,12.")
@click.option("--limit", type=click.IntRange(min=1), default=None, help="Only the first so many.")
@click.option(
    "--tracks",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="Sequences to draw, from the first on.",
)
@click.option(
    "--region",
    type=_Region(),
    default=None,
    help="Stretch to draw as letters, from 0, the end excluded.",
)
@click.option(
    "--analysis",
    type=click.Path(path_type=Path),
    default=None,
    help="Results folder of 'analyze': draws beside the scores which neurons fire where, with "
    "their motifs, and the sites of planted and known motifs.",
)
@click.option(
    "--view-layer",
    type=click.IntRange(min=1),
    default=None,
    help="Layer whose neurons these are.  [default: the verdict's]",
)
@click.option(
    "--known",
    type=Names(),
    default="",
    help="Known motifs to mark, ids or names, separated by commas.  [default: those that the "
    "firing neurons match best]",
)
@click.option(
    "--motifs",
    default=None,
    help="Where these are: a JASPAR release or a MEME file.  [default: the analysis's]",
)
@click.option(
    "--sites",
    default=None,
    help="BED file of sites to mark as planted, its first column the sequences' names.  [default: "
    "those of the data file, where it has any]",
)
@SEED
@PROGRESS
@data_options
@model_options
@config_option
def attribute(
    model: str,
    data: str,
    output: str | None,
    sequences: tuple[int, ...] | None,
    limit: int | None,
    tracks: int,
    region: tuple[int, int] | None,
    analysis: Path | None,
    view_layer: int | None,
    known: tuple[str, ...],
    motifs: str | None,
    sites: str | None,
    verbose: bool,
    x_key: str | None,
    y_key: str | None,
    data_alphabet: str | None,
    genome: str | None,
    held: tuple[tuple[str, float], ...],
    **options: Any,
) -> None:
    """Say what each base of sequences adds to a class or a neuron of MODEL.

    Writes scores that TF-MoDISco reads, a table, and drawn tracks.
    """
    from neuroninterp.attribution import attribute as run
    from neuroninterp.attribution.output import (
        check_region,
        prepare_attribution,
        write_attribution,
    )
    from neuroninterp.models import load
    from neuroninterp.models.model import ZOO
    from neuroninterp.sequence_view.write import write_views
    from neuroninterp.sequences.reading import read_sequences
    from neuroninterp.sequences.sites import read_bed_sites

    folder = Path(output) if output else Path(f"{Path(model.removeprefix(ZOO)).name}-attribution")
    prepare_attribution(folder)
    names = ("device", "weights", "input_name", "alphabet", "background", "length", "layout")
    of_model = {name: options.pop(name) for name in (*names, "trust_model")}
    loaded = load(model, held=dict(held), **of_model)
    beside = None
    if analysis is not None:
        from neuroninterp.commands.unfinished import warn_of
        from neuroninterp.sequence_view.request import ViewRequest

        beside = ViewRequest.read(loaded, analysis, layer=view_layer, known=known, motifs=motifs)
        if beside.analysis.unfinished is not None:
            warn_of(beside.analysis.unfinished.sentence)
    elif view_layer or known or motifs or sites:
        raise click.UsageError("--view-layer, --known, --motifs and --sites go with --analysis DIR")
    read = read_sequences(
        data,
        length=loaded.length,
        alphabet=data_alphabet or loaded.layout.alphabet,
        x_key=x_key,
        y_key=y_key,
        genome=genome,
        limit=max(sequences) + 1 if sequences else limit,
    )
    check_region(region, read.length)
    chosen = read if sequences is None else read.some(sequences)
    planted = chosen.sites if sites is None else read_bed_sites(sites, chosen.names or ())
    found = run(loaded, chosen, verbose=verbose, **options)
    written = write_attribution(found, folder, model=loaded, tracks=tracks, region=region)
    if beside is not None:
        views = beside.views(found, planted, limit=tracks)
        written["views"] = write_views(views, folder, region=region, verbose=verbose)
    click.echo(f"{len(found)} sequences, {found.method} of {found.target}")
    for note in found.notes:
        click.echo(f"Warning: {note}", err=True)
    click.echo(f"Wrote {', '.join(written)} to {folder}")
