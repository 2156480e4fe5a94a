"""Write ``results.h5``: everything a run found, self-describing.

Layout, channels last, ACGT::

    /                                      schema, model card, settings, verdict (attributes)
    /performance/{column}                  one value a class
    /fields/{number}                       geometry; computed, measured and effective field
    /blocked/{number}                      a convolution without a field, and the reason
    /layers/{number}                       geometry and fractions (attributes)
    /layers/{number}/neurons/{k}/mixture/ppm
    /layers/{number}/neurons/{k}/parts/{i}/ppm
    /layers/{number}/neurons/{k}/from_data/ppm
    /layers/{number}/neurons/{k}/from_data/parts/{i}/ppm
    /layers/{number}/neurons/{k}/matches   one record a hit
    /layers/{number}/neurons/{k}/syntax/{i}    one arrangement of dictionary motifs (attributes)
    /layers/{number}/neurons/{k}/from_data/syntax/{i}
    /layers/{number}/dictionary/{i}/ppm    one dictionary motif
    /layers/{number}/dictionary/{i}/occurrences    where it stands, one record a place
    /layers/{number}/from_data/dictionary/{i}    the same for the user's sequences

What is known about a PPM stands in the attributes of its ``ppm``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from neuroninterp.fields.layers import Layer
from neuroninterp.measurement.records import LayerFields
from neuroninterp.motifs.dictionary import DictionaryMotif
from neuroninterp.motifs.records import Match, Motif, Part
from neuroninterp.motifs.syntax import Syntax
from neuroninterp.results.records import AnalysisResult, LayerResult, NeuronResult
from neuroninterp.results.summary import SCHEMA, SCHEMA_VERSION, describe_fields, plain

__all__ = ["write_store"]

# Below this many entries a compressed chunk and its index are larger than the matrix itself.
_COMPRESS_FROM = 1024

_MATCH_FIELDS: dict[str, type] = {
    "query": str,
    "target_id": str,
    "target_name": str,
    "p_value": np.float64,
    "e_value": np.float64,
    "strand": str,
    "start": np.int64,
    "end": np.int64,
    "overlap": np.int64,
    "covered": np.float64,
    "whole": np.bool_,
    "relevant": np.bool_,
}
_OCCURRENCE_FIELDS: dict[str, type] = {
    "neuron": np.int64,
    "part": np.int64,
    "start": np.int64,
    "strand": str,
    "share": np.float64,
}


def write_store(result: AnalysisResult, path: Path) -> None:
    """Write a run as HDF5.

    Parameters
    ----------
    result : AnalysisResult
        What the run found.
    path : Path
        File to create. PPMs are stored as float32, shape (receptive field, 4).
    """
    import h5py

    with h5py.File(path, "w") as file:
        _attributes(
            file,
            {
                "schema": SCHEMA,
                "schema_version": SCHEMA_VERSION,
                "alphabet": "ACGT",
                "model": _json(result.model),
                "data": _json(result.data),
                "verdict": _json(asdict(result.verdict)),
                "settings": _json(result.settings),
                "versions": _json(result.versions),
                "seconds": _json(result.seconds),
                "skipped": _json(result.skipped),
                "notes": _json(result.notes),
            },
        )
        if result.performance is not None:
            group = file.create_group("performance")
            group.attrs["columns"] = _json(list(result.performance.columns))
            for column in result.performance.columns:
                values = result.performance[column].to_numpy()
                if values.dtype.kind not in "biuf":
                    texts = np.array([_text(value) for value in values], dtype=object)
                    group.create_dataset(column, data=texts, dtype=h5py.string_dtype())
                else:
                    group.create_dataset(column, data=values)
        for fields in result.fields:
            _write_fields(file.create_group(f"fields/{fields.layer.number}"), fields)
        for blocked in result.blocked:
            _attributes(file.create_group(f"blocked/{blocked.number}"), asdict(blocked))
        layers = file.create_group("layers")
        for layer in result.layers:
            _write_layer(layers.create_group(str(layer.layer.number)), layer)


def _write_geometry(group: Any, layer: Layer) -> None:
    geometry = asdict(layer)
    pool = geometry.pop("pool")
    _attributes(group, geometry)
    if pool is not None:
        _attributes(group, {f"pool_{name}": value for name, value in pool.items()})


def _write_fields(group: Any, fields: LayerFields) -> None:
    """Write geometry and, as attributes of one group a kind, the fields."""
    _write_geometry(group, fields.layer)
    for name, field in describe_fields(fields).items():
        if field is not None:
            _attributes(group.create_group(name), field)


def _write_layer(group: Any, result: LayerResult) -> None:
    _write_geometry(group, result.layer)
    _attributes(group.create_group("fractions"), asdict(result.fractions))
    neurons = group.create_group("neurons")
    for neuron in result.neurons:
        _write_neuron(neurons.create_group(str(neuron.neuron)), neuron)
    for path, motifs in (
        ("dictionary", result.dictionary),
        ("from_data/dictionary", result.dictionary_from_data),
    ):
        for index, motif in enumerate(motifs):
            _write_dictionary_motif(group.create_group(f"{path}/{index}"), motif)


def _write_neuron(group: Any, result: NeuronResult) -> None:
    group.attrs["dead"] = result.dead
    if result.mixture is not None:
        _write_motif(group.create_group("mixture"), result.mixture)
        drawn = ("effective_size", "ppm_error", "converged")
        _attributes(group["mixture/ppm"], {name: getattr(result, name) for name in drawn})
    _write_parts(group, result.parts)
    if result.from_data is not None:
        from_data = group.create_group("from_data")
        _write_motif(from_data, result.from_data)
        _write_parts(from_data, result.from_data_parts)
    _write_matches(group, "matches", result.matches)
    _write_matches(group, "mixture_matches", result.mixture_matches)
    for path, syntaxes in (
        ("syntax", result.syntax),
        ("from_data/syntax", result.syntax_from_data),
    ):
        for index, syntax in enumerate(syntaxes):
            _write_syntax(group.create_group(f"{path}/{index}"), syntax)


def _write_parts(group: Any, parts: Sequence[Part]) -> None:
    for index, part in enumerate(parts):
        _write_motif(group.create_group(f"parts/{index}"), part)


def _write_motif(group: Any, motif: Motif) -> None:
    ppm = np.asarray(motif.ppm, dtype=np.float32)
    options = {"compression": "gzip", "shuffle": True} if ppm.size >= _COMPRESS_FROM else {}
    data = group.create_dataset("ppm", data=ppm, **options)
    known = {
        "maximum": float(motif.maximum),
        "threshold": float(motif.threshold),
        "n_sequences": int(motif.n_sequences),
        "consensus": motif.consensus,
        "consensus_value": float(motif.consensus_value),
        "consensus_ratio": float(motif.consensus_ratio),
        "log2_rarity": float(motif.log2_rarity),
    }
    if isinstance(motif, Part):
        known |= {"share": float(motif.share), "shift": int(motif.shift)}
    _attributes(data, known)


def _write_dictionary_motif(group: Any, motif: DictionaryMotif) -> None:
    data = group.create_dataset("ppm", data=np.asarray(motif.ppm, dtype=np.float32))
    _attributes(
        data,
        {
            "name": motif.name,
            "support": motif.support,
            "consensus": motif.consensus,
            "information": motif.information,
            "palindromic": motif.palindromic,
        },
    )
    _write_records(group, "occurrences", motif.occurrences, _OCCURRENCE_FIELDS)
    _write_matches(group, "match", [] if motif.match is None else [motif.match])


def _write_syntax(group: Any, syntax: Syntax) -> None:
    """Write an arrangement as attributes: lists have one entry a motif, or a neighbouring pair."""
    import h5py

    unknown = (float("nan"), float("nan"))
    _attributes(
        group,
        {
            "text": str(syntax),
            "kind": syntax.kind,
            "share": syntax.share,
            "motifs": np.array(syntax.motifs, dtype=h5py.string_dtype()),
            "strands": np.array(syntax.strands, dtype=h5py.string_dtype()),
            "starts": np.array(syntax.starts, np.int64),
            "spacing_minimum": np.array([s.minimum for s in syntax.spacings], np.int64),
            "spacing_maximum": np.array([s.maximum for s in syntax.spacings], np.int64),
            "spacing_mode": np.array([s.mode for s in syntax.spacings], np.int64),
            "spacing_in_parts": np.array(
                [unknown if s.in_parts is None else s.in_parts for s in syntax.spacings]
            ).reshape(-1, 2),
            "value_inside": syntax.value_inside,
            "value_outside": syntax.value_outside,
        },
    )


def _write_matches(group: Any, name: str, matches: Sequence[Match]) -> None:
    """Write hits as one table; its field names are those of :class:`Match`."""
    _write_records(group, name, matches, _MATCH_FIELDS)


def _write_records(group: Any, name: str, rows: Sequence[Any], fields: dict[str, type]) -> None:
    """Write values as one table, a column a field; nothing where there is no row."""
    import h5py

    if not rows:
        return
    types = [(field, h5py.string_dtype() if t is str else t) for field, t in fields.items()]
    records = [tuple(_storable(getattr(row, field)) for field in fields) for row in rows]
    group.create_dataset(name, data=np.array(records, dtype=types))


def _attributes(target: Any, values: dict[str, Any]) -> None:
    """Set attributes; what is None is left out."""
    for name, value in values.items():
        if value is not None:
            target.attrs[name] = _storable(value)


def _storable(value: Any) -> Any:
    return _text(value) if isinstance(value, str) else value


def _text(value: Any) -> str:
    """Drop what an HDF5 string cannot hold: zero bytes and undecodable parts of file names."""
    return str(value).replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _json(value: Any) -> str:
    return json.dumps(plain(value))
