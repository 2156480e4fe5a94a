"""Geometry of the report's chart: match fractions along the layers, with interval and null."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neuroninterp.results.records import LayerResult
from neuroninterp.results.summary import fraction_interval
from neuroninterp.text import printable

__all__ = ["Chart", "ChartRow", "fraction_chart"]

_WIDTH = 440
_LEFT = 128
_RIGHT = 422
_TOP = 8
_ROW = 34
_LABEL_LETTERS = 14


@dataclass(frozen=True)
class ChartRow:
    """One layer in the chart; horizontal positions in drawing units.

    Parameters
    ----------
    number, name, label : int, str, str
        The layer, and its name cut to fit.
    y : float
        Vertical centre.
    localist, low, high, null : float
        Localist fraction, its interval, and the null's.
    matched : float
        Fraction with any match, or with a relevant one where the user named motifs.
    chosen : bool
        Whether the verdict names this layer.
    """

    number: int
    name: str
    label: str
    y: float
    localist: float
    low: float
    high: float
    null: float
    matched: float
    chosen: bool


@dataclass(frozen=True)
class Chart:
    """The whole chart; positions in drawing units."""

    width: int
    height: int
    left: int
    right: int
    bottom: float
    row_height: int
    ticks: tuple[tuple[float, str], ...]
    rows: tuple[ChartRow, ...]
    matched_label: str


def fraction_chart(layers: Sequence[LayerResult], chosen: int | None) -> Chart:
    """Lay the chart out: one row a layer, fractions from left (0) to right (1).

    Parameters
    ----------
    layers : sequence of LayerResult
        The analysed layers, in order.
    chosen : int or None
        Number of the layer that the verdict names.
    """

    def place(fraction: float) -> float:
        return round(_LEFT + (_RIGHT - _LEFT) * min(1.0, max(0.0, fraction)), 1)

    rows = []
    for index, result in enumerate(layers):
        fractions, name = result.fractions, printable(result.layer.name)
        low, high = fraction_interval(fractions.localist, fractions.neurons)
        matched = fractions.match if fractions.relevant is None else fractions.relevant
        rows.append(
            ChartRow(
                number=result.layer.number,
                name=name,
                label=printable(name, _LABEL_LETTERS),
                y=_TOP + _ROW * (index + 0.5),
                localist=place(fractions.localist),
                low=place(low),
                high=place(high),
                null=place(fractions.null_localist),
                matched=place(matched),
                chosen=result.layer.number == chosen,
            )
        )
    bottom = _TOP + _ROW * len(rows)
    relevant = any(result.fractions.relevant is not None for result in layers)
    return Chart(
        width=_WIDTH,
        height=bottom + 28,
        left=_LEFT,
        right=_RIGHT,
        bottom=bottom,
        row_height=_ROW,
        ticks=tuple((place(step / 4), f"{25 * step}") for step in range(5)),
        rows=tuple(rows),
        matched_label="relevant match, whole or partial" if relevant else "any match",
    )
