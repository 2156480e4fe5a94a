"""Figures of a network's layers: where whole motifs live, and how far each layer sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from neuroninterp.graph.layers import BlockedLayer
from neuroninterp.measurement.records import EffectiveField, LayerFields, MeasuredField
from neuroninterp.models import Model
from neuroninterp.notebook.axes import ACCENT, FAINT, MUTED, WARM, axes_or_new
from neuroninterp.results.records import AnalysisResult
from neuroninterp.results.summary import fraction_interval
from neuroninterp.text import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_fields", "plot_fractions"]

_WIDTH = 6.5
_ROW, _MARGIN = 0.32, 1.1
_LETTERS = 24
_BARS = (
    ("computed", 0.7, FAINT),
    ("measured", 0.46, "#9fc3c8"),
    ("effective", 0.22, ACCENT),
    ("effective, your sequences", 0.07, WARM),
)
"""Fields, the widest first, with the height and the colour of their bars."""


def plot_fractions(result: AnalysisResult, *, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Draw the share of each layer's neurons that hold a whole motif (the localist fraction).

    Parameters
    ----------
    result : AnalysisResult
        What a run found.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    tuple of Figure and Axes
        A row a layer, from the top. Shares in [0, 1], with the 95 % Wilson interval of the
        localist fraction, the share with any match (with a relevant one where the user named
        motifs), and the localist fraction by chance (columns shuffled). The verdict's layer is
        shaded.
    """
    ax = axes_or_new(ax, _WIDTH, _MARGIN + _ROW * len(result.layers))
    rows = np.arange(len(result.layers))
    found = [layer.fractions for layer in result.layers]
    localist = np.array([fractions.localist for fractions in found])
    limits = np.array([fraction_interval(f.localist, f.neurons) for f in found]).reshape(-1, 2)
    relevant = any(fractions.relevant is not None for fractions in found)
    matched = [f.match if f.relevant is None else f.relevant for f in found]
    for row, layer in zip(rows, result.layers, strict=True):
        if layer.layer.number == result.verdict.layer:
            ax.axhspan(row - 0.5, row + 0.5, color=FAINT, alpha=0.6, linewidth=0)
    ax.hlines(rows, *limits.T, color=ACCENT, linewidth=1.5)
    ax.plot(localist, rows, "o", color=ACCENT, label="whole motif (localist; 95 % interval)")
    kind = "relevant match, whole or partial" if relevant else "any match"
    ax.plot(matched, rows, "o", color=MUTED, fillstyle="none", markersize=8, label=kind)
    chance = [fractions.null_localist for fractions in found]
    ax.plot(chance, rows, "|", color=WARM, markersize=14, label="whole motif by chance")
    _name_rows(ax, [(layer.layer.number, layer.layer.name) for layer in result.layers])
    ax.set_xlim(-0.02, 1.02)
    ax.set_xlabel("share of the layer's neurons")
    _legend(ax, 1)
    return ax.figure, ax  # type: ignore[return-value]  # of a subfigure, which is none of ours


def plot_fields(source: AnalysisResult | Model, *, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Draw how far each layer sees, to scale, the centres of the fields aligned.

    Parameters
    ----------
    source : AnalysisResult or Model
        What a run measured, or a model that is measured now.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    tuple of Figure and Axes
        A row a layer, from the top: the computed receptive field, the part of it that
        substitutions reach in the model's own runtime, and the effective field, which holds
        95 % of the expected gradient (on the user's sequences as a line). bp from the centre.
        Layers without a field have a row that says so.
    """
    members = _members(source)
    ax = axes_or_new(ax, _WIDTH, _MARGIN + _ROW * len(members))
    for label, height, colour in _BARS:
        placed = [(row, _span(member, label)) for row, member in enumerate(members)]
        drawn = [(row, span) for row, span in placed if span is not None]
        if drawn:
            ax.barh(
                [row for row, _ in drawn],
                [end - start for _, (start, end) in drawn],
                left=[start for _, (start, _) in drawn],
                height=height,
                color=colour,
                label=label,
            )
    for row, member in enumerate(members):
        if isinstance(member, BlockedLayer):
            text = "whole sequence" if member.whole_sequence else "not known"
            ax.text(0, row, text, ha="center", va="center", color=MUTED, fontsize="small")
    _name_rows(ax, [_number_and_name(member) for member in members])
    # Bars would otherwise end where the picture does.
    ax.use_sticky_edges = False
    ax.autoscale_view(scaley=False)
    ax.set_xlabel("bp from the centre of the field")
    _legend(ax, 2)
    return ax.figure, ax  # type: ignore[return-value]  # of a subfigure, which is none of ours


def _members(source: AnalysisResult | Model) -> list[LayerFields | BlockedLayer]:
    if isinstance(source, Model):
        from neuroninterp.measurement import measure_fields

        fields: Sequence[LayerFields] = measure_fields(source)
    else:
        fields = source.fields
    return sorted((*fields, *source.blocked), key=lambda member: _number_and_name(member)[0])


def _number_and_name(member: LayerFields | BlockedLayer) -> tuple[int, str]:
    layer = member if isinstance(member, BlockedLayer) else member.layer
    return layer.number, layer.name


def _span(member: LayerFields | BlockedLayer, kind: str) -> tuple[float, float] | None:
    """Return a field's ends, bp from the centre of the computed one; None where there is none."""
    if isinstance(member, BlockedLayer):
        return None
    size = member.layer.receptive_field
    found: dict[str, MeasuredField | EffectiveField | None] = {
        "computed": EffectiveField(0, size),
        "measured": member.measured,
        "effective": member.effective,
        "effective, your sequences": member.effective_data,
    }
    field = found[kind]
    if field is None or field.size == 0:
        return None
    return field.start - size / 2, field.end - size / 2


def _legend(ax: Axes, columns: int) -> None:
    """Say above the rows what is what, where neither they nor the axis are covered."""
    ax.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, frameon=False, fontsize="small"
    )


def _name_rows(ax: Axes, layers: Sequence[tuple[int, str]]) -> None:
    """Write the layers beside the rows, the first at the top."""
    ax.set_yticks(range(len(layers)), [f"{n}  {printable(name, _LETTERS)}" for n, name in layers])
    for label in ax.get_yticklabels():
        # Names come from files: a dollar is no formula.
        label.set_parse_math(False)
    ax.set_ylim(len(layers) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
