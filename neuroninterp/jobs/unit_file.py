"""The file of a finished unit: its value behind a checksum, there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from neuroninterp.errors import OutputError

__all__ = ["DamagedUnitError", "read_unit", "sync_folder", "write_unit"]

_MAGIC = b"neuroninterp unit 1\n"
_HASH = hashlib.sha256


class DamagedUnitError(OutputError):
    """A unit file that is not as it was written."""


def write_unit(path: Path, payload: bytes) -> None:
    """Write a unit file: aside, to the disk, and then into place.

    Raises
    ------
    OSError
        If that fails; nothing is left then, or the file that was there.
    """
    handle, aside = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_MAGIC + _HASH(payload).digest())
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make sure that a folder's entries outlive a power cut, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # Windows opens no folders.
    try:
        os.fsync(handle)
    except OSError:
        pass  # Some network file systems cannot, and write through anyway.
    finally:
        os.close(handle)


def read_unit(path: Path) -> bytes:
    """Return the payload of a unit file.

    Raises
    ------
    DamagedUnitError
        If it was truncated or altered.
    FileNotFoundError, OSError
        If there is none, or it cannot be read.
    """
    data = path.read_bytes()
    head = len(_MAGIC) + _HASH().digest_size
    payload = data[head:]
    if data[: len(_MAGIC)] != _MAGIC or _HASH(payload).digest() != data[len(_MAGIC) : head]:
        raise DamagedUnitError(
            f"{path}: a finished work unit was truncated or altered (its checksum does not fit)"
        )
    return payload
