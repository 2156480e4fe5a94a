"""Figures as files: the same figure gives the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["save_figure"]


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
    # Letters' outlines get names from a random salt unless it is fixed; files should be equal.
    with matplotlib.rc_context({"svg.hashsalt": "neuroninterp"}):
        figure.savefig(written[0], metadata={"Date": None})
        figure.savefig(written[1], dpi=dpi)
    return written
