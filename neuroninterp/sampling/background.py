"""Random windows: where every climb begins, and what says which neurons need a guide.

All neurons of a layer look at the same random windows, which one pass of the trunk computes for
all of them. A population starts from those of its share that lie highest, uniform above their
lowest, several steps up.

Some neurons say nothing on random windows: everything below them is cut off by rectifiers until
half a motif stands there, and z is one number. Among windows of equal z these follow a guide,
the value that leaky rectifiers would give. It only breaks ties, so that what lies above a
threshold still is what z says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neuroninterp.fields import Trunk
from neuroninterp.sampling.climb import Population, Step, evaluate
from neuroninterp.sampling.effort import ISLANDS, Effort

__all__ = ["Guide", "background_windows", "begin", "guided", "scorer"]

_MULTIPLICATIONS = 4e9
"""What the random windows of a layer may cost."""
_FEWEST, _MOST = 2_048, 32_768
_KEPT = 32
_REMEMBERED = 4_096
_SILENT = 0.2
"""Share of random windows with exactly the median's z from which a neuron may need a guide."""
_ROUNDING = 1e-6
"""By how much, relative to the largest score, thresholds lie above the value of a window: that
window, evaluated for one neuron instead of all of them, may differ by so much."""
_TIE = 1e-5
"""Largest difference, relative to the largest z of a random window, that a guide makes."""


@dataclass(frozen=True)
class Guide:
    """How a neuron's guide breaks ties: by up to ``height``, rising with the leaky value.

    Parameters
    ----------
    height : float
        Largest difference made.
    centre, scale : float
        Median and spread of the leaky value on random windows.
    """

    height: float
    centre: float
    scale: float

    def __call__(self, leaky: np.ndarray) -> np.ndarray:
        """Return what is added to z."""
        return self.height * (0.5 + np.arctan((leaky - self.centre) / self.scale) / np.pi)


def background_windows(trunk: Trunk, layer: int, seed: int) -> np.ndarray:
    """Draw a layer's random windows, as many as are cheap, shape (N, receptive field)."""
    affordable = _MULTIPLICATIONS / max(trunk.multiplications, 1)
    number = int(np.clip(2 ** int(np.log2(max(affordable, 1))), _FEWEST, _MOST))
    rng = np.random.default_rng([seed, layer])
    return rng.integers(0, 4, (number, trunk.receptive_field), np.uint8)


def guided(
    trunk: Trunk, neuron: int, windows: np.ndarray, values: np.ndarray, effort: Effort
) -> tuple[np.ndarray, Guide | None]:
    """Return a neuron's scores of the random windows, and its guide where it needs one.

    Parameters
    ----------
    trunk : Trunk
        Trunk of the layer.
    neuron : int
        Channel.
    windows : numpy.ndarray, shape=(N, receptive field)
        Random windows.
    values : numpy.ndarray, shape=(N,)
        z of the neuron on them.
    effort : Effort
        How much work: a neuron with more particles than active random windows is guided.
    """
    if (values == _median(values)).mean() < _SILENT:
        return values, None
    # As the particles will be evaluated: where z is one number, its last digit counts.
    values = trunk.values_of(windows, np.full(len(windows), neuron)).astype(np.float64)
    if (values > _median(values)).sum() >= ISLANDS * effort.particles:
        return values, None
    leaky = trunk.guides_of(windows, np.full(len(windows), neuron)).astype(np.float64)
    guide = Guide(
        height=_TIE * max(float(np.abs(values).max()), 1e-3),
        centre=float(np.median(leaky)),
        scale=max(float(leaky.std()), 1e-9),
    )
    return values + guide(leaky), guide


def _median(values: np.ndarray) -> float:
    """Return the upper median: a value that occurs."""
    return float(np.sort(values)[len(values) // 2])


def scorer(
    trunk: Trunk, guides: dict[int, Guide]
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return the function of (neurons, state) by which populations climb: z, ties broken."""

    def score(neurons: np.ndarray, state: np.ndarray) -> np.ndarray:
        values = evaluate(trunk, neurons, state)
        led = [row for row, neuron in enumerate(neurons) if int(neuron) in guides]
        if led:
            particles, length = state.shape[1:]
            leaky = trunk.guides_of(
                state[led].reshape(-1, length), np.repeat(neurons[led], particles)
            )
            for row, own in zip(led, leaky.reshape(-1, particles), strict=True):
                values[row] += guides[int(neurons[row])](own.astype(np.float64))
        return values

    return score


def begin(windows: np.ndarray, scores: np.ndarray, effort: Effort) -> tuple[list[Step], Population]:
    """Make the first steps of a climb from random windows.

    Parameters
    ----------
    windows : numpy.ndarray, shape=(n, L)
        Random windows.
    scores : numpy.ndarray, shape=(n,)
        Their scores.
    effort : Effort
        How much work.

    Returns
    -------
    steps : list of Step
        From all windows up.
    population : Population
        Where the climb goes on.
    """
    steps: list[Step] = []
    threshold, above = -np.inf, np.arange(len(scores))
    ordered = np.sort(scores)
    margin = _ROUNDING * float(np.abs(scores).max())
    while True:
        values = scores[above]
        log2_probability = float(np.log2(len(above) / len(scores)))
        # Random windows come in random order: the first are as good a choice as any.
        kept = np.append(above[:_KEPT], above[values.argmax()])
        steps.append(
            Step(threshold, log2_probability, values[:_REMEMBERED], windows[kept], scores[kept])
        )
        following = float(ordered[len(ordered) - int(effort.survivors * len(above)) - 1]) + margin
        survivors = above[scores[above] > following]
        if len(survivors) < effort.particles / 2:
            break
        threshold, above = following, survivors
    chosen = np.resize(above, effort.particles)
    population = Population(threshold, log2_probability, windows[chosen], scores[chosen])
    return steps, population
