"""Truth of planted neurons of any field: enumeration where it is small, else importance sampling.

Windows are drawn independently from a known mixture of product distributions: every planted
arrangement, tilted so that its windows lie at several heights, and the uniform distribution.
Each is weighed by 4^-field over the mixture's density, which makes every average an average
over all windows. Nothing moves and nothing is accepted or rejected: no Markov chain, nothing
shared with the product's sampler but the trunk that evaluates z.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .enumeration import activation_weights, enumerate_exactly
from .linear import LEVELS
from .planted import Arrangement, Planted

__all__ = ["Truth", "label_windows", "truth"]

_HEIGHTS = (0.05, 0.35, 0.65, 0.9)
"""Mean values, over the maximum, to which an arrangement's windows are tilted."""
_UNIFORM = 0.02
_BATCHES = 20
_CHUNK = 4096
_ROUNDS = 50


@dataclass(frozen=True, eq=False)
class Truth:
    """What is true of a planted neuron.

    Every window counts for the arrangement that gives it the largest value. Arrays over
    arrangements follow ``planted.neurons[layer, neuron]``.

    Parameters
    ----------
    layer, neuron : int
        Which.
    ppm : numpy.ndarray, shape=(field, 4)
        Activation-weighted PPM of the whole neuron.
    maximum : float
        Largest z.
    log2_level : numpy.ndarray, shape=(LEVELS,)
        log2 P(z > lower edge of each level).
    shares : numpy.ndarray, shape=(A,)
        Activation-weighted share of each arrangement; they sum to 1.
    ppms : numpy.ndarray, shape=(A, field, 4)
        Activation-weighted PPM of each arrangement (levels are the whole neuron's).
    maxima : numpy.ndarray, shape=(A,)
        Largest z of each arrangement.
    stray : float
        Activation-weighted share of the windows whose value no single arrangement explains
        to within one level: pieces at offsets that do not fit, or two arrangements at once.
    effective_size : float
        (sum of weights)^2 / (sum of squared weights), with the weights of the activation-
        weighted averages; infinite where the truth is exact.
    ppm_error, share_error, log2_error : float
        Largest standard error of an entry of ``ppm``, of a share, and of a level
        probability of the lower half of the levels (bits); 0 where exact.
    """

    layer: int
    neuron: int
    ppm: np.ndarray
    maximum: float
    log2_level: np.ndarray
    shares: np.ndarray
    ppms: np.ndarray
    maxima: np.ndarray
    stray: float
    effective_size: float
    ppm_error: float
    share_error: float
    log2_error: float


def truth(
    planted: Planted,
    layer: int,
    neuron: int,
    *,
    windows: int = 200_000,
    seed: int = 0,
    enumerated: int = 10,
) -> Truth:
    """Return the truth of one planted neuron.

    Parameters
    ----------
    planted : Planted
        The network.
    layer, neuron : int
        Which; layer from 1.
    windows : int
        Windows drawn where the field is too long to enumerate.
    seed : int
        Of the drawing.
    enumerated : int
        Longest field (bp, at most 12) that is enumerated; 11 bp take 7 seconds, 12 half a minute.
    """
    arrangements = planted.neurons[layer, neuron]
    if planted.model.trunk(layer).receptive_field <= enumerated:
        return _enumerated(planted, layer, neuron)
    rng = np.random.default_rng([seed, layer, neuron])
    drawn, weights = _draw(arrangements, windows, rng)
    values = planted.model.trunk(layer).values(drawn)[:, neuron].astype(np.float64)
    maximum = _maximum(planted, layer, neuron, drawn, values)
    return _weighed(planted, (layer, neuron), drawn, values, weights, maximum)


