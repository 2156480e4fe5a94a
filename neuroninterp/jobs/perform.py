"""Doing a job: find the function, decode what it is given, encode what it returns."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from neuroninterp.jobs.codec import decode, encode
from neuroninterp.jobs.equipment import Equipment
from neuroninterp.jobs.job import Job
from neuroninterp.jobs.unit_file import read_unit

__all__ = ["perform"]


def perform(job: Job, equipment: Equipment) -> bytes:
    """Do a job.

    Parameters
    ----------
    job : Job
        What to do.
    equipment : Equipment
        The network and the known motifs.

    Returns
    -------
    bytes
        What its function returned, encoded.

    Raises
    ------
    NeuroninterpError
        If an input's file is damaged, or the function says so.
    """
    module, _, name = job.function.partition(":")
    function = getattr(import_module(module), name)
    inputs = [
        decode(read_unit(given) if isinstance(given, Path) else given) for given in job.inputs
    ]
    return encode(function(equipment, *inputs, **decode(job.parameters)))
