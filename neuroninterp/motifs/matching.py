"""Matching of PPMs against known motifs: Tomtom on clipped PPMs or their segments.

The p-value of a query and a known motif is Tomtom's (Gupta et al. 2007, complete scores,
Euclidean distance, both strands), computed by memelite; the E-value is p times the number of
known motifs. Four things that Tomtom alone gets wrong are dealt with here:

- Flat and faint PPMs get "significant" p-values. Only stretches with enough information are
  matched (:func:`neuroninterp.motifs.information.query_spans`).
- A faint stretch is close to every faint known motif, whatever its bases. A hit counts only if
  the known motif scores the PPM's sequences above the background on average (mean log-odds
  above 0). Against JASPAR 2024, random PPMs of 19 bp drawn from Dirichlet(0.6) "match" in 39 %
  of cases without this and in about 13 % with it; motifs and halves of motifs lose nothing.
- Memory grows with the cube of the width: wide PPMs are cut.
- A handful of targets is too small a sample of motif columns for a null distribution: fewer
  than 50 are completed from JASPAR 2024. (Shuffled copies of the targets would not do: Tomtom's
  null depends on the columns and not on their order.)

Even so about one random sharp PPM in ten matches something at E <= 0.1, and a wide PPM of many
segments has as many chances: a rate of matches means nothing without the rate of PPMs whose
columns are shuffled (:func:`shuffle_columns`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike

import numpy as np

from neuroninterp.errors import DataError
from neuroninterp.motifs.databases import MotifDatabase, load_database, relevant_indices
from neuroninterp.motifs.information import (
    FLANK,
    MAXIMUM_WIDTH,
    MINIMUM_INFORMATION,
    clip,
    information_content,
    on_strand,
    query_spans,
    reverse_complement,
    segments,
)
from neuroninterp.motifs.records import Match
from neuroninterp.motifs.tomtom import tomtom

__all__ = ["E_VALUE", "WHOLE_MOTIF", "clipped_match", "match", "shuffle_columns"]

E_VALUE = 0.1
"""Largest E-value of a match."""

WHOLE_MOTIF = 0.75
"""Share of a known motif's information that a whole match covers. Measured on stretches cut
out of JASPAR 2024 motifs: of those that keep half the columns 2 % reach it, of 60 % 4 %, of 80 %
90 %, of 90 % 95 %, of whole motifs 99 %; a strong core without its faint edges counts as whole."""

_COMPLETED_BELOW = 50
_NULL_DATABASE = "JASPAR2024"
_BATCH = 1_024
_SOFTENING = 0.1  # a base that a known motif never has costs 3.3 bits, not infinitely many


@dataclass(frozen=True, eq=False)
class _Query:
    """A stretch of a PPM: which PPM, where the stretch starts, and its columns ``(L, 4)``."""

    index: int
    start: int
    columns: np.ndarray


def match(
    ppms: Sequence[np.ndarray],
    motifs: str | PathLike[str] | MotifDatabase = "JASPAR2024",
    *,
    names: Sequence[str] | None = None,
    relevant: Sequence[str] = (),
    e_value: float = E_VALUE,
    minimum_information: float = MINIMUM_INFORMATION,
    n_jobs: int = 1,
) -> list[tuple[Match, ...]]:
    """Match PPMs against known motifs.

    Parameters
    ----------
    ppms : sequence of numpy.ndarray, shape=(L, 4)
        Probabilities, ACGT, rows summing to 1; each of its own length.
    motifs : str, path-like or MotifDatabase
        Known motifs, or what :func:`load_database` takes.
    names : sequence of str, optional
        Name of each PPM; "ppm0", "ppm1", … by default.
    relevant : sequence of str
        Ids or names of motifs to flag as relevant (see :func:`relevant_indices`).
    e_value : float
        Largest E-value reported.
    minimum_information : float
        Bits that a stretch must carry to be matched at all.
    n_jobs : int
        Threads; -1 for all. The answer does not depend on it.

    Returns
    -------
    list of tuple of Match
        One tuple a PPM, smallest E-value first; empty where nothing matches. A known motif
        occurs again in a tuple only where it matches a place of its own.

    Raises
    ------
    DataError
        A PPM is not (L, 4) probabilities, or ``names`` has another length.
    UnknownNameError, MotifFileError
        The known motifs or the relevant ones cannot be found.
    """
    checked = [_check_ppm(ppm, index) for index, ppm in enumerate(ppms)]
    labels = [f"ppm{index}" for index in range(len(checked))] if names is None else list(names)
    if len(labels) != len(checked):
        raise DataError(f"{len(checked)} PPMs but {len(labels)} names; expected one a PPM")
    database = motifs if isinstance(motifs, MotifDatabase) else load_database(motifs)
    flagged = relevant_indices(database, relevant)
    queries = [
        _Query(index, start, ppm[start:end])
        for index, ppm in enumerate(checked)
        for start, end in query_spans(ppm, minimum_information=minimum_information)
    ]
    hits: list[list[Match]] = [[] for _ in checked]
    for query, found in _search(queries, database, e_value, n_jobs):
        placed = (
            _place(query, database, hit, labels[query.index], hit.target in flagged)
            for hit in found
        )
        hits[query.index] += [candidate for candidate in placed if candidate is not None]
    return [_best_first(found) for found in hits]


def clipped_match(
    ppms: Sequence[np.ndarray],
    database: MotifDatabase,
    *,
    e_value: float = E_VALUE,
    n_jobs: int = 1,
) -> list[tuple[str, ...]]:
    """Match clipped PPMs by Tomtom alone, as Koo & Eddy 2019 count matches.

    None of the demands of :func:`match` are made, so faint PPMs "match" more than they should:
    good for repeating published figures, not for claims of one's own.

    Parameters
    ----------
    ppms : sequence of numpy.ndarray, shape=(L, 4)
        Probabilities, ACGT, rows summing to 1; each is clipped to its informative positions
        and three more on either side.
    database : MotifDatabase
        Known motifs.
    e_value : float
        Largest E-value of a hit.
    n_jobs : int
        Threads; -1 for all.

    Returns
    -------
    list of tuple of str
        Ids of the known motifs hit by each PPM, smallest E-value first; none for a PPM
        without an informative position.
    """
    spans = [clip(ppm) for ppm in ppms]
    queries = [
        _Query(index, start, _check_ppm(ppm, index)[start:end])
        for index, (ppm, (start, end)) in enumerate(zip(ppms, spans, strict=True))
        if end > start
    ]
    hits: list[tuple[str, ...]] = [()] * len(spans)
    for query, found in _search(queries, database, e_value, n_jobs):
        ordered = sorted(found, key=lambda hit: hit.e_value)
        hits[query.index] = tuple(database.ids[hit.target] for hit in ordered)
    return hits


def shuffle_columns(ppm: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Permute the informative positions of a PPM at random: a null of the same information.

    The informative positions change places where they are matched: within the clipped PPM or,
    where its segments are matched instead, within each segment, so that none is diluted. What
    repeats one base (poly-A) stays what it was: no order can be taken from it.

    Parameters
    ----------
    ppm : numpy.ndarray, shape=(L, 4)
        Probabilities, rows summing to 1.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    numpy.ndarray, shape=(L, 4)
        A copy; it differs from ``ppm`` unless all columns of every such stretch are equal.
    """
    shuffled = np.array(ppm)
    stretches = [clip(ppm, flank=0)]
    if query_spans(ppm) != [clip(ppm)]:
        # Cut as for matching, then without the flanks.
        cut = segments(ppm, flank=0, maximum_width=MAXIMUM_WIDTH - 2 * FLANK)
        stretches = cut or stretches
    for left, right in stretches:
        columns = shuffled[left:right].copy()
        if (columns == columns[:1]).all():
            continue
        while np.array_equal(shuffled[left:right], columns):
            shuffled[left:right] = rng.permutation(columns)
    return shuffled


