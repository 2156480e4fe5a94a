"""Multilevel splitting: fair draws of every activation level from the forward pass alone.

Particles are uniform on {z > t}. The threshold t rises in steps that about a quarter of
them survive; survivors are copied and moved (:mod:`neuroninterp.sampling.proposals`), and
the product of the surviving fractions estimates P(z > t) for a random window. When the
particles have reached the top, a coordinate ascent finds the maximum, which fixes the
activation levels. Then every level is visited once more: the particles of the climb that
lie above its lower edge, fair draws already, are copied, moved at length and recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from neuroninterp.fields import Trunk
from neuroninterp.sampling.ascent import ascend
from neuroninterp.sampling.proposals import MOVES, draw, propose
from neuroninterp.sampling.sample import (
    LEVELS,
    ActivationSample,
    level_edges,
    level_of,
    level_weights,
    weighted_ppm,
)

__all__ = ["EFFORTS", "Effort", "split_neurons"]


@dataclass(frozen=True)
class Effort:
    """How much work the sampler does.

    Parameters
    ----------
    particles : int
        Particles per neuron in the climb, and per level afterwards. Fields over 40 bp take
        half as many, because each evaluation costs more.
    climb_sweeps : int
        Moves per particle at each step of the climb.
    sweeps : int
        Moves per particle at each level; half as many for fields over 40 bp.
    records : int
        How many times in these sweeps the particles are recorded.
    """

    particles: int
    climb_sweeps: int
    sweeps: int
    records: int

    def for_field(self, receptive_field: int) -> Effort:
        """Return the effort for one receptive field (bp)."""
        if receptive_field <= _LONG_FIELD:
            return self
        return Effort(self.particles // 2, self.climb_sweeps, self.sweeps // 2, self.records)


EFFORTS = {
    "quick": Effort(64, 6, 16, 1),
    "standard": Effort(128, 8, 32, 2),
    "thorough": Effort(400, 16, 64, 4),
}

_LONG_FIELD = 40
_SURVIVORS = 0.25
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
    effort = effort.for_field(trunk.receptive_field)
    histories = _climb(trunk, layer, everyone, effort, seed)
    starts = np.stack([_two_best(history[-1]) for history in histories])
    maxima, best = ascend(trunk, everyone, starts)
    samples = []
    for index, neuron in enumerate(everyone):
        threshold, maximum = float(thresholds[index]), float(maxima[index])
        if maximum <= threshold:
            samples.append(_dead(layer, int(neuron), threshold, maximum, best[index]))
        else:
            samples.append(
                _visit_levels(
                    trunk,
                    (layer, int(neuron), seed),
                    (threshold, maximum, best[index]),
                    histories[index],
                    effort,
                )
            )
        advance(1)
    return samples


def _evaluate(trunk: Trunk, neurons: np.ndarray, state: np.ndarray) -> np.ndarray:
    rows, particles, length = state.shape
    values = trunk.values_of(state.reshape(-1, length), np.repeat(neurons, particles))
    return values.reshape(rows, particles).astype(np.float64)


def _climb(
    trunk: Trunk, layer: int, neurons: np.ndarray, effort: Effort, seed: int
) -> list[list[_Step]]:
    """Raise the particles of every neuron to the top; remember every step."""
    streams = [np.random.default_rng([seed, layer, int(neuron)]) for neuron in neurons]
    shape = (effort.particles, trunk.receptive_field)
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
        stuck = _raise(swarm)
        _move(trunk, swarm, effort.climb_sweeps, 0)
        top = swarm.values.max(axis=1)
        spread = top - swarm.threshold
        finished = stuck | ((spread < _CLOSE * np.maximum(np.abs(top), 1e-6)) & (top <= before))
        swarm = swarm.take(~finished)
        if not len(swarm.neurons):
            break
    return [histories[int(neuron)] for neuron in neurons]


def _raise(swarm: _Swarm) -> np.ndarray:
    """Raise each threshold to what a quarter exceeds and copy them; return which are stuck.

    A row whose best particles are all equal has nowhere to go: it is stuck.
    """
    particles = swarm.values.shape[1]
    proposed = np.sort(swarm.values, axis=1)[:, int((1 - _SURVIVORS) * particles) - 1]
    survives = swarm.values > proposed[:, None]
    stuck = ~survives.any(axis=1)
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
        proposal, partner = propose(swarm.state, MOVES[(sweep - 1) % len(MOVES)], random)
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
    trunk: Trunk,
    who: tuple[int, int, int],
    top: tuple[float, float, np.ndarray],
    history: list[_Step],
    effort: Effort,
) -> ActivationSample:
    """Draw above the lower edge of every level, all levels at once, and pool the draws."""
    layer, neuron, seed = who
    threshold, maximum, best = top
    edges = level_edges(threshold, maximum)[:LEVELS]
    streams = [np.random.default_rng([seed, layer, neuron, b]) for b in range(LEVELS)]
    state, values, log2_level = _starts(history, edges, maximum, best, streams, effort.particles)
    swarm = _Swarm(np.full(LEVELS, neuron), streams, state, values, edges, log2_level)
    snapshots = _move(trunk, swarm, effort.sweeps, effort.records)
    windows = np.concatenate([s.reshape(-1, s.shape[2]) for s, _ in snapshots])
    drawn = np.concatenate([v.ravel() for _, v in snapshots])
    made_above = np.tile(np.repeat(edges, effort.particles), effort.records)
    if drawn.max() > maximum:
        maximum, best = float(drawn.max()), windows[drawn.argmax()]
    level = level_of(drawn, threshold, maximum)
    # A draw made above edge e is a fair draw of every level that starts at or above e.
    lower = level_edges(threshold, maximum)[level]
    fair = made_above <= lower + 1e-9 * max(1.0, abs(maximum))
    windows, drawn = windows[fair], drawn[fair]
    weights = level_weights(drawn, threshold, maximum)
    return ActivationSample(
        layer=layer,
        neuron=neuron,
        windows=windows,
        values=drawn,
        weights=weights,
        ppm=weighted_ppm(windows, weights),
        threshold=threshold,
        maximum=maximum,
        best_window=best,
        log2_rarity=float(log2_level[0]),
        log2_level=log2_level,
        source="splitting",
    )


def _starts(
    history: list[_Step],
    edges: np.ndarray,
    maximum: float,
    best: np.ndarray,
    streams: list[np.random.Generator],
    particles: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Copy, for each level, the particles of the climb's last step at or below its edge.

    A level that no particle of the climb reached starts from the best window and has
    log2 probability minus infinity: less than the climb could see.
    """
    climbed = np.array([step.threshold for step in history])
    state = np.empty((LEVELS, particles, len(best)), np.uint8)
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
            state[b], values[b] = best, maximum
    return state, values, log2_level


def _dead(
    layer: int, neuron: int, threshold: float, maximum: float, best: np.ndarray
) -> ActivationSample:
    return ActivationSample(
        layer=layer,
        neuron=neuron,
        windows=np.zeros((0, len(best)), np.uint8),
        values=np.zeros(0),
        weights=np.zeros(0),
        ppm=np.full((len(best), 4), 0.25),
        threshold=threshold,
        maximum=maximum,
        best_window=best,
        log2_rarity=float("-inf"),
        log2_level=np.full(LEVELS, -np.inf),
        source="splitting",
    )
