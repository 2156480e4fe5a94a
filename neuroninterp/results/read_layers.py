"""Read the layers of ``results.h5``: the PPMs from their paths, all else from the tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from neuroninterp.bottleneck import LayerFractions
from neuroninterp.fields.layers import Layer, PoolSummary
from neuroninterp.motifs.dictionary import DictionaryMotif, Occurrence
from neuroninterp.motifs.records import Match, Motif, Part
from neuroninterp.motifs.syntax import Spacing, Syntax
from neuroninterp.results.hdf5_tables import grouped, read_table
from neuroninterp.results.hdf5_values import numbered_names, read_attributes, read_matrix
from neuroninterp.results.layout import (
    DICTIONARY_MATCH_COLUMNS,
    LEVEL_COLUMNS,
    MATCH_COLUMNS,
    NEURON_COLUMNS,
    OCCURRENCE_COLUMNS,
    PPM_COLUMNS,
    SYNTAX_COLUMNS,
    SYNTAX_LISTS,
    TOP_SEQUENCE_COLUMNS,
    ppm_path,
)
from neuroninterp.results.records import ActivationProfile, LayerResult, NeuronResult, TopSequence

__all__ = ["read_geometry", "read_layer"]

_Rows = list[dict[str, Any]]

_DERIVED = ("consensus_ratio",)
"""Columns of PPMs that the others tell."""
_SOURCES = {"model": "", "data": "from_data/"}
"""Where the dictionary of each source lies in its layer's group."""


def read_layer(group: Any) -> LayerResult:
    """Read one layer with all its neurons."""
    layer = read_geometry(group)
    tables = group["tables"]
    neurons = _read_neurons(group, tables, layer)
    dictionaries = _read_dictionaries(group, tables)
    return LayerResult(
        layer=layer,
        neurons=neurons,
        fractions=read_fractions(group["fractions"]),
        dictionary=dictionaries["model"],
        dictionary_from_data=dictionaries["data"],
    )


def read_geometry(group: Any) -> Layer:
    """Read a layer's number, name and geometry from the attributes of its group."""
    values = read_attributes(group)
    pool = {name: values.pop(f"pool_{name}", None) for name in ("kind", "size", "stride")}
    left, right = values.pop("padding")
    return Layer(
        padding=(int(left), int(right)),
        pool=None if pool["kind"] is None else PoolSummary(**pool),
        **{"activation": None, **values},
    )


def read_fractions(group: Any) -> LayerFractions:
    """Read the shares of a layer's neurons from the attributes of their group."""
    absent = {name: None for name in LayerFractions.__dataclass_fields__}
    return LayerFractions(**{**absent, **read_attributes(group)})


def _read_neurons(group: Any, tables: Any, layer: Layer) -> tuple[NeuronResult, ...]:
    def rows(name: str, columns: Mapping[str, type], *keys: str) -> dict[Any, _Rows]:
        kinds = {key: NEURON_COLUMNS.get(key, str) for key in keys}
        return grouped(read_table(tables, name, {**kinds, **columns}), *keys)

    matches = rows("matches", {"mixture": bool, **MATCH_COLUMNS}, "neuron")
    profiles = rows("profiles", LEVEL_COLUMNS, "neuron")
    tops = rows("top_sequences", TOP_SEQUENCE_COLUMNS, "neuron")
    syntax = rows("syntax", SYNTAX_COLUMNS, "neuron", "source")
    ppms = rows("ppms", PPM_COLUMNS, "neuron", "source")
    return tuple(
        _neuron(
            layer.number,
            number,
            row,
            motifs={
                source: _motifs(group, number, source, ppms.get((number, source), []))
                for source in _SOURCES
            },
            syntaxes={
                source: tuple(
                    _syntax(layer.number, number, found)
                    for found in syntax.get((number, source), [])
                )
                for source in _SOURCES
            },
            hits=matches.get(number, []),
            levels=profiles.get(number, []),
            tops=tops.get(number, []),
        )
        for number, (row,) in rows("neurons", NEURON_COLUMNS, "neuron").items()
    )


