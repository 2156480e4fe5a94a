"""Who does the work of a run: this process, others on this machine, or a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neuroninterp.jobs import Equipment, Executor, Here

__all__ = ["Workers"]


@dataclass(frozen=True)
class Workers:
    """Who does the work of a run.

    Parameters
    ----------
    n_jobs : int
        Worker processes; -1 for as many as there are cores.
    """

    n_jobs: int = -1

    @property
    def threads(self) -> int:
        """Threads for what can use several in this process."""
        return self.n_jobs

    def begin(self, equipment: Equipment, layers: Sequence[int]) -> Executor:
        """Return what does the units of some layers."""
        return Here(equipment)
