"""What neurons do in the user's sequences, looked at block by block in any order."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import chain, convolution, max_pool, model_of, relu, sequence_input
from scipy import stats

from neuroninterp.sampling import (
    LEVELS,
    level_of,
    merge_largest,
    merge_levels,
    neurons_from_scan,
    neurons_in_data,
    scan_largest,
    scan_levels,
)
from neuroninterp.sampling.block_scan import _key_states
from neuroninterp.sampling.reservoirs import KEPT_PER_LEVEL, LevelsPart, Reservoirs
from neuroninterp.sequences import Sequences, store_sequences

LENGTH, NUMBER = 37, 400


def network():
    """A first layer of small whole numbers, with many ties, and a second of any numbers."""
    rng = np.random.default_rng(21)
    return model_of(
        chain(
            sequence_input(),
            convolution("conv_1", "input", rng.integers(-2, 3, (5, 4, 6)), length=LENGTH - 4),
            relu("relu_1", "conv_1"),
            max_pool("pool_1", "relu_1", 2),
            convolution("conv_2", "pool_1", rng.normal(size=(3, 6, 5)), -3.0),
            relu("relu_2", "conv_2"),
        ),
        length=LENGTH,
    )


MODEL = network()
CODES = np.random.default_rng(22).integers(0, 5, (NUMBER, LENGTH), np.uint8)
NEURONS = [4, 0, 2]
THRESHOLDS = np.array([0.0, 1.5, 1e9])  # the last one is nowhere active


def same(one, other):
    """Whether two values are equal bit by bit."""
    if dataclasses.is_dataclass(one):
        return all(
            same(getattr(one, field.name), getattr(other, field.name))
            for field in dataclasses.fields(one)
        )
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray):
        return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    return one == other or (one != one and other != other)


def in_parts(layer, cuts, order, groups):
    """Scan pieces in an order of their own, and merge them in groups first."""
    bounds = [0, *cuts, NUMBER]
    pieces = [(a, CODES[a:b]) for a, b in pairwise(bounds)]
    pieces = [pieces[i] for i in order(len(pieces))]

    def merged(merge, parts):
        return merge([merge(parts[i::groups]) for i in range(groups) if parts[i::groups]])

    found = [scan_largest(MODEL, layer, NEURONS, codes, first) for first, codes in pieces]
    largest = merged(merge_largest, found)
    ends = (largest.maxima, largest.maxima + 1)
    levels = merged(
        merge_levels,
        [
            scan_levels(MODEL, layer, NEURONS, THRESHOLDS, *ends, codes, first, 7)
            for first, codes in pieces
        ],
    )
    data = Sequences(CODES, None, None, None, "")
    return neurons_from_scan(MODEL, layer, NEURONS, THRESHOLDS, largest, levels, data)


WHOLE = {layer: in_parts(layer, [], range, 1) for layer in (1, 2)}


@settings(max_examples=25, deadline=None)
@given(
    layer=st.sampled_from([1, 2]),
    cuts=st.lists(st.integers(1, NUMBER - 1), max_size=6, unique=True).map(sorted),
    random=st.randoms(use_true_random=False),
    groups=st.integers(1, 3),
)
def test_any_split_in_any_order_gives_the_same_bits(layer, cuts, random, groups):
    def order(n):
        return random.sample(range(n), n)

    assert same(in_parts(layer, cuts, order, groups), WHOLE[layer])


def test_large_data_on_disk_give_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr("neuroninterp.sequences.dataset._BLOCK_SEQUENCES", 60)
    np.save(tmp_path / "data.npy", np.eye(5, 4, dtype=np.uint8)[CODES])
    stored = store_sequences(tmp_path / "data.npy", tmp_path / "stored", length=LENGTH)
    assert stored.block_count == 7
    done: list[int] = []
    found = neurons_in_data(MODEL, 2, NEURONS, THRESHOLDS, stored, seed=7, advance=done.append)
    assert same(found, neurons_in_data(MODEL, 2, NEURONS, THRESHOLDS, CODES, seed=7))
    assert sum(done) == 2 * NUMBER
    assert not same(found, neurons_in_data(MODEL, 2, NEURONS, THRESHOLDS, CODES, seed=8))


def test_some_neurons_of_a_scan_are_those_neurons():
    largest = scan_largest(MODEL, 1, NEURONS, CODES, 0)
    ends = largest.maxima
    levels = scan_levels(MODEL, 1, NEURONS, THRESHOLDS, ends, ends, CODES, 0, 7)
    data = Sequences(CODES, None, None, None, "")
    every = neurons_from_scan(MODEL, 1, NEURONS, THRESHOLDS, largest, levels, data)
    some = neurons_from_scan(
        MODEL, 1, [2, 4], THRESHOLDS[[2, 0]], largest.of([2, 0]), levels.of([2, 0]), data
    )
    assert same(some, [every[2], every[0]])


def split_mix(state, number):
    """SplitMix64 with Python's own integers."""
    word = 2**64 - 1
    z = (state + (number + 1) * 0x9E3779B97F4A7C15) & word
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & word
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & word
    return z ^ z >> 31


