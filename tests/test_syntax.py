"""Syntax: planted arrangements are said, whichever way the motifs shift."""

from __future__ import annotations

import dataclasses

import numpy as np
import oracle
import pytest
from networks import chain, convolution, max_pool, model_of, relu, sequence_input

import neuroninterp as ni
from neuroninterp.models import Model
from neuroninterp.motifs import Part, Spacing, Syntax, build_dictionary, find_syntax
from neuroninterp.motifs.dictionary import DictionaryMotif
from neuroninterp.sampling import ActivationSample, activity_thresholds
from neuroninterp.sampling.sample import LEVELS, level_weights, weighted_ppm
from zoo import weights_path

FIRST, SECOND = "TGACTCATCG", "CCGGAAGTAA"
WIDTH = len(FIRST)


def detectors(*motifs: str) -> np.ndarray:
    """Return a kernel (width, 4, motifs): 1 on the motif, 0.25 less for each mismatch."""
    kernel = np.full((WIDTH, 4, len(motifs)), -0.15)
    for channel, motif in enumerate(motifs):
        for column, base in enumerate(motif):
            kernel[column, "ACGT".index(base), channel] = 0.1
    return kernel


def apart(distance: int, *, second: int = 1, either: bool = False) -> np.ndarray:
    """Return a kernel that reads channel 0 at its first tap and another ``distance`` taps on."""
    kernel = np.zeros((distance + 1, 2, 1))
    kernel[0, 0], kernel[distance, second] = 1.0, 0.9 if either else 1.0
    return kernel


def independent(distance: int) -> Model:
    """Both motifs needed; each shifts on its own behind a pool of 16: the shape of toy 2."""
    return model_of(
        chain(
            sequence_input(),
            convolution("conv_1", "input", detectors(FIRST, SECOND)),
            relu("relu_1", "conv_1"),
            max_pool("pool_1", "relu_1", 16),
            convolution("conv_2", "pool_1", apart(distance), -1.0),
            relu("relu_2", "conv_2"),
        )
    )


def rigid(distance: int, pool: int) -> Model:
    """Both motifs needed, a fixed distance apart; a pool shifts them together."""
    return model_of(
        chain(
            sequence_input(),
            convolution("conv_1", "input", detectors(FIRST, SECOND)),
            relu("relu_1", "conv_1"),
            convolution("conv_2", "relu_1", apart(distance), -1.0),
            relu("relu_2", "conv_2"),
            max_pool("pool_2", "relu_2", pool),
            convolution("conv_3", "pool_2", np.ones((1, 1, 1))),
            relu("relu_3", "conv_3"),
        )
    )


def alternatives(pool: int) -> Model:
    """Either motif will do."""
    return model_of(
        chain(
            sequence_input(),
            convolution("conv_1", "input", detectors(FIRST, SECOND)),
            relu("relu_1", "conv_1"),
            max_pool("pool_1", "relu_1", pool),
            convolution("conv_2", "pool_1", apart(0, either=True)),
            relu("relu_2", "conv_2"),
        )
    )


def drawn(
    model: Model, layer: int, places: list[list[tuple[str, int]]], number: int = 3_000
) -> tuple[ActivationSample, list[Part]]:
    """Return windows with motifs at one of the given places, mutated, and a part a place."""
    rng = np.random.default_rng(0)
    field = model.layer(layer).receptive_field
    windows = rng.integers(0, 4, (number, field), np.uint8)
    chosen = rng.integers(len(places), size=number)
    for window, place in zip(windows, chosen, strict=True):
        for motif, start in places[place]:
            word = np.array(["ACGT".index(base) for base in motif])
            kept = rng.random(WIDTH) > 0.08
            window[start : start + WIDTH][kept] = word[kept]
    return gathered(model, layer, windows, chosen)


