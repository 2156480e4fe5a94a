"""Multilevel splitting: fair draws of every activation level from the forward pass alone.

Particles are uniform on {z > t}. The threshold t rises in steps that about a quarter of
them survive; survivors are copied and moved (:mod:`neuroninterp.sampling.proposals`), and
the product of the surviving fractions estimates P(z > t) for a random window. A first,
quick climb and a coordinate ascent find the maximum; the second, careful pass stops at the
lower edge of every level and records draws there.
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
        Particles per neuron.
    sweeps : int
        Moves per particle at each recorded level; half as many for fields over 40 bp, where
        most positions are flat and each evaluation costs more.
    records : int
        How many times in these sweeps the particles are recorded.
    climb_particles, climb_sweeps : int
        The same for the climb to the maximum and for steps between levels.
    """

    particles: int
    sweeps: int
    records: int
    climb_particles: int
    climb_sweeps: int


EFFORTS = {
    "quick": Effort(64, 12, 1, 48, 4),
    "standard": Effort(128, 32, 2, 64, 8),
    "thorough": Effort(400, 64, 4, 128, 16),
}

_SURVIVORS = 0.25
_LONG_FIELD = 40
_LONGEST_CLIMB = 400
"""Steps after which a climb is given up: 800 bits, beyond any receptive field sampled."""


@dataclass(eq=False)
class _Swarm:
    """Particles of several neurons that advance together."""

    neurons: np.ndarray
    streams: list[np.random.Generator]
    state: np.ndarray
    values: np.ndarray
    threshold: np.ndarray
    log2_probability: np.ndarray

    def take(self, keep: np.ndarray) -> _Swarm:
        """Return the swarm of the neurons in ``keep`` (a boolean mask)."""
        return _Swarm(
            self.neurons[keep],
            [s for s, k in zip(self.streams, keep, strict=True) if k],
            self.state[keep],
            self.values[keep],
            self.threshold[keep],
            self.log2_probability[keep],
        )


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
    streams = [np.random.default_rng([seed, layer, int(neuron)]) for neuron in everyone]
    maxima, best = _find_maxima(trunk, everyone, streams, effort)
    alive = maxima > thresholds
    samples: dict[int, ActivationSample] = {}
    for index in np.flatnonzero(~alive):
        samples[int(everyone[index])] = _dead(
            trunk, layer, int(everyone[index]), float(thresholds[index]), best[index]
        )
    advance(int((~alive).sum()))
    living = [s for s, a in zip(streams, alive, strict=True) if a]
    draws = _record_levels(
        trunk, everyone[alive], living, thresholds[alive], maxima[alive], effort, advance
    )
    for index, record in zip(np.flatnonzero(alive), draws, strict=True):
        samples[int(everyone[index])] = record.finish(
            layer, int(everyone[index]), float(thresholds[index]), maxima[index], best[index]
        )
    return [samples[int(neuron)] for neuron in everyone]


def _start(
    trunk: Trunk, neurons: np.ndarray, streams: list[np.random.Generator], particles: int
) -> _Swarm:
    """Make uniformly random particles."""
    state = np.stack(
        [rng.integers(0, 4, (particles, trunk.receptive_field), np.uint8) for rng in streams]
    )
    values = _evaluate(trunk, neurons, state)
    size = len(neurons)
    return _Swarm(neurons, streams, state, values, np.full(size, -np.inf), np.zeros(size))


def _evaluate(trunk: Trunk, neurons: np.ndarray, state: np.ndarray) -> np.ndarray:
    count, particles, length = state.shape
    values = trunk.values_of(state.reshape(-1, length), np.repeat(neurons, particles))
    return values.reshape(count, particles).astype(np.float64)


