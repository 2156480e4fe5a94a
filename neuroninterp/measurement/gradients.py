"""Effective receptive fields: where the gradient of a layer's neurons lies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from neuroninterp.fields import Layer, required_intervals
from neuroninterp.graph import Constant, Convolution, Reverse
from neuroninterp.measurement.cropping import output_length, without_last_crops
from neuroninterp.measurement.records import EffectiveField
from neuroninterp.measurement.tangents import tangents
from neuroninterp.models import Model

__all__ = ["SHARE", "effective_field", "gradient_profiles"]

SHARE = 0.95
"""Share of the expected absolute gradient that an effective field holds."""

_MULTIPLICATIONS = 4_000_000_000
"""About as many multiplications as one group of layers may cost."""
_MOST_ROWS = 512
_ELEMENTS = 40_000_000
_SCALE = 16
"""Fields of one group are at most so many times as long as the shortest in it."""


def gradient_profiles(
    model: Model, codes: np.ndarray | None = None, *, seed: int = 0
) -> dict[int, np.ndarray]:
    """Estimate the expected absolute gradient at each offset of every layer's field.

    The derivative with respect to one base at one position is computed for all neurons and
    output positions at once. Since the fields of the outputs lie one jump apart, one such
    pass gives every jump-th offset of all fields; passes at neighbouring positions give the
    others. Layers with fields of like length go together, as often as their cost allows.

    Parameters
    ----------
    model : Model
        The network; derivatives are those of its canonical graph.
    codes : numpy.ndarray or None, shape=(N, L)
        Sequences to take the derivatives on, 0 to 4 for A, C, G, T, N; random ones where None.
    seed : int
        Decides which sequences, and which base of each.

    Returns
    -------
    dict of int to numpy.ndarray, shape=(receptive field,)
        Layer number to the mean, over neurons and sequences, of |dz/dx| summed over the four
        bases; float64. Offsets between those looked at are interpolated. Layers whose field
        is longer than the given sequences are left out, and such as could not be seen whole
        at an affordable cost.
    """
    profiles: dict[int, np.ndarray] = {}
    rng = np.random.default_rng([seed, 0 if codes is None else 1])
    for layers in _groups(model.layers):
        if codes is not None:
            layers = [layer for layer in layers if layer.receptive_field <= codes.shape[1]]
        if layers:
            profiles |= _Group(model, layers, codes).profiles(rng)
    return profiles


def effective_field(profile: np.ndarray, share: float = SHARE) -> EffectiveField | None:
    """Find the shortest window that holds a share of a profile.

    Parameters
    ----------
    profile : numpy.ndarray, shape=(receptive field,)
        At least 0.
    share : float
        In (0, 1].

    Returns
    -------
    EffectiveField or None
        Of windows equally short the one that holds most, then the first; None where the
        profile is zero everywhere.
    """
    total = float(profile.sum())
    if not total > 0:
        return None
    below = np.concatenate([[0.0], np.cumsum(profile)])
    # Sums in another order differ in the last digits.
    wanted = share * below[-1] * (1 - 1e-12)
    ends = np.searchsorted(below, below[:-1] + wanted, side="left")
    starts = np.flatnonzero(ends < len(below))
    lengths = ends[starts] - starts
    shortest = starts[lengths == lengths.min()]
    held = below[ends[shortest]] - below[shortest]
    start = int(shortest[int(held.argmax())])
    return EffectiveField(start, int(ends[start]))


def _groups(layers: Sequence[Layer]) -> Iterator[list[Layer]]:
    """Put layers with fields of like length together, the shortest first."""
    waiting = sorted(layers, key=lambda layer: layer.receptive_field)
    while waiting:
        # A start of 8 bp, so that convolutions one base wide make no group of their own.
        longest = _SCALE * max(waiting[0].receptive_field, 8)
        yield [layer for layer in waiting if layer.receptive_field <= longest]
        waiting = [layer for layer in waiting if layer.receptive_field > longest]


class _Group:
    """Layers whose derivatives are taken together."""

    def __init__(self, model: Model, layers: list[Layer], codes: np.ndarray | None) -> None:
        self._model = model
        self._layers = layers
        self._codes = codes
        self._values = {x.number: model.layer_nodes(x.number).value for x in layers}
        self._graph = without_last_crops(model.graph, list(self._values.values()))
        self._starts = {
            number: required_intervals(self._graph, value)[self._graph.input.name][0]
            for number, value in self._values.items()
        }
        self._jump = max(layer.jump for layer in layers)
        self._field = max(layer.receptive_field for layer in layers)
        self._kernels = _kernels(model, layers)

    def profiles(self, rng: np.random.Generator) -> dict[int, np.ndarray]:
        length = self._length()
        places = self._places(length)
        sites, bases = self._passes(length, places, rng)
        sums = {x.number: np.zeros((2, x.receptive_field)) for x in self._layers}
        step = max(_ELEMENTS // max(self._elements(length), 1), 1)
        for begin in range(0, len(sites), step):
            part = slice(begin, begin + step)
            self._add(sums, self._draw(rng, len(sites[part]), length), sites[part], bases[part])
        found = {x.number: _filled(sums[x.number], x.jump) for x in self._layers}
        return {number: profile for number, profile in found.items() if profile is not None}

    def _passes(
        self, length: int, places: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return position and base of each derivative, as many as can be afforded."""
        jump, turn = self._jump, self._jump * len(places)
        affordable = _MULTIPLICATIONS // max(2 * self._cost(length), 1)
        rows = int(np.clip(affordable, len(places), max(_MOST_ROWS, 4 * turn)))
        # Every base once at every position of one jump, where so many can be afforded.
        rows = rows // (4 * turn) * (4 * turn) or rows
        numbers = np.arange(rows)
        place, round_ = numbers % len(places), numbers // len(places)
        rounds = -(-rows // len(places))
        steps = round_ % jump if rounds >= jump else round_ * jump // rounds
        sites = np.clip(places[place] - jump // 2 + steps, 0, length - 1)
        return sites, (rng.integers(4) + steps + round_ // jump) % 4

    def _places(self, length: int) -> np.ndarray:
        """Return around which positions to take derivatives so that all offsets are seen.

        The middle of the sequence, where outputs on both sides of it see it with either end
        of their fields. Where there are fewer outputs, several positions.
        """
        middle, most = length // 2, [length // 2]
        for layer in self._layers:
            ends = self._ends(layer, length)
            if ends is None:
                continue
            first, last = ends
            field = layer.receptive_field
            if first <= middle - field + 1 and last >= middle:
                continue
            begin = min(max((first + last) // 2, 0), length - 1)
            end = min(begin + field - 1, length - 1)
            number = -(-(end - begin) // max(last - first, layer.jump)) + 1
            if number > len(most):
                most = [int(place) for place in np.linspace(begin, end, number)]
        return np.array(most)

    def _ends(self, layer: Layer, length: int) -> tuple[int, int] | None:
        """Return where the fields of the outermost outputs begin; None without outputs."""
        ends = output_length(self._graph, self._values[layer.number], length)
        if ends < 1:
            return None
        start = self._starts[layer.number]
        other = start + (ends - 1) * layer.jump * layer.direction
        return min(start, other), max(start, other)

    def _draw(self, rng: np.random.Generator, rows: int, length: int) -> np.ndarray:
        """Return random sequences, or stretches of the user's."""
        if self._codes is None:
            return rng.integers(0, 4, (rows, length))
        chosen = rng.integers(len(self._codes), size=rows)
        starts = rng.integers(self._codes.shape[1] - length + 1, size=rows)
        return self._codes[chosen[:, None], starts[:, None] + np.arange(length)]

    def _add(
        self,
        sums: dict[int, np.ndarray],
        codes: np.ndarray,
        sites: np.ndarray,
        bases: np.ndarray,
    ) -> None:
        """Add the derivatives of some sequences, each at its own site, to the sums."""
        rows, length = codes.shape
        layout = self._model.layout
        direction = np.zeros((rows, length, layout.channels), np.float32)
        direction[np.arange(rows), sites, np.asarray(layout.channel_of_base)[bases]] = 1.0
        targets = list(self._values.values())
        found = tangents(self._graph, layout.table[codes], direction, targets)
        for layer in self._layers:
            slopes = np.abs(found[self._values[layer.number]]).mean(axis=2, dtype=np.float64)
            steps = np.arange(slopes.shape[1]) * layer.jump * layer.direction
            starts = self._starts[layer.number] + steps
            offsets = sites[:, None] - starts
            sees = (offsets >= 0) & (offsets < layer.receptive_field)
            inside = sees & (starts >= 0) & (starts + layer.receptive_field <= length)
            # Windows that hang over an end count only where the sequence is too short for others.
            used = inside if length >= 2 * (layer.receptive_field + layer.jump) else sees
            # Each sequence shows one of the four bases.
            np.add.at(sums[layer.number][0], offsets[used], 4.0 * slopes[used])
            np.add.at(sums[layer.number][1], offsets[used], 1.0)

    def _length(self) -> int:
        """Return a length at which windows lie inside, as far as model, data and cost allow."""
        reference = self._model.reference_length
        if any(
            isinstance(node, Reverse) or (isinstance(node, Constant) and node.length is not None)
            for node in self._model.graph
        ):
            return reference
        # Steps of the coarsest jump keep branches of different strides equally long.
        grid = max(layer.jump for layer in self._model.layers)
        wanted = 2 * (self._field + self._jump)
        length = reference - (reference - wanted) // grid * grid
        if length > reference and 2 * self._cost(length) > _MULTIPLICATIONS:
            length = reference
        if self._codes is not None:
            over = max(length - self._codes.shape[1], 0)
            length -= -(-over // grid) * grid
        return length

    def _cost(self, length: int) -> int:
        """Estimate the multiplications that one sequence costs in convolutions."""
        return sum(size * max(length // jump, 1) for size, jump in self._kernels)

    def _elements(self, length: int) -> int:
        """Estimate the values of one sequence that are held at once."""
        return max(4 * x.filters * max(length // x.jump, 1) for x in self._model.layers)


def _kernels(model: Model, layers: Sequence[Layer]) -> list[tuple[int, int]]:
    """Return the kernel sizes (weights) and jumps of all layers that these depend on."""
    needed = {
        node.name
        for x in layers
        for node in model.graph.ancestors(model.layer_nodes(x.number).value)
    }
    found = []
    for layer in model.layers:
        node = model.graph[model.layer_nodes(layer.number).convolution]
        if node.name in needed and isinstance(node, Convolution):
            found.append((int(node.kernel.size), layer.jump))
    return found


def _filled(found: np.ndarray, jump: int) -> np.ndarray | None:
    """Divide sums by counts (the rows of ``found``); interpolate where none were looked at.

    None where an end of the field was not looked at, so that its share is not known.
    """
    sums, counts = found
    looked = np.flatnonzero(counts)
    if not len(looked) or looked[0] >= 2 * jump or looked[-1] < len(sums) - 2 * jump:
        return None
    means = sums[looked] / counts[looked]
    return np.interp(np.arange(len(sums)), looked, means)
