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
from neuroninterp.motifs.records import Match, Motif, Part
from neuroninterp.results.records import AnalysisResult, LayerResult, NeuronResult
from neuroninterp.results.summary import SCHEMA, SCHEMA_VERSION, describe_fields, plain

__all__ = ["write_store"]

# Below this many entries a compressed chunk and its index are larger than the matrix itself.
_COMPRESS_FROM = 1024


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


def _write_neuron(group: Any, result: NeuronResult) -> None:
    group.attrs["dead"] = result.dead
    if result.mixture is not None:
        _write_motif(group.create_group("mixture"), result.mixture)
    _write_parts(group, result.parts)
    if result.from_data is not None:
        from_data = group.create_group("from_data")
        _write_motif(from_data, result.from_data)
        _write_parts(from_data, result.from_data_parts)
    _write_matches(group, "matches", result.matches)
    _write_matches(group, "mixture_matches", result.mixture_matches)


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


def _write_matches(group: Any, name: str, matches: Sequence[Match]) -> None:
    """Write hits as one table; its field names are those of :class:`Match`."""
    import h5py

    if not matches:
        return
    text, number = h5py.string_dtype(), np.float64
    fields = [
        ("query", text),
        ("target_id", text),
        ("target_name", text),
        ("p_value", number),
        ("e_value", number),
        ("strand", text),
        ("start", np.int64),
        ("end", np.int64),
        ("overlap", np.int64),
        ("covered", number),
        ("whole", np.bool_),
        ("relevant", np.bool_),
    ]
    records = [tuple(_storable(getattr(match, field)) for field, _ in fields) for match in matches]
    group.create_dataset(name, data=np.array(records, dtype=fields))


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