def _raise(swarm: _Swarm, target: np.ndarray) -> np.ndarray:
    """Raise each threshold towards ``target``, copy survivors; say which neurons got there.

    A step goes to the target where enough particles lie above it, else to the value that
    the surviving fraction exceeds. A neuron whose particles are all equal stays.
    """
    particles = swarm.values.shape[1]
    quantile = np.sort(swarm.values, axis=1)[:, int((1 - _SURVIVORS) * particles) - 1]
    enough = (swarm.values > target[:, None]).mean(axis=1) >= _SURVIVORS
    proposed = np.where(enough, target, np.minimum(quantile, target))
    survives = swarm.values > proposed[:, None]
    stuck = ~survives.any(axis=1)
    swarm.log2_probability += np.log2(np.where(stuck, 1.0, survives.mean(axis=1)))
    swarm.threshold = np.where(stuck, swarm.threshold, proposed)
    for index in np.flatnonzero(~stuck):
        parents = np.flatnonzero(survives[index])
        rng = swarm.streams[index]
        # Every survivor is kept as often as any other, up to one copy.
        copies = np.resize(rng.permutation(parents), particles)
        swarm.state[index] = swarm.state[index, copies]
        swarm.values[index] = swarm.values[index, copies]
    return (enough & ~stuck) | stuck


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


def _find_maxima(
    trunk: Trunk, neurons: np.ndarray, streams: list[np.random.Generator], effort: Effort
) -> tuple[np.ndarray, np.ndarray]:
    """Climb without recording, then ascend by coordinates from the best windows."""
    swarm = _start(trunk, neurons, streams, effort.climb_particles)
    tops = np.empty((len(neurons), 2, trunk.receptive_field), np.uint8)
    position = {int(neuron): index for index, neuron in enumerate(neurons)}
    for _ in range(_LONGEST_CLIMB):
        before = swarm.values.max(axis=1)
        stuck = _raise(swarm, np.full(len(swarm.neurons), np.inf))
        _move(trunk, swarm, effort.climb_sweeps, 0)
        spread = swarm.values.max(axis=1) - swarm.threshold
        scale = np.maximum(np.abs(swarm.values.max(axis=1)), 1e-6)
        finished = stuck | ((spread < 0.02 * scale) & (swarm.values.max(axis=1) <= before))
        for index in np.flatnonzero(finished):
            tops[position[int(swarm.neurons[index])]] = _two_best(swarm, index)
        swarm = swarm.take(~finished)
        if not len(swarm.neurons):
            break
    for index, neuron in enumerate(swarm.neurons):
        tops[position[int(neuron)]] = _two_best(swarm, index)
    return ascend(trunk, neurons, tops)


def _two_best(swarm: _Swarm, index: int) -> np.ndarray:
    order = np.argsort(swarm.values[index])
    return swarm.state[index, order[[-1, -2]]]


class _Draws:
    """Draws of one neuron, each made uniformly above the lower edge of some level."""

    def __init__(self) -> None:
        self.windows: list[np.ndarray] = []
        self.values: list[np.ndarray] = []
        self.edges: list[float] = []
        self.log2_level = np.full(LEVELS, -np.inf)

    def add(self, windows: np.ndarray, values: np.ndarray, edge: float) -> None:
        self.windows.append(windows)
        self.values.append(values)
        self.edges.append(edge)

    def finish(
        self, layer: int, neuron: int, threshold: float, maximum: float, best: np.ndarray
    ) -> ActivationSample:
        """Pool the draws into one sample.

        A draw made above edge e is a fair draw of every level at or above e, so each level
        pools what all runs at or below its lower edge left in it.
        """
        windows = np.concatenate([*self.windows, best[None]])
        values = np.concatenate([*self.values, [maximum]])
        made_above = np.repeat(self.edges, [len(v) for v in self.values])
        if values.max() > maximum:
            best = windows[values.argmax()]
            maximum = float(values.max())
        lower = level_edges(threshold, maximum)[np.maximum(level_of(values, threshold, maximum), 0)]
        tolerance = 1e-9 * max(1.0, abs(maximum))
        fair = np.append(made_above <= lower[:-1] + tolerance, False)
        level = level_of(values, threshold, maximum)
        # The window at the maximum was not drawn; it stands in only where its level is empty.
        fair[-1] = not fair[level == level[-1]].any()
        keep = fair & (values > threshold)
        weights = level_weights(values[keep], threshold, maximum)
        return ActivationSample(
            layer=layer,
            neuron=neuron,
            windows=windows[keep],
            values=values[keep],
            weights=weights,
            ppm=weighted_ppm(windows[keep], weights),
            threshold=threshold,
            maximum=float(maximum),
            best_window=best,
            log2_rarity=float(self.log2_level[0]),
            log2_level=self.log2_level,
            source="splitting",
        )


