"""DeepSEA's files of sequences and labels, read piece by piece.

``train.mat`` is MATLAB v7.3, which is HDF5 with all axes in reverse order; ``valid.mat`` and
``test.mat`` are MATLAB v5. Either format serves for each of the three.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neuroninterp.errors import DataError
from neuroninterp.sequences.coding import codes_from_one_hot
from neuroninterp.sequences.containers import Container, open_container
from neuroninterp.sequences.formats import find_format

__all__ = ["CHANNELS", "LABELS", "LENGTH", "DeepseaFile", "open_deepsea_file"]

LENGTH = 1000
"""Length of DeepSEA's sequences, bp."""

LABELS = 919
"""Number of DeepSEA's labels."""

CHANNELS = "AGCT"
"""Bases in the order of the channels in DeepSEA's files."""

_ACGT = [CHANNELS.index(base) for base in "ACGT"]
_SLAB_BYTES = 2**26
_KEPT_SLABS = 4
"""Most sequences to collect at a time, in slabs."""


@contextmanager
def open_deepsea_file(path: Path, part: str) -> Iterator[DeepseaFile]:
    """Open one of DeepSEA's files.

    Parameters
    ----------
    path : Path
        The file.
    part : str
        "train", "valid" or "test"; the keys are ``{part}xdata`` and ``{part}data``.

    Yields
    ------
    DeepseaFile
        Keys and shapes are checked, values are checked when they are read.

    Raises
    ------
    DataError
        If there is no such file, it is damaged or of another format, a key is missing, or a
        shape is not DeepSEA's.
    """
    file_format = find_format(path)
    if file_format not in ("hdf5", "mat"):
        raise DataError(f"{path}: the format is {file_format}; expected a MATLAB file of DeepSEA's")
    with open_container(path, file_format) as container:
        _check(container, part, reverse=file_format == "hdf5")
        if file_format == "mat":
            yield DeepseaFile(container, part)
            return
        import h5py

        with h5py.File(path, "r") as file:
            yield DeepseaFile(container, part, file[f"{part}xdata"])


