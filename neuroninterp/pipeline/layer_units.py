"""What workers do for a layer: functions of a block of its neurons, or of its dictionary.

Each is given the worker's equipment, values that other units have stored, and parameters, and
returns a value to store (:mod:`neuroninterp.jobs`): the same on any worker, at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neuroninterp.evidence import activation_profile
from neuroninterp.jobs.codec import storable
from neuroninterp.jobs.equipment import Equipment
from neuroninterp.models import Model
from neuroninterp.motifs import (
    DictionaryMotif,
    Match,
    Motif,
    Part,
    Syntax,
    build_dictionary,
    decouple,
    find_syntax,
    match,
    mixture,
    random_split,
)
from neuroninterp.motifs.dictionary import Occurrence
from neuroninterp.motifs.matching import shuffle_columns
from neuroninterp.motifs.syntax import Spacing
from neuroninterp.results import ActivationProfile, NeuronResult, motif_id
from neuroninterp.sampling import ActivationSample, LargestWindows, NeuronInData, sample

__all__ = [
    "BlockMatches",
    "Described",
    "compose_dictionary",
    "describe_block",
    "find_syntax_block",
    "match_block",
    "pass_over",
    "sample_block",
]

_MATCHED_PARTS = {"quick": 4, "standard": 8, "thorough": 16}
"""Parts of a neuron that are matched, by effort: those with the largest shares."""


@dataclass(frozen=True, eq=False)
class Described:
    """Neurons with their PPMs.

    Parameters
    ----------
    neurons : tuple of NeuronResult
        Without matches and syntax.
    splits : tuple of tuple of numpy.ndarray, shape=(receptive field, 4)
        For each neuron PPMs of its sample split at random into as many parts as it has; none
        where it has one.
    """

    neurons: tuple[NeuronResult, ...]
    splits: tuple[tuple[np.ndarray, ...], ...]


@dataclass(frozen=True, eq=False)
class BlockMatches:
    """Hits of each neuron of a block: of its parts, its mixture and both controls."""

    parts: tuple[tuple[Match, ...], ...]
    mixture: tuple[tuple[Match, ...], ...]
    split: tuple[tuple[Match, ...], ...]
    shuffled: tuple[tuple[Match, ...], ...]


storable(ActivationSample, NeuronInData, LargestWindows, ActivationProfile)
storable(Motif, Part, NeuronResult, Match, DictionaryMotif, Occurrence, Syntax, Spacing)
storable(Described, BlockMatches)


def sample_block(
    equipment: Equipment, *, layer: int, neurons: Sequence[int], effort: str, seed: int
) -> tuple[ActivationSample, ...]:
    """Draw samples of some neurons from the model; see :func:`neuroninterp.sample`."""
    return tuple(sample(equipment.model, layer, neurons, effort=effort, seed=seed))


def describe_block(
    equipment: Equipment,
    drawn: Sequence[ActivationSample],
    observed: Sequence[NeuronInData] | None = None,
    *,
    effort: str,
    rounds: int | None,
    seed: int,
) -> Described:
    """Turn samples, drawn from the model and found in the user's sequences, into PPMs."""
    neurons, splits = [], []
    for index, own in enumerate(drawn):
        found = None if observed is None else observed[index]
        neuron = _describe(equipment.model, own, found, rounds, seed)
        neurons.append(neuron)
        splits.append(_control(own, neuron.parts, effort, seed))
    return Described(tuple(neurons), tuple(splits))


def _describe(
    model: Model, drawn: ActivationSample, found: NeuronInData | None, rounds: int | None, seed: int
) -> NeuronResult:
    whole = mixture(model, drawn)
    parts = decouple(model, drawn, rounds=rounds, seed=seed)
    data_whole = mixture(model, found.sample) if found is not None else None
    data_parts: tuple[Part, ...] = ()
    if found is not None:
        data_parts = decouple(model, found.sample, rounds=rounds, seed=seed)
    # A consensus or a window from the data can beat the sampler's best: the maximum is the
    # largest value that was seen anywhere.
    seen = [motif.maximum for motif in (*parts, data_whole, *data_parts) if motif is not None]
    return NeuronResult(
        layer=drawn.layer,
        neuron=drawn.neuron,
        mixture=raised(whole, seen),
        parts=parts,
        from_data=data_whole,
        from_data_parts=data_parts,
        effective_size=drawn.effective_size,
        ppm_error=drawn.ppm_error,
        converged=drawn.converged,
        profile=activation_profile(drawn, found),
    )


