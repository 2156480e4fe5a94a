"""What a result says of how it came about: of samples that are worth few independent windows."""

from __future__ import annotations

import dataclasses
from math import inf, nan

import pytest
from example_result import example_result

from neuroninterp.caveats import thinly_sampled
from neuroninterp.neuron_inspection import print_neuron
from neuroninterp.report.advice import sample_caution
from neuroninterp.results import FEW_WINDOWS, LayerResult


def layer_of(*sizes: float) -> LayerResult:
    """Layer 2 with a neuron worth each number of independent windows, and a dead one."""
    first, deep = example_result().layers
    (neuron,) = deep.neurons
    living = (dataclasses.replace(neuron, effective_size=size) for size in sizes)
    dead = dataclasses.replace(first.neurons[1], layer=2, effective_size=0.0)
    assert dead.dead
    return dataclasses.replace(deep, neurons=(*living, dead))


def test_thin_samples_are_counted_layer_by_layer() -> None:
    layers = [layer_of(inf, 100.0, nan), layer_of(12.0, 99.9, 3.0, 412.5)]
    (sentence,) = thinly_sampled(layers)
    field = layers[1].layer.receptive_field
    assert sentence.startswith(
        f"layer 2: the samples of 3 of 5 neurons are worth fewer than 100 independent windows of "
        f"{field} bp (median 12);"
    )


@pytest.mark.parametrize("size", [FEW_WINDOWS, 412.5, inf, nan])
def test_nothing_is_said_of_other_samples(size: float) -> None:
    layer = layer_of(size)
    assert thinly_sampled([layer]) == []
    assert [sample_caution(neuron) for neuron in layer.neurons] == [None, None]


def test_a_neurons_caution_names_what_there_is_to_rely_on() -> None:
    neuron = layer_of(20.6).neurons[0]
    told = sample_caution(neuron)
    assert told is not None
    assert "worth about 21 independent windows" in told
    assert told.endswith("another seed shows again, and on the PPM from your sequences.")
    told = sample_caution(dataclasses.replace(neuron, from_data=None))
    assert told is not None
    assert told.endswith("another seed shows again.")


@pytest.mark.parametrize("size", [20.6, 412.5])
def test_the_terminal_says_so_before_the_logos(
    size: float, capsys: pytest.CaptureFixture[str]
) -> None:
    layer = layer_of(size)
    neuron = layer.neurons[0]
    print_neuron(layer.layer, neuron, parts=1, mixture=False)
    _, second, *_ = capsys.readouterr().out.splitlines()
    caution = sample_caution(neuron)
    assert (second == f"note: {caution}") == (caution is not None) == (size < FEW_WINDOWS)
