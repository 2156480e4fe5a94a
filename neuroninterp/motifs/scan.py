"""Scanning a neuron's windows with motifs: where each stands, window by window."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuroninterp.motifs.dictionary import DictionaryMotif
from neuroninterp.motifs.information import log_odds, on_strand
from neuroninterp.sampling import ActivationSample

__all__ = ["Arrangement", "arrangements"]

_MOST_WINDOWS = 4_000
_MOST_LETTERS = 150_000
"""Windows that are scanned, and what they may hold together, in bp."""

_CHANCE = 1e-3
"""Share of the positions of random sequences that pass for a motif."""

_OCCUPIED = 4.0
"""A position is one of the motif's if it is hit this many times as often as by chance."""

_OVERLAP = 0.25
"""Two motifs may share this part of the narrower one's columns."""

_SAME_SITE = 0.7
"""Correlation of two motifs, over all columns of either, from which they fit the same sites."""

_MOST_MOTIFS = 6
_RANDOM_WORDS = 20_000


@dataclass(frozen=True, eq=False)
class Arrangement:
    """Windows in which the same motifs stand in the same order and orientation.

    Parameters
    ----------
    slots : tuple of (int, str)
        Index of the motif and its strand, from left to right.
    share : float
        Weight of the windows, in (0, 1].
    positions : numpy.ndarray, shape=(n, slots)
        Where each begins in each of the windows.
    weights : numpy.ndarray, shape=(n,)
        Weight of each window.
    """

    slots: tuple[tuple[int, str], ...]
    share: float
    positions: np.ndarray
    weights: np.ndarray


def arrangements(
    sample: ActivationSample, motifs: Sequence[DictionaryMotif], rng: np.random.Generator
) -> list[Arrangement]:
    """Recognise motifs in a neuron's windows and gather windows of one arrangement.

    Parameters
    ----------
    sample : ActivationSample
        The windows.
    motifs : sequence of DictionaryMotif
        What to look for, on both strands (a palindrome on one).
    rng : numpy.random.Generator
        Chooses windows where there are very many, and the random words that tell chance.

    Returns
    -------
    list of Arrangement
        Largest share first. Windows in which nothing is recognised are in none, so that the
        shares may sum to less than 1.
    """
    windows, weights = _chosen(sample, rng)
    words = _by_position(rng.integers(0, 4, (_RANDOM_WORDS, windows.shape[1]), np.uint8))
    bases = _by_position(windows)
    places: list[tuple[int, str, int]] = []
    columns: list[np.ndarray] = []
    for index, motif in enumerate(motifs):
        for strand in "+" if motif.palindromic else "+-":
            ppm = on_strand(motif.ppm, strand)
            if len(ppm) > windows.shape[1]:
                continue
            limit = float(np.quantile(_scores(ppm, words[: len(ppm)]), 1 - _CHANCE))
            scores = _scores(ppm, bases)
            hit = scores > limit
            for position in np.flatnonzero(weights @ hit >= _OCCUPIED * _CHANCE):
                places.append((index, strand, int(position)))
                columns.append(np.where(hit[:, position], scores[:, position], -np.inf))
    if not places:
        return []
    scores = np.stack(columns, axis=1)
    chosen = _choose(scores, _conflicts(places, motifs))
    for place, better in _aliases(places, motifs, weights @ np.isfinite(scores)).items():
        chosen[:, better] |= chosen[:, place]
        chosen[:, place] = False
    return _gathered(chosen, places, weights)


