"""What the clock said of a run: told in ``summary.json``, and no part of what it found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from neuroninterp.results.records import AnalysisResult

__all__ = ["read_wall_clock", "with_wall_clock", "without_wall_clock"]

_STARTED = "started"
"""The setting that says when a run began."""


def without_wall_clock(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a run without the time when it began."""
    return {name: value for name, value in settings.items() if name != _STARTED}


def with_wall_clock(
    result: AnalysisResult, seconds: Mapping[str, float], started: object
) -> AnalysisResult:
    """Return a run with what the clock said of it.

    Parameters
    ----------
    result : AnalysisResult
        What the run found.
    seconds : mapping of str to float
        Wall-clock time per stage.
    started : object
        When it began; None where that is not known.
    """
    settings = without_wall_clock(result.settings)
    if started is not None:
        settings[_STARTED] = started
    return replace(result, seconds=seconds, settings=settings)


def read_wall_clock(summary: Path) -> tuple[dict[str, float], str | None]:
    """Return from a ``summary.json`` the seconds a stage took, and when the run began.

    Nothing, and None, where there is no such file or it does not tell.
    """
    try:
        found = json.loads(summary.read_text(encoding="utf-8"))
        seconds = {str(name): float(value) for name, value in found["seconds"].items()}
        started = found["settings"].get(_STARTED)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}, None
    return seconds, started if isinstance(started, str) else None
