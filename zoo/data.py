"""Training data: what all kinds have in common, and HDF5 files with train, valid and test parts.

Such a file is read whole, a byte a base; :mod:`zoo.streaming` has the parts of larger data sets.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from neuroninterp.errors import DataError
from neuroninterp.sequences.coding import ALPHABET, codes_from_one_hot, one_hot

__all__ = [
    "LAYOUT",
    "PARTS",
    "Part",
    "Piece",
    "SequencePart",
    "TrainingData",
    "channels_first",
    "check_alike",
    "piece_rows",
    "read_part",
    "read_training_data",
]

PARTS = ("train", "valid", "test")
LAYOUT = "X (N, 4, L), ACGT; Y (N, class)"
"""What the arrays of a part are, as the files say it themselves."""
_BYTES_AT_ONCE = 2**26
"""Largest piece of a file's array that is read at a time."""
_BASES_AT_ONCE = 16_000_000
"""Bases that are one-hot in memory at a time (256 MB): all of the synthetic data's."""

Piece = tuple[np.ndarray, np.ndarray]
"""Some sequences (n, L), uint8, 0 to 4 for A, C, G, T, N, and their labels (n, T), 0 or 1."""


class SequencePart(Protocol):
    """One part of a data set, wherever its sequences are."""

    def __len__(self) -> int:
        """Return the number of sequences."""

    @property
    def length(self) -> int:
        """Of each sequence, bp."""

    @property
    def classes(self) -> int:
        """Number of labels."""

    def shuffled(self, rng: np.random.Generator, batch_size: int) -> Iterator[Piece]:
        """Draw an order now, and yield all sequences in it, in pieces of whole batches."""

    def in_order(self, batch_size: int) -> Iterator[Piece]:
        """Yield all sequences as they are stored, in pieces of whole batches."""


