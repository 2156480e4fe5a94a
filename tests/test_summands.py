"""Values as sums of what short stretches add, against the network itself on every window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import oracle
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from networks import (
    affine,
    chain,
    convolution,
    max_pool,
    model_of,
    relu,
    sequence_input,
    two_layers,
)
from truth import every_window

from neuroninterp.fields import Summands, Trunk
from neuroninterp.graph import Graph, Reverse
from neuroninterp.sampling import sample, weighted_ppm
from neuroninterp.sampling.cost import sampling_seconds
from neuroninterp.sampling.enumeration import enumerable

LONGEST = 7
"""Of what the property tests list every window of (bp)."""


def summands_of(trunk: Trunk) -> Summands:
    assert trunk.summands is not None
    return trunk.summands


def all_sums(trunk: Trunk) -> np.ndarray:
    """Every neuron's value on all windows, as the tables add up: (4^field, neurons)."""
    summands = summands_of(trunk)
    columns = [np.concatenate(list(summands.chunks(k))) for k in range(trunk.neurons)]
    return np.stack(columns, axis=1)


@st.composite
def networks(draw: st.DrawFn) -> Graph:
    """Two convolutions with strides, dilations, pools that overlap or leave gaps, a batch norm."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    small = st.integers(1, 3)
    below = [
        sequence_input(),
        convolution(
            "a",
            "input",
            rng.normal(size=(draw(small), 4, 3)),
            rng.normal(size=3),
            stride=draw(st.integers(1, 2)),
        ),
        relu("ra", "a"),
        replace(
            max_pool("p", "ra", draw(small), draw(small)),
            kind=draw(st.sampled_from(["max", "average"])),
        ),
    ]
    if draw(st.booleans()):
        below.append(Reverse(name="turned", inputs=("p",), source="turned", length=30))
    kernel = rng.normal(size=(draw(small), 3, 2))
    dilation = draw(st.integers(1, 2))
    second = convolution("b", below[-1].name, kernel, rng.normal(size=2), dilation=dilation)
    normed = affine("n", "b", rng.normal(size=2), rng.normal(size=2))
    return chain(*below, second, normed, relu("rb", "n"))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(networks())
def test_sums_are_the_values_of_all_windows(graph: Graph) -> None:
    trunk = model_of(graph).trunk(2)
    assume(trunk.receptive_field <= LONGEST)
    windows = every_window(trunk.receptive_field)
    values = trunk.values(windows)
    np.testing.assert_allclose(all_sums(trunk), values, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(summands_of(trunk).values(windows), values, rtol=1e-4, atol=1e-4)


def test_stretches_that_leave_gaps_between_them() -> None:
    """Positions 3 bp apart that read 1 bp each, and 2 bp apart that touch."""
    rng = np.random.default_rng(0)
    for width, dilation in ((1, 3), (2, 2)):
        graph = chain(
            sequence_input(),
            convolution("a", "input", rng.normal(size=(width, 4, 5))),
            relu("ra", "a"),
            convolution("b", "ra", rng.normal(size=(3, 5, 2)), dilation=dilation),
            relu("rb", "b"),
        )
        trunk = model_of(graph).trunk(2)
        values = trunk.values(every_window(trunk.receptive_field))
        np.testing.assert_allclose(all_sums(trunk), values, rtol=1e-4, atol=1e-5)


def test_a_layer_that_is_no_plain_sum_has_none() -> None:
    rng = np.random.default_rng(0)
    grouped = convolution("b", "ra", rng.normal(size=(3, 2, 4)), groups=2)
    wide = convolution("b", "ra", rng.normal(size=(3, 4, 2)))
    for second, first_width in ((grouped, 5), (wide, 14)):
        first = convolution("a", "input", rng.normal(size=(first_width, 4, 4)))
        graph = chain(sequence_input(), first, relu("ra", "a"), second, relu("rb", "b"))
        assert model_of(graph).trunk(2).summands is None


def test_a_grouped_convolution_is_enumerated_by_running_every_window() -> None:
    """The same neurons, with and without tables, have the same sample."""
    rng = np.random.default_rng(1)
    kernel = rng.normal(size=(3, 3, 4))
    whole = np.zeros((3, 6, 4))
    whole[:, :3, :2], whole[:, 3:, 2:] = kernel[:, :, :2], kernel[:, :, 2:]
    first = convolution("a", "input", rng.normal(size=(5, 4, 6)))
    found = []
    for second in (
        convolution("b", "ra", kernel, -3.0, groups=2),
        convolution("b", "ra", whole, -3.0),
    ):
        graph = chain(sequence_input(), first, relu("ra", "a"), second, relu("rb", "b"))
        model = model_of(graph)
        found.append((model.trunk(2).summands, sample(model, 2, seed=1)))
    assert found[0][0] is None
    assert found[1][0] is not None
    for run, summed in zip(found[0][1], found[1][1], strict=True):
        assert run.source == summed.source == "enumeration"
        assert run.maximum == pytest.approx(summed.maximum, rel=1e-6)
        np.testing.assert_allclose(run.ppm, summed.ppm, atol=1e-5)
        np.testing.assert_allclose(run.log2_level, summed.log2_level, atol=1e-3)
        np.testing.assert_array_equal(run.best_window, summed.best_window)


def test_twelve_bases_are_enumerated_exactly() -> None:
    """Two neurons of 12 bp, one rarely active, against a plain count of 16.8 million windows."""
    graph = two_layers(np.random.default_rng(7), width=7)
    model = model_of(graph)
    trunk = model.trunk(2)
    assert trunk.receptive_field == oracle.LARGEST
    assert enumerable(trunk)
    assert sampling_seconds(model, 2, 2, limit=60.0) < 2
    neurons = [0, 1]
    truths = oracle.enumerate_exactly(trunk.values, trunk.receptive_field, neurons, [0.0, 0.0])
    for truth, found in zip(truths, sample(model, 2, neurons, seed=0), strict=True):
        assert found.source == "enumeration"
        assert found.maximum == pytest.approx(truth.maximum, rel=1e-6)
        np.testing.assert_allclose(found.ppm, truth.ppm, atol=1e-6)
        np.testing.assert_allclose(found.log2_level, truth.log2_level, atol=1e-4)
        # What was kept for decoupling stands for all of it.
        kept = weighted_ppm(found.windows, found.weights)
        assert np.abs(kept - truth.ppm).mean() < 0.01
        values = trunk.values(found.windows)[:, found.neuron]
        np.testing.assert_allclose(found.values, values, rtol=1e-4, atol=1e-5)
        assert len(np.unique(found.windows, axis=0)) == len(found.windows)


def test_windows_at_the_threshold_are_not_active() -> None:
    """A neuron that is one number where nothing below wakes: as a sum, rounded otherwise."""
    rng = np.random.default_rng(3)
    kernel = rng.normal(size=(3, 4, 6)) - 1.0
    graph = chain(
        sequence_input(),
        convolution("a", "input", kernel, -0.7),
        relu("ra", "a"),
        convolution("b", "ra", np.abs(rng.normal(size=(4, 6, 1))), 0.1 / 3),
        # Not rectified: active above its median, which is that one number.
        replace(relu("s", "b"), function="sigmoid"),
    )
    (found,) = sample(model_of(graph), 2)
    trunk = model_of(graph).trunk(2)
    values = trunk.values_of(every_window(trunk.receptive_field), np.zeros(4096, int))
    assert (values == found.threshold).mean() > 0.5
    assert found.log2_rarity == pytest.approx(np.log2((values > found.threshold).mean()))
