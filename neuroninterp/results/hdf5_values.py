"""Values as ``results.h5`` holds them: groups, attributes, matrices.

A large network has half a million of them: what occurs once a PPM or once a neuron goes through
h5py's low-level interface, which takes a fraction of the time for the same file. Nothing keeps
the time when it was made: the same values give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache, lru_cache
from io import BytesIO
from typing import Any

import numpy as np

__all__ = [
    "file_in_memory",
    "make_group",
    "numbered_names",
    "plain_value",
    "read_attributes",
    "read_matrix",
    "scalar_type",
    "text",
    "write_attributes",
    "write_ppm",
]

_COMPRESS_FROM = 1024
"""Bytes below which a compressed chunk and its header take more than they save."""
_DEFLATE = 4
_COMPACT_ATTRIBUTES = 64
"""Attributes up to which an object keeps them in its header: beyond, they cost kilobytes."""


def text(value: object) -> str:
    """Drop what an HDF5 string cannot hold: zero bytes and undecodable parts of file names."""
    return str(value).replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def plain_value(value: Any) -> Any:
    """Return a value as Python's own: text where h5py has bytes, arrays as they are."""
    if isinstance(value, bytes):
        return value.decode("utf-8")
    return value.item() if isinstance(value, np.generic) else value


def file_in_memory(memory: BytesIO) -> Any:
    """Return a new HDF5 file that lies in memory, for HDF5 1.10 and later to read.

    HDF5 itself cannot be trusted with a disk that is full: it fails when it closes the file, and
    once more when the process ends. What it made in memory is written like any other bytes.

    Parameters
    ----------
    memory : io.BytesIO
        Holds the whole file once that was closed.
    """
    import h5py
    from h5py import h5f, h5fd, h5p

    creation, access = h5p.create(h5p.FILE_CREATE), h5p.create(h5p.FILE_ACCESS)
    creation.set_obj_track_times(False)
    creation.set_attr_phase_change(_COMPACT_ATTRIBUTES, 0)
    access.set_fileobj_driver(h5fd.fileobj_driver, memory)
    access.set_libver_bounds(h5f.LIBVER_V110, h5f.LIBVER_V110)
    return h5py.File(h5f.create(b"results.h5", h5f.ACC_TRUNC, creation, access))


def make_group(parent: Any, name: str) -> Any:
    """Make a group without the time; its parent exists."""
    import h5py
    from h5py import h5g

    return h5py.Group(h5g.create(parent.id, name.encode("utf-8"), None, _group_settings()))


def write_attributes(target: Any, values: Mapping[str, Any]) -> None:
    """Set attributes of a new group or dataset; what is None is left out."""
    others = _write_scalars(target.id, values)
    for name, value in others.items():
        target.attrs[name] = value


def _write_scalars(holder: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Set those attributes that are one value of Python's own; return the others."""
    from h5py import h5a

    scalar, others = _scalar(), {}
    for name, value in values.items():
        kind: type[object] = str if isinstance(value, str) else type(value)
        if kind in (float, int, bool, str):
            dtype, stored, loaded = scalar_type(kind)
            held = np.array(text(value) if kind is str else value, dtype)
            h5a.create(holder, name.encode("utf-8"), stored, scalar).write(held, loaded)
        elif value is not None:
            others[name] = value
    return others


def read_attributes(target: Any) -> dict[str, Any]:
    """Return the attributes of a group or dataset as Python's own values, arrays as they are."""
    return {name: plain_value(value) for name, value in target.attrs.items()}


def write_ppm(group: Any, matrix: np.ndarray, known: Mapping[str, Any]) -> None:
    """Write a PPM into its group, ``ppm``, with what is known about it as attributes.

    Parameters
    ----------
    group : h5py.Group
        Where.
    matrix : numpy.ndarray, shape=(width, 4)
        Stored as float32, compressed where that makes it smaller.
    known : mapping
        Values of Python's own: float, int, bool or str.
    """
    from h5py import h5d, h5s, h5t

    entries = np.ascontiguousarray(matrix, dtype=np.float32)
    space, settings = _matrix_settings(entries.shape)
    data = h5d.create(group.id, b"ppm", h5t.IEEE_F32LE, space, settings)
    data.write(h5s.ALL, h5s.ALL, entries, h5t.NATIVE_FLOAT)
    others = _write_scalars(data, known)
    if others:
        raise TypeError(f"attributes of a PPM are single values: {', '.join(others)}")


def read_matrix(group: Any, path: str) -> np.ndarray:
    """Read a matrix; it comes as float64."""
    from h5py import h5d, h5s, h5t

    data = h5d.open(group.id, path.encode("utf-8"))
    matrix = np.empty(data.shape)
    data.read(h5s.ALL, h5s.ALL, matrix, h5t.NATIVE_DOUBLE)
    return matrix


def numbered_names(group: Any, name: str) -> list[str]:
    """Return the paths of the members 0, 1, 2, … of a group that may be missing."""
    if name not in group:
        return []
    members = sorted((member.decode("utf-8") for member in group[name].id), key=int)
    return [f"{name}/{member}" for member in members]


@cache
def scalar_type(kind: type) -> tuple[np.dtype, Any, Any]:
    """Return the type of one value: in NumPy, in the file, and of NumPy's in memory."""
    import h5py
    from h5py import h5t

    dtype = h5py.string_dtype() if kind is str else np.dtype(kind)
    return dtype, h5t.py_create(dtype, logical=True), h5t.py_create(dtype)


@cache
def _scalar() -> Any:
    from h5py import h5s

    return h5s.create(h5s.SCALAR)


@cache
def _group_settings() -> Any:
    from h5py import h5p

    settings = h5p.create(h5p.GROUP_CREATE)
    settings.set_obj_track_times(False)
    settings.set_attr_phase_change(_COMPACT_ATTRIBUTES, 0)
    return settings


@lru_cache(maxsize=16)
def _matrix_settings(shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Return the space and the settings of a matrix: a small one lies in its own header."""
    from h5py import h5d, h5p, h5s

    settings = h5p.create(h5p.DATASET_CREATE)
    settings.set_obj_track_times(False)
    settings.set_attr_phase_change(_COMPACT_ATTRIBUTES, 0)
    if 4 * math.prod(shape) < _COMPRESS_FROM:
        settings.set_layout(h5d.COMPACT)
    else:
        settings.set_chunk(shape)
        settings.set_shuffle()
        settings.set_deflate(_DEFLATE)
    return h5s.create_simple(shape), settings
