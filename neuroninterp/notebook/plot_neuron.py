"""Figures of one neuron: its logos in register, and how often it is how active."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neuroninterp.errors import DataError
from neuroninterp.motifs.records import Part
from neuroninterp.notebook.axes import ACCENT, WARM, axes_or_new
from neuroninterp.notebook.motif_html import match_text
from neuroninterp.notebook.register import Row, in_register
from neuroninterp.report.logo import logo
from neuroninterp.report.numbers import fixed, percent
from neuroninterp.results.records import NeuronResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_histogram", "plot_neuron"]

_PARTS = 8
_INCHES_A_POSITION = 0.2
_WIDTHS = (5.5, 14.0)
_ROW = 1.15


def plot_neuron(neuron: NeuronResult, *, parts: int = _PARTS) -> tuple[Figure, np.ndarray]:
    """Draw a neuron's mixture above its parts, each part moved back by its shift.

    Parameters
    ----------
    neuron : NeuronResult
        A live neuron of a run.
    parts : int
        Most parts to draw: those with the best matches, then the sharpest.

    Returns
    -------
    figure : matplotlib.figure.Figure
        A new figure.
    axes : numpy.ndarray of Axes, shape=(rows,)
        From top to bottom: mixture, parts, what the user's sequences gave. Positions count from
        1 in the receptive field (bp); a line below a logo marks what its best match aligns to.

    Raises
    ------
    DataError
        If the neuron is dead, and has nothing to draw.
    """
    from matplotlib import pyplot

    rows, width = in_register(neuron, parts)
    if not rows:
        raise DataError(f"{_title(neuron)} is dead: no sequence activates it, so it has no logo")
    inches = float(np.clip(_INCHES_A_POSITION * width + 0.6, *_WIDTHS))
    figure, grid = pyplot.subplots(
        len(rows), 1, figsize=(inches, _ROW * len(rows) + 0.3), squeeze=False, layout="constrained"
    )
    for ax, row in zip(grid[:, 0], rows, strict=True):
        logo(row.motif.ppm[row.start : row.end], ax=ax, first=row.start + 1)
        first = row.start + 1 - row.offset
        ax.set_xlim(first - 0.5, first + width - 0.5)
        ax.set_title(_caption(row), loc="left", fontsize=9, parse_math=False)
        if row.match is not None:
            ends = (max(row.match.start, row.start) + 0.5, min(row.match.end, row.end) + 0.5)
            if ends[0] < ends[1]:
                ax.plot(ends, (0, 0), color=ACCENT, linewidth=3, clip_on=False)
    figure.suptitle(_title(neuron), fontsize=10)
    return figure, grid[:, 0]


def plot_histogram(neuron: NeuronResult, *, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Draw how often a neuron is how active: in random windows, and in the user's sequences.

    Parameters
    ----------
    neuron : NeuronResult
        A live neuron of a run.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    tuple of Figure and Axes
        z from the threshold to the largest found, in 20 levels, against the share of all
        windows that lie in each (log scale); levels that none lies in are left blank.

    Raises
    ------
    DataError
        If the run does not tell: the neuron is dead, or an earlier version made the file.
    """
    profile = neuron.profile
    if profile is None:
        why = "dead" if neuron.dead else "of a run that did not keep its activation profile"
        raise DataError(f"{_title(neuron)} is {why}; there is no histogram to draw")
    ax = axes_or_new(ax, 5.0, 3.0)
    ax.stairs(
        _blank(profile.model_shares),
        profile.edges,
        color=ACCENT,
        linewidth=1.5,
        label="random windows",
        baseline=None,
    )
    if profile.data_shares is not None:
        ax.stairs(
            _blank(profile.data_shares),
            profile.edges,
            color=WARM,
            linewidth=1.5,
            label="your sequences",
            baseline=None,
        )
    ax.set_yscale("log")
    ax.set_xlabel("activation z")
    ax.set_ylabel("share of windows")
    ax.set_title(_title(neuron), loc="left", fontsize=10)
    ax.legend(frameon=False)
    return ax.figure, ax  # type: ignore[return-value]  # of a subfigure, which is none of ours


def _blank(shares: np.ndarray) -> np.ndarray:
    return np.where(shares > 0, shares, np.nan)


def _title(neuron: NeuronResult) -> str:
    return f"layer {neuron.layer}, neuron {neuron.neuron}"


def _caption(row: Row) -> str:
    words = [row.label]
    if row.match is not None:
        words.append(match_text(row.match))
    if isinstance(row.motif, Part) and row.label.startswith("Part"):
        words.append(f"share {percent(row.motif.share)}")
        words.append(f"shift {row.motif.shift:+d} bp")
    return " · ".join([*words, f"ratio {fixed(row.motif.consensus_ratio)}"])
