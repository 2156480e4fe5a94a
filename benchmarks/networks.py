"""The networks that are measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import neuroninterp as ni
from neuroninterp.models import Model
from zoo import weights_path

__all__ = ["NETWORKS", "Network", "loaded"]


@dataclass(frozen=True)
class Network:
    """A network to measure.

    Parameters
    ----------
    name : str
        Its name in the zoo.
    layers : tuple of int
        Layers measured unless told otherwise.
    neurons : int or None
        Neurons measured in each layer unless told otherwise; None for all.
    trained : bool
        Whether its weights are shipped; random and calibrated otherwise.
    """

    name: str
    layers: tuple[int, ...]
    neurons: int | None
    trained: bool = True


NETWORKS = {
    network.name: network
    for network in (
        Network("toy-2", (1, 2, 3, 4, 5), neurons=None),
        Network("cnn-25", (1, 2), neurons=32),
        Network("cnn-2", (1, 2), neurons=32),
        Network("cnn-1", (1, 2), neurons=32),
        Network("bd-10", (2, 6, 10), neurons=4, trained=False),
    )
}

_RANDOM_LENGTH = 160
"""Enough for the field of BD-10's layer 10 (144 bp); longer input costs only the loading."""


@contextmanager
def loaded(name: str, device: str = "cpu") -> Iterator[Model]:
    """Load a network by its name in :data:`NETWORKS`, for as long as the context lasts."""
    if NETWORKS[name].trained:
        yield ni.load(weights_path(name, "keras"), device=device)
        return
    from neuroninterp.backend import import_keras, resolve_device

    resolve_device(device)
    import_keras()
    from zoo import random_network

    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.keras"
        random_network(name, length=_RANDOM_LENGTH, protocol="repository", seed=0).save(path)
        yield ni.load(path, device=device)
