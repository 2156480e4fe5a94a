"""The command line: parses, calls, prints. Heavy imports happen inside the commands."""

from __future__ import annotations

import os
import sys

import click

from neuroninterp.commands import (
    analyze,
    attribute,
    compare,
    completion,
    figure,
    inspect,
    match,
    neuron,
    report,
)
from neuroninterp.commands.completion import (
    COMPLETE_VARIABLE,
    PROGRAM,
    register_completion,
)
from neuroninterp.commands.interruption import stoppable
from neuroninterp.errors import Interrupted, NeuroninterpError
from neuroninterp.exit_codes import EXIT_BUG, EXIT_INTERRUPTED, EXIT_WRONG_INPUT
from zoo.cli import zoo

__all__ = ["command", "main"]


_EPILOG = f"""
\b
Exit codes:
  0    done
  {EXIT_BUG}    a bug of neuroninterp; --debug shows the traceback
  {EXIT_WRONG_INPUT}    the input was wrong: one line on standard error says what, where, what to do
  {EXIT_INTERRUPTED}  interrupted (Ctrl-C, or SIGTERM); the line says whether it can be continued

\b
Results go to files and standard output, progress and errors to standard error.
Progress is shown on a terminal alone (-v: always, -q: never).
"""


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EPILOG,
)
@click.version_option(package_name="neuroninterp")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(debug: bool) -> None:
    """Say what a trained DNA network has learned, and in which layer."""


for _command in (
    *(inspect, neuron, analyze, report, figure),
    *(match, compare, attribute, zoo, completion),
):
    command.add_command(_command)


def main() -> None:
    """Run the command line; every way out has its documented exit code."""
    with stoppable():
        _run()


def _run() -> None:
    debug = "--debug" in sys.argv[1:]
    try:
        if COMPLETE_VARIABLE in os.environ:
            register_completion()
        code = command.main(
            prog_name=PROGRAM, complete_var=COMPLETE_VARIABLE, standalone_mode=False
        )
    except (NeuroninterpError, click.ClickException) as error:
        if debug:
            raise
        text = error.format_message() if isinstance(error, click.ClickException) else str(error)
        click.echo(f"Error: {' '.join(text.split())}", err=True)
        sys.exit(EXIT_WRONG_INPUT)
    except (KeyboardInterrupt, click.Abort) as stopped:
        # Click makes its own of an interruption.
        cause = stopped.__cause__ if isinstance(stopped, click.Abort) else stopped
        kept = f": {cause}" if isinstance(cause, Interrupted) else "; nothing was written."
        click.echo(f"Interrupted{kept}", err=True)
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
