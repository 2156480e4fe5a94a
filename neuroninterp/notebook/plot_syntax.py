"""The figure of a syntax: its motifs to scale, as arrows along their strand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from neuroninterp.errors import UnknownNameError
from neuroninterp.motifs.dictionary import DictionaryMotif
from neuroninterp.motifs.syntax import Spacing, Syntax
from neuroninterp.notebook.axes import ACCENT, MUTED, axes_or_new
from neuroninterp.report.numbers import percent
from neuroninterp.text import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_syntax"]

_HEIGHT = 0.6
_POINT = 0.8
_LETTERS = 18
_INCHES_A_POSITION = 0.16


def plot_syntax(
    syntax: Syntax, dictionary: Sequence[DictionaryMotif], *, ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Draw an arrangement of motifs to scale, each gap at its most frequent size.

    Parameters
    ----------
    syntax : Syntax
        One of a neuron's arrangements.
    dictionary : sequence of DictionaryMotif
        The dictionary that its motifs are named after: the layer's, of the same source
        (``layer.dictionaries["model"]`` or ``["data"]``).
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    tuple of Figure and Axes
        bp from the start of the first motif. An arrow points along the motif's strand, a box is
        a palindrome; what stands between two is the range of the gap, bp. Motifs that overlap
        their neighbour stand one step higher.

    Raises
    ------
    UnknownNameError
        If the dictionary lacks one of the motifs.
    """
    from matplotlib.ticker import MaxNLocator

    entries = {entry.name: entry for entry in dictionary}
    for name in syntax.motifs:
        if name not in entries:
            raise UnknownNameError("dictionary motif", name, list(entries) or ["none"])
    places = _places(syntax, entries)
    width = max(end for _, end, _ in places) - min(start for start, _, _ in places)
    ax = axes_or_new(ax, min(14.0, max(4.0, _INCHES_A_POSITION * width + 1)), 1.9)
    for (start, end, lane), name, strand in zip(places, syntax.motifs, syntax.strands, strict=True):
        entry = entries[name]
        corners = _outline(start, end, lane, "" if entry.palindromic else strand)
        ax.fill(*zip(*corners, strict=True), color=ACCENT, alpha=0.85, linewidth=0)
        ax.text(
            *((start + end) / 2, lane + _HEIGHT / 2 + 0.08),
            _label(entry),
            ha="center",
            va="bottom",
            fontsize=9,
            parse_math=False,
        )
    for left, right, spacing in zip(places, places[1:], syntax.spacings, strict=False):
        low = min(left[2], right[2]) - _HEIGHT / 2 - 0.08
        ax.plot((left[1], right[0]), (low, low), color=MUTED, linewidth=1.5)
        text = _gap(spacing)
        ax.text((left[1] + right[0]) / 2, low - 0.08, text, ha="center", va="top", fontsize=9)
    top = max(lane for _, _, lane in places)
    ax.set_ylim(-1.1, top + 1.1)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("bp")
    title = f"layer {syntax.layer}, neuron {syntax.neuron}: {percent(syntax.share)} of its sample"
    ax.set_title(title, loc="left", fontsize=10)
    return ax.figure, ax  # type: ignore[return-value]  # of a subfigure, which is none of ours


def _places(syntax: Syntax, entries: dict[str, DictionaryMotif]) -> list[tuple[int, int, int]]:
    """Return each motif's start and end, bp from the first one's start, and its lane."""
    places: list[tuple[int, int, int]] = []
    for index, name in enumerate(syntax.motifs):
        length = len(entries[name].ppm)
        if not places:
            places.append((0, length, 0))
            continue
        _, end, lane = places[-1]
        gap = syntax.spacings[index - 1].mode
        places.append((end + gap, end + gap + length, 1 - lane if gap < 0 else 0))
    return places


def _outline(start: float, end: float, lane: float, strand: str) -> list[tuple[float, float]]:
    """Return the corners of an arrow along a strand; of a box for none."""
    low, high = lane - _HEIGHT / 2, lane + _HEIGHT / 2
    if not strand:
        return [(start, low), (start, high), (end, high), (end, low)]
    back, tip = (start, end) if strand == "+" else (end, start)
    neck = tip - _POINT if strand == "+" else tip + _POINT
    return [(back, low), (back, high), (neck, high), (tip, lane), (neck, low)]


def _label(entry: DictionaryMotif) -> str:
    known = entry.match
    return printable(entry.name if known is None else known.target_name, _LETTERS)


def _gap(spacing: Spacing) -> str:
    low, high = (str(end).replace("-", "\u2212") for end in (spacing.minimum, spacing.maximum))
    return low if low == high else f"{low} to {high}"