def label_windows(
    arrangements: tuple[Arrangement, ...], windows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return which arrangement gives each window (N, field) the largest value, and that value."""
    kernel = np.stack([a.weights.ravel() for a in arrangements], axis=1)
    bias = np.array([a.bias for a in arrangements])
    label = np.empty(len(windows), np.int64)
    value = np.empty(len(windows))
    for begin in range(0, len(windows), _CHUNK):
        rows = slice(begin, begin + _CHUNK)
        scores = _one_hot(windows[rows]) @ kernel + bias
        label[rows] = scores.argmax(axis=1)
        value[rows] = scores.max(axis=1)
    return label, value


def _one_hot(windows: np.ndarray) -> np.ndarray:
    return np.eye(4)[windows].reshape(len(windows), -1)


def _enumerated(planted: Planted, layer: int, neuron: int) -> Truth:
    arrangements = planted.neurons[layer, neuron]
    trunk = planted.model.trunk(layer)
    exact = enumerate_exactly(
        trunk.values,
        trunk.receptive_field,
        [neuron],
        [0.0],
        # Stray windows are a second set of labels, so that their share comes out too.
        label=lambda _, windows: _with_stray(planted, layer, neuron, windows, None),
        groups=[2 * len(arrangements)],
    )[0]
    halves = exact.shares.reshape(2, -1)
    shares = halves.sum(axis=0)
    ppms = (halves[:, :, None, None] * exact.ppms.reshape(2, len(arrangements), -1, 4)).sum(0)
    ppms = np.divide(
        ppms, shares[:, None, None], out=np.full(ppms.shape, 0.25), where=shares[:, None, None] > 0
    )
    return Truth(
        layer=layer,
        neuron=neuron,
        ppm=exact.ppm,
        maximum=exact.maximum,
        log2_level=exact.log2_level,
        shares=shares,
        ppms=ppms,
        maxima=exact.maxima.reshape(2, -1).max(axis=0),
        stray=float(halves[1].sum()),
        effective_size=np.inf,
        ppm_error=0.0,
        share_error=0.0,
        log2_error=0.0,
    )


def _with_stray(
    planted: Planted, layer: int, neuron: int, windows: np.ndarray, values: np.ndarray | None
) -> np.ndarray:
    """Return labels; those of windows that no arrangement explains follow the others."""
    arrangements = planted.neurons[layer, neuron]
    if values is None:
        values = planted.model.trunk(layer).values(windows)[:, neuron]
    label, explained = label_windows(arrangements, windows)
    tolerance = max(a.maximum for a in arrangements) / LEVELS
    return label + len(arrangements) * (np.abs(values - explained) > tolerance)


def _tilted(arrangement: Arrangement, height: float) -> np.ndarray:
    """Return the product distribution, tilted along the weights, with a given mean value."""
    wanted = height * arrangement.maximum - arrangement.bias
    low, high = 0.0, 400.0 / np.ptp(arrangement.weights)
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        chances = _softmax(middle * arrangement.weights)
        if (chances * arrangement.weights).sum() < wanted:
            low = middle
        else:
            high = middle
    return _softmax(low * arrangement.weights)


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _draw(
    arrangements: tuple[Arrangement, ...], count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return windows of the mixture, (N, field), and P(uniform) / P(mixture) of each over N."""
    field = len(arrangements[0].weights)
    tilted = [_tilted(a, height) for a in arrangements for height in _HEIGHTS]
    components = np.stack([np.full((field, 4), 0.25), *tilted])
    chance = np.full(len(components), (1 - _UNIFORM) / (len(components) - 1))
    chance[0] = _UNIFORM
    chosen = rng.choice(len(components), count, p=chance)
    cumulative = components.cumsum(axis=2)[:, :, :3]
    logs = np.log(np.maximum(components, 1e-300)).reshape(len(components), -1).T
    windows = np.empty((count, field), np.uint8)
    log_weight = np.empty(count)
    for begin in range(0, count, _CHUNK):
        rows = slice(begin, min(begin + _CHUNK, count))
        uniform = rng.random((rows.stop - begin, field, 1))
        windows[rows] = (uniform > cumulative[chosen[rows]]).sum(axis=2)
        density = _one_hot(windows[rows]) @ logs + np.log(chance)
        highest = density.max(axis=1)
        log_density = highest + np.log(np.exp(density - highest[:, None]).sum(axis=1))
        log_weight[rows] = -field * np.log(4.0) - log_density
    return windows, np.exp(log_weight) / count


def _maximum(
    planted: Planted, layer: int, neuron: int, drawn: np.ndarray, values: np.ndarray
) -> float:
    """Climb by single substitutions from the best drawn windows and from every consensus."""
    trunk = planted.model.trunk(layer)
    arrangements = planted.neurons[layer, neuron]
    best = drawn[np.argsort(values)[-16:]]
    starts = np.concatenate([best, np.stack([a.window for a in arrangements])])
    current = trunk.values(starts)[:, neuron]
    # The highest suffice: the climb only adds what spills over from other alignments.
    order = np.argsort(current)[-16:]
    starts, current = starts[order], current[order]
    field = starts.shape[1]
    while True:
        trials = np.repeat(starts, 3 * field, axis=0).reshape(len(starts), field, 3, field)
        at = np.arange(field)
        for step in range(3):
            trials[:, at, step, at] = (trials[:, at, step, at] + step + 1) % 4
        trials = trials.reshape(len(starts), -1, field)
        found = trunk.values(trials.reshape(-1, field))[:, neuron].reshape(len(starts), -1)
        better = found.max(axis=1) > current
        if not better.any():
            return float(max(current.max(), values.max()))
        starts = np.where(
            better[:, None], trials[np.arange(len(starts)), found.argmax(axis=1)], starts
        )
        current = np.maximum(current, found.max(axis=1))


def _weighed(
    planted: Planted,
    who: tuple[int, int],
    windows: np.ndarray,
    values: np.ndarray,
    weights: np.ndarray,
    maximum: float,
) -> Truth:
    batch = np.arange(len(windows)) % _BATCHES
    active = values > 0.0
    windows, values, weights, batch = (x[active] for x in (windows, values, weights, batch))
    edges = np.linspace(0.0, maximum, LEVELS + 1)
    level = np.searchsorted(edges[1:-1], values, "left")
    groups = len(planted.neurons[who])
    stray_label = _with_stray(planted, *who, windows, values)
    label = stray_label % groups
    counts = activation_weights(level, values, weights)

    def averages(
        rows: np.ndarray, each: np.ndarray, fairness: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        mass = np.bincount(level[rows], fairness, LEVELS)
        shares = np.bincount(label[rows], each, groups)
        return _ppm(windows[rows], each), shares, np.cumsum(mass[::-1])[::-1]

    ppm, shares, tail = averages(np.arange(len(values)), counts, weights)
    parts = []
    for index in range(_BATCHES):
        rows = np.flatnonzero(batch == index)
        # A batch stands for all windows, so that its probabilities are estimates of the whole's.
        scaled = weights[rows] * _BATCHES
        each = activation_weights(level[rows], values[rows], scaled)
        parts.append(averages(rows, each, scaled))
    errors = [np.std(x, axis=0, ddof=1) / np.sqrt(_BATCHES) for x in zip(*parts, strict=True)]
    half = slice(0, LEVELS // 2)
    return Truth(
        layer=who[0],
        neuron=who[1],
        ppm=ppm,
        maximum=maximum,
        log2_level=np.log2(tail, out=np.full(LEVELS, -np.inf), where=tail > 0),
        shares=shares,
        ppms=np.stack([_ppm(windows[label == a], counts[label == a]) for a in range(groups)]),
        maxima=np.array([values[label == a].max(initial=-np.inf) for a in range(groups)]),
        stray=float(counts[stray_label >= groups].sum()),
        effective_size=float(1.0 / (counts**2).sum()),
        ppm_error=float(errors[0].max()),
        share_error=float(errors[1].max()),
        log2_error=float((errors[2][half] / tail[half]).max() / np.log(2)),
    )


def _ppm(windows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    total = weights.sum()
    if total == 0.0:
        return np.full((windows.shape[1], 4), 0.25)
    return np.stack([weights @ (windows == base) for base in range(4)], axis=1) / total
