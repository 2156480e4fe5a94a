"""Multilevel splitting: fair draws of every activation level from the forward pass alone.

Particles are uniform on {z > t}. The threshold t rises in steps that a fixed share of them
survives; the survivors are copied and moved (:mod:`neuroninterp.sampling.proposals`), and
the product of the surviving fractions estimates P(z > t) for a random window. When the
particles have reached the top, a coordinate ascent finds the maximum, which fixes the
activation levels. Then every level is visited once more: the particles of the climb that
lie above its lower edge, fair draws already, are copied, moved at length and recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neuroninterp.fields import Trunk
from neuroninterp.sampling.ascent import ascend
from neuroninterp.sampling.proposals import draw, propose
from neuroninterp.sampling.sample import (
    LEVELS,
    ActivationSample,
    level_edges,
    level_of,
    level_weights,
    weighted_ppm,
)

__all__ = ["EFFORTS", "Effort", "effort_for", "expected_evaluations", "split_neurons"]


@dataclass(frozen=True)
class Effort:
    """How much work the sampler does.

    Parameters
    ----------
    particles : int
        Particles per level.
    sweeps : int
        Moves per particle at each level.
    records : int
        How many times in these sweeps the particles are recorded.
    climb_particles, climb_sweeps : int
        Particles per neuron in the climb, and moves per particle at each of its steps.
    survivors : float
        Share of the particles that lives on at each step of the climb, in (0, 1).
    """

    particles: int
    sweeps: int
    records: int
    climb_particles: int
    climb_sweeps: int
    survivors: float


def effort_for(name: str, receptive_field: int) -> Effort:
    """Return a named effort for a receptive field (bp).

    Fields over 40 bp get fewer and larger steps: each evaluation costs more there, and the
    climb is many times as long.
    """
    short, long = EFFORTS[name]
    return short if receptive_field <= _LONG_FIELD else long


def expected_evaluations(effort: Effort, receptive_field: int) -> int:
    """Estimate how many windows the sampler evaluates for one neuron.

    The levels cost a fixed number; the climb has as many steps as it takes to single out one
    window of the field, 2 bits a position.
    """
    levels = LEVELS * effort.particles * effort.sweeps
    steps = min(2 * receptive_field / -np.log2(effort.survivors), _MOST_STEPS)
    return int(levels + steps * effort.climb_particles * effort.climb_sweeps)


EFFORTS = {
    "quick": (Effort(64, 16, 1, 96, 8, 0.25), Effort(32, 8, 1, 32, 6, 0.125)),
    "standard": (Effort(128, 32, 2, 512, 12, 0.25), Effort(64, 16, 2, 64, 8, 0.125)),
    "thorough": (Effort(400, 64, 4, 400, 32, 0.25), Effort(200, 32, 4, 200, 16, 0.25)),
}
"""Name to the efforts for short and for long receptive fields."""

_LONG_FIELD = 40
_NEURONS_AT_ONCE = 8
_CLOSE = 0.002
"""Spread of the particles, relative to their top, at which a climb may end."""
_MOST_STEPS = 500
"""Steps after which a climb is given up: 1,000 bits, beyond any field that is sampled."""


@dataclass(eq=False)
class _Swarm:
    """Particles that advance together: one row a neuron, or a neuron's level."""

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


@dataclass(frozen=True, eq=False)
class _Step:
    """Particles of one neuron, uniform above ``threshold``."""

    threshold: float
    log2_probability: float
    state: np.ndarray
    values: np.ndarray


@dataclass(frozen=True, eq=False)
class _Top:
    """A neuron's activity threshold, and the largest value found with its window."""

    layer: int
    neuron: int
    threshold: float
    maximum: float
    window: np.ndarray

    def risen(self, windows: np.ndarray, values: np.ndarray) -> _Top:
        """Return the top after more windows were seen."""
        if not len(values) or values.max() <= self.maximum:
            return self
        return replace(self, maximum=float(values.max()), window=windows[values.argmax()])


