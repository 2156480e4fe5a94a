"""Known motifs as JASPAR's base counts, from the releases that pyjaspar ships."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing

import numpy as np

__all__ = ["base_counts"]


def base_counts(identifiers: Iterable[str], *, release: str) -> tuple[np.ndarray, ...]:
    """Return the base counts of some profiles.

    Parameters
    ----------
    identifiers : iterable of str
        Matrix ids with their version, for example "MA0139.1".
    release : str
        JASPAR release, for example "JASPAR2016".

    Returns
    -------
    tuple of numpy.ndarray, shape=(width, 4)
        Counts as stored, float64, ACGT, read-only; in the order asked for.
    """
    from pyjaspar import jaspardb

    database = jaspardb(release=release)
    # The library leaves its database open.
    with closing(database.conn):
        stored = [database.fetch_motif_by_id(name).counts for name in identifiers]
    profiles = []
    for counts in stored:
        profile = np.array([counts[base] for base in "ACGT"], dtype=np.float64).T.copy()
        profile.setflags(write=False)
        profiles.append(profile)
    return tuple(profiles)
