"""Values as ``results.h5`` holds them: attributes, matrices, and tables of records.

A large network has half a million of them: what occurs once a PPM or once a neuron goes through
h5py's low-level interface, which takes a fraction of the time for the same file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

__all__ = [
    "UNKNOWN",
    "numbered_names",
    "read_attributes",
    "read_columns",
    "read_matrix",
    "read_records",
    "text",
    "write_attributes",
    "write_matrix",
    "write_records",
]

UNKNOWN = np.iinfo(np.int64).min
"""Stands for None among whole numbers."""

# Below this many entries a compressed chunk and its index are larger than the matrix itself.
_COMPRESS_FROM = 1024


def text(value: object) -> str:
    """Drop what an HDF5 string cannot hold: zero bytes and undecodable parts of file names."""
    return str(value).replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def write_attributes(target: Any, values: Mapping[str, Any]) -> None:
    """Set attributes of a new group or dataset; what is None is left out."""
    from h5py import h5a, h5s

    scalar = h5s.create(h5s.SCALAR)
    for name, value in values.items():
        kind: type[object] = str if isinstance(value, str) else type(value)
        if kind in (float, int, bool, str):
            dtype, stored, loaded = _scalar_type(kind)
            held = np.array(text(value) if kind is str else value, dtype)
            h5a.create(target.id, name.encode("utf-8"), stored, scalar).write(held, loaded)
        elif value is not None:
            target.attrs[name] = value


def read_attributes(target: Any) -> dict[str, Any]:
    """Return the attributes of a group or dataset as Python's own values, arrays as they are."""
    return {name: _value(value) for name, value in target.attrs.items()}


def write_matrix(group: Any, path: str, matrix: np.ndarray) -> Any:
    """Write a matrix as float32, compressed where that makes it smaller; return the dataset.

    Groups on the path that are missing are made.
    """
    import h5py
    from h5py import h5d, h5s, h5t

    entries = np.ascontiguousarray(matrix, dtype=np.float32)
    if entries.size >= _COMPRESS_FROM:
        return group.create_dataset(path, data=entries, compression="gzip", shuffle=True)
    settings, links = _settings()
    space = h5s.create_simple(entries.shape)
    data = h5d.create(group.id, path.encode("utf-8"), h5t.IEEE_F32LE, space, settings, links)
    data.write(h5s.ALL, h5s.ALL, entries)
    return h5py.Dataset(data)


def read_matrix(
    group: Any, path: str, attributes: Mapping[str, type]
) -> tuple[np.ndarray, dict[str, Any]]:
    """Read a matrix with what is known about it.

    Parameters
    ----------
    group : h5py.Group
        Where.
    path : str
        Of the dataset, from there.
    attributes : mapping of str to type
        Those that are read: float, int, bool or str. What the file lacks is left out.

    Returns
    -------
    matrix : numpy.ndarray
        float64.
    known : dict
        Values by name.
    """
    from h5py import h5a, h5d, h5s, h5t

    data = h5d.open(group.id, path.encode("utf-8"))
    matrix = np.empty(data.shape)
    data.read(h5s.ALL, h5s.ALL, matrix, h5t.NATIVE_DOUBLE)
    known = {}
    for name, kind in attributes.items():
        try:
            attribute = h5a.open(data, name.encode("utf-8"))
        except KeyError:
            continue
        dtype, _, loaded = _scalar_type(kind)
        held = np.empty((), dtype)
        attribute.read(held, loaded)
        known[name] = _value(held.item())
    return matrix, known


def numbered_names(group: Any, name: str) -> list[str]:
    """Return the paths of the members 0, 1, 2, … of a group that may be missing."""
    if name not in group:
        return []
    members = sorted((member.decode("utf-8") for member in group[name].id), key=int)
    return [f"{name}/{member}" for member in members]


def write_records(
    group: Any, name: str, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, type]
) -> None:
    """Write records as one table; nothing where there is none.

    Parameters
    ----------
    group : h5py.Group
        Where.
    name : str
        Of the table.
    rows : sequence of mapping
        One value for each column; None in a column of whole numbers becomes :data:`UNKNOWN`.
    columns : mapping of str to type
        ``str`` or a NumPy type for each.
    """
    from h5py import h5d, h5s

    if not rows:
        return
    dtype, stored, loaded = _record_type(tuple(columns.items()))
    records = [tuple(_storable(row[column]) for column in columns) for row in rows]
    table = np.array(records, dtype=dtype)
    settings, links = _settings()
    space = h5s.create_simple(table.shape)
    data = h5d.create(group.id, name.encode("utf-8"), stored, space, settings, links)
    data.write(h5s.ALL, h5s.ALL, table, loaded)


def read_columns(group: Any, name: str, columns: Mapping[str, type]) -> dict[str, list[Any]]:
    """Return the columns of a table, without those that are not asked for or missing.

    Parameters
    ----------
    group : h5py.Group
        Where.
    name : str
        Of the table; where it is missing there are no columns.
    columns : mapping of str to type
        As for :func:`write_records`.
    """
    from h5py import h5d, h5s, h5t

    if name not in group:
        return {}
    data = h5d.open(group.id, name.encode("utf-8"))
    record = data.get_type()
    if not isinstance(record, h5t.TypeCompoundID):
        raise TypeError(f"{name} is no table")
    held = {record.get_member_name(k).decode("utf-8") for k in range(record.get_nmembers())}
    found = tuple((column, kind) for column, kind in columns.items() if column in held)
    dtype, _, loaded = _record_type(found)
    table = np.empty(data.shape, dtype)
    data.read(h5s.ALL, h5s.ALL, table, loaded)
    return {
        column: [_known(_value(value)) for value in table[column].tolist()] for column, _ in found
    }


def read_records(group: Any, name: str, columns: Mapping[str, type]) -> list[dict[str, Any]]:
    """Return the records of a table as :func:`read_columns` finds them, row by row."""
    found = read_columns(group, name, columns)
    return [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]


@cache
def _scalar_type(kind: type) -> tuple[np.dtype, Any, Any]:
    """Return the type of one value: in NumPy, in the file, and of NumPy's in memory."""
    import h5py

    return _types(h5py.string_dtype() if kind is str else np.dtype(kind))


@cache
def _record_type(columns: tuple[tuple[str, type], ...]) -> tuple[np.dtype, Any, Any]:
    """Return the type of a table's records likewise."""
    import h5py

    types = [(name, h5py.string_dtype() if kind is str else kind) for name, kind in columns]
    return _types(np.dtype(types))


def _types(dtype: np.dtype) -> tuple[np.dtype, Any, Any]:
    from h5py import h5t

    return dtype, h5t.py_create(dtype, logical=True), h5t.py_create(dtype)


@cache
def _settings() -> tuple[Any, Any]:
    """Return the settings of a dataset as h5py makes it, without the time, and of its links."""
    from h5py import h5p

    dataset, links = h5p.create(h5p.DATASET_CREATE), h5p.create(h5p.LINK_CREATE)
    dataset.set_obj_track_times(False)
    links.set_create_intermediate_group(True)
    return dataset, links


def _storable(value: Any) -> Any:
    if value is None:
        return UNKNOWN
    return text(value) if isinstance(value, str) else value


def _known(value: Any) -> Any:
    # A float of that size is not meant: only an int equals it exactly and is one.
    return None if type(value) is int and value == UNKNOWN else value


def _value(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8")
    return value.item() if isinstance(value, np.generic) else value
