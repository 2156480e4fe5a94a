"""Hashes by which the work of a run is found again: of its network, motifs, data and settings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from neuroninterp.backend import import_keras
from neuroninterp.jobs import encode
from neuroninterp.models import Model
from neuroninterp.motifs import MotifDatabase
from neuroninterp.pipeline.layer_plan import Digests
from neuroninterp.sequences import SequenceData

__all__ = ["digest_of", "run_digests"]

_UNITS = 1
"""Raised whenever the same unit would give another result."""

_NOT_THE_ANSWER = ("path", "weights", "trust_model", "device")
"""Of what a model was loaded with: where it lies is told by its hash, the device by where it is."""


def run_digests(
    model: Model,
    card: Mapping[str, Any],
    versions: Mapping[str, str],
    database: MotifDatabase,
    sequences: SequenceData | None,
) -> Digests:
    """Hash what a run works with.

    Parameters
    ----------
    model : Model
        The network.
    card : mapping
        Its model card, with the hash of its file and the device.
    versions : mapping of str to str
        Versions of the libraries.
    database : MotifDatabase
        Known motifs.
    sequences : SequenceData or None
        The user's sequences.

    Returns
    -------
    Digests
    """
    given = {k: v for k, v in model.given.items() if k not in _NOT_THE_ANSWER}
    read = (_UNITS, card["sha256"], card["device"], given, import_keras().backend.backend())
    return Digests(
        model=digest_of(read, dict(versions)),
        motifs=digest_of(database.name, database.ids, database.names, list(database.ppms)),
        data="" if sequences is None else sequences.digest,
    )


def digest_of(*values: Any) -> str:
    """Return the SHA-256 of values that can be encoded; paths and such count as their text."""
    return hashlib.sha256(encode(_plain(values))).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return json.loads(json.dumps(value, default=str))
    return tuple(map(_plain, value)) if isinstance(value, (tuple, list)) else value
