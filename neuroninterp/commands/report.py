"""The ``report`` command: parses, calls, prints. Heavy imports happen inside it."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["report"]


@click.command(short_help="Write a report again from its results.")
@click.argument("results", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=None,
    help="Write the page alone, as this file.  [default: replace report.html and figures in DIR]",
)
def report(results: Path, output: Path | None) -> None:
    """Write the report again from the results in DIR, a folder of 'analyze'."""
    from neuroninterp.commands.unfinished import warn_of
    from neuroninterp.report.rebuild import rebuild_report

    page, *_ = rebuild_report(results, output, warn=warn_of)
    click.echo(f"report: {page}")
