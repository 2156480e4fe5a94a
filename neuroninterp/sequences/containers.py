"""Array files opened without reading them: HDF5, .npz, .npy and MATLAB v5."""

from __future__ import annotations

import contextlib
import math
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from neuroninterp.errors import DataError
from neuroninterp.hdf5_heaps import damaged_heap
from neuroninterp.sequences.formats import MATLAB_HDF5
from neuroninterp.sequences.matlab import matlab_arrays
from neuroninterp.sequences.stored import StoredArray, check_whole, kind_of

__all__ = ["Container", "open_container"]

_DEEPEST = 100  # most groups inside one another: finding an item takes as many steps
_MAX_SLAB = 2**30  # most bytes of whole chunks to read at a time


@dataclass(frozen=True)
class Container:
    """The arrays of a file by key.

    Parameters
    ----------
    path : Path
        The file.
    arrays : mapping of str to StoredArray
        Every array, by its key (with its groups: ``"test/x"``).
    reversed_axes : bool
        Whether the file shows its axes in reverse order (MATLAB v7.3).
    """

    path: Path
    arrays: Mapping[str, StoredArray]
    reversed_axes: bool = False

    def read(self, key: str, axis: int, start: int, stop: int) -> np.ndarray:
        """Return array ``key`` from ``start`` to ``stop`` along ``axis``.

        Raises
        ------
        DataError
            If the file turns out to be truncated or damaged.
        """
        with _damage_as_data_error(self.path):
            return self.arrays[key].read(axis, start, stop)


@contextlib.contextmanager
def open_container(path: Path, file_format: str) -> Iterator[Container]:
    """Open an array file; while it is open its arrays can be read.

    Parameters
    ----------
    path : Path
        The file.
    file_format : str
        "hdf5", "npz", "npy" or "mat".

    Yields
    ------
    Container
        Its arrays, none of them read yet.

    Raises
    ------
    DataError
        If the file is truncated or damaged, or holds no arrays.
    """
    opener = {"hdf5": _open_hdf5, "npz": _open_npz, "npy": _open_npy, "mat": _open_mat}
    with contextlib.ExitStack() as stack:
        with _damage_as_data_error(path):
            container = stack.enter_context(opener[file_format](path))
        if not container.arrays:
            raise DataError(f"{path}: no array in this {file_format} file; expected sequences")
        yield container


@contextlib.contextmanager
def _damage_as_data_error(path: Path) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # on damaged files the libraries raise errors of every kind
        raise DataError(f"{path}: cannot be read ({error}); truncated or damaged?") from error


@dataclass(frozen=True)
class _Hdf5Array:
    dataset: Any
    dtype: np.dtype | None  # None for a type that NumPy does not have
    path: Path

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.dataset.shape or ())

    @property
    def kind(self) -> str:
        import h5py

        # Data elsewhere than in this file is not followed: the file may come from a stranger.
        if self.dtype is None or self.dataset.external or self.dataset.is_virtual:
            return "other"
        if h5py.check_string_dtype(self.dtype) is not None:
            return "text"
        return kind_of(self.dtype)

    @property
    def item_size(self) -> int:
        return 0 if self.dtype is None else int(self.dtype.itemsize)

    @property
    def stored_bytes(self) -> int:
        return int(self.dataset.id.get_storage_size())

    def chunk(self, axis: int) -> int:
        if not self.dataset.chunks:
            return 1
        indices = int(self.dataset.chunks[axis])
        each = math.prod(self.shape) // max(1, self.shape[axis]) * self.item_size
        return indices if indices * each <= _MAX_SLAB else 1

    def read(self, axis: int, start: int, stop: int) -> np.ndarray:
        # Texts of any length are the only ones that the library looks up elsewhere in the file.
        if self.kind == "text" and (place := damaged_heap(self.path)) is not None:
            raise DataError(f"{self.path}: its texts at byte {place:,} have no end; damaged?")
        if self.dataset.chunks:
            check_whole(self.dataset.name, math.prod(self.dataset.chunks) * self.item_size)
        return self.dataset[(slice(None),) * axis + (slice(start, stop),)]


