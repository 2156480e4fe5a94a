"""Tomtom's p-values, scores and offsets, from memelite."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

__all__ = ["tomtom"]

_QUERIES_AT_ONCE = 256
"""Queries of one call into compiled code: nothing interrupts it, and it takes under a second."""


def tomtom(
    queries: Iterable[np.ndarray], targets: Iterable[np.ndarray], *, n_jobs: int
) -> np.ndarray:
    """Compare queries with targets as they stand, without their other strand.

    Parameters
    ----------
    queries, targets : iterable of numpy.ndarray, shape=(L, 4)
        PPMs. The columns of all targets are Tomtom's null; of nearly equal columns the first
        one stands for all, so that p-values depend faintly on the order of the targets.
    n_jobs : int
        Threads; -1 for all. The answer does not depend on it.

    Returns
    -------
    numpy.ndarray, shape=(3, queries, targets)
        p-value, score and offset of the best alignment of each pair; an offset is the column
        of the target that lies on the query's first one (negative where it begins later).
    """
    import memelite
    import numba

    threads = numba.config.NUMBA_NUM_THREADS
    among = [np.ascontiguousarray(target.T, np.float64) for target in targets]
    asked = [np.ascontiguousarray(query.T, np.float64) for query in queries]
    found = [
        memelite.tomtom(
            asked[begin : begin + _QUERIES_AT_ONCE],
            among,
            reverse_complement=False,
            n_jobs=threads if n_jobs < 0 else max(1, min(n_jobs, threads)),
        )[:3]
        for begin in range(0, len(asked), _QUERIES_AT_ONCE)
    ]
    return np.concatenate([np.asarray(own) for own in found], axis=1)
