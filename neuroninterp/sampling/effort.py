"""How much work the sampler does, and what it may cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuroninterp.errors import UnknownNameError

__all__ = ["EFFORTS", "ISLANDS", "Effort", "check_effort", "effort_for", "expected_evaluations"]

ISLANDS = 4
"""Independent populations a neuron: what they disagree by is the error of what they agree on."""

LONGEST_CLIMB = 500
"""Steps after which a climb is given up: 1,000 bits, beyond any field that is sampled."""


@dataclass(frozen=True)
class Effort:
    """How much work the sampler does for one neuron.

    Parameters
    ----------
    particles : int
        Particles of each of the :data:`ISLANDS` populations.
    climb_sweeps : int
        Moves a particle at each step of the climb.
    survivors : float
        Share of the particles that lives on at each step of the climb, in (0, 1).
    burn_in : int
        Moves a particle before anything is recorded, and as many again once the proposals
        have been learned.
    sweeps : int
        Moves a particle in each recorded round.
    rounds : int
        Most rounds: the budget of a neuron that does not converge.
    error : float
        Mean absolute standard error of a PPM's entries at which a neuron has converged.
    """

    particles: int
    climb_sweeps: int
    survivors: float
    burn_in: int
    sweeps: int
    rounds: int
    error: float


@dataclass(frozen=True)
class _Budget:
    """A named effort: what it aims at, and what it may cost where windows are expensive."""

    most_particles: int
    climb_sweeps: int
    saved_sweeps: int
    """The same where windows are expensive."""
    rounds: int
    error: float
    seconds: float
    """Nominal time a neuron from which fewer particles are used."""


EFFORTS = {
    "quick": _Budget(48, 4, 2, 2, 0.01, 0.5),
    "standard": _Budget(128, 6, 4, 10, 0.003, 1.2),
    "thorough": _Budget(256, 12, 8, 20, 0.0015, 25.0),
}
"""Names of efforts."""

_FEWEST_PARTICLES = 8
_SURVIVORS = 0.25
_BURN_IN = 12
_SWEEPS = 40
_OVERHEAD = 1e-6
_RATE = 2.5e10
"""Nominal seconds a window, and multiplications a second, of one ordinary core."""


def check_effort(name: str) -> None:
    """Make sure that there is an effort of this name.

    Raises
    ------
    UnknownNameError
        If there is none.
    """
    if name not in EFFORTS:
        raise UnknownNameError("effort", name, list(EFFORTS))


def effort_for(name: str, receptive_field: int, multiplications: int) -> Effort:
    """Return a named effort for a layer.

    Parameters
    ----------
    name : str
        One of :data:`EFFORTS`.
    receptive_field : int
        Field of the layer, bp.
    multiplications : int
        What one window costs: the more, the fewer particles.
    """
    budget = EFFORTS[name]
    longest = _effort(budget, budget.most_particles)
    seconds = expected_evaluations(longest, receptive_field) * (_OVERHEAD + multiplications / _RATE)
    affordable = int(budget.most_particles * budget.seconds / seconds)
    return _effort(budget, int(np.clip(affordable, _FEWEST_PARTICLES, budget.most_particles)))


def expected_evaluations(effort: Effort, receptive_field: int) -> int:
    """Estimate how many windows the sampler evaluates for one neuron, at most.

    The climb has as many steps as it takes to single out one window of the field, 2 bits a
    position, and its upper half is climbed once more.
    """
    steps = min(2 * receptive_field / -np.log2(effort.survivors), LONGEST_CLIMB)
    moves = 1.5 * steps * effort.climb_sweeps + 2 * effort.burn_in + effort.rounds * effort.sweeps
    return int(ISLANDS * effort.particles * moves)


def _effort(budget: _Budget, particles: int) -> Effort:
    # Where windows are expensive, the first to be saved are moves between two steps.
    saved = particles * 4 <= budget.most_particles
    return Effort(
        particles=particles,
        climb_sweeps=budget.saved_sweeps if saved else budget.climb_sweeps,
        survivors=_SURVIVORS,
        burn_in=_BURN_IN,
        sweeps=_SWEEPS,
        rounds=budget.rounds,
        error=budget.error,
    )
