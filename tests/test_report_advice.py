"""What the report says in words, for every kind of verdict."""

from __future__ import annotations

import dataclasses

import pytest
from example_result import example_result

from neuroninterp.bottleneck import Reading
from neuroninterp.report.advice import certainty, filter_advice
from neuroninterp.results.records import AnalysisResult


def result(
    kind: str, layer: int | None, *, localist: float = 0.5, structural: int = 2
) -> AnalysisResult:
    base = example_result()
    interval = None if layer is None else (layer, layer)
    verdict = dataclasses.replace(
        base.verdict,
        layer=layer,
        kind=kind,
        structural=Reading(structural, "distributed", "why"),
        empirical=Reading(layer, kind, "why", interval),
    )
    first = base.layers[0]
    fractions = dataclasses.replace(first.fractions, neurons=20, localist=localist)
    layers = (dataclasses.replace(first, fractions=fractions), *base.layers[1:])
    return dataclasses.replace(base, layers=layers, verdict=verdict)


@pytest.mark.parametrize(
    ("kind", "layer", "localist", "said"),
    [
        ("localist", 1, 0.9, "You can: most of them are whole motifs"),
        ("distributed", 2, 0.1, "Do not read the first layer's filters as motifs"),
        ("distributed", 2, 0.6, "Many first-layer filters are whole motifs, but layer 2"),
        ("starved", 1, 0.0, "Do not read this network's filters as motifs"),
        ("undetermined", None, 0.1, "may be chance here"),
    ],
)
def test_advice_fits_the_verdict(kind: str, layer: int | None, localist: float, said: str) -> None:
    advice = filter_advice(result(kind, layer, localist=localist))
    assert said in advice
    if kind != "localist":
        assert f"Of layer 1's 20 neurons {100 * localist:.0f}\u202f% hold a whole motif" in advice


def test_certainty_tells_interval_and_agreement() -> None:
    both = certainty(result("distributed", 2))
    assert (
        "Every resampling of the neurons names the same layer, and the architecture agrees" in both
    )
    # Wilson's interval of one neuron of one.
    assert (
        "100\u202f% hold a whole relevant motif (95\u202f% interval 21\u202f% to 100\u202f%)"
        in both
    )
    apart = certainty(result("distributed", 2, structural=1))
    assert "the architecture points elsewhere" in apart
    assert "the architecture's word alone" in certainty(result("undetermined", None))
    assert "layers 1 to 2" in certainty(example_result())
    without = dataclasses.replace(example_result(), layers=())
    assert "was not analysed" in filter_advice(without)
