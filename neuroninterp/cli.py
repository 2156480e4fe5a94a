"""The command line: parses, calls, prints. Heavy imports happen inside the commands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from neuroninterp.attribution_command import attribute
from neuroninterp.command_options import Numbers, data_options, model_options
from neuroninterp.errors import NeuroninterpError
from neuroninterp.exit_codes import EXIT_BUG, EXIT_INTERRUPTED, EXIT_WRONG_INPUT
from neuroninterp.text import comma_separated
from zoo.cli import zoo

__all__ = ["command", "main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="neuroninterp")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(debug: bool) -> None:
    """Say what a trained DNA network has learned, and in which layer."""


command.add_command(zoo)
command.add_command(attribute)


@command.command()
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
@model_options
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
