"""Which input positions can change a layer's values in the model's own runtime.

One base of a random sequence is substituted and the model is run twice. Every output that
changes has shown that the position is in its field; and since the fields of neighbouring
outputs lie one jump apart, a single substitution tests every jump-th offset in the field of
every layer at once. Sites are chosen so that they lie on the very first and the very last
position of the field of some output, near the middle of the sequence. So two runs suffice
where fields are sharp, whatever their length, and each offset found is a proof by itself.

What counts as a change. Both runs have the same shape and every sequence keeps its row, so a
runtime on the CPU repeats the same operations in the same order: outputs that do not see the
site agree to the last bit, and any difference is an effect. Kernels that mix neighbouring
outputs (Winograd, Fourier, some on GPUs) leave rounding behind in outputs that do not see the
site. That is noticed, because there no difference at all is expected, and then only
differences above rounding count for this layer, inside as well as outside. A difference
outside that is larger than rounding means that the computed field is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from neuroninterp.errors import FidelityError
from neuroninterp.fields import Layer, required_intervals
from neuroninterp.graph import Convolution, Pad
from neuroninterp.measurement.cropping import output_length
from neuroninterp.measurement.sites import choose_sites
from neuroninterp.models import Model
from neuroninterp.models.layout import from_layout
from neuroninterp.sequences import one_hot

__all__ = ["AMPLIFICATION", "Reach", "measure_reach"]

AMPLIFICATION = 1e12
"""How much stronger than a base an amplified substitution is; far from float32's largest."""

_ROUNDING = 1e-5
"""Differences below this share of a layer's largest value can be rounding."""

_ROUNDS = 6
_POSITIONS = 500
"""Positions of a long sequence that tell a layer's typical value."""
_MOST_ROWS = 8
_MULTIPLICATIONS = 12_000_000_000
"""About as many multiplications as the repetitions may cost (a second or less)."""
_ELEMENTS = 40_000_000
"""Largest number of float32 values held of one batch (160 MB)."""


@dataclass(eq=False)
class Reach:
    """What has changed one layer's values so far.

    Parameters
    ----------
    layer : Layer
        The layer.
    starts : numpy.ndarray, shape=(positions,)
        Left end of the field of each output position, in input positions.
    visible : tuple of int
        Part of the field that lies inside the sequence for some output (half-open offsets).
    scale : float
        Typical absolute value, the largest of this and the layers before: what is rounded
        away in one is lost to all that read it.
    mirrored : numpy.ndarray of bool, shape=(positions,)
        Outputs whose field hangs over into reflected positions. What is reflected there may lie
        outside of it.
    seen, amplified : numpy.ndarray of bool, shape=(receptive field,)
        Offsets at which a substitution, or an amplified one, changed a value.
    """

    layer: Layer
    starts: np.ndarray
    visible: tuple[int, int]
    scale: float
    mirrored: np.ndarray
    seen: np.ndarray = field(init=False)
    amplified: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.seen = np.zeros(self.layer.receptive_field, bool)
        self.amplified = np.zeros(self.layer.receptive_field, bool)

    @property
    def complete(self) -> bool:
        """Whether both ends of the visible field were reached."""
        return extent(self.seen) == self.visible


def extent(flags: np.ndarray) -> tuple[int, int]:
    """Return the half-open interval from the first to the last True; (0, 0) without any."""
    found = np.flatnonzero(flags)
    return (int(found[0]), int(found[-1]) + 1) if len(found) else (0, 0)


def measure_reach(model: Model, *, seed: int = 0) -> list[Reach]:
    """Measure how far each layer's values can be changed from.

    Parameters
    ----------
    model : Model
        The network; run at :attr:`~neuroninterp.models.Model.reference_length`.
    seed : int
        Seed of the random sequences.

    Returns
    -------
    list of Reach
        One a layer, in the model's order.

    Raises
    ------
    FidelityError
        If a substitution outside a layer's computed field changes its value.
    """
    return _Measurement(model, np.random.default_rng(seed)).run()


