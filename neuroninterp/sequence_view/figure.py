"""The picture of one sequence: attribution, neurons, motifs and sites in register."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neuroninterp.report.logo import COLOURS, logo
from neuroninterp.report.track import track
from neuroninterp.sequence_view.firing import Firing
from neuroninterp.sequence_view.sites import Site
from neuroninterp.sequence_view.view import SequenceView
from neuroninterp.text import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_view", "strongest_region"]

_WIDEST_REGION = 100
"""Letters side by side that can still be read, bp."""

_INCHES = 13.0
_LEFT, _RIGHT = 1.5, 0.2
_HEIGHTS = {"attribution": 0.9, "letters": 1.2}
_SITE, _NEURON, _LANE, _GAP, _TITLE = 0.24, 0.19, 0.62, 0.3, 0.45
_MOST_LANES = 6
_LETTERS_WIDE = 0.06
"""Share of the width that a site's name takes."""
_BAND = "#f3ead2"
_MOTIF_COLOURS = ("#7b3fa0", "#008c95", "#b5651d", "#5b6abf", "#8a8d00", "#c0417e")
_GREY = "#6b6b6b"
_EDGE = -0.5
"""Where a position's letter begins, because logomaker centres letters on whole numbers."""


def strongest_region(scores: np.ndarray, width: int = _WIDEST_REGION) -> tuple[int, int]:
    """Return the stretch of a width around the largest positive attribution.

    Parameters
    ----------
    scores : numpy.ndarray, shape=(L,)
        Attribution of every position.
    width : int
        bp; the whole sequence where it is shorter.

    Returns
    -------
    tuple of int
        Half-open, bp: the stretch with the largest sum of positive scores, moved so that
        these have their centre of mass in its middle, as far as the sequence allows.
    """
    width = min(width, len(scores))
    positive = np.maximum(scores, 0.0).astype(np.float64)
    best = int(np.argmax(np.convolve(positive, np.ones(width), mode="valid")))
    inside = np.arange(best, best + width)
    mass = positive[inside]
    centre = inside.mean() if mass.sum() == 0 else np.average(inside, weights=mass)
    start = int(np.clip(round(centre - (width - 1) / 2), 0, len(scores) - width))
    return start, start + width


