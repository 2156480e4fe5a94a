"""Sequence logos of characters, for a terminal: a column of letters as tall as their bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neuroninterp.report.vector_logo import letter_bits

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["letter_rows", "terminal_logo"]

_STYLES = {"A": "bold green", "C": "bold blue", "G": "bold yellow", "T": "bold red"}
_STEP = 10
"""Positions between two numbers of the axis."""


def letter_rows(ppm: np.ndarray, *, height: int = 8) -> list[str]:
    """Draw a logo as rows of letters.

    Parameters
    ----------
    ppm : numpy.ndarray, shape=(length, 4)
        Probabilities, ACGT, rows summing to 1.
    height : int
        Rows for 2 bits.

    Returns
    -------
    list of str
        From above, one character a position: a base, or a space above the stack. A letter takes
        as many rows as its bits, to the nearest row of the stack up to and with it; the largest
        stands on top.
    """
    bits = letter_bits(ppm)
    grid = np.full((height, len(bits)), " ")
    for position, column in enumerate(bits):
        order = np.argsort(column, kind="stable")
        edges = np.rint(np.cumsum(column[order]) * height / 2).astype(int)
        below = 0
        for base, edge in zip(order, edges, strict=True):
            grid[below:edge, position] = "ACGT"[base]
            below = max(below, edge)
    return ["".join(row) for row in grid[::-1]]


def terminal_logo(
    ppm: np.ndarray, *, first: int = 1, height: int = 8, width: int | None = None
) -> Text:
    """Draw a logo with its axes, coloured where the terminal is.

    Parameters
    ----------
    ppm : numpy.ndarray, shape=(length, 4)
        Probabilities, ACGT, rows summing to 1.
    first : int
        Number of the first position (bp).
    height : int
        Rows for 2 bits, an even number.
    width : int or None
        Characters a line; wider logos go on below. None for one line.

    Returns
    -------
    rich.text.Text
        Without colours where rich's console has none (no terminal, ``NO_COLOR``).
    """
    from rich.text import Text

    margin = 4
    across = len(ppm) if width is None else max(1, width - margin)
    text = Text()
    for begin in range(0, len(ppm), across):
        rows = letter_rows(ppm[begin : begin + across], height=height)
        for number, row in enumerate(rows):
            # A row stands below its upper edge: the last but one row of each bit has its label.
            label = {0: "2", height // 2: "1"}.get(number, " ")
            text.append(f"{label:>2} \u2502")
            for base in row:
                text.append(base, _STYLES.get(base, ""))
            text.append("\n")
        text.append(f"   \u2514{_ticks(first + begin, len(rows[0]))}\n")
    return text


def _ticks(first: int, length: int) -> str:
    """Draw the axis; every tenth position has its number, from its first digit on."""
    line = ["\u2500"] * length
    for position in range(first, first + length):
        number = str(position)
        at = position - first
        if (position % _STEP == 0 or at == 0) and at + len(number) <= length:
            free = all(mark == "\u2500" for mark in line[max(0, at - 1) : at + len(number) + 1])
            if free:
                line[at : at + len(number)] = number
    return "".join(line)