def gathered(
    model: Model, layer: int, windows: np.ndarray, places: np.ndarray
) -> tuple[ActivationSample, list[Part]]:
    """Return the active windows as a sample, and a part for each place from 0 up."""
    threshold = float(activity_thresholds(model, layer)[0])
    values = model.trunk(layer).values_of(windows, np.zeros(len(windows), int)).astype(float)
    active = values > threshold
    windows, values, places = windows[active], values[active], places[active]
    maximum = float(values.max())
    weights = level_weights(values, threshold, maximum)
    parts = []
    for place in np.unique(places[places >= 0]):
        here = places == place
        ppm = weighted_ppm(windows[here], weights[here])
        share = float(weights[here].sum() / weights[places >= 0].sum())
        parts.append(Part(ppm, maximum, threshold, int(here.sum()), "", 1.0, share=share))
    sample = ActivationSample(
        layer=layer,
        neuron=0,
        windows=windows,
        values=values,
        weights=weights,
        ppm=weighted_ppm(windows, weights),
        threshold=threshold,
        maximum=maximum,
        best_window=windows[values.argmax()],
        log2_rarity=-20.0,
        log2_level=np.full(LEVELS, np.nan),
        source="splitting",
    )
    return sample, parts


def described(
    model: Model, layer: int, places: list[list[tuple[str, int]]]
) -> tuple[tuple[Syntax, ...], dict[str, DictionaryMotif]]:
    sample, parts = drawn(model, layer, places)
    dictionary = build_dictionary(layer, {0: parts})
    found = find_syntax(model, sample, dictionary)
    assert [str(s) for s in find_syntax(model, sample, dictionary)] == [str(s) for s in found]
    return found, {entry.name: entry for entry in dictionary}


def consensus_of(syntax: Syntax, entries: dict[str, DictionaryMotif]) -> list[str]:
    """Return the motifs as they read from left to right in the window."""
    other = str.maketrans("ACGT", "TGCA")
    return [
        entries[name].consensus if strand == "+" else entries[name].consensus.translate(other)[::-1]
        for name, strand in zip(syntax.motifs, syntax.strands, strict=True)
    ]


@pytest.fixture(scope="module")
def flexible() -> tuple[tuple[Syntax, ...], dict[str, DictionaryMotif]]:
    places = [[(FIRST, i), (SECOND, 32 + j)] for i in range(0, 16, 3) for j in range(0, 16, 3)]
    places += [[(FIRST, 15), (SECOND, 32 + j)] for j in range(0, 16, 5)]
    return described(independent(2), 2, places)


def test_two_motifs_that_shift_on_their_own(
    flexible: tuple[tuple[Syntax, ...], dict[str, DictionaryMotif]],
) -> None:
    """Planted: starts 0 to 15 and 32 to 47, so gaps from 7 to 37 bp."""
    (syntax,), entries = flexible
    assert consensus_of(syntax, entries) == [FIRST, SECOND]
    assert syntax.share > 0.9
    assert syntax.kind == "flexible"
    (spacing,) = syntax.spacings
    assert abs(spacing.minimum - 7) <= 1
    assert abs(spacing.maximum - 37) <= 1
    assert spacing.in_parts is not None
    assert syntax.starts == ((0, 15), (32, 47))
    assert syntax.value_inside > 0.9
    # Without its partner a motif does not reach the threshold.
    assert syntax.value_outside < 0.1


@pytest.mark.parametrize("seed", [0, 1])
def test_two_motifs_from_nothing_but_the_network(seed: int) -> None:
    """Sampled, decoupled, cut, grouped: what was planted, and where, to the base."""
    planted = oracle.two_motifs(seed, apart=5)
    layer, neuron = planted.top[:2]
    (drawn,) = ni.sample(planted.model, layer, [neuron])
    parts = ni.decouple(planted.model, drawn)
    dictionary = build_dictionary(layer, {neuron: parts})
    entries = {entry.name: entry for entry in dictionary}
    (syntax,) = find_syntax(planted.model, drawn, dictionary)
    words = ["".join("ACGT"[base] for base in m.scores.argmax(axis=1)) for m in planted.motifs]
    assert sorted(entry.consensus for entry in dictionary) == sorted(words)
    assert consensus_of(syntax, entries) == words
    assert syntax.share > 0.9
    arrangements = planted.neurons[layer, neuron]
    starts = np.array([[dict(a.placements)[m.name] for m in planted.motifs] for a in arrangements])
    gaps = starts[:, 1] - starts[:, 0] - len(words[0])
    (spacing,) = syntax.spacings
    assert syntax.kind == "flexible"
    assert abs(spacing.minimum - gaps.min()) <= 1
    assert abs(spacing.maximum - gaps.max()) <= 1
    assert syntax.starts == tuple((column.min(), column.max()) for column in starts.T)
    assert syntax.value_inside > 0.9
    assert syntax.value_outside < 0.1


