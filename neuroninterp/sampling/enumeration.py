"""Exact samples of small receptive fields: the value of every window is looked at.

Where the values are sums of what a few short stretches add (:mod:`neuroninterp.fields.summands`),
only these run through the network; elsewhere every window does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from neuroninterp.backend import one_thread
from neuroninterp.fields import Summands, Trunk
from neuroninterp.sampling.sample import (
    LEVELS,
    ActivationSample,
    level_of,
    level_weights,
    part_weights,
)
from neuroninterp.sequences.coding import numbered_windows

__all__ = ["ALWAYS_ENUMERATED", "enumerable", "enumerate_neurons", "summed"]

ALWAYS_ENUMERATED = 9
"""Fields up to this (bp) are enumerated whatever the layer: 4^9 is 262,144 windows."""

_LONGEST_SUMMED = 12
"""Longest field (bp) whose 4^12 windows are summed from tables."""

_LONGEST_RUN = 11
_WINDOWS_A_NEURON = 150_000
"""What sampling a neuron costs, in windows evaluated."""

_CHUNK = 65_536
_ROUNDING = 1e-6
"""What counts as above the threshold, relative to the largest value: where many windows have
the threshold's value, another order of summing lifts none of them above it."""
_KEPT_WHOLE = 8_000
_KEPT_PER_LEVEL = 400
_DRAWN = 65_536
_SPARSE = 64
"""At most one window in so many is drawn: then NumPy need not shuffle all of them."""

_Chunks = Callable[[], Iterator[np.ndarray]]
"""Values of some neurons on all windows in lexicographic order, piece by piece: (n, neurons)."""


def summed(trunk: Trunk) -> bool:
    """Say whether the values of all windows come from tables of short stretches."""
    return trunk.receptive_field <= _LONGEST_SUMMED and trunk.summands is not None


def enumerable(trunk: Trunk) -> bool:
    """Say whether looking at every window is the cheaper way.

    That is so for 9 bp, for 12 bp where values are summed, and for 11 in a wide layer.
    """
    field = trunk.receptive_field
    affordable = 4 ** min(field, _LONGEST_RUN) <= _WINDOWS_A_NEURON * trunk.neurons
    run = field <= ALWAYS_ENUMERATED or (field <= _LONGEST_RUN and affordable)
    return run or summed(trunk)


@one_thread()
def enumerate_neurons(
    trunk: Trunk,
    layer: int,
    neurons: Sequence[int],
    thresholds: np.ndarray,
    *,
    seed: int,
    advance: Callable[[int], None] = lambda finished: None,
) -> list[ActivationSample]:
    """Sample neurons by looking at every window of their receptive field.

    Parameters
    ----------
    trunk : Trunk
        Trunk of the layer; see :func:`enumerable`.
    layer : int
        Layer number, recorded in the samples.
    neurons : sequence of int
        Channels; memory is 4^field bytes for each, so the caller passes a block of them.
    thresholds : numpy.ndarray, shape=(len(neurons),)
        Above which each is active.
    seed : int
        For the fair choice of the windows kept where all are too many.
    advance : callable
        Called with the number of neurons finished since the last call.

    Returns
    -------
    list of ActivationSample
        One per neuron; PPM, maximum and probabilities are exact.
    """
    samples = []
    for columns, chunks in _passes(trunk, list(neurons)):
        counted = _count(chunks, thresholds[columns], 4**trunk.receptive_field)
        for column, levels in zip(columns, counted, strict=True):
            rng = np.random.default_rng([seed, layer, neurons[column]])
            samples.append(_sample(trunk, (layer, neurons[column]), levels, rng))
        advance(len(columns))
    return samples


def _passes(trunk: Trunk, neurons: list[int]) -> Iterator[tuple[list[int], _Chunks]]:
    """Yield neurons, by their place, that are looked at together, and their values."""
    summands = trunk.summands if summed(trunk) else None
    if summands is None:
        yield list(range(len(neurons))), partial(_run, trunk, neurons)
        return
    for column, neuron in enumerate(neurons):
        yield [column], partial(_add_up, summands, neuron)


def _add_up(summands: Summands, neuron: int) -> Iterator[np.ndarray]:
    for values in summands.chunks(neuron):
        yield values[:, None]


def _run(trunk: Trunk, neurons: list[int]) -> Iterator[np.ndarray]:
    total = 4**trunk.receptive_field
    for begin in range(0, total, _CHUNK):
        numbers = np.arange(begin, min(begin + _CHUNK, total))
        yield trunk.values(numbered_windows(numbers, trunk.receptive_field))[:, neurons]


@dataclass(frozen=True, eq=False)
class _Counted:
    """All windows of one neuron, sorted into levels.

    Parameters
    ----------
    level : numpy.ndarray, shape=(4^field,)
        Level of every window, -1 where not active. int8.
    counts, activation : numpy.ndarray, shape=(LEVELS,)
        Windows of each level, and their summed activation above the threshold.
    threshold, maximum : float
        Ends of the levels.
    best : int
        Number of the first window that reaches the maximum.
    """

    level: np.ndarray
    counts: np.ndarray
    activation: np.ndarray
    threshold: float
    maximum: float
    best: int

    @property
    def mean_activation(self) -> np.ndarray:
        """Mean activation above the threshold of each level, 0 where it holds no window."""
        return np.divide(self.activation, self.counts, out=np.zeros(LEVELS), where=self.counts > 0)


