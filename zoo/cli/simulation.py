"""The command that simulates data: one sub-command a simulation, with its own options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from neuroninterp.text import comma_separated
from zoo.simulations.dragonn.parameters import SIMULATIONS, Parameters

__all__ = ["simulate"]

_SPLITS = ("train", "valid", "test")
_NATURAL = click.IntRange(min=0)
_POSITIVE = click.IntRange(min=1)
_DEFAULT = "koo-eddy"

_OUTPUT = click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="HDF5 file."
)
_SEED = click.option(
    "--seed", type=_NATURAL, default=0, show_default=True, help="Of the random numbers."
)
_SPLIT = click.option(
    "--split",
    "splits",
    type=click.Choice(_SPLITS),
    multiple=True,
    help="Write only this part (repeatable); the parts stay the same.",
)
_FORCE = click.option("--force", is_flag=True, help="Replace a file that exists.")


class _Simulations(click.Group):
    """A group whose first sub-command is meant where none is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        named = args and (args[0] in ctx.help_option_names or not args[0].startswith("-"))
        return super().parse_args(ctx, args if named else [_DEFAULT, *args])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = super().get_command(ctx, cmd_name)
        if found is None:
            from neuroninterp.errors import UnknownNameError

            raise UnknownNameError("simulation", cmd_name, self.list_commands(ctx))
        return found

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_Simulations)
def simulate() -> None:
    """Simulate labelled sequences with planted motifs; koo-eddy where none is named.

    Every simulation has its own options: 'zoo simulate NAME --help'.
    """


def _told(output: Path, sizes: dict[str, int]) -> None:
    parts = ", ".join(f"{size:,} {part}" for part, size in sizes.items())
    click.echo(f"wrote {output}: {parts} sequences")


def _published_as_a_whole(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of simulations that give a number of sequences in all."""
    options = (
        _OUTPUT,
        click.option(
            "--n", type=_POSITIVE, help="Number of sequences in all parts.  [default: the paper's]"
        ),
        _SEED,
        _SPLIT,
        click.option(
            "--limit", type=_POSITIVE, help="Write only the first sequences of each part."
        ),
        click.option(
            "--without-models", is_flag=True, help="Leave out the ground-truth probabilities."
        ),
        _FORCE,
    )
    for option in reversed(options):
        command = option(command)
    return command


def _write(name: str, output: Path, chosen: dict[str, Any]) -> None:
    from zoo.simulations.files import write_simulation

    chosen["models"] = not chosen.pop("without_models")
    chosen["splits"] = chosen["splits"] or _SPLITS
    _told(output, write_simulation(name, output, **chosen))


@simulate.command("koo-eddy", short_help="Koo & Eddy 2019.")
@_published_as_a_whole
@click.option(
    "--buffer",
    type=_NATURAL,
    default=0,
    show_default=True,
    help="Fewest bp between sites, and at the ends (the paper's text has 1).",
)
def _koo_eddy(output: Path, **chosen: Any) -> None:
    """Simulate 12 known motifs in random DNA of 200 bp (Koo & Eddy 2019)."""
    _write("koo-eddy", output, chosen)


@simulate.command("toy-1", short_help="NeuronMotif's first toy.")
@_published_as_a_whole
def _toy_1(output: Path, **chosen: Any) -> None:
    """Simulate 8-mers, sites of ZEB1 at either of two places or random (NeuronMotif)."""
    _write("toy-1", output, chosen)


@simulate.command("toy-2", short_help="NeuronMotif's second toy.")
@_published_as_a_whole
def _toy_2(output: Path, **chosen: Any) -> None:
    """Simulate two CTCF sites in 82 bp, rightly spaced or not (NeuronMotif)."""
    _write("toy-2", output, chosen)


def _add_dragonn(name: str, kind: type[Parameters]) -> None:
    """Add the sub-command of one of DragoNN's simulations, with its parameters as options."""

    def command(output: Path, format: str, **chosen: Any) -> None:
        from zoo.simulations.dragonn.files import write_dragonn, write_fasta

        shared = {key: chosen.pop(key) for key in ("seed", "motifs", "force")}
        splits = chosen.pop("splits")
        if format == "hdf5":
            shared["splits"] = splits or _SPLITS
            _told(output, write_dragonn(name, output, parameters=chosen, **shared))
            return
        if splits:
            raise click.UsageError("--split goes with --format hdf5")
        sizes = write_fasta(name, output, parameters=chosen, **shared)
        _told(output.with_name(f"{output.name}.*"), sizes)

    title = (kind.__doc__ or "").partition("\n")[0].removesuffix(".")
    command.__doc__ = f"{title} (DragoNN)."
    options = (
        click.option(
            "-o",
            "--output",
            type=click.Path(path_type=Path),
            required=True,
            help="HDF5 file, or with --format fasta the beginning of the files' names.",
        ),
        *(_option(item) for item in fields(kind)),
        click.option(
            "--motifs",
            default="JASPAR2024",
            show_default=True,
            help="Where motifs without an ENCODE name are looked up: a JASPAR release or a file "
            "in MEME format.",
        ),
        click.option(
            "--format",
            type=click.Choice(["hdf5", "fasta"]),
            default="hdf5",
            show_default=True,
            help="fasta writes .positives.fa, .negatives.fa and .sites.bed.",
        ),
        _SEED,
        _SPLIT,
        _FORCE,
    )
    function: Callable[..., None] = command
    for option in reversed(options):
        function = option(function)
    simulate.command(name, short_help=f"{title.partition(':')[0]} (DragoNN).")(function)


def _option(item: Any) -> Callable[..., Any]:
    """Return the option of one parameter, by its type and its published value."""
    several = isinstance(item.default, tuple)
    return click.option(
        f"--{item.name.replace('_', '-')}",
        type=str if several else type(item.default),
        default=",".join(item.default) if several else item.default,
        callback=(lambda _, __, value: comma_separated(value)) if several else None,
        show_default=True,
        help=item.metadata["help"],
    )


for _name, _kind in SIMULATIONS.items():
    _add_dragonn(_name, _kind)