def _chosen(sample: ActivationSample, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return windows and weights; a fair choice where there are very many, none of them twice."""
    most = min(_MOST_WINDOWS, max(_MOST_LETTERS // sample.windows.shape[1], 500))
    if len(sample.weights) <= most:
        return sample.windows, sample.weights
    picked = rng.choice(len(sample.weights), most, replace=False)
    weights = sample.weights[picked]
    return sample.windows[picked], weights / weights.sum()


def _by_position(windows: np.ndarray) -> np.ndarray:
    """Return codes (n, L) as indices (L, n): what is looked up together lies together."""
    return np.ascontiguousarray(windows.T, np.intp)


def _scores(ppm: np.ndarray, bases: np.ndarray) -> np.ndarray:
    """Log-odds (bits) of a motif at every position, shape (n, L - width + 1); N gives 0.

    ``bases`` are the windows' codes by position, from :func:`_by_position`.
    """
    odds = log_odds(ppm)
    number = len(bases) - len(ppm) + 1
    total = np.zeros((number, bases.shape[1]))
    found = np.empty_like(total)
    for column, row in enumerate(odds):
        # "clip", because numpy looks up into a buffer of its own where it may have to raise.
        total += row.take(bases[column : column + number], out=found, mode="clip")
    return np.ascontiguousarray(total.T)


def _conflicts(places: list[tuple[int, str, int]], motifs: Sequence[DictionaryMotif]) -> np.ndarray:
    """Return which places cannot both hold a motif."""
    start = np.array([position for _, _, position in places])
    width = np.array([len(motifs[index].ppm) for index, _, _ in places])
    end = start + width
    shared = np.minimum(end[:, None], end) - np.maximum(start[:, None], start)
    return shared > _OVERLAP * np.minimum(width[:, None], width)


def _aliases(
    places: list[tuple[int, str, int]], motifs: Sequence[DictionaryMotif], hits: np.ndarray
) -> dict[int, int]:
    """Return the places that say the same as one of a motif or strand that is hit more often.

    Nearly palindromic motifs, and entries that share most of their columns, fit one site in
    two ways; which of them scores higher is chance.
    """
    total: dict[tuple[int, str], float] = defaultdict(float)
    for (index, strand, _), weight in zip(places, hits, strict=True):
        total[index, strand] += float(weight)
    rank = {kind: i for i, kind in enumerate(sorted(total, key=lambda kind: (-total[kind], kind)))}
    kinds: dict[tuple[int, str], list[int]] = defaultdict(list)
    for place, (index, strand, _) in enumerate(places):
        kinds[index, strand].append(place)
    starts = np.array([start for _, _, start in places])
    turned = {kind: on_strand(motifs[kind[0]].ppm, kind[1]) for kind in kinds}
    aliases: dict[int, int] = {}
    for kind, own in kinds.items():
        agreement = np.zeros((len(own), len(places)))
        for other, theirs in kinds.items():
            if rank[other] < rank[kind]:
                offsets = starts[theirs] - starts[own][:, None]
                agreement[:, theirs] = _agreement(turned[kind], turned[other], offsets)
        # Of equal ones the last.
        best = len(places) - 1 - agreement[:, ::-1].argmax(axis=1)
        for place, row, better in zip(own, agreement, best, strict=True):
            if row[better] >= _SAME_SITE:
                aliases[place] = int(better)
    # What an alias stands for may be an alias itself; it is one of a better kind each time.
    for place in aliases:
        while aliases[place] in aliases:
            aliases[place] = aliases[aliases[place]]
    return aliases


def _agreement(first: np.ndarray, second: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Correlate two motifs, the second ``offsets`` columns on; 0 where most does not overlap."""
    first, second = first - 0.25, second - 0.25
    scale = np.sqrt((first**2).sum() * (second**2).sum())
    # Both ends of the table stand for all offsets at which nothing overlaps.
    table = np.zeros(len(second) + len(first) + 1)
    for offset in range(1 - len(second), len(first)):
        start, end = max(0, offset), min(len(first), offset + len(second))
        if end - start >= 0.6 * max(len(first), len(second)):
            shared = first[start:end] * second[start - offset : end - offset]
            table[offset + len(second)] = shared.sum() / scale
    return np.asarray(table[np.clip(offsets, -len(second), len(first)) + len(second)])


def _choose(scores: np.ndarray, conflicts: np.ndarray) -> np.ndarray:
    """Take the best place of each window, then the best that it leaves, and so on."""
    remaining = scores.copy()
    chosen = np.zeros(scores.shape, bool)
    rows = np.arange(len(scores))
    for _ in range(_MOST_MOTIFS):
        best = remaining.argmax(axis=1)
        found = rows[np.isfinite(remaining[rows, best])]
        if not found.size:
            break
        chosen[found, best[found]] = True
        remaining[found] = np.where(conflicts[best[found]], -np.inf, remaining[found])
    return chosen


def _gathered(
    chosen: np.ndarray, places: list[tuple[int, str, int]], weights: np.ndarray
) -> list[Arrangement]:
    windows: dict[tuple[tuple[int, str], ...], list[int]] = defaultdict(list)
    positions: dict[tuple[tuple[int, str], ...], list[list[int]]] = defaultdict(list)
    for row, flags in enumerate(chosen):
        found = sorted((places[i] for i in np.flatnonzero(flags)), key=lambda place: place[2])
        if found:
            slots = tuple((index, strand) for index, strand, _ in found)
            windows[slots].append(row)
            positions[slots].append([position for _, _, position in found])
    result = [
        Arrangement(slots, float(weights[rows].sum()), np.array(positions[slots]), weights[rows])
        for slots, rows in windows.items()
    ]
    return sorted(result, key=lambda arrangement: (-arrangement.share, arrangement.slots))
