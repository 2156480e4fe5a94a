"""Exact samples of neurons that are linear in the sequence, whatever their width.

The value of such a neuron is a sum of one number a position. Dynamic programming over partial
sums counts, position by position, all 4^L windows at once: forward, how many reach each sum;
backward, what each partial sum is still worth when every window of an activation level weighs
that level's mean activation over its number of windows. Windows drawn along the backward counts
are independent. Sums are rounded to a grid of which a level spans hundreds of steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuroninterp.backend import one_thread
from neuroninterp.fields import Trunk
from neuroninterp.sampling.sample import (
    LEVELS,
    ActivationSample,
    dead_sample,
    level_of,
    part_weights,
)

__all__ = ["sum_neurons"]

_STEPS = 32_768
_DRAWN = 8_000


@one_thread()
def sum_neurons(
    trunk: Trunk, layer: int, neurons: Sequence[int], thresholds: np.ndarray, *, seed: int
) -> list[ActivationSample]:
    """Sample neurons that are linear in the sequence.

    Parameters
    ----------
    trunk : Trunk
        Trunk of the layer; :attr:`Trunk.linear` must hold.
    layer : int
        Layer number, recorded in the samples.
    neurons : sequence of int
        Channels.
    thresholds : numpy.ndarray, shape=(len(neurons),)
        Above which each is active.
    seed : int
        For the windows drawn; PPM, maximum and probabilities do not depend on it.

    Returns
    -------
    list of ActivationSample
        One per neuron.
    """
    channels = np.asarray(neurons, np.int64)
    origin = np.zeros((len(channels), trunk.receptive_field), np.uint8)
    values, slopes = trunk.slopes(origin, channels)
    # What each base adds, with the rest of the value in the first position.
    added = slopes.astype(np.float64)
    added[:, 0] += (values - slopes[:, :, 0].sum(axis=1))[:, None]
    return [
        _sample(trunk, layer, int(neuron), added[i], float(thresholds[i]), seed)
        for i, neuron in enumerate(channels)
    ]


def _sample(
    trunk: Trunk, layer: int, neuron: int, added: np.ndarray, threshold: float, seed: int
) -> ActivationSample:
    best = added.argmax(axis=1).astype(np.uint8)
    # The network's own arithmetic has the last word on the largest value.
    maximum = float(trunk.values_of(best[None], np.array([neuron]))[0])
    if maximum <= threshold:
        return dead_sample(layer, neuron, threshold, maximum, best, source="summation")
    grid = _Grid(added)
    reached = grid.forward()
    level = level_of(np.minimum(grid.values, maximum), threshold, maximum)
    active = level >= 0
    mass = np.bincount(level[active], reached[-1][active], LEVELS)
    activation = np.bincount(
        level[active], reached[-1][active] * (grid.values[active] - threshold), LEVELS
    )
    mean = np.divide(activation, mass, out=np.zeros(LEVELS), where=mass > 0)
    weight = np.zeros(len(grid.values))
    weight[active] = np.divide(mean, mass, out=np.zeros(LEVELS), where=mass > 0)[level[active]]
    worth = grid.backward(weight)
    rng = np.random.default_rng([seed, layer, neuron])
    windows = grid.draw(worth, _DRAWN, rng)
    values = trunk.values_of(windows, np.full(len(windows), neuron)).astype(np.float64)
    # A window at the very edge may fall on the other side of it by the grid's rounding.
    windows, values = windows[values > threshold], values[values > threshold]
    above = np.cumsum(mass[::-1])[::-1]
    with np.errstate(divide="ignore"):
        log2_level = np.log2(above)
    return ActivationSample(
        layer=layer,
        neuron=neuron,
        windows=windows,
        values=values,
        weights=part_weights(level_of(values, threshold, maximum), mean),
        ppm=grid.ppm(reached, worth),
        threshold=threshold,
        maximum=maximum,
        best_window=best,
        log2_rarity=float(log2_level[0]),
        log2_level=log2_level,
        source="summation",
        effective_size=float("inf"),
        ppm_error=0.0,
    )


class _Grid:
    """Sums of one number a position, in whole steps above the smallest sum.

    Parameters
    ----------
    added : numpy.ndarray, shape=(L, 4)
        What each base adds at each position.
    """

    def __init__(self, added: np.ndarray) -> None:
        least = added.min(axis=1)
        span = float((added.max(axis=1) - least).sum())
        step = span / _STEPS if span > 0 else 1.0
        self.steps = np.rint((added - least[:, None]) / step).astype(np.int64)
        self.size = int(self.steps.max(axis=1).sum()) + 1
        self.values = least.sum() + step * np.arange(self.size)

    def forward(self) -> list[np.ndarray]:
        """Return the distribution of the partial sum before each position, and after the last."""
        reached = [np.zeros(self.size)]
        reached[0][0] = 1.0
        for steps in self.steps:
            following = np.zeros(self.size)
            for step in steps:
                following[step:] += 0.25 * reached[-1][: self.size - step]
            reached.append(following)
        return reached

    def backward(self, weight: np.ndarray) -> list[np.ndarray]:
        """Return the expected weight of the full sum, given each partial sum, at each position."""
        worth = [weight]
        for steps in self.steps[::-1]:
            before = np.zeros(self.size)
            for step in steps:
                before[: self.size - step] += 0.25 * worth[-1][step:]
            worth.append(before)
        return worth[::-1]

    def ppm(self, reached: list[np.ndarray], worth: list[np.ndarray]) -> np.ndarray:
        """Return the weighted probability of each base at each position, shape (L, 4)."""
        ppm = np.empty(self.steps.shape)
        for position, steps in enumerate(self.steps):
            for base, step in enumerate(steps):
                kept = reached[position][: self.size - step]
                ppm[position, base] = kept @ worth[position + 1][step:]
        return ppm / ppm.sum(axis=1, keepdims=True)

    def draw(self, worth: list[np.ndarray], number: int, rng: np.random.Generator) -> np.ndarray:
        """Draw windows in proportion to the weight of their sums, shape (number, L)."""
        windows = np.empty((number, len(self.steps)), np.uint8)
        total = np.zeros(number, np.int64)
        for position, steps in enumerate(self.steps):
            odds = np.cumsum(worth[position + 1][total[:, None] + steps], axis=1)
            chosen = (rng.random(number)[:, None] * odds[:, -1:] > odds).sum(axis=1)
            windows[:, position] = chosen
            total += steps[chosen]
        return windows
