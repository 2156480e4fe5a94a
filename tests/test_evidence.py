"""Where neurons fire in the user's sequences, and how often: against the genome and by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import model_of, two_layers

from neuroninterp.evidence import activation_profile, top_sequences
from neuroninterp.sampling import neurons_in_data, sample
from neuroninterp.sequences import Sequences, decode, encode, read_sequences, reverse_complement
from neuroninterp.sequences.location import genome_location


@given(
    st.sampled_from(["chr1", "HLA-A*01:01:01", "NC_000001.11", "chrUn_KI270302v1"]),
    st.integers(0, 250_000_000),
    st.integers(1, 60),
    st.sampled_from(["(+)", "(-)", "(.)", ""]),
    st.sampled_from(["", "peak_7::", "a::b::"]),
    st.data(),
)
def test_location_of_a_stretch_holds_its_letters(
    chromosome: str, begin: int, length: int, strand: str, before: str, data: st.DataObject
) -> None:
    """Of a chromosome whose every position has its own number."""
    positions = np.arange(begin, begin + length)
    read = positions[::-1] if strand == "(-)" else positions
    start = data.draw(st.integers(0, length - 1))
    end = data.draw(st.integers(start + 1, length))
    name = f"{before}{chromosome}:{begin}-{begin + length}{strand}"
    stretch = read[start:end]
    expected = f"{chromosome}:{stretch.min()}-{stretch.max() + 1}{strand}"
    assert genome_location(name, length, start, end) == expected
    # Cut, padded, or counted from 1.
    assert genome_location(name, length + 1, start, end) == ""


@pytest.mark.parametrize(
    "name",
    ["", "chr1", "seq:5", ":5-15", "chr1:5-15(x)", "chr1:-5-5", "chr1:15-5", "chr1:5-15 ", "a:b-c"],
)
def test_other_names_tell_no_location(name: str) -> None:
    assert genome_location(name, 10, 0, 5) == ""


def test_hostile_names_are_read_in_no_time() -> None:
    assert genome_location("::" * 10**6, 10, 0, 5) == ""
    assert genome_location("chr:" + "9" * 10**6 + "-5", 10, 0, 5) == ""


def test_top_sequences_lie_in_the_genome_where_they_say(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    chromosome = rng.integers(0, 4, 2000).astype(np.uint8)
    genome, bed = tmp_path / "genome.fa", tmp_path / "peaks.bed"
    genome.write_text(f">chr1\n{decode(chromosome[None])[0]}\n")
    starts = rng.integers(0, 1960, 60)
    strands = rng.choice(["+", "-", "."], 60)
    bed.write_text(
        "".join(f"chr1\t{s}\t{s + 40}\tp\t0\t{x}\n" for s, x in zip(starts, strands, strict=True))
    )
    sequences = read_sequences(bed, length=40, genome=genome)
    model = model_of(two_layers(rng), length=40)
    seen = set()
    looked_at = neurons_in_data(model, 2, range(5), np.zeros(5), sequences.codes)
    found = top_sequences([in_data.largest for in_data in looked_at], sequences)
    for in_data, tops in zip(looked_at, found, strict=True):
        assert [top.sequence for top in tops] == in_data.largest.sequences.tolist()
        assert len(tops) == 10
        for top in tops:
            assert sequences.names is not None
            assert top.name == sequences.names[top.sequence]
            place, strand = top.location.removesuffix(")").split("(")
            left, right = map(int, place.removeprefix("chr1:").split("-"))
            letters = chromosome[left:right]
            codes = reverse_complement(letters) if strand == "-" else letters
            np.testing.assert_array_equal(encode([top.window])[0], codes)
            (value,) = model.trunk(2).values(codes[None])[:, in_data.sample.neuron]
            assert top.value == pytest.approx(value, abs=1e-5)
            assert top.labels == ()
            seen.add(strand)
    assert seen == {"+", "-", "."}


def test_labels_are_the_classes_that_are_one() -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 5, (3, 30), np.uint8)
    labels = np.array([[1, 0, 1], [0, 0, np.nan], [0, 1, 0]], np.float32)
    model = model_of(two_layers(rng), length=30)
    (in_data,) = neurons_in_data(model, 2, [0], np.zeros(1), codes)

    def found(sequences: Sequences) -> dict[int, tuple[str, ...]]:
        (tops,) = top_sequences([in_data.largest], sequences)
        assert {(top.name, top.location) for top in tops} == {("", "")}
        return {top.sequence: top.labels for top in tops}

    named = Sequences(codes, labels, ("CTCF", "<b>", "GATA1"), None, "file")
    assert found(named) == {0: ("CTCF", "GATA1"), 1: (), 2: ("<b>",)}
    assert found(replace(named, class_names=None)) == {0: ("0", "2"), 1: (), 2: ("1",)}
    assert found(replace(named, labels=labels / 2)) == {0: (), 1: (), 2: ()}
    assert found(replace(named, labels=None)) == {0: (), 1: (), 2: ()}


def test_profile_has_the_levels_of_the_model_and_all_windows_of_the_data() -> None:
    model = model_of(two_layers(np.random.default_rng(2)), length=30)
    codes = np.random.default_rng(3).integers(0, 4, (500, 30), np.uint8)
    drawn = sample(model, 2)
    maxima = [one.maximum for one in drawn]
    seen = neurons_in_data(model, 2, range(5), np.zeros(5), codes, level_maxima=maxima)
    looked_at = 0
    for one, in_data in zip(drawn, seen, strict=True):
        profile = activation_profile(one, in_data)
        if one.dead:
            assert profile is None
            continue
        assert profile is not None
        assert (profile.edges[0], profile.edges[-1]) == (one.threshold, one.maximum)
        assert profile.log2_level[0] == one.log2_rarity
        # Random data: the shares of windows above the edges are the model's probabilities.
        assert profile.data_counts is not None
        above = profile.data_counts[::-1].cumsum()[::-1] / profile.data_windows
        expected = 2.0**profile.log2_level
        spread = np.sqrt(expected / profile.data_windows)
        assert (np.abs(above - expected) < 6 * spread + 1e-4).all()
        looked_at += 1
        alone = activation_profile(one, None)
        assert alone is not None
        assert (alone.data_counts, alone.data_windows) == (None, 0)
        rare = replace(one, log2_level=np.append(one.log2_level[:-1], -np.inf))
        profile = activation_profile(rare, None)
        assert profile is not None
        assert np.isnan(profile.log2_level).tolist() == [False] * 19 + [True]
    assert looked_at >= 3
