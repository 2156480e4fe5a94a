"""Answers kept beside the networks that they are about, and used again where nothing changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from zoo.output import write_text

__all__ = ["cached", "file_sha256"]


def cached(
    path: Path, settings: Mapping[str, Any], compute: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Return what is in a JSON file if it was computed with these settings, else compute it.

    Parameters
    ----------
    path : Path
        The file; written whole or not at all.
    settings : mapping
        What the answer depends on; kept with it.
    compute : callable
        Gives the answer, with JSON values only.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    # Through JSON, so that it compares equal to what is read back.
    settings = json.loads(json.dumps(settings))
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if found.pop("settings") == settings:
            return found
    except (OSError, ValueError, KeyError, AttributeError):
        # None yet, or not one of ours: it is computed anew.
        pass
    answer: dict[str, Any] = json.loads(json.dumps(compute()))
    write_text(path, json.dumps({"settings": settings, **answer}, indent=1) + "\n")
    return answer


def file_sha256(path: Path) -> str:
    """Return the checksum of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
