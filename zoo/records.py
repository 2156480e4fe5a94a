"""Records of trained networks: what ``NAME.json`` says beside ``NAME.keras``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from neuroninterp.backend import import_keras
from neuroninterp.errors import OutputError
from zoo.data import PARTS, TrainingData

__all__ = ["SCHEMA", "command", "describe_data", "read_record", "score", "versions"]

SCHEMA = "zoo-record/1"


def read_record(path: str | Path) -> dict[str, Any]:
    """Read the record of a trained network.

    Raises
    ------
    OutputError
        If the file cannot be read, or is no such record.
    """
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(f"{path} cannot be read: {error}") from error
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise OutputError(f"{path} is not the record of a trained network (schema {SCHEMA})")
    return record


def score(
    predictions: np.ndarray, labels: np.ndarray, class_names: tuple[str, ...]
) -> dict[str, Any]:
    """Score predicted probabilities against the labels.

    Parameters
    ----------
    predictions : numpy.ndarray, shape=(N, T)
        Probabilities.
    labels : numpy.ndarray, shape=(N, T)
        0 or 1.
    class_names : tuple of str
        Names of the T labels.

    Returns
    -------
    dict
        ``sequences``, the means of :data:`neuroninterp.performance.SCORES` over the classes,
        and ``classes``: one record a class. None where a class has only one kind of label.
    """
    from neuroninterp.performance import SCORES, performance

    frame = performance(predictions, labels, class_names)
    rows = [
        {key: _json_number(value) for key, value in row.items()} for row in frame.to_dict("records")
    ]
    means = {key: _json_number(frame[key].mean()) for key in SCORES}
    return {"sequences": len(labels), **means, "classes": rows}


def _json_number(value: Any) -> Any:
    """Return a score with 6 digits, None for NaN (which JSON lacks), and others as they are."""
    if not isinstance(value, float):
        return value
    return None if np.isnan(value) else round(float(value), 6)


def describe_data(data: TrainingData, file_name: str) -> dict[str, Any]:
    """Describe the data that a network was trained on."""
    sizes = {name: len(getattr(data, name)) for name in PARTS}
    return {
        "file": file_name,
        "kind": data.kind,
        "channels": data.channels,
        "attributes": data.attributes,
        **sizes,
    }


def versions() -> dict[str, str]:
    """Return the versions of what a training run depends on."""
    import platform
    from importlib.metadata import version

    keras_module = import_keras()
    packages = ("neuroninterp", "keras", "tensorflow", "numpy", "onnx")
    found = {"python": platform.python_version(), "backend": keras_module.backend.backend()}
    for package in packages:
        try:
            found[package] = version(package)
        except ImportError:
            # Run from a source tree, or with another backend.
            continue
    return found


def command(name: str, data: str, run: dict[str, Any], epochs: int, patience: int) -> str:
    """Return the command that repeats a training run."""
    return (
        f"neuroninterp zoo train {name} --data {data} -o . --seed {run['seed']} "
        f"--epochs {epochs} --patience {patience} --batch-size {run['batch_size']} "
        f"--protocol {run['protocol']['name']}"
    )