class _Measurement:
    """Repeated substitutions until every field is complete or enough was tried."""

    def __init__(self, model: Model, rng: np.random.Generator) -> None:
        self._model = model
        self._rng = rng
        self._length = model.reference_length
        self._taps = [model.taps[model.layer_nodes(x.number).value] for x in model.layers]
        self._reaches: list[Reach] = []

    def run(self) -> list[Reach]:
        rows = 1
        spent = 0
        cost = _multiplications(self._model, self._length)
        for number in range(_ROUNDS):
            codes = self._rng.integers(0, 4, (rows, self._length))
            before = self._values(one_hot(codes))
            if not self._reaches:
                self._reaches = self._begin(before)
            sites = choose_sites(self._targets(number), self._length, self._rng, spread=number > 0)
            for site in sites:
                self._substitute(codes, before, site, 1.0)
            spent += rows * (1 + len(sites)) * cost
            short = [reach for reach in self._reaches if not reach.complete]
            if not short:
                return self._reaches
            if spent + (1 + len(sites)) * cost > _MULTIPLICATIONS:
                break
            rows = self._affordable(before, cost * (1 + len(sites)), spent)
        short_ends = self._targets(0, only_short=True)
        sites = choose_sites(short_ends, self._length, self._rng, spread=False)
        # The first serves most layers. Where one run takes long, the derivatives must tell.
        affordable = max((_MULTIPLICATIONS - spent) // (rows * cost), 0)
        for site in sites[:affordable]:
            self._substitute(codes, before, site, AMPLIFICATION)
        return self._reaches

    def _affordable(self, values: Sequence[np.ndarray], cost: int, spent: int) -> int:
        """Return how many sequences the next round may have."""
        held = sum(value[0].size for value in values)
        return int(
            np.clip(min((_MULTIPLICATIONS - spent) // cost, _ELEMENTS // held), 1, _MOST_ROWS)
        )

    def _begin(self, values: Sequence[np.ndarray]) -> list[Reach]:
        reaches: list[Reach] = []
        scale = 0.0
        for layer, value in zip(self._model.layers, values, strict=True):
            steps = np.arange(value.shape[1]) * layer.jump * layer.direction
            starts = layer.start + steps
            first = int(np.maximum(-starts, 0).min())
            last = int(np.minimum(self._length - starts, layer.receptive_field).max())
            few = value[:, :: max(value.shape[1] // _POSITIONS, 1)]
            scale = max(scale, float(np.median(np.abs(few))))
            mirrored = _mirrored(self._model, layer, len(starts))
            reaches.append(Reach(layer, starts, (first, last), scale, mirrored))
        return reaches

    def _targets(self, number: int, *, only_short: bool = False) -> list[np.ndarray]:
        """Return, for every end not yet reached, the sites that test it; at first, all.

        Odd rounds look for the exact end of fields that stop short, one jump further out.
        """
        targets = []
        for reach in self._reaches:
            if (number or only_short) and reach.complete:
                continue
            (start, end), (first, last) = extent(reach.seen), reach.visible
            for edge, gap, inward in ((first, start - first, 1), (last - 1, last - end, -1)):
                if number % 2 and reach.layer.jump > 1 and gap > 0:
                    back = int(self._rng.integers(min(gap, reach.layer.jump)))
                    offset = edge + inward * (gap - 1 - back)
                else:
                    offset = edge
                untried = number == 0 and not only_short
                if untried or gap > 0 or start == end:
                    targets.append(reach.starts + offset)
        return targets

    def _substitute(
        self, codes: np.ndarray, before: Sequence[np.ndarray], site: int, factor: float
    ) -> None:
        """Substitute the base at one position of every sequence and note what changes."""
        changed = codes.copy()
        changed[:, site] = (codes[:, site] + self._rng.integers(1, 4, len(codes))) % 4
        encoded = one_hot(changed)
        encoded[:, site] *= factor
        after = self._values(encoded)
        for reach, old, new in zip(self._reaches, before, after, strict=True):
            offsets = site - reach.starts
            inside = (offsets >= 0) & (offsets < reach.layer.receptive_field)
            with np.errstate(invalid="ignore"):
                difference = np.abs(new - old)
            if factor != 1.0:
                # What overflows has left the range in which an effect could be told.
                difference = np.nan_to_num(difference, nan=0.0, posinf=0.0)
            difference = difference.max(axis=(0, 2))
            limit = self._limit(reach, old, new, difference, inside, site)
            seen = reach.seen if factor == 1.0 else reach.amplified
            seen[offsets[inside & (difference > limit)]] = True

    def _limit(
        self,
        reach: Reach,
        old: np.ndarray,
        new: np.ndarray,
        difference: np.ndarray,
        inside: np.ndarray,
        site: int,
    ) -> float:
        """Return the difference above which an effect is real; see the module's text."""
        outside = np.where(inside | reach.mirrored, 0.0, difference)
        worst = float(outside.max())
        if worst == 0.0:
            return 0.0
        finite = np.abs(new[np.isfinite(new)])
        limit = _ROUNDING * max(float(finite.max(initial=0.0)), float(np.abs(old).max()))
        if worst > limit:
            layer, position = reach.layer, int(outside.argmax())
            left, right = layer.interval(position)
            raise FidelityError(
                f"layer {layer.number} ({layer.name!r}): the input position {site} changes its "
                f"value at output position {position} by {worst:.2g}, but the computed receptive "
                f"field there is {left} to {right - 1} (counted from 0); please report this model"
            )
        return limit

    def _values(self, encoded: np.ndarray) -> list[np.ndarray]:
        """Return every layer's values (N, positions, neurons) from the model's own runtime."""
        raw = self._model.runtime.tap(self._model.layout.to_file(encoded), self._taps)
        return [
            from_layout(np.asarray(values), tap.axes)
            for values, tap in zip(raw, self._taps, strict=True)
        ]


def _mirrored(model: Model, layer: Layer, positions: int) -> np.ndarray:
    """Say which outputs of a layer read positions that a padding reflects."""
    graph, value = model.graph, model.layer_nodes(layer.number).value
    here, next_one = (required_intervals(graph, value, position) for position in (0, 1))
    found = np.zeros(positions, bool)
    for node in graph.ancestors(value):
        if not isinstance(node, Pad) or node.mode == "constant":
            continue
        (first, last), step = here[node.name], next_one[node.name][0] - here[node.name][0]
        moved = np.arange(positions) * step
        end = output_length(graph, node.name, model.reference_length) - node.padding[1]
        found |= (first + moved < node.padding[0]) | (last + moved >= end)
    return found


def _multiplications(model: Model, length: int) -> int:
    """Estimate what one sequence costs in the layers' convolutions."""
    total = 0
    for layer in model.layers:
        node = model.graph[model.layer_nodes(layer.number).convolution]
        if isinstance(node, Convolution):
            total += node.kernel.size * max(length // layer.jump, 1)
    return total
