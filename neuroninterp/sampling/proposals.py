"""Moves of the sampler.

Each is symmetric, so accepting whatever stays above the threshold keeps the particles
uniform on {z > threshold}.

Every neuron has its own random stream, so that its sample does not depend on which other
neurons are sampled with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["MOVES", "Randomness", "draw", "propose"]

MOVES = ("site", "cross-over", "sites", "rotation", "site", "shift", "sites", "cross-over", "block")
"""Moves that suit every neuron, in the order in which the climb tries them, one a sweep."""

_REFILLING = ("block", "shift")
_LONGEST_SHIFT = 12


@dataclass(frozen=True, eq=False)
class Randomness:
    """Random numbers of one sweep over particles (neurons, particles)."""

    move: str
    """The sweep's move, one of :data:`MOVES`."""
    uniforms: np.ndarray
    """Uniform in [0, 1), shape (neurons, particles, 4)."""
    bases: np.ndarray
    """Uniform codes 0 to 3, shape (neurons, particles, length), uint8; empty where the move
    needs none."""

    def regrouped(self, rows: int, particles: int) -> Randomness:
        """Return the same numbers for ``rows`` rows of ``particles`` each."""
        bases = self.bases.reshape(rows, particles, -1) if self.bases.size else self.bases
        return Randomness(self.move, self.uniforms.reshape(rows, particles, 4), bases)


def draw(streams: list[np.random.Generator], move: str, particles: int, length: int) -> Randomness:
    """Draw the random numbers of one sweep of a given move."""
    uniforms = np.stack([rng.random((particles, 4)) for rng in streams])
    size = (particles, length) if move in _REFILLING else (0, 0)
    bases = np.stack([rng.integers(0, 4, size, np.uint8) for rng in streams])
    return Randomness(move, uniforms, bases)


def propose(state: np.ndarray, random: Randomness) -> tuple[np.ndarray, np.ndarray]:
    """Propose a new state for every particle.

    Parameters
    ----------
    state : numpy.ndarray, shape=(neurons, particles, length)
        Codes, uint8.
    random : Randomness
        This sweep's move and random numbers.

    Returns
    -------
    proposal : numpy.ndarray, shape=(neurons, particles, length)
        The proposed codes.
    partner : numpy.ndarray, shape=(neurons, particles)
        The particle that must be accepted together with this one: itself, except in a
        cross-over.
    """
    alone = np.broadcast_to(np.arange(state.shape[1]), state.shape[:2])
    move = random.move
    if move == "site":
        return _substitute(state, random, sites=1), alone
    if move == "sites":
        return _substitute(state, random, sites=3), alone
    if move == "block":
        return np.where(_stretch(random, state.shape[2]), random.bases, state), alone
    if move == "rotation":
        return _rotate(state, random), alone
    if move == "shift":
        return _shift(state, random), alone
    return _cross_over(state, random)


def _substitute(state: np.ndarray, random: Randomness, *, sites: int) -> np.ndarray:
    """Put random bases at up to ``sites`` random positions."""
    length = state.shape[2]
    proposal = state.copy()
    # One number gives both: of 4 * length equal slices, which position and which base.
    slices = (random.uniforms[:, :, :sites] * (4 * length)).astype(np.int64)
    np.put_along_axis(proposal, slices // 4, (slices % 4).astype(np.uint8), axis=2)
    return proposal


def _stretch(random: Randomness, length: int) -> np.ndarray:
    """Return a mask of one random stretch a particle, of 2 bp to half the window."""
    longest = max(length // 2, 2)
    start = (random.uniforms[:, :, 0] * length).astype(np.int64)[:, :, None]
    size = 2 + (random.uniforms[:, :, 1] * (longest - 1)).astype(np.int64)[:, :, None]
    position = np.arange(length)
    return (position >= start) & (position < start + size)


def _shift(state: np.ndarray, random: Randomness) -> np.ndarray:
    """Slide the window by a few bp either way; random bases enter at the end."""
    length = state.shape[2]
    distance = _distance(random.uniforms[:, :, 0], min(_LONGEST_SHIFT, max(length // 3, 1)))
    signed = np.where(random.uniforms[:, :, 1] < 0.5, distance, -distance)[:, :, None]
    origin = np.arange(length) - signed
    moved = np.take_along_axis(state, np.clip(origin, 0, length - 1), axis=2)
    return np.where((origin >= 0) & (origin < length), moved, random.bases)


def _distance(uniform: np.ndarray, longest: int) -> np.ndarray:
    """Return distances of 1 bp to ``longest``, short ones the most often: pools are small."""
    return np.exp(uniform * np.log(longest + 1)).astype(np.int64)


def _rotate(state: np.ndarray, random: Randomness) -> np.ndarray:
    """Rotate one random stretch by a few bp: what stands in it moves, and nothing is lost."""
    length = state.shape[2]
    longest = max(length // 2, 2)
    start = (random.uniforms[:, :, 0] * length).astype(np.int64)[:, :, None]
    size = 2 + (random.uniforms[:, :, 1] * (longest - 1)).astype(np.int64)[:, :, None]
    size = np.minimum(size, length - start)
    distance = _distance(random.uniforms[:, :, 2], min(_LONGEST_SHIFT, longest))
    signed = np.where(random.uniforms[:, :, 3] < 0.5, distance, -distance)[:, :, None]
    position = np.arange(length)
    inside = (position >= start) & (position < start + size)
    origin = np.where(inside, start + (position - start - signed) % size, position)
    return np.take_along_axis(state, origin, axis=2)


def _cross_over(state: np.ndarray, random: Randomness) -> tuple[np.ndarray, np.ndarray]:
    """Swap one random stretch between the particles of random pairs.

    In half of the pairs the stretches lie at different places, which carries a motif that
    one particle found to another place in its partner.
    """
    particles, length = state.shape[1:]
    index = np.arange(particles)
    # A random reflection pairs each particle with another and is its own inverse.
    pivot = (random.uniforms[:, :1, 2] * particles).astype(np.int64)
    partner = (pivot - index) % particles
    leader = np.minimum(partner, index)
    uniform = np.take_along_axis(random.uniforms[:, :, 3], leader, axis=1)
    distance = np.where(uniform < 0.5, 0, ((4 * uniform - 3) * (length / 2)).astype(np.int64))
    # The stretch is the leader's; its partner's lies ``distance`` to the right of it.
    origin = np.arange(length) + np.where(index == leader, distance, -distance)[:, :, None]
    inside = (origin >= 0) & (origin < length)
    origin = np.clip(origin, 0, length - 1)
    stretch = np.take_along_axis(_stretch(random, length), leader[:, :, None], axis=1)
    of_partner = np.take_along_axis(stretch, origin, axis=2)
    mask = inside & np.where((index == leader)[:, :, None], stretch, of_partner)
    other = np.take_along_axis(
        np.take_along_axis(state, partner[:, :, None], axis=1), origin, axis=2
    )
    return np.where(mask, other, state), partner
