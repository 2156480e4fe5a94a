"""The report once more, from the results that a run left."""

from __future__ import annotations

from pathlib import Path

from neuroninterp.errors import OutputError
from neuroninterp.report.logo import write_figures
from neuroninterp.report.render import render
from neuroninterp.results import prepare_output, read_results
from neuroninterp.results.single_file import prepare_file, whole_file
from neuroninterp.results.staging import staged

__all__ = ["rebuild_report"]

_REBUILT = ("figures", "report.html")


def rebuild_report(results: str | Path, output: str | Path | None = None) -> tuple[Path, ...]:
    """Write the report of a run again, for example after an update of this program.

    Parameters
    ----------
    results : str or Path
        A results folder, or its ``results.h5``.
    output : str, Path or None
        The page alone, as this file; None replaces ``report.html`` and ``figures`` in the
        results folder, both or neither.

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
        page = render(read_results(results))
        with whole_file(file) as aside:
            aside.write_text(page, encoding="utf-8")
        return (file,)
    result = read_results(results)
    if not Path(results).is_dir():
        raise OutputError(f"{results} is a file: name its folder, or the report with --output")
    folder = prepare_output(results)
    page = render(result)
    try:
        with staged(folder, _REBUILT) as stage:
            write_figures(result, stage / "figures")
            (stage / "report.html").write_text(page, encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"the report could not be written to {folder} ({error.strerror or error})"
        ) from error
    return tuple(folder / name for name in reversed(_REBUILT))
