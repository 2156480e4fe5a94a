"""Commands that make the papers' tables and figures again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from neuroninterp.commands.options import PROGRESS
from neuroninterp.text import comma_separated
from zoo.cli.interruption import continued_later

__all__ = ["dragonn", "logos", "table1", "table2"]

_NATURAL = click.IntRange(min=0)
_POSITIVE = click.IntRange(min=1)

_OPTIONS = (
    click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path),
        required=True,
        help="Folder for networks and table; what is there already is used.",
    ),
    click.option(
        "--models", default="", help="Networks, separated by commas.  [default: all of the table]"
    ),
    click.option("--trials", type=_POSITIVE, default=5, show_default=True, help="Of each network."),
    click.option(
        "--epochs", type=_POSITIVE, default=100, show_default=True, help="Largest number of epochs."
    ),
    click.option("--patience", type=_POSITIVE, help="See 'zoo train'.  [default: the paper's]"),
    click.option("--batch-size", type=_POSITIVE, help="Sequences a step.  [default: the paper's]"),
    click.option(
        "--protocol",
        default="released",
        show_default=True,
        help="Of training and simulation: released or text.",
    ),
    click.option("--alignment", help="Of the filters: released or text.  [default: the protocol]"),
    click.option(
        "--sampled-trials",
        type=_NATURAL,
        default=1,
        show_default=True,
        help="Trials of which every layer is sampled and decoupled; 0 for none.",
    ),
    click.option(
        "--effort", default="quick", show_default=True, help="Of that: quick, standard, thorough."
    ),
    click.option("--neurons", type=_POSITIVE, help="The first so many of a layer.  [default: all]"),
    click.option(
        "-j", "--jobs", type=_POSITIVE, help="Networks trained at once.  [default: one a core]"
    ),
    click.option("--device", default="auto", show_default=True, help="auto, cpu or gpu."),
    PROGRESS,
)


def _table_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="HDF5 file with train, valid and test parts.  [default: the paper's, simulated]",
)
@_table_options
def table1(**chosen: Any) -> None:
    """Make Table 1 again: 17 networks on synthetic data, and every layer decoupled.

    Trains what is missing, and continues where it was interrupted.
    """
    _make(1, chosen)


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    help="HDF5 file with train, valid and test parts, from 'zoo in-vivo'.",
)
@_table_options
def table2(**chosen: Any) -> None:
    """Make Table 2 again: networks on in vivo data, and every layer decoupled.

    Trains what is missing, and continues where it was interrupted.
    """
    _make(2, chosen)


def _make(number: int, chosen: dict[str, Any]) -> None:
    from zoo.tables.run import LayerSettings, make_table
    from zoo.trials import TrialSettings

    shared = ("epochs", "patience", "batch_size", "protocol", "device")
    with continued_later():
        table, files = make_table(
            number,
            chosen["output"],
            models=comma_separated(chosen["models"]) or None,
            data=chosen["data"],
            trials=chosen["trials"],
            settings=TrialSettings(**{key: chosen[key] for key in shared}),
            alignment=chosen["alignment"],
            layers=LayerSettings(chosen["sampled_trials"], chosen["effort"], chosen["neurons"]),
            jobs=chosen["jobs"],
            verbose=chosen["verbose"],
        )
    from zoo.tables.write import markdown

    click.echo(markdown(table))
    click.echo(f"wrote {', '.join(file.name for file in files)} to {chosen['output']}")


@click.command()
@click.argument("names", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Picture: .svg, .png or .pdf.",
)
@click.option(
    "--runs",
    type=click.Path(path_type=Path),
    help="Folder of 'zoo table1'.  [default: the networks that ship with the zoo]",
)
@click.option("--trial", type=_POSITIVE, default=1, show_default=True, help="Of the runs.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="HDF5 file with a test part.  [default: the test set that ships with the zoo]",
)
@click.option("--alignment", default="released", show_default=True, help="released or text.")
def logos(
    names: tuple[str, ...],
    output: Path,
    runs: Path | None,
    trial: int,
    data: Path | None,
    alignment: str,
) -> None:
    """Draw the first-layer filters of the networks NAMES beside the planted motifs.

    'zoo logos cnn-2 cnn-4 cnn-25 -o figure2.svg' is the paper's Figure 2,
    'zoo logos cnn9-4 cnn9-25 cnn-50-2 cnn19-1-2 -o figure3.svg' its Figure 3.
    """
    from zoo.tables.panel import draw_filters

    draw_filters(names, output, runs=runs, trial=trial, data=data, alignment=alignment)
    click.echo(f"wrote {output}")


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder for data, networks and figures; what is there already is used.",
)
@click.option("--simulations", default="", help="Separated by commas.  [default: all six]")
@click.option(
    "--networks", default="", help="Separated by commas.  [default: one and three layers]"
)
@click.option(
    "--epochs", type=_POSITIVE, default=100, show_default=True, help="Largest number of epochs."
)
@click.option(
    "--times",
    type=_POSITIVE,
    default=1,
    show_default=True,
    help="Simulate so many times the published number of sequences.",
)
@click.option("--seed", type=_NATURAL, default=0, show_default=True, help="Of data and training.")
@click.option("--motifs", default="JASPAR2024", show_default=True, help="Known motifs.")
@click.option(
    "--effort", default="quick", show_default=True, help="Of sampling: quick, standard, thorough."
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu or gpu.")
@PROGRESS
def dragonn(output: Path, simulations: str, networks: str, **chosen: Any) -> None:
    """Make DragoNN's figures again: SequenceDNN on six simulations, tested and analysed.

    Makes what is missing, and continues where it was interrupted.
    """
    from zoo.tables.dragonn import make_dragonn

    with continued_later():
        _, files = make_dragonn(
            output,
            simulations=comma_separated(simulations) or None,
            networks=comma_separated(networks) or None,
            report=click.echo,
            **chosen,
        )
    click.echo(f"wrote {', '.join(file.name for file in files)} to {output}")
