"""Motif sites on a sequence: planted ones that the data tell, and matches of known motifs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuroninterp.graph.evaluate import BASES
from neuroninterp.motifs.databases import MotifDatabase, relevant_indices

__all__ = ["P_VALUE", "Site", "known_sites"]

P_VALUE = 1e-4
"""Largest p-value of a known motif's match; FIMO's own default."""


@dataclass(frozen=True)
class Site:
    """A stretch of a sequence that is, or looks like, a motif's.

    Parameters
    ----------
    start, end : int
        Half-open, from 0, bp.
    strand : str
        "+" or "-".
    name : str
        The motif's name.
    source : str
        "planted": the data say so. "known": a known motif matches there.
    p_value : float
        Of the match to random sequence; NaN for planted sites.
    """

    start: int
    end: int
    strand: str
    name: str
    source: str
    p_value: float = float("nan")


def known_sites(
    codes: np.ndarray,
    database: MotifDatabase,
    wanted: Sequence[str],
    *,
    p_value: float = P_VALUE,
    best_only: bool = False,
) -> list[tuple[Site, ...]]:
    """Find where known motifs match sequences, as FIMO does.

    Log-odds of the motif against uniform bases on either strand, with exact p-values from the
    distribution of its scores. Of matches of one motif that overlap the best is kept.

    Parameters
    ----------
    codes : numpy.ndarray, shape=(N, L)
        Sequences, 0 to 4 for A, C, G, T, N; uint8.
    database : MotifDatabase
        Known motifs.
    wanted : sequence of str
        Which of them: ids or names; see :func:`neuroninterp.motifs.relevant_indices`.
    p_value : float
        Largest that is reported, in (0, 1].
    best_only : bool
        Whether to report one motif a place: motifs of one family match the same sites.

    Returns
    -------
    list of tuple of Site
        For every sequence its sites from left to right.

    Raises
    ------
    UnknownNameError
        If a motif is not in the database.

    Notes
    -----
    Grant CE, Bailey TL, Noble WS (2011) Bioinformatics 27:1017; memelite's implementation.
    """
    from memelite import fimo

    length = codes.shape[1]
    chosen = [
        i for i in sorted(relevant_indices(database, wanted)) if len(database.ppms[i]) <= length
    ]
    found: list[list[Site]] = [[] for _ in codes]
    if not chosen or not len(codes):
        return [() for _ in codes]
    one_hot = np.ascontiguousarray(BASES.astype(np.int8)[codes].transpose(0, 2, 1))
    motifs = {str(i): np.array(database.ppms[i].T, np.float64, order="C") for i in chosen}
    # One table a motif: those of a sequence are left out where nothing matches it.
    for index, table in zip(chosen, fimo(motifs, one_hot, threshold=p_value, dim=0), strict=True):
        columns = ("sequence_name", "start", "end", "strand", "p-value")
        for row, start, end, strand, p in zip(*(table[name] for name in columns), strict=True):
            site = Site(int(start), int(end), strand, database.names[index], "known", float(p))
            found[int(row)].append(site)
    return [_best_apart(sites, best_only) for sites in found]


def _best_apart(sites: list[Site], best_only: bool) -> tuple[Site, ...]:
    """Keep the best of overlapping matches of one name; a palindrome matches on both strands.

    Of all names, where only the best is asked for: those that share half of the shorter site.
    """
    kept: list[Site] = []
    for site in sorted(sites, key=lambda site: (site.p_value, site.start, site.strand)):
        same_place = any(
            _shared(site, other) > (0.5 if other.name != site.name else 0.0)
            for other in kept
            if best_only or other.name == site.name
        )
        if not same_place:
            kept.append(site)
    return tuple(sorted(kept, key=lambda site: (site.start, site.end, site.name)))


def _shared(first: Site, second: Site) -> float:
    """Return the overlap as a share of the shorter site."""
    overlap = min(first.end, second.end) - max(first.start, second.start)
    return max(0, overlap) / min(first.end - first.start, second.end - second.start)
