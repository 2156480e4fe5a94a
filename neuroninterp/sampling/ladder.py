"""The ladder of values that the ensemble visits evenly, from random windows to the maximum.

Rungs below the activity threshold connect the levels to random windows, whose probability is
known: what is counted on the way gives the probability of every level.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from neuroninterp.sampling.climb import Step, survival
from neuroninterp.sampling.sample import LEVELS, level_edges

__all__ = ["Ladder", "build_ladder"]

_BELOW = 0.2
"""Share of the ensemble's time below the activity threshold."""
_LEAST_LEVEL = 0.2
"""Time at the lowest levels, relative to the highest one."""
_LEAST_MASS = 0.02
"""Least share of {z > lower edge} that a rung is thought to hold before it was visited."""
_LARGEST_CORRECTION = 3.0
_RESOLUTION = 1e-3
"""Least distance between rungs below the threshold, relative to the active range."""


@dataclass(frozen=True, eq=False)
class Ladder:
    """Rungs (lower edge, next lower edge] of one neuron's values.

    Parameters
    ----------
    edges : numpy.ndarray, shape=(rungs,)
        Lower edges, rising; the first is minus infinity, the last :data:`LEVELS` are those of
        the activation levels.
    target : numpy.ndarray, shape=(rungs,)
        Share of the ensemble's time on each rung, summing to 1.
    log_mass : numpy.ndarray, shape=(rungs,)
        Estimate of the natural logarithm of each rung's probability for a random window.
    """

    edges: np.ndarray
    target: np.ndarray
    log_mass: np.ndarray

    @property
    def log_weight(self) -> np.ndarray:
        """Log-density of the ensemble on each rung, relative to random windows."""
        return np.log(self.target) - self.log_mass

    @property
    def log_above(self) -> np.ndarray:
        """Natural logarithm of the rungs' probability from each one up."""
        above: np.ndarray = np.logaddexp.accumulate(self.log_mass[::-1])[::-1]
        return above

    def rung(self, values: np.ndarray) -> np.ndarray:
        """Return the rung of each value; a rung holds its upper edge."""
        found: np.ndarray = np.searchsorted(self.edges, values, "left") - 1
        return np.maximum(found, 0)

    def corrected(self, visits: np.ndarray) -> Ladder:
        """Return the ladder after the ensemble visited each rung that often."""
        expected = self.target * visits.sum()
        change = np.log((visits + 1) / (expected + 1))
        return replace(
            self,
            log_mass=self.log_mass + np.clip(change, -_LARGEST_CORRECTION, _LARGEST_CORRECTION),
        )

    def raised(self, threshold: float, maximum: float) -> Ladder:
        """Return the ladder for a larger maximum, by interpolation."""
        log_above = self.log_above
        below, old = self.edges[:-LEVELS], self.edges[-LEVELS:]
        levels = level_edges(threshold, maximum)[:LEVELS]
        slope = (log_above[-1] - log_above[-2]) / (old[-1] - old[-2])
        known = np.interp(levels, old, log_above[-LEVELS:])
        beyond = log_above[-1] + slope * np.maximum(levels - old[-1], 0.0)
        steep = np.where(levels > old[-1], beyond, known)
        return _ladder(below, levels, np.concatenate([log_above[:-LEVELS], steep]))


def build_ladder(threshold: float, maximum: float, histories: list[list[Step]]) -> Ladder:
    """Build a neuron's ladder from the climbs of its populations.

    Parameters
    ----------
    threshold, maximum : float
        Ends of the activation levels.
    histories : list of list of Step
        The climb of each population.
    """
    climbed = [step.threshold for step in histories[0] if step.threshold < threshold]
    low = [-np.inf]
    highest = float(histories[0][0].values.min())
    for edge in climbed:
        # Thresholds that only a guide tells apart are one: z is the same there.
        if edge > highest + _RESOLUTION * (maximum - threshold):
            low.append(edge)
            highest = edge
    levels = level_edges(threshold, maximum)[:LEVELS]
    below = np.array(low)
    return _ladder(below, levels, _log_above(np.concatenate([below, levels]), histories))


def _log_above(edges: np.ndarray, histories: list[list[Step]]) -> np.ndarray:
    """Return the logarithm of P(z > edge), by the climbs."""
    climbed = np.stack([survival(history, edges) for history in histories])
    above: np.ndarray = climbed.mean(axis=0)
    reached = above > 0
    log_above = np.log(np.where(reached, above, 1.0))
    for rung in map(int, np.flatnonzero(~reached)):
        # Beyond the climb's top: as steep as before, until the ensemble knows better.
        log_above[rung] = 2 * log_above[rung - 1] - log_above[max(rung - 2, 0)]
    return log_above


def _ladder(below: np.ndarray, levels: np.ndarray, log_above: np.ndarray) -> Ladder:
    """Put rungs below the threshold and levels together."""
    activation = np.arange(LEVELS) + 0.5
    time = np.maximum(activation, _LEAST_LEVEL * activation[-1])
    target = np.concatenate(
        [np.full(len(below), _BELOW / len(below)), (1 - _BELOW) * time / time.sum()]
    )
    following = np.append(log_above[1:], -np.inf)
    share = np.maximum(1 - np.exp(np.minimum(following - log_above, 0.0)), _LEAST_MASS)
    return Ladder(np.concatenate([below, levels]), target, log_above + np.log(share))
