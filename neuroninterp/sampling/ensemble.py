"""The flat ensemble: particles that visit every rung of a neuron's ladder evenly.

A window x has density proportional to exp(log_weight(rung of z(x))): within a rung, and so
within an activation level, every window counts the same, and the rungs' weights are such that
each gets its share of the time whatever its probability (multicanonical sampling, Berg &
Neuhaus 1992). Particles wander between random windows and the neuron's maximum, so that they
change from one motif or shift to another below, where that is easy.

Moves are accepted by the rule of Metropolis and Hastings. Learned moves redraw a stretch, or
the whole window, from a mixture of products that was fitted to the neuron; they leave that
mixture invariant, so their ratio is that of the densities relative to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuroninterp.fields import Trunk
from neuroninterp.sampling.climb import evaluate
from neuroninterp.sampling.effort import ISLANDS
from neuroninterp.sampling.ladder import Ladder
from neuroninterp.sampling.mixture import ProductMixture, log_sum, one_hot
from neuroninterp.sampling.proposals import draw, propose

__all__ = ["LOCAL", "REDRAWN", "Ensemble", "Visit"]

LOCAL = (
    "whole",
    "rotation",
    "stretch",
    "sites",
    "stretch",
    "shift",
    "rotation",
    "whole",
    "stretch",
    "site",
    "cross-over",
)
"""Moves, in order, of a neuron whose windows a mixture of products describes poorly."""
REDRAWN = ("whole", "whole", "whole", "whole", "site", "whole", "whole", "whole", "cross-over")
"""Moves of a neuron whose whole windows, redrawn, are often accepted."""

_LEARNED = ("whole", "stretch")
_ANY = np.uint8(4)
"""Code that stands for no base."""


@dataclass(frozen=True, eq=False)
class Visit:
    """Where the particles stand after a sweep.

    Parameters
    ----------
    state : numpy.ndarray, shape=(neurons, particles, L)
        Windows, codes. Particles of one population follow each other.
    values : numpy.ndarray, shape=(neurons, particles)
        z.
    rungs : numpy.ndarray, shape=(neurons, particles)
        Rung of each.
    accepted : numpy.ndarray, shape=(neurons,)
        Share of the proposals of this sweep that were accepted.
    move : str
        The sweep's move.
    proposed_rungs, proposed_log_weights : numpy.ndarray or None, shape=(neurons, particles)
        Of windows drawn whole from the mixture: their rungs, and the natural logarithm of
        their probability as random windows over that in the mixture.
    """

    state: np.ndarray
    values: np.ndarray
    rungs: np.ndarray
    accepted: np.ndarray
    move: str
    proposed_rungs: np.ndarray | None
    proposed_log_weights: np.ndarray | None


@dataclass(frozen=True, eq=False)
class _Proposal:
    """Where the particles of a sweep would go.

    Parameters
    ----------
    state : numpy.ndarray, shape=(neurons, particles, L)
        Windows, codes.
    density : numpy.ndarray or None, shape=(neurons, particles)
        Natural logarithm of their probability in the mixture, for a learned move.
    partner : numpy.ndarray or None, shape=(neurons, particles)
        The particle that must be accepted together with each, where there are pairs.
    """

    state: np.ndarray
    density: np.ndarray | None = None
    partner: np.ndarray | None = None


class Ensemble:
    """Particles of several neurons of one layer, advancing together.

    Parameters
    ----------
    trunk : Trunk
        Trunk of the layer.
    neurons : numpy.ndarray, shape=(neurons,)
        Channels.
    streams : list of numpy.random.Generator
        One a neuron.
    state : numpy.ndarray, shape=(neurons, particles, L)
        Where the particles start, codes; :data:`ISLANDS` populations of equal size.
    ladders : list of Ladder
        One a neuron.
    mixtures : list of ProductMixture
        One a neuron, of equally many components.
    """

    def __init__(
        self,
        trunk: Trunk,
        neurons: np.ndarray,
        streams: list[np.random.Generator],
        state: np.ndarray,
        ladders: list[Ladder],
        mixtures: list[ProductMixture],
    ) -> None:
        self.trunk = trunk
        self.neurons = neurons
        self.streams = streams
        self.state = state
        self.values = evaluate(trunk, neurons, state)
        self.ladders = ladders
        self._rungs, self._log_weight = self._place(self.values)
        self._known: np.ndarray | None = None
        self._learn(mixtures)

    def sweep(self, move: str) -> Visit:
        """Try one move of every particle.

        Parameters
        ----------
        move : str
            "whole" or "stretch" (learned), or one of
            :data:`neuroninterp.sampling.proposals.MOVES`.
        """
        found = self._redraw(move) if move in _LEARNED else self._perturb(move)
        values = evaluate(self.trunk, self.neurons, found.state)
        rungs, log_weight = self._place(values)
        log_ratio = log_weight - self._log_weight
        if found.density is not None:
            log_ratio += self._density - found.density
        chance = np.log(np.stack([stream.random(log_ratio.shape[1]) for stream in self.streams]))
        if found.partner is not None:
            # Both of a pair are accepted, or neither.
            other = np.take_along_axis(log_ratio, found.partner, axis=1)
            own = np.arange(log_ratio.shape[1])
            log_ratio = np.where(found.partner == own, log_ratio, log_ratio + other)
            chance = np.take_along_axis(chance, np.minimum(found.partner, own), axis=1)
        accepted = chance < log_ratio
        self.state = np.where(accepted[:, :, None], found.state, self.state)
        self._known = None
        if found.density is not None:
            self._known = np.where(accepted, found.density, self._density)
        self.values = np.where(accepted, values, self.values)
        self._rungs = np.where(accepted, rungs, self._rungs)
        self._log_weight = np.where(accepted, log_weight, self._log_weight)
        drawn = None
        if move == "whole" and found.density is not None:
            drawn = -self.state.shape[2] * np.log(4.0) - found.density
        return Visit(
            state=self.state,
            values=self.values,
            rungs=self._rungs,
            accepted=accepted.mean(axis=1),
            move=move,
            proposed_rungs=None if drawn is None else rungs,
            proposed_log_weights=drawn,
        )

    def _place(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rungs = np.stack(
            [ladder.rung(row) for ladder, row in zip(self.ladders, values, strict=True)]
        )
        weights = [ladder.log_weight[row] for ladder, row in zip(self.ladders, rungs, strict=True)]
        return rungs, np.stack(weights)

    def _learn(self, mixtures: list[ProductMixture]) -> None:
        probabilities = np.stack([mixture.probabilities for mixture in mixtures])
        count, components = probabilities.shape[:2]
        columns = np.log(probabilities).astype(np.float32).reshape(count, components, -1)
        self._columns = np.ascontiguousarray(columns.transpose(0, 2, 1))
        self._cumulative = np.cumsum(probabilities, axis=3)[..., :3].astype(np.float32)
        mixing = np.stack([mixture.weights for mixture in mixtures])
        self._mixing = np.log(mixing).astype(np.float32)[:, None]

    def _terms(self, windows: np.ndarray) -> np.ndarray:
        """Log-probability of each window with each component, (neurons, particles, components).

        Positions that hold :data:`_ANY` count for nothing.
        """
        return np.matmul(one_hot(windows), self._columns) + self._mixing

    @property
    def _density(self) -> np.ndarray:
        """Log-probability of every particle in its neuron's mixture."""
        if self._known is None:
            self._known = log_sum(self._terms(self.state))
        return self._known

    def _redraw(self, move: str) -> _Proposal:
        """Draw whole windows, or stretches, from the mixtures."""
        particles, length = self.state.shape[1:]
        uniforms = np.stack([stream.random((particles, 3), np.float32) for stream in self.streams])
        if move == "whole":
            proposal = self._draw(np.exp(self._mixing), uniforms[..., 0])
        else:
            stretch = _stretches(uniforms[..., 1:], length)
            # Which component, by what stays: the stretch may come from another than before.
            stays = self._terms(np.where(stretch, _ANY, self.state))
            belongs = np.exp(stays - stays.max(axis=2, keepdims=True))
            proposal = np.where(stretch, self._draw(belongs, uniforms[..., 0]), self.state)
        return _Proposal(proposal, density=log_sum(self._terms(proposal)))

    def _draw(self, mixing: np.ndarray, uniform: np.ndarray) -> np.ndarray:
        """Draw windows from components chosen with probabilities (neurons, 1 or particles, …)."""
        count, particles, length = self.state.shape
        cumulative = np.cumsum(mixing, axis=2)
        component = (uniform[..., None] * cumulative[..., -1:] > cumulative).sum(axis=2)
        columns = self._cumulative[np.arange(count)[:, None], component]
        bases = np.stack([s.random((particles, length), np.float32) for s in self.streams])
        drawn: np.ndarray = (bases[..., None] > columns).sum(axis=3).astype(np.uint8)
        return drawn

    def _perturb(self, move: str) -> _Proposal:
        """Change the particles, or exchange stretches of two, whatever was learned."""
        count, particles, length = self.state.shape
        # Cross-over stays within a population, so that populations are independent.
        rows = (count * ISLANDS, particles // ISLANDS)
        random = draw(self.streams, move, particles, length)
        proposal, partner = propose(self.state.reshape(*rows, length), random.regrouped(*rows))
        pairs = None
        if move == "cross-over":
            first = np.arange(rows[0])[:, None] % ISLANDS * rows[1]
            pairs = (partner + first).reshape(count, particles)
        return _Proposal(proposal.reshape(count, particles, length), partner=pairs)


def _stretches(uniforms: np.ndarray, length: int) -> np.ndarray:
    """Return masks of random stretches, 1 bp to nearly all, short ones the most often."""
    size = np.exp(uniforms[..., 0] * np.log(length))[..., None]
    start = np.floor(uniforms[..., 1] * length)[..., None]
    # Round the end, so that every position is redrawn as often as any other.
    mask: np.ndarray = (np.arange(length) - start) % length < size
    return mask
