"""A work unit as it is handed to a worker, and what hands it out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

__all__ = ["Done", "Executor", "Job"]


@dataclass(frozen=True, eq=False)
class Job:
    """One work unit: a function of what it is given and nothing else.

    Parameters
    ----------
    key : str
        Hash of everything that the result depends on; two jobs of one key have one result.
    label : str
        What it is, for people: ``"layer2-neurons0-15-sampling"``.
    function : str
        Where the function is: ``"neuroninterp.pipeline.layer_units:sample_block"``. It is
        called with the worker's :class:`neuroninterp.jobs.equipment.Equipment`, the inputs and
        the parameters.
    parameters : bytes
        Keyword arguments, a dict as :func:`neuroninterp.jobs.codec.encode` writes it.
    inputs : tuple of bytes or Path
        Positional arguments: encoded values, or unit files that hold them (for workers that
        see this machine's files).
    """

    key: str
    label: str
    function: str
    parameters: bytes
    inputs: tuple[bytes | Path, ...] = ()


@dataclass(frozen=True, eq=False)
class Done:
    """A finished job.

    Parameters
    ----------
    key : str
        Which.
    payload : bytes
        What its function returned, encoded.
    seconds : float
        How long that took.
    worker : str
        Who did it, for the journal: ``"process 4711"`` or a worker's address.
    """

    key: str
    payload: bytes
    seconds: float
    worker: str


class Executor(Protocol):
    """Has jobs done, in any order."""

    @property
    def files(self) -> bool:
        """Whether its workers read unit files of this machine, so that inputs may be paths."""

    @property
    def capacity(self) -> int:
        """How many unfinished jobs it likes to have: enough that no worker waits for work."""

    def submit(self, job: Job) -> None:
        """Take a job. Returns at once."""

    def finished(self) -> list[Done]:
        """Return jobs that have been done since the last call; waits until there is one.

        An error of a job's own (a :class:`neuroninterp.errors.NeuroninterpError`, or a bug) is
        raised here. A job whose worker died is done again by another.
        """

    def close(self) -> None:
        """Let go of everything, within 2 s: what is being done is abandoned."""
