"""Tables of records in ``results.h5``: packed, and compressed where that makes them smaller.

Text has a fixed length in its table, so that it is compressed with the rest: HDF5 keeps text of
any length outside of the records, as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neuroninterp.results.hdf5_values import plain_value, text

__all__ = ["UNKNOWN", "grouped", "read_table", "write_table"]

UNKNOWN = int(np.iinfo(np.int64).min)
"""Stands for None among whole numbers."""

_ROWS_A_CHUNK = 4096
_COMPRESS_FROM = 2048
"""Bytes below which a chunk and its index take more than they save."""
_MOST_PADDING = 4
"""How many times as long as it is a column of text may become by padding it to one length."""


def write_table(
    group: Any, name: str, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, type]
) -> None:
    """Write records as one table, also where there is none.

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
    stored: dict[str, tuple[Any, Any]] = {}
    for column, kind in columns.items():
        values = [row[column] for row in rows]
        if kind is str:
            stored[column] = _packed_text(values)
        else:
            stored[column] = kind, [UNKNOWN if value is None else value for value in values]
    table = np.zeros(len(rows), np.dtype([(column, kind) for column, (kind, _) in stored.items()]))
    for column, (_, values) in stored.items():
        table[column] = values
    compressed: dict[str, Any] = {}
    if table.nbytes >= _COMPRESS_FROM:
        chunk = (min(len(table), _ROWS_A_CHUNK),)
        compressed = {"chunks": chunk, "shuffle": True, "compression": "gzip"}
    group.create_dataset(name, data=table, track_times=False, **compressed)


def read_table(group: Any, name: str, columns: Mapping[str, type]) -> dict[str, list[Any]]:
    """Return the columns of a table as Python's own values, those that are asked for.

    Parameters
    ----------
    group : h5py.Group
        Where.
    name : str
        Of the table.
    columns : mapping of str to type
        As for :func:`write_table`.

    Raises
    ------
    KeyError, TypeError
        If it or a column of it is missing, or it is no table.
    """
    table = group[name][()]
    if not isinstance(table, np.ndarray) or table.dtype.names is None:
        raise TypeError(f"{name} is no table")
    missing = [column for column in columns if column not in table.dtype.names]
    if missing:
        raise KeyError(f"{name} lacks {', '.join(missing)}")
    return {column: _values(table[column], kind) for column, kind in columns.items()}


def grouped(columns: Mapping[str, Sequence[Any]], *keys: str) -> dict[Any, list[dict[str, Any]]]:
    """Return the records of a table, by the values of some columns, without these.

    Parameters
    ----------
    columns : mapping of str to sequence
        As :func:`read_table` returns them.
    *keys : str
        One column, or several, whose values are then tuples.
    """
    rest = [column for column in columns if column not in keys]
    found: dict[Any, list[dict[str, Any]]] = {}
    values = zip(*(columns[column] for column in rest), strict=True)
    of = columns[keys[0]] if len(keys) == 1 else zip(*(columns[key] for key in keys), strict=True)
    for key, row in zip(of, values, strict=True):
        found.setdefault(key, []).append(dict(zip(rest, row, strict=True)))
    return found


def _packed_text(values: Sequence[str]) -> tuple[Any, list[bytes]]:
    """Return the type of a column of text, and its values: of one length unless that wastes."""
    import h5py

    encoded = [text(value).encode("utf-8") for value in values]
    longest = max(1, *map(len, encoded)) if encoded else 1
    padded = longest * len(encoded)
    if padded > _MOST_PADDING * sum(map(len, encoded)) + 2**16:
        return h5py.string_dtype(), encoded
    return h5py.string_dtype("utf-8", longest), encoded


def _values(column: np.ndarray, kind: type) -> list[Any]:
    values = column.tolist()
    if kind is str:
        return [plain_value(value) for value in values]
    if kind is np.int64:
        return [None if value == UNKNOWN else value for value in values]
    return values
