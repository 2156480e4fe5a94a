"""A section of the results: its title, on what it was measured, what that means, and a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from benchmarks.environment import environment
from benchmarks.plan import ROOT
from benchmarks.tables import table, write_text_section

__all__ = ["numbers", "show"]

_RESULTS = ROOT / "benchmarks" / "RESULTS.md"


def show(
    title: str,
    preamble: str,
    columns: Sequence[tuple[str, Callable[[dict[str, Any]], str]]],
    rows: Sequence[dict[str, Any]],
    *,
    write: bool,
) -> None:
    """Print a section, and put it into the results if asked to.

    Parameters
    ----------
    title : str
        What was measured; the machine is added.
    preamble : str
        By which command, and what the columns are.
    columns : sequence of (str, callable)
        Headings, and the cell of each row.
    rows : sequence of dict
        The figures.
    write : bool
        Whether to replace the section of ``benchmarks/RESULTS.md``.
    """
    where = environment()
    versions = ", ".join(f"{name} {number}" for name, number in where["versions"].items())
    head = f"## {title}: {where['machine']}, {where['cores']} cores"
    told = f"{where['date']}, commit {where['commit']}; {where['device']}; {versions}."
    section = "\n\n".join([head, told, preamble, table(list(columns), list(rows))]) + "\n"
    click.echo(section)
    if write:
        write_text_section(section, _RESULTS)


def numbers(_: click.Context, __: click.Parameter, text: str) -> list[int]:
    """Return the whole numbers of an option's text, separated by commas."""
    return [int(number) for number in text.split(",") if number]