@dataclass(frozen=True)
class _Hit:
    """A target, its p- and E-value, strand, and where it starts in the query (may be < 0)."""

    target: int
    p_value: float
    e_value: float
    strand: str
    start: int


def _check_ppm(ppm: np.ndarray, index: int) -> np.ndarray:
    """Return the PPM as contiguous float64, or say what is wrong with it."""
    array = np.ascontiguousarray(ppm, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 4 or len(array) == 0:
        raise DataError(f"PPM {index}: shape {array.shape}; expected (length, 4)")
    # Written so that NaN, which Tomtom would silently give p = 1, fails too.
    wrong = ~((array >= 0).all(axis=1) & (abs(array.sum(axis=1) - 1) <= 1e-3))
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"PPM {index}, position {row}: {np.array2string(array[row], precision=4)} is not "
            "four probabilities that sum to 1"
        )
    return array


def _search(
    queries: Sequence[_Query], database: MotifDatabase, e_value: float, n_jobs: int
) -> Iterator[tuple[_Query, list[_Hit]]]:
    """Yield each query with its hits."""
    if not queries:
        return
    n_targets = len(database)
    null = load_database(_NULL_DATABASE).ppms if n_targets < _COMPLETED_BELOW else ()
    forward = [*database.ppms, *null]
    # Both strands are given as targets of their own, which gives Tomtom's p-values to the bit
    # and, unlike its own merging, the forward strand to palindromes.
    targets = [*forward, *map(reverse_complement, forward)]
    # Queries of one PPM share a batch: columns that they have in common are compared once.
    ordered = sorted(queries, key=lambda query: (query.index, len(query.columns)))
    for first in range(0, len(ordered), _BATCH):
        batch = ordered[first : first + _BATCH]
        found = tomtom([query.columns for query in batch], targets, n_jobs=n_jobs)
        by_strand = found.reshape(3, len(batch), 2, len(forward))
        for row, query in enumerate(batch):
            yield query, _hits(by_strand[:, row, :, :n_targets], e_value)