def raised(whole: Motif | None, seen: Sequence[float]) -> Motif | None:
    """Return the mixture with the largest value that was seen anywhere as its maximum."""
    return None if whole is None else replace(whole, maximum=max(whole.maximum, *seen, -np.inf))


def _control(
    drawn: ActivationSample, parts: Sequence[Part], effort: str, seed: int
) -> tuple[np.ndarray, ...]:
    if drawn.dead or len(parts) < 2:
        return ()
    return tuple(random_split(drawn, parts, seed=seed))[: _MATCHED_PARTS[effort]]


def match_block(
    equipment: Equipment,
    described: Described,
    *,
    stream: Mapping[str, Any],
    effort: str,
    relevant: Sequence[str],
) -> BlockMatches:
    """Match parts, mixtures and both controls of a block in one call.

    ``stream`` is the state of the generator that shuffles columns, as :func:`pass_over` leaves
    it after the blocks before.
    """
    rng = np.random.default_rng()
    rng.bit_generator.state = dict(stream)
    ppms: list[np.ndarray] = []
    names: list[str] = []
    owners: list[tuple[str, int]] = []
    for index, (neuron, split) in enumerate(zip(described.neurons, described.splits, strict=True)):
        parts = _matched(neuron, effort)
        sets = {
            "parts": parts,
            "mixture": [neuron.mixture.ppm] if neuron.mixture and len(parts) > 1 else [],
            "split": split,
            "shuffled": [shuffle_columns(ppm, rng) for ppm in parts],
        }
        for kind, members in sets.items():
            for number, ppm in enumerate(members):
                part = None if kind == "mixture" else number
                ppms.append(ppm)
                names.append(motif_id(neuron.layer, neuron.neuron, part))
                owners.append((kind, index))
    hits = match(ppms, equipment.database, names=names, relevant=relevant, n_jobs=equipment.threads)
    found = {
        kind: _gather(kind, owners, hits, len(described.neurons))
        for kind in ("parts", "mixture", "split", "shuffled")
    }
    # Where nothing was decoupled, the one part is the mixture, and its own control.
    for index, neuron in enumerate(described.neurons):
        if len(neuron.parts) < 2:
            found["mixture"][index] = found["split"][index] = found["parts"][index]
    return BlockMatches(**{kind: tuple(own) for kind, own in found.items()})


def pass_over(rng: np.random.Generator, described: Described, effort: str) -> None:
    """Draw from a generator what :func:`match_block` draws for a block."""
    for neuron in described.neurons:
        for ppm in _matched(neuron, effort):
            shuffle_columns(ppm, rng)


def _matched(neuron: NeuronResult, effort: str) -> list[np.ndarray]:
    return [part.ppm for part in neuron.parts[: _MATCHED_PARTS[effort]]]


def _gather(
    kind: str, owners: list[tuple[str, int]], hits: list[tuple[Match, ...]], neurons: int
) -> list[tuple[Match, ...]]:
    """Collect each neuron's hits of one kind, best first."""
    gathered: list[list[Match]] = [[] for _ in range(neurons)]
    for (owner, index), found in zip(owners, hits, strict=True):
        if owner == kind:
            gathered[index] += found
    return [tuple(sorted(found, key=lambda m: m.e_value)) for found in gathered]


def compose_dictionary(
    equipment: Equipment, *described: Described, layer: int, source: str
) -> tuple[DictionaryMotif, ...]:
    """Group the motifs in the parts of all neurons of a layer.

    ``source`` is "model" for the parts of what was drawn from the model, "data" for those of
    the user's sequences.
    """
    neurons = [neuron for block in described for neuron in block.neurons]
    parts = {n.neuron: n.parts if source == "model" else n.from_data_parts for n in neurons}
    return build_dictionary(
        layer, parts, equipment.database, source=source, n_jobs=equipment.threads
    )


def find_syntax_block(
    equipment: Equipment,
    dictionary: Sequence[DictionaryMotif],
    described: Described,
    seen: Sequence[ActivationSample | NeuronInData],
    *,
    seed: int,
) -> tuple[tuple[Syntax, ...], ...]:
    """Find how dictionary motifs are arranged in each neuron's sample."""
    found = []
    for neuron, own in zip(described.neurons, seen, strict=True):
        sampled = own.sample if isinstance(own, NeuronInData) else own
        if neuron.mixture is not None:
            # The values of a syntax are relative to the neuron's maximum, wherever that was
            # met, so that those from the data can be compared with those from the model.
            highest = max(sampled.maximum, neuron.mixture.maximum)
            sampled = replace(sampled, maximum=highest)
        found.append(find_syntax(equipment.model, sampled, dictionary, seed=seed))
    return tuple(found)
