"""Exact samples of small receptive fields: every sequence is looked at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuroninterp.fields import Trunk
from neuroninterp.sampling.sample import (
    LEVELS,
    ActivationSample,
    level_of,
    level_weights,
    part_weights,
)

__all__ = ["ALWAYS_ENUMERATED", "all_windows", "enumerable", "enumerate_neurons"]

ALWAYS_ENUMERATED = 9
"""Fields up to this (bp) are enumerated whatever the layer: 4^9 is 262,144 windows."""

_LONGEST = 11
_WINDOWS_A_NEURON = 150_000
"""What sampling a neuron costs, in windows evaluated."""

_CHUNK = 65_536
_KEPT_WHOLE = 8_000
_KEPT_PER_LEVEL = 400


def enumerable(trunk: Trunk) -> bool:
    """Say whether looking at every window is the cheaper way: 9 bp, or 11 in a wide layer."""
    field = trunk.receptive_field
    affordable = 4 ** min(field, _LONGEST) <= _WINDOWS_A_NEURON * trunk.neurons
    return field <= ALWAYS_ENUMERATED or (field <= _LONGEST and affordable)


def all_windows(length: int, begin: int, end: int) -> np.ndarray:
    """Return windows number ``begin`` to ``end`` of all 4^length, in lexicographic order.

    Returns
    -------
    numpy.ndarray, shape=(end - begin, length)
        Codes 0 to 3, uint8.
    """
    numbers = np.arange(begin, end, dtype=np.int64)
    shifts = 2 * np.arange(length - 1, -1, -1)
    return ((numbers[:, None] >> shifts) & 3).astype(np.uint8)


def enumerate_neurons(
    trunk: Trunk, layer: int, neurons: Sequence[int], thresholds: np.ndarray, *, seed: int
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

    Returns
    -------
    list of ActivationSample
        One per neuron; PPM, maximum and probabilities are exact.
    """
    block = list(neurons)
    maxima, best = _maxima(trunk, block)
    levels, activation = _levels(trunk, block, thresholds, maxima)
    return [
        _sample(
            trunk,
            (layer, neuron),
            levels[:, column],
            activation[column],
            (float(thresholds[column]), float(maxima[column]), int(best[column])),
            np.random.default_rng([seed, layer, neuron]),
        )
        for column, neuron in enumerate(block)
    ]


def _chunks(length: int) -> list[tuple[int, int]]:
    total = 4**length
    return [(begin, min(begin + _CHUNK, total)) for begin in range(0, total, _CHUNK)]


def _maxima(trunk: Trunk, neurons: list[int]) -> tuple[np.ndarray, np.ndarray]:
    maxima = np.full(len(neurons), -np.inf)
    best: np.ndarray = np.zeros(len(neurons), np.int64)
    for begin, end in _chunks(trunk.receptive_field):
        values = trunk.values(all_windows(trunk.receptive_field, begin, end))[:, neurons]
        rows = values.argmax(axis=0)
        tops = values[rows, np.arange(len(neurons))]
        best = np.where(tops > maxima, rows + begin, best)
        maxima = np.maximum(maxima, tops)
    return maxima, best


def _levels(
    trunk: Trunk, neurons: list[int], thresholds: np.ndarray, maxima: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the level of every window (int8, -1 inactive) and each level's summed activation."""
    levels = np.empty((4**trunk.receptive_field, len(neurons)), np.int8)
    activation = np.zeros((len(neurons), LEVELS))
    for begin, end in _chunks(trunk.receptive_field):
        values = trunk.values(all_windows(trunk.receptive_field, begin, end))[:, neurons]
        for column in range(len(neurons)):
            level = level_of(values[:, column], thresholds[column], maxima[column])
            active = level >= 0
            activation[column] += np.bincount(
                level[active], values[active, column] - thresholds[column], LEVELS
            )
            levels[begin:end, column] = level
    return levels, activation


def _sample(
    trunk: Trunk,
    who: tuple[int, int],
    levels: np.ndarray,
    activation: np.ndarray,
    extremes: tuple[float, float, int],
    rng: np.random.Generator,
) -> ActivationSample:
    threshold, maximum, best = extremes
    length = trunk.receptive_field
    counts = np.bincount(levels.astype(np.int64) + 1, minlength=LEVELS + 1)[1:]
    kept = _kept(levels, counts, rng)
    windows = _decode(kept, length)
    values = trunk.values(windows)[:, who[1]].astype(np.float64)
    if len(kept) == counts.sum():
        weights = level_weights(values, threshold, maximum)
    else:
        mean = np.divide(activation, counts, out=np.zeros(LEVELS), where=counts > 0)
        weights = part_weights(levels[kept], mean)
    above = np.append(np.cumsum(counts[::-1])[::-1], 0)[:LEVELS]
    with np.errstate(divide="ignore"):
        log2_level = np.log2(above) - 2 * length
    return ActivationSample(
        layer=who[0],
        neuron=who[1],
        windows=windows,
        values=values,
        weights=weights,
        ppm=_exact_ppm(levels, counts, activation, length),
        threshold=threshold,
        maximum=maximum,
        best_window=_decode(np.array([best]), length)[0],
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
    chosen = []
    for level in np.flatnonzero(counts):
        members = np.flatnonzero(levels == level)
        if len(members) > _KEPT_PER_LEVEL:
            members = rng.choice(members, _KEPT_PER_LEVEL, replace=False)
        chosen.append(np.sort(members))
    return np.concatenate(chosen)


def _decode(numbers: np.ndarray, length: int) -> np.ndarray:
    shifts = 2 * np.arange(length - 1, -1, -1)
    return ((numbers[:, None].astype(np.int64) >> shifts) & 3).astype(np.uint8)


def _exact_ppm(
    levels: np.ndarray, counts: np.ndarray, activation: np.ndarray, length: int
) -> np.ndarray:
    """Return Σ_b a_b F_b / Σ_b a_b with F_b counted over all windows."""
    present = counts > 0
    if not present.any():
        return np.full((length, 4), 0.25)
    mean = np.divide(activation, counts, out=np.zeros(LEVELS), where=present)
    # Each window weighs a_b / n_b: one table lookup, then sums over all other positions.
    table = np.append(np.divide(mean, counts, out=np.zeros(LEVELS), where=present), 0.0)
    weight = table[levels]
    ppm = np.empty((length, 4))
    for position in range(length):
        ppm[position] = weight.reshape(4**position, 4, -1).sum(axis=(0, 2))
    return ppm / ppm.sum(axis=1, keepdims=True)
