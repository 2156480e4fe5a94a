"""Activation samples taken from the user's own sequences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuroninterp.backend import compiled, import_keras
from neuroninterp.errors import DataError
from neuroninterp.graph import Constant, Reverse
from neuroninterp.graph.evaluate import encode, evaluate
from neuroninterp.models import Model
from neuroninterp.sampling.largest import LargestValues, LargestWindows
from neuroninterp.sampling.sample import (
    LEVELS,
    ActivationSample,
    level_of,
    level_weights,
    weighted_ppm,
)

__all__ = ["NeuronInData", "neurons_in_data", "windows_from_data"]

_SEQUENCES_AT_ONCE = 128
_KEPT_PER_LEVEL = 200
_SORTED_TOGETHER = 1_000


@dataclass(frozen=True, eq=False)
class NeuronInData:
    """What the user's sequences show of one neuron.

    Parameters
    ----------
    sample : ActivationSample
        A fair choice of the windows on which it is active.
    level_counts : numpy.ndarray of int64, shape=(LEVELS,)
        All windows in each activation level, of the levels that were asked for.
    windows : int
        Windows that were looked at, active or not.
    largest : LargestWindows
        Those with its largest values.
    """

    sample: ActivationSample
    level_counts: np.ndarray
    windows: int
    largest: LargestWindows


def windows_from_data(
    model: Model,
    layer: int,
    neurons: Sequence[int],
    thresholds: np.ndarray,
    codes: np.ndarray,
    *,
    seed: int = 0,
    advance: Callable[[int], None] = lambda sequences: None,
) -> list[ActivationSample]:
    """Sample neurons from the windows of sequences on which they are active.

    Every window that lies wholly inside a sequence is looked at, twice: once for the
    maximum, once to keep a fair choice of at most 200 windows a level.

    Parameters
    ----------
    model : Model
        The network.
    layer : int
        Layer number.
    neurons : sequence of int
        Channels.
    thresholds : numpy.ndarray, shape=(len(neurons),)
        Above which each is active.
    codes : numpy.ndarray, shape=(N, L)
        Sequences, 0 to 4 for A, C, G, T, N; uint8.
    seed : int
        For the fair choice.
    advance : callable
        Called with the number of sequences done since the last call.

    Returns
    -------
    list of ActivationSample
        One per neuron; dead where none of its windows is active.

    Raises
    ------
    DataError
        If no window of the layer's field fits into the sequences.
    """
    found = neurons_in_data(model, layer, neurons, thresholds, codes, seed=seed, advance=advance)
    return [neuron.sample for neuron in found]


def neurons_in_data(
    model: Model,
    layer: int,
    neurons: Sequence[int],
    thresholds: np.ndarray,
    codes: np.ndarray,
    *,
    level_maxima: Sequence[float] | None = None,
    seed: int = 0,
    advance: Callable[[int], None] = lambda sequences: None,
) -> list[NeuronInData]:
    """Say where in sequences neurons are how active.

    Parameters
    ----------
    model, layer, neurons, thresholds, codes, seed, advance
        As for :func:`windows_from_data`.
    level_maxima : sequence of float or None
        Upper end of each neuron's activation levels, in which its windows are counted; the
        largest z in the sequences for None. The samples' levels end there in any case.

    Returns
    -------
    list of NeuronInData
        One per neuron. Windows above the last level count in it.

    Raises
    ------
    DataError
        If no window of the layer's field fits into the sequences.
    """
    scan = _Scan(model, layer, codes)
    columns = np.asarray(neurons, np.int64)
    largest = LargestValues(len(columns), scan.starts)
    for begin, values in scan.values(columns):
        largest.offer(values, begin)
        advance(min(_SEQUENCES_AT_ONCE, len(codes) - begin))
    maxima = largest.maxima
    ends = maxima if level_maxima is None else level_maxima
    reservoirs = [
        _Reservoir(float(t), float(m), float(e), np.random.default_rng([seed, layer, int(k), 1]))
        for t, m, e, k in zip(thresholds, maxima, ends, columns, strict=True)
    ]
    for begin, values in scan.values(columns):
        by_neuron = np.ascontiguousarray(values.transpose(2, 0, 1))
        for own, reservoir in zip(by_neuron, reservoirs, strict=True):
            reservoir.offer(own, begin)
        advance(min(_SEQUENCES_AT_ONCE, len(codes) - begin))
    return [
        NeuronInData(
            sample=reservoir.finish(layer, int(neuron), scan),
            level_counts=reservoir.level_counts,
            windows=len(codes) * len(scan.starts),
            largest=largest.windows(index, codes, scan.field),
        )
        for index, (neuron, reservoir) in enumerate(zip(columns, reservoirs, strict=True))
    ]


class _Scan:
    """Values of a layer at every position whose window lies inside the sequence."""

    def __init__(self, model: Model, layer: int, codes: np.ndarray) -> None:
        geometry = model.layer(layer)
        length = codes.shape[1]
        self.codes = codes
        self.field = geometry.receptive_field
        if length != model.reference_length and _holds_for_one_length(model, layer):
            raise DataError(
                f"layer {layer} is read at {model.reference_length} bp and the sequences have "
                f"{length}; give --length {length}"
            )
        ends = length - self.field - geometry.start
        if geometry.direction > 0:
            first, last = max(0, -(geometry.start // geometry.jump)), ends // geometry.jump
        else:
            first, last = max(0, -(ends // geometry.jump)), geometry.start // geometry.jump
        if last < first:
            raise DataError(
                f"layer {layer} sees {self.field} bp; no such window fits into sequences of "
                f"{length} bp without padding"
            )
        step = geometry.jump * geometry.direction
        self.starts = geometry.start + step * np.arange(first, last + 1)
        self._positions = slice(first, last + 1)
        target = model.layer_nodes(layer).value
        self._to_numpy = import_keras().ops.convert_to_numpy

        def function(batch: Any) -> Any:
            return evaluate(model.graph, encode(batch, model.layout.table), [target])[0]

        self._function = compiled(function)

    def values(self, neurons: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (first sequence, values (sequences, positions, neurons)) batch by batch."""
        for begin in range(0, len(self.codes), _SEQUENCES_AT_ONCE):
            batch = self.codes[begin : begin + _SEQUENCES_AT_ONCE]
            size = len(batch)
            if size < _SEQUENCES_AT_ONCE:
                batch = np.concatenate(
                    [batch, np.zeros((_SEQUENCES_AT_ONCE - size, batch.shape[1]), np.uint8)]
                )
            values = self._to_numpy(self._function(batch))[:size, self._positions]
            yield begin, values[:, :, neurons]

    def window(self, sequence: np.ndarray, position: np.ndarray) -> np.ndarray:
        """Cut the windows at (sequence, output position) pairs, shape (n, field)."""
        offsets = self.starts[position][:, None] + np.arange(self.field)
        return self.codes[sequence[:, None], offsets]


