"""Where finished units are kept: in memory, or in a folder that outlives the process."""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from neuroninterp.durable import PART_SUFFIX
from neuroninterp.errors import OutputError
from neuroninterp.jobs.codec import decode, encode
from neuroninterp.jobs.journal import Journal
from neuroninterp.jobs.unit_file import DamagedUnitError, read_unit, write_unit

__all__ = ["FolderStore", "MemoryStore", "UnitStore", "remembered"]


class UnitStore(Protocol):
    """Values by key."""

    def holds(self, key: str) -> bool:
        """Say whether there is a whole value of that key."""

    def put(self, key: str, label: str, payload: bytes) -> None:
        """Keep an encoded value."""

    def payload(self, key: str) -> bytes:
        """Return an encoded value."""

    def path(self, key: str) -> Path | None:
        """Return the file that holds a value, where one does."""

    def begun(self, label: str, key: str) -> None:
        """Note that somebody has begun a unit."""

    def ended(self, label: str, key: str, seconds: float, worker: str) -> None:
        """Note who has done it, and how long it took."""

    def value(self, key: str) -> Any:
        """Return a value."""

    def discard(self, key: str) -> None:
        """Forget a value, if there is one."""


class MemoryStore:
    """Keeps values for as long as the process lives."""

    def __init__(self) -> None:
        self._payloads: dict[str, bytes] = {}

    def holds(self, key: str) -> bool:
        """Say whether there is a value of that key."""
        return key in self._payloads

    def put(self, key: str, label: str, payload: bytes) -> None:
        """Keep an encoded value."""
        self._payloads[key] = payload

    def payload(self, key: str) -> bytes:
        """Return an encoded value."""
        return self._payloads[key]

    def value(self, key: str) -> Any:
        """Return a value."""
        return decode(self._payloads[key])

    def discard(self, key: str) -> None:
        """Forget a value, if there is one."""
        self._payloads.pop(key, None)

    def path(self, key: str) -> Path | None:
        """Return None: there is no file."""
        return None

    def begun(self, label: str, key: str) -> None:
        """Nobody could read it."""

    def ended(self, label: str, key: str, seconds: float, worker: str) -> None:
        """Nobody could read it."""


class FolderStore:
    """Keeps each value in a file of its own; what is there is there whole.

    Parameters
    ----------
    folder : Path
        Where; made where it is missing.
    tell : callable
        Called with a line for the user.
    """

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        self._folder = folder
        self._units = folder / "units"
        self._tell = tell
        try:
            self._units.mkdir(parents=True, exist_ok=True)
            self._found = {
                found[1]: path
                for path in self._units.iterdir()
                if (found := re.search(r"\.([0-9a-f]{64})\.unit$", path.name))
            }
            for leftover in self._units.glob(f".*{PART_SUFFIX}"):
                leftover.unlink()
        except OSError as error:
            raise self._unusable(error) from error
        self._journal = Journal(folder / "journal.tsv")
        self._whole: set[str] = set()

    def __len__(self) -> int:
        return len(self._found)

    def holds(self, key: str) -> bool:
        """Say whether there is a whole value of that key; a damaged file is taken away."""
        if key in self._whole:
            return True
        path = self._found.get(key)
        if path is None:
            return False
        try:
            read_unit(path)
        except DamagedUnitError as error:
            self._tell(f"{error}; it is computed again")
            path.unlink(missing_ok=True)
            del self._found[key]
            return False
        except FileNotFoundError:
            del self._found[key]
            return False
        except OSError as error:
            raise self._unusable(error) from error
        self._whole.add(key)
        return True

    def put(self, key: str, label: str, payload: bytes) -> None:
        """Keep an encoded value.

        Raises
        ------
        OutputError
            If the disk is full, or the folder cannot be written to (any more).
        """
        path = self._units / f"{label}.{key}.unit"
        try:
            write_unit(path, payload)
        except OSError as error:
            raise self._unusable(error) from error
        self._found[key] = path
        self._whole.add(key)

    def payload(self, key: str) -> bytes:
        """Return an encoded value.

        Raises
        ------
        DamagedUnitError, OutputError
            If its file was altered or taken away since it was looked at.
        """
        try:
            return read_unit(self._found[key])
        except DamagedUnitError as error:
            raise OutputError(f"{error}; the same command again computes it anew") from error
        except OSError as error:
            raise self._unusable(error) from error

    def value(self, key: str) -> Any:
        """Return a value."""
        return decode(self.payload(key))

    def discard(self, key: str) -> None:
        """Forget a value, if there is one."""
        path = self._found.pop(key, None)
        self._whole.discard(key)
        if path is not None:
            path.unlink(missing_ok=True)

    def path(self, key: str) -> Path | None:
        """Return the file that holds a value."""
        return self._found[key]

    def begun(self, label: str, key: str) -> None:
        """Write into the journal that somebody has begun a unit."""
        self._note("begun", label, key)

    def ended(self, label: str, key: str, seconds: float, worker: str) -> None:
        """Write into the journal who has done it."""
        self._note("done", label, key, f"{seconds:.3f}", worker)

    def _note(self, *words: str) -> None:
        try:
            self._journal.write(*words)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> OutputError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return OutputError(
                f"the disk of {self._folder} is full; every unit finished so far is kept: make "
                "room, and the same command again goes on from there"
            )
        return OutputError(
            f"work units cannot be kept in {self._folder} ({error.strerror or error}); what is "
            "there is kept, and the same command again goes on from there"
        )


def remembered(store: UnitStore, key: str, label: str, compute: Callable[[], Any]) -> Any:
    """Return a stored value, computed here where there is none."""
    if not store.holds(key):
        began = time.perf_counter()
        store.begun(label, key)
        store.put(key, label, encode(compute()))
        store.ended(label, key, time.perf_counter() - began, "the run itself")
    return store.value(key)
