"""The ``neuron`` command: parses, calls, prints. Heavy imports happen inside it."""

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
    THREADS,
    LayerNumber,
    ModelName,
    data_options,
    effort_option,
    model_options,
)

__all__ = ["neuron"]

_LOADING = ("device", "weights", "input_name", "alphabet", "background", "length", "layout")


@click.command(short_help="Look at one neuron of MODEL, here and now.")
@click.argument("model", type=ModelName())
@click.argument("layer", type=LayerNumber())
@click.argument("neuron", type=click.IntRange(min=0))
@click.option("--data", default=None, help="Sequences: HDF5, npz, mat, FASTA, or BED.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=None,
    help="Picture: .png, .svg or .pdf.  [default: MODEL-layer2-neuron7.png, with its name and "
    "numbers]",
)
@MOTIFS
@RELEVANT
@click.option(
    "--parts", type=click.IntRange(min=1), default=3, show_default=True, help="Most to show."
)
@click.option("--mixture", is_flag=True, help="Show the undecoupled PPM, too.")
@effort_option("quick")
@SEED
@data_options
@THREADS
@PROGRESS
@JSON
@model_options
@config_option
def neuron(
    model: str,
    layer: int,
    neuron: int,
    data: str | None,
    output: Path | None,
    parts: int,
    mixture: bool,
    as_json: bool,
    held: tuple[tuple[str, float], ...],
    **options: Any,
) -> None:
    """Look at one neuron of MODEL: its logos here and as a picture, and what they match.

    LAYER counts from 1, as 'inspect' shows; NEURON is a channel, from 0. Writes no picture of a
    neuron that is never active.
    """
    from neuroninterp.models import load
    from neuroninterp.models.model import ZOO
    from neuroninterp.neuron_analysis import analyze_neuron
    from neuroninterp.neuron_inspection import describe_neuron, print_neuron
    from neuroninterp.report.panel import PanelNeuron, neuron_panel
    from neuroninterp.report.saving import FIGURE_ENDINGS, save_print
    from neuroninterp.results.single_file import prepare_file

    name = Path(model.removeprefix(ZOO)).name
    file = prepare_file(output or f"{name}-layer{layer}-neuron{neuron}.png", FIGURE_ENDINGS)
    of_model = {key: options.pop(key) for key in (*_LOADING, "trust_model")}
    loaded = load(model, held=dict(held), **of_model)
    found = analyze_neuron(loaded, layer, neuron, data, **options)
    if not found.dead:
        shown = PanelNeuron(found, tuple(range(min(parts, len(found.parts)))), mixture)
        save_print(neuron_panel([shown]), file)
    if as_json:
        import json

        described = describe_neuron(loaded.layer(layer), found)
        picture = None if found.dead else str(file)
        click.echo(json.dumps({"model": model, **described, "picture": picture}, indent=1))
        return
    print_neuron(loaded.layer(layer), found, parts=parts, mixture=mixture)
    if not found.dead:
        click.echo(f"wrote {file}")
