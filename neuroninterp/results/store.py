"""Write ``results.h5``: everything a run found, self-describing; see the module ``layout``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuroninterp.measurement.records import LayerFields
from neuroninterp.motifs.records import KnownMotif
from neuroninterp.results.hdf5_values import (
    file_in_memory,
    make_group,
    text,
    write_attributes,
    write_ppm,
)
from neuroninterp.results.records import AnalysisResult
from neuroninterp.results.store_layers import write_geometry, write_layer
from neuroninterp.results.summary import SCHEMA, SCHEMA_VERSION, describe_fields, plain
from neuroninterp.results.wall_clock import without_wall_clock

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["store_image", "write_store"]


def write_store(result: AnalysisResult, path: Path) -> None:
    """Write a run as HDF5.

    Parameters
    ----------
    result : AnalysisResult
        What the run found.
    path : Path
        File to write. PPMs are stored as float32, shape (receptive field, 4).

    Raises
    ------
    OSError
        If it cannot be written, for example on a full disk.
    """
    path.write_bytes(store_image(result))


def store_image(result: AnalysisResult) -> bytes:
    """Return the bytes of a run's ``results.h5``: the same for the same findings.

    What the clock said, how long the stages took and when they began, is no finding and not in it.

    Parameters
    ----------
    result : AnalysisResult
        What the run found.
    """
    memory = BytesIO()
    with file_in_memory(memory) as file:
        write_attributes(file, _facts(result))
        if result.performance is not None:
            _write_performance(make_group(file, "performance"), result.performance)
        fields = make_group(file, "fields")
        for found in result.fields:
            _write_fields(make_group(fields, str(found.layer.number)), found)
        blocked = make_group(file, "blocked")
        for layer in result.blocked:
            write_attributes(make_group(blocked, str(layer.number)), asdict(layer))
        _write_targets(make_group(file, "targets"), result.targets)
        layers = make_group(file, "layers")
        for analysed in result.layers:
            write_layer(make_group(layers, str(analysed.layer.number)), analysed)
    return memory.getvalue()


def _facts(result: AnalysisResult) -> dict[str, Any]:
    """Return the attributes of the file; a mapping becomes a text of JSON."""
    unfinished = None if result.unfinished is None else asdict(result.unfinished)
    values = {
        "model": result.model,
        "data": result.data,
        "verdict": asdict(result.verdict),
        "settings": without_wall_clock(result.settings),
        "versions": result.versions,
        "skipped": result.skipped,
        "notes": result.notes,
        "unfinished": unfinished,
    }
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "alphabet": "ACGT",
        **{name: json.dumps(plain(value)) for name, value in values.items()},
    }


def _write_performance(group: Any, table: pd.DataFrame) -> None:
    import h5py

    write_attributes(group, {"columns": json.dumps(list(table.columns))})
    for column in table.columns:
        values = table[column].to_numpy()
        if values.dtype.kind not in "biuf":
            texts = np.array([text(value) for value in values], dtype=object)
            group.create_dataset(column, data=texts, dtype=h5py.string_dtype())
        else:
            group.create_dataset(column, data=values)


def _write_targets(group: Any, targets: Mapping[str, KnownMotif]) -> None:
    for index, target in enumerate(targets.values()):
        known = {"id": target.id, "name": target.name}
        write_ppm(make_group(group, str(index)), target.ppm, known)


def _write_fields(group: Any, fields: LayerFields) -> None:
    """Write geometry and, as attributes of one group a kind, the fields."""
    write_geometry(group, fields.layer)
    for name, field in describe_fields(fields).items():
        if field is not None:
            write_attributes(make_group(group, name), field)