def split_neurons(
    trunk: Trunk,
    layer: int,
    neurons: Sequence[int],
    thresholds: np.ndarray,
    *,
    effort: Effort,
    seed: int,
    advance: Callable[[int], None] = lambda finished: None,
) -> list[ActivationSample]:
    """Sample neurons of one layer by multilevel splitting.

    Parameters
    ----------
    trunk : Trunk
        Trunk of the layer.
    layer : int
        Layer number, recorded in the samples.
    neurons : sequence of int
        Channels.
    thresholds : numpy.ndarray, shape=(len(neurons),)
        Above which each is active.
    effort : Effort
        How much work.
    seed : int
        Seed of the run; each neuron's stream is derived from it, the layer and the neuron.
    advance : callable
        Called with the number of neurons finished since the last call.

    Returns
    -------
    list of ActivationSample
        One per neuron, in order; dead where no active window was found.
    """
    everyone = np.asarray(neurons, np.int64)
    histories = _climb(trunk, layer, everyone, effort, seed)
    starts = np.stack([_two_best(history[-1]) for history in histories])
    maxima, best = ascend(trunk, everyone, starts)
    tops = [
        _Top(layer, int(neuron), float(thresholds[index]), float(maxima[index]), best[index])
        for index, neuron in enumerate(everyone)
    ]
    samples: dict[int, ActivationSample] = {}
    for begin in range(0, len(tops), _NEURONS_AT_ONCE):
        group = range(begin, min(begin + _NEURONS_AT_ONCE, len(tops)))
        alive = [i for i in group if tops[i].maximum > tops[i].threshold]
        drawn = _visit_levels(
            trunk, [tops[i] for i in alive], [histories[i] for i in alive], effort, seed
        )
        samples.update(zip(alive, drawn, strict=True))
        advance(len(group))
    return [samples[i] if i in samples else _dead(top) for i, top in enumerate(tops)]


def _evaluate(trunk: Trunk, neurons: np.ndarray, state: np.ndarray) -> np.ndarray:
    rows, particles, length = state.shape
    values = trunk.values_of(state.reshape(-1, length), np.repeat(neurons, particles))
    return values.reshape(rows, particles).astype(np.float64)


def _climb(
    trunk: Trunk, layer: int, neurons: np.ndarray, effort: Effort, seed: int
) -> list[list[_Step]]:
    """Raise the particles of every neuron to the top; remember every step."""
    streams = [np.random.default_rng([seed, layer, int(neuron)]) for neuron in neurons]
    shape = (effort.climb_particles, trunk.receptive_field)
    state = np.stack([stream.integers(0, 4, shape, np.uint8) for stream in streams])
    values = _evaluate(trunk, neurons, state)
    size = len(neurons)
    swarm = _Swarm(neurons, streams, state, values, np.full(size, -np.inf), np.zeros(size))
    histories: dict[int, list[_Step]] = {int(neuron): [] for neuron in neurons}
    for _ in range(_MOST_STEPS):
        for index, neuron in enumerate(swarm.neurons):
            histories[int(neuron)].append(
                _Step(
                    float(swarm.threshold[index]),
                    float(swarm.log2_probability[index]),
                    swarm.state[index].copy(),
                    swarm.values[index].copy(),
                )
            )
        before = swarm.values.max(axis=1)
        stuck = _raise(swarm, effort.survivors)
        _move(trunk, swarm, effort.climb_sweeps, 0)
        top = swarm.values.max(axis=1)
        spread = top - swarm.threshold
        finished = stuck | ((spread < _CLOSE * np.maximum(np.abs(top), 1e-6)) & (top <= before))
        swarm = swarm.take(~finished)
        if not len(swarm.neurons):
            break
    return [histories[int(neuron)] for neuron in neurons]


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
        copies = _copies(np.flatnonzero(survives[index]), particles, swarm.streams[index])
        swarm.state[index] = swarm.state[index, copies]
        swarm.values[index] = swarm.values[index, copies]
    return stuck


def _copies(parents: np.ndarray, particles: int, stream: np.random.Generator) -> np.ndarray:
    """Keep every parent as often as any other, up to one copy."""
    return np.resize(stream.permutation(parents), particles)


def _move(trunk: Trunk, swarm: _Swarm, sweeps: int, records: int) -> list[tuple[np.ndarray, ...]]:
    """Move the particles above their thresholds; return ``records`` snapshots."""
    particles, length = swarm.state.shape[1:]
    snapshots: list[tuple[np.ndarray, ...]] = []
    every = sweeps // records if records else sweeps + 1
    for sweep, random in enumerate(draw(swarm.streams, particles, length, sweeps), start=1):
        proposal, partner = propose(swarm.state, random)
        values = _evaluate(trunk, swarm.neurons, proposal)
        above = values > swarm.threshold[:, None]
        accepted = above & np.take_along_axis(above, partner, axis=1)
        swarm.state = np.where(accepted[:, :, None], proposal, swarm.state)
        swarm.values = np.where(accepted, values, swarm.values)
        if sweep % every == 0:
            snapshots.append((swarm.state.copy(), swarm.values.copy()))
    return snapshots


def _two_best(step: _Step) -> np.ndarray:
    return step.state[np.argsort(step.values)[[-1, -2]]]


