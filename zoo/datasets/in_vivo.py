"""In vivo data as HDF5 files in the layout of the simulated ones, written as they come."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neuroninterp.errors import DataError
from zoo.data import LAYOUT, PARTS
from zoo.hdf5_file import NewFile, new_hdf5
from zoo.output import check_new

__all__ = ["Writer", "new_file"]

SCHEMA = "koo-eddy-in-vivo/1"
SOURCE = "Koo & Eddy 2019, doi:10.1371/journal.pcbi.1007560"

_CHUNK_BYTES = 2**19


@dataclass(frozen=True)
class Writer:
    """Appends sequences to the parts of an open file.

    Parameters
    ----------
    file : NewFile
        The file.
    parts : dict of str to tuple of h5py.Dataset
        Sequences and labels of each part.
    """

    file: NewFile
    parts: dict[str, tuple[Any, Any]]

    def append(self, part: str, sequences: np.ndarray, labels: np.ndarray) -> None:
        """Append a block to a part.

        Parameters
        ----------
        part : str
            "train", "valid" or "test".
        sequences : numpy.ndarray, shape=(N, 4, L)
            One-hot, uint8, ACGT; a position of four zeros is N.
        labels : numpy.ndarray, shape=(N, T)
            0 or 1.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        with self.file.writing():
            for dataset, array in zip(self.parts[part], (sequences, labels), strict=True):
                first = len(dataset)
                dataset.resize(first + len(array), axis=0)
                dataset[first:] = array

    def sizes(self) -> dict[str, int]:
        """Return the number of sequences in each part so far."""
        return {part: len(datasets[0]) for part, datasets in self.parts.items()}


@contextmanager
def new_file(
    path: str | Path,
    *,
    length: int,
    class_names: Sequence[str],
    attributes: Mapping[str, str | int],
    force: bool,
) -> Iterator[Writer]:
    """Open a file to append sequences to; it stands under its name once it is complete.

    Keys ``X_train`` (N, 4, length) and ``Y_train`` (N, classes), both uint8 and compressed in
    chunks, and likewise for ``valid`` and ``test``; ``class_names`` (classes,); schema, source,
    layout and ``attributes`` as root attributes.

    Parameters
    ----------
    path : str or Path
        The file to write.
    length : int
        Of the sequences, bp.
    class_names : sequence of str
        Names of the labels.
    attributes : mapping of str to str or int
        How the data were made.
    force : bool
        Whether to replace a file that exists.

    Yields
    ------
    Writer
        To append with.

    Raises
    ------
    OutputError
        If the file exists, or cannot be written.
    DataError
        If a part is empty at the end.
    """
    path = Path(path)
    check_new(path, force=force)
    with new_hdf5(path) as file:
        with file.writing():
            parts = _lay_out(file.content, length, class_names, attributes)
        writer = Writer(file, parts)
        yield writer
        _check_filled(path, writer.sizes())


def _check_filled(path: Path, sizes: dict[str, int]) -> None:
    empty = [part for part, size in sizes.items() if size == 0]
    if empty:
        raise DataError(
            f"no sequence for {' and '.join(empty)}: none of that part has a positive label; "
            f"{path} is not written, give data with positives in {', '.join(PARTS)}"
        )


def _lay_out(
    file: Any, length: int, class_names: Sequence[str], attributes: Mapping[str, str | int]
) -> dict[str, tuple[Any, Any]]:
    """Write all but the sequences; return the empty arrays of each part."""
    file.attrs["schema"] = SCHEMA
    file.attrs["source"] = SOURCE
    file.attrs["layout"] = LAYOUT
    file.attrs.update(attributes)
    file.create_dataset("class_names", data=list(class_names))
    return {
        part: (
            _empty(file, f"X_{part}", (len("ACGT"), length)),
            _empty(file, f"Y_{part}", (len(class_names),)),
        )
        for part in PARTS
    }


def _empty(file: Any, key: str, shape: tuple[int, ...]) -> Any:
    rows = max(1, _CHUNK_BYTES // math.prod(shape))
    return file.create_dataset(
        key,
        shape=(0, *shape),
        maxshape=(None, *shape),
        dtype=np.uint8,
        chunks=(rows, *shape),
        compression="gzip",
        compression_opts=4,
    )
