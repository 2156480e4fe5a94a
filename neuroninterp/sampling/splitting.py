"""Sampling one neuron after the other's example: climb, learn, visit, stop when sure.

1. Populations of particles climb from random windows to the neuron's top
   (:mod:`neuroninterp.sampling.climb`); an ascent from their best windows finds the maximum,
   which fixes the activation levels.
2. A mixture of products is fitted to what the climb met, and learned anew from a burn-in.
3. The flat ensemble (:mod:`neuroninterp.sampling.ensemble`) visits all levels evenly, in
   rounds, until the populations agree on the PPM as closely as the effort asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from neuroninterp.backend import one_thread
from neuroninterp.fields import Trunk
from neuroninterp.sampling.ascent import ascend
from neuroninterp.sampling.background import Guide, background_windows, begin, guided, scorer
from neuroninterp.sampling.climb import Population, Step, climb
from neuroninterp.sampling.effort import ISLANDS, Effort
from neuroninterp.sampling.ensemble import LOCAL, REDRAWN, Ensemble, Visit
from neuroninterp.sampling.ladder import Ladder, build_ladder
from neuroninterp.sampling.mixture import ProductMixture, fit_mixture
from neuroninterp.sampling.sample import ActivationSample, dead_sample
from neuroninterp.sampling.tally import Tally

__all__ = ["split_neurons", "swarm_size"]

_PARTICLES_AT_ONCE = 8192
_COMPONENTS = 32
_RELEARNED = (2, 4)
"""Rounds after which what was met teaches the proposals once more."""
_MORE_COMPONENTS = 64
_DONORS = 256
_PATIENCE = 3
_HOPELESS = 6
"""Rounds after which a neuron is given up that is this many times off the error aimed at: it
would take the square of that times the work."""
_LEARNED_FROM = 96
"""Windows from which a component is learned."""
_LEARNED_EVERY = 2
"""Sweeps from one set of windows to learn from to the next."""
_REDRAWN_FROM = 0.35
"""Share of whole windows accepted from which mostly these are proposed."""
_KEPT_A_ROUND = 4000


@dataclass(eq=False)
class _Start:
    """What the climb of one neuron left behind."""

    neuron: int
    threshold: float
    maximum: float
    best: np.ndarray
    windows: np.ndarray
    values: np.ndarray
    island: np.ndarray
    shared: np.ndarray
    ladder: Ladder
    stream: np.random.Generator


@one_thread()
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
    """Sample neurons of one layer whose fields are too long to enumerate.

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
    windows = background_windows(trunk, layer, seed)
    values = trunk.values(windows)[:, list(neurons)].astype(np.float64)
    at_once = swarm_size(effort)
    samples: list[ActivationSample] = []
    for first in range(0, len(neurons), at_once):
        block = slice(first, first + at_once)
        background = [
            guided(trunk, int(neuron), windows, column, effort)
            for neuron, column in zip(neurons[block], values.T[block], strict=True)
        ]
        starts = _climb_block(
            trunk, layer, neurons[block], thresholds[block], windows, background, effort, seed
        )
        alive = [start for start in starts if start.maximum > start.threshold]
        tallies = iter(_visit(trunk, alive, effort))
        for start in starts:
            if start.maximum > start.threshold:
                samples.append(next(tallies).sample(layer, start.neuron, start.stream))
            else:
                samples.append(
                    dead_sample(
                        layer,
                        start.neuron,
                        start.threshold,
                        start.maximum,
                        start.best,
                        source="splitting",
                    )
                )
        advance(len(starts))
    return samples


