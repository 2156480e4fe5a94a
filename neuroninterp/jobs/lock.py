"""One run at a time in a folder: a lock that says who holds it, and since when."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from neuroninterp.errors import OutputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # the case that the code below asks about

__all__ = ["locked"]

_FRESH = 120.0
"""Seconds after which a holder on another machine that gave no sign of life is taken for dead."""
_SIGN_EVERY = 15.0


@contextlib.contextmanager
def locked(path: Path, folder: Path) -> Iterator[None]:
    """Hold a lock; it is let go when the process ends, however it ends.

    Parameters
    ----------
    path : Path
        The lock's file; made where it is missing.
    folder : Path
        What it guards, for the message.

    Raises
    ------
    OutputError
        If another run holds it; says which, on which machine, and since when.
    """
    handle = _opened(path, folder)
    try:
        _take(path, handle, folder)
        with _signs_of_life(path):
            yield
        # Who comes next finds nobody's name.
        with contextlib.suppress(OSError):
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _signs_of_life(path: Path) -> Iterator[None]:
    """Touch the lock now and then, for runs on other machines that share the folder."""
    ended = threading.Event()

    def sign() -> None:
        while not ended.wait(_SIGN_EVERY):
            with contextlib.suppress(OSError):
                os.utime(path)

    thread = threading.Thread(target=sign, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _opened(path: Path, folder: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise OutputError(
            f"output folder {folder} cannot be locked ({error.strerror or error})"
        ) from error


def _take(path: Path, handle: int, folder: Path) -> None:
    owner = _owner(path)
    # A run that ended meanwhile may have taken the file away: another would not see this lock.
    if not _exclusive(handle) or _alive_elsewhere(path, owner) or not _in_place(path, handle):
        raise OutputError(
            f"another run is at work in {folder}: {_described(owner)}; wait for it, stop it, or "
            "name another folder"
        )
    me = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    os.write(handle, json.dumps(me).encode("utf-8"))


def _in_place(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _exclusive(handle: int) -> bool:
    """Lock the open file; False where somebody else has. True where there are no such locks."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # The file system has none.
    return True


def _alive_elsewhere(path: Path, owner: dict[str, Any]) -> bool:
    """Say whether the owner is another machine's, whose locks may not reach here, and alive."""
    if not owner or owner.get("host") == socket.gethostname():
        # Of this machine: its lock has gone with it, unless there are no locks.
        return fcntl is None and bool(owner)
    return time.time() - path.stat().st_mtime < _FRESH


def _owner(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _described(owner: dict[str, Any]) -> str:
    try:
        minutes = (time.time() - float(owner["since"])) / 60
        age = f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.0f} hours"
        return f"process {int(owner['pid'])} on {owner['host']}, begun {age} ago"
    except (KeyError, TypeError, ValueError):
        return "its process has not said its name yet"
