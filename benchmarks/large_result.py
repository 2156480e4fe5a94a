"""A made-up run of a large network, to measure what writing, reading and showing one costs."""

from __future__ import annotations

from typing import Any

import numpy as np

from neuroninterp.bottleneck import LayerFractions, Reading, Verdict
from neuroninterp.fields.layers import Layer, PoolSummary
from neuroninterp.measurement.records import EffectiveField, LayerFields, MeasuredField
from neuroninterp.motifs.databases import load_database
from neuroninterp.motifs.dictionary import DictionaryMotif, Occurrence
from neuroninterp.motifs.information import consensus, on_strand
from neuroninterp.motifs.records import KnownMotif, Match, Motif, Part
from neuroninterp.motifs.syntax import Spacing, Syntax
from neuroninterp.results import (
    ActivationProfile,
    AnalysisResult,
    LayerResult,
    NeuronResult,
    TopSequence,
    motif_id,
)

__all__ = ["large_result"]

_LAYERS = 3
_DICTIONARY = 30
_TOP = 10
_SEQUENCES, _LENGTH = 20_000, 600
_FLANK = 40.0
"""Concentration of the flanks' noise: that of PPMs made from some 40 sequences."""


def large_result(
    neurons: int = 3000, parts: int = 16, width: int = 40, seed: int = 0
) -> AnalysisResult:
    """Make up a run: every neuron knows one motif of JASPAR, at a place that each part shifts.

    Parameters
    ----------
    neurons : int
        Of all three layers together.
    parts : int
        Of each neuron.
    width : int
        Receptive field of every layer, bp; at least 24.
    seed : int
        The same seed gives the same run.

    Returns
    -------
    AnalysisResult
        With matches, profiles, top sequences, dictionaries and syntaxes, as a run with data and
        without labels has them; PPMs are sharp over 8 to 15 bp, and noise elsewhere.
    """
    rng = np.random.default_rng(seed)
    database = load_database("JASPAR2024")
    targets = [
        KnownMotif(identifier, name, ppm)
        for identifier, name, ppm in zip(database.ids, database.names, database.ppms, strict=True)
        if 8 <= len(ppm) <= 15
    ]
    numbers = np.array_split(np.arange(neurons), _LAYERS)
    layers = tuple(
        _layer(number, len(members), parts, width, targets, rng)
        for number, members in enumerate(numbers, start=1)
    )
    reading = Reading(2, "localist", "Windows of 12 bp cannot be told apart.", (2, 2))
    return AnalysisResult(
        model={"path": "large.keras", "sha256": "0" * 64, "format": "keras", "length": _LENGTH},
        data={"path": "large.h5", "sequences": _SEQUENCES, "length": _LENGTH, "labels": 0},
        performance=None,
        layers=layers,
        verdict=Verdict(2, "localist", reading, reading, "Whole motifs live in layer 2."),
        settings={"seed": seed, "motifs": database.name, "targets": len(database)},
        versions={"neuroninterp": "0"},
        seconds={"sampling": 3600.0},
        fields=tuple(
            LayerFields(
                layer.layer,
                MeasuredField(0, width),
                EffectiveField(4, width - 4),
                EffectiveField(5, width - 5),
            )
            for layer in layers
        ),
        targets=_named(layers, targets),
    )


def _named(layers: tuple[LayerResult, ...], targets: list[KnownMotif]) -> dict[str, KnownMotif]:
    found = {
        match.target_id for layer in layers for neuron in layer.neurons for match in neuron.matches
    }
    found |= {
        entry.match.target_id for layer in layers for entry in layer.dictionary if entry.match
    }
    return {target.id: target for target in targets if target.id in found}


