"""Read a results folder again, for a new report or for other work with the PPMs."""

from __future__ import annotations

import json
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
from neuroninterp.results.records import AnalysisResult, motif_id
from neuroninterp.results.summary import SCHEMA, SCHEMA_VERSION

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_results", "stored_ppms"]


def read_results(path: str | Path) -> AnalysisResult:
    """Read the results of a run.

    Parameters
    ----------
    path : str or Path
        A results folder, or its ``results.h5``.

    Returns
    -------
    AnalysisResult
        What the run found. PPMs have the precision of float32; NaN in the model card and
        the settings comes back as None.

    Raises
    ------
    OutputError
        If there is no such file, or it is not a results file of this schema version.
    """
    import h5py

    file_path = Path(path)
    if file_path.is_dir():
        file_path = file_path / "results.h5"
    if not file_path.is_file():
        raise OutputError(f"no results at {file_path}; expected a folder written by analyze")
    try:
        with h5py.File(file_path, "r") as file:
            _check_schema(file, file_path)
            return replace(_read_result(file), folder=file_path.parent)
    except OutputError:
        raise
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise OutputError(
            f"{file_path} is damaged or no neuroninterp results file ({error}); run analyze again"
        ) from error


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


def _check_schema(file: Any, path: Path) -> None:
    found = file.attrs.get("schema")
    if not isinstance(found, str) or not found.startswith("neuroninterp/"):
        raise OutputError(f"{path} is not a neuroninterp results file: it has no schema attribute")
    if found != SCHEMA:
        raise OutputError(
            f"{path} has schema {found!r}, this version reads {SCHEMA!r} "
            f"(version {SCHEMA_VERSION}); run analyze again"
        )


def _read_result(file: Any) -> AnalysisResult:
    def parsed(name: str) -> Any:
        return json.loads(file.attrs[name])

    layers = sorted(file["layers"].values(), key=lambda group: int(group.attrs["number"]))
    return AnalysisResult(
        model=parsed("model"),
        data=parsed("data"),
        performance=_read_performance(file["performance"]) if "performance" in file else None,
        layers=tuple(read_layer(group) for group in layers),
        verdict=_read_verdict(parsed("verdict")),
        settings=parsed("settings"),
        versions=parsed("versions"),
        seconds=parsed("seconds"),
        skipped=tuple(parsed("skipped")),
        fields=tuple(_read_fields(group) for group in _numbered(file, "fields")),
        blocked=tuple(
            BlockedLayer(**read_attributes(group)) for group in _numbered(file, "blocked")
        ),
        notes=tuple(parsed("notes")) if "notes" in file.attrs else (),
        targets=_read_targets(file),
    )


def _read_targets(file: Any) -> dict[str, KnownMotif]:
    found = {}
    for path in numbered_names(file, "targets"):
        ppm, known = read_matrix(file, f"{path}/ppm", {"id": str, "name": str})
        found[known["id"]] = KnownMotif(ppm=ppm, **known)
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
