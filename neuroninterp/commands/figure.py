"""The ``figure`` command: parses, calls, prints. Heavy imports happen inside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from neuroninterp.commands.options import PROGRESS

__all__ = ["figure"]


class _Neuron(click.ParamType):
    """A neuron, one of its parts, or all of a layer: ``2:7``, ``2:7:1``, ``2:*``."""

    name = "NEURON"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int | None, int | None]:
        """Return layer, channel or None, part or None."""
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"(\d{1,9}):(?:(\*)|(\d{1,9})(?::(\d{1,9}))?)", str(value))
        if found is None:
            self.fail(
                f"{value!r}: expected layer:neuron like 2:7, a part of it like 2:7:1, or 2:* for "
                "all of a layer",
                param,
                ctx,
            )
        layer, _, neuron, part = found.groups()
        return int(layer), int(neuron) if neuron else None, int(part) if part else None


@click.command(short_help="Draw logos of chosen neurons, for print.")
@click.argument("results", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("neurons", metavar="NEURON...", nargs=-1, required=True, type=_Neuron())
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Picture: .svg and .pdf keep text as text, .png has 300 dots per inch.",
)
@click.option(
    "--parts",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Of a neuron of which no part is named: those of the largest share.",
)
@click.option("--mixture", is_flag=True, help="Add the undecoupled PPM of neurons with parts.")
@click.option(
    "--columns",
    type=click.IntRange(min=1),
    default=None,
    help="Neurons a row.  [default: as many as fit a page of 7.2 inches]",
)
@click.option(
    "--small-sample-correction",
    "correction",
    is_flag=True,
    help="Take 3/(2 ln 2 n) bits off every position of a PPM of n sequences.",
)
@PROGRESS
def figure(
    results: Path,
    neurons: tuple[tuple[int, int | None, int | None], ...],
    output: Path,
    parts: int,
    mixture: bool,
    columns: int | None,
    correction: bool,
    verbose: bool,
) -> None:
    """Draw logos of chosen neurons, for print, from the results in DIR, a folder of 'analyze'.

    NEURON is layer:neuron like 2:7, one of its parts like 2:7:1, or 2:* for all of a layer (in
    quotes). Parts of a neuron stand in register, all letters have one scale.
    """
    from neuroninterp.commands.unfinished import warn_of
    from neuroninterp.progress import Progress
    from neuroninterp.report.panel import Chosen, choose_neurons, neuron_panel
    from neuroninterp.report.saving import FIGURE_ENDINGS, save_print
    from neuroninterp.results import read_results
    from neuroninterp.results.single_file import prepare_file

    file = prepare_file(output, FIGURE_ENDINGS)
    chosen = [Chosen(*neuron) for neuron in neurons]
    result = read_results(results)
    if result.unfinished is not None:
        warn_of(result.unfinished.sentence)
    shown = choose_neurons(result, chosen, parts=parts, mixture=mixture)
    with Progress(visible=verbose).stage("drawing neurons", len(shown)) as advance:
        panel = neuron_panel(shown, columns=columns, correction=correction, advance=advance)
        save_print(panel, file)
    click.echo(f"wrote {file}")
