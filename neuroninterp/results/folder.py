"""The results folder: which folder may be used, and what is written into it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from neuroninterp.errors import OutputError
from neuroninterp.results.command import RUN_CONFIG, run_config
from neuroninterp.results.named_tables import TABLES
from neuroninterp.results.read import read_results
from neuroninterp.results.records import AnalysisResult, motif_id
from neuroninterp.results.staging import ASIDE_PREFIX, staged
from neuroninterp.results.store import write_store
from neuroninterp.results.summary import summarize
from neuroninterp.results.unfinished import UNFINISHED
from neuroninterp.results.wall_clock import with_wall_clock

__all__ = ["prepare_output", "write_results"]


def prepare_output(path: str | Path, is_earlier: Callable[[Path], bool] | None = None) -> Path:
    """Check, before any work is done, that results can be written to a folder.

    Nothing is created. A folder may be missing, empty, hold what an interrupted run left, or an
    earlier result (recognised by its ``summary.json``), which :func:`write_results` will replace.

    Parameters
    ----------
    path : str or Path
        The output folder.
    is_earlier : callable or None
        Says whether a folder holds an earlier result, of another kind than an analysis's.

    Returns
    -------
    Path
        The same, absolute.

    Raises
    ------
    OutputError
        If it is a file, holds other things, or cannot be written to.
    """
    folder = Path(os.path.abspath(Path(path).expanduser()))
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    if not existing.is_dir():
        raise OutputError(f"output {folder}: {existing} is a file; name a folder")
    try:
        if existing == folder and not _may_be_replaced(folder, is_earlier or _is_analysis):
            found = sorted(entry.name for entry in folder.iterdir())
            raise OutputError(
                f"output folder {folder} holds other things ({', '.join(found[:3])}"
                f"{', …' if len(found) > 3 else ''}) and no earlier neuroninterp result; "
                "name a new or an empty folder"
            )
        # Permission bits do not tell about read-only mounts or quotas: try it.
        with tempfile.TemporaryDirectory(prefix=ASIDE_PREFIX, dir=existing):
            pass
    except OSError as error:
        raise OutputError(
            f"output folder {folder} cannot be written to ({error.strerror or error})"
        ) from error
    return folder


def write_results(result: AnalysisResult, output: str | Path) -> dict[str, Path]:
    """Write a run's results folder.

    Everything is written aside and moved into place at the end: on failure nothing new is
    left, and an earlier result stays as it was. A folder ``unfinished`` is left alone. All other
    files are made from what was read back from ``results.h5``: one made again from it is the same.

    Parameters
    ----------
    result : AnalysisResult
        What the run found.
    output : str or Path
        The folder; see :func:`prepare_output`.

    Returns
    -------
    dict of str to Path
        Each entry's name and place: ``report.html``, ``summary.json``, ``layers.tsv``,
        ``neurons.tsv``, ``matches.tsv``, ``sequences.tsv``, ``dictionary.tsv``,
        ``syntax.tsv``, ``motifs.meme``, ``dictionary.meme``, ``results.h5``, ``run.toml``,
        ``figures``.

    Raises
    ------
    OutputError
        If the folder cannot be used, or writing fails (for example on a full disk).
    """
    folder = prepare_output(output)
    try:
        with staged(folder, [_STORE, *_WRITERS]) as stage:
            write_store(result, stage / _STORE)
            found = replace(read_results(stage / _STORE), folder=folder)
            stored = with_wall_clock(found, result.seconds, result.settings.get("started"))
            for name, write in _WRITERS.items():
                write(stored, stage / name)
    except OSError as error:
        raise OutputError(
            f"results could not be written to {folder} ({error.strerror or error})"
        ) from error
    return {name: folder / name for name in (_STORE, *_WRITERS)}


def _may_be_replaced(folder: Path, is_earlier: Callable[[Path], bool]) -> bool:
    """Say whether a folder is empty, an earlier result, or what an interrupted run left."""
    entries = {entry.name for entry in folder.iterdir()}
    visible = {name for name in entries if not name.startswith(ASIDE_PREFIX)}
    interrupted = visible < entries
    if (folder / UNFINISHED).is_dir():
        visible.remove(UNFINISHED)
        interrupted = True
    if not visible or (interrupted and visible <= {_STORE, *_WRITERS}):
        return True
    return is_earlier(folder)


def _is_analysis(folder: Path) -> bool:
    try:
        found = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError, ValueError):
        return False
    schema = found.get("schema") if isinstance(found, dict) else None
    return isinstance(schema, str) and schema.startswith("neuroninterp/")


def _table_writer(name: str) -> Callable[[AnalysisResult, Path], None]:
    def write(result: AnalysisResult, path: Path) -> None:
        TABLES[name](result).to_csv(path, sep="\t", index=False, errors="replace")

    return write


def _write_dictionary_motifs(result: AnalysisResult, path: Path) -> None:
    from neuroninterp.motifs.meme import write_meme

    write_meme(
        path,
        (
            (
                motif.name,
                motif.match.target_name if motif.match else "",
                motif.ppm,
                len(motif.occurrences),
            )
            for layer in result.layers
            for motifs in layer.dictionaries.values()
            for motif in motifs
        ),
    )


def _write_motifs(result: AnalysisResult, path: Path) -> None:
    from neuroninterp.motifs.meme import write_meme

    write_meme(path, _meme_motifs(result))


def _meme_motifs(result: AnalysisResult) -> Iterator[tuple[str, str, np.ndarray, int]]:
    """Yield identifier, name, PPM and number of sites of every part."""
    for layer in result.layers:
        for neuron in layer.neurons:
            for index, part in enumerate(neuron.parts):
                hits = neuron.part_matches(index)
                name = hits[0].target_name if hits else ""
                yield motif_id(neuron.layer, neuron.neuron, index), name, part.ppm, part.n_sequences


def _write_config(result: AnalysisResult, path: Path) -> None:
    # Written aside, in a folder inside the one where it will lie.
    path.write_text(run_config(result, path.parent.parent), encoding="utf-8")


def _write_figures(result: AnalysisResult, path: Path) -> None:
    from neuroninterp.report.logo import write_figures

    write_figures(result, path)


def _write_report(result: AnalysisResult, path: Path) -> None:
    # The report is the next stage of the flow; the folder is where the two meet.
    from neuroninterp.report.render import render

    path.write_text(render(result), encoding="utf-8")


def _write_summary(result: AnalysisResult, path: Path) -> None:
    text = json.dumps(summarize(result), indent=2, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


_STORE = "results.h5"

# The last two make a folder look like a whole result, so they arrive last.
_WRITERS: dict[str, Callable[[AnalysisResult, Path], None]] = {
    **{f"{name}.tsv": _table_writer(name) for name in TABLES},
    "motifs.meme": _write_motifs,
    "dictionary.meme": _write_dictionary_motifs,
    RUN_CONFIG: _write_config,
    "figures": _write_figures,
    "report.html": _write_report,
    "summary.json": _write_summary,
}
