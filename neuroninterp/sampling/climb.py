"""The climb: multilevel splitting from random windows to a neuron's top.

Particles are uniform on {z > t}. The threshold t rises in steps that a fixed share of them
survives; the survivors are copied and moved (:mod:`neuroninterp.sampling.proposals`), and the
product of the surviving fractions estimates P(z > t) for a random window. Thresholds, unlike
temperatures, pass a neuron that is silent until a whole motif stands there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neuroninterp.fields import Trunk
from neuroninterp.sampling.effort import LONGEST_CLIMB, Effort
from neuroninterp.sampling.proposals import MOVES, draw, propose

__all__ = ["Population", "Step", "climb", "evaluate", "survival"]

_CLOSE = 0.002
"""Spread of the particles, relative to their top, at which a climb may end."""
_KEPT_LETTERS = 100_000
"""What a step remembers of its particles, in bp: enough to learn from, and no more where the
field is very long."""


@dataclass(frozen=True, eq=False)
class Step:
    """Particles of one population, uniform above ``threshold``.

    Parameters
    ----------
    threshold : float
        All of them lie above it; minus infinity at first.
    log2_probability : float
        Estimate of log2 P(z > threshold).
    values : numpy.ndarray, shape=(particles,)
        Score of all of them: z, ties broken.
    windows : numpy.ndarray, shape=(kept, receptive field)
        The first of them, as many as are remembered, and the best as the last row.
    kept : numpy.ndarray, shape=(kept,)
        Score of those.
    """

    threshold: float
    log2_probability: float
    values: np.ndarray
    windows: np.ndarray
    kept: np.ndarray


@dataclass(frozen=True, eq=False)
class Population:
    """Particles, uniform above ``threshold``, from which a climb goes on.

    Parameters
    ----------
    threshold : float
        All of them lie above it.
    log2_probability : float
        log2 P(score > threshold).
    state : numpy.ndarray, shape=(particles, receptive field)
        Windows, codes.
    scores : numpy.ndarray, shape=(particles,)
        Their scores.
    """

    threshold: float
    log2_probability: float
    state: np.ndarray
    scores: np.ndarray


@dataclass(eq=False)
class _Swarm:
    """Populations that advance together, one row each."""

    neurons: np.ndarray
    streams: list[np.random.Generator]
    state: np.ndarray
    values: np.ndarray
    threshold: np.ndarray
    log2_probability: np.ndarray

    def take(self, keep: np.ndarray) -> _Swarm:
        """Return the rows in ``keep`` (a boolean mask)."""
        return _Swarm(
            self.neurons[keep],
            [stream for stream, kept in zip(self.streams, keep, strict=True) if kept],
            self.state[keep],
            self.values[keep],
            self.threshold[keep],
            self.log2_probability[keep],
        )


def evaluate(trunk: Trunk, neurons: np.ndarray, state: np.ndarray) -> np.ndarray:
    """Return z of particles ``(rows, particles, field)``, each row's own neuron, as float64."""
    rows, particles, length = state.shape
    values = trunk.values_of(state.reshape(-1, length), np.repeat(neurons, particles))
    return values.reshape(rows, particles).astype(np.float64)