def _hits(strands: np.ndarray, e_value: float) -> list[_Hit]:
    """Choose the better strand of each target: ``strands`` is (p, score, offset) x strand."""
    p_values, scores, offsets = strands
    reverse = (p_values[1] < p_values[0]) | ((p_values[1] == p_values[0]) & (scores[1] > scores[0]))
    single = np.clip(p_values.min(axis=0), 0.0, 1.0)
    merged = single * (2 - single)  # 1 - (1 - p)^2 without rounding to zero: two strands tried
    e_values = merged * merged.size
    return [
        _Hit(
            target=int(target),
            p_value=float(merged[target]),
            e_value=float(e_values[target]),
            strand="-" if reverse[target] else "+",
            start=-int(offsets[int(reverse[target]), target]),
        )
        for target in np.flatnonzero(e_values <= e_value)
    ]


def _place(
    query: _Query, database: MotifDatabase, hit: _Hit, name: str, relevant: bool
) -> Match | None:
    """Turn a hit into a match in the PPM's own positions; None where it contradicts the PPM."""
    target = on_strand(database.ppms[hit.target], hit.strand)
    start, end = max(0, hit.start), min(len(query.columns), hit.start + len(target))
    if _expected_score(query.columns[start:end], target[start - hit.start : end - hit.start]) <= 0:
        return None
    bits = information_content(target)
    # The flat flanks of a clipped PPM are aligned, too, but they cover nothing.
    informative = clip(query.columns, flank=0)
    first, last = max(start, informative[0]), min(end, informative[1])
    inside = bits[first - hit.start : max(first, last) - hit.start].sum()
    covered = float(inside / bits.sum()) if bits.sum() > 0 else 0.0
    return Match(
        query=name,
        target_id=database.ids[hit.target],
        target_name=database.names[hit.target],
        p_value=hit.p_value,
        e_value=hit.e_value,
        strand=hit.strand,
        start=query.start + start,
        end=query.start + end,
        overlap=end - start,
        covered=covered,
        whole=covered >= WHOLE_MOTIF,
        relevant=relevant,
        target_start=query.start + hit.start,
    )


def _expected_score(ppm: np.ndarray, target: np.ndarray) -> float:
    """Mean log-odds (bits, uniform background) that a known motif gives the PPM's sequences."""
    softened = (1 - _SOFTENING) * target + _SOFTENING / 4
    return float((ppm * np.log2(softened / 0.25)).sum())


def _best_first(matches: list[Match]) -> tuple[Match, ...]:
    """Sort by E-value; of overlapping matches with one target keep the best."""
    kept: list[Match] = []
    for candidate in sorted(matches, key=lambda found: (found.e_value, found.target_id)):
        if not any(
            other.target_id == candidate.target_id
            and other.start < candidate.end
            and candidate.start < other.end
            for other in kept
        ):
            kept.append(candidate)
    return tuple(kept)
