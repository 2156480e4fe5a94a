"""The journal of a run: a line whenever a unit is begun and when it is done."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

__all__ = ["Journal"]


class Journal:
    """Lines at the end of a text file, each whole or not there.

    Parameters
    ----------
    path : Path
        The file; tab-separated: time (UTC), "begun" or "done", the unit, its key, and for one
        that is done the seconds that it took and the worker.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, *words: str) -> None:
        """Add a line.

        Raises
        ------
        OSError
            If that fails.
        """
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        line = "\t".join((now, *words)) + "\n"
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(handle, line.encode("utf-8", "replace"))
        finally:
            os.close(handle)
