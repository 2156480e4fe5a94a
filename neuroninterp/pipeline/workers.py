"""Who does the work of a run: this process, others on this machine, or a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from neuroninterp.backend import device_in_use
from neuroninterp.jobs import Equipment, Executor, Here, pack_equipment
from neuroninterp.jobs.queues import check_scheduler
from neuroninterp.jobs.resources import parse_memory, plan_workers

__all__ = ["Workers"]

_WORTHWHILE = 60.0
"""Seconds of sampling from which others are called in unasked: each takes 5 s to start."""


@dataclass(frozen=True)
class Workers:
    """Who does the work of a run.

    Parameters
    ----------
    number : int
        Worker processes; 1 for this process alone, -1 for as many as there are cores, where
        the work is worth their start.
    memory : int or None
        Bytes that this process and its workers may take together, of a cluster this process
        and one of its workers; None for no limit.
    scheduler : str or None
        Address of a Dask scheduler, or "slurm"; None for this machine.
    """

    number: int = -1
    memory: int | None = None
    scheduler: str | None = None

    @classmethod
    def asked(cls, number: int, memory: int | str | None, scheduler: str | None) -> Workers:
        """Return what a user has asked for.

        Raises
        ------
        NeuroninterpError
            If the number is neither positive nor -1, the memory is no amount or too little, or
            the scheduler neither an address nor a queueing system.
        """
        size = parse_memory(memory) if isinstance(memory, str) else memory
        plan_workers(number, size)
        if scheduler is not None:
            check_scheduler(scheduler)
        return cls(number, size, scheduler)

    @property
    def threads(self) -> int:
        """Threads for what can use several in this process."""
        return self.number if self.scheduler is None else 1

    def begin(self, equipment: Equipment, layers: Sequence[int], seconds: float) -> Executor:
        """Call the workers in.

        Parameters
        ----------
        equipment : Equipment
            The network and the known motifs.
        layers : sequence of int
            Numbers of the layers that will be asked for.
        seconds : float
            How long sampling will take, about.

        Returns
        -------
        Executor
            What does the units of those layers; to be closed.

        Raises
        ------
        NeuroninterpError
            If no scheduler or no worker can be reached.
        """
        plan = plan_workers(self.number, self.memory)
        if self.scheduler is not None:
            return self._cluster(pack_equipment(equipment, layers))
        few = plan.workers == 1 or (self.number == -1 and seconds < _WORTHWHILE)
        # Several processes would not fit onto one GPU.
        if few or device_in_use() == "gpu":
            model = replace(equipment.model, batch_bytes=plan.batch_bytes, _trunks={})
            return Here(equipment if plan.batch_bytes is None else replace(equipment, model=model))
        from neuroninterp.jobs.processes import Processes

        packed = pack_equipment(equipment, layers)
        return Processes(packed, plan.workers, batch_bytes=plan.batch_bytes)

    def _cluster(self, packed: bytes) -> Executor:
        from neuroninterp.jobs.cluster import Cluster

        assert self.scheduler is not None
        return Cluster(
            packed,
            self.scheduler,
            jobs=max(self.number, 1),
            batch_bytes=plan_workers(1, self.memory).batch_bytes,
            gpu=device_in_use() == "gpu",
        )
