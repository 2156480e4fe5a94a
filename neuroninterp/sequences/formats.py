"""What kind of data file a path is, by its content, and the lines of text files."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from neuroninterp.errors import DataError

__all__ = ["MATLAB_HDF5", "find_format", "is_comment", "text_lines"]

MATLAB_HDF5 = b"MATLAB 7.3"
"""First bytes of a MATLAB v7.3 file, which is HDF5 with the axes in reverse order."""

_HDF5 = b"\x89HDF\r\n\x1a\n"
_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_NPY = b"\x93NUMPY"
_EXPECTED = "expected HDF5, .npz, .npy, .mat, FASTA or BED"
_PIECE = 2**20
_SNIFFED = 2**16


def find_format(path: Path) -> str:
    """Name the format of a data file by its content, whatever its extension.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    str
        One of "hdf5", "npz", "npy", "mat", "fasta", "bed".

    Raises
    ------
    DataError
        If there is no such file, it is empty, or it is none of these.
    """
    head = _head(path)
    if head.startswith(_GZIP):
        return _text_format(path, _gzip_head(path))
    return _binary_format(path, head) or _text_format(path, head)


def text_lines(path: Path) -> Iterator[tuple[bytes, bool]]:
    r"""Yield the lines of a text file, plain or gzipped.

    Parameters
    ----------
    path : Path
        The file; gzip is recognised by its first bytes.

    Yields
    ------
    line : bytes
        A line, or a piece of one longer than 1 MiB, so that memory stays bounded.
    starts : bool
        Whether this piece begins a line.

    Raises
    ------
    DataError
        If the file cannot be read to its end (a truncated gzip file, for example).
    """
    starts = True
    try:
        with _open_text(path) as stream:
            while piece := stream.readline(_PIECE):
                if starts:
                    piece = piece.removeprefix(b"\xef\xbb\xbf")
                yield piece, starts
                starts = piece.endswith(b"\n")
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: truncated or damaged ({error}); fetch the file again") from error


def is_comment(line: bytes) -> bool:
    """Say whether a line of a BED file carries no interval."""
    return not line.strip() or line.startswith((b"#", b"track", b"browser"))


def _open_text(path: Path) -> BinaryIO:
    with path.open("rb") as stream:
        compressed = stream.read(2) == _GZIP
    return gzip.open(path) if compressed else path.open("rb")  # type: ignore[return-value]


def _head(path: Path) -> bytes:
    if not path.exists():
        raise DataError(f"{path}: no such file")
    if not path.is_file():
        raise DataError(f"{path}: not a file; {_EXPECTED}")
    try:
        with path.open("rb") as stream:
            head = stream.read(_SNIFFED)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({os.strerror(error.errno or 0)})") from error
    if not head:
        raise DataError(f"{path}: the file is empty; {_EXPECTED}")
    return head


def _gzip_head(path: Path) -> bytes:
    try:
        with gzip.open(path) as stream:
            head = stream.read(_SNIFFED)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: truncated or damaged gzip file ({error})") from error
    inside = _binary_format(path, head)
    if inside:
        raise DataError(f"{path}: {inside} data inside gzip; decompress it first (gunzip)")
    return head


def _binary_format(path: Path, head: bytes) -> str | None:
    # HDF5 may have a user block in front: its signature stands at 0, 512, 1024, 2048, ...
    offsets = [0, *(512 * 2**power for power in range(7))]
    if any(head[offset:].startswith(_HDF5) for offset in offsets):
        return "hdf5"
    if head.startswith(_ZIP):
        return "npz"
    if head.startswith(_NPY):
        return "npy"
    if head.startswith(b"MATLAB 5.0 MAT-file"):
        return "mat"
    if head.startswith(MATLAB_HDF5):
        raise DataError(f"{path}: truncated or damaged MATLAB v7.3 file")
    return None


def _text_format(path: Path, head: bytes) -> str:
    for line in head.removeprefix(b"\xef\xbb\xbf").splitlines():
        if line.startswith(b">"):
            return "fasta"
        if is_comment(line):
            continue
        fields = line.split()
        if len(fields) >= 3 and fields[1].isdigit() and fields[2].isdigit():
            return "bed"
        break
    else:
        raise DataError(f"{path}: the file holds no sequences; {_EXPECTED}")
    suffix = path.suffix.lower()
    if suffix in (".h5", ".hdf5", ".mat", ".npz", ".npy"):
        raise DataError(f"{path}: named {suffix} but not such a file (truncated?); {_EXPECTED}")
    shown = line[:30].decode("ascii", "backslashreplace")
    raise DataError(f"{path}: not sequence data (begins with {shown!r}); {_EXPECTED}")
