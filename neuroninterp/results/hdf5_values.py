"""Values as ``results.h5`` holds them: attributes, matrices, and tables of records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = [
    "UNKNOWN",
    "read_attributes",
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
    """Set attributes of a group or dataset; what is None is left out."""
    for name, value in values.items():
        if value is not None:
            target.attrs[name] = text(value) if isinstance(value, str) else value


def read_attributes(target: Any) -> dict[str, Any]:
    """Return the attributes of a group or dataset as Python's own values, arrays as they are."""
    return {name: _value(value) for name, value in target.attrs.items()}


def write_matrix(group: Any, name: str, matrix: np.ndarray) -> Any:
    """Write a matrix as float32, compressed where that makes it smaller; return the dataset."""
    entries = np.asarray(matrix, dtype=np.float32)
    options = {"compression": "gzip", "shuffle": True} if entries.size >= _COMPRESS_FROM else {}
    return group.create_dataset(name, data=entries, **options)


def read_matrix(group: Any, name: str) -> np.ndarray:
    """Return a matrix as float64."""
    matrix: np.ndarray = group[name][:].astype(np.float64)
    return matrix


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
    import h5py

    if not rows:
        return
    types = [(column, h5py.string_dtype() if t is str else t) for column, t in columns.items()]
    records = [tuple(_storable(row[column]) for column in columns) for row in rows]
    group.create_dataset(name, data=np.array(records, dtype=types))


def read_records(group: Any, name: str, columns: Mapping[str, type]) -> list[dict[str, Any]]:
    """Return the records of a table, without columns that are not asked for or missing.

    Parameters
    ----------
    group : h5py.Group
        Where.
    name : str
        Of the table; where it is missing there are no records.
    columns : mapping of str to type
        As for :func:`write_records`.
    """
    if name not in group:
        return []
    table = group[name][:]
    found = [column for column in table.dtype.names if column in columns]
    return [{column: _known(_value(row[column])) for column in found} for row in table]


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
