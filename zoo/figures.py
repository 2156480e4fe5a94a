"""First-layer logos of several networks beside the planted motifs: Koo & Eddy's Figures 2 and 3.

Every network is a block of logos, one a filter, in the order of its channels; the planted
motifs stand below, forward above their reverse complement. Letters are logomaker's glyphs,
``p * (2 - H)`` bits high (Koo & Eddy 2019, Methods, "Visualizing first layer filters"), on
axes from 0 to 2 bits, with the same inches a bit and a base pair everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuroninterp.errors import OutputError
from neuroninterp.motifs.information import information_content
from neuroninterp.text import printable
from zoo.output import aside, check_folder_of, output_errors

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["LogoColumn", "Truth", "check_path", "draw_panel", "panel"]

Truth = tuple[str, np.ndarray, np.ndarray]
"""A planted motif: its name, its PPM (width, 4), and the PPM of its reverse complement."""

_UNDATED: dict[str, Any] = {".svg": {"Date": None}, ".png": {}, ".pdf": {"CreationDate": None}}

# Sizes in inches, type in points.
_BASE_PAIR, _LOGO_HEIGHT, _ROW, _STRAND_ROW, _MOTIF_ROW = 0.066, 0.3, 0.395, 0.36, 0.82
_MARGIN, _GAP, _BLOCK_GAP, _EDGE = 0.27, 0.13, 0.34, 0.18
_HEADING, _SECTION, _FOOTER, _CAPTION_WIDTH = 0.5, 0.1, 0.3, 3.3
_TITLE, _SUBTITLE, _NAME, _SMALL = 10.0, 7.0, 5.8, 4.8
_ASPECT = 1.1  # width by height
_FONT = "DejaVu Sans"  # comes with matplotlib: figures look the same everywhere
_INK, _ACCENT, _MUTED, _LINE = "#1c2126", "#14606b", "#7a838c", "#aab0b5"
_LOWEST = 0.02  # bits; lower letters are half as thick as the axes' lines, and left out
_CAPTION = (
    "Letter height: information, 2 \N{MINUS SIGN} H bits; all axes run from 0 to 2 bits.\n"
    "Small numbers: filters, from 0. A name: the planted motif that the filter matches."
)


@dataclass(frozen=True, eq=False)
class LogoColumn:
    """The filters of one network's layer.

    Parameters
    ----------
    title : str
        The network, for example "CNN-25".
    subtitle : str
        Its figures, for example "relevant 0.97, auROC 0.973"; may be empty.
    ppms : numpy.ndarray, shape=(filters, width, 4), or sequence of (width, 4)
        Probabilities, ACGT, rows summing to 1; 0.25 everywhere for a filter that is never
        active.
    labels : tuple of str
        The planted motif that each filter matches; empty where it matches none.

    Raises
    ------
    ValueError
        If there is no filter, a PPM is not one, or there is not one label a filter.
    """

    title: str
    subtitle: str
    ppms: np.ndarray | Sequence[np.ndarray]
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.ppms) == 0:
            raise ValueError(f"{self.title}: no filters to draw, expected at least one PPM")
        for index, ppm in enumerate(self.ppms):
            _check_ppm(ppm, f"{self.title}, filter {index}")
        if len(self.labels) != len(self.ppms):
            raise ValueError(
                f"{self.title}: {len(self.labels)} labels for {len(self.ppms)} filters, "
                "expected one each (empty where nothing matches)"
            )


def check_path(path: str | Path) -> Path:
    """Return a figure's path, to be called before the work that the figure needs.

    Raises
    ------
    OutputError
        If the name does not end in ``.svg``, ``.png`` or ``.pdf``, or the folder is missing.
    """
    path = Path(path)
    if path.suffix.lower() not in _UNDATED:
        raise OutputError(
            f"cannot draw {path}: the ending of its name is {path.suffix!r}, "
            f"expected {', '.join(_UNDATED)}; give it one of these"
        )
    check_folder_of(path)
    return path


def draw_panel(
    columns: Sequence[LogoColumn], truth: Sequence[Truth], path: str | Path, *, dpi: int = 200
) -> Path:
    """Draw networks' filters and the planted motifs as logos, into a file.

    Parameters
    ----------
    columns : sequence of LogoColumn
        The networks, from left to right.
    truth : sequence of (str, numpy.ndarray, numpy.ndarray)
        Name, PPM and PPM of the reverse complement of each planted motif; may be empty.
    path : str or Path
        Ends in ``.svg``, ``.png`` or ``.pdf``; replaced where it exists. With one version of
        matplotlib the same input gives the same bytes.
    dpi : int
        Dots per inch of a PNG.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OutputError
        As :func:`check_path`, or if the file cannot be written.
    ValueError
        If there is no network, or a planted motif's PPM is not one.
    """
    path = check_path(path)
    figure, ending = panel(columns, truth), path.suffix.lower()
    with output_errors(path), aside(path) as temporary, _style():
        figure.savefig(temporary, format=ending[1:], dpi=dpi, metadata=_UNDATED[ending])
    return path


def panel(columns: Sequence[LogoColumn], truth: Sequence[Truth]) -> Figure:
    """Draw networks' filters and the planted motifs as logos.

    Parameters
    ----------
    columns, truth
        As for :func:`draw_panel`.

    Returns
    -------
    matplotlib.figure.Figure
        Unknown to pyplot. One axes a filter, network by network, then two a planted motif,
        forward and reverse complement; the axes' labels say which they are.

    Raises
    ------
    ValueError
        As :func:`draw_panel`.
    """
    if len(columns) == 0:
        raise ValueError("no networks to draw, expected at least one")
    for name, *strands in truth:
        for ppm in strands:
            _check_ppm(ppm, f"planted motif {name}")
    from matplotlib.figure import Figure

    with _style():
        blocks, motifs = [_Block.of(column) for column in columns], _Truths(truth)
        rows = _balanced_rows(blocks, motifs)
        width, height = _size(blocks, motifs, rows)
        drawing = _Drawing(Figure(figsize=(width, height)), _outlines())
        left, starts = _EDGE, []
        for block in blocks:
            starts += block.draw(drawing, left, rows)
            left += block.width(rows) + _BLOCK_GAP
        if truth:
            motifs.draw(drawing, _EDGE + _HEADING + rows * _ROW, width - 2 * _EDGE, starts)
        font = {"size": 1.15 * _SMALL, "color": _MUTED, "va": "bottom", "linespacing": 1.4}
        drawing.text(_EDGE + _MARGIN, height - _EDGE / 2, _CAPTION, **font)
    return drawing.figure


def _check_ppm(ppm: np.ndarray, what: str) -> None:
    matrix = np.asarray(ppm)
    if matrix.ndim != 2 or matrix.shape[1] != 4 or not len(matrix):
        raise ValueError(f"{what}: expected a PPM of shape (width, 4), found {matrix.shape}")
    if not ((matrix >= 0).all() and np.allclose(matrix.sum(axis=1), 1, atol=1e-3)):
        raise ValueError(f"{what}: expected probabilities, rows summing to 1")


@dataclass(frozen=True, eq=False)
class _Block:
    """One network's filters: sub-columns filled from top to bottom, under a heading."""

    column: LogoColumn
    title: str
    subtitle: str
    narrowest: float
    pitch: float

    @classmethod
    def of(cls, column: LogoColumn) -> _Block:
        title, subtitle = (printable(text, 60) for text in (column.title, column.subtitle))
        heading = max(_text_width(title, _TITLE, "bold"), _text_width(subtitle, _SUBTITLE))
        pitch = _MARGIN + max(map(len, column.ppms)) * _BASE_PAIR + _GAP
        return cls(column, title, subtitle, _MARGIN + heading, pitch)

    def sub_columns(self, rows: int) -> int:
        return math.ceil(len(self.column.ppms) / rows)

    def width(self, rows: int) -> float:
        return max(self.sub_columns(rows) * self.pitch - _GAP, self.narrowest)

    def draw(self, drawing: _Drawing, left: float, rows: int) -> list[float]:
        """Draw all logos; return where the sub-columns' axes start."""
        column = self.column
        starts = [left + _MARGIN + place * self.pitch for place in range(self.sub_columns(rows))]
        drawing.heading(starts[0], _EDGE, self.title, self.subtitle)
        for index, (ppm, label) in enumerate(zip(column.ppms, column.labels, strict=True)):
            place, row = divmod(index, rows)
            top = _EDGE + _HEADING + row * _ROW
            axes = drawing.logo(starts[place], top, ppm, f"{column.title}: filter {index}")
            drawing.name(axes, label, _LOGO_HEIGHT / 2, _ROW)
            drawing.number(axes, str(index))
        return starts


