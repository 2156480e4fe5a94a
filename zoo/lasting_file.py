"""A file for HDF5 to write to, on a disk that may become full."""

from __future__ import annotations

import io
import os
from typing import Any

__all__ = ["LastingFile"]


class LastingFile(io.FileIO):
    """A file that goes on in memory once a write has failed, and says so when asked.

    HDF5 does not survive a write that fails: flushing or closing its file may end the process
    with a segmentation fault. To it this file never fails. Ask for ``failure`` after every
    block: what is written after it is lost when the file is closed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path, "w+")
        self.failure: OSError | None = None
        self._size = 0
        self._in_memory: list[tuple[int, bytes]] = []

    def write(self, data: Any) -> int:
        """Write all of ``data``, on disk or else in memory."""
        start = self.tell()
        contents = memoryview(data).cast("B")
        try:
            written = 0
            while self.failure is None and written < len(contents):
                written += super().write(contents[written:])
        except OSError as error:
            self.failure = error
        if self.failure is not None:
            self._in_memory.append((start, bytes(contents)))
        end = self.seek(start + len(contents))
        if len(contents):
            self._size = max(self._size, end)
        return len(contents)

    def readinto(self, buffer: Any) -> int:
        """Read what was written, wherever it is."""
        start = self.tell()
        contents = memoryview(buffer).cast("B")
        contents = contents[: max(0, self._size - start)]
        found = super().readinto(contents) or 0
        contents[found:] = bytes(len(contents) - found)
        end = start + len(contents)
        for place, data in self._in_memory:
            first, last = max(start, place), min(end, place + len(data))
            if first < last:
                contents[first - start : last - start] = data[first - place : last - place]
        return self.seek(end) - start

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position; the end is that of all that was written."""
        if whence == os.SEEK_END:
            return super().seek(self._size + offset)
        return super().seek(offset, whence)

    def truncate(self, size: int | None = None) -> int:
        """Set the length."""
        self._size = self.tell() if size is None else size
        try:
            if self.failure is None:
                super().truncate(self._size)
        except OSError as error:
            self.failure = error
        return self._size
