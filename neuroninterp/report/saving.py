"""Figures as files: the same figure gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from neuroninterp.results.single_file import prepare_file, whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURE_ENDINGS", "printing", "save_figure", "save_print"]

FIGURE_ENDINGS = (".svg", ".png", ".pdf")
"""Of files that :func:`save_print` writes."""

_MOST_DOTS = 2**16 - 1
"""Width or height of a picture that matplotlib can draw."""

# Letters' outlines get names from a random salt unless it is fixed; files should be equal.
_SAME_BYTES = {"svg.hashsalt": "neuroninterp"}

_PRINT = {
    # As journals ask: letters that stay text, in a font that they have, none of Type 3.
    "font.family": "sans-serif",
    "font.sans-serif": ["Arial", "Helvetica", "Liberation Sans", "DejaVu Sans"],
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    **_SAME_BYTES,
}


def save_figure(figure: Figure, folder: Path, stem: str, *, dpi: int) -> list[Path]:
    """Write a figure as SVG and as PNG.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    folder : Path
        Where to; it exists.
    stem : str
        Name of both files, without ending.
    dpi : int
        Dots per inch of the PNG.

    Returns
    -------
    list of Path
        ``STEM.svg`` and ``STEM.png``.
    """
    import matplotlib

    written = [folder / f"{stem}.svg", folder / f"{stem}.png"]
    with matplotlib.rc_context(_SAME_BYTES):
        figure.savefig(written[0], metadata={"Date": None})
        figure.savefig(written[1], dpi=dpi)
    return written


@contextmanager
def printing(size: float) -> Iterator[None]:
    """Draw what stands inside with the fonts of a figure in print.

    Parameters
    ----------
    size : float
        Of the text, points.
    """
    import matplotlib

    with matplotlib.rc_context({**_PRINT, "font.size": size}):
        yield


def save_print(figure: Figure, path: Path, *, dpi: int = 300) -> None:
    """Write a figure for print, in the format that the file's ending names.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure, drawn under :func:`printing`.
    path : Path
        The file: ``.svg`` (text stays text), ``.pdf`` (fonts embedded as TrueType), ``.png``.
    dpi : int
        Dots per inch of a PNG; fewer where it would be larger than a PNG can be.

    Raises
    ------
    OutputError
        If it has another ending or cannot be written.
    """
    import matplotlib

    dpi = min(dpi, int(_MOST_DOTS / max(figure.get_size_inches())))
    date = {".svg": "Date", ".pdf": "CreationDate"}.get(path.suffix.lower())
    with matplotlib.rc_context(_PRINT), whole_file(prepare_file(path, FIGURE_ENDINGS)) as aside:
        figure.savefig(aside, dpi=dpi, metadata={date: None} if date else None)