def _holds_for_one_length(model: Model, layer: int) -> bool:
    """Whether the layer's graph was translated for one sequence length and no other."""
    return any(
        isinstance(node, Reverse) or (isinstance(node, Constant) and node.length is not None)
        for node in model.graph.ancestors(model.layer_nodes(layer).value)
    )


class _Reservoir:
    """A fair choice of windows in each level of one neuron: the smallest random keys stay.

    All windows are counted, too, in levels of their own that end at ``counted_to``.
    """

    def __init__(
        self, threshold: float, maximum: float, counted_to: float, rng: np.random.Generator
    ) -> None:
        self.threshold = threshold
        self.maximum = maximum
        self.level_counts = np.zeros(LEVELS, np.int64)
        self._counted_to = counted_to
        self._rng = rng
        self._rows = np.zeros((0, 5))
        self._fresh: list[np.ndarray] = []
        self._cutoff = np.full(LEVELS, np.inf)

    def offer(self, values: np.ndarray, begin: int) -> None:
        """Offer the values (sequences, positions) of a batch that starts at ``begin``."""
        place = np.flatnonzero(values > self.threshold)
        if not len(place):
            return
        active = values.ravel()[place].astype(np.float64)
        self._count(active)
        level = level_of(active, self.threshold, self.maximum)
        keys = self._rng.random(len(active))
        # Few get into a level that is full.
        entering = keys < self._cutoff[level]
        if not entering.any():
            return
        sequence, position = np.divmod(place[entering], values.shape[1])
        columns = (level[entering], keys[entering], sequence + begin, position, active[entering])
        self._fresh.append(np.stack(columns, axis=1))
        if sum(map(len, self._fresh)) >= _SORTED_TOGETHER:
            self._sort()

    def _sort(self) -> None:
        """Keep the smallest keys of each level, in order."""
        rows = np.concatenate([self._rows, *self._fresh])
        self._fresh = []
        rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
        rank = np.arange(len(rows)) - np.searchsorted(rows[:, 0], rows[:, 0], "left")
        self._rows = rows[rank < _KEPT_PER_LEVEL]
        full = rows[rank == _KEPT_PER_LEVEL - 1]
        self._cutoff[full[:, 0].astype(int)] = full[:, 1]

    def _count(self, active: np.ndarray) -> None:
        level = level_of(active, self.threshold, self._counted_to)
        if level[0] >= 0:  # no window has a level where the levels end at the threshold
            self.level_counts += np.bincount(level, minlength=LEVELS)

    def finish(self, layer: int, neuron: int, scan: _Scan) -> ActivationSample:
        """Turn the windows kept into a sample."""
        self._sort()
        windows = scan.window(self._rows[:, 2].astype(int), self._rows[:, 3].astype(int))
        values = self._rows[:, 4]
        weights = level_weights(values, self.threshold, self.maximum)
        alive = len(values) > 0
        return ActivationSample(
            layer=layer,
            neuron=neuron,
            windows=windows,
            values=values,
            weights=weights,
            ppm=weighted_ppm(windows, weights) if alive else np.full((scan.field, 4), 0.25),
            threshold=self.threshold,
            maximum=self.maximum,
            best_window=windows[values.argmax()] if alive else np.zeros(scan.field, np.uint8),
            log2_rarity=float("nan"),
            log2_level=np.full(LEVELS, np.nan),
            source="data",
        )
