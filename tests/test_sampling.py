"""Samples against exact truths: enumeration, dynamic programming, planted windows."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import (
    chain,
    convolution,
    max_pool,
    model_of,
    relu,
    reverse_complement,
    sequence_input,
    two_layers,
)
from oracle import (
    LinearTruth,
    Planted,
    alternatives,
    both_strands,
    gapped_motif,
    label_windows,
    linear_on_grid,
    two_motifs,
)
from oracle import truth as planted_truth
from truth import activation_weighted, every_window, linear_truth

from neuroninterp.errors import DataError, UnknownNameError
from neuroninterp.fields import Trunk
from neuroninterp.graph import Activation, Concatenate, Constant
from neuroninterp.models import Model
from neuroninterp.sampling import (
    LEVELS,
    ActivationSample,
    activity_thresholds,
    level_of,
    level_weights,
    neurons_in_data,
    sample,
    weighted_ppm,
    windows_from_data,
)
from neuroninterp.sampling.climb import Step
from neuroninterp.sampling.effort import effort_for
from neuroninterp.sampling.enumeration import enumerate_neurons
from neuroninterp.sampling.ladder import build_ladder
from neuroninterp.sampling.splitting import split_neurons
from neuroninterp.sampling.tally import Tally

MEAN_ERROR = 0.005
WORST_ERROR = 0.03
LEVEL_BITS = 0.5
"""What a sampled neuron may be off by at standard effort: PPM entries on average, the worst of
them, and the log2 probability of any level."""


def split(
    trunk: Trunk, layer: int, neurons: list[int], *, seed: int, effort: str = "standard"
) -> list[ActivationSample]:
    """Sample as if nothing could be summed or enumerated, active above 0."""
    chosen = effort_for(effort, trunk.receptive_field, trunk.multiplications)
    return split_neurons(trunk, layer, neurons, np.zeros(len(neurons)), effort=chosen, seed=seed)


def test_enumeration_is_exact() -> None:
    """Every PPM, maximum and probability equals a plain sum over all 4^8 windows."""
    model = model_of(two_layers(np.random.default_rng(0)))
    trunk = model.trunk(2)
    windows = every_window(trunk.receptive_field)
    values = trunk.values(windows).astype(np.float64)
    for found in sample(model, 2):
        z = values[:, found.neuron]
        # One neuron's sum and a product of matrices round differently.
        assert found.maximum == pytest.approx(z.max(), rel=1e-6)
        if z.max() <= 0:
            assert found.dead
            continue
        np.testing.assert_allclose(found.ppm, activation_weighted(windows, z, 0.0), atol=1e-9)
        assert found.log2_rarity == pytest.approx(np.log2((z > 0).mean()))
        best = trunk.values_of(found.best_window[None], np.array([found.neuron]))
        assert best == pytest.approx(found.maximum, rel=1e-6)
        # What was kept for decoupling stands for all of it.
        kept = weighted_ppm(found.windows, found.weights)
        assert np.abs(kept - found.ppm).mean() < 0.01


def test_splitting_agrees_with_enumeration() -> None:
    """Deep enumerable neurons, active from everywhere to once in 5,000 windows, and a dead one."""
    active = 0
    for seed in (0, 3):
        model = model_of(two_layers(np.random.default_rng(seed)))
        trunk = model.trunk(2)
        neurons = list(range(trunk.neurons))
        exact = enumerate_neurons(trunk, 2, neurons, np.zeros(len(neurons)), seed=0)
        for truth, found in zip(exact, split(trunk, 2, neurons, seed=1), strict=True):
            assert found.maximum == pytest.approx(truth.maximum, rel=1e-6)
            assert found.dead == truth.dead
            if truth.dead:
                continue
            active += 1
            assert np.abs(found.ppm - truth.ppm).mean() <= MEAN_ERROR
            assert np.abs(found.ppm - truth.ppm).max() <= WORST_ERROR
            np.testing.assert_allclose(found.log2_level, truth.log2_level, atol=LEVEL_BITS)
    assert active >= 6


def random_first_layer() -> tuple[Model, np.ndarray, np.ndarray]:
    """19-bp linear neurons with whole numbers, active in one window of 4 to one of 10 billion."""
    rng = np.random.default_rng(2)
    kernel = np.round(rng.normal(size=(19, 4, 12)) * 60).astype(int)
    bias = -np.linspace(400, 700, 12).round()
    graph = chain(sequence_input(), convolution("a", "input", kernel, bias), relu("r", "a"))
    return model_of(graph), kernel, bias


def whole_number_truth(kernel: np.ndarray, bias: float) -> LinearTruth:
    """Truth, by dynamic programming without rounding, of a neuron that is active above 0."""
    lowest = kernel.min(axis=1)
    return linear_on_grid(kernel - lowest[:, None], 1.0, float(lowest.sum()) + bias, 0.0)


def test_splitting_agrees_with_dynamic_programming() -> None:
    """First layers, sampled; and the errors that the sampler expects are those it makes."""
    model, kernel, bias = random_first_layer()
    errors = []
    for found in split(model.trunk(1), 1, list(range(12)), seed=5):
        truth = whole_number_truth(kernel[:, :, found.neuron], bias[found.neuron])
        error = np.abs(found.ppm - truth.ppm)
        assert found.maximum == pytest.approx(truth.maximum)
        assert error.mean() <= MEAN_ERROR
        assert error.max() <= WORST_ERROR
        np.testing.assert_allclose(found.log2_level, truth.log2_level, atol=LEVEL_BITS)
        assert found.converged
        errors.append((error.mean(), found.ppm_error))
    made, expected = np.mean(errors, axis=0)
    assert 0.5 < made / expected < 2


def test_linear_neurons_are_summed_exactly() -> None:
    """First layers as they are sampled in practice, and the windows that come with them."""
    model, kernel, bias = random_first_layer()
    for found in sample(model, 1, seed=5):
        truth = whole_number_truth(kernel[:, :, found.neuron], bias[found.neuron])
        assert found.source == "summation"
        assert found.maximum == pytest.approx(truth.maximum)
        assert np.abs(found.ppm - truth.ppm).mean() < 1e-3
        # A top level may hold ten windows, one of which the grid rounds over its edge.
        np.testing.assert_allclose(found.log2_level, truth.log2_level, atol=0.2)
        kept = weighted_ppm(found.windows, found.weights)
        assert np.abs(kept - truth.ppm).mean() < 0.01


def test_linear_neuron_that_is_never_active_is_dead() -> None:
    kernel = np.random.default_rng(0).normal(size=(12, 4, 1))
    graph = chain(sequence_input(), convolution("a", "input", kernel, -1e3), relu("r", "a"))
    (found,) = sample(model_of(graph), 1)
    assert found.dead
    assert found.maximum == pytest.approx(kernel.max(axis=1).sum() - 1e3, rel=1e-5)


@pytest.mark.parametrize(
    "design", [both_strands, alternatives, two_motifs, gapped_motif], ids=lambda d: d.__name__
)
def test_planted_arrangements_are_found_at_their_share(design: Callable[[], Planted]) -> None:
    """Neurons that are silent until a whole motif stands there, in one of several ways."""
    planted = design()
    layer, neuron = planted.top[:2]
    exact = planted_truth(planted, layer, neuron, windows=60_000)
    assert exact.share_error < 0.01
    (found,) = split(planted.model.trunk(layer), layer, [neuron], seed=0)
    assert found.maximum == pytest.approx(exact.maximum)
    label, _ = label_windows(planted.neurons[layer, neuron], found.windows)
    shares = np.bincount(label, found.weights, len(exact.shares))[: len(exact.shares)]
    np.testing.assert_allclose(shares, exact.shares, atol=0.05)
    assert np.abs(found.ppm - exact.ppm).mean() < 0.02


def test_no_population_rests_on_a_plateau() -> None:
    """Of 27 bp that wake a neuron once in 2 million windows, 32 arrangements; another seed.

    Below the threshold z is one number, and only the guide leads on.
    """
    planted = two_motifs(depth=4)
    layer, neuron = planted.top[:2]
    arrangements = planted.neurons[layer, neuron]
    (found,) = split(planted.model.trunk(layer), layer, [neuron], seed=2)
    assert found.maximum == pytest.approx(1.0, abs=1e-5)
    label, _ = label_windows(arrangements, found.windows)
    shares = np.bincount(label, found.weights, len(arrangements))
    exact = planted_truth(planted, layer, neuron, windows=60_000)
    np.testing.assert_allclose(shares, exact.shares, atol=0.05)


def test_a_neuron_whose_active_windows_were_never_visited_keeps_the_best() -> None:
    low = Step(-np.inf, 0.0, np.zeros(4), np.zeros((4, 6), np.uint8), np.zeros(4))
    high = Step(0.1, -2.0, np.full(4, 0.2), np.zeros((4, 6), np.uint8), np.full(4, 0.2))
    ladder = build_ladder(0.5, 1.0, [[low, high]] * 4)
    best = np.array([0, 1, 2, 3, 0, 1], np.uint8)
    found = Tally(0.5, 1.0, best, ladder).sample(2, 3, np.random.default_rng(0))
    np.testing.assert_array_equal(found.windows, [best])
    np.testing.assert_array_equal(found.ppm, np.eye(4)[best])
    assert (found.maximum, found.dead, found.converged) == (1.0, False, False)
    assert -40 < found.log2_rarity < -2


def test_dynamic_programming_agrees_with_enumeration() -> None:
    """The truth of the test above, against the other truth, on 8 bp."""
    kernel = np.random.default_rng(0).integers(-9, 10, (8, 4))
    windows = every_window(8)
    values = kernel[np.arange(8), windows].sum(axis=1)
    ppm, maximum, rarity = linear_truth(kernel, 10)
    assert maximum == values.max()
    assert rarity == pytest.approx(np.log2((values > 10).mean()))
    np.testing.assert_allclose(ppm, activation_weighted(windows, values, 10.0), atol=1e-9)


def test_all_modes_are_found_at_their_share() -> None:
    """A neuron that takes one motif at either of two shifts has them half and half."""
    kernel = np.full((8, 4, 1), -1.0)
    kernel[np.arange(8), [0, 1, 2, 3, 3, 2, 1, 0], 0] = 1.0
    graph = chain(
        sequence_input(),
        convolution("a", "input", kernel, -3.0),
        relu("ra", "a"),
        max_pool("p", "ra", 8),
        convolution("b", "p", np.ones((1, 1, 1))),
        relu("rb", "b"),
    )
    model = model_of(graph)
    (found,) = sample(model, 2)
    assert found.source == "splitting"
    assert found.maximum == 5.0
    top = found.values > 3.0
    offsets = model.trunk(2).pool_inputs(found.windows[top], "p")[:, :, 0].argmax(axis=1)
    shares = np.bincount(offsets, minlength=8) / len(offsets)
    np.testing.assert_allclose(shares, 1 / 8, atol=0.06)


def test_same_seed_same_sample_whatever_the_neurons() -> None:
    kernel = np.random.default_rng(0).normal(size=(14, 4, 6))
    graph = chain(sequence_input(), convolution("a", "input", kernel, -4.0), relu("r", "a"))
    trunk = model_of(graph).trunk(1)
    together = split(trunk, 1, [0, 1, 2, 3, 4, 5], effort="quick", seed=3)
    trunk.batch_size = 512
    backward = split(trunk, 1, [5, 4], effort="quick", seed=3)
    for again in (backward[1], split(trunk, 1, [4], effort="quick", seed=3)[0]):
        np.testing.assert_array_equal(again.windows, together[4].windows)
        np.testing.assert_array_equal(again.ppm, together[4].ppm)
    (other,) = split(trunk, 1, [4], effort="quick", seed=4)
    assert other.windows.shape != together[4].windows.shape or (
        (other.windows != together[4].windows).any()
    )


def test_threshold_of_other_nonlinearities_is_the_median() -> None:
    kernel = np.random.default_rng(1).normal(size=(5, 4, 3))
    graph = chain(
        sequence_input(),
        convolution("a", "input", kernel, 2.0),
        Activation(name="s", inputs=("a",), source="s", function="sigmoid"),
    )
    model = model_of(graph)
    values = model.trunk(1).values(every_window(5))
    np.testing.assert_allclose(activity_thresholds(model, 1), np.median(values, axis=0), atol=0.15)
    for found in sample(model, 1):
        assert found.log2_rarity == pytest.approx(-1.0, abs=0.1)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.01, 10.0), min_size=1, max_size=60))
def test_levels_partition_the_active_range(raw: list[float]) -> None:
    values = np.array(raw)
    level = level_of(values, 0.0, values.max())
    assert ((level >= 0) & (level < LEVELS)).all()
    assert level[values.argmax()] == LEVELS - 1
    np.testing.assert_array_equal(np.argsort(values, kind="stable"), np.lexsort((values, level)))
    weights = level_weights(values, 0.0, values.max())
    for b in np.unique(level):
        inside = level == b
        np.testing.assert_allclose(weights[inside], weights[inside][0])
        share = weights[inside].sum() * sum(values[level == c].mean() for c in np.unique(level))
        assert share == pytest.approx(values[inside].mean())


def test_windows_from_data_are_the_sequences_own() -> None:
    """Sample from data equals the definition applied to every window cut by hand."""
    rng = np.random.default_rng(4)
    graph = two_layers(rng)
    model = model_of(graph, length=30)
    codes = rng.integers(0, 4, (300, 30)).astype(np.uint8)
    layer = model.layer(2)
    starts = range(layer.start, 30 - layer.receptive_field + 1, layer.jump)
    windows = np.concatenate([codes[:, s : s + layer.receptive_field] for s in starts])
    values = model.trunk(2).values(windows)
    neurons = list(range(layer.filters))
    for found in windows_from_data(model, 2, neurons, np.zeros(len(neurons)), codes):
        z = values[:, found.neuron].astype(np.float64)
        if z.max() <= 0:
            assert found.dead
            continue
        assert found.maximum == pytest.approx(z.max(), rel=1e-5)
        np.testing.assert_allclose(
            model.trunk(2).values(found.windows)[:, found.neuron], found.values, rtol=1e-4
        )
        level = level_of(z, 0.0, z.max())
        if np.bincount(level[level >= 0]).max() <= 200:
            np.testing.assert_allclose(found.ppm, activation_weighted(windows, z, 0.0), atol=1e-4)
        else:
            error = np.abs(found.ppm - activation_weighted(windows, z, 0.0)).mean()
            assert error < 0.02


def whole_numbers(strand: int, length: int) -> Model:
    """Two layers whose values are small whole numbers, so that many windows have the same one."""
    rng = np.random.default_rng(11)
    reads = "input" if strand > 0 else "complement"
    return model_of(
        chain(
            sequence_input(),
            *([] if strand > 0 else reverse_complement("complement", "input", length)),
            convolution("conv_1", reads, rng.integers(-2, 3, (4, 4, 6)), length=length - 3),
            relu("relu_1", "conv_1"),
            max_pool("pool_1", "relu_1", 2),
            convolution("conv_2", "pool_1", rng.integers(-2, 3, (3, 6, 5)), -3.0),
            relu("relu_2", "conv_2"),
        ),
        length=length,
    )


@pytest.mark.parametrize("strand", [1, -1])
@pytest.mark.parametrize("layer", [1, 2])
def test_largest_windows_and_counts_of_data_are_those_of_every_window_cut_by_hand(
    strand: int, layer: int
) -> None:
    length, number = 31, 300  # the last of three batches is not full
    model = whole_numbers(strand, length)
    assert model.layer(layer).direction == strand
    codes = np.random.default_rng(12).integers(0, 5, (number, length), np.uint8)
    geometry, trunk = model.layer(layer), model.trunk(layer)
    spans = [geometry.interval(position) for position in range(length)]
    spans = sorted((a, b) for a, b in spans if a >= 0 and b <= length)
    z = np.stack([trunk.values(codes[:, a:b]) for a, b in spans], axis=1).astype(np.float64)
    neurons = [4, 0, 2]
    ends = [float(z[:, :, neuron].max()) - 2 for neuron in neurons]  # below the data's largest
    thresholds = np.zeros(len(neurons))
    found = neurons_in_data(model, layer, neurons, thresholds, codes, level_maxima=ends)
    for in_data, neuron, end in zip(found, neurons, ends, strict=True):
        values = z[:, :, neuron]
        assert in_data.windows == values.size
        edges = np.linspace(0, end, LEVELS + 1)
        edges[-1] = np.inf  # what is larger counts in the last level
        counts = [int(((values > low) & (values <= high)).sum()) for low, high in pairwise(edges)]
        assert in_data.level_counts.tolist() == counts
        best = [(-row.max(), i, spans[row.argmax()][0]) for i, row in enumerate(values)]
        best.sort()
        assert len({value for value, _, _ in best[:11]}) < 11, "no two with the same value"
        largest = in_data.largest
        listed = zip(-largest.values, largest.sequences, largest.starts, strict=True)
        assert [tuple(row) for row in listed] == best[:10]
        for window, (_, i, start) in zip(largest.windows, best[:10], strict=True):
            np.testing.assert_array_equal(window, codes[i, start : start + len(window)])


def test_fewer_sequences_than_windows_are_kept() -> None:
    model = model_of(two_layers(np.random.default_rng(4)), length=30)
    codes = np.random.default_rng(5).integers(0, 4, (3, 30), np.uint8)
    (in_data,) = neurons_in_data(model, 2, [1], np.zeros(1), codes)
    assert sorted(in_data.largest.sequences) == [0, 1, 2]
    assert in_data.largest.values[0] == in_data.sample.maximum


def test_wrong_arguments() -> None:
    model = model_of(two_layers(np.random.default_rng(0)), length=30)
    with pytest.raises(UnknownNameError, match="layer '7'; valid: 1, 2"):
        sample(model, 7)
    with pytest.raises(UnknownNameError, match="neuron of layer 2 '5'; valid: 0 to 4"):
        sample(model, 2, [5])
    with pytest.raises(UnknownNameError, match="effort 'heroic'; valid: quick"):
        sample(model, 2, effort="heroic")
    with pytest.raises(DataError, match="8 bp; no such window fits into sequences of 5 bp"):
        windows_from_data(model, 2, [0], np.zeros(1), np.zeros((2, 5), np.uint8))


def test_a_graph_that_holds_for_one_length_takes_no_windows_from_others() -> None:
    kernel = np.random.default_rng(0).normal(size=(5, 6, 2))
    track = Constant(
        name="track", inputs=(), source="track", value=np.ones(2, np.float32), length=50
    )
    beside = Concatenate(name="beside", inputs=("input", "track"), source="beside")
    model = model_of(
        chain(sequence_input(), track, beside, convolution("scan", "beside", kernel)), 50
    )
    rng = np.random.default_rng(1)
    thresholds = np.zeros(2)
    with pytest.raises(DataError, match=r"read at 50 bp and the sequences have 40; .*--length 40"):
        windows_from_data(model, 1, [0, 1], thresholds, rng.integers(0, 4, (9, 40), np.uint8))
    found = windows_from_data(model, 1, [0, 1], thresholds, rng.integers(0, 4, (9, 50), np.uint8))
    for sample_ in found:
        np.testing.assert_allclose(
            model.trunk(1).values(sample_.windows)[:, sample_.neuron], sample_.values, atol=1e-5
        )