@contextlib.contextmanager
def _open_hdf5(path: Path) -> Iterator[Container]:
    import h5py

    with path.open("rb") as stream:
        matlab = stream.read(len(MATLAB_HDF5)) == MATLAB_HDF5
    with h5py.File(path, "r") as file:
        arrays: dict[str, StoredArray] = {}

        def note(name: str, item: object) -> None:
            if name.count("/") > _DEEPEST:
                raise DataError(f"{path}: its groups nest more than {_DEEPEST} deep")
            if isinstance(item, h5py.Dataset):
                arrays[name] = _Hdf5Array(item, _numpy_type(item), path)

        file.visititems(note)
        yield Container(path, arrays, reversed_axes=matlab)


def _numpy_type(dataset: Any) -> np.dtype | None:
    try:
        return dataset.dtype
    except (TypeError, ValueError):  # floats of odd precision, and classes such as time
        return None


@dataclass(frozen=True)
class _NpyArray:
    """An array that NumPy maps from the file."""

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def kind(self) -> str:
        return kind_of(self.dtype)

    @property
    def item_size(self) -> int:
        return self.dtype.itemsize

    @property
    def stored_bytes(self) -> int:
        return math.prod(self.shape) * self.item_size

    def chunk(self, axis: int) -> int:
        return 1

    def read(self, axis: int, start: int, stop: int) -> np.ndarray:
        # Mapped anew each time: what stays mapped stays in memory, page by page.
        mapped = np.load(self.path, "r", allow_pickle=False)
        return np.array(mapped[(slice(None),) * axis + (slice(start, stop),)])


@contextlib.contextmanager
def _open_npy(path: Path) -> Iterator[Container]:
    mapped = np.load(path, "r", allow_pickle=False)
    yield Container(path, {"array": _NpyArray(path, mapped.shape, mapped.dtype)})


@dataclass(frozen=True)
class _NpzArray:
    """A member of a zip archive, read as a stream where its order in the file allows it."""

    stream: Any  # the open member; going back in it starts again from its beginning
    member: zipfile.ZipInfo
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype
    offset: int

    @property
    def kind(self) -> str:
        return kind_of(self.dtype)

    @property
    def item_size(self) -> int:
        return self.dtype.itemsize

    @property
    def stored_bytes(self) -> int:
        return self.member.compress_size

    def chunk(self, axis: int) -> int:
        return 1

    def read(self, axis: int, start: int, stop: int) -> np.ndarray:
        if axis == 0 and not self.fortran:
            row = math.prod(self.shape[1:]) * self.item_size
            self.stream.seek(self.offset + start * row)
            data = self.stream.read((stop - start) * row)
            return np.frombuffer(data, self.dtype).reshape(-1, *self.shape[1:])
        return self._whole[(slice(None),) * axis + (slice(start, stop),)]

    @cached_property
    def _whole(self) -> np.ndarray:
        """The array, which off the first axis must be decompressed for any part of it."""
        check_whole(self.member.filename, math.prod(self.shape) * self.item_size)
        self.stream.seek(0)
        return np.lib.format.read_array(self.stream, allow_pickle=False)


@contextlib.contextmanager
def _open_npz(path: Path) -> Iterator[Container]:
    with contextlib.ExitStack() as stack:
        archive = stack.enter_context(zipfile.ZipFile(path))
        arrays: dict[str, StoredArray] = {}
        for member in archive.infolist():
            if member.filename.endswith(".npy"):
                stream = stack.enter_context(archive.open(member))
                array = _npz_array(stream, member)
                if array is not None:
                    arrays[member.filename.removesuffix(".npy")] = array
        yield Container(path, arrays)


def _npz_array(stream: Any, member: zipfile.ZipInfo) -> _NpzArray | None:
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    version = np.lib.format.read_magic(stream)
    if version not in readers:
        return None
    shape, fortran, dtype = readers[version](stream)
    offset = stream.tell()
    if not dtype.hasobject and offset + math.prod(shape) * dtype.itemsize != member.file_size:
        raise ValueError(f"{member.filename} does not hold the {shape} values that it declares")
    return _NpzArray(stream, member, shape, fortran and len(shape) > 1, dtype, offset)


@contextlib.contextmanager
def _open_mat(path: Path) -> Iterator[Container]:
    yield Container(path, matlab_arrays(path))