def _count(chunks: _Chunks, thresholds: np.ndarray, total: int) -> list[_Counted]:
    """Look at all windows twice: for the largest value, and for the levels below it."""
    columns = range(len(thresholds))
    maxima, best, largest = _extremes(chunks, len(thresholds))
    level = [np.full(total, -1, np.int8) for _ in columns]
    counts = np.zeros((len(thresholds), LEVELS), np.int64)
    activation = np.zeros((len(thresholds), LEVELS))
    begin = 0
    for values in chunks():
        end = begin + len(values)
        for column in columns:
            above = thresholds[column] + _ROUNDING * largest[column]
            active = np.flatnonzero(values[:, column] > above)
            z = values[active, column].astype(np.float64)
            of = level_of(z, thresholds[column], maxima[column])
            level[column][begin:end][active] = of
            counts[column] += np.bincount(of, minlength=LEVELS)
            activation[column] += np.bincount(of, z - thresholds[column], LEVELS)
        begin = end
    return [
        _Counted(
            level=level[column],
            counts=counts[column],
            activation=activation[column],
            threshold=float(thresholds[column]),
            maximum=float(maxima[column]),
            best=int(best[column]),
        )
        for column in columns
    ]


def _extremes(chunks: _Chunks, neurons: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each neuron's largest value, the window that has it, and the largest magnitude."""
    maxima = np.full(neurons, -np.inf)
    largest = np.zeros(neurons)
    best: np.ndarray = np.zeros(neurons, np.int64)
    begin = 0
    for values in chunks():
        rows = values.argmax(axis=0)
        tops = values[rows, np.arange(neurons)]
        best = np.where(tops > maxima, rows + begin, best)
        maxima = np.maximum(maxima, tops)
        largest = np.maximum(largest, np.maximum(tops, -values.min(axis=0)))
        begin += len(values)
    return maxima, best, largest


def _sample(
    trunk: Trunk, who: tuple[int, int], counted: _Counted, rng: np.random.Generator
) -> ActivationSample:
    length = trunk.receptive_field
    counts = counted.counts
    kept = _kept(counted.level, counts, rng)
    windows = numbered_windows(np.append(kept, counted.best), length)
    # The network's own arithmetic has the last word on values.
    values = trunk.values_of(windows, np.full(len(windows), who[1])).astype(np.float64)
    maximum = float(values.max())
    windows, values, best = windows[:-1], values[:-1], windows[-1]
    if len(kept) == counts.sum():
        weights = level_weights(values, counted.threshold, maximum)
    else:
        weights = part_weights(counted.level[kept], counted.mean_activation)
    above = np.append(np.cumsum(counts[::-1])[::-1], 0)[:LEVELS]
    with np.errstate(divide="ignore"):
        log2_level = np.log2(above) - 2 * length
    return ActivationSample(
        layer=who[0],
        neuron=who[1],
        windows=windows,
        values=values,
        weights=weights,
        ppm=_exact_ppm(counted, length),
        threshold=counted.threshold,
        maximum=maximum,
        best_window=best,
        log2_rarity=float(log2_level[0]),
        log2_level=log2_level,
        source="enumeration",
        effective_size=float("inf"),
        ppm_error=0.0,
    )


def _kept(levels: np.ndarray, counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Choose which active windows stay: all of them, or a fair part of each level."""
    if counts.sum() <= _KEPT_WHOLE:
        return np.flatnonzero(levels >= 0)
    drawn = rng.choice(levels.size, min(_DRAWN, levels.size // _SPARSE), replace=False)
    level_drawn = levels[drawn]
    by_level = [drawn[level_drawn == level] for level in range(LEVELS)]
    # All members of the levels too small to be met often enough: as a rule, the highest.
    scarce = [level for level in range(LEVELS) if len(by_level[level]) < _KEPT_PER_LEVEL]
    members = np.flatnonzero(levels >= min(scarce, default=LEVELS))
    for level in scarce:
        by_level[level] = rng.permutation(members[levels[members] == level])
    return np.concatenate([np.sort(met[:_KEPT_PER_LEVEL]) for met in by_level])


def _exact_ppm(counted: _Counted, length: int) -> np.ndarray:
    """Return Σ_b a_b F_b / Σ_b a_b with F_b counted over all windows."""
    present = counted.counts > 0
    if not present.any():
        return np.full((length, 4), 0.25)
    # Each window weighs a_b / n_b, with a_b the mean activation; inactive ones, at -1, nothing.
    mean = counted.mean_activation
    weight = np.append(np.divide(mean, counted.counts, out=np.zeros(LEVELS), where=present), 0.0)
    # Sums over the last bases and over the first, from which every position's follow.
    last = min(length, 8)
    by_first = np.empty(4 ** (length - last))
    by_last = np.zeros(4**last)
    for number, levels in enumerate(counted.level.reshape(-1, 4**last)):
        weights = weight[levels]
        by_first[number] = weights.sum()
        by_last += weights
    ppm = np.concatenate([_by_position(by_first), _by_position(by_last)])
    return ppm / ppm.sum(axis=1, keepdims=True)


def _by_position(sums: np.ndarray) -> np.ndarray:
    """Return, of one number a window, the sum over the windows with each base at each place."""
    length = (sums.size.bit_length() - 1) // 2
    table = sums.reshape((4,) * length)
    others = [tuple(k for k in range(length) if k != place) for place in range(length)]
    return np.array([table.sum(axis=axes) for axes in others]).reshape(length, 4)
