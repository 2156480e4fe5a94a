"""The trained networks that ship with the zoo: ``NAME.keras``, ``NAME.onnx``, ``NAME.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroninterp.errors import ModelError, UnknownNameError
from zoo.catalogue import names, network

if TYPE_CHECKING:
    import keras

__all__ = ["load", "read_record", "shipped", "test_data_path", "weights_path"]

_FOLDER = Path(__file__).parent / "weights"
_FORMATS = ("keras", "onnx", "json")


def shipped() -> tuple[str, ...]:
    """Return the names of the networks whose weights are here, in the order of the table."""
    return tuple(name for name in names() if (_FOLDER / f"{name}.json").exists())


def weights_path(name: str, format: str = "onnx") -> Path:
    """Return the file of a shipped network.

    Parameters
    ----------
    name : str
        One of :func:`shipped`.
    format : str
        "onnx", "keras", or "json" for the record of its training.

    Raises
    ------
    UnknownNameError
        If there is no such network or format.
    ModelError
        If the network is known but its weights are not shipped.
    """
    network(name)
    if format not in _FORMATS:
        raise UnknownNameError("weights format", format, _FORMATS)
    if name not in shipped():
        raise ModelError(
            f"weights of zoo model {name!r} are not shipped (those of {', '.join(shipped())} "
            f"are); train it with 'neuroninterp zoo train {name} --data FILE -o DIR'"
        )
    return _FOLDER / f"{name}.{format}"


def test_data_path() -> Path:
    """Return the held-out sequences that the networks of Koo & Eddy were tested on (HDF5)."""
    return _FOLDER / "test.h5"


def read_record(name: str) -> dict[str, Any]:
    """Return how a shipped network was trained and how it scores.

    Raises
    ------
    UnknownNameError, ModelError
        As :func:`weights_path`.
    """
    record: dict[str, Any] = json.loads(weights_path(name, "json").read_text(encoding="utf-8"))
    return record


def load(name: str) -> keras.Model:
    """Load a shipped network.

    Parameters
    ----------
    name : str
        One of :func:`shipped`.

    Returns
    -------
    keras.Model
        ``(N, length, 4)`` one-hot, ACGT, to ``(N, classes)`` probabilities.

    Raises
    ------
    UnknownNameError, ModelError
        As :func:`weights_path`.
    """
    path = weights_path(name, "keras")
    from neuroninterp.backend import import_keras

    return import_keras().models.load_model(path, compile=False)