@dataclass(frozen=True)
class DeepseaFile:
    """One of DeepSEA's files, open and of the right shapes.

    Parameters
    ----------
    container : Container
        The open file.
    part : str
        "train", "valid" or "test".
    dataset : h5py.Dataset or None
        The sequences, (1000, 4, N), where the file is HDF5.
    """

    container: Container
    part: str
    dataset: Any = None

    @property
    def total(self) -> int:
        """Number of sequences."""
        shape = self.container.arrays[self._key].shape
        return shape[0] if self.dataset is None else shape[-1]

    @property
    def _key(self) -> str:
        return f"{self.part}xdata"

    def labels(self, columns: list[int]) -> np.ndarray:
        """Read some labels of all sequences, one column after the other.

        Parameters
        ----------
        columns : list of int
            Which of the 919, from 0.

        Returns
        -------
        numpy.ndarray, shape=(N, len(columns))
            uint8, 0 or 1.

        Raises
        ------
        DataError
            If a value is neither 0 nor 1, or the file is damaged.
        """
        key = f"{self.part}data"
        labels = np.empty((self.total, len(columns)), dtype=np.uint8)
        for place, column in enumerate(columns):
            axis = 1 if self.dataset is None else 0
            values = self.container.read(key, axis, column, column + 1).reshape(-1)
            wrong = (values != 0) & (values != 1)
            if wrong.any():
                first = int(wrong.argmax())
                raise DataError(
                    f"{self.container.path}: {key!r} holds {float(values[first]):g} for sequence "
                    f"{first}, label {column} (from 0); expected 0 or 1"
                )
            labels[:, place] = values
        return labels

    @property
    def together(self) -> int:
        """How many neighbouring sequences are stored, and so best read, together."""
        if self.dataset is None:
            return 1
        return max(self._chunk(2), self.container.arrays[f"{self.part}data"].chunk(1))

    def all_labels(self, first: int, last: int) -> np.ndarray:
        """Read the labels of the sequences from ``first`` to before ``last``, unchecked.

        Returns
        -------
        numpy.ndarray, shape=(last - first, 919)
            Of the file's type.

        Raises
        ------
        DataError
            If the file is damaged.
        """
        key = f"{self.part}data"
        if self.dataset is None:
            return self.container.read(key, 0, first, last)
        return self.container.read(key, 1, first, last).T

    def codes(self, first: int, last: int, slab_bytes: int = _SLAB_BYTES) -> np.ndarray:
        """Read the sequences from ``first`` to before ``last``.

        Parameters
        ----------
        first, last : int
            Which sequences.
        slab_bytes : int
            About how much to read at a time, in pieces along the positions.

        Returns
        -------
        numpy.ndarray, shape=(last - first, 1000)
            uint8, 0 to 4 for A, C, G, T, N.

        Raises
        ------
        DataError
            If a position is not one-hot, or the file is damaged.
        """
        rows = np.arange(first, last)
        codes = np.empty((len(rows), LENGTH), np.uint8)
        item = self.container.arrays[self._key].item_size
        step = max(1, slab_bytes // (len(CHANNELS) * len(rows) * item))
        step = LENGTH if self.dataset is None else -(-step // self._chunk(0)) * self._chunk(0)
        for start in range(0, LENGTH, step):
            stop = min(start + step, LENGTH)
            codes[:, start:stop] = codes_from_one_hot(
                self._stored(first, last, start, stop).transpose(0, 2, 1),
                alphabet=CHANNELS,
                name=f"{self.container.path}: {self._key!r}",
                first=first,
                first_position=start,
            )
        return codes

    def sequences(
        self, keep: np.ndarray, slab_bytes: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Read some sequences block by block; slabs without any are passed over.

        A slab is a range of sequences, in whole chunks of the file. Where a single chunk spans
        more sequences than fit, the slab is read in pieces along the positions.

        Parameters
        ----------
        keep : numpy.ndarray, shape=(N,)
            Whether to read each sequence.
        slab_bytes : int
            About how much to read at a time.

        Yields
        ------
        indices : numpy.ndarray, shape=(n,)
            Which sequences, ascending.
        one_hot : numpy.ndarray, shape=(n, 4, 1000)
            uint8, ACGT; a position of four zeros is N.

        Raises
        ------
        DataError
            If a position is not one-hot, or the file is damaged.
        """
        array = self.container.arrays[self._key]
        fitting = max(1, slab_bytes // (len(CHANNELS) * LENGTH * array.item_size))
        chunk = self._chunk(2)
        width = max(1, fitting // chunk) * chunk
        most = _KEPT_SLABS * fitting
        for start in range(0, self.total, width):
            inside = start + np.flatnonzero(keep[start : start + width])
            for first in range(0, len(inside), most):
                indices = inside[first : first + most]
                yield indices, self._one_hot(indices, self._gather(indices, fitting))

    def _chunk(self, axis: int) -> int:
        if self.dataset is None or self.dataset.chunks is None:
            return 1
        return int(self.dataset.chunks[axis])

    def _gather(self, indices: np.ndarray, fitting: int) -> np.ndarray:
        """Collect sequences as (n, 4, 1000), about ``fitting`` times 1,000 positions a piece."""
        span = slice(int(indices[0]), int(indices[-1]) + 1)
        inside = indices - span.start
        if self.dataset is None:
            return self.container.read(self._key, 0, span.start, span.stop)[inside]
        chunk = self._chunk(0)
        step = max(1, fitting * LENGTH // (span.stop - span.start) // chunk) * chunk
        gathered = np.empty((len(indices), len(CHANNELS), LENGTH), dtype=self.dataset.dtype)
        for start in range(0, LENGTH, step):
            piece = self._stored(span.start, span.stop, start, start + step)
            gathered[:, :, start : start + step] = piece[inside]
        return gathered

    def _stored(self, first: int, last: int, start: int, stop: int) -> np.ndarray:
        """Read a stretch of neighbouring sequences as it is stored, (n, 4, positions)."""
        if self.dataset is None:
            return self.container.read(self._key, 0, first, last)[:, :, start:stop]
        try:
            piece = self.dataset[start:stop, :, first:last]
        except (OSError, RuntimeError, ValueError) as error:
            raise DataError(
                f"{self.container.path}: {self._key!r} cannot be read ({error}); "
                "truncated or damaged? fetch the file again"
            ) from error
        return np.asarray(piece).T

    def _one_hot(self, indices: np.ndarray, stored: np.ndarray) -> np.ndarray:
        """Check that what is stored is one-hot, and put its channels into the order ACGT."""
        binary = ((stored == 0) | (stored == 1)).all(axis=(1, 2))
        single = (stored.sum(axis=1) <= 1).all(axis=1)
        if not (binary & single).all():
            index = int(indices[(binary & single).argmin()])
            raise DataError(
                f"{self.container.path}: {self._key!r} is not one-hot in sequence {index}; "
                "expected 0 and 1 only, and at most one 1 a position"
            )
        return stored[:, _ACGT].astype(np.uint8)


def _check(container: Container, part: str, *, reverse: bool) -> None:
    """Refuse missing keys, other shapes, and arrays of anything but numbers in this file."""
    wanted = {f"{part}xdata": (len(CHANNELS), LENGTH), f"{part}data": (LABELS,)}
    for key in wanted:
        if key not in container.arrays:
            raise DataError(
                f"{container.path} has no key {key!r}; found: "
                f"{', '.join(container.arrays)}; expected {' and '.join(wanted)}"
            )
        if container.arrays[key].kind != "number":
            raise DataError(f"{container.path}: {key!r} does not hold numbers of its own")
    # MATLAB v7.3 shows its axes in reverse order.
    order = -1 if reverse else 1
    total: Any = "N"
    for key, rest in wanted.items():
        shape = container.arrays[key].shape
        if len(shape) == len(rest) + 1 and total == "N":
            total = shape[::order][0]
        expected = (total, *rest)[::order]
        if shape != expected:
            raise DataError(
                f"{container.path}: {key!r} has shape {shape}, expected "
                f"({', '.join(map(str, expected))}) as in DeepSEA's files, N sequences in both keys"
            )
    if total == 0:
        raise DataError(f"{container.path} holds no sequences")
