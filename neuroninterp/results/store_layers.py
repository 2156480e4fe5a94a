"""Write the layers of ``results.h5``: PPMs, each at its path, and the tables of a layer."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from neuroninterp.fields.layers import Layer
from neuroninterp.motifs.dictionary import DictionaryMotif
from neuroninterp.motifs.records import Match, Motif, Part
from neuroninterp.motifs.syntax import Syntax
from neuroninterp.results.hdf5_tables import write_table
from neuroninterp.results.hdf5_values import make_group, write_attributes, write_ppm
from neuroninterp.results.layout import (
    DICTIONARY_MATCH_COLUMNS,
    DRAWN_ATTRIBUTES,
    LEVEL_COLUMNS,
    MATCH_COLUMNS,
    MOTIF_ATTRIBUTES,
    NEURON_COLUMNS,
    OCCURRENCE_COLUMNS,
    PART_ATTRIBUTES,
    PPM_COLUMNS,
    SYNTAX_COLUMNS,
    TOP_SEQUENCE_COLUMNS,
)
from neuroninterp.results.records import LayerResult, NeuronResult
from neuroninterp.results.summary import plain

__all__ = ["write_geometry", "write_layer"]

_KINDS: dict[str, Callable[[Any], Any]] = {
    "maximum": float,
    "threshold": float,
    "n_sequences": int,
    "consensus": str,
    "consensus_value": float,
    # Told by the others; for readers that do not know the rule.
    "consensus_ratio": float,
    "log2_rarity": float,
    "share": float,
    "shift": int,
}
"""What is known about a PPM of a part: as which of Python's own values."""

_NEURON: dict[str, type] = {"neuron": NEURON_COLUMNS["neuron"]}


def write_geometry(group: Any, layer: Layer) -> None:
    """Write a layer's number, name and geometry as attributes of its group."""
    geometry = asdict(layer)
    pool = geometry.pop("pool")
    write_attributes(group, geometry)
    if pool is not None:
        write_attributes(group, {f"pool_{name}": value for name, value in pool.items()})


def write_layer(group: Any, result: LayerResult) -> None:
    """Write one layer with all its neurons into its new group."""
    write_geometry(group, result.layer)
    write_attributes(make_group(group, "fractions"), asdict(result.fractions))
    neurons = make_group(group, "neurons")
    for neuron in result.neurons:
        _write_ppms(make_group(neurons, str(neuron.neuron)), neuron)
    _write_dictionary(group, result.dictionary)
    if result.dictionary_from_data:
        _write_dictionary(make_group(group, "from_data"), result.dictionary_from_data)
    _write_tables(make_group(group, "tables"), result)


def _write_ppms(group: Any, result: NeuronResult) -> None:
    write_attributes(group, {"dead": result.dead})
    if result.mixture is not None:
        drawn = {name: kind(getattr(result, name)) for name, kind in DRAWN_ATTRIBUTES.items()}
        known = {**_known(result.mixture, MOTIF_ATTRIBUTES), **drawn}
        write_ppm(make_group(group, "mixture"), result.mixture.ppm, known)
    _write_parts(group, result.parts)
    if result.from_data is not None:
        from_data = make_group(group, "from_data")
        known = _known(result.from_data, MOTIF_ATTRIBUTES)
        write_ppm(from_data, result.from_data.ppm, known)
        _write_parts(from_data, result.from_data_parts)


def _write_parts(group: Any, parts: Sequence[Part]) -> None:
    if parts:
        members = make_group(group, "parts")
        for index, part in enumerate(parts):
            known = _known(part, PART_ATTRIBUTES)
            write_ppm(make_group(members, str(index)), part.ppm, known)


def _known(motif: Motif, names: Iterable[str]) -> dict[str, Any]:
    """Return some of what is known about a PPM, as Python's own values."""
    return {name: _KINDS[name](getattr(motif, name)) for name in names}


def _write_dictionary(group: Any, motifs: Sequence[DictionaryMotif]) -> None:
    if not motifs:
        return
    members = make_group(group, "dictionary")
    for index, found in enumerate(motifs):
        # What is told of it is told of the matrix that a reader finds.
        motif = replace(found, ppm=found.ppm.astype(np.float32).astype(np.float64))
        known = {
            "name": motif.name,
            "support": float(motif.support),
            "consensus": motif.consensus,
            "information": motif.information,
            "palindromic": motif.palindromic,
        }
        write_ppm(make_group(members, str(index)), motif.ppm, known)


