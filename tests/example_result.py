"""A small run made by hand: two layers, three neurons (one dead), hostile names.

A third layer was only measured, a fourth has no field.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from neuroninterp.bottleneck import LayerFractions, Reading, Verdict
from neuroninterp.fields.layers import Layer, PoolSummary
from neuroninterp.graph.layers import BlockedLayer
from neuroninterp.measurement.records import EffectiveField, LayerFields, MeasuredField
from neuroninterp.motifs.dictionary import DictionaryMotif, Occurrence
from neuroninterp.motifs.records import KnownMotif, Match, Motif, Part
from neuroninterp.motifs.syntax import Spacing, Syntax
from neuroninterp.results.records import (
    ActivationProfile,
    AnalysisResult,
    LayerResult,
    NeuronResult,
    TopSequence,
)

HOSTILE_NAME = "<script>alert(1)</script>"
HOSTILE_TARGET = "</script><img src=x onerror=alert(2)>\u2028&"


def ppm_of(consensus: str, length: int, start: int, probability: float = 0.9) -> np.ndarray:
    """Return a PPM ``(length, 4)``, flat but for a motif that begins at ``start``."""
    ppm = np.full((length, 4), 0.25)
    for position, base in enumerate(consensus, start=start):
        ppm[position] = (1 - probability) / 3
        ppm[position, "ACGT".index(base)] = probability
    return ppm


def _letters(ppm: np.ndarray) -> str:
    return "".join("ACGT"[base] for base in ppm.argmax(axis=1))


def _part(motif: str, length: int, start: int, ratio: float, share: float, shift: int) -> Part:
    ppm = ppm_of(motif, length, start)
    return Part(
        ppm=ppm,
        maximum=8.0,
        threshold=0.0,
        n_sequences=250,
        consensus=_letters(ppm),
        consensus_value=8.0 * ratio,
        log2_rarity=float("nan"),
        share=share,
        shift=shift,
    )


def _mixture(parts: tuple[Part, ...], log2_rarity: float) -> Motif:
    ppm = sum((part.share * part.ppm for part in parts), np.zeros_like(parts[0].ppm))
    return Motif(ppm, 8.0, 0.0, 1000, _letters(ppm), 5.0, log2_rarity)


def _match(query: str, target: tuple[str, str], e_value: float, start: int, whole: bool) -> Match:
    return Match(
        query=query,
        target_id=target[0],
        target_name=target[1],
        p_value=e_value / 500,
        e_value=e_value,
        strand="-",
        start=start,
        end=start + 6,
        overlap=6,
        covered=0.9 if whole else 0.4,
        whole=whole,
        relevant=whole,
        target_start=start - 2,
    )


def _profile(data: bool) -> ActivationProfile:
    return ActivationProfile(
        edges=np.linspace(0.0, 7.5, 21),
        log2_level=np.append(-12.25 - np.arange(19) / 3, np.nan),
        data_counts=np.arange(40, 0, -2) if data else None,
        data_windows=12_000 if data else 0,
    )


HOSTILE_SEQUENCE = "<b>seq</b>\t\u202e\x1b[2J"
HOSTILE_LABEL = "H3K4me3<svg onload=alert(3)>\n"
TOP_SEQUENCES = (
    TopSequence(
        value=7.75,
        window="ACGTACGTACTGACTCANNNACGTACGT",
        sequence=12,
        name="chr1:1000-1200(-)",
        start=5,
        location="chr1:1167-1195(-)",
        labels=("Arid3a", HOSTILE_LABEL),
    ),
    TopSequence(-0.5, "G" * 28, 299, HOSTILE_SEQUENCE, 172),
)
TARGETS = {
    target.id: target
    for target in (
        KnownMotif("MA0058.3", "MAX", ppm_of("CACGTG", 10, 2, 0.96)),
        KnownMotif("X1", HOSTILE_TARGET, ppm_of("TTGACTCA", 10, 2)),
        KnownMotif("MA0099.2", "FOS::JUN", ppm_of("TGACTCA", 7, 0)),
    )
}

FIRST = Layer(1, "conv1", 2, 19, 1, 1, (9, 9), "relu", PoolSummary("max", 2, 2), 19, 1, -9, 1)
SECOND = Layer(2, HOSTILE_NAME, 1, 5, 1, 1, (2, 2), None, None, 28, 2, -13, 2)
THIRD = Layer(3, "reversed", 4, 3, 1, 1, (1, 1), "relu", None, 32, 2, 185, 2, direction=-1)
WHY = "the outermost weights are zero in '<b>conv1</b>'"


SYNTAX = (
    Syntax(
        layer=2,
        neuron=0,
        share=0.7,
        motifs=("layer2_motif0", "layer2_motif1", "layer2_motif0"),
        strands=("+", "-", "+"),
        starts=((0, 3), (9, 12), (20, 20)),
        spacings=(Spacing(0, 6, 3, (1, 5)), Spacing(2, 2, 2)),
        value_inside=0.9,
        value_outside=0.1,
    ),
    Syntax(2, 0, 0.2, ("layer2_motif1",), ("+",), ((4, 4),), (), 0.6, float("nan")),
)


DATA_SYNTAX = (
    Syntax(
        layer=2,
        neuron=0,
        share=0.95,
        motifs=("layer2_data_motif0", "layer2_data_motif0"),
        strands=("+", "+"),
        starts=((1, 4), (15, 18)),
        spacings=(Spacing(4, 10, 7),),
        value_inside=0.45,
        value_outside=-0.2,
    ),
)


def _dictionary() -> tuple[DictionaryMotif, ...]:
    places = (Occurrence(0, 0, 10, "+", 0.6), Occurrence(0, 1, 11, "-", 0.4))
    hit = _match("layer2_motif1", ("X1", HOSTILE_TARGET), 0.02, 0, False)
    return (
        DictionaryMotif("layer2_motif0", ppm_of("CACGTG", 6, 0), 1.0, places),
        DictionaryMotif("layer2_motif1", ppm_of("TGACTCA", 7, 0), 0.6, places[:1], hit),
    )


def _dictionary_from_data() -> tuple[DictionaryMotif, ...]:
    places = (Occurrence(0, 0, 12, "+", 0.5),)
    hit = _match("layer2_data_motif0", ("MA0099.2", "FOS::JUN"), 0.001, 0, True)
    return (DictionaryMotif("layer2_data_motif0", ppm_of("TGACGTA", 7, 0), 0.5, places, hit),)


def _fields() -> tuple[LayerFields, ...]:
    return (
        LayerFields(FIRST, MeasuredField(0, 19), EffectiveField(2, 17), EffectiveField(3, 15)),
        LayerFields(SECOND, MeasuredField(0, 25, WHY), EffectiveField(4, 24)),
        LayerFields(THIRD, MeasuredField(0, 29, WHY), None, None),
    )


def example_result() -> AnalysisResult:
    """Build the run; equal at every call."""
    single = (_part("TGACTCA", 19, 6, 0.9, 1.0, 0),)
    first = NeuronResult(
        layer=1,
        neuron=0,
        mixture=_mixture(single, -12.25),
        parts=single,
        matches=(_match("layer1_neuron0_part0", ("X1", HOSTILE_TARGET), 0.02, 6, False),),
        profile=_profile(data=False),
    )
    dead = NeuronResult(layer=1, neuron=1, mixture=None)
    parts = (_part("CACGTG", 28, 10, 0.95, 0.6, 0), _part("CACGTG", 28, 11, 0.98, 0.4, 1))
    deep = NeuronResult(
        layer=2,
        neuron=0,
        mixture=_mixture(parts, -20.5),
        parts=parts,
        matches=(
            _match("layer2_neuron0_part1", ("MA0058.3", "MAX"), 3e-8, 11, True),
            _match("layer2_neuron0_part0", ("MA0058.3", "MAX"), 1e-4, 10, True),
        ),
        mixture_matches=(_match("layer2_neuron0_mixture", ("MA0058.3", "MAX"), 0.05, 10, False),),
        from_data=_mixture(parts, float("nan")),
        from_data_parts=parts[:1],
        syntax=SYNTAX,
        effective_size=412.5,
        ppm_error=0.004,
        converged=False,
        syntax_from_data=DATA_SYNTAX,
        profile=_profile(data=True),
        top_sequences=TOP_SEQUENCES,
    )
    return AnalysisResult(
        model={"path": "../x/model.keras", "sha256": "ab" * 32, "format": "keras", "length": 200},
        data={"path": "../x/<b>test</b>.h5", "sequences": 300},
        performance=pd.DataFrame(
            {
                "class": ["Arid3a", HOSTILE_NAME],
                "positives": [30, 0],
                "negatives": [270, 300],
                "auroc": [0.95, np.nan],
                "aupr": [0.8, np.nan],
            }
        ),
        layers=(
            LayerResult(
                FIRST,
                (first, dead),
                LayerFractions(
                    2,
                    1,
                    0.5,
                    None,
                    0.0,
                    0.5,
                    None,
                    0.0,
                    0.5,
                    None,
                    0.0,
                    null=0.0,
                    null_localist=0.0,
                ),
            ),
            LayerResult(
                SECOND,
                (deep,),
                LayerFractions(
                    1, 0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.0, 0.5, 0.5, 0.0, null=0.05, null_localist=0.0
                ),
                _dictionary(),
                _dictionary_from_data(),
            ),
        ),
        verdict=Verdict(
            layer=2,
            kind="distributed",
            structural=Reading(2, "distributed", "A pool of 2 keeps order."),
            empirical=Reading(2, "distributed", "The fraction rises to 1.", (1, 2)),
            sentence="Whole motifs live in layer 2 & not before.",
        ),
        settings={"seed": 0, "relevant": ("MA0139.1",)},
        versions={"neuroninterp": "0.1.0"},
        seconds={"sampling": 1.5},
        skipped=("layer 3: behind an opaque node <i>",),
        fields=_fields(),
        blocked=(BlockedLayer(4, "late<i>", 8, 1, "it sees all, through 'LSTM<i>'", True),),
        notes=("input 'x<i>' is held at 0",),
        targets=TARGETS,
    )
