"""Decoupling: splitting a neuron's sample by the alignments that the network hides in it.

A max pool passes on that a motif was there, not where, so a deep neuron's average picture is
a blur of shifted copies (NeuronMotif, Wei et al. 2021). The winning offsets are known exactly
from the trunk; windows that are read at the same entries make a part, and every part gives
one sharp PPM. Motifs of which either will do come apart in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuroninterp.backend import one_thread
from neuroninterp.errors import NeuroninterpError
from neuroninterp.models import Model
from neuroninterp.motifs.decoupling_partition import Partitioner
from neuroninterp.motifs.decoupling_winners import (
    reading_nodes,
    representatives,
    signatures,
    winning_offsets,
)
from neuroninterp.motifs.information import consensus, consensus_codes
from neuroninterp.motifs.records import Motif, Part
from neuroninterp.sampling import LEVELS, ActivationSample, level_of, weighted_ppm

__all__ = ["decouple", "mixture", "random_groups", "random_split"]

_MOST_PARTS = 256
_PARTS_PER_SHIFT = 4
"""Two motifs that shift on their own have more alignments than the pools have shifts."""
_FEWEST_ALLOWED = 64


def mixture(model: Model, sample: ActivationSample) -> Motif | None:
    """Return the undecoupled PPM of a sample; None for a dead neuron."""
    if sample.dead:
        return None
    trunk = model.trunk(sample.layer)
    value = float(trunk.values_of(consensus_codes([sample.ppm]), np.array([sample.neuron]))[0])
    return Motif(
        ppm=sample.ppm,
        maximum=max(sample.maximum, value),
        threshold=sample.threshold,
        n_sequences=len(sample.values),
        consensus=consensus(sample.ppm),
        consensus_value=value,
        log2_rarity=sample.log2_rarity,
    )


@one_thread()
def decouple(
    model: Model, sample: ActivationSample, *, rounds: int | None = None, seed: int = 0
) -> tuple[Part, ...]:
    """Split a neuron's sample into parts of one alignment each.

    All windows of the sample end in a part, so that the share-weighted mean of the parts'
    PPMs is the PPM of the sample's windows.

    Parameters
    ----------
    model : Model
        The network.
    sample : ActivationSample
        A neuron's sample, from the model or from data.
    rounds : int or None
        Largest number of parts, as NeuronMotif counts them: as many as the pools below have
        shifts in one round, the square of that in two, … None has as many as are found to
        differ, which motifs of which either will do need even where nothing hides a shift.
    seed : int
        Seed of the choice of the windows whose gradients are taken.

    Returns
    -------
    tuple of Part
        Largest share first; one part with share 1 where nothing hides a shift or all parts
        are the same motif; empty for a dead neuron.

    Raises
    ------
    NeuroninterpError
        If ``rounds`` is below 1.
    """
    if rounds is not None and rounds < 1:
        raise NeuroninterpError(f"rounds is {rounds}; expected at least 1")
    if sample.dead:
        return ()
    groups = _groups(model, sample, rounds, seed)
    parts = _parts(model, sample, groups)
    return tuple(parts[i] for i in np.argsort([-part.share for part in parts], kind="stable"))


def random_split(
    sample: ActivationSample, parts: Sequence[Part], *, seed: int = 0
) -> tuple[np.ndarray, ...]:
    """Split a sample at random into parts of the same sizes: the control for decoupling.

    Returns
    -------
    tuple of numpy.ndarray, shape=(receptive field, 4)
        One PPM per part; the mixture alone where there is only one part.
    """
    if len(parts) < 2:
        return (sample.ppm,)
    rng = np.random.default_rng([seed, sample.layer, sample.neuron, 2])
    return tuple(
        weighted_ppm(sample.windows[group], sample.weights[group])
        for group in random_groups(sample, parts, rng)
    )


def random_groups(
    sample: ActivationSample, parts: Sequence[Part], rng: np.random.Generator
) -> list[np.ndarray]:
    """Return indices of the sample's windows in random groups as large as the parts.

    Groups whose windows all weigh nothing are left out.
    """
    order = rng.permutation(len(sample.values))
    sizes = np.array([part.n_sequences for part in parts])
    bounds = np.cumsum(sizes) * len(order) // sizes.sum()
    groups = np.split(order, bounds[:-1])
    return [group for group in groups if sample.weights[group].sum() > 0]


def _groups(
    model: Model, sample: ActivationSample, rounds: int | None, seed: int
) -> list[np.ndarray]:
    trunk = model.trunk(sample.layer)
    nodes = reading_nodes(model, sample.layer)
    shifts = model.layer(sample.layer).shifts
    most = _most_parts(shifts, rounds)
    counted = np.flatnonzero(sample.weights > 0)
    if not nodes or len(counted) < 2 or most < 2:
        return [np.arange(len(sample.values))]
    rng = np.random.default_rng([seed, sample.layer, sample.neuron, 4])
    rows = counted[representatives(trunk, sample.values[counted], rng)]
    partitioner = Partitioner(
        trunk,
        sample,
        rows,
        signatures(model, sample, nodes, rows),
        most_parts=most,
        shifts=shifts,
    )
    return _with_mass(sample, partitioner.groups())


def _most_parts(shifts: int, rounds: int | None) -> int:
    if rounds is None:
        return min(max(_PARTS_PER_SHIFT * shifts, _FEWEST_ALLOWED), _MOST_PARTS)
    return min(shifts**rounds, _MOST_PARTS)


def _with_mass(sample: ActivationSample, groups: list[np.ndarray]) -> list[np.ndarray]:
    """Add groups of windows that all weigh nothing to the group that weighs most."""
    mass = np.array([sample.weights[group].sum() for group in groups])
    massless = [group for group, m in zip(groups, mass, strict=True) if m <= 0]
    heaviest = np.concatenate([groups[int(mass.argmax())], *massless])
    return [
        heaviest if i == mass.argmax() else group for i, group in enumerate(groups) if mass[i] > 0
    ]


def _parts(model: Model, sample: ActivationSample, groups: list[np.ndarray]) -> list[Part]:
    trunk = model.trunk(sample.layer)
    mass = np.array([sample.weights[group].sum() for group in groups])
    ppms = [sample.ppm]
    if len(groups) > 1:
        ppms = [weighted_ppm(sample.windows[g], sample.weights[g]) for g in groups]
    windows = consensus_codes(ppms)
    values = trunk.values_of(windows, np.full(len(windows), sample.neuron)).astype(float)
    offsets = winning_offsets(model, sample.layer, sample.neuron, windows)
    rarities = _rarities(sample, groups)
    reference = ppms[int(mass.argmax())]
    return [
        Part(
            ppm=ppm,
            maximum=max(float(sample.values[group].max()), float(values[i])),
            threshold=sample.threshold,
            n_sequences=len(group),
            consensus=consensus(ppm),
            consensus_value=float(values[i]),
            log2_rarity=float(rarities[i]),
            share=float(mass[i] / mass.sum()),
            shift=_shift(reference, ppm),
            offsets=tuple(int(offset) for offset in offsets[i]),
        )
        for i, (group, ppm) in enumerate(zip(groups, ppms, strict=True))
    ]


def _rarities(sample: ActivationSample, groups: list[np.ndarray]) -> np.ndarray:
    """Return log2 P(a random window is active and of the group) of each group.

    Within a level a group has its share of the level's windows; levels that hold no window
    count like the others together.
    """
    if not np.isfinite(sample.log2_rarity):
        return np.full(len(groups), sample.log2_rarity)
    tail = np.append(2.0 ** (sample.log2_level - sample.log2_rarity), 0.0)
    level = np.maximum(level_of(sample.values, sample.threshold, sample.maximum), 0)
    mass = np.stack([np.bincount(level[g], sample.weights[g], LEVELS) for g in groups])
    total = mass.sum(axis=0)
    # Sampled tails need not fall from level to level.
    chance = np.where(total > 0, np.maximum(tail[:-1] - tail[1:], 0.0), 0.0)
    shares = np.divide(mass, total, out=np.zeros_like(mass), where=total > 0)
    part = shares @ chance / chance.sum()
    return sample.log2_rarity + np.log2(part, out=np.full(len(part), -np.inf), where=part > 0)


def _shift(reference: np.ndarray, ppm: np.ndarray) -> int:
    """Return by how many bp a PPM's motif lies to the right of the reference's."""
    first, second = (reference - 0.25).ravel(), (ppm - 0.25).ravel()
    # Four numbers a position: every fourth lag moves by whole positions.
    scores = np.correlate(second, first, "full")[3::4]
    best = np.flatnonzero(scores == scores.max()) - (len(reference) - 1)
    # Of equal scores the smallest shift.
    return int(best[np.abs(best).argmin()])
