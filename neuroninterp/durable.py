"""Files that are there whole or not at all, and still there after a power cut."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

__all__ = ["PART_SUFFIX", "replace_file", "to_disk"]

PART_SUFFIX = ".part"
"""Ends the hidden names of files that are not whole yet."""

_NOT_SYNCHRONISED = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)
"""What file systems answer that do not bring folders to the disk one by one."""


def replace_file(path: Path, *pieces: bytes) -> None:
    """Write a file whole: aside, to the disk, and in place of an older one.

    Whoever has the older one open keeps it. An interruption leaves the older one, and perhaps a
    hidden file beside it.

    Parameters
    ----------
    path : Path
        The file; its folder exists.
    *pieces : bytes
        What it shall hold, one after the other.

    Raises
    ------
    OSError
        If it cannot be written; the older file stays as it was.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}{PART_SUFFIX}")
    try:
        with aside.open("wb") as file:
            for piece in pieces:
                file.write(piece)
        to_disk(aside)
        aside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        raise
    to_disk(path.parent, inside=False)


def to_disk(path: Path, *, inside: bool = True) -> None:
    """Wait until a file or folder is on the disk, with what a folder holds unless told otherwise.

    Raises
    ------
    OSError
        If it cannot be brought there, for example because the disk is full.
    """
    if inside and path.is_dir():
        for entry in path.iterdir():
            to_disk(entry)
    if path.is_dir() and os.name == "nt":
        # Windows opens no folders; it keeps names by itself.
        return
    number = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(number)
    except OSError as error:
        if not path.is_dir() or error.errno not in _NOT_SYNCHRONISED:
            raise
    finally:
        os.close(number)