def swarm_size(effort: Effort) -> int:
    """Return how many neurons are sampled together, so that batches are neither small nor huge."""
    return max(_PARTICLES_AT_ONCE // (ISLANDS * effort.particles), 1)


def _climb_block(
    trunk: Trunk,
    layer: int,
    neurons: Sequence[int],
    thresholds: np.ndarray,
    windows: np.ndarray,
    background: list[tuple[np.ndarray, Guide | None]],
    effort: Effort,
    seed: int,
) -> list[_Start]:
    """Climb from random windows; ``background`` has each neuron's scores and guide."""
    begun = [
        begin(windows[island::ISLANDS], scores[island::ISLANDS], effort)
        for scores, _ in background
        for island in range(ISLANDS)
    ]
    guides = zip(neurons, (guide for _, guide in background), strict=True)
    score = scorer(trunk, {int(neuron): guide for neuron, guide in guides if guide is not None})
    streams = [
        np.random.default_rng([seed, layer, int(neuron), island])
        for neuron in neurons
        for island in range(ISLANDS)
    ]
    rows = np.repeat(np.asarray(neurons, np.int64), ISLANDS)
    ties = np.array([0.0 if guide is None else guide.height for _, guide in background])
    starting = [population for _, population in begun]
    climbed = climb(score, rows, streams, starting, effort, np.repeat(ties, ISLANDS))
    own = [steps + more for (steps, _), more in zip(begun, climbed, strict=True)]
    histories = [own[i * ISLANDS : (i + 1) * ISLANDS] for i in range(len(neurons))]
    together = [np.random.default_rng([seed, layer, int(k), ISLANDS]) for k in neurons]
    # A large population keeps apart what small ones lose on the way: from half-way up, all of
    # a neuron's populations climb once more as one, to find the maximum.
    halfway = [
        _halfway(history, ISLANDS * effort.particles, stream)
        for history, stream in zip(histories, together, strict=True)
    ]
    peaks = climb(score, np.asarray(neurons, np.int64), together, halfway, effort, ties)
    return [
        _start(trunk, int(neuron), float(thresholds[i]), histories[i], peaks[i][-1], together[i])
        for i, neuron in enumerate(neurons)
    ]


def _halfway(
    histories: list[list[Step]], particles: int, stream: np.random.Generator
) -> Population:
    """Gather what the populations were when each was half-way up."""
    middle = [history[len(history) // 2] for history in histories]
    windows = np.concatenate([step.windows for step in middle])
    scores = np.concatenate([step.kept for step in middle])
    chosen = np.resize(stream.permutation(len(windows)), particles)
    threshold = min(step.threshold for step in middle)
    return Population(threshold, 0.0, windows[chosen], scores[chosen])


def _start(
    trunk: Trunk,
    neuron: int,
    threshold: float,
    histories: list[list[Step]],
    peak: Step,
    stream: np.random.Generator,
) -> _Start:
    """Find a neuron's maximum and gather what its climb met."""
    steps = [(island, step) for island, history in enumerate(histories) for step in history]
    windows = np.concatenate([step.windows for _, step in steps])
    values = np.concatenate([step.kept for _, step in steps])
    island = np.concatenate([np.full(len(step.kept), number) for number, step in steps])
    tops = np.concatenate(
        [_highest(windows[island == i], values[island == i], 1) for i in range(ISLANDS)]
        + [_highest(peak.windows, peak.kept, ISLANDS)]
    )
    # Scores may have ties broken: z itself from here on.
    values = trunk.values_of(windows, np.full(len(windows), neuron)).astype(np.float64)
    seen = windows[values.argmax()], float(values.max())
    donors = windows[stream.choice(len(windows), min(_DONORS, len(windows)), replace=False)]
    maximum, best, ended = ascend(trunk, neuron, tops, donors, stream)
    if seen[1] > maximum:
        best, maximum = seen
    found = np.concatenate([ended, best[None]])
    heights = trunk.values_of(found, np.full(len(found), neuron)).astype(np.float64)
    everywhere = np.repeat(np.arange(ISLANDS), len(found))
    return _Start(
        neuron=neuron,
        threshold=threshold,
        maximum=maximum,
        best=best,
        windows=np.concatenate([windows, np.tile(found, (ISLANDS, 1))]),
        values=np.concatenate([values, np.tile(heights, ISLANDS)]),
        island=np.concatenate([island, everywhere]),
        shared=np.repeat([False, True], [len(island), len(everywhere)]),
        ladder=build_ladder(threshold, maximum, histories),
        stream=stream,
    )


def _highest(windows: np.ndarray, values: np.ndarray, number: int) -> np.ndarray:
    """Return the highest of the different windows."""
    # More than are wanted, because the highest may all be the same.
    order = np.argsort(-values, kind="stable")[: 16 * number]
    different, first = np.unique(windows[order], axis=0, return_index=True)
    highest: np.ndarray = different[np.argsort(first)[:number]]
    return highest


def _visit(trunk: Trunk, starts: list[_Start], effort: Effort) -> list[Tally]:
    """Burn in, learn, and visit the levels in rounds until every neuron has converged."""
    if not starts:
        return []
    ladders, mixtures, state, redrawn = _burn_in(trunk, starts, effort)
    tallies = [
        Tally(start.threshold, start.maximum, start.best, ladder)
        for start, ladder in zip(starts, ladders, strict=True)
    ]
    working = list(range(len(starts)))
    for done in range(1, effort.rounds + 1):
        last = done == effort.rounds
        met: dict[int, np.ndarray] = {}
        for moves, chosen in _alike(working, redrawn, mixtures):
            ensemble = Ensemble(
                trunk,
                np.array([starts[i].neuron for i in chosen]),
                [starts[i].stream for i in chosen],
                state[chosen],
                [ladders[i] for i in chosen],
                [mixtures[i] for i in chosen],
            )
            windows = _round(ensemble, moves, effort, [tallies[i] for i in chosen])
            met.update(zip(chosen, windows, strict=True))
            state[chosen] = ensemble.state
        for i in working:
            if tallies[i].outgrown and not last:
                # Levels are slices up to the maximum: a new one means new levels.
                start, best = starts[i], tallies[i]
                ladders[i] = ladders[i].raised(start.threshold, best.maximum)
                tallies[i] = Tally(start.threshold, best.maximum, best.best, ladders[i])
        near = {i: tallies[i].ppm_error() <= _HOPELESS * effort.error for i in working}
        working = [
            i
            for i in working
            if not tallies[i].converged(effort.error) and (done < _PATIENCE or near[i])
        ]
        if done in _RELEARNED and not last:
            for i in working:
                # Who is far off has not met enough to learn from.
                if near[i]:
                    mixtures[i] = _learn(starts[i], met[i], _MORE_COMPONENTS)
        if not working:
            break
    for tally in tallies:
        tally.close(effort.error)
    return tallies


def _alike(
    working: list[int], redrawn: list[bool], mixtures: list[ProductMixture]
) -> list[tuple[tuple[str, ...], list[int]]]:
    """Group the neurons that make the same moves with equally many components."""
    groups: dict[tuple[tuple[str, ...], int], list[int]] = {}
    for i in working:
        moves = REDRAWN if redrawn[i] else LOCAL
        groups.setdefault((moves, len(mixtures[i].weights)), []).append(i)
    return [(moves, chosen) for (moves, _), chosen in groups.items()]


def _round(
    ensemble: Ensemble, moves: tuple[str, ...], effort: Effort, tallies: list[Tally]
) -> np.ndarray:
    """Count a round of sweeps; return some of the windows met, (neurons, windows, L)."""
    particles = ISLANDS * effort.particles
    every = max(effort.sweeps * particles // _KEPT_A_ROUND, 1)
    met = []
    for sweep in range(effort.sweeps):
        visit = ensemble.sweep(moves[sweep % len(moves)])
        for index, tally in enumerate(tallies):
            tally.count(visit, index, keep=sweep % every == every - 1)
        if sweep % _LEARNED_EVERY == 0:
            met.append(visit.state)
    return np.concatenate(met, axis=1)


def _burn_in(
    trunk: Trunk, starts: list[_Start], effort: Effort
) -> tuple[list[Ladder], list[ProductMixture], np.ndarray, list[bool]]:
    """Let the ensemble find its own weights and proposals."""
    neurons = np.array([start.neuron for start in starts])
    streams = [start.stream for start in starts]
    ladders = [start.ladder for start in starts]
    mixtures = [
        _fit(start.windows, _training_weights(start), _COMPONENTS, start.stream) for start in starts
    ]
    state = np.stack([_initial(start, effort.particles) for start in starts])
    accepted = np.zeros(len(starts))
    for _ in range(2):
        ensemble = Ensemble(trunk, neurons, streams, state, ladders, mixtures)
        visits = [ensemble.sweep(LOCAL[i % len(LOCAL)]) for i in range(effort.burn_in)]
        state = ensemble.state
        accepted = np.mean([v.accepted for v in visits if v.move == "whole"], axis=0)
        ladders = [
            ladder.corrected(_visits(visits, index, len(ladder.edges)))
            for index, ladder in enumerate(ladders)
        ]
        settled = np.concatenate([visit.state for visit in visits[len(visits) // 2 :]], axis=1)
        mixtures = [
            _learn(start, met, _COMPONENTS) for start, met in zip(starts, settled, strict=True)
        ]
    return ladders, mixtures, state, [bool(share >= _REDRAWN_FROM) for share in accepted]


def _training_weights(start: _Start) -> np.ndarray:
    """Weigh what the climb met so that every rung counts as the ensemble will visit it."""
    rungs = start.ladder.rung(start.values)
    counts = np.bincount(rungs, minlength=len(start.ladder.edges))
    weights = (start.ladder.target / np.maximum(counts, 1))[rungs]
    normalised: np.ndarray = weights / weights.sum()
    return normalised


def _initial(start: _Start, particles: int) -> np.ndarray:
    """Place each population where its own climb has been."""
    placed = []
    weights = _training_weights(start)
    rungs = start.ladder.rung(start.values)
    for island in range(ISLANDS):
        climbed = (start.island == island) & ~start.shared
        # What the ascent found is every population's: only where its own climb has not been.
        missing = ~np.isin(rungs, np.unique(rungs[climbed]))
        own = np.flatnonzero(climbed | (missing & (start.island == island)))
        odds = weights[own] / weights[own].sum()
        placed.append(start.windows[start.stream.choice(own, particles, p=odds)])
    return np.concatenate(placed)


def _fit(
    windows: np.ndarray, weights: np.ndarray, components: int, stream: np.random.Generator
) -> ProductMixture:
    most = components * _LEARNED_FROM
    if len(windows) > most:
        chosen = stream.choice(len(windows), most, replace=False)
        windows, weights = windows[chosen], weights[chosen]
    return fit_mixture(windows, weights, components, stream)


def _learn(start: _Start, met: np.ndarray, components: int) -> ProductMixture:
    """Fit the mixture to what the ensemble met, with a little of what the climb did."""
    most = components * _LEARNED_FROM
    if len(met) > most:
        met = met[start.stream.choice(len(met), most, replace=False)]
    windows = np.concatenate([met, start.windows])
    both = np.concatenate([np.full(len(met), 0.8 / len(met)), 0.2 * _training_weights(start)])
    return _fit(windows, both, components, start.stream)


def _visits(visits: list[Visit], index: int, rungs: int) -> np.ndarray:
    return np.sum([np.bincount(visit.rungs[index], minlength=rungs) for visit in visits], axis=0)