def climb(
    score: Callable[[np.ndarray, np.ndarray], np.ndarray],
    neurons: np.ndarray,
    streams: list[np.random.Generator],
    populations: list[Population],
    effort: Effort,
    ties: np.ndarray,
) -> list[list[Step]]:
    """Raise every population to the top; remember every step.

    Parameters
    ----------
    score : callable
        What is climbed: (neurons (rows,), state (rows, particles, L)) to (rows, particles).
    neurons : numpy.ndarray, shape=(rows,)
        The neuron of each population.
    streams : list of numpy.random.Generator
        One a population.
    populations : list of Population
        Where they start; of equal size.
    effort : Effort
        How much work.
    ties : numpy.ndarray, shape=(rows,)
        Largest difference between the scores of windows with the same z; 0 where these are
        the same.

    Returns
    -------
    list of list of Step
        The steps of each population, from where it started up.
    """
    size = len(neurons)
    swarm = _Swarm(
        neurons,
        streams,
        np.stack([population.state for population in populations]),
        np.stack([population.scores for population in populations]),
        np.array([population.threshold for population in populations]),
        np.array([population.log2_probability for population in populations]),
    )
    histories: list[list[Step]] = [[] for _ in range(size)]
    rows = np.arange(size)
    for step in range(LONGEST_CLIMB):
        for index, row in enumerate(rows):
            histories[row].append(_remember(swarm, index))
        before = swarm.values.max(axis=1)
        stuck = _raise(swarm, effort.survivors)
        for sweep in range(step * effort.climb_sweeps, (step + 1) * effort.climb_sweeps):
            _move(score, swarm, MOVES[sweep % len(MOVES)])
        top = swarm.values.max(axis=1)
        spread = top - swarm.threshold
        # Where z is the same for all, there is a climb as long as the ties can be broken.
        scale = np.where(spread > 2 * ties[rows], np.maximum(np.abs(top), 1e-6), ties[rows])
        finished = stuck | ((spread < _CLOSE * scale) & (top <= before))
        swarm, rows = swarm.take(~finished), rows[~finished]
        if not len(rows):
            break
    return histories


def survival(history: list[Step], thresholds: np.ndarray) -> np.ndarray:
    """Estimate P(z > t) of a random window for each threshold, from one population's climb."""
    climbed = np.array([step.threshold for step in history])
    found = np.empty(len(thresholds))
    for index, threshold in enumerate(thresholds):
        # The last step below is the one with the most particles above.
        step = history[int(np.flatnonzero(climbed <= threshold).max())]
        share = float((step.values > threshold).mean())
        found[index] = 2.0**step.log2_probability * share
    return found


def _remember(swarm: _Swarm, row: int) -> Step:
    values, state = swarm.values[row], swarm.state[row]
    kept = int(np.clip(_KEPT_LETTERS // state.shape[1], 4, 32))
    # Particles are in random order: the first are as good a choice as any.
    rows = np.append(np.arange(min(kept, len(values))), values.argmax())
    return Step(
        float(swarm.threshold[row]),
        float(swarm.log2_probability[row]),
        values.copy(),
        state[rows],
        values[rows],
    )


def _raise(swarm: _Swarm, survivors: float) -> np.ndarray:
    """Raise each threshold to what the survivors exceed, and copy these; return which are stuck.

    A row whose best particles are all equal has nowhere to go: it is stuck.
    """
    particles = swarm.values.shape[1]
    proposed = np.sort(swarm.values, axis=1)[:, int((1 - survivors) * particles) - 1]
    survives = swarm.values > proposed[:, None]
    stuck = swarm.values.max(axis=1) <= proposed
    swarm.log2_probability += np.log2(np.where(stuck, 1.0, survives.mean(axis=1)))
    swarm.threshold = np.where(stuck, swarm.threshold, proposed)
    for index in np.flatnonzero(~stuck):
        parents = swarm.streams[index].permutation(np.flatnonzero(survives[index]))
        # Every parent as often as any other, up to one copy.
        copies = np.resize(parents, particles)
        swarm.state[index] = swarm.state[index, copies]
        swarm.values[index] = swarm.values[index, copies]
    return stuck


def _move(score: Callable[[np.ndarray, np.ndarray], np.ndarray], swarm: _Swarm, move: str) -> None:
    """Move the particles above their thresholds."""
    random = draw(swarm.streams, move, *swarm.state.shape[1:])
    proposal, partner = propose(swarm.state, random)
    values = score(swarm.neurons, proposal)
    above = values > swarm.threshold[:, None]
    accepted = above & np.take_along_axis(above, partner, axis=1)
    swarm.state = np.where(accepted[:, :, None], proposal, swarm.state)
    swarm.values = np.where(accepted, values, swarm.values)