def _record_levels(
    trunk: Trunk,
    neurons: np.ndarray,
    streams: list[np.random.Generator],
    thresholds: np.ndarray,
    maxima: np.ndarray,
    effort: Effort,
    advance: Callable[[int], None],
) -> list[_Draws]:
    """Pass through the levels from below, recording draws above each lower edge."""
    draws = {int(neuron): _Draws() for neuron in neurons}
    if not len(neurons):
        return []
    edges = np.stack([level_edges(t, m)[:LEVELS] for t, m in zip(thresholds, maxima, strict=True)])
    sweeps = effort.sweeps if trunk.receptive_field <= _LONG_FIELD else effort.sweeps // 2
    level = np.zeros(len(neurons), np.int64)
    swarm = _start(trunk, neurons, streams, effort.particles)
    for _ in range(_LONGEST_CLIMB):
        arrived = _raise(swarm, edges[np.arange(len(level)), level])
        # Steps between levels need only little movement: nothing is recorded there.
        travelling, resting = swarm.take(~arrived), swarm.take(arrived)
        if len(travelling.neurons):
            _move(trunk, travelling, effort.climb_sweeps, 0)
        if len(resting.neurons):
            snapshots = _move(trunk, resting, sweeps, effort.records)
            for index, neuron in enumerate(resting.neurons):
                record = draws[int(neuron)]
                for windows, values in snapshots:
                    record.add(windows[index], values[index], float(resting.threshold[index]))
                reached = resting.threshold[index] >= edges[arrived][index, level[arrived][index]]
                if reached:
                    record.log2_level[level[arrived][index]] = resting.log2_probability[index]
        swarm = _join(travelling, resting)
        level = np.concatenate([level[~arrived], level[arrived] + 1])
        edges = np.concatenate([edges[~arrived], edges[arrived]])
        unfinished = level < LEVELS
        advance(int((~unfinished).sum()))
        swarm, level, edges = swarm.take(unfinished), level[unfinished], edges[unfinished]
        if not len(level):
            break
    return [draws[int(neuron)] for neuron in neurons]


def _join(first: _Swarm, second: _Swarm) -> _Swarm:
    return _Swarm(
        np.concatenate([first.neurons, second.neurons]),
        first.streams + second.streams,
        np.concatenate([first.state, second.state]),
        np.concatenate([first.values, second.values]),
        np.concatenate([first.threshold, second.threshold]),
        np.concatenate([first.log2_probability, second.log2_probability]),
    )


def _dead(
    trunk: Trunk, layer: int, neuron: int, threshold: float, best: np.ndarray
) -> ActivationSample:
    length = trunk.receptive_field
    value = float(trunk.values_of(best[None], np.array([neuron]))[0])
    return ActivationSample(
        layer=layer,
        neuron=neuron,
        windows=np.zeros((0, length), np.uint8),
        values=np.zeros(0),
        weights=np.zeros(0),
        ppm=np.full((length, 4), 0.25),
        threshold=threshold,
        maximum=value,
        best_window=best,
        log2_rarity=float("-inf"),
        log2_level=np.full(LEVELS, -np.inf),
        source="splitting",
    )
