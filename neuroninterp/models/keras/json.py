"""An architecture in JSON, and the weights file that belongs to it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from neuroninterp.errors import ModelError
from neuroninterp.models.keras.hdf5 import HDF5_MAGIC, open_hdf5, weights_layout

__all__ = ["find_weights", "parse_architecture"]

_LARGEST_JSON = 50_000_000
"""Largest architecture, bytes; that of a network of a thousand layers takes one million."""

_DEEPEST = 100
"""Most brackets inside one another; Keras and our checks walk them by recursion."""

_ENDINGS = (".arch", "_arch", ".architecture", "_architecture", "_model", ".model", "_json")


def parse_architecture(path: Path, text: str | bytes) -> dict[str, Any]:
    """Parse an architecture.

    Parameters
    ----------
    path : Path
        The file that holds it, for messages.
    text : str or bytes
        JSON; a JSON string that itself holds JSON is unpacked (``json.dump(model.to_json())``).

    Returns
    -------
    dict

    Raises
    ------
    ModelError
        If it is too large, no JSON, no object, or nested too deep.
    """
    if len(text) > _LARGEST_JSON:
        raise ModelError(f"{path}: an architecture of {len(text):,} bytes; refused")
    try:
        config = json.loads(text)
        if isinstance(config, str):
            config = json.loads(config)
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelError(f"{path}: the architecture is not readable JSON ({error})") from error
    if not isinstance(config, dict):
        raise ModelError(f"{path}: the architecture is not a JSON object")
    _check_depth(config, path)
    return config


def _check_depth(config: dict[str, Any], path: Path) -> None:
    """Refuse what would exhaust the stack of whoever walks it."""
    level: list[Any] = [config]
    depth = 0
    while level:
        depth += 1
        if depth > _DEEPEST:
            raise ModelError(f"{path}: the architecture nests {_DEEPEST} deep; refused")
        level = [
            inner
            for item in level
            for inner in (item.values() if isinstance(item, dict) else item)
            if isinstance(inner, (dict, list))
        ]


def find_weights(path: Path, weights: Path | None) -> Path:
    """Find the weights of an architecture.

    Parameters
    ----------
    path : Path
        The JSON file.
    weights : Path or None
        The weights file if the user gave it; None to look beside ``path`` for one whose name
        begins alike (``model.json`` with ``model.h5``, ``model.weights.h5``,
        ``model_weights.hdf5`` …).

    Returns
    -------
    Path

    Raises
    ------
    ModelError
        If there is none, several, or the file holds no weights.
    """
    if weights is not None:
        _check_is_weights(weights)
        return weights
    beside = [file for file in sorted(path.parent.iterdir()) if _is_hdf5(file)]
    stem = _stem(path.name)
    alike = [file for file in beside if _stem(file.name) == stem]
    if len(alike) == 1:
        _check_is_weights(alike[0])
        return alike[0]
    if alike:
        found = f"found {', '.join(file.name for file in alike)} beside it"
    else:
        found = f"found no {stem}.h5, {stem}.weights.h5 or {stem}_weights.h5 beside it"
    raise ModelError(
        f"{path} is an architecture without weights (JSON); {found}; name the weights file with "
        "--weights (weights=)"
    )


def _stem(name: str) -> str:
    """Return what the names of an architecture and of its weights have in common."""
    lowered = name
    for ending in (".json", ".hdf5", ".h5"):
        if lowered.lower().endswith(ending):
            lowered = lowered[: -len(ending)]
    for ending in (*_ENDINGS, ".weights", "_weights"):
        if lowered.lower().endswith(ending) and len(lowered) > len(ending):
            lowered = lowered[: -len(ending)]
    return lowered


def _is_hdf5(path: Path) -> bool:
    if path.suffix.lower() not in (".h5", ".hdf5") or not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(8) == HDF5_MAGIC


def _check_is_weights(path: Path) -> None:
    """Refuse a weights file that is none."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise ModelError(f"{path} is no regular file; give a weights file (.h5, .hdf5)")
    try:
        with path.open("rb") as stream:
            head = stream.read(8)
    except FileNotFoundError:
        raise ModelError(f"no such weights file: {path}") from None
    except OSError as error:
        raise ModelError(f"cannot read weights file {path}: {error.strerror}") from error
    if head != HDF5_MAGIC:
        raise ModelError(
            f"{path} holds no weights that can be read: it starts with {head!r}, expected HDF5 "
            "(.h5, .hdf5), as written by model.save_weights"
        )
    with open_hdf5(path) as file:
        if not weights_layout(file):
            names = ", ".join(repr(key) for key in list(file)[:5]) or "nothing"
            raise ModelError(
                f"{path} is HDF5 but holds no Keras weights: found {names}; expected a file of "
                "model.save_weights or a whole model"
            )
