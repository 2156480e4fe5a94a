"""The motif dictionary: known motifs, hidden in parts on both strands, are found again."""

from __future__ import annotations

import numpy as np
import pytest

from neuroninterp.motifs import DictionaryMotif, Part, build_dictionary, cores, load_database
from neuroninterp.motifs.databases import MotifDatabase
from neuroninterp.motifs.information import reverse_complement

NAMES = ("CTCF", "MAX", "SRF", "MEF2A", "TEAD1")


@pytest.fixture(scope="module")
def database() -> MotifDatabase:
    return load_database("JASPAR2016")


@pytest.fixture(scope="module")
def known(database: MotifDatabase) -> dict[str, np.ndarray]:
    """Return the columns of each motif that noise leaves informative."""
    found = {}
    for name in NAMES:
        ppm = database.ppms[max(i for i, n in enumerate(database.names) if n == name)]
        ((start, end),) = cores(ppm, threshold=0.8)
        found[name] = ppm[start:end]
    return found


def part(*placed: tuple[np.ndarray, int], length: int = 60, share: float = 1.0) -> Part:
    ppm = np.full((length, 4), 0.25)
    for motif, start in placed:
        ppm[start : start + len(motif)] = motif
    return Part(ppm, 1.0, 0.0, 1000, "", 1.0, share=share)


def noisy(ppm: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return 0.92 * ppm + 0.08 * rng.dirichlet(np.full(4, 0.5), len(ppm))


@pytest.fixture(scope="module")
def planted(
    known: dict[str, np.ndarray],
) -> tuple[dict[int, list[Part]], dict[tuple[int, int], list[tuple[str, int, str]]]]:
    """Two motifs a part, 12 neurons of 4 parts, and what stands where."""
    rng = np.random.default_rng(0)
    parts: dict[int, list[Part]] = {}
    truth: dict[tuple[int, int], list[tuple[str, int, str]]] = {}
    for neuron in range(12):
        parts[neuron] = []
        for index in range(4):
            placed, where = [], []
            for slot in (2, 32):
                name, strand = rng.choice(NAMES), rng.choice(["+", "-"])
                motif = noisy(known[name], rng)
                start = slot + int(rng.integers(6))
                placed.append((motif if strand == "+" else reverse_complement(motif), start))
                where.append((str(name), start, str(strand)))
            parts[neuron].append(part(*placed, share=0.25))
            truth[neuron, index] = where
    return parts, truth


@pytest.fixture(scope="module")
def dictionary(planted: tuple, database: MotifDatabase) -> tuple[DictionaryMotif, ...]:
    return build_dictionary(3, planted[0], database)


def test_an_82_bp_ppm_is_cut_into_its_two_motifs(known: dict[str, np.ndarray]) -> None:
    first, second = known["CTCF"], known["SRF"]
    ppm = part((first, 7), (second, 50), length=82).ppm
    assert cores(ppm) == [(7, 7 + len(first)), (50, 50 + len(second))]
    assert cores(np.full((82, 4), 0.25)) == []


def test_every_motif_is_one_entry_with_all_its_places(
    dictionary: tuple[DictionaryMotif, ...], planted: tuple, known: dict[str, np.ndarray]
) -> None:
    places = [place for where in planted[1].values() for place in where]
    assert len(dictionary) == len({name for name, _, _ in places})
    counts = sorted(sum(name == n for n, _, _ in places) for name in known)
    assert sorted(len(entry.occurrences) for entry in dictionary) == counts
    assert sum(entry.support for entry in dictionary) == pytest.approx(24)
    assert [entry.name for entry in dictionary] == [f"layer3_motif{i}" for i in range(5)]
    for entry in dictionary:
        assert entry.match is not None
        ours = [
            (name, found, start, strand)
            for found in entry.occurrences
            for name, start, strand in planted[1][found.neuron, found.part]
            if abs(found.start - start) < 6
        ]
        (name,) = {name for name, _, _, _ in ours}
        assert len(ours) == len(entry.occurrences)
        # The entry's own strand is its founder's; relative to it all agree.
        turned = {found.strand == strand for _, found, _, strand in ours}
        assert len(turned) == 1 or entry.palindromic
        whole = known[name] if turned == {True} else reverse_complement(known[name])
        if not entry.palindromic:
            assert len(entry.ppm) == len(whole)
            assert np.abs(entry.ppm - whole).mean() < 0.03
            assert all(found.start == start for _, found, start, _ in ours)
    palindromes = {e.consensus for e in dictionary if e.palindromic}
    assert "CACGTG" in " ".join(palindromes)


def test_the_order_of_neurons_does_not_matter(
    dictionary: tuple[DictionaryMotif, ...], planted: tuple, database: MotifDatabase
) -> None:
    again = build_dictionary(3, dict(reversed(planted[0].items())), database)
    for one, other in zip(dictionary, again, strict=True):
        assert one.occurrences == other.occurrences
        assert one.match == other.match
        np.testing.assert_array_equal(one.ppm, other.ppm)


def test_look_alikes_are_not_chained(known: dict[str, np.ndarray]) -> None:
    """Each step of a walk from one motif to another is small, but its ends are different."""
    rng = np.random.default_rng(1)
    first = known["CTCF"]
    last = np.roll(first, 2, axis=1)[rng.permutation(len(first))]
    steps = np.linspace(0, 1, 9)
    chain = {i: [part(((1 - t) * first + t * last, 20))] for i, t in enumerate(steps)}
    entries = build_dictionary(1, chain)
    homes = {found.neuron: entry.name for entry in entries for found in entry.occurrences}
    assert homes[0] != homes[8]
    assert homes[0] == homes[1]


def test_motifs_that_touch_now_and_then_are_still_two(known: dict[str, np.ndarray]) -> None:
    left, right = known["SRF"], known["TEAD1"]
    parts = [
        part((left, 3), (right, 3 + len(left) + gap), share=share)
        for gap, share in ((0, 0.2), (7, 0.4), (12, 0.4))
    ]
    entries = build_dictionary(2, {0: parts})
    assert sorted(len(entry.ppm) for entry in entries) == sorted([len(left), len(right)])
    for entry in entries:
        assert [found.part for found in entry.occurrences] == [0, 1, 2]
        width = len(left) if len(entry.ppm) == len(left) else len(left) + len(right)
        assert entry.occurrences[0].start == 3 + width - len(entry.ppm)


def test_what_few_sequences_have_by_chance_is_no_motif() -> None:
    rng = np.random.default_rng(2)
    for number, expected in ((6, 0), (2_000, 1)):
        counts = rng.multinomial(6, np.full(4, 0.25), size=20)
        ppm = np.full((60, 4), 0.25)
        ppm[20:40] = counts / 6
        few = Part(ppm, 1.0, 0.0, number, "", 1.0, share=1.0)
        assert bool(build_dictionary(1, {0: [few]})) == bool(expected)


def test_nothing_gives_nothing() -> None:
    assert build_dictionary(1, {}) == ()
    assert build_dictionary(1, {0: [part()], 1: []}) == ()
