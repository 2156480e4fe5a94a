"""A figure for print: the logos of chosen neurons, each neuron's parts in register."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from neuroninterp.errors import OutputError, UnknownNameError
from neuroninterp.motifs.records import Match, Motif, Part
from neuroninterp.report.logo import logo
from neuroninterp.report.saving import printing
from neuroninterp.report.stretch import common_stretch
from neuroninterp.results.records import AnalysisResult, NeuronResult
from neuroninterp.text import numbered, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Chosen", "PanelNeuron", "choose_neurons", "neuron_panel"]

_WIDEST = 60
"""Most positions of a logo (bp); of wider ones the stretch with the most information is drawn."""

_TEXT = 7.0  # points, as journals ask
_POSITION, _LOGO, _CAPTION, _TITLE, _AXIS = 0.11, 0.5, 0.16, 0.2, 0.2  # inches
_LEFT, _GAP = 0.35, 0.2
_NARROWEST_CELL = 2.3
_PAGE = 7.2
"""Width (inches) of two columns of a journal's page, which cells fill by default."""


class Chosen(NamedTuple):
    """A neuron to draw: layer; channel, None for all of the layer; part, None for the first."""

    layer: int
    neuron: int | None
    part: int | None


@dataclass(frozen=True, eq=False)
class PanelNeuron:
    """One neuron, and which of its logos to draw.

    Parameters
    ----------
    neuron : NeuronResult
        The neuron.
    parts : tuple of int
        Its parts, from above.
    mixture : bool
        Whether the undecoupled PPM stands above them.
    """

    neuron: NeuronResult
    parts: tuple[int, ...]
    mixture: bool = False


def choose_neurons(
    result: AnalysisResult, chosen: Sequence[Chosen], *, parts: int = 3, mixture: bool = False
) -> list[PanelNeuron]:
    """Look up neurons in a result.

    Parameters
    ----------
    result : AnalysisResult
        What a run found.
    chosen : sequence of Chosen
        Neurons, in the order in which to draw them.
    parts : int
        Of a neuron of which no part was named, the first so many: those of the largest share.
    mixture : bool
        Whether to add the undecoupled PPM of neurons with several parts.

    Returns
    -------
    list of PanelNeuron
        Neurons that are never active are left out where all of a layer were asked for.

    Raises
    ------
    UnknownNameError
        If a layer, a neuron or a part is not in the results.
    OutputError
        If a named neuron is never active, or nothing is left to draw.
    """
    found = []
    for item in chosen:
        for neuron in _neurons(result, item):
            shown = range(min(parts, len(neuron.parts))) if item.part is None else [item.part]
            whole = mixture and len(neuron.parts) > 1
            found.append(PanelNeuron(neuron, tuple(shown), whole))
    if not found:
        raise OutputError("none of these neurons is ever active: there is nothing to draw")
    return found


def _neurons(result: AnalysisResult, item: Chosen) -> list[NeuronResult]:
    layers = {layer.layer.number: layer.neurons for layer in result.layers}
    if item.layer not in layers:
        analysed = numbered("layer", sorted(layers)) if layers else "none"
        raise UnknownNameError("layer", str(item.layer), [f"{analysed} of the results"])
    neurons = {neuron.neuron: neuron for neuron in layers[item.layer]}
    if item.neuron is None:
        return [neuron for neuron in neurons.values() if not neuron.dead]
    if item.neuron not in neurons:
        known = numbered("channel", sorted(neurons))
        raise UnknownNameError(f"neuron of layer {item.layer}", str(item.neuron), [known])
    neuron = neurons[item.neuron]
    if neuron.dead:
        raise OutputError(
            f"layer {item.layer}, neuron {item.neuron} is never active: it has no logo"
        )
    if item.part is not None and item.part >= len(neuron.parts):
        raise UnknownNameError(
            f"part of layer {item.layer}, neuron {item.neuron}",
            str(item.part),
            [numbered("part", range(len(neuron.parts)))],
        )
    return [neuron]


