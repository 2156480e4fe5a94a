"""A Dask scheduler of one's own, whose workers are jobs of a cluster's queue (Slurm, PBS …)."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from neuroninterp.errors import NeuroninterpError

__all__ = ["QUEUES", "check_scheduler", "scheduler"]

QUEUES = {
    "htcondor": "HTCondorCluster",
    "lsf": "LSFCluster",
    "moab": "MoabCluster",
    "oar": "OARCluster",
    "pbs": "PBSCluster",
    "sge": "SGECluster",
    "slurm": "SLURMCluster",
}
"""Queueing systems by the names that dask-jobqueue's configuration has for them."""
_ADDRESS = re.compile(r"(tcp|tls|wss?)://\S+:\d+")
_NEEDED = ("cores", "memory")


def check_scheduler(where: str) -> None:
    """Make sure that a scheduler is named as one can be.

    Raises
    ------
    NeuroninterpError
        If it is neither an address nor one of :data:`QUEUES`.
    """
    if where not in QUEUES and not _ADDRESS.fullmatch(where):
        raise NeuroninterpError(
            f"unknown scheduler {where!r}; expected an address like tcp://host:8786, or one "
            f"of {', '.join(QUEUES)}"
        )


@contextmanager
def scheduler(where: str, jobs: int) -> Iterator[str]:
    """Give the address of a scheduler, started here where a queueing system is named.

    Parameters
    ----------
    where : str
        An address, like ``"tcp://host:8786"``, or one of :data:`QUEUES`: then a scheduler runs in
        this process, and what its workers ask for (queue, cores, memory, wall time) is taken
        from dask-jobqueue's configuration, section ``jobqueue.slurm``.
    jobs : int
        How many jobs to put into the queue. They are taken back when the context ends.

    Yields
    ------
    str
        The address.

    Raises
    ------
    NeuroninterpError
        If dask-jobqueue is not installed or configured, or the queue takes no jobs.
    """
    check_scheduler(where)
    if where not in QUEUES:
        yield where
        return
    try:
        import dask
        import dask_jobqueue
    except ImportError as error:
        raise NeuroninterpError(
            f"--scheduler {where} needs dask-jobqueue; pip install 'neuroninterp[dask]' "
            "dask-jobqueue"
        ) from error
    kind = getattr(dask_jobqueue, QUEUES[where])
    submit = str(kind.job_cls.submit_command).split()[0]
    if shutil.which(submit) is None:
        raise NeuroninterpError(
            f"--scheduler {where}: there is no {submit} here; run where jobs can be submitted"
        )
    needs = {name: dask.config.get(f"jobqueue.{where}.{name}", None) for name in _NEEDED}
    if missing := [name for name, value in needs.items() if value is None]:
        raise NeuroninterpError(
            f"--scheduler {where}: how many {' and how much '.join(missing)} a job has is not "
            f"said; put it into the section jobqueue.{where} of ~/.config/dask/jobqueue.yaml"
        )
    cluster = kind(scheduler_options={"dashboard_address": ":0"})
    with cluster:
        cluster.scale(jobs=jobs)
        yield cluster.scheduler_address
