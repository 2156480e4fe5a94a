"""The synthetic sequences of NeuronMotif's two toys.

The first: 8-mers that are a site of ZEB1, CAGGTG beginning at 0 or at 1, against uniform random
8-mers. The released counts of the two versions are columns 1 to 8 and 2 to 9 of one profile
(MA0103.3), as the reverse complement of what JASPAR stores.

The second: two CTCF sites, rightly spaced or not. Sequences of 82 bp in uniform random
background, with two sites of the same profile (MA0139.1, 19 columns, both on the same strand). A
positive has one site that starts at 0 to 15 and one at 44 to 59, drawn independently; a negative
has one where a positive could have it, at 0 to 15 or at 46 to 61, and the other between, at 17 to
44. Where the two overlap the site between is whole. Single sites say nothing about the label:
only the arrangement does.

Source: Wei Z et al. (2021) NeuronMotif, bioRxiv, doi:10.1101/2021.02.10.430606, and its
released code.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from neuroninterp.errors import DataError
from zoo.data import channels_first
from zoo.simulations.jaspar import base_counts

__all__ = [
    "CLASS_NAMES",
    "LENGTH",
    "MOTIF_ID",
    "ZEB1_CLASS_NAMES",
    "ZEB1_ID",
    "ZEB1_LENGTH",
    "Toy1Simulation",
    "Toy2Simulation",
    "motif_counts",
    "simulate_toy_1",
    "simulate_toy_2",
    "zeb1_counts",
]

ZEB1_RELEASE = "JASPAR2018"
ZEB1_ID = "MA0103.3"
"""ZEB1; releases before 2018 have another version of it."""

ZEB1_LENGTH = 8
"""Sequence length of the first toy, bp: a site, with nothing around it."""

ZEB1_CLASS_NAMES: tuple[str, ...] = ("ZEB1",)

_BACKGROUND = -1
"""Version of what is no site."""

RELEASE = "JASPAR2016"
MOTIF_ID = "MA0139.1"
"""CTCF, planted as the reverse complement of what JASPAR stores, as the released code does."""

LENGTH = 82
"""Sequence length, bp: the field of the toy's only neuron of the last layer."""

CLASS_NAMES: tuple[str, ...] = ("pair",)

FIRST_STARTS = range(16)
SECOND_STARTS = range(44, 60)
"""Starts of the two sites of a positive."""
LATE_STARTS = range(46, 62)
MIDDLE_STARTS = range(17, 45)
"""Starts of a negative's site at the end and between."""


@cache
def zeb1_counts() -> tuple[np.ndarray, np.ndarray]:
    """Return the two planted versions as base counts, shape (8, 4) each, ACGT, read-only.

    CAGGTG begins at position 0 of the first and at position 1 of the second.
    """
    (stored,) = base_counts([ZEB1_ID], release=ZEB1_RELEASE)
    versions = [stored[first : first + ZEB1_LENGTH][::-1, ::-1].copy() for first in (0, 1)]
    for counts in versions:
        counts.setflags(write=False)
    return versions[0], versions[1]


@dataclass(frozen=True, eq=False)
class Toy1Simulation:
    """Simulated 8-mers, their labels and the truth behind them.

    Parameters
    ----------
    codes : numpy.ndarray, shape=(N, 8)
        Bases, uint8: 0, 1, 2, 3 for A, C, G, T.
    labels : numpy.ndarray, shape=(N, 1)
        uint8, 1 where the sequence is a site.
    versions : numpy.ndarray, shape=(N,)
        int64, 0 or 1 for the two versions of the site, which is where CAGGTG begins; -1 for
        none.
    """

    codes: np.ndarray
    labels: np.ndarray
    versions: np.ndarray

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: slice) -> Toy1Simulation:
        return Toy1Simulation(self.codes[rows], self.labels[rows], self.versions[rows])

    def one_hot(self) -> np.ndarray:
        """Return the sequences one-hot, uint8, shape (N, 4, 8), ACGT."""
        return channels_first(self.codes)

    def model(self) -> np.ndarray:
        """Return the probability of each base, float32, shape (N, 4, 8), ACGT."""
        even = np.full((ZEB1_LENGTH, 4), 0.25)
        profiles = [counts / counts.sum(axis=1, keepdims=True) for counts in zeb1_counts()]
        # Version -1 is the last.
        every = np.stack([*profiles, even]).astype(np.float32)
        return every[self.versions].transpose(0, 2, 1)


