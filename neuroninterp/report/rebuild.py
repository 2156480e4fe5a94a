"""The report once more, from the results that a run left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from neuroninterp.errors import OutputError
from neuroninterp.report.logo import write_figures
from neuroninterp.report.render import render
from neuroninterp.results import UNFINISHED, AnalysisResult, prepare_output, read_results
from neuroninterp.results.single_file import prepare_file, whole_file
from neuroninterp.results.staging import staged

__all__ = ["rebuild_report"]

_REBUILT = ("figures", "report.html")


def rebuild_report(
    results: str | Path,
    output: str | Path | None = None,
    *,
    warn: Callable[[str], None] | None = None,
) -> tuple[Path, ...]:
    """Write the report of a run again, for example after an update of this program.

    Parameters
    ----------
    results : str or Path
        A results folder, or its ``results.h5``.
    output : str, Path or None
        The page alone, as this file; None replaces ``report.html`` and ``figures`` in the
        results folder, both or neither. Those of a run that is not finished go into its folder
        ``unfinished``.
    warn : callable or None
        Called with a sentence where the results are not finished.

    Returns
    -------
    tuple of Path
        What was written.

    Raises
    ------
    OutputError
        If there are no results, or the report cannot be written.
    """
    if output is not None:
        file = prepare_file(output)
        page = render(_read(results, warn))
        with whole_file(file) as aside:
            aside.write_text(page, encoding="utf-8")
        return (file,)
    result = _read(results, warn)
    if not Path(results).is_dir():
        raise OutputError(f"{results} is a file: name its folder, or the report with --output")
    folder = prepare_output(results)
    if result.unfinished is not None:
        # The run writes into the folder itself when it is finished.
        folder /= UNFINISHED
    page = render(result)
    try:
        with staged(folder, _REBUILT, tidy=False) as stage:
            write_figures(result, stage / "figures")
            (stage / "report.html").write_text(page, encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"the report could not be written to {folder} ({error.strerror or error})"
        ) from error
    return tuple(folder / name for name in reversed(_REBUILT))


def _read(results: str | Path, warn: Callable[[str], None] | None) -> AnalysisResult:
    found = read_results(results)
    if found.unfinished is not None and warn is not None:
        warn(found.unfinished.sentence)
    return found
