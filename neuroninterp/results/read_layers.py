"""Read the layers of ``results.h5``: neurons, PPMs, matches, dictionaries, syntax."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from neuroninterp.bottleneck import LayerFractions
from neuroninterp.fields.layers import Layer, PoolSummary
from neuroninterp.motifs.dictionary import DictionaryMotif, Occurrence
from neuroninterp.motifs.records import Match, Motif, Part
from neuroninterp.motifs.syntax import Spacing, Syntax
from neuroninterp.results.hdf5_values import read_attributes, read_matrix, read_records
from neuroninterp.results.records import ActivationProfile, LayerResult, NeuronResult, TopSequence
from neuroninterp.results.store import (
    LEVEL_COLUMNS,
    MATCH_COLUMNS,
    OCCURRENCE_COLUMNS,
    TOP_SEQUENCE_COLUMNS,
)

__all__ = ["ordered", "read_geometry", "read_layer"]

_DRAWN = ("effective_size", "ppm_error", "converged")
"""How well a neuron was sampled: beside its mixture in the file, on the neuron in Python."""


def read_layer(group: Any) -> LayerResult:
    """Read one layer with all its neurons."""
    layer = read_geometry(group)
    absent = {name: None for name in LayerFractions.__dataclass_fields__}
    fractions = LayerFractions(**{**absent, **read_attributes(group["fractions"])})
    neurons = sorted(group["neurons"].items(), key=lambda item: int(item[0]))
    return LayerResult(
        layer=layer,
        neurons=tuple(_read_neuron(layer.number, int(name), item) for name, item in neurons),
        fractions=fractions,
        dictionary=_read_dictionary(group, "dictionary"),
        dictionary_from_data=_read_dictionary(group, "from_data/dictionary"),
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


def ordered(group: Any, name: str) -> list[Any]:
    """Return the members 0, 1, 2, … of a group that may be missing."""
    if name not in group:
        return []
    return [item for _, item in sorted(group[name].items(), key=lambda item: int(item[0]))]


def _read_dictionary(group: Any, name: str) -> tuple[DictionaryMotif, ...]:
    return tuple(_read_dictionary_motif(item) for item in ordered(group, name))


def _read_dictionary_motif(group: Any) -> DictionaryMotif:
    values = read_attributes(group["ppm"])
    return DictionaryMotif(
        name=values["name"],
        ppm=read_matrix(group, "ppm"),
        support=values["support"],
        occurrences=tuple(
            Occurrence(**row) for row in read_records(group, "occurrences", OCCURRENCE_COLUMNS)
        ),
        match=next(iter(_read_matches(group, "match")), None),
    )


def _read_neuron(layer: int, neuron: int, group: Any) -> NeuronResult:
    from_data = group.get("from_data")
    drawn = read_attributes(group["mixture/ppm"]) if "mixture" in group else {}
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
        profile=_read_profile(group),
        top_sequences=_read_top_sequences(group),
        **{name: drawn[name] for name in _DRAWN if name in drawn},
    )


def _read_parts(group: Any) -> tuple[Part, ...]:
    return tuple(Part(**_motif_values(item)) for item in ordered(group, "parts"))


def _read_motif(group: Any) -> Motif:
    values = _motif_values(group)
    return Part(**values) if "share" in values else Motif(**values)


def _motif_values(group: Any) -> dict[str, Any]:
    values = read_attributes(group["ppm"])
    # Derived from the other two; kept in the file for readers that do not know the rule.
    del values["consensus_ratio"]
    for name in _DRAWN:
        values.pop(name, None)
    return {"ppm": read_matrix(group, "ppm"), **values}


def _read_matches(group: Any, name: str) -> tuple[Match, ...]:
    return tuple(Match(**row) for row in read_records(group, name, MATCH_COLUMNS))


def _read_top_sequences(group: Any) -> tuple[TopSequence, ...]:
    rows = read_records(group, "top_sequences", TOP_SEQUENCE_COLUMNS)
    return tuple(TopSequence(**{**row, "labels": tuple(json.loads(row["labels"]))}) for row in rows)


def _read_profile(group: Any) -> ActivationProfile | None:
    rows = read_records(group, "profile", LEVEL_COLUMNS)
    if not rows:
        return None
    counts = [row["data_count"] for row in rows]
    return ActivationProfile(
        edges=np.array([row["lower"] for row in rows] + [rows[-1]["upper"]]),
        log2_level=np.array([row["log2_level"] for row in rows]),
        data_counts=None if None in counts else np.array(counts, np.int64),
        data_windows=read_attributes(group["profile"])["data_windows"],
    )


def _read_syntaxes(layer: int, neuron: int, group: Any, name: str) -> tuple[Syntax, ...]:
    return tuple(_read_syntax(layer, neuron, item) for item in ordered(group, name))


def _read_syntax(layer: int, neuron: int, group: Any) -> Syntax:
    values = read_attributes(group)
    in_parts = [
        None if np.isnan(pair).any() else (int(pair[0]), int(pair[1]))
        for pair in values["spacing_in_parts"]
    ]
    limits = (values[f"spacing_{name}"].tolist() for name in ("minimum", "maximum", "mode"))
    return Syntax(
        layer=layer,
        neuron=neuron,
        share=values["share"],
        motifs=tuple(values["motifs"]),
        strands=tuple(values["strands"]),
        starts=tuple((int(first), int(last)) for first, last in values["starts"]),
        spacings=tuple(Spacing(*found) for found in zip(*limits, in_parts, strict=True)),
        value_inside=values["value_inside"],
        value_outside=values["value_outside"],
    )