def draw_view(view: SequenceView, *, region: tuple[int, int] | None = None) -> Figure:
    """Draw a sequence as the network reads it.

    From above: planted sites (filled) and known ones (outlined); the attribution of the whole
    sequence; how strongly each neuron fires at every position; and, for one region, the
    attribution as letters with the motifs of the firing neurons in register below.

    Parameters
    ----------
    view : SequenceView
        What is known about the sequence.
    region : tuple of int or None
        Stretch drawn as letters, half-open, bp; :func:`strongest_region` for None.

    Returns
    -------
    matplotlib.figure.Figure
        Not attached to any window.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    start, end = strongest_region(view.scores) if region is None else region
    lanes = _lanes(view.firings, start, end)
    site_lanes = _site_lanes(view.sites, len(view.codes))
    heights = [
        _SITE * max(1, len(site_lanes)),
        _HEIGHTS["attribution"],
        _NEURON * max(1, len(view.neurons)) + 0.1,
        _HEIGHTS["letters"],
        _LANE * max(1, len(lanes)),
    ]
    total = sum(heights) + _GAP * (len(heights) - 1) + _TITLE + 0.5
    figure = Figure(figsize=(_INCHES, total))
    FigureCanvasAgg(figure)
    sites, whole, neurons, letters, motifs = _rows(figure, heights)
    colours = _colours(view.sites)
    for ax in (sites, whole, neurons):
        ax.axvspan(start + _EDGE, end + _EDGE, color=_BAND, zorder=0)
        ax.set_xlim(_EDGE, len(view.codes) + _EDGE)
    _draw_sites(sites, site_lanes, colours)
    _draw_whole(whole, view)
    _draw_neurons(neurons, view, colours)
    _draw_letters(letters, view, start, end)
    _draw_motifs(motifs, lanes, start, end)
    for ax in (letters, motifs):
        _shade_sites(ax, view.sites, colours, start, end)
    figure.suptitle(_title(view), x=_LEFT / _INCHES, ha="left", fontsize=10, parse_math=False)
    return figure


def _title(view: SequenceView) -> str:
    name = printable(view.name, 80)
    return f"{name}: prediction {view.prediction:.3g}; attribution of {printable(view.explained)}"


def _rows(figure: Figure, heights: list[float]) -> list[Axes]:
    """Add one axes a row, from above, with the same horizontal edges."""
    width, total = figure.get_size_inches()
    top = total - _TITLE
    rows = []
    for height in heights:
        box = (
            _LEFT / width,
            (top - height) / total,
            (width - _LEFT - _RIGHT) / width,
            height / total,
        )
        rows.append(figure.add_axes(box))
        top -= height + _GAP
    return rows


def _colours(sites: tuple[Site, ...]) -> dict[str, str]:
    names = dict.fromkeys(site.name for site in sites)
    return {name: _MOTIF_COLOURS[i % len(_MOTIF_COLOURS)] for i, name in enumerate(names)}


def _draw_sites(ax: Axes, lanes: list[list[Site]], colours: dict[str, str]) -> None:
    """Draw planted sites filled, known ones outlined below them."""
    from matplotlib.patches import Rectangle

    for row, lane in enumerate(reversed(lanes)):
        for site in lane:
            colour = colours[site.name]
            filled = colour if site.source == "planted" else "none"
            corner = (site.start + _EDGE, row + 0.05)
            width = site.end - site.start
            ax.add_patch(Rectangle(corner, width, 0.35, facecolor=filled, edgecolor=colour))
            middle = site.start + width / 2 + _EDGE
            label = printable(f"{site.name} {site.strand}", 24)
            ax.text(
                middle,
                row + 0.44,
                label,
                color=colour,
                fontsize=6,
                ha="center",
                va="bottom",
                parse_math=False,
            )
    ax.set_ylim(0, max(1, len(lanes)))
    ax.set_xticks([])
    ax.set_yticks([row + 0.2 for row in range(len(lanes))], _kinds(lanes)[::-1], fontsize=7)
    _bare(ax)


def _site_lanes(sites: tuple[Site, ...], length: int) -> list[list[Site]]:
    """Put sites into lanes in which neither they nor their names overlap, planted ones first."""
    room = max(1, round(_LETTERS_WIDE * length))
    lanes: list[list[Site]] = []
    for source in ("planted", "known"):
        own: list[list[Site]] = []
        for site in (site for site in sites if site.source == source):
            lane = next((x for x in own if x[-1].start + room <= site.start >= x[-1].end), None)
            if lane is None:
                own.append([site])
            else:
                lane.append(site)
        lanes += own[:_MOST_LANES]
    return lanes


def _kinds(lanes: list[list[Site]]) -> list[str]:
    """Return what each lane is, said once for neighbouring lanes of a kind."""
    kinds = [lane[0].source for lane in lanes]
    return ["" if i and kinds[i - 1] == kind else kind for i, kind in enumerate(kinds)]


def _draw_whole(ax: Axes, view: SequenceView) -> None:
    """Draw the attribution of the whole sequence, a bar a base."""
    positions = np.arange(len(view.scores))
    colours = [COLOURS.get("ACGT"[code] if code < 4 else "", _GREY) for code in view.codes]
    ax.bar(positions, view.scores, width=1.0, color=colours)
    ax.axhline(0, color=_GREY, linewidth=0.5)
    ax.set_ylabel("attribution", fontsize=7)
    ax.tick_params(labelsize=6)
    _bare(ax, left=True)


def _draw_neurons(ax: Axes, view: SequenceView, colours: dict[str, str]) -> None:
    """Draw a row a neuron: its values in grey, its motif as a bar where it fires."""
    from matplotlib.patches import Rectangle

    layer = view.layer
    centres = np.array([sum(layer.interval(p)) / 2 + _EDGE for p in range(len(view.levels))])
    edges = np.concatenate([centres - layer.jump / 2, centres[-1:] + layer.jump / 2])
    if layer.direction < 0:
        edges = np.concatenate([centres + layer.jump / 2, centres[-1:] - layer.jump / 2])
    if view.neurons:
        ax.pcolormesh(
            edges,
            np.arange(len(view.neurons) + 1),
            np.minimum(view.levels.T, 1.0),
            cmap="Greys",
            vmin=0.0,
            vmax=2.0,
            rasterized=True,
        )
    rows = {neuron: row for row, neuron in enumerate(view.neurons)}
    for firing in view.firings:
        box = (firing.start + _EDGE, rows[firing.neuron] + 0.15)
        width, strength = firing.end - firing.start, min(1.0, firing.level)
        colour = colours.get(firing.match_name, _GREY)
        ax.add_patch(Rectangle(box, width, 0.7, facecolor=colour, alpha=strength, linewidth=0))
    names = {firing.neuron: firing.match_name for firing in reversed(view.firings)}
    labels = [f"{printable(names.get(k, ''), 14)} {k}".strip() for k in view.neurons]
    ax.set_yticks(np.arange(len(view.neurons)) + 0.5, labels, fontsize=6, parse_math=False)
    ax.set_ylim(max(1, len(view.neurons)), 0)
    ax.set_xlim(_EDGE, len(view.codes) + _EDGE)
    ax.set_ylabel(f"layer {layer.number}\nneurons", fontsize=7)
    ax.tick_params(axis="x", labelsize=6)
    if not view.neurons:
        ax.text(0.5, 0.5, "no neuron fires", transform=ax.transAxes, fontsize=7, ha="center")


def _draw_letters(ax: Axes, view: SequenceView, start: int, end: int) -> None:
    """Draw the attribution of a region as letters; below the axis where negative."""
    track(view.scores, view.codes, ax=ax, region=(start, end))
    ax.set_ylabel("attribution", fontsize=7)
    ax.tick_params(labelsize=6)
    _bare(ax, left=True)


def _lanes(firings: tuple[Firing, ...], start: int, end: int) -> list[list[Firing]]:
    """Put the firings of a region into lanes in which they do not overlap, strongest first."""
    lanes: list[list[Firing]] = []
    for firing in firings:
        if firing.start < start or firing.end > end:
            continue
        for lane in lanes:
            if all(firing.start >= other.end or other.start >= firing.end for other in lane):
                lane.append(firing)
                break
        else:
            if len(lanes) < _MOST_LANES:
                lanes.append([firing])
    return lanes


def _draw_motifs(ax: Axes, lanes: list[list[Firing]], start: int, end: int) -> None:
    """Draw the motifs of firing neurons where they stand on the sequence."""
    ax.set_xlim(start + _EDGE, end + _EDGE)
    ax.set_ylim(0, max(1, len(lanes)))
    for row, lane in enumerate(reversed(lanes)):
        for firing in lane:
            left = firing.start + _EDGE
            box = (left, row + 0.02, firing.end - firing.start, 0.66)
            inset = ax.inset_axes(box, transform=ax.transData)
            logo(firing.ppm, ax=inset)
            inset.set_axis_off()
            label = (
                f"{printable(firing.match_name, 20)} (neuron {firing.neuron}, {firing.level:.0%})"
            )
            ax.text(left, row + 0.7, label.strip(), fontsize=6, va="bottom", parse_math=False)
    ax.set_yticks([])
    ax.set_ylabel("motifs", fontsize=7)
    ax.tick_params(axis="x", labelsize=6)
    ax.set_xlabel("position (bp, from 0)", fontsize=7)
    if not lanes:
        ax.text(0.5, 0.5, "no neuron fires here", transform=ax.transAxes, fontsize=7, ha="center")
    _bare(ax)


def _shade_sites(
    ax: Axes, sites: tuple[Site, ...], colours: dict[str, str], start: int, end: int
) -> None:
    for site in sites:
        if site.source == "planted" and site.start < end and site.end > start:
            first, last = max(site.start, start), min(site.end, end)
            ax.axvspan(
                first + _EDGE,
                last + _EDGE,
                color=colours[site.name],
                alpha=0.12,
                zorder=0,
                linewidth=0,
            )


def _bare(ax: Axes, *, left: bool = False) -> None:
    """Leave out what says nothing: the frame, and the vertical axis where it has no scale."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.spines["left"].set_visible(left)
    if not left:
        ax.tick_params(axis="y", length=0)
