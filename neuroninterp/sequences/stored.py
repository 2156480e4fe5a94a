"""What an array in a file is, before it is read."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from neuroninterp.errors import DataError

__all__ = ["StoredArray", "check_whole", "kind_of"]

_MAX_WHOLE = 2**32


class StoredArray(Protocol):
    """An array in a file, read slice by slice."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape, as the file declares it."""

    @property
    def kind(self) -> str:
        """One of "number", "text", or "other" for what is not read."""

    @property
    def item_size(self) -> int:
        """Bytes of one element in memory."""

    @property
    def stored_bytes(self) -> int:
        """Bytes that the array takes in the file, compressed as it is."""

    def chunk(self, axis: int) -> int:
        """Return how many indices along ``axis`` are stored, and so best read, together."""

    def read(self, axis: int, start: int, stop: int) -> np.ndarray:
        """Return the array from ``start`` to ``stop`` along ``axis``."""


def kind_of(dtype: np.dtype) -> str:
    """Return "number" for booleans, integers and floats, "text" for strings, or "other"."""
    if dtype.kind in "biuf":
        return "number"
    return "text" if dtype.kind in "US" else "other"


def check_whole(name: str, size: int) -> None:
    """Refuse a piece of more than 4 GiB that can only be read as a whole.

    Parameters
    ----------
    name : str
        What to call the array.
    size : int
        Bytes of the piece in memory.

    Raises
    ------
    DataError
        If it is larger.
    """
    if size > _MAX_WHOLE:
        raise DataError(
            f"{name!r} can only be read in pieces of {size / 2**30:.0f} GiB; "
            "save it as HDF5 in chunks of whole sequences"
        )
