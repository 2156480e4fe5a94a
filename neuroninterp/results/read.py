"""Read a results folder again, for a new report or for other work with the PPMs."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuroninterp.bottleneck import Reading, Verdict
from neuroninterp.errors import OutputError
from neuroninterp.graph.layers import BlockedLayer
from neuroninterp.measurement.records import EffectiveField, LayerFields, MeasuredField
from neuroninterp.motifs.records import KnownMotif
from neuroninterp.results.hdf5_values import numbered_names, read_attributes, read_matrix
from neuroninterp.results.read_layers import read_geometry, read_layer
from neuroninterp.results.read_schema1 import read_layer as read_layer_of_schema_1
from neuroninterp.results.records import AnalysisResult, motif_id
from neuroninterp.results.summary import SCHEMA_VERSION
from neuroninterp.results.unfinished import UNFINISHED, Unfinished
from neuroninterp.results.wall_clock import read_wall_clock, with_wall_clock

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_results", "stored_ppms"]

_OLDEST_SCHEMA = 1
"""Of the files that can still be read."""


def read_results(path: str | Path) -> AnalysisResult:
    """Read the results of a run, or what it has found so far.

    Parameters
    ----------
    path : str or Path
        A results folder, or its ``results.h5``. Where a run in the folder goes on, or was
        interrupted, and there are no finished results, it is what was done when it last told.

    Returns
    -------
    AnalysisResult
        What the run found; ``unfinished`` says whether that is all. PPMs have the precision of
        float32; NaN in the model card and the settings comes back as None. ``seconds`` and when
        the run started are those of the ``summary.json`` beside the file.

    Raises
    ------
    OutputError
        If there is no such file, or it cannot be read: it is damaged, or of a version that this
        one does not know.
    """
    try:
        return _read_file(_results_file(Path(path)))
    except FileNotFoundError:
        # A run was finished in between: its unfinished results went, the others are there.
        return _read_file(_results_file(Path(path)))


def stored_ppms(result: AnalysisResult) -> dict[str, np.ndarray]:
    """Return every part's PPM by its name in the files.

    Parameters
    ----------
    result : AnalysisResult
        What a run found, or :func:`read_results` read.

    Returns
    -------
    dict of str to numpy.ndarray, shape=(receptive field, 4)
        For example under ``"layer1_neuron3_part0"``; channels ACGT.
    """
    return {
        motif_id(neuron.layer, neuron.neuron, index): part.ppm
        for layer in result.layers
        for neuron in layer.neurons
        for index, part in enumerate(neuron.parts)
    }


def _results_file(path: Path) -> Path:
    """Return the file to read: of a folder the finished results, or else the unfinished ones."""
    if not path.is_dir():
        if not path.is_file():
            raise OutputError(f"no results at {path}; expected a folder written by analyze")
        return path
    finished, unfinished = path / "results.h5", path / UNFINISHED / "results.h5"
    for file in (finished, unfinished):
        if file.is_file():
            return file
    if unfinished.parent.is_dir():
        raise OutputError(
            f"no results at {finished} yet: a run in {path} has begun and is not finished; "
            "wait, or run the same analyze again to continue it"
        )
    raise OutputError(f"no results at {finished}; expected a folder written by analyze")


def _read_file(path: Path) -> AnalysisResult:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            schema = _schema_of(file, path)
            found = replace(_read_result(file, schema), folder=path.parent)
    except (OutputError, FileNotFoundError):
        raise
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise OutputError(
            f"{path} is damaged or no neuroninterp results file ({error}); run analyze again"
        ) from error
    if schema == 1:
        return found
    return with_wall_clock(found, *read_wall_clock(path.with_name("summary.json")))


def _schema_of(file: Any, path: Path) -> int:
    """Return the schema version of a file, of those that can be read."""
    found = file.attrs.get("schema")
    known = re.fullmatch(r"neuroninterp/(\d{1,9})", found) if isinstance(found, str) else None
    if known is None:
        raise OutputError(f"{path} is not a neuroninterp results file: it has no schema attribute")
    version = int(known[1])
    if version > SCHEMA_VERSION:
        raise OutputError(
            f"{path} has schema {version} and was written by {_writer(file)}; this version reads "
            f"schemas {_OLDEST_SCHEMA} to {SCHEMA_VERSION}: update neuroninterp"
        )
    if version < _OLDEST_SCHEMA:
        raise OutputError(
            f"{path} has schema {version}, which is older than this version reads (schemas "
            f"{_OLDEST_SCHEMA} to {SCHEMA_VERSION}); run analyze again"
        )
    return version


def _writer(file: Any) -> str:
    """Say which version wrote a file, as far as a file of a later schema tells as ours do."""
    try:
        return f"neuroninterp {json.loads(file.attrs['versions'])['neuroninterp']}"
    except (KeyError, TypeError, ValueError):
        return "a later neuroninterp"


def _read_result(file: Any, schema: int) -> AnalysisResult:
    def parsed(name: str) -> Any:
        return json.loads(file.attrs[name])

    read = read_layer if schema > 1 else read_layer_of_schema_1
    layers = sorted(file["layers"].values(), key=lambda group: int(group.attrs["number"]))
    unfinished = parsed("unfinished") if "unfinished" in file.attrs else None
    return AnalysisResult(
        model=parsed("model"),
        data=parsed("data"),
        performance=_read_performance(file["performance"]) if "performance" in file else None,
        layers=tuple(read(group) for group in layers),
        verdict=_read_verdict(parsed("verdict")),
        settings=parsed("settings"),
        versions=parsed("versions"),
        seconds=parsed("seconds") if schema == 1 else {},
        skipped=tuple(parsed("skipped")),
        fields=tuple(_read_fields(group) for group in _numbered(file, "fields")),
        blocked=tuple(
            BlockedLayer(**read_attributes(group)) for group in _numbered(file, "blocked")
        ),
        notes=tuple(parsed("notes")) if "notes" in file.attrs else (),
        targets=_read_targets(file),
        unfinished=None if unfinished is None else Unfinished(**unfinished),
    )


def _read_targets(file: Any) -> dict[str, KnownMotif]:
    found = {}
    for path in numbered_names(file, "targets"):
        known = read_attributes(file[f"{path}/ppm"])
        ppm = read_matrix(file, f"{path}/ppm")
        found[known["id"]] = KnownMotif(id=known["id"], name=known["name"], ppm=ppm)
    return found


def _read_verdict(values: dict[str, Any]) -> Verdict:
    def reading(fields: dict[str, Any]) -> Reading:
        interval = fields.pop("interval")
        return Reading(**fields, interval=None if interval is None else tuple(interval))

    structural, empirical = values.pop("structural"), values.pop("empirical")
    return Verdict(**values, structural=reading(structural), empirical=reading(empirical))


def _read_performance(group: Any) -> pd.DataFrame:
    import h5py
    import pandas as pd

    columns = {}
    for name in json.loads(group.attrs["columns"]):
        data = group[name]
        columns[name] = data.asstr()[:] if h5py.check_string_dtype(data.dtype) else data[:]
    return pd.DataFrame(columns)


def _numbered(file: Any, name: str) -> list[Any]:
    """Return the groups of a group that files of earlier versions lack, by layer number."""
    groups = file[name].values() if name in file else ()
    return sorted(groups, key=lambda group: int(group.attrs["number"]))


def _read_fields(group: Any) -> LayerFields:
    found = {
        name: read_attributes(group[name]) if name in group else None
        for name in ("measured_field", "effective_field", "effective_field_data")
    }
    for values in found.values():
        if values is not None:
            # Told by start and end; kept in the file for readers that do not know.
            del values["size"]
    measured, random, data = found.values()
    return LayerFields(
        layer=read_geometry(group),
        measured=MeasuredField(**(measured or {"start": 0, "end": 0})),
        effective=None if random is None else EffectiveField(**random),
        effective_data=None if data is None else EffectiveField(**data),
    )