def simulate_toy_1(n: int, rng: np.random.Generator) -> Toy1Simulation:
    """Simulate labelled 8-mers, half of them sites of ZEB1.

    Parameters
    ----------
    n : int
        Number of sequences: half of them sites, in random order, and of these half of each
        version.
    rng : numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    Toy1Simulation
        Sequences, labels and truth.

    Raises
    ------
    DataError
        If ``n`` is not positive.
    """
    if n < 1:
        raise DataError(f"cannot simulate {n} sequences; give at least 1")
    kinds = rng.permutation(np.arange(n) % 4)
    versions = np.where(kinds < 2, kinds, _BACKGROUND)
    codes = rng.integers(0, 4, (n, ZEB1_LENGTH), np.uint8)
    for version, counts in enumerate(zeb1_counts()):
        rows = versions == version
        codes[rows] = _sites(counts, int(rows.sum()), rng)
    return Toy1Simulation(codes, (versions >= 0)[:, None].astype(np.uint8), versions)


@cache
def motif_counts() -> np.ndarray:
    """Return the planted profile as base counts, shape (19, 4), ACGT, read-only."""
    (stored,) = base_counts([MOTIF_ID], release=RELEASE)
    planted = stored[::-1, ::-1].copy()
    planted.setflags(write=False)
    return planted


@dataclass(frozen=True, eq=False)
class Toy2Simulation:
    """Simulated sequences, their labels and the truth behind them.

    Parameters
    ----------
    codes : numpy.ndarray, shape=(N, 82)
        Bases, uint8: 0, 1, 2, 3 for A, C, G, T.
    labels : numpy.ndarray, shape=(N, 1)
        uint8, 1 where the two sites are arranged as in a positive.
    starts : numpy.ndarray, shape=(N, 2)
        int64, 0-based first position of each site; of a negative the second is the one
        between, which covers the first where they overlap.
    """

    codes: np.ndarray
    labels: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: slice) -> Toy2Simulation:
        return Toy2Simulation(self.codes[rows], self.labels[rows], self.starts[rows])

    def one_hot(self) -> np.ndarray:
        """Return the sequences one-hot, uint8, shape (N, 4, 82), ACGT."""
        return channels_first(self.codes)

    def model(self) -> np.ndarray:
        """Return the probability of each base, float32, shape (N, 4, 82), ACGT."""
        counts = motif_counts()
        probabilities = np.full((*self.codes.shape, 4), 0.25, dtype=np.float32)
        rows = np.arange(len(self))[:, None]
        for positions in _positions(self.starts):
            probabilities[rows, positions] = counts / counts.sum(axis=1, keepdims=True)
        return probabilities.transpose(0, 2, 1)


def simulate_toy_2(n: int, rng: np.random.Generator) -> Toy2Simulation:
    """Simulate labelled sequences with two CTCF sites each.

    Parameters
    ----------
    n : int
        Number of sequences: half of them positive, in random order. Half of the negatives
        have their outer site in front, half at the end.
    rng : numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    Toy2Simulation
        Sequences, labels and truth.

    Raises
    ------
    DataError
        If ``n`` is not positive.
    """
    if n < 1:
        raise DataError(f"cannot simulate {n} sequences; give at least 1")
    # Kinds 0 and 1 are positives, 2 and 3 negatives: a random order of equally many.
    kinds = rng.permutation(np.arange(n) % 4)
    positive, late = kinds < 2, kinds == 3
    outer = np.where(late, _starts(LATE_STARTS, n, rng), _starts(FIRST_STARTS, n, rng))
    other = np.where(positive, _starts(SECOND_STARTS, n, rng), _starts(MIDDLE_STARTS, n, rng))
    starts = np.stack([outer, other], axis=1)
    codes = rng.integers(0, 4, (n, LENGTH), np.uint8)
    for positions in _positions(starts):
        codes[np.arange(n)[:, None], positions] = _sites(motif_counts(), n, rng)
    return Toy2Simulation(codes, positive[:, None].astype(np.uint8), starts)


def _starts(choices: range, n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(choices.start, choices.stop, n)


def _positions(starts: np.ndarray) -> list[np.ndarray]:
    """Return the positions of the first sites and of the second, (N, width) each."""
    columns = np.arange(len(motif_counts()))
    return [starts[:, [slot]] + columns for slot in range(starts.shape[1])]


def _sites(counts: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw n sites from a profile: codes, shape (n, width)."""
    # Sums of counts are exact, so a base with count 0 has an empty interval and is never drawn.
    bounds = np.cumsum(counts, axis=1)[:, :3] / counts.sum(axis=1, keepdims=True)
    drawn = rng.random((n, len(counts)))
    return (drawn[:, :, None] >= bounds).sum(axis=2).astype(np.uint8)