def _visit_levels(
    trunk: Trunk, tops: list[_Top], histories: list[list[_Step]], effort: Effort, seed: int
) -> list[ActivationSample]:
    """Draw above the lower edge of every level of some neurons, all levels at once."""
    if not tops:
        return []
    swarms = [
        _level_swarm(top, history, effort.particles, seed)
        for top, history in zip(tops, histories, strict=True)
    ]
    together = _Swarm(
        np.concatenate([swarm.neurons for swarm in swarms]),
        [stream for swarm in swarms for stream in swarm.streams],
        np.concatenate([swarm.state for swarm in swarms]),
        np.concatenate([swarm.values for swarm in swarms]),
        np.concatenate([swarm.threshold for swarm in swarms]),
        np.concatenate([swarm.log2_probability for swarm in swarms]),
    )
    snapshots = _move(trunk, together, effort.sweeps, effort.records)
    samples = []
    for index, (top, swarm) in enumerate(zip(tops, swarms, strict=True)):
        rows = slice(index * LEVELS, (index + 1) * LEVELS)
        windows = np.concatenate([state[rows] for state, _ in snapshots])
        values = np.concatenate([drawn[rows] for _, drawn in snapshots])
        edges = np.tile(swarm.threshold, effort.records)
        samples.append(_pool(top, swarm.log2_probability, windows, values, edges))
    return samples


def _level_swarm(top: _Top, history: list[_Step], particles: int, seed: int) -> _Swarm:
    edges = level_edges(top.threshold, top.maximum)[:LEVELS]
    streams = [np.random.default_rng([seed, top.layer, top.neuron, b]) for b in range(LEVELS)]
    state, values, log2_level = _starts(history, edges, top, streams, particles)
    return _Swarm(np.full(LEVELS, top.neuron), streams, state, values, edges, log2_level)


def _pool(
    top: _Top, log2_level: np.ndarray, windows: np.ndarray, values: np.ndarray, edges: np.ndarray
) -> ActivationSample:
    """Pool draws ``(runs, particles, …)``, each run made above its edge, into one sample."""
    made_above = np.repeat(edges, values.shape[1])
    windows, values = windows.reshape(-1, windows.shape[2]), values.ravel()
    top = top.risen(windows, values)
    level = level_of(values, top.threshold, top.maximum)
    # A draw made above edge e is a fair draw of every level that starts at or above e.
    lower = level_edges(top.threshold, top.maximum)[level]
    fair = made_above <= lower + 1e-9 * max(1.0, abs(top.maximum))
    windows, values = windows[fair], values[fair]
    weights = level_weights(values, top.threshold, top.maximum)
    return ActivationSample(
        layer=top.layer,
        neuron=top.neuron,
        windows=windows,
        values=values,
        weights=weights,
        ppm=weighted_ppm(windows, weights),
        threshold=top.threshold,
        maximum=top.maximum,
        best_window=top.window,
        log2_rarity=float(log2_level[0]),
        log2_level=log2_level,
        source="splitting",
    )


def _starts(
    history: list[_Step],
    edges: np.ndarray,
    top: _Top,
    streams: list[np.random.Generator],
    particles: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Copy, for each level, the particles of the climb's last step at or below its edge.

    A level that no particle of the climb reached starts from the best window and has
    log2 probability minus infinity: less than the climb could see.
    """
    climbed = np.array([step.threshold for step in history])
    state = np.empty((LEVELS, particles, len(top.window)), np.uint8)
    values = np.empty((LEVELS, particles))
    log2_level = np.full(LEVELS, -np.inf)
    for b, (edge, stream) in enumerate(zip(edges, streams, strict=True)):
        step = history[int(np.flatnonzero(climbed <= edge).max())]
        above = np.flatnonzero(step.values > edge)
        if len(above):
            copies = _copies(above, particles, stream)
            state[b], values[b] = step.state[copies], step.values[copies]
            log2_level[b] = step.log2_probability + np.log2(len(above) / len(step.values))
        else:
            state[b], values[b] = top.window, top.maximum
    return state, values, log2_level


def _dead(top: _Top) -> ActivationSample:
    length = len(top.window)
    return ActivationSample(
        layer=top.layer,
        neuron=top.neuron,
        windows=np.zeros((0, length), np.uint8),
        values=np.zeros(0),
        weights=np.zeros(0),
        ppm=np.full((length, 4), 0.25),
        threshold=top.threshold,
        maximum=top.maximum,
        best_window=top.window,
        log2_rarity=float("-inf"),
        log2_level=np.full(LEVELS, -np.inf),
        source="splitting",
    )