def neuron_panel(
    neurons: Sequence[PanelNeuron],
    *,
    columns: int | None = None,
    correction: bool = False,
    advance: Callable[[int], None] = lambda finished: None,
) -> Figure:
    """Draw neurons side by side, all letters to one scale.

    Parameters
    ----------
    neurons : sequence of PanelNeuron
        What to draw, at least one.
    columns : int or None
        Neurons a row; as many as fit the width of a page for None.
    correction : bool
        Whether to take off every position what so few sequences have by chance; see
        :func:`neuroninterp.report.logo.logo`.
    advance : callable
        Called with 1 after each neuron.

    Returns
    -------
    matplotlib.figure.Figure
        Each neuron's logos stand below each other, moved by the parts' shifts so that what
        max-pooling hid stands in register; the axis counts positions of the receptive field,
        from 1. To be saved with :func:`neuroninterp.report.saving.save_print`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    cells = [_Cell.of(item) for item in neurons]
    width = max(_NARROWEST_CELL, _LEFT + _POSITION * max(cell.width for cell in cells))
    across = columns or max(1, int((_PAGE + _GAP) // (width + _GAP)))
    across = min(across, len(cells))
    lines = [cells[first : first + across] for first in range(0, len(cells), across)]
    heights = [max(cell.height for cell in line) for line in lines]
    size = (across * (width + _GAP) - _GAP + 0.1, sum(heights) + _GAP * (len(lines) - 1) + 0.1)
    with printing(_TEXT):
        figure = Figure(figsize=size)
        FigureCanvasAgg(figure)
        top = size[1] - 0.05
        for line, height in zip(lines, heights, strict=True):
            for number, cell in enumerate(line):
                cell.draw(figure, number * (width + _GAP) + 0.05, top, correction)
                advance(1)
            top -= height + _GAP
    return figure


@dataclass(frozen=True, eq=False)
class _Row:
    """One logo: what it shows, its caption, and by how much it is moved (bp)."""

    motif: Motif
    caption: str
    shift: int


@dataclass(frozen=True, eq=False)
class _Cell:
    """One neuron: its title, its logos, and the stretch (aligned, half-open) that all show."""

    title: str
    rows: tuple[_Row, ...]
    start: int
    end: int

    @classmethod
    def of(cls, item: PanelNeuron) -> _Cell:
        neuron = item.neuron
        rows = [_part_row(neuron, part, alone=len(neuron.parts) == 1) for part in item.parts]
        if item.mixture and neuron.mixture is not None:
            best = min(neuron.mixture_matches, key=lambda match: match.e_value, default=None)
            # The first part has no shift: positions of the mixture are its positions.
            rows = [_Row(neuron.mixture, f"mixture: {_known(best)}", 0), *rows]
        title = f"Layer {neuron.layer}, neuron {neuron.neuron}"
        ppms, shifts = [row.motif.ppm for row in rows], [row.shift for row in rows]
        return cls(title, tuple(rows), *common_stretch(ppms, shifts, _WIDEST))

    @property
    def width(self) -> int:
        return self.end - self.start

    @property
    def height(self) -> float:
        return _TITLE + len(self.rows) * (_CAPTION + _LOGO + _AXIS)

    def draw(self, figure: Figure, left: float, top: float, correction: bool) -> None:
        """Draw with the upper left corner at this place, in inches from the lower left."""
        width, height = figure.get_size_inches()
        place: dict[str, Any] = {"parse_math": False, "va": "top"}
        figure.text(left / width, top / height, self.title, weight="bold", **place)
        top -= _TITLE
        for row in self.rows:
            figure.text((left + _LEFT) / width, top / height, row.caption, **place)
            bottom = top - _CAPTION - _LOGO
            ax = figure.add_axes(
                (
                    (left + _LEFT) / width,
                    bottom / height,
                    _POSITION * self.width / width,
                    _LOGO / height,
                )
            )
            self._draw_logo(ax, row, correction)
            top = bottom - _AXIS

    def _draw_logo(self, ax: Axes, row: _Row, correction: bool) -> None:
        ppm = row.motif.ppm
        first, last = max(0, self.start + row.shift), min(len(ppm), self.end + row.shift)
        if first < last:
            sequences = row.motif.n_sequences if correction else None
            logo(ppm[first:last], ax=ax, first=first + 1, n_sequences=sequences)
        ax.set_xlim(self.start + row.shift + 0.5, self.end + row.shift + 0.5)
        ax.set_ylim(0, 2)
        ax.tick_params(length=2, pad=1)
        ax.yaxis.labelpad = 1


def _part_row(neuron: NeuronResult, part: int, *, alone: bool) -> _Row:
    motif: Part = neuron.parts[part]
    hits = neuron.part_matches(part)
    known = _known(hits[0] if hits else None)
    caption = known if alone else f"part {part}, {100 * motif.share:.0f} %: {known}"
    return _Row(motif, caption, motif.shift)


def _known(match: Match | None) -> str:
    if match is None:
        return "no match"
    # Names come from files: fonts lack control characters, and warn about them.
    name, identifier = printable(match.target_name, 24), printable(match.target_id, 16)
    known = name if name == identifier else f"{name} ({identifier})"
    return f"{known}, E = {match.e_value:.1e}"
