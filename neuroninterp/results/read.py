"""Read a results folder again, for a new report or for other work with the PPMs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from neuroninterp.bottleneck import LayerFractions, Reading, Verdict
from neuroninterp.errors import OutputError
from neuroninterp.fields.layers import Layer, PoolSummary
from neuroninterp.graph.layers import BlockedLayer
from neuroninterp.measurement.records import EffectiveField, LayerFields, MeasuredField
from neuroninterp.motifs.dictionary import DictionaryMotif, Occurrence
from neuroninterp.motifs.records import Match, Motif, Part
from neuroninterp.motifs.syntax import Spacing, Syntax
from neuroninterp.results.records import AnalysisResult, LayerResult, NeuronResult, motif_id
from neuroninterp.results.summary import SCHEMA, SCHEMA_VERSION

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_results", "stored_ppms"]

_Record = TypeVar("_Record")

_DRAWN = ("effective_size", "ppm_error", "converged")
"""How well a neuron was sampled: beside its mixture in the file, on the neuron in Python."""


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
            return _read_result(file)
    except OutputError:
        raise
    except (OSError, KeyError, ValueError, TypeError) as error:
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
        layers=tuple(_read_layer(group) for group in layers),
        verdict=_read_verdict(parsed("verdict")),
        settings=parsed("settings"),
        versions=parsed("versions"),
        seconds=parsed("seconds"),
        skipped=tuple(parsed("skipped")),
        fields=tuple(_read_fields(group) for group in _numbered(file, "fields")),
        blocked=tuple(BlockedLayer(**_attributes(group)) for group in _numbered(file, "blocked")),
        notes=tuple(parsed("notes")) if "notes" in file.attrs else (),
    )


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
        name: _attributes(group[name]) if name in group else None
        for name in ("measured_field", "effective_field", "effective_field_data")
    }
    for values in found.values():
        if values is not None:
            # Told by start and end; kept in the file for readers that do not know.
            del values["size"]
    measured, random, data = found.values()
    return LayerFields(
        layer=_read_geometry(group),
        measured=MeasuredField(**(measured or {"start": 0, "end": 0})),
        effective=None if random is None else EffectiveField(**random),
        effective_data=None if data is None else EffectiveField(**data),
    )


def _read_geometry(group: Any) -> Layer:
    values = _attributes(group)
    pool = {name: values.pop(f"pool_{name}", None) for name in ("kind", "size", "stride")}
    left, right = values.pop("padding")
    return Layer(
        padding=(int(left), int(right)),
        pool=None if pool["kind"] is None else PoolSummary(**pool),
        **{"activation": None, **values},
    )


def _read_layer(group: Any) -> LayerResult:
    layer = _read_geometry(group)
    absent = {name: None for name in LayerFractions.__dataclass_fields__}
    fractions = LayerFractions(**{**absent, **_attributes(group["fractions"])})
    neurons = sorted(group["neurons"].items(), key=lambda item: int(item[0]))
    return LayerResult(
        layer=layer,
        neurons=tuple(_read_neuron(layer.number, int(name), item) for name, item in neurons),
        fractions=fractions,
        dictionary=_read_dictionary(group, "dictionary"),
        dictionary_from_data=_read_dictionary(group, "from_data/dictionary"),
    )


def _ordered(group: Any, name: str) -> list[Any]:
    """Return the members 0, 1, 2, … of a group that may be missing."""
    if name not in group:
        return []
    return [item for _, item in sorted(group[name].items(), key=lambda item: int(item[0]))]


def _read_dictionary(group: Any, name: str) -> tuple[DictionaryMotif, ...]:
    return tuple(_read_dictionary_motif(item) for item in _ordered(group, name))


def _read_dictionary_motif(group: Any) -> DictionaryMotif:
    values = _attributes(group["ppm"])
    return DictionaryMotif(
        name=values["name"],
        ppm=group["ppm"][:].astype(np.float64),
        support=values["support"],
        occurrences=_read_records(group, "occurrences", Occurrence),
        match=next(iter(_read_matches(group, "match")), None),
    )


def _read_syntax(layer: int, neuron: int, group: Any) -> Syntax:
    values = _attributes(group)
    in_parts = [
        None if np.isnan(pair).any() else (int(pair[0]), int(pair[1]))
        for pair in values["spacing_in_parts"]
    ]
    limits = (values[f"spacing_{name}"].tolist() for name in ("minimum", "maximum", "mode"))
    return Syntax(
        layer=layer,
        neuron=neuron,
        share=values["share"],
        motifs=tuple(_value(name) for name in values["motifs"]),
        strands=tuple(_value(strand) for strand in values["strands"]),
        starts=tuple((int(first), int(last)) for first, last in values["starts"]),
        spacings=tuple(Spacing(*found) for found in zip(*limits, in_parts, strict=True)),
        value_inside=values["value_inside"],
        value_outside=values["value_outside"],
    )


def _read_syntaxes(layer: int, neuron: int, group: Any, name: str) -> tuple[Syntax, ...]:
    return tuple(_read_syntax(layer, neuron, item) for item in _ordered(group, name))


def _read_neuron(layer: int, neuron: int, group: Any) -> NeuronResult:
    from_data = group.get("from_data")
    drawn = _attributes(group["mixture/ppm"]) if "mixture" in group else {}
    return NeuronResult(
        layer=layer,
        neuron=neuron,
        mixture=_read_motif(group["mixture"]) if "mixture" in group else None,
        parts=_read_parts(group),
        matches=_read_matches(group, "matches"),
        mixture_matches=_read_matches(group, "mixture_matches"),
        from_data=None if from_data is None else _read_motif(from_data),
        from_data_parts=() if from_data is None else _read_parts(from_data),
        syntax=_read_syntaxes(layer, neuron, group, "syntax"),
        syntax_from_data=_read_syntaxes(layer, neuron, group, "from_data/syntax"),
        **{name: drawn[name] for name in _DRAWN if name in drawn},
    )


def _read_parts(group: Any) -> tuple[Part, ...]:
    return tuple(Part(**_motif_values(item)) for item in _ordered(group, "parts"))


def _read_motif(group: Any) -> Motif:
    values = _motif_values(group)
    return Part(**values) if "share" in values else Motif(**values)


def _motif_values(group: Any) -> dict[str, Any]:
    values = _attributes(group["ppm"])
    # Derived from the other two; kept in the file for readers that do not know the rule.
    del values["consensus_ratio"]
    for name in _DRAWN:
        values.pop(name, None)
    return {"ppm": group["ppm"][:].astype(np.float64), **values}


def _read_matches(group: Any, name: str) -> tuple[Match, ...]:
    return _read_records(group, name, Match)


def _read_records(group: Any, name: str, kind: type[_Record]) -> tuple[_Record, ...]:
    if name not in group:
        return ()
    records = group[name][:]
    return tuple(
        kind(**{field: _value(record[field]) for field in records.dtype.names})
        for record in records
    )


def _attributes(target: Any) -> dict[str, Any]:
    return {name: _value(value) for name, value in target.attrs.items()}


def _value(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8")
    return value.item() if isinstance(value, np.generic) else value
