"""Sequence logos as matplotlib figures."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neuroninterp.motifs.records import Motif
from neuroninterp.report.payload import ordered_parts
from neuroninterp.report.saving import save_figure
from neuroninterp.report.stretch import drawn_span
from neuroninterp.report.vector_logo import COLOURS, LOWEST_BITS, letter_bits
from neuroninterp.results.records import AnalysisResult, LayerResult, NeuronResult, motif_id
from neuroninterp.text import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "logo", "write_figures"]

_WIDEST = 30
_INCHES_A_POSITION = 0.24
_MOST_FIGURES = 16


def logo(
    ppm: np.ndarray | Motif,
    *,
    ax: Axes | None = None,
    first: int = 1,
    n_sequences: float | None = None,
) -> tuple[Figure, Axes]:
    """Draw a sequence logo, letter heights in bits; letters below 0.01 bits are left out.

    Parameters
    ----------
    ppm : numpy.ndarray, shape=(length, 4), or Motif
        Probabilities, ACGT, rows summing to 1.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    first : int
        Number of the first position on the horizontal axis (bp).
    n_sequences : float or None
        Number of sequences behind the PPM: 3 / (2 ln 2 n) bits, what few sequences have by
        chance, are then taken off every position (Schneider et al. 1986). None takes off
        nothing.

    Returns
    -------
    tuple of Figure and Axes
        What was drawn on.

    Raises
    ------
    ValueError
        If ``ppm`` is not of shape (length, 4).
    """
    import logomaker
    import pandas as pd

    matrix = np.asarray(ppm.ppm if isinstance(ppm, Motif) else ppm, dtype=float)
    heights = letter_bits(matrix, n_sequences=n_sequences)
    # Every letter costs milliseconds; these are thinner than a line.
    heights[heights < LOWEST_BITS] = 0.0
    if ax is None:
        from matplotlib import pyplot

        figure = pyplot.figure(figsize=_size(len(matrix)))
        ax = _add_axes(figure)
    positions = np.arange(first, first + len(matrix))
    frame = pd.DataFrame(heights, columns=list("ACGT"), index=positions)
    if heights.any():
        logomaker.Logo(frame, ax=ax, color_scheme=COLOURS, show_spines=False)
    else:
        # Logomaker takes the tallest stack for the axis: there must be one.
        ax.set_xlim(first - 0.5, first + len(matrix) - 0.5)
        ax.spines[:].set_visible(False)
    ax.set_ylim(0, 2)
    ax.set_yticks([0, 1, 2])
    ax.set_ylabel("bits")
    step = 1 if len(matrix) <= 12 else 5 if len(matrix) <= 60 else 20
    ax.set_xticks([position for position in positions if position % step == 0])
    ax.spines["left"].set_visible(True)
    return ax.figure, ax  # type: ignore[return-value]


def write_figures(result: AnalysisResult, folder: str | Path, *, limit: int = 12) -> list[Path]:
    """Write the best motif of the strongest neurons of each layer as SVG and PNG.

    Parameters
    ----------
    result : AnalysisResult
        What the run found.
    folder : str or Path
        Created where missing.
    limit : int
        Neurons a layer, the smallest E-values first, then the largest maxima. A logo takes
        about a third of a second, so networks of many layers get fewer a layer: 16 in all,
        but at least one a layer.

    Returns
    -------
    list of Path
        The files, named ``layer{n}_neuron{k}_part{i}.svg`` and ``.png``. Long motifs are
        clipped to their most informative 30 positions.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    with matplotlib.rc_context({"font.size": 9}):
        for neuron in _strongest(result, limit):
            part = ordered_parts(neuron)[0]
            ppm = neuron.parts[part].ppm
            start, end = drawn_span(ppm, _WIDEST)
            figure = Figure(figsize=_size(end - start))
            FigureCanvasAgg(figure)
            _, ax = logo(ppm[start:end], ax=_add_axes(figure), first=start + 1)
            name = motif_id(neuron.layer, neuron.neuron, part)
            ax.set_title(_caption(neuron, part), loc="left", fontsize=9, parse_math=False)
            written += save_figure(figure, target, name, dpi=150)
    return written


def _strongest(result: AnalysisResult, limit: int) -> list[NeuronResult]:
    """Return each layer's neurons with the best matches, few enough to draw quickly."""

    def key(neuron: NeuronResult) -> tuple[float, float]:
        match, mixture = neuron.best_match, neuron.mixture
        e_value = math.inf if match is None else match.e_value
        return e_value, -(mixture.maximum if mixture is not None else 0.0)

    each = min(limit, max(1, _MOST_FIGURES // max(1, len(result.layers))))

    def best(layer: LayerResult) -> list[NeuronResult]:
        return sorted((neuron for neuron in layer.neurons if neuron.parts), key=key)[:each]

    return [neuron for layer in result.layers for neuron in best(layer)]


def _caption(neuron: NeuronResult, part: int) -> str:
    text = f"layer {neuron.layer}, neuron {neuron.neuron}"
    hits = neuron.part_matches(part)
    # Names come from files: fonts lack control characters, and warn about them.
    name = printable(hits[0].target_name, 60) if hits else ""
    return f"{text}: {name}" if name else text


def _add_axes(figure: Figure) -> Axes:
    """Add axes with margins in inches; a layout engine would draw every logo twice."""
    width, height = figure.get_size_inches()
    left, bottom, right, top = 0.45, 0.25, 0.1, 0.25
    return figure.add_axes(
        (left / width, bottom / height, 1 - (left + right) / width, 1 - (bottom + top) / height)
    )


def _size(length: int) -> tuple[float, float]:
    """Return a figure's width and height, in inches."""
    return max(2.4, _INCHES_A_POSITION * length + 0.6), 1.5
