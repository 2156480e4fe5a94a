"""What a Dask worker runs: one job at a time, with the equipment that it keeps."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import time

from neuroninterp.errors import NeuroninterpError
from neuroninterp.jobs.equipment import Equipment, unpack_equipment
from neuroninterp.jobs.failure import Failure
from neuroninterp.jobs.job import Done, Job
from neuroninterp.jobs.perform import perform
from neuroninterp.jobs.threads import use_one_thread

__all__ = ["do_job", "hold"]

_one_at_a_time = threading.Lock()
_at_hand: dict[str, Equipment] = {}
"""The equipment of the last job, unpacked: its compiled networks serve all jobs of a run."""


def hold(packed: bytes) -> bytes:
    """Return what is given: the task whose result is the equipment."""
    return packed


def do_job(
    job: Job, packed: bytes, *, backend: str, batch_bytes: int | None, gpu: bool
) -> Done | Failure:
    """Do a job in a Dask worker.

    Parameters
    ----------
    job : Job
        What to do; its inputs are bytes.
    packed : bytes
        The equipment.
    backend : str
        Keras's backend where the run was started.
    batch_bytes : int or None
        Memory that one batch may take.
    gpu : bool
        Compute on a GPU.

    Returns
    -------
    Done or Failure
        An error is told and not raised, since Dask would tell it its own way.
    """
    from distributed import get_worker

    address = str(get_worker().address)
    with _one_at_a_time:
        try:
            equipment = _equipment(packed, backend, batch_bytes, gpu, address)
            begun = time.perf_counter()
            payload = perform(job, equipment)
            return Done(job.key, payload, time.perf_counter() - begun, address)
        except Exception as error:
            return Failure.of(error, job.label)


def _equipment(
    packed: bytes, backend: str, batch_bytes: int | None, gpu: bool, address: str
) -> Equipment:
    key = hashlib.sha256(packed + f"{batch_bytes} {gpu}".encode()).hexdigest()
    if key not in _at_hand:
        use_one_thread()
        _compute_alike(backend, gpu, address)
        _at_hand.clear()
        _at_hand[key] = unpack_equipment(packed, batch_bytes=batch_bytes)
    return _at_hand[key]


def _compute_alike(backend: str, gpu: bool, address: str) -> None:
    """Compute on the run's backend and device, or refuse: another's digits differ."""
    from neuroninterp.backend import device_in_use, resolve_device

    if "keras" in sys.modules:
        found = sys.modules["keras"].backend.backend()
        if found != backend:
            raise NeuroninterpError(
                f"worker {address} computes with {found}, and here it is {backend}: "
                f"start workers with KERAS_BACKEND={backend}"
            )
    os.environ["KERAS_BACKEND"] = backend
    try:
        resolve_device("gpu" if gpu else "cpu")
    except NeuroninterpError as error:
        raise NeuroninterpError(f"worker {address}: {error}") from error
    if gpu and device_in_use() != "gpu":
        raise NeuroninterpError(f"worker {address}: {backend} does not see its GPU")
