"""Write ``results.h5``: everything a run found, self-describing.

Layout, channels last, ACGT::

    /                                      schema, model card, settings, verdict (attributes)
    /performance/{column}                  one value a class
    /fields/{number}                       geometry; computed, measured and effective field
    /blocked/{number}                      a convolution without a field, and the reason
    /targets/{i}/ppm                       a known motif that some match names
    /layers/{number}                       geometry and fractions (attributes)
    /layers/{number}/neurons/{k}/mixture/ppm
    /layers/{number}/neurons/{k}/parts/{i}/ppm
    /layers/{number}/neurons/{k}/from_data/ppm
    /layers/{number}/neurons/{k}/from_data/parts/{i}/ppm
    /layers/{number}/neurons/{k}/matches   one record a hit
    /layers/{number}/neurons/{k}/profile   one record an activation level
    /layers/{number}/neurons/{k}/top_sequences    one record a window of the user's sequences
    /layers/{number}/neurons/{k}/syntax/{i}    one arrangement of dictionary motifs (attributes)
    /layers/{number}/neurons/{k}/from_data/syntax/{i}
    /layers/{number}/dictionary/{i}/ppm    one dictionary motif
    /layers/{number}/dictionary/{i}/occurrences    where it stands, one record a place
    /layers/{number}/from_data/dictionary/{i}    the same for the user's sequences

What is known about a PPM stands in the attributes of its ``ppm``. In tables a whole number that
is not known is -2^63, and a list is a text of JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from neuroninterp.fields.layers import Layer
from neuroninterp.measurement.records import LayerFields
from neuroninterp.motifs.dictionary import DictionaryMotif
from neuroninterp.motifs.records import KnownMotif, Match, Motif, Part
from neuroninterp.motifs.syntax import Syntax
from neuroninterp.results.hdf5_values import text, write_attributes, write_matrix, write_records
from neuroninterp.results.records import (
    ActivationProfile,
    AnalysisResult,
    LayerResult,
    NeuronResult,
    TopSequence,
)
from neuroninterp.results.summary import SCHEMA, SCHEMA_VERSION, describe_fields, plain

__all__ = [
    "DRAWN_ATTRIBUTES",
    "LEVEL_COLUMNS",
    "MATCH_COLUMNS",
    "MOTIF_ATTRIBUTES",
    "OCCURRENCE_COLUMNS",
    "PART_ATTRIBUTES",
    "TOP_SEQUENCE_COLUMNS",
    "write_store",
]

MATCH_COLUMNS: dict[str, type] = {
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
    "target_start": np.int64,
}
OCCURRENCE_COLUMNS: dict[str, type] = {
    "neuron": np.int64,
    "part": np.int64,
    "start": np.int64,
    "strand": str,
    "share": np.float64,
}
TOP_SEQUENCE_COLUMNS: dict[str, type] = {
    "value": np.float64,
    "window": str,
    "sequence": np.int64,
    "name": str,
    "start": np.int64,
    "location": str,
    "labels": str,
}
LEVEL_COLUMNS: dict[str, type] = {
    "lower": np.float64,
    "upper": np.float64,
    "log2_level": np.float64,
    "data_count": np.int64,
}
MOTIF_ATTRIBUTES: dict[str, type] = {
    "maximum": float,
    "threshold": float,
    "n_sequences": int,
    "consensus": str,
    "consensus_value": float,
    "log2_rarity": float,
}
PART_ATTRIBUTES: dict[str, type] = {**MOTIF_ATTRIBUTES, "share": float, "shift": int}
DRAWN_ATTRIBUTES: dict[str, type] = {"effective_size": float, "ppm_error": float, "converged": bool}
"""How well a neuron was sampled: beside its mixture in the file, on the neuron in Python."""


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
        write_attributes(
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
                    texts = np.array([text(value) for value in values], dtype=object)
                    group.create_dataset(column, data=texts, dtype=h5py.string_dtype())
                else:
                    group.create_dataset(column, data=values)
        for fields in result.fields:
            _write_fields(file.create_group(f"fields/{fields.layer.number}"), fields)
        for blocked in result.blocked:
            write_attributes(file.create_group(f"blocked/{blocked.number}"), asdict(blocked))
        _write_targets(file, result.targets)
        layers = file.create_group("layers")
        for layer in result.layers:
            _write_layer(layers.create_group(str(layer.layer.number)), layer)


def _write_targets(file: Any, targets: Mapping[str, KnownMotif]) -> None:
    for index, target in enumerate(targets.values()):
        data = write_matrix(file, f"targets/{index}/ppm", target.ppm)
        write_attributes(data, {"id": target.id, "name": target.name})


def _write_geometry(group: Any, layer: Layer) -> None:
    geometry = asdict(layer)
    pool = geometry.pop("pool")
    write_attributes(group, geometry)
    if pool is not None:
        write_attributes(group, {f"pool_{name}": value for name, value in pool.items()})


def _write_fields(group: Any, fields: LayerFields) -> None:
    """Write geometry and, as attributes of one group a kind, the fields."""
    _write_geometry(group, fields.layer)
    for name, field in describe_fields(fields).items():
        if field is not None:
            write_attributes(group.create_group(name), field)


def _write_layer(group: Any, result: LayerResult) -> None:
    _write_geometry(group, result.layer)
    write_attributes(group.create_group("fractions"), asdict(result.fractions))
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
        _write_motif(group, "mixture/ppm", result.mixture)
        drawn = {name: kind(getattr(result, name)) for name, kind in DRAWN_ATTRIBUTES.items()}
        write_attributes(group["mixture/ppm"], drawn)
    _write_parts(group, "parts", result.parts)
    if result.from_data is not None:
        _write_motif(group, "from_data/ppm", result.from_data)
        _write_parts(group, "from_data/parts", result.from_data_parts)
    _write_matches(group, "matches", result.matches)
    _write_matches(group, "mixture_matches", result.mixture_matches)
    if result.profile is not None:
        _write_profile(group, result.profile)
    _write_top_sequences(group, result.top_sequences)
    for path, syntaxes in (
        ("syntax", result.syntax),
        ("from_data/syntax", result.syntax_from_data),
    ):
        for index, syntax in enumerate(syntaxes):
            _write_syntax(group.create_group(f"{path}/{index}"), syntax)


def _write_parts(group: Any, path: str, parts: Sequence[Part]) -> None:
    for index, part in enumerate(parts):
        _write_motif(group, f"{path}/{index}/ppm", part)


def _write_motif(group: Any, path: str, motif: Motif) -> None:
    data = write_matrix(group, path, motif.ppm)
    kinds = PART_ATTRIBUTES if isinstance(motif, Part) else MOTIF_ATTRIBUTES
    write_attributes(data, {name: kind(getattr(motif, name)) for name, kind in kinds.items()})
    # Told by the other two; for readers that do not know the rule.
    write_attributes(data, {"consensus_ratio": float(motif.consensus_ratio)})


def _write_dictionary_motif(group: Any, motif: DictionaryMotif) -> None:
    data = write_matrix(group, "ppm", motif.ppm)
    write_attributes(
        data,
        {
            "name": motif.name,
            "support": motif.support,
            "consensus": motif.consensus,
            "information": motif.information,
            "palindromic": motif.palindromic,
        },
    )
    occurrences = [vars(occurrence) for occurrence in motif.occurrences]
    write_records(group, "occurrences", occurrences, OCCURRENCE_COLUMNS)
    _write_matches(group, "match", [] if motif.match is None else [motif.match])


def _write_syntax(group: Any, syntax: Syntax) -> None:
    """Write an arrangement as attributes: lists have one entry a motif, or a neighbouring pair."""
    import h5py

    unknown = (float("nan"), float("nan"))
    write_attributes(
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
    write_records(group, name, [vars(match) for match in matches], MATCH_COLUMNS)


def _write_top_sequences(group: Any, tops: Sequence[TopSequence]) -> None:
    rows = [{**vars(top), "labels": json.dumps(top.labels)} for top in tops]
    write_records(group, "top_sequences", rows, TOP_SEQUENCE_COLUMNS)


def _write_profile(group: Any, profile: ActivationProfile) -> None:
    """Write one record a level; the number of windows that were looked at is an attribute."""
    counts = profile.data_counts
    columns = {
        "lower": profile.edges[:-1],
        "upper": profile.edges[1:],
        "log2_level": profile.log2_level,
        "data_count": [None] * len(profile.log2_level) if counts is None else counts,
    }
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    write_records(group, "profile", rows, LEVEL_COLUMNS)
    write_attributes(group["profile"], {"data_windows": profile.data_windows})


def _json(value: Any) -> str:
    return json.dumps(plain(value))
