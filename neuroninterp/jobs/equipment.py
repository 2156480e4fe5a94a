"""What every worker has at hand: the network and the known motifs, sent to it once."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from neuroninterp.graph import Graph
from neuroninterp.models import Model, load
from neuroninterp.models.runtime import Tap
from neuroninterp.motifs import MotifDatabase

__all__ = ["Equipment", "pack_equipment", "unpack_equipment"]


@dataclass(frozen=True, eq=False)
class Equipment:
    """What the functions of jobs are given first.

    Parameters
    ----------
    model : Model
        The network. On a worker it has the graph up to the analysed layers and not the model's
        own runtime.
    database : MotifDatabase
        Known motifs.
    threads : int
        Threads for what can use several in one process; -1 for all cores. No answer depends
        on it.
    """

    model: Model
    database: MotifDatabase
    threads: int = 1


@dataclass
class _NoRuntime:
    """Stands for the model's own runtime where there is none."""

    device: str = "none"

    def predict(self, inputs: np.ndarray, *, batch_size: int) -> list[np.ndarray]:
        raise RuntimeError("a worker has the model's graph and not its own runtime")

    def tap(self, inputs: np.ndarray, taps: Sequence[Tap]) -> list[np.ndarray]:
        raise RuntimeError("a worker has the model's graph and not its own runtime")


@dataclass(frozen=True)
class _File:
    """A model that each worker must load from its file."""

    path: Path
    given: dict[str, Any]


def pack_equipment(equipment: Equipment, layers: Sequence[int]) -> bytes:
    """Return the equipment for sending to workers of our own.

    Parameters
    ----------
    equipment : Equipment
        Network and motifs.
    layers : sequence of int
        Numbers of the layers that will be asked for: what only the others need stays here.

    Returns
    -------
    bytes
        For :func:`unpack_equipment`; not for files that others may have written.
    """
    model = equipment.model
    needed: dict[str, None] = {}
    for number in layers:
        needed |= dict.fromkeys(
            n.name for n in model.graph.ancestors(model.layer_nodes(number).value)
        )
    nodes = tuple(node for node in model.graph.nodes if node.name in needed)
    lean = replace(
        model,
        graph=Graph(nodes, (nodes[-1].name,)),
        runtime=_NoRuntime(),
        taps={},
        _trunks={},
    )
    try:
        packed = pickle.dumps((lean, equipment.database), protocol=5)
    except (pickle.PicklingError, AttributeError, TypeError):
        # An activation function of the file's own that is no plain data.
        file = _File(model.path.absolute(), dict(model.given))
        packed = pickle.dumps((file, equipment.database), protocol=5)
    return zlib.compress(packed, 1)


def unpack_equipment(packed: bytes, *, batch_bytes: int | None = None) -> Equipment:
    """Return what :func:`pack_equipment` packed.

    Parameters
    ----------
    packed : bytes
        What it returned.
    batch_bytes : int or None
        Memory that one batch of the network may take; None for the usual.

    Raises
    ------
    ModelError
        If the model must be loaded from its file, and that is not to be seen from here.
    """
    model, database = pickle.loads(zlib.decompress(packed))
    if isinstance(model, _File):
        model = load(**{**model.given, "path": model.path})
    return Equipment(replace(model, batch_bytes=batch_bytes, _trunks={}), database)
