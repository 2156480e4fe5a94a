"""Geometry of the network's picture: layers in order, what each sees to scale over the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neuroninterp.fields.layers import Layer
from neuroninterp.graph.layers import BlockedLayer
from neuroninterp.measurement.records import EffectiveField, LayerFields, MeasuredField
from neuroninterp.report.numbers import MISSING, grouped
from neuroninterp.text import printable

__all__ = ["NARROW", "WIDE", "Bar", "Frame", "NetworkChart", "NetworkRow", "network_chart"]

_LABEL_LETTERS = 22
_THINNEST = 1.5
_STEPS = (1, 2, 5)
_WIDEST_INPUT = 6
"""The input is drawn whole up to this many times the longest field, else only its middle."""


@dataclass(frozen=True)
class Frame:
    """Where things stand in a picture, in drawing units.

    Parameters
    ----------
    width : int
        Of the picture.
    left, right : int
        Ends of what is drawn to scale.
    top : int
        Where the first row begins.
    row : int
        Height of a row.
    above : bool
        Whether a row's words stand above its bar, and not on either side.
    """

    width: int
    left: int
    right: int
    top: int
    row: int
    above: bool = False

    @property
    def centre(self) -> float:
        """The middle of what is drawn to scale."""
        return (self.left + self.right) / 2


WIDE = Frame(width=960, left=232, right=712, top=34, row=46)
"""For a screen: names, bars, numbers side by side."""

NARROW = Frame(width=380, left=10, right=370, top=40, row=92, above=True)
"""For a phone: a layer's words above its bar."""


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
    frame : Frame
        Where things stand.
    height, bottom : float
        Of the picture, and where its last row ends.
    input, input_text : Bar, str
        The input sequence and its length in words.
    cut : bool
        Whether only the input's middle is drawn.
    """

    frame: Frame
    height: float
    bottom: float
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
    frame: Frame = WIDE,
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
    frame : Frame
        :data:`WIDE` or :data:`NARROW`.
    """
    longest = max((found.layer.receptive_field for found in fields), default=1)
    shown = longest if length is None else max(longest, length)
    cut = shown > _WIDEST_INPUT * longest
    shown = _WIDEST_INPUT * longest if cut else shown
    scale = (frame.right - frame.left) / shown
    members: list[LayerFields | BlockedLayer] = [*fields, *blocked]
    members.sort(key=_number)
    rows = tuple(
        _row(member, frame, frame.top + frame.row * (index + 0.5), scale, analysed, chosen)
        for index, member in enumerate(members)
    )
    bottom = frame.top + frame.row * len(rows)
    centre = frame.centre
    drawn = scale * (shown if cut or length is None else length)
    return NetworkChart(
        frame=frame,
        height=bottom + 24,
        bottom=bottom,
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
    frame: Frame,
    y: float,
    scale: float,
    analysed: Sequence[int],
    chosen: int | None,
) -> NetworkRow:
    if isinstance(member, BlockedLayer):
        return _blocked_row(member, y)
    layer = member.layer
    origin = frame.centre - scale * layer.receptive_field / 2

    def bar(part: MeasuredField | EffectiveField | None) -> Bar | None:
        if part is None or part.size == 0:
            return None
        width = max(scale * part.size, _THINNEST)
        middle = origin + scale * (part.start + part.end) / 2
        return Bar(round(middle - width / 2, 2), round(width, 2))

    hidden = min(scale * layer.uncertainty, frame.right - frame.left)
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
        hidden=Bar(round(frame.centre - hidden / 2, 2), round(hidden, 2)) if hidden else None,
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
