"""Networks with planted motifs: what every neuron responds to, and where, is known.

A network is described from the input up. First-layer units read a short piece of a motif;
upper units put units of the layer below together at fixed taps, all of them ("all") or one
of them ("any"). All upper weights are positive and every unit's largest value is 1, so the
window that shows every piece its best bases reaches the maximum. What the pools below a unit
hide follows from the same description: every combination of offsets that puts the pieces of
one motif at one place is an :class:`Arrangement`. While all pieces of an arrangement are
active the unit is linear in its window, so an arrangement is a kernel over the whole field.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neuroninterp.fields import layer_table
from neuroninterp.graph import Activation, Convolution, Graph, Input, Node, Pool, find_layers
from neuroninterp.models import InputLayout, Model

from .linear import LinearTruth, linear

__all__ = ["Arrangement", "Hidden", "Level", "Piece", "Planted", "PlantedMotif", "Term", "Unit"]

_LENGTH = 400
"""Input length of the networks; any that holds the largest field will do."""


@dataclass(frozen=True, eq=False)
class PlantedMotif:
    """A motif: ``scores`` (width, 4), what each base adds; zero rows are a gap."""

    name: str
    scores: np.ndarray

    @property
    def consensus(self) -> str:
        return "".join("ACGT"[base] for base in self.scores.argmax(axis=1))

    @property
    def other_strand(self) -> PlantedMotif:
        return PlantedMotif(self.name + "-", self.scores[::-1, ::-1].copy())


@dataclass(frozen=True)
class Piece:
    """What a first-layer unit reads: columns ``begin`` to ``end`` of a motif."""

    motif: PlantedMotif
    begin: int
    end: int


@dataclass(frozen=True)
class Term:
    """What an upper unit reads: a channel of the layer below at a tap of its kernel."""

    channel: int
    tap: int = 0
    weight: float = 1.0


@dataclass(frozen=True)
class Unit:
    """A neuron: a piece, or terms that must all be there ("all") or one of them ("any").

    ``cut`` in [0, 1) is the share of the largest sum that the bias takes away.
    """

    reads: Piece | tuple[Term, ...]
    mode: str = "all"
    cut: float = 0.0


@dataclass(frozen=True)
class Hidden:
    """The pool after a layer: ``kind`` "max" or "average", ``size`` and ``stride``."""

    size: int = 2
    stride: int = 2
    kind: str = "max"


@dataclass(frozen=True)
class Level:
    """A layer: its kernel's width, its units, its stride and the pool after it."""

    width: int
    units: tuple[Unit, ...]
    pool: Hidden | None = None
    stride: int = 1


@dataclass(frozen=True, eq=False)
class Arrangement:
    """One alignment of a neuron: where in its field each motif starts.

    Parameters
    ----------
    placements : tuple of (str, int)
        Motif names with the field position (bp) of their first column, which lies outside
        the field for a unit that reads only a later piece.
    weights : numpy.ndarray, shape=(field, 4)
        What each base adds to the neuron's value while every piece is active.
    bias : float
        What is added to their sum.
    shift : int
        Start of the covered columns, relative to the leftmost arrangement of the neuron, bp.
    """

    placements: tuple[tuple[str, int], ...]
    weights: np.ndarray
    bias: float
    shift: int = 0

    @property
    def start(self) -> int:
        """First field position that the arrangement reads."""
        return int(np.flatnonzero(self.weights.any(axis=1))[0])

    @property
    def end(self) -> int:
        """One past the last field position that the arrangement reads."""
        return int(np.flatnonzero(self.weights.any(axis=1))[-1]) + 1

    @property
    def maximum(self) -> float:
        return float(self.weights.max(axis=1).sum() + self.bias)

    @property
    def window(self) -> np.ndarray:
        """The consensus over the field, codes; unread positions are A."""
        return self.weights.argmax(axis=1).astype(np.uint8)

    def expected(self) -> LinearTruth:
        """Truth of the arrangement on its own: its PPM were there no other alignment."""
        return linear(self.weights, self.bias, 0.0)


