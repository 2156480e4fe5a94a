"""The synthetic sequences of Koo & Eddy 2019: known motifs planted in random DNA.

A sequence of 200 bp holds one to five sites, each drawn with replacement from 24 profiles
(12 transcription factors of JASPAR 2016 and their reverse complements), in uniform random
background. Its 12 labels say which factors have a site. All sites, and the probability of
every base, are known, so a network trained on it can be held against the truth.

Source: Koo PK, Eddy SR (2019) PLoS Comput Biol 15(12): e1007560, Methods, and the released
code for the distribution of the number of sites and of the gaps between them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np

from neuroninterp.errors import DataError
from zoo.data import channels_first
from zoo.simulations.jaspar import base_counts

__all__ = [
    "CLASS_NAMES",
    "MOTIF_IDS",
    "RELEVANT_MOTIFS",
    "SITE_PROBABILITIES",
    "Simulation",
    "motif_counts",
    "motif_probabilities",
    "relevant_motifs",
    "simulate",
]

RELEASE = "JASPAR2016"

MOTIF_IDS: dict[str, str] = {
    "Arid3a": "MA0151.1",
    "CEBPB": "MA0466.2",
    "FOSL1": "MA0477.1",
    "Gabpa": "MA0062.2",
    "MAFK": "MA0496.1",
    "MAX": "MA0058.3",
    "MEF2A": "MA0052.3",
    "NFYB": "MA0502.1",
    "SP1": "MA0079.3",
    "SRF": "MA0083.3",
    "STAT1": "MA0137.3",
    "YY1": "MA0095.2",
}
"""The planted profile of each transcription factor, in the order of the labels."""

RELEASE_IDS = frozenset(MOTIF_IDS.values())
"""The planted profiles: a collection that holds them all is JASPAR 2016 or contains it."""

CLASS_NAMES: tuple[str, ...] = tuple(MOTIF_IDS)
"""Names of the 12 labels."""

RELEVANT_MOTIFS: dict[str, tuple[str, ...]] = {
    "Arid3a": ("MA0151.1", "MA0601.1", "PB0001.1"),
    "CEBPB": ("MA0466.1", "MA0466.2"),
    "FOSL1": ("MA0477.1",),
    "Gabpa": ("MA0062.1", "MA0062.2"),
    "MAFK": ("MA0496.1", "MA0496.2"),
    "MAX": ("MA0058.1", "MA0058.2", "MA0058.3"),
    # The released code files the last two, MEF2B and MEF2D, under STAT1; they are kept, so
    # that "relevant" means the same as in the paper's tables, where they belong.
    "MEF2A": ("MA0052.1", "MA0052.2", "MA0052.3", "MA0660.1", "MA0773.1"),
    "NFYB": ("MA0502.1", "MA0060.1", "MA0060.2"),
    "SP1": ("MA0079.1", "MA0079.2", "MA0079.3"),
    "SRF": ("MA0083.1", "MA0083.2", "MA0083.3"),
    "STAT1": ("MA0137.1", "MA0137.2", "MA0137.3"),
    "YY1": ("MA0095.1", "MA0095.2"),
}
"""JASPAR ids that the paper counts as a match to a planted motif, per factor."""

SITE_PROBABILITIES = (0.5, 0.25, 0.17, 0.05, 0.03)
"""Probability of one, two, … five sites in a sequence."""

_MOST_SITES = len(SITE_PROBABILITIES)


def relevant_motifs(known: Iterable[str] | None = None) -> tuple[str, ...]:
    """Return the JASPAR ids that count as relevant for networks trained on this data.

    Parameters
    ----------
    known : iterable of str or None
        Ids of a motif collection, to keep only what it holds; None keeps all. A release
        with other versions of the motifs keeps those.
    """
    listed = tuple(identifier for group in RELEVANT_MOTIFS.values() for identifier in group)
    if known is None:
        return listed
    collection = set(known)
    exact = tuple(identifier for identifier in listed if identifier in collection)
    if exact and collection >= RELEASE_IDS:
        return exact
    families = {identifier.partition(".")[0] for identifier in listed}
    return tuple(sorted(i for i in collection if i.partition(".")[0] in families))


@cache
def motif_counts() -> tuple[np.ndarray, ...]:
    """Return the 24 planted profiles as JASPAR's base counts.

    Returns
    -------
    tuple of numpy.ndarray, shape=(width, 4)
        Counts, ACGT, read-only. Profile ``2 * k`` belongs to label k and profile
        ``2 * k + 1`` is its reverse complement.
    """
    profiles = []
    for forward in base_counts(MOTIF_IDS.values(), release=RELEASE):
        reverse = forward[::-1, ::-1].copy()
        reverse.setflags(write=False)
        profiles += [forward, reverse]
    return tuple(profiles)


def motif_probabilities() -> tuple[np.ndarray, ...]:
    """Return the 24 planted profiles as position probability matrices.

    Returns
    -------
    tuple of numpy.ndarray, shape=(width, 4)
        Probabilities, ACGT, rows summing to 1; order as in :func:`motif_counts`.
    """
    return tuple(counts / counts.sum(axis=1, keepdims=True) for counts in motif_counts())


@dataclass(frozen=True, eq=False)
class Simulation:
    """Simulated sequences, their labels and the truth behind them.

    Parameters
    ----------
    codes : numpy.ndarray, shape=(N, L)
        Bases, uint8: 0, 1, 2, 3 for A, C, G, T.
    labels : numpy.ndarray, shape=(N, 12)
        uint8, 1 where the factor has a site; columns as :data:`CLASS_NAMES`.
    profiles : numpy.ndarray, shape=(N, 5)
        int64 index of each site's profile (see :func:`motif_counts`), left to right; -1
        where the sequence has fewer sites.
    starts : numpy.ndarray, shape=(N, 5)
        int64, 0-based first position of each site; -1 where there is none.
    """

    codes: np.ndarray
    labels: np.ndarray
    profiles: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: slice) -> Simulation:
        return Simulation(
            self.codes[rows], self.labels[rows], self.profiles[rows], self.starts[rows]
        )

    def one_hot(self) -> np.ndarray:
        """Return the sequences one-hot, uint8, shape (N, 4, L), ACGT."""
        return channels_first(self.codes)

    def model(self) -> np.ndarray:
        """Return the probability of each base, float32, shape (N, 4, L), ACGT."""
        probabilities = np.full((*self.codes.shape, 4), 0.25, dtype=np.float32)
        for profile, rows, positions in _sites(self.profiles, self.starts):
            probabilities[rows[:, None], positions] = motif_probabilities()[profile]
        return probabilities.transpose(0, 2, 1)


def simulate(n: int, rng: np.random.Generator, *, length: int = 200, buffer: int = 0) -> Simulation:
    """Simulate labelled sequences with planted motifs.

    Parameters
    ----------
    n : int
        Number of sequences, drawn independently.
    rng : numpy.random.Generator
        Source of all randomness.
    length : int
        Sequence length, bp.
    buffer : int
        Fewest positions between two sites, and between a site and either end, bp: none in the
        released code, one in the paper's text.

    Returns
    -------
    Simulation
        Sequences, labels and truth.

    Raises
    ------
    DataError
        If ``n`` is not positive, ``buffer`` is negative, or ``length`` cannot hold five sites.
    """
    widths = np.array([len(counts) for counts in motif_counts()])
    if n < 1:
        raise DataError(f"cannot simulate {n} sequences; give at least 1")
    if buffer < 0:
        raise DataError(f"a buffer of {buffer} bp; expected 0 or more")
    shortest = _MOST_SITES * widths.max() + (_MOST_SITES + 1) * buffer
    if length < shortest:
        raise DataError(
            f"sequences of {length} bp cannot hold {_MOST_SITES} sites of up to "
            f"{widths.max()} bp; give a length of at least {shortest}"
        )
    sites = rng.choice(np.arange(1, _MOST_SITES + 1), size=n, p=SITE_PROBABILITIES)
    used = np.arange(_MOST_SITES) < sites[:, None]
    profiles = np.where(used, rng.integers(len(widths), size=(n, _MOST_SITES)), -1)
    site_widths = np.where(used, widths[profiles], 0)
    gaps = _gaps(sites, length - site_widths.sum(axis=1), rng, buffer)
    ends = np.cumsum(gaps[:, :-1] + site_widths, axis=1)
    starts = np.where(used, ends - site_widths, -1)

    labels = np.zeros((n, len(CLASS_NAMES)), dtype=np.uint8)
    row, slot = np.nonzero(used)
    labels[row, profiles[row, slot] // 2] = 1
    return Simulation(_draw_bases(profiles, starts, length, rng), labels, profiles, starts)


def _gaps(sites: np.ndarray, free: np.ndarray, rng: np.random.Generator, buffer: int) -> np.ndarray:
    """Share the ``free`` positions among the gaps before, between and after the sites.

    Each gap has its buffer; the shares of the rest are uniform random numbers, scaled and
    rounded. A sequence whose rounded gaps do not add up is drawn again, as in the released
    code.
    """
    gaps = np.zeros((len(sites), _MOST_SITES + 1), dtype=np.int64)
    used = np.arange(_MOST_SITES + 1) <= sites[:, None]
    free = free - buffer * used.sum(axis=1)
    pending = np.arange(len(sites))
    while len(pending):
        shares = rng.random((len(pending), _MOST_SITES + 1)) * used[pending]
        scaled = shares / shares.sum(axis=1, keepdims=True) * free[pending, None]
        drawn = np.rint(scaled).astype(np.int64)
        good = drawn.sum(axis=1) == free[pending]
        gaps[pending[good]] = drawn[good]
        pending = pending[~good]
    return gaps + buffer * used


def _draw_bases(
    profiles: np.ndarray, starts: np.ndarray, length: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw each base from the background or from the profile of the site it lies in."""
    uniform = rng.random((len(profiles), length))
    codes = (uniform * 4).astype(np.uint8)
    for profile, rows, positions in _sites(profiles, starts):
        counts = motif_counts()[profile]
        # Sums of counts are exact, so a base with count 0 has an empty interval and is never drawn.
        bounds = np.cumsum(counts, axis=1)[:, :3] / counts.sum(axis=1, keepdims=True)
        drawn = uniform[rows[:, None], positions]
        codes[rows[:, None], positions] = (drawn[:, :, None] >= bounds).sum(axis=2)
    return codes


def _sites(profiles: np.ndarray, starts: np.ndarray) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Group the sites by profile: (profile, rows (M,), positions (M, width))."""
    groups = []
    for profile, counts in enumerate(motif_counts()):
        rows, slots = np.nonzero(profiles == profile)
        positions = starts[rows, slots][:, None] + np.arange(len(counts))
        groups.append((profile, rows, positions))
    return groups