def _neuron(
    layer: int,
    number: int,
    row: dict[str, Any],
    *,
    motifs: Mapping[str, tuple[Motif | None, tuple[Part, ...]]],
    syntaxes: Mapping[str, tuple[Syntax, ...]],
    hits: _Rows,
    levels: _Rows,
    tops: _Rows,
) -> NeuronResult:
    mixture, parts = motifs["model"]
    from_data, from_data_parts = motifs["data"]
    of_parts = [hit for hit in hits if not hit["mixture"]]
    of_mixture = [hit for hit in hits if hit["mixture"]]
    if row["dead"] is not (mixture is None):
        raise ValueError(f"neuron {number} of layer {layer} has a PPM and is dead, or has none")
    return NeuronResult(
        layer=layer,
        neuron=number,
        mixture=mixture,
        parts=parts,
        matches=_matches(of_parts),
        mixture_matches=_matches(of_mixture),
        from_data=from_data,
        from_data_parts=from_data_parts,
        syntax=syntaxes["model"],
        syntax_from_data=syntaxes["data"],
        effective_size=row["effective_size"],
        ppm_error=row["ppm_error"],
        converged=row["converged"],
        profile=_profile(levels, row["data_windows"]),
        top_sequences=tuple(
            TopSequence(**{**top, "labels": tuple(json.loads(top["labels"]))}) for top in tops
        ),
    )


def _motifs(
    group: Any, neuron: int, source: str, rows: _Rows
) -> tuple[Motif | None, tuple[Part, ...]]:
    """Read the PPMs of a neuron from one source: of its mixture, and of its parts."""
    mixture: Motif | None = None
    parts: list[Part] = []
    for row in rows:
        path = ppm_path(neuron, source, row["part"])
        ppm = read_matrix(group, path)
        if ppm.shape[1:] != (4,) or row["part"] not in (None, len(parts)):
            raise ValueError(f"{path} is no PPM, or out of its place")
        known = {name: value for name, value in row.items() if name not in ("part", *_DERIVED)}
        if row["part"] is None:
            del known["share"], known["shift"]
            mixture = Motif(ppm=ppm, **known)
        else:
            parts.append(Part(ppm=ppm, **known))
    return mixture, tuple(parts)


def _matches(rows: _Rows) -> tuple[Match, ...]:
    return tuple(Match(**{name: row[name] for name in MATCH_COLUMNS}) for row in rows)


def _profile(levels: _Rows, windows: int | None) -> ActivationProfile | None:
    if not levels or windows is None:
        return None
    counts = [level["data_count"] for level in levels]
    return ActivationProfile(
        edges=np.array([*(level["lower"] for level in levels), levels[-1]["upper"]]),
        log2_level=np.array([level["log2_level"] for level in levels]),
        data_counts=None if None in counts else np.array(counts, np.int64),
        data_windows=windows,
    )


def _syntax(layer: int, neuron: int, row: dict[str, Any]) -> Syntax:
    lists = {name: json.loads(row[name]) for name in SYNTAX_LISTS}
    in_parts = [None if pair is None else _pair(pair) for pair in lists["spacing_in_parts"]]
    limits = (lists[f"spacing_{name}"] for name in ("minimum", "maximum", "mode"))
    return Syntax(
        layer=layer,
        neuron=neuron,
        share=row["share"],
        motifs=tuple(lists["motifs"]),
        strands=tuple(lists["strands"]),
        starts=tuple(map(_pair, lists["starts"])),
        spacings=tuple(Spacing(*found) for found in zip(*limits, in_parts, strict=True)),
        value_inside=row["value_inside"],
        value_outside=row["value_outside"],
    )


def _pair(values: list[int]) -> tuple[int, int]:
    first, last = values
    return first, last


def _read_dictionaries(group: Any, tables: Any) -> dict[str, tuple[DictionaryMotif, ...]]:
    kinds = {"source": str, "number": np.int64}
    keys = tuple(kinds)
    places = grouped(read_table(tables, "occurrences", {**kinds, **OCCURRENCE_COLUMNS}), *keys)
    hits = grouped(read_table(tables, "dictionary_matches", DICTIONARY_MATCH_COLUMNS), *keys)

    def read(number: int, path: str, source: str) -> DictionaryMotif:
        known = read_attributes(group[f"{path}/ppm"])
        return DictionaryMotif(
            name=known["name"],
            ppm=read_matrix(group, f"{path}/ppm"),
            support=known["support"],
            occurrences=tuple(Occurrence(**row) for row in places.get((source, number), [])),
            match=next(iter(_matches(hits.get((source, number), []))), None),
        )

    return {
        source: tuple(
            read(number, path, source)
            for number, path in enumerate(numbered_names(group, f"{place}dictionary"))
        )
        for source, place in _SOURCES.items()
    }
