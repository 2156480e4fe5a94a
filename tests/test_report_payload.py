"""What the report's script draws from: exact numbers, in little room."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest
from example_result import HOSTILE_TARGET, TOP_SEQUENCES, example_result, ppm_of
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neuroninterp.motifs.records import Part
from neuroninterp.report.encoding import embed_json, encode_ppms, informative_span
from neuroninterp.report.payload import SHOWN_MOTIFS, ordered_parts, page_payload
from neuroninterp.results.records import NeuronResult
from neuroninterp.text import printable


def decode(matrix: list[Any] | tuple[Any, ...]) -> np.ndarray:
    """Read an encoded PPM with Python's own base 64: two digits are one 12-bit entry."""
    text, start, _, _, length = matrix
    padded = text + "A" * (-len(text) % 4)
    raw = np.frombuffer(base64.b64decode(padded), dtype=np.uint8).astype(int).reshape(-1, 3)
    first = raw[:, 0] * 16 + raw[:, 1] // 16
    second = raw[:, 1] % 16 * 256 + raw[:, 2]
    entries = np.stack([first, second], axis=1).ravel()[: len(text) // 2].reshape(-1, 3)
    ppm = np.full((length, 4), 0.25)
    ppm[start : start + len(entries), :3] = entries / 4095
    ppm[start : start + len(entries), 3] = (4095 - entries.sum(axis=1)) / 4095
    return ppm


def heights(ppm: np.ndarray) -> np.ndarray:
    logarithms = np.log2(np.where(ppm > 0, ppm, 1))
    return ppm * (2 + (ppm * logarithms).sum(axis=1))[:, None]


@given(
    st.lists(
        arrays(float, st.tuples(st.integers(1, 40), st.just(4)), elements=st.floats(1e-6, 1)),
        min_size=1,
        max_size=4,
    )
)
def test_encoding_keeps_three_digits_of_all_that_would_be_drawn(raw: list[np.ndarray]) -> None:
    ppms = [weights / weights.sum(axis=1, keepdims=True) for weights in raw]
    for ppm, matrix in zip(ppms, encode_ppms(ppms), strict=True):
        text, start, begin, end, length = matrix
        kept = slice(start, start + len(text) // 6)
        assert np.abs(decode(matrix) - ppm)[kept].max() <= 1 / 4095 + 1e-12
        assert start <= begin < end <= kept.stop <= length == len(ppm)
        left_out = np.delete(heights(ppm).sum(axis=1), np.arange(kept.start, kept.stop))
        assert (left_out < 0.1).all()
        assert (begin, end) == informative_span(ppm)


def test_payload_carries_every_ppm() -> None:
    result = example_result()
    values = page_payload(result).values
    shallow, deep = values["layers"]
    alive, dead = shallow["neurons"]
    assert dead == {"k": 1}
    np.testing.assert_allclose(
        heights(decode(alive["parts"][0][1])),
        heights(result.layers[0].neurons[0].parts[0].ppm),
        atol=0.02,
    )
    (drawn,) = deep["neurons"]
    neuron = result.layers[1].neurons[0]
    assert [part[0] for part in drawn["parts"]] == [1, 0]
    motifs = [neuron.parts[1], neuron.parts[0], neuron.mixture, neuron.from_data]
    matrices = [*(part[1] for part in drawn["parts"]), drawn["mixture"][0], drawn["data"][0]]
    for motif, matrix in zip(motifs, matrices, strict=True):
        assert motif is not None
        np.testing.assert_allclose(heights(decode(matrix)), heights(motif.ppm), atol=0.02)
    index, matrix, shift, share, ratio, sequences, matches = drawn["parts"][0]
    assert (index, shift, share, ratio, sequences) == (1, 1, 0.4, 0.98, 250)
    # Two flanking positions; the shift moves the second part's motif onto the first's.
    assert matrix[2:4] == (9, 19)
    assert matrix[2] - shift == drawn["parts"][1][1][2]
    assert matches == [drawn["best"]]
    assert len(drawn["mixtureMatches"]) == 1


def test_matches_and_top_sequences_are_told() -> None:
    result = example_result()
    values = page_payload(result).values
    (drawn,) = values["layers"][1]["neurons"]
    neuron, best = result.layers[1].neurons[0], result.layers[1].neurons[0].best_match
    assert best is not None
    target, e_value, reverse, start, end, target_start, covered, whole, relevant = drawn["best"]
    assert values["targets"][target][:2] == ["MA0058.3", "MAX"]
    assert (e_value, reverse, covered, whole, relevant) == (3e-8, 1, 0.9, 1, 1)
    assert (start, end, target_start) == (best.start, best.end, best.target_start)
    known = result.targets["MA0058.3"]
    np.testing.assert_allclose(decode(values["targets"][target][2]), known.ppm, atol=1e-3)
    assert [values["targets"][t][1] for t in drawn["names"]] == ["MAX"]
    first, last = drawn["span"]
    for row, found in zip(drawn["top"], TOP_SEQUENCES, strict=True):
        assert row[0] == pytest.approx(found.value, rel=1e-4)
        assert row[1] == found.window[first:last]
        assert row[2:6] == [found.sequence, printable(found.name, 60), found.start, found.location]
    assert neuron.profile is not None
    low, high, levels, counts, windows = drawn["profile"]
    assert (low, high) == (neuron.profile.edges[0], neuron.profile.edges[-1])
    assert len(levels) == len(counts) == 20
    told = np.array(levels, float)  # None, for what is not known, becomes NaN
    np.testing.assert_allclose(told, neuron.profile.model_shares, rtol=1e-3)
    assert windows == neuron.profile.data_windows


def test_dictionary_and_syntax_are_told() -> None:
    result = example_result()
    values = page_payload(result).values
    deep, layer = values["layers"][1], result.layers[1]
    entries = layer.dictionary + layer.dictionary_from_data
    assert list(deep["dictionary"]) == [entry.name for entry in entries]
    for entry in entries:
        matrix, support, neurons, match, palindromic, width, source = deep["dictionary"][entry.name]
        np.testing.assert_allclose(heights(decode(matrix)), heights(entry.ppm), atol=0.02)
        assert (support, neurons) == (entry.support, list(entry.neurons))
        assert (palindromic, width) == (int(entry.palindromic), len(entry.ppm))
        assert source == ("data" if "data" in entry.name else "model")
        if entry.match is not None:
            assert values["targets"][match[0]][1] == printable(entry.match.target_name, 60)
    assert printable(HOSTILE_TARGET, 60) in [name for _, name, _ in values["targets"]]
    ((source, found), (other, _)) = deep["neurons"][0]["syntax"]
    assert (source, other) == ("model", "data")
    share, inside, outside, motifs, strands, starts, spacings = found[0]
    first = layer.neurons[0].syntax[0]
    assert (share, inside, outside) == (first.share, first.value_inside, first.value_outside)
    assert (tuple(motifs), tuple(strands)) == (first.motifs, first.strands)
    assert starts == [list(start) for start in first.starts]
    assert spacings == [[0, 6, 3], [2, 2, 2]]
    assert found[1][2] is None, "there is no other spacing of one motif"


def test_a_long_dictionary_is_drawn_in_part() -> None:
    result = example_result()
    entry = result.layers[1].dictionary[0]
    many = tuple(dataclasses.replace(entry, name=f"layer2_motif{i}") for i in range(40))
    syntax = dataclasses.replace(result.layers[1].neurons[0].syntax[1], motifs=("layer2_motif35",))
    neuron = dataclasses.replace(result.layers[1].neurons[0], syntax=(syntax,), syntax_from_data=())
    layer = dataclasses.replace(
        result.layers[1], neurons=(neuron,), dictionary=many, dictionary_from_data=()
    )
    values = page_payload(dataclasses.replace(result, layers=(layer,))).values
    names = [f"layer2_motif{i}" for i in [*range(SHOWN_MOTIFS), 35]]
    assert list(values["layers"][0]["dictionary"]) == names


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_embedded_json_cannot_end_its_element(value: object) -> None:
    text = embed_json(value)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == value


def test_nothing_that_is_not_finite_is_told() -> None:
    values = page_payload(example_result()).values
    json.dumps(values, allow_nan=False)
    assert values["layers"][0]["neurons"][0]["effective"] is None


def test_a_page_that_would_grow_too_large_draws_fewer_parts() -> None:
    """128 neurons of 25 sharp parts over 143 bp, the largest layer that one expects."""
    result = example_result()
    rng = np.random.default_rng(0)
    template = result.layers[1].neurons[0].parts[0]
    ppms = rng.dirichlet([0.5] * 4, size=(25, 143))
    parts = tuple(
        dataclasses.replace(template, ppm=ppm, shift=i, share=0.04) for i, ppm in enumerate(ppms)
    )
    neurons = tuple(
        NeuronResult(layer=2, neuron=k, mixture=parts[0], parts=parts) for k in range(128)
    )
    wide = dataclasses.replace(
        result, layers=(dataclasses.replace(result.layers[1], neurons=neurons),)
    )
    whole = page_payload(wide)
    assert whole.most_parts is None
    assert len(json.dumps(whole.values)) < 4e6
    small = page_payload(wide, largest=1_500_000)
    assert small.most_parts == 8
    assert len(json.dumps(small.values, separators=(",", ":"))) <= 1_500_000
    for neuron in small.values["layers"][0]["neurons"]:
        assert (len(neuron["parts"]), neuron["count"]) == (8, 25)


def test_span_holds_the_motif_and_its_flank() -> None:
    assert informative_span(ppm_of("CACGTG", 143, 70)) == (68, 78)
    assert informative_span(ppm_of("CACGTG", 10, 0)) == (0, 8)
    assert informative_span(np.full((7, 4), 0.25)) == (0, 7)


def test_parts_are_ordered_by_match_then_sharpness() -> None:
    neuron = example_result().layers[1].neurons[0]
    assert ordered_parts(neuron) == [1, 0]
    assert ordered_parts(dataclasses.replace(neuron, matches=neuron.matches[1:])) == [0, 1]
    assert ordered_parts(dataclasses.replace(neuron, matches=())) == [1, 0]
    dull: Part = dataclasses.replace(neuron.parts[0], maximum=0.0)
    assert math.isnan(dull.consensus_ratio)
    unmatched = dataclasses.replace(neuron, matches=(), parts=(dull, neuron.parts[1]))
    assert ordered_parts(unmatched) == [1, 0]
