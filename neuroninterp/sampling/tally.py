"""What the ensemble counts of one neuron, and what follows from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neuroninterp.sampling.effort import ISLANDS
from neuroninterp.sampling.ensemble import Visit
from neuroninterp.sampling.ladder import Ladder
from neuroninterp.sampling.sample import (
    LEVELS,
    ActivationSample,
    dead_sample,
    part_weights,
    weighted_ppm,
)

__all__ = ["Tally"]

_KEPT = 2_000, 8_000
_KEPT_LETTERS = 400_000
"""Windows that a sample holds, and what they may hold together, in bp."""
_OUTGROWN = 0.005
_TRUSTED = 200
"""Effective number of whole draws on a rung from which they give its probability."""
_MEAN_OF_ABSOLUTE = np.sqrt(2 / np.pi)
"""Mean absolute value of a normal variable with standard deviation 1."""


class Tally:
    """Counts of one neuron's windows, a population and an activation level each.

    Parameters
    ----------
    threshold, maximum : float
        Ends of the activation levels.
    best : numpy.ndarray, shape=(L,)
        A window that reaches the maximum.
    ladder : Ladder
        The rungs, the last :data:`LEVELS` of which are the levels.
    """

    def __init__(self, threshold: float, maximum: float, best: np.ndarray, ladder: Ladder) -> None:
        self.threshold = threshold
        self.maximum = maximum
        self.best = best
        self._ladder = ladder
        self._below = len(ladder.edges) - LEVELS
        shape = (ISLANDS, LEVELS)
        self._bases = np.zeros((*shape, len(best), 4))
        self._number = np.zeros(shape)
        self._activation = np.zeros(shape)
        self._visits = np.zeros(len(ladder.edges))
        self._drawn = 0
        self._mass = np.zeros(len(ladder.edges))
        self._squares = np.zeros(len(ladder.edges))
        self._kept: list[tuple[np.ndarray, np.ndarray]] = []
        self._converged = False
        self._span = maximum - threshold

    def count(self, visit: Visit, index: int, *, keep: bool) -> None:
        """Count where the particles of neuron ``index`` stand; keep them for the sample, too."""
        state, values, rungs = visit.state[index], visit.values[index], visit.rungs[index]
        self._visits += np.bincount(rungs, minlength=len(self._visits))
        if values.max() > self.maximum:
            self.maximum = float(values.max())
            self.best = state[values.argmax()].copy()
        active = rungs >= self._below
        island = np.repeat(np.arange(ISLANDS), len(values) // ISLANDS)
        cell = (island * LEVELS + rungs - self._below)[active]
        cells, length = ISLANDS * LEVELS, len(self.best)
        number = np.bincount(cell, minlength=cells).reshape(ISLANDS, LEVELS)
        activation = np.bincount(cell, values[active] - self.threshold, cells)
        entry = (cell[:, None] * length + np.arange(length)) * 4 + state[active]
        bases = np.bincount(entry.ravel(), minlength=cells * length * 4)
        self._number += number
        self._activation += activation.reshape(ISLANDS, LEVELS)
        self._bases += bases.reshape(self._bases.shape)
        if visit.proposed_rungs is not None and visit.proposed_log_weights is not None:
            rung, weight = visit.proposed_rungs[index], np.exp(visit.proposed_log_weights[index])
            self._drawn += len(rung)
            self._mass += np.bincount(rung, weight, len(self._mass))
            self._squares += np.bincount(rung, weight**2, len(self._mass))
        if keep:
            self._kept.append((state[active], values[active]))

    def ppm(self) -> np.ndarray:
        """Return the activation-weighted PPM, shape (L, 4), of all that was counted."""
        return _weighted(self._bases.sum(axis=0), self._number.sum(axis=0), self._mean_activation())

    def errors(self) -> np.ndarray:
        """Return the standard error of every entry of the PPM, from the populations' spread."""
        own = [
            _weighted(self._bases[i], self._number[i], self._mean_activation())
            for i in range(ISLANDS)
        ]
        spread: np.ndarray = np.std(own, axis=0, ddof=1) / np.sqrt(ISLANDS)
        return spread

    def ppm_error(self) -> float:
        """Return the expected absolute error of the PPM's entries, on average."""
        return float(_MEAN_OF_ABSOLUTE * self.errors().mean())

    @property
    def outgrown(self) -> bool:
        """Whether values were met so far above the maximum that the levels no longer fit."""
        return self.maximum > self.threshold + (1 + _OUTGROWN) * self._span

    def converged(self, error: float) -> bool:
        """Say whether the populations agree as closely as that."""
        return bool(self._number.sum() > 0) and self.ppm_error() <= error

    def close(self, error: float) -> None:
        """Note whether the neuron converged by the standard of its effort."""
        self._converged = self.converged(error)

    def sample(self, layer: int, neuron: int, rng: np.random.Generator) -> ActivationSample:
        """Turn what was counted into the neuron's sample."""
        if not sum(len(kept) for _, kept in self._kept):
            return self._only_best(layer, neuron)
        windows = np.concatenate([state for state, _ in self._kept])
        values = np.concatenate([kept for _, kept in self._kept])
        level = self._ladder.rung(values) - self._below
        order = rng.permutation(len(values))
        rank = np.empty(len(values), np.int64)
        # A fair choice within each level: the first of a random order.
        in_order = order[np.argsort(level[order], kind="stable")]
        sorted_level = level[in_order]
        rank[in_order] = np.arange(len(values)) - np.searchsorted(sorted_level, sorted_level)
        most = int(np.clip(_KEPT_LETTERS // windows.shape[1], *_KEPT))
        chosen = np.flatnonzero(rank < most // len(np.unique(level)))
        log2_level = self._log2_level()
        ppm, errors = self.ppm(), self.errors()
        variance = float(np.square(errors).sum())
        information = float((ppm * (1 - ppm)).sum())
        return ActivationSample(
            layer=layer,
            neuron=neuron,
            windows=windows[chosen],
            values=values[chosen],
            weights=part_weights(level[chosen], self._mean_activation()),
            ppm=ppm,
            threshold=self.threshold,
            maximum=self.maximum,
            best_window=self.best,
            log2_rarity=float(log2_level[0]),
            log2_level=log2_level,
            source="splitting",
            effective_size=information / variance if variance > 0 else float(self._number.sum()),
            ppm_error=self.ppm_error(),
            converged=self._converged,
        )

    def _only_best(self, layer: int, neuron: int) -> ActivationSample:
        """Return the sample of a neuron whose active windows were too rare to be visited."""
        one = self.best[None]
        # Of the levels' probabilities the climb's estimate is all that is known.
        log_above = self._ladder.log_above
        log2_level = (log_above[self._below :] - log_above[0]) / np.log(2.0)
        nothing = dead_sample(
            layer, neuron, self.threshold, self.maximum, self.best, source="splitting"
        )
        return replace(
            nothing,
            windows=one,
            values=np.array([self.maximum]),
            weights=np.ones(1),
            ppm=weighted_ppm(one, np.ones(1)),
            log2_rarity=float(log2_level[0]),
            log2_level=log2_level,
            effective_size=1.0,
            converged=False,
        )

    def _mean_activation(self) -> np.ndarray:
        number = self._number.sum(axis=0)
        total = self._activation.sum(axis=0)
        return np.divide(total, number, out=np.zeros(LEVELS), where=number > 0)

    def _log2_level(self) -> np.ndarray:
        """Return log2 P(z above the lower edge of each level) of a random window.

        Visits, divided by the ensemble's weights, give the rungs' probabilities up to a factor,
        and these sum to 1; whole draws, weighted, give them outright where there are enough.
        """
        with np.errstate(divide="ignore"):
            visited = np.log(self._visits) - self._ladder.log_weight
        visited = visited - visited.max()
        mass = np.exp(visited) / np.exp(visited).sum()
        if self._drawn:
            effective = np.divide(
                self._mass**2, self._squares, out=np.zeros_like(self._mass), where=self._squares > 0
            )
            mass = np.where(effective >= _TRUSTED, self._mass / self._drawn, mass)
        above = np.cumsum(mass[::-1])[::-1][self._below :]
        with np.errstate(divide="ignore"):
            return np.minimum(np.log2(above), 0.0)


def _weighted(bases: np.ndarray, number: np.ndarray, activation: np.ndarray) -> np.ndarray:
    """Return Σ a F / Σ a over the levels that were visited."""
    present = number > 0
    if not present.any():
        return np.full(bases.shape[1:], 0.25)
    frequency = bases[present] / number[present][:, None, None]
    weights = activation[present]
    ppm: np.ndarray = np.tensordot(weights, frequency, 1) / weights.sum()
    return ppm
