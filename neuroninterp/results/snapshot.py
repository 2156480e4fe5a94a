"""What a run has found so far, for whoever looks into its folder while it goes on."""

from __future__ import annotations

from pathlib import Path

from neuroninterp.durable import replace_file
from neuroninterp.errors import OutputError
from neuroninterp.results.records import AnalysisResult
from neuroninterp.results.store import store_image
from neuroninterp.results.unfinished import UNFINISHED

__all__ = ["write_snapshot"]


def write_snapshot(result: AnalysisResult, folder: Path) -> Path:
    """Replace the unfinished results in a results folder.

    A reader finds the old ones or the new ones, whole, at any moment.

    Parameters
    ----------
    result : AnalysisResult
        What was found so far; ``unfinished`` says how much that is.
    folder : Path
        The results folder; made where missing, with its folder ``unfinished``.

    Returns
    -------
    Path
        The file, ``unfinished/results.h5``.

    Raises
    ------
    OutputError
        If it cannot be written, for example on a full disk; an older one stays as it was.
    ValueError
        If the result does not say how much of it is missing.
    """
    if result.unfinished is None:
        raise ValueError("a finished result is no snapshot")
    path = folder / UNFINISHED / "results.h5"
    content = store_image(result)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)
    except OSError as error:
        raise OutputError(
            f"unfinished results could not be written to {path} ({error.strerror or error})"
        ) from error
    return path