def _layer(
    number: int,
    neurons: int,
    parts: int,
    width: int,
    targets: list[KnownMotif],
    rng: np.random.Generator,
) -> LayerResult:
    pool = PoolSummary("max", 4, 4) if number < _LAYERS else None
    start = -(width // 2)
    geometry = Layer(
        number, f"conv_{number}", neurons, 11, 1, 1, (5, 5), "relu", pool, width, 4, start, parts
    )
    found = tuple(_neuron(number, k, parts, width, targets, rng) for k in range(neurons))
    matched = float(np.mean([bool(neuron.matches) for neuron in found])) if found else 0.0
    fractions = LayerFractions(
        neurons=neurons,
        dead=0,
        match=matched,
        relevant=None,
        localist=matched,
        mixture=0.5,
        mixture_relevant=None,
        mixture_localist=0.25,
        random_split=0.5,
        random_split_relevant=None,
        random_split_localist=0.25,
        null=0.1,
        null_localist=0.02,
    )
    return LayerResult(geometry, found, fractions, _dictionary(number, neurons, targets, rng))


def _dictionary(
    layer: int, neurons: int, targets: list[KnownMotif], rng: np.random.Generator
) -> tuple[DictionaryMotif, ...]:
    entries = []
    for index in range(_DICTIONARY):
        name = f"layer{layer}_motif{index}"
        target = targets[rng.integers(len(targets))]
        places = tuple(
            Occurrence(int(k), 0, 8, "+", 0.4) for k in rng.integers(0, max(1, neurons), 20)
        )
        match = _match(name, target, "+", 0, len(target.ppm))
        entries.append(DictionaryMotif(name, target.ppm, 20.0 - index / 2, places, match))
    return tuple(entries)


def _match(query: str, target: KnownMotif, strand: str, start: int, columns: int) -> Match:
    """Match the first columns of a target at a place of the query."""
    covered = columns / len(target.ppm)
    return Match(
        query=query,
        target_id=target.id,
        target_name=target.name,
        p_value=1e-4 * 10.0**-columns,
        e_value=0.1 * 10.0**-columns,
        strand=strand,
        start=start,
        end=start + columns,
        overlap=columns,
        covered=covered,
        whole=covered == 1,
        target_start=start,
    )


def _neuron(
    layer: int,
    neuron: int,
    parts: int,
    width: int,
    targets: list[KnownMotif],
    rng: np.random.Generator,
) -> NeuronResult:
    target, other = (targets[k] for k in rng.choice(len(targets), 2, replace=False))
    strand = "+-"[rng.integers(2)]
    motif = on_strand(target.ppm, strand)
    places = 2 + np.arange(parts) % (width - len(motif) - 2)
    ppms = rng.dirichlet(np.full(4, _FLANK / 4), (parts, width))
    for ppm, place in zip(ppms, places, strict=True):
        ppm[place : place + len(motif)] = motif
    maximum = float(rng.uniform(4, 12))
    shares = np.sort(rng.dirichlet(np.full(parts, 2.0)))[::-1]
    decoupled = tuple(
        Part(
            **_known(ppm, maximum * (0.9 + 0.1 * share), 0.95),
            log2_rarity=float(-12 + np.log2(share)),
            share=float(share),
            shift=int(place - places[0]),
        )
        for ppm, share, place in zip(ppms, shares, places, strict=True)
    )
    blurred = np.einsum("p,plb->lb", shares, ppms)
    return NeuronResult(
        layer=layer,
        neuron=neuron,
        mixture=Motif(**_known(blurred, maximum, 0.7), log2_rarity=-12.0),
        parts=decoupled,
        matches=(
            _match(motif_id(layer, neuron, 0), target, strand, int(places[0]), len(motif)),
            _match(motif_id(layer, neuron, parts - 1), other, "+", int(places[-1]), 5),
        ),
        from_data=Motif(**_known(blurred, 0.8 * maximum, 0.8)),
        from_data_parts=decoupled[:1],
        syntax=(_syntax(layer, neuron),),
        effective_size=400.0,
        ppm_error=0.01,
        profile=_profile(maximum, rng),
        top_sequences=_top_sequences(ppms[0], maximum, rng),
    )


def _known(ppm: np.ndarray, maximum: float, ratio: float) -> dict[str, Any]:
    return {
        "ppm": ppm,
        "maximum": maximum,
        "threshold": 0.0,
        "n_sequences": 250,
        "consensus": consensus(ppm),
        "consensus_value": ratio * maximum,
    }


def _syntax(layer: int, neuron: int) -> Syntax:
    first, second = neuron % _DICTIONARY, (neuron + 1) % _DICTIONARY
    names = (f"layer{layer}_motif{first}", f"layer{layer}_motif{second}")
    places, spacings = ((0, 3), (12, 16)), (Spacing(1, 5, 2),)
    return Syntax(layer, neuron, 0.6, names, ("+", "-"), places, spacings, 0.9, 0.2)


def _profile(maximum: float, rng: np.random.Generator) -> ActivationProfile:
    levels = np.arange(20)
    return ActivationProfile(
        edges=np.linspace(0, maximum, 21),
        log2_level=-12.0 - 0.5 * levels,
        data_counts=rng.poisson(2e4 * 0.7**levels),
        data_windows=_SEQUENCES * _LENGTH,
    )


def _top_sequences(
    ppm: np.ndarray, maximum: float, rng: np.random.Generator
) -> tuple[TopSequence, ...]:
    width = len(ppm)
    letters = (rng.random((_TOP, width, 1)) > ppm.cumsum(axis=1)[:, :3]).sum(axis=2)
    numbers = rng.choice(_SEQUENCES, _TOP, replace=False)
    starts = rng.integers(0, _LENGTH - width, _TOP)
    tops = []
    for rank, (number, start) in enumerate(zip(numbers.tolist(), starts.tolist(), strict=True)):
        left = 1000 * number
        tops.append(
            TopSequence(
                value=maximum * (0.8 - 0.01 * rank),
                window="".join("ACGT"[base] for base in letters[rank]),
                sequence=number,
                name=f"chr1:{left}-{left + _LENGTH}(+)",
                start=start,
                location=f"chr1:{left + start}-{left + start + width}(+)",
            )
        )
    return tuple(tops)
