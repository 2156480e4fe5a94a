"""The verdict on architectures and fractions whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from networks import chain, convolution, max_pool, relu, sequence_input

from neuroninterp.bottleneck import (
    empirical,
    layer_fractions,
    localist_flags,
    structural,
    verdict,
)
from neuroninterp.fields import Layer, layer_table
from neuroninterp.graph import Node
from neuroninterp.motifs import Match
from zoo.architectures.koo_eddy import VARIANTS

PAPER = {
    **dict.fromkeys(["cnn-1", "cnn-2", "cnn-4", "cnn9-4", "cnn3-2"], (2, "distributed")),
    "cnn-1-1-100": (3, "distributed"),
    "cnn3-50": (1, "starved"),
}
"""Koo & Eddy 2019; every other variant is localist in layer 1."""


def layers_of(variant: str) -> tuple[Layer, ...]:
    nodes: list[Node] = [sequence_input()]
    channels = 4
    for index, block in enumerate(VARIANTS[variant].blocks):
        reads = nodes[-1].name
        kernel = np.zeros((block.kernel, channels, block.filters))
        nodes.append(convolution(f"conv_{index}", reads, kernel))
        nodes.append(relu(f"relu_{index}", f"conv_{index}"))
        channels = block.filters
        if block.pool > 1:
            nodes.append(max_pool(f"pool_{index}", f"relu_{index}", block.pool, block.stride))
    return layer_table(chain(*nodes))


@pytest.mark.parametrize("variant", sorted(VARIANTS))
def test_structural_reading_is_right_on_all_variants(variant: str) -> None:
    reading = structural(layers_of(variant))
    assert (reading.layer, reading.kind) == PAPER.get(variant, (1, "localist"))


def flags(number: int, matched: int) -> np.ndarray:
    return np.arange(number) < matched


def test_empirical_reading_finds_the_earliest_layer_on_the_plateau() -> None:
    reading = empirical({1: flags(30, 1), 2: flags(128, 100)}, {1: 0.0, 2: 0.1})
    assert (reading.layer, reading.kind, reading.interval) == (2, "distributed", (2, 2))
    reading = empirical({1: flags(30, 28), 2: flags(128, 128)}, {1: 0.0, 2: 0.1})
    assert (reading.layer, reading.kind, reading.interval) == (1, "localist", (1, 1))
    # A deeper layer that matches as often by chance is no plateau.
    reading = empirical({1: flags(100, 60), 2: flags(100, 98)}, {1: 0.05, 2: 0.95})
    assert (reading.layer, reading.interval) == (1, (1, 1))
    unsure = empirical({1: flags(8, 5), 2: flags(8, 7)}, {1: 0.0, 2: 0.0})
    assert unsure.interval == (1, 2)


def test_no_excess_over_the_null_rate_is_undetermined() -> None:
    reading = empirical({1: flags(30, 6), 2: flags(30, 9)}, {1: 0.2, 2: 0.25})
    assert (reading.layer, reading.kind) == (None, "undetermined")
    assert verdict(structural(layers_of("cnn-25")), reading).layer is None
    assert empirical({}, {}).layer is None


def test_sentences_say_where_the_readings_agree() -> None:
    found = empirical({1: flags(30, 29), 2: flags(30, 29)}, {1: 0.0, 2: 0.0})
    agreed = verdict(structural(layers_of("cnn-25")), found)
    assert agreed.sentence.startswith("Layer 1 is localist")
    assert "Both readings agree" in agreed.sentence
    early = verdict(structural(layers_of("cnn-2")), found)
    assert (early.layer, early.kind) == (1, "localist")
    assert "points to layer 2" in early.sentence
    late = verdict(structural(layers_of("cnn-25")), empirical({2: flags(9, 9)}, {2: 0.0}))
    assert (late.layer, late.kind) == (2, "distributed")
    nothing = empirical({1: flags(30, 0)}, {1: 0.0})
    starved = verdict(structural(layers_of("cnn3-50")), nothing)
    assert (starved.layer, starved.kind) == (1, "starved")


def match(*, whole: bool, relevant: bool) -> Match:
    return Match("q", "MA0139.1", "CTCF", 1e-9, 1e-6, "+", 0, 10, 10, 0.9, whole, relevant)


def test_fractions_count_neurons_not_hits() -> None:
    decoupled = [
        [match(whole=True, relevant=True), match(whole=False, relevant=False)],
        [match(whole=True, relevant=False)],
        [match(whole=False, relevant=True)],
        [],
    ]
    nothing: list[list[Match]] = [[]] * 4
    found = layer_fractions(decoupled, nothing, nothing, decoupled, dead=1, relevant_named=True)
    assert (found.neurons, found.dead) == (4, 1)
    assert (found.match, found.relevant, found.localist) == (0.75, 0.5, 0.25)
    assert (found.mixture, found.mixture_relevant, found.random_split) == (0.0, 0.0, 0.0)
    assert (found.null, found.null_localist) == (0.75, 0.25)
    anything = layer_fractions(decoupled, nothing, nothing, nothing, dead=1, relevant_named=False)
    assert (anything.relevant, anything.localist) == (None, 0.5)
    assert localist_flags(decoupled, relevant_named=True).tolist() == [True, False, False, False]
