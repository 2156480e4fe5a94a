"""Tables in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["print_uncut"]


def print_uncut(table: Table) -> None:
    """Print a table at the width that it needs.

    A narrow terminal wraps the lines; cutting names or numbers off would hide them.
    """
    from rich.console import Console

    needed = Console(width=10_000).measure(table).maximum
    Console(highlight=False, width=max(Console().width, needed)).print(table)
