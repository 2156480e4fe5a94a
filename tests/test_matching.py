"""Matching against planted truth: known motifs cut, shifted, turned round, softened, shuffled."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pyjaspar
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neuroninterp.errors import DataError, MotifFileError, UnknownNameError
from neuroninterp.motifs.databases import MotifDatabase, load_database, relevant_indices
from neuroninterp.motifs.information import (
    MAXIMUM_WIDTH,
    clip,
    consensus,
    information_content,
    on_strand,
    query_spans,
    reverse_complement,
    segments,
)
from neuroninterp.motifs.matching import WHOLE_MOTIF, match, shuffle_columns
from neuroninterp.motifs.meme import write_meme

FLAT = np.full(4, 0.25)


@pytest.fixture(scope="module")
def jaspar() -> MotifDatabase:
    return load_database("JASPAR2016")


def embed(core: np.ndarray, left: int, right: int) -> np.ndarray:
    """Put flat columns on both sides."""
    return np.vstack([np.tile(FLAT, (left, 1)), core, np.tile(FLAT, (right, 1))])


def by_id(database: MotifDatabase, identifier: str) -> np.ndarray:
    return database.ppms[database.ids.index(identifier)]


random_ppms = st.builds(
    lambda seed, length, spread: np.random.default_rng(seed).dirichlet([spread] * 4, size=length),
    st.integers(0, 10_000),
    st.integers(1, 160),
    st.sampled_from([0.05, 0.3, 1.0, 5.0]),
)


# Information and spans


def test_information_of_columns_known_by_hand() -> None:
    columns = np.array([[0.25] * 4, [0.5, 0.5, 0, 0], [0, 0, 1, 0], [0.5, 0.25, 0.125, 0.125]])
    np.testing.assert_allclose(information_content(columns), [0, 1, 2, 0.25], atol=1e-12)


def test_clip_and_consensus_by_hand() -> None:
    ppm = embed(np.eye(4)[[1, 0, 2]], 5, 2)
    assert clip(ppm) == (2, 10)
    assert clip(ppm, flank=0) == (5, 8)
    assert clip(np.tile(FLAT, (9, 1))) == (0, 0)
    assert consensus(ppm[5:8]) == "CAG"
    assert consensus(reverse_complement(ppm[5:8])) == "CTG"


def test_segments_by_hand() -> None:
    sharp = np.eye(4)[[0, 1, 2, 3, 0, 1, 2, 3]]
    near = embed(sharp, 20, 4)  # averaging widens each run by one: a gap of 2 is left
    far = embed(sharp, 0, 25)
    ppm = np.vstack([near, far, far])
    assert segments(ppm, flank=0) == [(19, 41), (64, 74)]
    assert segments(ppm) == [(16, 44), (61, 77)]
    assert segments(ppm, flank=0, gap=1) == [(19, 29), (31, 41), (64, 74)]


@settings(max_examples=60, deadline=None)
@given(random_ppms)
def test_spans_are_bounded_and_carry_information(ppm: np.ndarray) -> None:
    for start, end in query_spans(ppm):
        assert 0 <= start < end <= len(ppm)
        assert end - start <= MAXIMUM_WIDTH
        assert information_content(ppm[start:end]).sum() >= 6
    for (_, left), (start, end) in zip(
        [(0, 0), *(cut := segments(ppm, flank=0))], cut, strict=False
    ):
        assert left <= start < end
        assert end - start <= MAXIMUM_WIDTH


@settings(max_examples=60, deadline=None)
@given(random_ppms, st.integers(0, 1000))
def test_shuffling_permutes_only_informative_columns(ppm: np.ndarray, seed: int) -> None:
    shuffled = shuffle_columns(ppm, np.random.default_rng(seed))
    assert sorted(map(tuple, shuffled)) == sorted(map(tuple, ppm))
    start, end = clip(ppm, flank=0)
    # Segments reach one position further: their information is averaged over three.
    np.testing.assert_array_equal(shuffled[: max(0, start - 1)], ppm[: max(0, start - 1)])
    np.testing.assert_array_equal(shuffled[end + 1 :], ppm[end + 1 :])
    if query_spans(ppm) == [clip(ppm)] and len(np.unique(ppm[start:end], axis=0)) > 1:
        assert not np.array_equal(shuffled, ppm)


def test_shuffling_what_has_no_other_order_ends() -> None:
    poly_a = embed(np.eye(4)[[0] * 8], 3, 3)
    np.testing.assert_array_equal(shuffle_columns(poly_a, np.random.default_rng(0)), poly_a)


# Known motifs


def test_releases_and_groups(jaspar: MotifDatabase) -> None:
    assert len(jaspar) == 519
    assert jaspar.name == "JASPAR2016:vertebrates"
    fungi = load_database("jaspar2016:fungi")
    everything = load_database("JASPAR2016:all")
    assert set(fungi.ids) < set(everything.ids)
    assert len(everything) > len(jaspar) + len(fungi)
    for ppm in everything.ppms:
        np.testing.assert_allclose(ppm.sum(axis=1), 1)


def test_frequencies_are_plain_counts(jaspar: MotifDatabase) -> None:
    path = Path(pyjaspar.__file__).parent / "data" / "JASPAR2016.sqlite"
    connection = sqlite3.connect(path)
    rows = connection.execute(
        "SELECT d.row, d.col, d.val FROM MATRIX_DATA d JOIN MATRIX m ON m.ID = d.ID "
        "WHERE m.BASE_ID = 'MA0139' AND m.VERSION = 1"
    ).fetchall()
    connection.close()
    counts = np.zeros((19, 4))
    for base, column, value in rows:
        counts[int(column) - 1, "ACGT".index(base)] = value
    np.testing.assert_allclose(
        by_id(jaspar, "MA0139.1"), counts / counts.sum(axis=1, keepdims=True)
    )


def test_unknown_databases(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"JASPAR2015.*valid: JASPAR2014, JASPAR2016"):
        load_database("JASPAR2015")
    with pytest.raises(
        UnknownNameError, match=r"group of JASPAR2016 'mammals'; valid:.*plants.*all"
    ):
        load_database("JASPAR2016:mammals")
    with pytest.raises(MotifFileError, match=r"my\.meme: no such motif file.*JASPAR2024"):
        load_database(str(tmp_path / "my.meme"))
    wide = tmp_path / "wide.meme"
    write_meme(wide, [("w", "w", np.tile(FLAT, (201, 1)), 1)])
    with pytest.raises(MotifFileError, match="'w' has 201 columns; at most 200"):
        load_database(wide)


def test_relevant_motifs_by_id_version_and_name(jaspar: MotifDatabase) -> None:
    def found(*wanted: str) -> set[str]:
        return {jaspar.ids[index] for index in relevant_indices(jaspar, wanted)}

    assert found("MA0139.1") == found("ma0139") == found(" ctcf ") == {"MA0139.1"}
    stat1 = {i for i, name in zip(jaspar.ids, jaspar.names, strict=True) if name == "STAT1"}
    assert found("STAT1") == stat1
    assert found("STAT1", "MA0139") == stat1 | {"MA0139.1"}
    assert found() == set()
    with pytest.raises(UnknownNameError, match=r"'CTFC'; valid: .*CTCF \(MA0139\.1\).*519 motifs"):
        relevant_indices(jaspar, ["MAX", "CTFC"])
    with pytest.raises(UnknownNameError, match=r"'MA0139\.9'"):
        relevant_indices(jaspar, ["MA0139.9"])


def test_names_of_jaspars_own_meme_files(tmp_path: Path, jaspar: MotifDatabase) -> None:
    path = tmp_path / "jaspar.meme"
    write_meme(path, [("MA0139.1", "MA0139.1.CTCF", by_id(jaspar, "MA0139.1"), 100)])
    database = load_database(path)
    assert (database.ids, database.names) == (("MA0139.1",), ("CTCF",))
    assert relevant_indices(database, ["CTCF"]) == {0}


def test_motifs_by_id_unless_several_share_it() -> None:
    ppms = tuple(np.tile(FLAT, (width, 1)) for width in (5, 6, 7, 8))
    database = MotifDatabase("four", ("b", "a", "twice", "twice"), ("B", "A", "x", "y"), ppms)
    found = database.known(["a", "twice", "b", "missing"])
    assert [(key, motif.id, motif.name, len(motif.ppm)) for key, motif in found.items()] == [
        ("b", "b", "B", 5),
        ("a", "a", "A", 6),
    ]


# Matching


def test_known_motifs_find_themselves_on_either_strand(jaspar: MotifDatabase) -> None:
    chosen = range(0, len(jaspar), 9)
    forward = match([jaspar.ppms[index] for index in chosen], jaspar)
    backward = match([reverse_complement(jaspar.ppms[index]) for index in chosen], jaspar)
    for index, one, two in zip(chosen, forward, backward, strict=True):
        assert one[0].target_id == two[0].target_id == jaspar.ids[index]
        assert one[0].whole
        assert one[0].strand == "+"
        palindrome = np.abs(jaspar.ppms[index] - reverse_complement(jaspar.ppms[index])).max() < 0.1
        assert two[0].strand == "-" or palindrome
        assert one[0].e_value == pytest.approx(one[0].p_value * len(jaspar))
        assert [hit.e_value for hit in one] == sorted(hit.e_value for hit in one)
        assert one[-1].e_value <= 0.1


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 518),
    st.integers(0, 40),
    st.integers(0, 40),
    st.integers(0, 2),
    st.integers(0, 2),
    st.booleans(),
)
def test_planted_motif_is_found_where_it_lies(
    jaspar: MotifDatabase, index: int, left: int, right: int, cut5: int, cut3: int, turned: bool
) -> None:
    target = jaspar.ppms[index]
    oriented = reverse_complement(target) if turned else target
    core = oriented[cut5 : len(target) - cut3]
    ppm = embed(core, left, right)
    # Where a motif fits itself elsewhere, or is faint, its place is not one truth.
    palindrome = np.abs(target - reverse_complement(target)).mean() < 0.1
    shifts = [
        np.abs(np.roll(oriented, shift, axis=0) - oriented).mean() for shift in (1, 2, 3, 4, -1, -2)
    ]
    assume(not palindrome and min(shifts) >= 0.15)
    assume(information_content(core).sum() >= 10 and query_spans(ppm))
    hit = next(hit for hit in match([ppm], jaspar)[0] if hit.target_id == jaspar.ids[index])
    clipped_start, clipped_end = query_spans(ppm)[0]
    assert hit.strand == ("-" if turned else "+")
    assert hit.start == max(left - cut5, clipped_start)
    assert hit.end == min(left + len(core) + cut3, clipped_end)
    assert hit.overlap == hit.end - hit.start
    assert hit.target_start == left - cut5


@pytest.mark.parametrize("turned", [False, True])
def test_target_laid_where_the_match_says_resembles_the_query_column_by_column(
    jaspar: MotifDatabase, turned: bool
) -> None:
    """Each column of a piece of a motif, in noisy flanks, lies on its own column of the target."""
    rng = np.random.default_rng(4)
    looked_at = 0
    for index in range(3, len(jaspar), 12):
        target = jaspar.ppms[index]
        cut = slice(int(rng.integers(0, 4)), len(target) - int(rng.integers(0, 4)))
        core = (reverse_complement(target) if turned else target)[cut]
        left, right = rng.integers(0, 12, size=2)
        ppm = embed(0.9 * core + 0.1 * rng.dirichlet([1] * 4, size=len(core)), left, right)
        hits = [hit for hit in match([ppm], jaspar)[0] if hit.target_id == jaspar.ids[index]]
        for hit in hits[:1]:
            laid = on_strand(target, hit.strand)
            assert hit.target_start is not None

            def likeness(place: int, laid: np.ndarray = laid, ppm: np.ndarray = ppm) -> float:
                first, last = max(0, place), min(len(ppm), place + len(laid))
                own, known = ppm[first:last] - 0.25, laid[first - place : last - place] - 0.25
                return float((own * known).sum())

            places = range(1 - len(laid), len(ppm))
            assert likeness(hit.target_start) == max(map(likeness, places))
            # The flat flanks are aligned, too, but resemble nothing.
            columns = np.arange(max(hit.start, left), min(hit.end, left + len(core)))
            aligned = laid[columns - hit.target_start]
            assert np.corrcoef(aligned.ravel(), ppm[columns].ravel())[0, 1] > 0.95
            looked_at += 1
    assert looked_at > 25  # the shortest pieces match nothing


@settings(max_examples=30, deadline=None)
@given(random_ppms)
def test_aligned_columns_are_those_that_target_and_matched_stretch_share(
    jaspar: MotifDatabase, ppm: np.ndarray
) -> None:
    stretches = query_spans(ppm)
    for hit in match([ppm], jaspar, e_value=5.0)[0]:
        assert hit.target_start is not None
        end = hit.target_start + len(by_id(jaspar, hit.target_id))
        shared = [(max(a, hit.target_start), min(b, end)) for a, b in stretches]
        assert (hit.start, hit.end) in shared


def test_covered_is_the_share_of_bits_under_the_informative_stretch(jaspar: MotifDatabase) -> None:
    ctcf = by_id(jaspar, "MA0139.1")
    bits = information_content(ctcf)
    kept = slice(3, 14)  # both ends above 0.5 bits, so that clipping takes nothing more
    assert bits[3] > 0.5
    assert bits[13] > 0.5
    (hits,) = match([embed(ctcf[kept], 9, 9)], jaspar, relevant=["CTCF"])
    hit = next(hit for hit in hits if hit.target_id == "MA0139.1")
    assert hit.covered == pytest.approx(bits[kept].sum() / bits.sum())
    assert hit.whole == (hit.covered >= WHOLE_MOTIF)
    assert hit.relevant
    assert not any(other.relevant for other in hits if other.target_name != "CTCF")


def test_half_a_motif_is_a_partial_match(jaspar: MotifDatabase) -> None:
    ctcf = by_id(jaspar, "MA0139.1")
    for half in (ctcf[3:11], reverse_complement(ctcf[3:11])):
        (hits,) = match([embed(half, 6, 6)], jaspar, names=["half"])
        hit = next(hit for hit in hits if hit.target_name == "CTCF")
        assert not hit.whole
        assert 0.3 < hit.covered < WHOLE_MOTIF
        assert hit.query == "half"


def test_two_motifs_of_a_wide_ppm_are_both_found_in_place(jaspar: MotifDatabase) -> None:
    ctcf, srf = by_id(jaspar, "MA0139.1"), reverse_complement(by_id(jaspar, "MA0083.3"))
    ppm = np.vstack([embed(ctcf, 12, 40), embed(srf, 0, 50), embed(ctcf, 0, 4)])
    (hits,) = match([ppm], jaspar)
    places = {(h.target_id, h.strand, h.start, h.end) for h in hits if h.whole and h.e_value < 1e-6}
    srf_start = 12 + len(ctcf) + 40
    last = srf_start + len(srf) + 50
    assert ("MA0139.1", "+", 12, 12 + len(ctcf)) in places
    assert ("MA0139.1", "+", last, last + len(ctcf)) in places
    assert {("MA0083.3", strand, srf_start, srf_start + len(srf)) for strand in "+-"} & places


def test_flat_faint_and_tiny_ppms_match_nothing(jaspar: MotifDatabase) -> None:
    rng = np.random.default_rng(0)
    flat = [np.tile(FLAT, (19, 1))] + [rng.dirichlet([20] * 4, size=w) for w in (19, 30, 150)]
    tiny = [embed(np.full((3, 4), 0.01) + 0.96 * np.eye(4)[rng.integers(0, 4, 3)], 8, 8)]
    assert match(flat + tiny, jaspar) == [()] * 5
    faint = [rng.dirichlet([1] * 4, size=19) for _ in range(100)]
    assert sum(map(bool, match(faint, jaspar))) <= 10


def test_shuffled_columns_give_few_hits(jaspar: MotifDatabase) -> None:
    rng = np.random.default_rng(1)
    chosen = jaspar.ppms[::5]
    null = match([shuffle_columns(ppm, rng) for ppm in chosen], jaspar)
    truth = match(chosen, jaspar)
    assert np.mean([bool(hits) for hits in truth]) > 0.97
    assert np.mean([bool(hits) for hits in null]) < 0.25


def test_answer_depends_on_neither_company_nor_threads(jaspar: MotifDatabase) -> None:
    rng = np.random.default_rng(2)
    ppms = [rng.dirichlet([0.1] * 4, size=width) for width in rng.integers(8, 60, size=12)]
    ppms += [jaspar.ppms[index][:12] for index in range(0, 500, 50)]
    together = match(ppms, jaspar, n_jobs=-1)
    alone = [match([ppm], jaspar, names=[f"ppm{i}"], n_jobs=1)[0] for i, ppm in enumerate(ppms)]
    assert together == alone
    assert match(ppms, jaspar, n_jobs=10_000) == together
    assert match([], jaspar) == []


def test_file_of_one_motif(tmp_path: Path, jaspar: MotifDatabase) -> None:
    path = tmp_path / "one.meme"
    ctcf = by_id(jaspar, "MA0139.1")
    write_meme(path, [("mine", "CTCF", ctcf, 900)])
    rng = np.random.default_rng(3)
    random = [rng.dirichlet([0.1] * 4, size=12) for _ in range(100)]
    own, *others = match([embed(ctcf, 2, 2), *random], path)
    assert own[0].target_id == "mine"
    assert own[0].e_value == own[0].p_value < 1e-12
    # E equals p here: at most 0.1 by chance, as it should be where the null is sound.
    assert np.mean([bool(hits) for hits in others]) < 0.2


@pytest.mark.parametrize(
    ("ppm", "message"),
    [
        (np.full((5, 4), np.nan), "PPM 0, position 0"),
        (np.zeros((5, 4)), "PPM 0, position 0: .*sum to 1"),
        (np.array([FLAT, [0.5, 0.6, 0, 0]]), "PPM 0, position 1"),
        (np.array([[1.5, -0.5, 0, 0]]), "PPM 0, position 0"),
        (np.full((4, 5), 0.2), r"PPM 0: shape \(4, 5\); expected \(length, 4\)"),
        (np.zeros((0, 4)), r"PPM 0: shape \(0, 4\)"),
    ],
)
def test_what_is_not_a_ppm_is_refused(jaspar: MotifDatabase, ppm: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        match([ppm], jaspar)


def test_names_must_fit(jaspar: MotifDatabase) -> None:
    with pytest.raises(DataError, match="1 PPMs but 2 names"):
        match([jaspar.ppms[0]], jaspar, names=["a", "b"])
