"""Geometry of the network's picture: layers in order, what each sees to scale over the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neuroninterp.fields.layers import Layer
from neuroninterp.graph.layers import BlockedLayer
from neuroninterp.measurement.records import EffectiveField, LayerFields, MeasuredField
from neuroninterp.report.numbers import MISSING, grouped
from neuroninterp.text import printable

__all__ = ["Bar", "NetworkChart", "NetworkRow", "network_chart"]

_WIDTH = 900
_LEFT, _RIGHT = 196, 676
_TOP = 34
_TALL, _LOW = 46, 34
_MANY = 12
_LABEL_LETTERS = 22
_THINNEST = 1.5
_STEPS = (1, 2, 5)
_WIDEST_INPUT = 6
"""The input is drawn whole up to this many times the longest field, else only its middle."""


@dataclass(frozen=True)
class Bar:
    """A horizontal stretch in drawing units."""

    x: float
    width: float


@dataclass(frozen=True)
class NetworkRow:
    """One layer in the picture.

    Parameters
    ----------
    number, label : int, str
        The layer, its name cut to fit.
    y : float
        Vertical centre, drawing units.
    shape : str
        Filters, kernel and pool in words.
    field, measured, effective, data, hidden : Bar or None
        The computed field, the parts of it that were measured, and how far the pools after the
        layer let a motif move unseen; None where there is none.
    text, detail : str
        At the right: field and effective field; what is hidden.
    title : str
        All of it as a sentence.
    analysed : bool
        Whether the layer has neurons to open.
    chosen : bool
        Whether the verdict names it.
    """

    number: int
    label: str
    y: float
    shape: str
    field: Bar | None
    measured: Bar | None
    effective: Bar | None
    data: Bar | None
    hidden: Bar | None
    text: str
    detail: str
    title: str
    analysed: bool
    chosen: bool


@dataclass(frozen=True)
class NetworkChart:
    """The whole picture; positions in drawing units.

    Parameters
    ----------
    input, input_text : Bar, str
        The input sequence and its length in words.
    cut : bool
        Whether only the input's middle is drawn.
    """

    width: int
    height: float
    left: int
    right: int
    top: int
    bottom: float
    row_height: int
    input: Bar
    input_text: str
    cut: bool
    ticks: tuple[tuple[float, str], ...]
    rows: tuple[NetworkRow, ...]
    measured: bool
    data: bool


def network_chart(
    fields: Sequence[LayerFields],
    blocked: Sequence[BlockedLayer],
    *,
    length: int | None,
    analysed: Sequence[int] = (),
    chosen: int | None = None,
) -> NetworkChart:
    """Lay the picture out, everything to one scale and around one centre.

    Parameters
    ----------
    fields : sequence of LayerFields
        How far the layers see.
    blocked : sequence of BlockedLayer
        Those that have no field; each has a row without a bar.
    length : int or None
        Length of the model's input, bp; None where that is not known.
    analysed : sequence of int
        Numbers of the layers with neurons to open.
    chosen : int or None
        Number of the layer that the verdict names.
    """
    longest = max((found.layer.receptive_field for found in fields), default=1)
    shown = longest if length is None else max(longest, length)
    cut = shown > _WIDEST_INPUT * longest
    shown = _WIDEST_INPUT * longest if cut else shown
    scale = (_RIGHT - _LEFT) / shown
    members: list[LayerFields | BlockedLayer] = [*fields, *blocked]
    members.sort(key=_number)
    height = _TALL if len(members) <= _MANY else _LOW
    rows = tuple(
        _row(member, _TOP + height * (index + 0.5), scale, analysed, chosen)
        for index, member in enumerate(members)
    )
    bottom = _TOP + height * len(rows)
    centre = (_LEFT + _RIGHT) / 2
    drawn = scale * (shown if cut or length is None else length)
    return NetworkChart(
        width=_WIDTH,
        height=bottom + 24,
        left=_LEFT,
        right=_RIGHT,
        top=_TOP,
        bottom=bottom,
        row_height=height,
        input=Bar(round(centre - drawn / 2, 2), round(drawn, 2)),
        input_text="input" if length is None else f"input, {grouped(length)} bp",
        cut=cut,
        ticks=tuple(
            (round(centre + scale * offset, 1), _signed(offset)) for offset in _ticks(shown)
        ),
        rows=rows,
        measured=any(found.measured.reason for found in fields),
        data=any(found.effective_data is not None for found in fields),
    )


def _number(member: LayerFields | BlockedLayer) -> int:
    return member.number if isinstance(member, BlockedLayer) else member.layer.number


def _row(
    member: LayerFields | BlockedLayer,
    y: float,
    scale: float,
    analysed: Sequence[int],
    chosen: int | None,
) -> NetworkRow:
    if isinstance(member, BlockedLayer):
        return _blocked_row(member, y)
    layer = member.layer
    centre = (_LEFT + _RIGHT) / 2
    origin = centre - scale * layer.receptive_field / 2

    def bar(part: MeasuredField | EffectiveField | None) -> Bar | None:
        if part is None or part.size == 0:
            return None
        width = max(scale * part.size, _THINNEST)
        middle = origin + scale * (part.start + part.end) / 2
        return Bar(round(middle - width / 2, 2), round(width, 2))

    hidden = min(scale * layer.uncertainty, _RIGHT - _LEFT)
    effective = MISSING if member.effective is None else grouped(member.effective.size)
    return NetworkRow(
        number=layer.number,
        label=_label(layer.name),
        y=y,
        shape=_shape(layer),
        field=bar(EffectiveField(0, layer.receptive_field)),
        measured=bar(member.measured),
        effective=bar(member.effective),
        data=bar(member.effective_data),
        hidden=Bar(round(centre - hidden / 2, 2), round(hidden, 2)) if hidden else None,
        text=f"{grouped(layer.receptive_field)} bp (effective {effective})",
        detail=_hidden(layer),
        title=_sentence(member),
        analysed=layer.number in analysed,
        chosen=layer.number == chosen,
    )


def _blocked_row(layer: BlockedLayer, y: float) -> NetworkRow:
    return NetworkRow(
        number=layer.number,
        label=_label(layer.name),
        y=y,
        shape=f"{grouped(layer.filters)} filters, kernel {layer.kernel}",
        field=None,
        measured=None,
        effective=None,
        data=None,
        hidden=None,
        text="whole sequence" if layer.whole_sequence else "not known",
        detail="not analysable",
        title=f"Layer {layer.number}, {printable(layer.name)}: {printable(layer.reason, 500)}",
        analysed=False,
        chosen=False,
    )


def _shape(layer: Layer) -> str:
    words = [f"{grouped(layer.filters)} filters, kernel {layer.kernel}"]
    if layer.stride > 1:
        words.append(f"stride {layer.stride}")
    if layer.dilation > 1:
        words.append(f"dilation {layer.dilation}")
    if layer.pool is not None:
        words.append(f"{layer.pool} pool")
    return ", ".join(words)


def _hidden(layer: Layer) -> str:
    shifts = "1 shift below" if layer.shifts == 1 else f"{grouped(layer.shifts)} shifts below"
    after = f"{grouped(layer.uncertainty)} bp hidden after" if layer.uncertainty else "none after"
    return f"{shifts}, {after}"


def _sentence(fields: LayerFields) -> str:
    layer = fields.layer
    effective = MISSING if fields.effective is None else grouped(fields.effective.size)
    sentence = (
        f"Layer {layer.number}, {printable(layer.name)}: {_shape(layer)}; field "
        f"{layer.receptive_field} bp, measured {fields.measured.size} bp, effective {effective} bp"
    )
    if fields.effective_data is not None:
        sentence += f", on your sequences {fields.effective_data.size} bp"
    sentence += f"; {_hidden(layer)}"
    if fields.measured.reason:
        sentence += f"; {printable(fields.measured.reason, 500)}"
    return sentence


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