@dataclass(frozen=True, eq=False)
class _Truths:
    """The planted motifs: a grid of pairs, forward above reverse complement."""

    motifs: Sequence[Truth]

    @property
    def pitch(self) -> float:
        widest = max((len(ppm) for _, *strands in self.motifs for ppm in strands), default=0)
        return _MARGIN + widest * _BASE_PAIR + _GAP

    def grid(self, width: float) -> tuple[int, int]:
        """Return how many rows and how many motifs a row, all rows as full as can be."""
        rows = math.ceil(len(self.motifs) / max(1, int((width + _GAP) // self.pitch)))
        return rows, math.ceil(len(self.motifs) / max(rows, 1))

    def draw(self, drawing: _Drawing, top: float, width: float, starts: list[float]) -> None:
        """Draw all pairs, in line with the filters above where those are as many a row."""
        _, columns = self.grid(width)
        if len(starts) != columns or np.any(np.diff(starts) < self.pitch):
            spread = (width + _GAP) / columns
            starts = [_EDGE + _MARGIN + column * spread for column in range(columns)]
        subtitle = "planted motifs; forward above reverse complement (rc)"
        drawing.heading(starts[0], top + _SECTION, "Ground truth", subtitle)
        for index, (name, forward, reverse) in enumerate(self.motifs):
            row, place = divmod(index, columns)
            y = top + _SECTION + _HEADING + row * _MOTIF_ROW
            upper = drawing.logo(starts[place], y, forward, f"{name}: forward")
            drawing.name(upper, name, (_LOGO_HEIGHT + _STRAND_ROW) / 2, 2 * _STRAND_ROW)
            lower = drawing.logo(starts[place], y + _STRAND_ROW, reverse, f"{name}: rc")
            drawing.number(lower, "rc")


def _balanced_rows(blocks: Sequence[_Block], motifs: _Truths) -> int:
    """Return the logos a sub-column: few empty places, and a figure near a page's shape."""
    filters = [len(block.column.ppms) for block in blocks]

    def cost(rows: int) -> float:
        width, height = _size(blocks, motifs, rows)
        places = rows * sum(block.sub_columns(rows) for block in blocks)
        return abs(math.log(width / height / _ASPECT)) + 2 * (1 - sum(filters) / places)

    return min(range(1, max(filters) + 1), key=cost)


def _size(blocks: Sequence[_Block], motifs: _Truths, rows: int) -> tuple[float, float]:
    """Return the figure's width and height; it is wide enough for the captions."""
    wide = sum(block.width(rows) for block in blocks) + _BLOCK_GAP * (len(blocks) - 1)
    inner = max(wide, motifs.pitch - _GAP, _MARGIN + _CAPTION_WIDTH)
    below = _SECTION + _HEADING + motifs.grid(inner)[0] * _MOTIF_ROW if motifs.motifs else 0.0
    height = _EDGE + _HEADING + rows * _ROW + below + _FOOTER
    return inner + 2 * _EDGE, height


# Of each base the outline's points (n, 2) and what matplotlib does at them (n,).
_Outlines = dict[str, tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, eq=False)
class _Drawing:
    """A figure measured in inches from its top left corner."""

    figure: Figure
    outlines: _Outlines

    def logo(self, left: float, top: float, ppm: np.ndarray, what: str) -> Axes:
        """Add axes with one logo, its top left corner at (left, top)."""
        width, height = self.figure.get_size_inches()
        bottom, length = height - top - _LOGO_HEIGHT, len(ppm) * _BASE_PAIR
        place = (left / width, bottom / height, length / width, _LOGO_HEIGHT / height)
        axes = self.figure.add_axes(place, label=what)
        axes.set(xlim=(-0.5, len(ppm) - 0.5), ylim=(0, 2), xticks=[], yticks=[0, 1, 2])
        axes.patch.set_visible(False)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set(color=_LINE, linewidth=0.4)
        axes.tick_params(length=1.3, width=0.4, color=_LINE, labelleft=False)
        _add_letters(axes, np.asarray(ppm, dtype=float), self.outlines)
        return axes

    def name(self, axes: Axes, name: str, below: float, room: float) -> None:
        """Name a logo along its vertical axis, centred ``below`` inches under its top."""
        shown = printable(name, 24)
        shrunk = min(1.0, 0.9 * room / max(_text_width(shown, _NAME, "bold"), 1e-9))
        font: dict[str, Any] = {"size": _NAME * shrunk, "weight": "bold", "color": _ACCENT}
        axes.set_ylabel(shown, va="center", parse_math=False, **font)
        length = np.ptp(axes.get_xlim()) * _BASE_PAIR
        axes.yaxis.set_label_coords(-0.2 / length, 1 - below / _LOGO_HEIGHT)

    def number(self, axes: Axes, text: str) -> None:
        """Write small type left of a logo's top."""
        font: dict[str, Any] = {"size": _SMALL, "color": _MUTED, "ha": "right", "va": "top"}
        axes.annotate(text, (0, 1), (-2.6, 0.5), "axes fraction", "offset points", **font)

    def heading(self, left: float, top: float, title: str, subtitle: str) -> None:
        """Write a title and a line under it."""
        self.text(left, top + 0.17, title, size=_TITLE, weight="bold", color=_INK)
        self.text(left, top + 0.32, subtitle, size=_SUBTITLE, color=_MUTED)

    def text(self, left: float, bottom: float, text: str, **font: Any) -> None:
        """Write a line."""
        width, height = self.figure.get_size_inches()
        self.figure.text(left / width, 1 - bottom / height, text, parse_math=False, **font)


def _add_letters(axes: Axes, ppm: np.ndarray, outlines: _Outlines) -> None:
    """Stack each position's letters, the highest on top, as one patch a base."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Outline

    from neuroninterp.report.logo import COLOURS

    heights = ppm * information_content(ppm)[:, None]
    order = np.argsort(heights, axis=1, kind="stable")
    stacked = np.take_along_axis(heights, order, axis=1)
    floors = np.empty_like(heights)
    np.put_along_axis(floors, order, np.cumsum(stacked, axis=1) - stacked, axis=1)
    for index, (base, (points, codes)) in enumerate(outlines.items()):
        (at,) = np.nonzero(heights[:, index] >= _LOWEST)
        if not len(at):
            continue
        sizes = np.stack([np.ones(len(at)), heights[at, index]], axis=1)
        corners = np.stack([at, floors[at, index]], axis=1)
        letters = points * sizes[:, None] + corners[:, None]
        outline = Outline(letters.reshape(-1, 2), np.tile(codes, len(at)))
        # Nothing reaches beyond the axes, and clipping would make vector files larger.
        style = {"facecolor": COLOURS[base], "linewidth": 0, "clip_on": False}
        axes.add_artist(PathPatch(outline, label=base, **style))


def _outlines() -> _Outlines:
    """Return logomaker's letters as it draws them at position 0, from 0 to 1 bit.

    They differ in place and height only. Its ``Logo`` lays out every letter anew, through the
    fonts, at 5 ms each: half a minute for 90 logos.
    """
    import logomaker
    from matplotlib.figure import Figure

    axes = Figure().add_axes((0, 0, 1, 1))
    paths = {
        base: logomaker.Glyph(0, base, 0, 1, ax=axes, font_name=_FONT).patch.get_path()
        for base in "ACGT"
    }
    return {base: (path.vertices, path.codes) for base, path in paths.items()}


def _text_width(text: str, size: float, weight: str = "normal") -> float:
    """Return how wide a text is, inches."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family=_FONT, weight=weight, size=size)
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return width / 72


def _style() -> AbstractContextManager[None]:
    """Use matplotlib's own settings, whatever the user's, and no random names of outlines."""
    from matplotlib import style

    return style.context(["default", {"svg.hashsalt": "neuroninterp", "font.family": _FONT}])
