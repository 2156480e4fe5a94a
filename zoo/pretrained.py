"""The trained networks that ship with the zoo: ``NAME.keras`` and its record ``NAME.json``.

Some are there as ``NAME.onnx``, too, for the demo and for the tests of the ONNX reader.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroninterp.errors import ModelError, UnknownNameError
from zoo.catalogue import names, network

if TYPE_CHECKING:
    import keras

__all__ = ["WEIGHTS", "load", "read_record", "shipped", "test_data_path", "weights_path"]

WEIGHTS = Path(__file__).parent / "weights"
"""Folder of the shipped networks."""

_FORMATS = ("keras", "onnx", "json")


def shipped() -> tuple[str, ...]:
    """Return the names of the networks whose weights are here, in the order of the table."""
    return tuple(name for name in names() if (WEIGHTS / f"{name}.json").exists())


def weights_path(name: str, format: str = "keras") -> Path:
    """Return the file of a shipped network.

    Parameters
    ----------
    name : str
        One of :func:`shipped`.
    format : str
        "keras", "json" for the record of its training, or "onnx", which not all have.

    Raises
    ------
    UnknownNameError
        If there is no such network or format.
    ModelError
        If the network is known but its weights are not shipped, or not in this format.
    """
    network(name)
    if format not in _FORMATS:
        raise UnknownNameError("weights format", format, _FORMATS)
    if name not in shipped():
        raise ModelError(
            f"weights of zoo model {name!r} are not shipped (those of {', '.join(shipped())} "
            f"are); train it with 'neuroninterp zoo train {name} --data FILE -o DIR'"
        )
    path = WEIGHTS / f"{name}.{format}"
    if not path.exists():
        raise ModelError(
            f"zoo model {name!r} is not shipped as {format}; use its .keras file, or train it: "
            "'neuroninterp zoo train' writes both"
        )
    return path


def test_data_path() -> Path:
    """Return the held-out sequences that the networks of Koo & Eddy were tested on (HDF5)."""
    return WEIGHTS / "test.h5"


def read_record(name: str) -> dict[str, Any]:
    """Return how a shipped network was trained and how it scores.

    Raises
    ------
    UnknownNameError, ModelError
        As :func:`weights_path`.
    """
    path = weights_path(name, "json")
    # Here, because it brings NumPy and HDF5: names and files alone are listed quickly.
    from zoo import records

    return records.read_record(path)


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