@dataclass(frozen=True, eq=False)
class Planted:
    """A network and what was planted.

    Parameters
    ----------
    name : str
        Of the design.
    model : Model
        The network; every neuron counts as active above 0.
    motifs : tuple of PlantedMotif
        What was planted.
    neurons : dict
        (layer from 1, channel) to the neuron's arrangements, leftmost first.
    exclusive : bool
        Whether every pool is a maximum, so that the maximum is known: 1.
    """

    name: str
    model: Model
    motifs: tuple[PlantedMotif, ...]
    neurons: dict[tuple[int, int], tuple[Arrangement, ...]]
    exclusive: bool

    @property
    def top(self) -> tuple[int, ...]:
        """Layer and channels of the last layer: (layer, channel, channel, ...)."""
        layer = max(number for number, _ in self.neurons)
        return (layer, *sorted(c for number, c in self.neurons if number == layer))


def build(name: str, motifs: Sequence[PlantedMotif], levels: Sequence[Level]) -> Planted:
    """Write the network that the levels describe, and follow every arrangement through it."""
    nodes: list[Node] = [Input(name="input", inputs=(), source="input")]
    neurons: dict[tuple[int, int], tuple[Arrangement, ...]] = {}
    field, jump, below = 1, 1, ()
    pool: Hidden | None = None
    for number, level in enumerate(levels, start=1):
        spacing = jump * (pool.stride if pool else 1)
        field += jump * ((pool.size if pool else 1) - 1) + spacing * (level.width - 1)
        convolution = _convolution(number, nodes[-1].name, level, len(below) or 4, pool)
        nodes += _nodes(number, convolution, level.pool)
        if number == 1:
            found = [_pieces(u, convolution, c) for c, u in enumerate(level.units)]
        else:
            gains = convolution.kernel
            found = [
                _arrangements(_Reading(u, gains[:, :, c], pool, jump, spacing, field), below)
                for c, u in enumerate(level.units)
            ]
        below = tuple(_finish(a, float(convolution.bias[c])) for c, a in enumerate(found))
        neurons.update({(number, c): arrangements for c, arrangements in enumerate(below)})
        jump, pool = spacing * level.stride, level.pool
    graph = Graph(nodes=tuple(nodes), outputs=(nodes[-1].name,))
    exclusive = all(lv.pool is None or lv.pool.kind == "max" for lv in levels)
    return Planted(name, model_of(graph), tuple(motifs), neurons, exclusive)


class _NoRuntime:
    """These networks have no file; nothing may ask the file's runtime."""

    device = "cpu"

    def predict(self, inputs: np.ndarray, *, batch_size: int) -> list[np.ndarray]:
        raise AssertionError("a network without a file cannot predict")

    def tap(self, inputs: np.ndarray, taps: object) -> list[np.ndarray]:
        raise AssertionError("a network without a file cannot be tapped")


def model_of(graph: Graph, length: int = _LENGTH) -> Model:
    """Wrap a graph that has no file."""
    return Model(
        path=Path("network"),
        format="none",
        graph=graph,
        layout=InputLayout("input", (None, length, 4), "NLC", length),
        runtime=_NoRuntime(),
        layers=layer_table(graph),
        blocked=(),
        fidelity=0.0,
        _nodes=find_layers(graph),
    )


def _convolution(
    number: int, reads: str, level: Level, channels: int, pool: Hidden | None
) -> Convolution:
    kernel = np.zeros((level.width, channels, len(level.units)))
    bias = np.zeros(len(level.units))
    # An average over p positions takes 1/p of what the aligned one holds.
    regain = pool.size if pool and pool.kind == "average" else 1
    for c, unit in enumerate(level.units):
        if isinstance(unit.reads, Piece):
            scores = unit.reads.motif.scores[unit.reads.begin : unit.reads.end]
            kernel[: len(scores), :, c] = scores
            largest = scores.max(axis=1).sum()
        else:
            weights = [term.weight for term in unit.reads]
            largest = sum(weights) if unit.mode == "all" else max(weights)
            for term in unit.reads:
                kernel[term.tap, term.channel, c] = term.weight * regain
        gain = 1.0 / (largest * (1.0 - unit.cut))
        kernel[:, :, c] *= gain
        bias[c] = -unit.cut * largest * gain
    return Convolution(
        name=f"conv_{number}",
        inputs=(reads,),
        source=f"conv_{number}",
        kernel=kernel.astype(np.float32),
        bias=bias.astype(np.float32),
        stride=level.stride,
    )