def test_two_motifs_a_fixed_distance_apart() -> None:
    places = [[(FIRST, i), (SECOND, i + 17)] for i in range(6)]
    (syntax,), entries = described(rigid(17, 6), 3, places)
    assert consensus_of(syntax, entries) == [FIRST, SECOND]
    assert syntax.spacings == (Spacing(7, 7, 7, (7, 7)),)
    assert str(syntax).count("[gap 7, fixed]") == 1
    assert syntax.starts == ((0, 5), (17, 22))
    assert syntax.value_inside > 0.9
    assert syntax.value_outside < 0.1


def test_orientation_and_order_of_one_motif_on_both_strands() -> None:
    """The second site is the first one's reverse complement."""
    backward = FIRST.translate(str.maketrans("ACGT", "TGCA"))[::-1]
    model = model_of(
        chain(
            sequence_input(),
            convolution("conv_1", "input", detectors(FIRST, backward)),
            relu("relu_1", "conv_1"),
            max_pool("pool_1", "relu_1", 4),
            convolution("conv_2", "pool_1", apart(4), -1.0),
            relu("relu_2", "conv_2"),
        )
    )
    places = [[(FIRST, i), (backward, 16 + j)] for i in range(4) for j in range(4)]
    (syntax,), entries = described(model, 2, places)
    assert len(entries) == 1
    assert len(set(syntax.motifs)) == 1
    assert set(syntax.strands) == {"+", "-"}
    assert consensus_of(syntax, entries) == [FIRST, backward]
    assert (syntax.spacings[0].minimum, syntax.spacings[0].maximum) == (3, 9)


def test_either_of_two_motifs_is_two_syntaxes() -> None:
    places = [[(motif, i)] for motif in (FIRST, SECOND) for i in range(4)]
    found, entries = described(alternatives(4), 2, places)
    assert [syntax.kind for syntax in found] == ["single", "single"]
    assert {consensus_of(s, entries)[0] for s in found} == {FIRST, SECOND}
    assert sum(s.share for s in found) == pytest.approx(1.0, abs=0.05)
    assert all(np.isnan(s.value_outside) and s.value_inside > 0.85 for s in found)


def test_the_trained_toy_of_two_ctcf_sites() -> None:
    """Planted in what it was trained on: sites that start at 0 to 15 and at 44 to 59 of 82 bp."""
    model = ni.load(weights_path("toy-2"))
    database = ni.load_database("JASPAR2016")
    ctcf = database.ppms[database.ids.index("MA0139.1")]
    rng = np.random.default_rng(0)
    number, rows = 6_000, np.arange(6_000)[:, None]
    windows = rng.integers(0, 4, (number, 82), np.uint8)
    starts = np.stack([rng.integers(0, 16, number), rng.integers(44, 60, number)])
    for start in starts:
        site = (rng.random((number, 19, 1)) > ctcf.cumsum(axis=1)[:, :3]).sum(axis=2)
        windows[rows, start[:, None] + np.arange(19)] = site
    places = np.where(np.subtract(*starts) % 4 == 0, 100 * starts[0] + starts[1], -1)
    sample, parts = gathered(model, 5, windows, places)
    dictionary = build_dictionary(5, {0: parts}, database)
    assert dictionary[0].match is not None
    assert dictionary[0].match.target_name == "CTCF"
    syntax = find_syntax(model, sample, dictionary)[0]
    assert syntax.share > 0.8
    assert syntax.motifs == ("layer5_motif0", "layer5_motif0")
    assert syntax.strands == ("+", "+")
    (spacing,) = syntax.spacings
    width = len(dictionary[0].ppm)
    assert abs(spacing.minimum - (44 - 15 - width)) <= 1
    assert abs(spacing.maximum - (59 - 0 - width)) <= 1
    assert syntax.value_inside > syntax.value_outside + 0.3


def test_dead_neurons_and_foreign_motifs_have_no_syntax() -> None:
    model = independent(2)
    sample, parts = drawn(model, 2, [[(FIRST, 0), (SECOND, 32)]], 200)
    dead = dataclasses.replace(
        sample, windows=sample.windows[:0], values=sample.values[:0], weights=sample.weights[:0]
    )
    assert find_syntax(model, dead, build_dictionary(2, {0: parts})) == ()
    assert find_syntax(model, sample, build_dictionary(2, {1: parts})) == ()
