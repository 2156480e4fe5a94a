"""Geometry of the picture of receptive fields: one bar a layer, to scale, centres aligned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neuroninterp.graph.layers import BlockedLayer
from neuroninterp.measurement.records import EffectiveField, LayerFields, MeasuredField
from neuroninterp.report.numbers import MISSING, grouped
from neuroninterp.text import printable

__all__ = ["Bar", "FieldRow", "FieldsChart", "fields_chart"]

_WIDTH = 720
_LEFT, _RIGHT = 150, 600
_TOP = 8
_TALL, _LOW = 26, 17
_MANY = 12
_LABEL_LETTERS = 17
_THINNEST = 1.5
_STEPS = (1, 2, 5)


@dataclass(frozen=True)
class Bar:
    """A horizontal stretch in drawing units."""

    x: float
    width: float


@dataclass(frozen=True)
class FieldRow:
    """One layer in the picture.

    Parameters
    ----------
    number, label : int, str
        The layer, its name cut to fit.
    y : float
        Vertical centre, drawing units.
    field, measured, effective, data : Bar or None
        The computed field and the parts of it; None where there is none.
    text : str
        The sizes in words: computed, and effective in brackets.
    title : str
        All of it as a sentence.
    """

    number: int
    label: str
    y: float
    field: Bar | None
    measured: Bar | None
    effective: Bar | None
    data: Bar | None
    text: str
    title: str


@dataclass(frozen=True)
class FieldsChart:
    """The whole picture; positions in drawing units."""

    width: int
    height: float
    left: int
    right: int
    top: int
    bottom: float
    row_height: int
    ticks: tuple[tuple[float, str], ...]
    rows: tuple[FieldRow, ...]
    measured: bool
    data: bool


def fields_chart(fields: Sequence[LayerFields], blocked: Sequence[BlockedLayer]) -> FieldsChart:
    """Lay the picture out, all layers to one scale.

    Parameters
    ----------
    fields : sequence of LayerFields
        How far the layers see.
    blocked : sequence of BlockedLayer
        Those that have no field; each has a row without a bar.
    """
    longest = max((found.layer.receptive_field for found in fields), default=1)
    scale = (_RIGHT - _LEFT) / longest
    height = _TALL if len(fields) + len(blocked) <= _MANY else _LOW
    members: list[LayerFields | BlockedLayer] = [*fields, *blocked]
    members.sort(key=_number)
    rows = tuple(
        _row(member, _TOP + height * (index + 0.5), scale) for index, member in enumerate(members)
    )
    bottom = _TOP + height * len(rows)
    centre = (_LEFT + _RIGHT) / 2
    return FieldsChart(
        width=_WIDTH,
        height=bottom + 24,
        left=_LEFT,
        right=_RIGHT,
        top=_TOP,
        bottom=bottom,
        row_height=height,
        ticks=tuple(
            (round(centre + scale * offset, 1), _signed(offset)) for offset in _ticks(longest)
        ),
        rows=rows,
        measured=any(found.measured.reason for found in fields),
        data=any(found.effective_data is not None for found in fields),
    )


def _number(member: LayerFields | BlockedLayer) -> int:
    return member.number if isinstance(member, BlockedLayer) else member.layer.number


def _row(member: LayerFields | BlockedLayer, y: float, scale: float) -> FieldRow:
    if isinstance(member, BlockedLayer):
        text = "whole sequence" if member.whole_sequence else "not known"
        title = f"Layer {member.number}, {printable(member.name)}: {printable(member.reason, 500)}"
        return FieldRow(member.number, _label(member.name), y, None, None, None, None, text, title)
    layer = member.layer
    origin = (_LEFT + _RIGHT) / 2 - scale * layer.receptive_field / 2

    def bar(part: MeasuredField | EffectiveField | None) -> Bar | None:
        if part is None or part.size == 0:
            return None
        width = max(scale * part.size, _THINNEST)
        middle = origin + scale * (part.start + part.end) / 2
        return Bar(round(middle - width / 2, 2), round(width, 2))

    effective = MISSING if member.effective is None else grouped(member.effective.size)
    title = (
        f"Layer {layer.number}, {printable(layer.name)}: field {layer.receptive_field} bp, "
        f"measured {member.measured.size} bp, effective {effective} bp"
    )
    if member.effective_data is not None:
        title += f", on your sequences {member.effective_data.size} bp"
    if member.measured.reason:
        title += f"; {printable(member.measured.reason, 500)}"
    return FieldRow(
        number=layer.number,
        label=_label(layer.name),
        y=y,
        field=bar(EffectiveField(0, layer.receptive_field)),
        measured=bar(member.measured),
        effective=bar(member.effective),
        data=bar(member.effective_data),
        text=f"{grouped(layer.receptive_field)} ({effective})",
        title=title,
    )


def _label(name: str) -> str:
    return printable(name, _LABEL_LETTERS)


def _ticks(longest: int) -> list[int]:
    """Return round offsets from the centre that lie inside the longest field, symmetric."""
    half = longest / 2
    steps = (factor * 10**power for power in range(12) for factor in _STEPS)
    step = next(step for step in steps if half / step < 4)
    last = int(half // step)
    return [step * count for count in range(-last, last + 1)]


def _signed(offset: int) -> str:
    if offset == 0:
        return "0"
    return ("+" if offset > 0 else "\u2212") + grouped(abs(offset))
