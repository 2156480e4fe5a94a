"""Damage in HDF5 files that the library would never come back from."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

__all__ = ["damaged_heap", "occurrences"]

_SEARCHED = 2**26  # bytes at a time; whole pages
_HEADER = 16
"""Bytes of a collection's header, and of the header of each object in it."""


def damaged_heap(path: Path) -> int | None:
    """Find a collection of texts of any length ("global heap") that the library loops over.

    A collection is ``GCOL``, version 1, three bytes, and its size (8 bytes); then objects:
    number, reference count (2 bytes each), four bytes, size (8) and contents, padded to 8.
    Number 0 is what is left free, whose size counts its header. At one of size 0 the library
    stands still for ever.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    int or None
        Where the damaged collection begins, bytes from the file's start; None for none.
    """
    state = path.stat()
    return _damaged_heap(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=16)
def _damaged_heap(path: Path, size: int, changed: int) -> int | None:
    """Look once at each state of a file, because its texts are read in many pieces."""
    if size == 0:
        return None
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for start in occurrences(data, b"GCOL\1\0\0\0"):
            if _stands_still(data, start):
                return start
    return None


def occurrences(data: mmap.mmap, pattern: bytes) -> Iterator[int]:
    """Yield where a pattern begins; what has been searched of a large file leaves memory again."""
    for begin in range(0, len(data), _SEARCHED):
        end = min(begin + _SEARCHED + len(pattern) - 1, len(data))
        place = data.find(pattern, begin, end)
        while place >= 0:
            yield place
            place = data.find(pattern, place + 1, end)
        if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
            data.madvise(mmap.MADV_DONTNEED, begin, min(_SEARCHED, len(data) - begin))


def _stands_still(data: mmap.mmap, start: int) -> bool:
    if start + _HEADER > len(data):
        return False
    (size,) = struct.unpack_from("<Q", data, start + 8)
    place, end = start + _HEADER, start + size
    while place + _HEADER <= min(end, len(data)):
        number, length = struct.unpack_from("<H6xQ", data, place)
        step = length if number == 0 else _HEADER + -(-length // 8) * 8
        # The library counts modulo 2^64, so that a step too far may lead back.
        if step == 0 or step > end - place:
            return True
        place += step
    return False
