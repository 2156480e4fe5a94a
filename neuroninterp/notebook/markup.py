"""What notebook output is made of: tables, facts and logos as HTML that needs nothing else.

Notebooks have light and dark themes and own style sheets, and keep no ``<style>`` or script of
ours. So all style is inline, and colours are the page's own, made fainter. Names come from files:
text becomes markup through :class:`markupsafe.Markup` alone, which escapes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from neuroninterp.report.stretch import drawn_span
from neuroninterp.report.vector_logo import logo_svg
from neuroninterp.text import printable

__all__ = ["Column", "box", "facts", "logo", "muted", "short", "small_logo", "strong", "table"]

_FAINT = "opacity:.7"
_LINE = "1px solid rgba(128,128,128,.35)"
_CELL = "padding:.25em .55em;vertical-align:middle;background:transparent;border:0;"
_PAPER = "display:inline-block;background:#fff;color:#1c2126;border-radius:3px"
"""Behind logos: the letters' colours are made for paper, and faint on a dark page."""
_WIDEST = 640.0
_COLUMN, _HEIGHT = 14.0, 54.0
_SMALL_COLUMN, _SMALL_HEIGHT, _SMALL_WIDEST, _SMALL_LONGEST = 8.0, 30.0, 260.0, 60
_LEAST_COLUMN = 3.0
_LETTERS = 40


@dataclass(frozen=True)
class Column:
    """The head of a table's column.

    Parameters
    ----------
    title : str
        As short as it can be.
    number : bool
        Whether it holds numbers, which stand to the right.
    hint : str
        What it means, shown when pointed at.
    """

    title: str
    number: bool = False
    hint: str = ""


def box(*pieces: Markup | None) -> str:
    """Put pieces one below the other; None is left out."""
    inside = Markup("").join(piece for piece in pieces if piece is not None)
    style = "line-height:1.45;font-size:13px;max-width:100%;overflow-x:auto"
    return str(Markup('<div style="{}">{}</div>').format(style, inside))


def strong(text: str, aside: str = "") -> Markup:
    """Write a line in bold, with something fainter behind it."""
    line = Markup("<b>{}</b>").format(text)
    if aside:
        line += Markup(' <span style="{}">{}</span>').format(_FAINT, aside)
    return Markup('<div style="margin:.2em 0">{}</div>').format(line)


def muted(text: str) -> Markup:
    """Write a line that is there for those who look for it."""
    return Markup('<div style="{};margin:.2em 0">{}</div>').format(_FAINT, text)


def facts(items: Iterable[tuple[str, str]]) -> Markup:
    """Write names with their values in one line."""
    pairs = (
        Markup('<span style="white-space:nowrap"><span style="{}">{}</span>&nbsp;{}</span>').format(
            _FAINT, name, value
        )
        for name, value in items
    )
    return Markup('<div style="margin:.2em 0">{}</div>').format(Markup(" · ").join(pairs))


def short(text: object) -> str:
    """Make a name from a file fit into a cell; it is escaped where it is written."""
    return printable(text, _LETTERS)


def table(columns: Sequence[Column], rows: Iterable[Sequence[str | Markup]], label: str) -> Markup:
    """Write a table.

    Parameters
    ----------
    columns : sequence of Column
        Their heads.
    rows : iterable of sequences
        A cell a column; text is escaped, markup is not.
    label : str
        What a screen reader calls the table.
    """
    sides = ["right" if column.number else "left" for column in columns]
    head_cell = Markup(
        '<th scope="col" title="{}" style="{}text-align:{};border-bottom:{}">{}</th>'
    )
    cell = Markup('<td style="{}text-align:{};white-space:nowrap">{}</td>')
    head = Markup("").join(
        head_cell.format(column.hint, _CELL, side, _LINE, column.title)
        for column, side in zip(columns, sides, strict=True)
    )
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(
                cell.format(_CELL, side, text) for text, side in zip(row, sides, strict=True)
            )
        )
        for row in rows
    )
    return Markup(
        '<table aria-label="{}" style="border-collapse:collapse;margin:.5em 0;font-size:inherit">'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table>"
    ).format(label, head, body)


def logo(
    ppm: np.ndarray, start: int, end: int, *, title: str, offset: int = 0, total: int | None = None
) -> Markup:
    """Draw a stretch of a PPM; positions are numbered from 1, as in the report.

    Parameters
    ----------
    ppm : numpy.ndarray, shape=(length, 4)
        Probabilities, ACGT, rows summing to 1.
    start, end : int
        The stretch, half-open, bp from 0.
    title : str
        What a screen reader says.
    offset : int
        Positions left blank before it, so that logos below each other are in register.
    total : int or None
        Positions that all of those logos take; None for those of this one.
    """
    column = max(_LEAST_COLUMN, min(_COLUMN, _WIDEST / (total or end - start)))
    drawn = logo_svg(ppm[start:end], column=column, height=_HEIGHT, first=start + 1, title=title)
    return Markup('<div style="margin-left:{:g}px">{}</div>').format(
        offset * column, _on_paper(drawn)
    )


def small_logo(ppm: np.ndarray, title: str) -> Markup:
    """Draw the most informative stretch of a PPM, low enough for a row of a table."""
    start, end = drawn_span(ppm, _SMALL_LONGEST)
    column = max(_LEAST_COLUMN, min(_SMALL_COLUMN, _SMALL_WIDEST / (end - start)))
    drawn = logo_svg(
        ppm[start:end], column=column, height=_SMALL_HEIGHT, first=start + 1, title=title
    )
    return _on_paper(drawn)


def _on_paper(svg: str) -> Markup:
    return Markup('<span style="{}">{}</span>').format(_PAPER, Markup(svg))
