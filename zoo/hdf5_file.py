"""HDF5 files that stand under their names once they are complete."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.lasting_file import LastingFile
from zoo.output import aside, cannot_write, output_errors

if TYPE_CHECKING:
    import h5py

__all__ = ["NewFile", "new_hdf5"]

_CACHE_BYTES = 2**24
"""Of chunks in memory: one that a block fills in part is compressed once it is full."""


@dataclass(frozen=True)
class NewFile:
    """An HDF5 file that is being written.

    Parameters
    ----------
    path : Path
        What it will be called.
    content : h5py.File
        To be changed inside of :meth:`writing` only.
    stream : LastingFile
        What HDF5 writes to.
    """

    path: Path
    content: h5py.File
    stream: LastingFile

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Tell what fails inside, as an OutputError."""
        with _output_errors(self.path, self.stream):
            yield


@contextmanager
def new_hdf5(path: Path) -> Iterator[NewFile]:
    """Open a file to write, which replaces the one of its name once the block is left.

    Parameters
    ----------
    path : Path
        The file; see :func:`zoo.output.check_new`.

    Yields
    ------
    NewFile
        Where the block raises, nothing is left of it.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    with aside(path) as temporary:
        with output_errors(path):
            stream = LastingFile(temporary)
        with stream:
            with _opened(path, stream) as content:
                yield NewFile(path, content, stream)
            with _output_errors(path, stream):
                stream.close()


@contextmanager
def _opened(path: Path, stream: LastingFile) -> Iterator[h5py.File]:
    import h5py

    with _output_errors(path, stream):
        file = h5py.File(stream, "w", rdcc_nbytes=_CACHE_BYTES)
    try:
        yield file
    finally:
        # The last chunks are written now.
        with _output_errors(path, stream):
            file.close()


@contextmanager
def _output_errors(path: Path, stream: LastingFile) -> Iterator[None]:
    """Tell what fails inside, and what has failed in the stream."""
    try:
        yield
        if stream.failure is not None:
            raise stream.failure
    except (OSError, RuntimeError) as error:  # HDF5's own errors are both
        raise cannot_write(path, stream.failure or error) from error