def test_the_windows_of_the_smallest_keys_are_kept_and_all_are_counted():
    rng = np.random.default_rng(3)
    values = rng.gamma(2.0, size=(90, 61, 3)).astype(np.float32)
    thresholds, maxima = np.array([0.1, 2.0, 50.0]), values.max(axis=(0, 1)).astype(np.float64)
    counted_to = maxima * 0.7
    states = _key_states(5, 1, np.array([0, 1, 2]))
    reservoirs = Reservoirs(states, 61)
    for begin in range(0, 90, 32):
        bounds = (thresholds, maxima, counted_to)
        reservoirs.offer(values[begin : begin + 32], 1000 + begin, *bounds)
    part = reservoirs.part()
    kept = zip(part.sequences.tolist(), part.positions.tolist(), part.values.tolist(), strict=True)
    for neuron in range(3):
        z = values[:, :, neuron].astype(np.float64)
        active = level_of(z[z > thresholds[neuron]], thresholds[neuron], counted_to[neuron])
        counts = [int((active == number).sum()) for number in range(LEVELS)]
        assert part.counts[neuron].tolist() == counts
        level = level_of(z, thresholds[neuron], maxima[neuron])
        for number in range(LEVELS):
            rows = [
                (split_mix(int(states[neuron]), (1000 + i) * 61 + p), 1000 + i, p, z[i, p])
                for i, p in np.argwhere((level == number) & (z > thresholds[neuron])).tolist()
            ]
            smallest = [row[1:] for row in sorted(rows)[:KEPT_PER_LEVEL]]
            assert part.kept[neuron, number] == len(smallest)
            assert [next(kept) for _ in smallest] == smallest
    assert next(kept, None) is None
    assert (part.kept[0] == KEPT_PER_LEVEL).any()
    assert not part.kept[2].any()


def test_every_window_has_the_same_chance():
    values = np.ones((20, 50, 1), np.float32)  # a thousand windows of one level
    ends = (np.zeros(1), np.ones(1), np.ones(1))
    taken = np.zeros(1000)
    for seed in range(100):
        reservoirs = Reservoirs(_key_states(seed, 1, np.array([0])), 50)
        reservoirs.offer(values, 0, *ends)
        part = reservoirs.part()
        assert len(set(zip(part.sequences, part.positions, strict=True))) == KEPT_PER_LEVEL
        taken[part.sequences * 50 + part.positions] += 1
    # Without replacement, so that the variance is smaller by (1000 - 200) / 999.
    statistic = ((taken - 20) ** 2 / 20).sum() * 999 / 800
    assert 0.001 < stats.chi2.cdf(statistic, 999) < 0.999


def test_parts_are_small():
    part = scan_levels(MODEL, 1, NEURONS, THRESHOLDS, np.full(3, 9.0), np.full(3, 9.0), CODES, 0, 7)
    assert isinstance(part, LevelsPart)
    kept = int(part.kept.sum())
    sizes = sum(getattr(part, name).nbytes for name in ("sequences", "positions", "values"))
    assert sizes == 16 * kept
    assert kept <= 3 * LEVELS * KEPT_PER_LEVEL
