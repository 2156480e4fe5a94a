"""Information content of a position probability matrix (PPM), and what it delimits.

One definition throughout: the information of a position is ``2 - H(p)`` bits, with H the
entropy in log2 of its four probabilities, without a background. Only logos may be corrected for
small samples (:func:`small_sample_correction`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

__all__ = [
    "FLANK",
    "MAXIMUM_WIDTH",
    "MINIMUM_DENSITY",
    "MINIMUM_INFORMATION",
    "clip",
    "consensus",
    "consensus_codes",
    "cores",
    "information_content",
    "log_odds",
    "on_strand",
    "query_spans",
    "reverse_complement",
    "segments",
    "small_sample_correction",
]

FLANK = 3
"""Positions kept on either side of an informative stretch, as Koo & Eddy clip their filters."""

MAXIMUM_WIDTH = 30
"""Widest stretch (bp) matched in one go: Tomtom's memory grows with its cube, and 30 bp hold
nearly every known motif whole."""

MINIMUM_INFORMATION = 6.0
"""Bits that a stretch must carry to be matched. Three conserved bases, which some known motif
resembles whatever they are, stay below; half a motif (a neuron's share of a distributed one)
is above. In JASPAR 2016 one motif of 200 carries less."""

MINIMUM_DENSITY = 0.6
"""Bits a position between the first and the last informative one. Tomtom's distance takes long
faint PPMs for known motifs: of random ones (Dirichlet(1), 0.43 bits a position) 85 % at 19 bp
and 98 % at 30 bp "match" JASPAR 2024 at E <= 0.1; with this limit about 7 and 11 %. The faintest
motif of JASPAR 2016 has 0.78."""

_NARROWEST_PIECE = 6

_SOFTENING = 0.05


def information_content(ppm: np.ndarray) -> np.ndarray:
    """Return the information of every position.

    Parameters
    ----------
    ppm : numpy.ndarray, shape=(L, 4)
        Probabilities, rows summing to 1.

    Returns
    -------
    numpy.ndarray, shape=(L,)
        Bits, in [0, 2]: 0 where all bases are equally likely, 2 where one is certain.
    """
    probabilities = np.asarray(ppm, dtype=np.float64)
    logarithms = np.log2(np.where(probabilities > 0, probabilities, 1.0))
    return np.clip(2.0 + (probabilities * logarithms).sum(axis=1), 0.0, 2.0)


def small_sample_correction(n_sequences: float) -> float:
    """Return by how much a position of few sequences seems more informative than it is.

    The expected excess of the information content of four frequencies that were counted in
    ``n_sequences`` sequences: e(n) = 3 / (2 ln 2 n) (Schneider et al. 1986).

    Parameters
    ----------
    n_sequences : float
        Number of sequences behind the PPM, above 0.

    Returns
    -------
    float
        Bits, above 0.
    """
    return 3.0 / (2.0 * math.log(2.0) * n_sequences)


def consensus(ppm: np.ndarray) -> str:
    """Return the most probable base of every position of a PPM ``(L, 4)``; ties go to A, C, G."""
    return "".join("ACGT"[base] for base in np.asarray(ppm).argmax(axis=1))


def consensus_codes(ppms: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """Return the consensus of PPMs of one length as windows, codes 0 to 3, uint8, (n, L)."""
    return np.asarray(ppms).argmax(axis=2).astype(np.uint8)


def reverse_complement(ppm: np.ndarray) -> np.ndarray:
    """Return the PPM ``(L, 4)``, ACGT, of the other strand, as a contiguous copy."""
    return np.ascontiguousarray(np.asarray(ppm)[::-1, ::-1])


def on_strand(ppm: np.ndarray, strand: str) -> np.ndarray:
    """Return the PPM ``(L, 4)`` as it stands on a strand, "+" or "-"."""
    return ppm if strand == "+" else reverse_complement(ppm)


def log_odds(ppm: np.ndarray) -> np.ndarray:
    """Return what each base at each position says for a motif, against uniform bases.

    Parameters
    ----------
    ppm : numpy.ndarray, shape=(L, 4)
        Probabilities, rows summing to 1; a twentieth of uniform ones is mixed in, so that no
        base is impossible.

    Returns
    -------
    numpy.ndarray, shape=(L, 5)
        Bits for A, C, G, T, and N, which says nothing (0).
    """
    softened = (1 - _SOFTENING) * ppm + _SOFTENING / 4
    return np.concatenate([np.log2(softened / 0.25), np.zeros((len(ppm), 1))], axis=1)


def clip(ppm: np.ndarray, *, threshold: float = 0.5, flank: int = FLANK) -> tuple[int, int]:
    """Find the informative stretch of a PPM.

    Parameters
    ----------
    ppm : numpy.ndarray, shape=(L, 4)
        Probabilities, rows summing to 1.
    threshold : float
        Bits that a position must exceed to count as informative.
    flank : int
        Positions added on either side, as far as the PPM reaches.

    Returns
    -------
    start, end : int
        Half-open span from the first to the last informative position with its flanks;
        (0, 0) where no position is informative.
    """
    informative = np.flatnonzero(information_content(ppm) > threshold)
    if informative.size == 0:
        return 0, 0
    return max(0, int(informative[0]) - flank), min(len(ppm), int(informative[-1]) + 1 + flank)


def segments(
    ppm: np.ndarray,
    *,
    threshold: float = 0.5,
    gap: int = 3,
    flank: int = FLANK,
    maximum_width: int = MAXIMUM_WIDTH,
) -> list[tuple[int, int]]:
    """Cut a wide PPM into the stretches that carry its information.

    A segment is a run of positions where the information averaged over three positions
    exceeds the threshold, as NeuronMotif defines it.

    Parameters
    ----------
    ppm : numpy.ndarray, shape=(L, 4)
        Probabilities, rows summing to 1.
    threshold : float
        Bits that the average must exceed.
    gap : int
        Runs that at most this many positions separate are one segment.
    flank : int
        Positions added on either side, as far as the PPM reaches; neighbours may then overlap.
    maximum_width : int
        A segment that would be wider with its flanks is split where it is least informative.

    Returns
    -------
    list of (start, end)
        Half-open spans from left to right, none wider than ``maximum_width``.
    """
    smooth = np.convolve(information_content(ppm), np.full(3, 1 / 3))[1:-1]
    widest_run = max(maximum_width - 2 * flank, 1)
    pieces: list[tuple[int, int]] = []
    for start, end in _runs(smooth > threshold, gap):
        pieces += _split(smooth, start, end, widest_run)
    return [(max(0, start - flank), min(len(ppm), end + flank)) for start, end in pieces]


def cores(
    ppm: np.ndarray,
    *,
    threshold: float = 0.5,
    minimum_information: float = MINIMUM_INFORMATION,
    maximum_width: int = MAXIMUM_WIDTH,
) -> list[tuple[int, int]]:
    """Cut a PPM into motifs, each trimmed to its informative columns.

    Parameters
    ----------
    ppm : numpy.ndarray, shape=(L, 4)
        Probabilities, rows summing to 1.
    threshold : float
        Bits that a motif's first and last column must exceed, and the running average between.
    minimum_information : float
        Bits that a motif must carry.
    maximum_width : int
        Widest motif, bp.

    Returns
    -------
    list of (start, end)
        Half-open spans from left to right that do not overlap; empty for a flat PPM.
    """
    found: list[tuple[int, int]] = []
    cut = segments(ppm, threshold=threshold, gap=1, flank=0, maximum_width=maximum_width)
    for start, end in cut:
        # A strong column draws the running average beyond the motif, and stops short of one.
        left, right = max(0, start - 1), min(len(ppm), end + 1)
        if found and left < found[-1][1]:
            left = start
        first, last = clip(ppm[left:right], threshold=threshold, flank=0)
        if information_content(ppm[left + first : left + last]).sum() >= minimum_information:
            found.append((left + first, left + last))
    return found


def query_spans(
    ppm: np.ndarray,
    *,
    minimum_information: float = MINIMUM_INFORMATION,
    minimum_density: float = MINIMUM_DENSITY,
    maximum_width: int = MAXIMUM_WIDTH,
) -> list[tuple[int, int]]:
    """Return the stretches of a PPM that are worth matching against known motifs.

    Parameters
    ----------
    ppm : numpy.ndarray, shape=(L, 4)
        Probabilities, rows summing to 1.
    minimum_information : float
        Bits that a stretch must carry.
    minimum_density : float
        Bits a position that it must carry on average between its first and its last
        informative position.
    maximum_width : int
        Widest stretch, bp.

    Returns
    -------
    list of (start, end)
        The clipped PPM where that is narrow and dense enough; else its segments, and every
        union of neighbouring segments (a motif may have a gap), as far as they are. Empty
        for a flat PPM.
    """

    def worthwhile(start: int, end: int) -> bool:
        if not 0 < end - start <= maximum_width or bits[start:end].sum() < minimum_information:
            return False
        first, last = clip(ppm[start:end], flank=0)
        density = bits[start + first : start + last].sum()
        return bool(density >= minimum_density * (last - first))

    bits = information_content(ppm)
    whole = clip(ppm)
    if worthwhile(*whole):
        return [whole]
    cut = segments(ppm, maximum_width=maximum_width)
    unions = [(cut[i][0], cut[j][1]) for i in range(len(cut)) for j in range(i, len(cut))]
    return [span for span in unions if worthwhile(*span)]


def _runs(mask: np.ndarray, gap: int) -> list[tuple[int, int]]:
    """Half-open runs of True, merged over at most ``gap`` positions of False."""
    runs: list[tuple[int, int]] = []
    for position in map(int, np.flatnonzero(mask)):
        if runs and position - runs[-1][1] <= gap:
            runs[-1] = (runs[-1][0], position + 1)
        else:
            runs.append((position, position + 1))
    return runs


def _split(smooth: np.ndarray, start: int, end: int, widest: int) -> list[tuple[int, int]]:
    """Cut a run at its least informative position until no piece is wider than ``widest``."""
    width = end - start
    if width <= widest:
        return [(start, end)]
    margin = min(_NARROWEST_PIECE, width // 2)
    middle = smooth[start + margin : end - margin + 1]
    cut = start + margin + int(middle.argmin())
    return _split(smooth, start, cut, widest) + _split(smooth, cut, end, widest)
