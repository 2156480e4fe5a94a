"""Tables that a command prints, or writes as TSV."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroninterp.terminal import print_uncut

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["print_table", "write_table"]


def print_table(table: pd.DataFrame, shown: Mapping[str, str]) -> None:
    """Print some columns of a table; a narrow terminal wraps lines, nothing is cut off.

    Parameters
    ----------
    table : pandas.DataFrame
        What to print.
    shown : mapping of str to str
        Heading of each column to show, by its name.
    """
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(box=box.SIMPLE_HEAD)
    for name, heading in shown.items():
        number = table[name].dtype.kind in "iuf"
        drawn.add_column(heading, justify="right" if number else "left", no_wrap=True)
    for row in table[list(shown)].itertuples(index=False):
        drawn.add_row(*(escape(_cell(value)) for value in row))
    print_uncut(drawn)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as TSV, whole or not at all.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    from neuroninterp.results.single_file import whole_file

    with whole_file(path) as aside:
        table.to_csv(aside, sep="\t", index=False, errors="replace")


def _cell(value: Any) -> str:
    import pandas as pd

    if pd.isna(value):
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, float):
        return f"{value:.2f}" if 0.01 <= abs(value) < 1000 or value == 0 else f"{value:.1e}"
    return str(value)