def _nodes(number: int, convolution: Convolution, pool: Hidden | None) -> list[Node]:
    rectified = f"relu_{number}"
    nodes: list[Node] = [
        convolution,
        Activation(name=rectified, inputs=(convolution.name,), source=rectified, function="relu"),
    ]
    if pool:
        name = f"pool_{number}"
        nodes.append(
            Pool(
                name=name,
                inputs=(rectified,),
                source=name,
                kind=pool.kind,
                size=pool.size,
                stride=pool.stride,
            )
        )
    return nodes


@dataclass(frozen=True, eq=False)
class _Reading:
    """How one upper unit reads the layer below: its kernel (taps, channels) and distances."""

    unit: Unit
    kernel: np.ndarray
    pool: Hidden | None
    jump: int
    spacing: int
    field: int


def _pieces(unit: Unit, convolution: Convolution, channel: int) -> list[Arrangement]:
    if not isinstance(unit.reads, Piece):
        raise TypeError("a first-layer unit reads a piece of a motif")
    piece = unit.reads
    weights = convolution.kernel[:, :, channel].astype(np.float64)
    return [Arrangement(((piece.motif.name, -piece.begin),), weights, 0.0)]


def _arrangements(
    reading: _Reading, below: tuple[tuple[Arrangement, ...], ...]
) -> list[Arrangement]:
    """Combine the arrangements that the terms can have, keeping what puts a motif together."""
    if isinstance(reading.unit.reads, Piece):
        raise TypeError("only first-layer units read a piece of a motif")
    choices = [_of_term(reading, term, below[term.channel]) for term in reading.unit.reads]
    if reading.unit.mode == "any":
        return [arrangement for one in choices for arrangement in one]
    combined = choices[0]
    for following in choices[1:]:
        joined = [_join(a, b) for a in combined for b in following]
        combined = [arrangement for arrangement in joined if arrangement is not None]
    return combined


def _of_term(reading: _Reading, term: Term, below: tuple[Arrangement, ...]) -> list[Arrangement]:
    """Place the arrangements of one term at every offset that the pool hides."""
    size = reading.pool.size if reading.pool else 1
    average = reading.pool is not None and reading.pool.kind == "average"
    gain = float(reading.kernel[term.tap, term.channel]) / (size if average else 1)
    found = []
    for offset in range(size):
        moved = term.tap * reading.spacing + offset * reading.jump
        for child in below:
            weights = np.zeros((reading.field, 4))
            weights[moved : moved + len(child.weights)] = gain * child.weights
            placements = tuple((name, start + moved) for name, start in child.placements)
            found.append(Arrangement(placements, weights, gain * child.bias))
    return found


def _join(first: Arrangement, second: Arrangement) -> Arrangement | None:
    """Return both at once; None where one motif would start at two places."""
    merged = dict(first.placements)
    for name, start in second.placements:
        if merged.setdefault(name, start) != start:
            return None
    return Arrangement(
        tuple(sorted(merged.items())), first.weights + second.weights, first.bias + second.bias
    )


def _finish(arrangements: list[Arrangement], bias: float) -> tuple[Arrangement, ...]:
    """Add the unit's bias, drop what overlapping pools reach twice, order from the left."""
    distinct = {a.placements: a for a in arrangements}
    ordered = sorted(distinct.values(), key=lambda a: (a.start, a.placements))
    leftmost = ordered[0].start
    return tuple(
        Arrangement(a.placements, a.weights, a.bias + bias, a.start - leftmost) for a in ordered
    )