def _write_tables(group: Any, result: LayerResult) -> None:
    neurons = result.neurons
    write_table(group, "neurons", [_neuron_row(neuron) for neuron in neurons], NEURON_COLUMNS)
    write_table(group, "ppms", list(_ppm_rows(neurons)), PPM_COLUMNS)
    columns = {**_NEURON, "mixture": bool, **MATCH_COLUMNS}
    write_table(group, "matches", list(_match_rows(neurons)), columns)
    write_table(group, "profiles", list(_level_rows(neurons)), {**_NEURON, **LEVEL_COLUMNS})
    tops = [
        {**vars(top), "neuron": neuron.neuron, "labels": json.dumps(top.labels)}
        for neuron in neurons
        for top in neuron.top_sequences
    ]
    write_table(group, "top_sequences", tops, {**_NEURON, **TOP_SEQUENCE_COLUMNS})
    write_table(group, "syntax", list(_syntax_rows(neurons)), SYNTAX_COLUMNS)
    entries = [
        ({"source": source, "number": number}, motif)
        for source, motifs in result.dictionaries.items()
        for number, motif in enumerate(motifs)
    ]
    places = [{**key, **vars(place)} for key, motif in entries for place in motif.occurrences]
    columns = {"source": str, "number": NEURON_COLUMNS["neuron"], **OCCURRENCE_COLUMNS}
    write_table(group, "occurrences", places, columns)
    hits = [{**key, **vars(motif.match)} for key, motif in entries if motif.match is not None]
    write_table(group, "dictionary_matches", hits, DICTIONARY_MATCH_COLUMNS)


def _neuron_row(result: NeuronResult) -> dict[str, Any]:
    row = {name: getattr(result, name) for name in NEURON_COLUMNS if name != "data_windows"}
    profile = result.profile
    return {**row, "data_windows": None if profile is None else profile.data_windows}


def _ppm_rows(neurons: Sequence[NeuronResult]) -> Iterator[dict[str, Any]]:
    for result in neurons:
        for source, mixture, parts in (
            ("model", result.mixture, result.parts),
            ("data", result.from_data, result.from_data_parts),
        ):
            key = {"neuron": result.neuron, "source": source}
            if mixture is not None:
                known = _known(mixture, MOTIF_ATTRIBUTES)
                yield {**key, "part": None, **known, "share": math.nan, "shift": None}
            for index, part in enumerate(parts):
                yield {**key, "part": index, **_known(part, _KINDS)}


def _match_rows(neurons: Sequence[NeuronResult]) -> Iterator[dict[str, Any]]:
    def row(neuron: int, mixture: bool, match: Match) -> dict[str, Any]:
        return {"neuron": neuron, "mixture": mixture, **vars(match)}

    for result in neurons:
        for match in result.matches:
            yield row(result.neuron, False, match)
        for match in result.mixture_matches:
            yield row(result.neuron, True, match)


def _level_rows(neurons: Sequence[NeuronResult]) -> Iterator[dict[str, Any]]:
    for result in neurons:
        profile = result.profile
        if profile is None:
            continue
        counts = profile.data_counts
        columns = {
            "lower": profile.edges[:-1],
            "upper": profile.edges[1:],
            "log2_level": profile.log2_level,
            "data_count": [None] * len(profile.log2_level) if counts is None else counts,
        }
        for values in zip(*columns.values(), strict=True):
            yield {"neuron": result.neuron, **dict(zip(columns, values, strict=True))}


def _syntax_rows(neurons: Sequence[NeuronResult]) -> Iterator[dict[str, Any]]:
    for result in neurons:
        for source, syntaxes in result.syntaxes.items():
            for syntax in syntaxes:
                yield {"neuron": result.neuron, "source": source, **_syntax_row(syntax)}


def _syntax_row(syntax: Syntax) -> dict[str, Any]:
    spacings = syntax.spacings
    lists = {
        "motifs": syntax.motifs,
        "strands": syntax.strands,
        "starts": syntax.starts,
        "spacing_minimum": [spacing.minimum for spacing in spacings],
        "spacing_maximum": [spacing.maximum for spacing in spacings],
        "spacing_mode": [spacing.mode for spacing in spacings],
        "spacing_in_parts": [spacing.in_parts for spacing in spacings],
    }
    return {
        "text": str(syntax),
        "kind": syntax.kind,
        "share": syntax.share,
        **{name: json.dumps(plain(values)) for name, values in lists.items()},
        "value_inside": syntax.value_inside,
        "value_outside": syntax.value_outside,
    }
