"""The attribution folder: scores for TF-MoDISco, for programs, for tables, and drawn tracks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neuroninterp.attribution.records import Attribution
from neuroninterp.errors import DataError, OutputError
from neuroninterp.models import Model
from neuroninterp.results import prepare_output
from neuroninterp.results.staging import staged
from neuroninterp.sequences import one_hot
from neuroninterp.text import printable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FILES", "SCHEMA", "attribution_table", "prepare_attribution", "write_attribution"]

SCHEMA = "neuroninterp-attribution/1"
"""Says what ``attributions.h5`` holds."""

# The last one makes a folder look whole, so it arrives last.
FILES = (
    "one_hot.npz",
    "hypothetical.npz",
    "attributions.tsv",
    "tracks",
    "views",
    "attributions.h5",
)
"""What the folder holds; views are added where there is an analysis to show beside."""


def prepare_attribution(path: str | Path) -> Path:
    """Check, before any work is done, that attributions can be written to a folder.

    Raises
    ------
    OutputError
        If it is a file, holds other things than an earlier attribution, or cannot be
        written to.
    """
    return prepare_output(path, is_earlier=_is_earlier)


def _is_earlier(folder: Path) -> bool:
    import h5py

    try:
        with h5py.File(folder / FILES[-1], "r") as file:
            return bool(file.attrs.get("schema") == SCHEMA)
    except OSError:
        return False


def write_attribution(
    attribution: Attribution,
    output: str | Path,
    *,
    model: Model | None = None,
    tracks: int = 10,
    region: tuple[int, int] | None = None,
) -> dict[str, Path]:
    """Write an attribution's folder.

    - ``one_hot.npz`` and ``hypothetical.npz``: ``arr_0``, shape (N, 4, L), as ``modisco
      motifs -s one_hot.npz -a hypothetical.npz`` reads them.
    - ``attributions.h5``: ``input_seqs`` and ``hyp_scores`` (N, L, 4), as ``modisco motifs
      -i`` reads them; ``scores`` (N, L) of the bases that are there; one entry a sequence of
      ``names``, ``prediction``, ``value`` and what else there is; the settings as attributes.
    - ``attributions.tsv``: one line a sequence (:func:`attribution_table`).
    - ``tracks``: the first sequences drawn, SVG and PNG.

    Parameters
    ----------
    attribution : Attribution
        What was found.
    output : str or Path
        The folder; see :func:`prepare_attribution`.
    model : Model or None
        The network, whose file is named in the attributes.
    tracks : int
        Sequences to draw.
    region : tuple of int or None
        Stretch to draw, half-open, from 0, bp; None for all.

    Returns
    -------
    dict of str to Path
        Each entry's name and place.

    Raises
    ------
    OutputError
        If the folder cannot be used, or writing fails.
    DataError
        If the region does not lie within the sequences.
    """
    folder = prepare_attribution(output)
    check_region(region, attribution.codes.shape[1])
    bases = one_hot(attribution.codes)
    try:
        with staged(folder, FILES) as stage:
            np.savez_compressed(stage / FILES[0], bases.transpose(0, 2, 1).astype(np.int8))
            np.savez_compressed(stage / FILES[1], attribution.hypothetical.transpose(0, 2, 1))
            table = attribution_table(attribution)
            table.to_csv(stage / FILES[2], sep="\t", index=False, errors="replace")
            _draw(attribution, stage / FILES[3], tracks, region)
            _write_store(attribution, bases, stage / FILES[-1], model)
    except OSError as error:
        raise OutputError(
            f"attributions could not be written to {folder} ({error.strerror or error})"
        ) from error
    return {name: folder / name for name in FILES if (folder / name).exists()}


def check_region(region: tuple[int, int] | None, length: int) -> None:
    """Make sure that a region lies within the sequences.

    Raises
    ------
    DataError
        If it does not.
    """
    if region is not None and not 0 <= region[0] < region[1] <= length:
        raise DataError(
            f"region {region[0]}-{region[1]} does not lie within the sequences (0-{length})"
        )


def attribution_table(attribution: Attribution) -> pd.DataFrame:
    """Return one row a sequence.

    Columns: ``sequence`` (from 0), ``name``, ``prediction`` (the model's own output),
    ``value`` (the explained number), ``sum`` (of the scores), and where there is one
    ``reference_value``, ``gap`` and ``relative_gap`` (completeness), ``position`` (explained
    output position, from 0); ``strongest`` (position of the largest score, from 0, bp).
    """
    import pandas as pd

    columns: dict[str, Sequence[object] | np.ndarray] = {
        "sequence": np.arange(len(attribution)),
        "name": [printable(name) for name in attribution.names],
        "prediction": attribution.prediction,
        "value": attribution.value,
        "sum": attribution.scores.sum(axis=1, dtype=np.float64),
    }
    for name in ("reference_value", "gap", "relative_gap"):
        column = getattr(attribution, name)
        if column is not None:
            columns[name] = column
    if attribution.positions is not None:
        columns["position"] = attribution.positions
    columns["strongest"] = attribution.scores.argmax(axis=1)
    return pd.DataFrame(columns)


def _write_store(
    attribution: Attribution, bases: np.ndarray, path: Path, model: Model | None
) -> None:
    import h5py

    numbers = {
        name: getattr(attribution, name)
        for name in ("value", "prediction", "reference_value", "gap", "positions")
    }
    attributes = {
        "schema": SCHEMA,
        "version": version("neuroninterp"),
        "explained": attribution.target,
        "notes": "\n".join(attribution.notes),
        **attribution.settings,
    }
    if model is not None:
        attributes |= {"model": printable(model.path), "sha256": model.sha256}
    with h5py.File(path, "w") as file:
        packed = {"compression": "gzip", "compression_opts": 4}
        file.create_dataset("input_seqs", data=bases.astype(np.int8), **packed)
        file.create_dataset("hyp_scores", data=attribution.hypothetical, **packed)
        file.create_dataset("scores", data=attribution.scores, **packed)
        names = [printable(name) for name in attribution.names]
        file.create_dataset("names", data=names, dtype=h5py.string_dtype())
        for name, array in numbers.items():
            if array is not None:
                file.create_dataset(name, data=array)
        file.attrs.update({k: v for k, v in attributes.items() if v is not None})


def _draw(
    attribution: Attribution, folder: Path, tracks: int, region: tuple[int, int] | None
) -> None:
    import matplotlib

    # The figure is the last stage of the flow; the folder is where the two meet.
    from neuroninterp.report.saving import save_figure
    from neuroninterp.report.track import new_track, track

    folder.mkdir()
    start, end = region or (0, attribution.codes.shape[1])
    with matplotlib.rc_context({"font.size": 9}):
        for row in range(min(tracks, len(attribution))):
            figure, ax = new_track(end - start)
            track(attribution.scores[row], attribution.codes[row], ax=ax, region=(start, end))
            name = printable(attribution.names[row], 60)
            title = f"{name}: {attribution.target} = {attribution.value[row]:.3g}"
            ax.set_title(title, loc="left", fontsize=9, parse_math=False)
            stem = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._") or "sequence"
            stem = stem if stem == str(row) else f"{row}_{stem}"
            save_figure(figure, folder, stem, dpi=100)
