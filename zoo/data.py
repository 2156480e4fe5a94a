"""Training data as HDF5 files with train, valid and test parts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neuroninterp.errors import DataError

__all__ = ["Part", "TrainingData", "read_part", "read_training_data"]

PARTS = ("train", "valid", "test")


@dataclass(frozen=True, eq=False)
class Part:
    """One part of a data set.

    Parameters
    ----------
    inputs : numpy.ndarray, shape=(N, L, 4)
        One-hot sequences, float32, ACGT.
    labels : numpy.ndarray, shape=(N, T)
        float32, 0 or 1.
    """

    inputs: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True, eq=False)
class TrainingData:
    """A data set to train on.

    Parameters
    ----------
    train, valid, test : Part
        The three parts, of the same length and number of classes.
    class_names : tuple of str
        Names of the T labels.
    sha256 : str
        Of the sequences and labels, whatever the file's compression.
    attributes : dict
        Root attributes of the file: how it was made.
    """

    train: Part
    valid: Part
    test: Part
    class_names: tuple[str, ...]
    sha256: str
    attributes: dict[str, Any]


def read_training_data(path: str | Path) -> TrainingData:
    """Read keys ``X_train``, ``Y_train``, ``X_valid``, … of an HDF5 file.

    Parameters
    ----------
    path : str or Path
        The file; X of shape (N, 4, L), one-hot in the order ACGT, and Y of shape (N, T).

    Returns
    -------
    TrainingData
        All three parts in memory (3.2 kB a sequence of 200 bp).

    Raises
    ------
    DataError
        If the file or a key is missing, shapes disagree, or sequences are not one-hot.
    """
    path = Path(path)
    digest = hashlib.sha256()
    with _open(path) as file:
        parts = {name: _read_part(path, file, name, digest) for name in PARTS}
        names = _class_names(file, parts["train"].labels.shape[1])
        attributes = {key: _plain(value) for key, value in file.attrs.items()}
    shapes = {(part.inputs.shape[1], part.labels.shape[1]) for part in parts.values()}
    if len(shapes) > 1:
        raise DataError(
            f"{path}: the parts differ in (length, classes): {sorted(shapes)}; "
            f"expected the same in {', '.join(PARTS)}"
        )
    return TrainingData(
        **parts, class_names=names, sha256=digest.hexdigest(), attributes=attributes
    )


def read_part(path: str | Path, name: str) -> Part:
    """Read one part ("train", "valid" or "test") of an HDF5 file.

    Raises
    ------
    DataError
        If the file or a key is missing, shapes disagree, or sequences are not one-hot.
    """
    with _open(Path(path)) as file:
        return _read_part(Path(path), file, name, hashlib.sha256())


def _open(path: Path) -> Any:
    import h5py

    if not path.is_file():
        raise DataError(f"{path}: no such file; make one with 'neuroninterp zoo simulate -o FILE'")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise DataError(f"{path} is not an HDF5 file, or it is damaged: {error}") from error


def _read_part(path: Path, file: Any, name: str, digest: Any) -> Part:
    arrays = []
    for key in (f"X_{name}", f"Y_{name}"):
        if key not in file:
            raise DataError(f"{path} has no key {key!r}; found: {', '.join(file) or 'nothing'}")
        array = np.asarray(file[key])
        digest.update(f"{key}{array.shape}{array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
        arrays.append(array)
    sequences, labels = arrays
    if sequences.ndim != 3 or sequences.shape[1] != 4 or len(sequences) == 0:
        raise DataError(f"{path}: X_{name} has shape {sequences.shape}, expected (N, 4, L), N > 0")
    if labels.ndim != 2 or len(labels) != len(sequences):
        raise DataError(
            f"{path}: Y_{name} has shape {labels.shape}, expected ({len(sequences)}, classes)"
        )
    if not (np.isin(sequences, (0, 1)).all() and (sequences.sum(axis=1) <= 1).all()):
        raise DataError(f"{path}: X_{name} is not one-hot; expected one 1 a position, or none (N)")
    inputs = np.ascontiguousarray(sequences.transpose(0, 2, 1), dtype=np.float32)
    return Part(inputs, labels.astype(np.float32))


def _class_names(file: Any, classes: int) -> tuple[str, ...]:
    if "class_names" in file and len(file["class_names"]) == classes:
        return tuple(file["class_names"].asstr()[()])
    return tuple(f"class {index}" for index in range(classes))


def _plain(value: Any) -> Any:
    """Return an HDF5 attribute as a value that JSON can hold."""
    return value.item() if isinstance(value, np.generic) else str(value)
