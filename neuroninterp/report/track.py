"""Attribution tracks: a sequence whose letters are as high as their scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neuroninterp.report.logo import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["new_track", "track"]

_LOWEST = 0.005
"""Share of the highest letter below which a letter would be thinner than a line."""

_INCHES_A_POSITION = 0.08
_WIDTHS = (4.0, 60.0)
_HEIGHT = 1.6


def new_track(length: int) -> tuple[Figure, Axes]:
    """Make a figure that is as wide as a track of ``length`` bp needs.

    Returns
    -------
    tuple of Figure and Axes
        To be closed by nobody: pyplot does not know of it.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width = float(np.clip(_INCHES_A_POSITION * length, *_WIDTHS))
    figure = Figure(figsize=(width, _HEIGHT))
    FigureCanvasAgg(figure)
    left, right, bottom, top = 0.6, 0.1, 0.3, 0.25
    box = (left / width, bottom / _HEIGHT, 1 - (left + right) / width, 1 - (bottom + top) / _HEIGHT)
    return figure, figure.add_axes(box)


def track(
    scores: np.ndarray,
    codes: np.ndarray,
    *,
    ax: Axes | None = None,
    region: tuple[int, int] | None = None,
) -> tuple[Figure, Axes]:
    """Draw a sequence, each letter as high as its score, negative ones upside down.

    Parameters
    ----------
    scores : numpy.ndarray, shape=(L,)
        Score of the base at each position.
    codes : numpy.ndarray, shape=(L,)
        The bases, 0 to 3; unknown ones (4) are not drawn.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    region : tuple of int or None
        Stretch to draw, half-open, from 0, bp; None for all.

    Returns
    -------
    tuple of Figure and Axes
        What was drawn on. The horizontal axis counts positions (bp) from 0.

    Raises
    ------
    ValueError
        If the shapes differ, or the region does not lie within the sequence.
    """
    import logomaker
    import pandas as pd

    scores, codes = np.asarray(scores, float), np.asarray(codes)
    start, end = region or (0, len(codes))
    if scores.ndim != 1 or scores.shape != codes.shape:
        raise ValueError(f"scores of shape {scores.shape} for a sequence of shape {codes.shape}")
    if not 0 <= start < end <= len(codes):
        raise ValueError(f"region {start}-{end} does not lie within 0-{len(codes)}")
    if ax is None:
        _, ax = new_track(end - start)
    shown = slice(start, end)
    heights = np.where(codes[shown, None] == np.arange(4), scores[shown, None], 0.0)
    highest = np.abs(heights).max()
    # Every letter costs a millisecond.
    heights[np.abs(heights) < _LOWEST * highest] = 0.0
    if highest > 0:
        frame = pd.DataFrame(heights, columns=list("ACGT"), index=np.arange(start, end))
        logomaker.Logo(frame, ax=ax, color_scheme=COLOURS, show_spines=False, baseline_width=0.5)
    ax.set_xlim(start - 0.5, end - 0.5)
    ax.spines["left"].set_visible(True)
    return ax.figure, ax  # type: ignore[return-value]  # of a subfigure, which is none of ours
