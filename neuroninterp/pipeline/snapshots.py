"""When what a run has found so far is written for others to read."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Snapshots"]


class Snapshots:
    """Writes what was found so far now and then, and spends little time on it.

    Parameters
    ----------
    write : callable
        Writes it.
    every : float
        Seconds from one to the next, at least; the first comes after as many.
    share : float
        Largest share of the run's time.
    """

    def __init__(
        self, write: Callable[[], None], *, every: float = 60.0, share: float = 0.03
    ) -> None:
        self._write = write
        self._every = every
        self._share = share
        self._next = time.monotonic() + every

    def __call__(self) -> None:
        """Write, if it is time."""
        begun = time.monotonic()
        if begun < self._next:
            return
        self._write()
        ended = time.monotonic()
        self._next = ended + max(self._every, (ended - begun) / self._share)
