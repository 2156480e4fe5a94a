"""The file of a finished unit: its value behind a checksum, there whole or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

from neuroninterp.durable import replace_file
from neuroninterp.errors import OutputError

__all__ = ["DamagedUnitError", "read_unit", "write_unit"]

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
    replace_file(path, _MAGIC + _HASH(payload).digest(), payload)


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
