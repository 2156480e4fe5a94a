"""The command line: parses, calls, prints. Heavy imports happen inside the commands."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import click

from neuroninterp.errors import NeuroninterpError
from neuroninterp.exit_codes import EXIT_BUG, EXIT_INTERRUPTED, EXIT_WRONG_INPUT
from neuroninterp.text import comma_separated
from zoo.cli import zoo

__all__ = ["command", "main"]


class _Held(click.ParamType):
    """A value for one of the model's other inputs: ``NAME=VALUE``."""

    name = "NAME=VALUE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        if isinstance(value, tuple):
            return value
        name, _, number = str(value).rpartition("=")
        try:
            held = float(number)
        except ValueError:
            held = math.nan
        if not name or not math.isfinite(held):
            self.fail(f"{value!r}: expected an input's name and a number, like tracks=0.5")
        return name, held


class _Numbers(click.ParamType):
    """Numbers and ranges: ``1,3`` or ``0-9,12``."""

    name = "numbers"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        numbers: list[int] = []
        for piece in str(value).split(","):
            first, _, last = piece.strip().partition("-")
            if not first.isdigit() or (last and not last.isdigit()):
                self.fail(f"{value!r}: expected numbers and ranges like 1,3 or 0-9", param, ctx)
            numbers += range(int(first), int(last or first) + 1)
        if not numbers:
            self.fail(f"{value!r} names no number", param, ctx)
        return tuple(dict.fromkeys(numbers))


def _model_options(function: Any) -> Any:
    """Add the options that every command with a MODEL has."""
    options = (
        click.option(
            "--device",
            type=click.Choice(["auto", "cpu", "gpu"]),
            default="auto",
            show_default=True,
            help="Where to compute; auto takes a GPU where there is one.",
        ),
        click.option(
            "--weights", default=None, help="Weights of a MODEL that is an architecture in JSON."
        ),
        click.option(
            "--input",
            "input_name",
            default=None,
            help="Which of the model's inputs holds the sequence, where several could.",
        ),
        click.option(
            "--hold",
            "held",
            type=_Held(),
            multiple=True,
            help="Value of another input, e.g. tracks=0.5; 0 for those not named.",
        ),
        click.option(
            "--alphabet",
            default="ACGT",
            show_default=True,
            help="Base of each input channel, in the file's order (DeepSEA: AGCT); N for a "
            "channel of unknown bases, . for one that is no base.",
        ),
        click.option(
            "--background",
            type=float,
            default=0.0,
            show_default=True,
            help="What channels that are no base hold.",
        ),
        click.option(
            "--length",
            type=click.IntRange(min=1),
            default=None,
            help="Length (bp) at which a model that takes any length is looked at.",
        ),
        click.option(
            "--layout",
            default=None,
            help="Axes of the model's input where they are inferred wrongly, e.g. NC1L.",
        ),
        click.option(
            "--trust-model",
            is_flag=True,
            help="Run code that the model file carries. Only for files of your own.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="neuroninterp")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(debug: bool) -> None:
    """Say what a trained DNA network has learned, and in which layer."""


command.add_command(zoo)


@command.command()
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
@_model_options
def inspect(model: str, as_json: bool, held: tuple[tuple[str, float], ...], **options: Any) -> None:
    """Show the layers of MODEL: kernels, pools and receptive fields."""
    from neuroninterp.backend import import_keras, resolve_device
    from neuroninterp.inspection import describe, print_description
    from neuroninterp.models import load

    resolve_device(options["device"])
    import_keras(bare=True)
    loaded = load(model, held=dict(held), **options)
    if as_json:
        import json

        click.echo(json.dumps(describe(loaded), indent=1))
    else:
        print_description(loaded)


@command.command()
@click.argument("model")
@click.option("--data", default=None, help="Sequences: HDF5, npz, mat, FASTA, or BED.")
@click.option(
    "-o",
    "--output",
    default=None,
    help="Folder for the results.  [default: MODEL's name with -report]",
)
@click.option("--layers", type=_Numbers(), default=None, help="Layers, e.g. 1,3 or 1-4.")
@click.option("--neurons", type=_Numbers(), default=None, help="Channels, e.g. 0-9.")
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
@click.option("--force", is_flag=True, help="Sample layers too that would take very long.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--x-key", default=None, help="Name of the sequences in the data file.")
@click.option("--y-key", default=None, help="Name of the labels in the data file.")
@click.option(
    "--data-alphabet",
    default=None,
    help="Base of each channel in the data file (DeepSEA's: AGCT).  [default: the model's]",
)
@click.option("--genome", default=None, help="Genome FASTA, for BED data.")
@click.option(
    "-j",
    "--n-jobs",
    type=int,
    default=-1,
    show_default=True,
    help="Threads for matching; -1 for all cores.",
)
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@_model_options
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


def main() -> None:
    """Run the command line; every way out has its documented exit code."""
    debug = "--debug" in sys.argv[1:]
    try:
        code = command.main(standalone_mode=False)
    except (NeuroninterpError, click.ClickException) as error:
        if debug:
            raise
        text = error.format_message() if isinstance(error, click.ClickException) else str(error)
        click.echo(f"Error: {' '.join(text.split())}", err=True)
        sys.exit(EXIT_WRONG_INPUT)
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted; nothing was written.", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:
        if debug:
            raise
        click.echo(
            f"Error: this is a bug of neuroninterp ({type(error).__name__}: {error}); "
            "run again as 'neuroninterp --debug …' and report the traceback",
            err=True,
        )
        sys.exit(EXIT_BUG)
    sys.exit(code if isinstance(code, int) else 0)