def piece_rows(length: int, batch_size: int) -> int:
    """Return how many sequences fit into memory one-hot, in whole batches."""
    return batch_size * max(1, _BASES_AT_ONCE // (length * batch_size))


@dataclass(frozen=True, eq=False)
class Part:
    """One part of a data set in memory: one byte a base, one-hot only where it is used.

    Parameters
    ----------
    codes : numpy.ndarray, shape=(N, L)
        Sequences, 0 to 4 for A, C, G, T, N; uint8.
    labels : numpy.ndarray, shape=(N, T)
        float32, 0 or 1.
    """

    codes: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def length(self) -> int:
        """Of each sequence, bp."""
        return int(self.codes.shape[1])

    @property
    def classes(self) -> int:
        """Number of labels."""
        return int(self.labels.shape[1])

    def shuffled(self, rng: np.random.Generator, batch_size: int) -> Iterator[Piece]:
        """Yield all sequences in random order, in pieces of whole batches (but for the last)."""
        return self._pieces(rng.permutation(len(self)), batch_size)

    def in_order(self, batch_size: int) -> Iterator[Piece]:
        """Yield all sequences as they are stored, in pieces of whole batches."""
        return self._pieces(np.arange(len(self)), batch_size)

    def _pieces(self, order: np.ndarray, batch_size: int) -> Iterator[Piece]:
        size = piece_rows(self.length, batch_size)
        for first in range(0, len(order), size):
            rows = order[first : first + size]
            yield self.codes[rows], self.labels[rows]

    @property
    def inputs(self) -> np.ndarray:
        """All sequences one-hot, (N, L, 4), float32, ACGT: 16 times the memory."""
        return one_hot(self.codes)


@dataclass(frozen=True, eq=False)
class TrainingData:
    """A data set to train on.

    Parameters
    ----------
    train, valid, test : SequencePart
        The three parts, of the same length and number of classes.
    class_names : tuple of str
        Names of the T labels.
    sha256 : str
        Of the sequences and labels, whatever the file's compression; of the files themselves
        where they are streamed.
    attributes : dict
        Root attributes of the file: how it was made.
    kind : str
        Whose layout the files have.
    channels : str
        Bases in the order of the files' channels. Networks get A, C, G, T whatever it is.
    """

    train: SequencePart
    valid: SequencePart
    test: SequencePart
    class_names: tuple[str, ...]
    sha256: str
    attributes: dict[str, Any]
    kind: str = "X_train, Y_train"
    channels: str = ALPHABET


def read_training_data(path: str | Path) -> TrainingData:
    """Read keys ``X_train``, ``Y_train``, ``X_valid``, … of an HDF5 file.

    Parameters
    ----------
    path : str or Path
        The file; X of shape (N, 4, L), one-hot in the order ACGT, and Y of shape (N, T).

    Returns
    -------
    TrainingData
        All three parts in memory, a byte a base.

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
    check_alike(path, parts)
    return TrainingData(
        train=parts["train"],
        valid=parts["valid"],
        test=parts["test"],
        class_names=names,
        sha256=digest.hexdigest(),
        attributes=attributes,
    )


def check_alike(path: Path, parts: Mapping[str, SequencePart]) -> None:
    """Refuse parts of different length or number of classes.

    Raises
    ------
    DataError
        If they differ.
    """
    shapes = {(part.length, part.classes) for part in parts.values()}
    if len(shapes) > 1:
        raise DataError(
            f"{path}: the parts differ in (length, classes): {sorted(shapes)}; "
            f"expected the same in {', '.join(PARTS)}"
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


def channels_first(codes: np.ndarray) -> np.ndarray:
    """Turn codes (N, L), 0 to 4, into one-hot as the files hold it: (N, 4, L) of uint8."""
    bases = np.arange(4, dtype=np.uint8)[:, None]
    return (codes[:, None, :] == bases).view(np.uint8)


def _open(path: Path) -> Any:
    import h5py

    if not path.is_file():
        raise DataError(
            f"{path}: no such file; expected an HDF5 file, such as 'neuroninterp zoo simulate' "
            "makes, or the folder of DeepSEA's .mat files"
        )
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise DataError(f"{path} is not an HDF5 file, or it is damaged: {error}") from error


def _read_part(path: Path, file: Any, name: str, digest: Any) -> Part:
    keys = f"X_{name}", f"Y_{name}"
    for key in keys:
        if key not in file:
            raise DataError(f"{path} has no key {key!r}; found: {', '.join(file) or 'nothing'}")
    sequences, labels = (file[key] for key in keys)
    if sequences.ndim != 3 or sequences.shape[1] != 4 or len(sequences) == 0:
        raise DataError(f"{path}: X_{name} has shape {sequences.shape}, expected (N, 4, L), N > 0")
    if labels.ndim != 2 or len(labels) != len(sequences):
        raise DataError(
            f"{path}: Y_{name} has shape {labels.shape}, expected ({len(sequences)}, classes)"
        )
    codes = np.empty((len(sequences), sequences.shape[2]), np.uint8)
    for first, piece in _pieces(sequences, keys[0], digest):
        codes[first : first + len(piece)] = codes_from_one_hot(
            piece.transpose(0, 2, 1), name=f"{path}: {keys[0]}", first=first
        )
    read = np.empty(labels.shape, np.float32)
    for first, piece in _pieces(labels, keys[1], digest):
        if not np.isin(piece, (0, 1)).all():
            raise DataError(f"{path}: {keys[1]} holds values other than 0 and 1")
        read[first : first + len(piece)] = piece
    return Part(codes, read)


def _pieces(array: Any, key: str, digest: Any) -> Iterator[tuple[int, np.ndarray]]:
    """Yield an array of the file piece by piece, with each piece's first row."""
    digest.update(f"{key}{array.shape}{array.dtype}".encode())
    row = array.dtype.itemsize * math.prod(array.shape[1:])
    rows = max(1, _BYTES_AT_ONCE // max(1, row))
    for first in range(0, len(array), rows):
        piece = np.asarray(array[first : first + rows])
        digest.update(np.ascontiguousarray(piece).tobytes())
        yield first, piece


def _class_names(file: Any, classes: int) -> tuple[str, ...]:
    if "class_names" in file and len(file["class_names"]) == classes:
        return tuple(file["class_names"].asstr()[()])
    return tuple(f"class {index}" for index in range(classes))


def _plain(value: Any) -> Any:
    """Return an HDF5 attribute as a value that JSON can hold."""
    return value.item() if isinstance(value, np.generic) else str(value)
