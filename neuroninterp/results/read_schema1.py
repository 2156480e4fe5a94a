"""Read the layers of ``results.h5`` as schema 1 had them: every value an attribute of its own.

Files of that schema were written before layers had tables. What later versions of it added may be
missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from neuroninterp.motifs.dictionary import DictionaryMotif, Occurrence
from neuroninterp.motifs.records import Match, Motif, Part
from neuroninterp.motifs.syntax import Spacing, Syntax
from neuroninterp.results.hdf5_tables import UNKNOWN
from neuroninterp.results.hdf5_values import (
    numbered_names,
    plain_value,
    read_attributes,
    read_matrix,
    scalar_type,
)
from neuroninterp.results.layout import (
    DRAWN_ATTRIBUTES,
    LEVEL_COLUMNS,
    MATCH_COLUMNS,
    OCCURRENCE_COLUMNS,
    TOP_SEQUENCE_COLUMNS,
)
from neuroninterp.results.read_layers import read_fractions, read_geometry
from neuroninterp.results.records import ActivationProfile, LayerResult, NeuronResult, TopSequence

__all__ = ["read_layer"]

_PART_ATTRIBUTES: dict[str, type] = {
    "maximum": float,
    "threshold": float,
    "n_sequences": int,
    "consensus": str,
    "consensus_value": float,
    "log2_rarity": float,
    "share": float,
    "shift": int,
}


def read_layer(group: Any) -> LayerResult:
    """Read one layer with all its neurons."""
    layer = read_geometry(group)
    fractions = read_fractions(group["fractions"])
    neurons = sorted(group["neurons"], key=int)
    return LayerResult(
        layer=layer,
        neurons=tuple(
            _read_neuron(layer.number, int(name), group[f"neurons/{name}"]) for name in neurons
        ),
        fractions=fractions,
        dictionary=_read_dictionary(group, "dictionary"),
        dictionary_from_data=_read_dictionary(group, "from_data/dictionary"),
    )


def _read_dictionary(group: Any, name: str) -> tuple[DictionaryMotif, ...]:
    return tuple(_read_dictionary_motif(group[path]) for path in numbered_names(group, name))


def _read_dictionary_motif(group: Any) -> DictionaryMotif:
    ppm, known = _read_known(group, "ppm", {"name": str, "support": float})
    return DictionaryMotif(
        name=known["name"],
        ppm=ppm,
        support=known["support"],
        occurrences=tuple(
            Occurrence(**row) for row in _read_records(group, "occurrences", OCCURRENCE_COLUMNS)
        ),
        match=next(iter(_read_matches(group, "match")), None),
    )


def _read_neuron(layer: int, neuron: int, group: Any) -> NeuronResult:
    mixture: Motif | None = None
    drawn: dict[str, Any] = {}
    if "mixture" in group:
        known = {**_PART_ATTRIBUTES, **DRAWN_ATTRIBUTES}
        mixture, drawn = _read_motif(group, "mixture/ppm", known)
    return NeuronResult(
        layer=layer,
        neuron=neuron,
        mixture=mixture,
        parts=_read_parts(group, "parts"),
        matches=_read_matches(group, "matches"),
        mixture_matches=_read_matches(group, "mixture_matches"),
        from_data=_read_motif(group, "from_data/ppm")[0] if "from_data" in group else None,
        from_data_parts=_read_parts(group, "from_data/parts"),
        syntax=_read_syntaxes(layer, neuron, group, "syntax"),
        syntax_from_data=_read_syntaxes(layer, neuron, group, "from_data/syntax"),
        profile=_read_profile(group),
        top_sequences=_read_top_sequences(group),
        **drawn,
    )


def _read_parts(group: Any, name: str) -> tuple[Part, ...]:
    paths = numbered_names(group, name)
    motifs = (_read_motif(group, f"{path}/ppm") for path in paths)
    return tuple(motif for motif, _ in motifs)


def _read_motif(
    group: Any, path: str, attributes: Mapping[str, type] = _PART_ATTRIBUTES
) -> tuple[Any, dict[str, Any]]:
    """Read a PPM as a part or, where it has no share, a motif; and what else is asked for."""
    ppm, known = _read_known(group, path, attributes)
    rest = {name: known.pop(name) for name in DRAWN_ATTRIBUTES if name in known}
    return (Part if "share" in known else Motif)(ppm=ppm, **known), rest


def _read_matches(group: Any, name: str) -> tuple[Match, ...]:
    return tuple(Match(**row) for row in _read_records(group, name, MATCH_COLUMNS))


def _read_top_sequences(group: Any) -> tuple[TopSequence, ...]:
    rows = _read_records(group, "top_sequences", TOP_SEQUENCE_COLUMNS)
    return tuple(TopSequence(**{**row, "labels": tuple(json.loads(row["labels"]))}) for row in rows)


def _read_profile(group: Any) -> ActivationProfile | None:
    levels = _read_columns(group, "profile", LEVEL_COLUMNS)
    if not levels:
        return None
    counts = levels["data_count"]
    return ActivationProfile(
        edges=np.array([*levels["lower"], levels["upper"][-1]]),
        log2_level=np.array(levels["log2_level"]),
        data_counts=None if None in counts else np.array(counts, np.int64),
        data_windows=int(group["profile"].attrs["data_windows"]),
    )


def _read_syntaxes(layer: int, neuron: int, group: Any, name: str) -> tuple[Syntax, ...]:
    paths = numbered_names(group, name)
    return tuple(_read_syntax(layer, neuron, group[path]) for path in paths)


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


def _read_known(
    group: Any, path: str, attributes: Mapping[str, type]
) -> tuple[np.ndarray, dict[str, Any]]:
    """Read a matrix with those of some attributes that it has: float, int, bool or str."""
    from h5py import h5a, h5d

    data = h5d.open(group.id, path.encode("utf-8"))
    known = {}
    for name, kind in attributes.items():
        try:
            attribute = h5a.open(data, name.encode("utf-8"))
        except KeyError:
            continue
        dtype, _, loaded = scalar_type(kind)
        held = np.empty((), dtype)
        attribute.read(held, loaded)
        known[name] = plain_value(held.item())
    return read_matrix(group, path), known


def _read_columns(group: Any, name: str, columns: Mapping[str, type]) -> dict[str, list[Any]]:
    """Return those of some columns that a table has; none where there is no table."""
    if name not in group:
        return {}
    table = group[name][()]
    if not isinstance(table, np.ndarray) or table.dtype.names is None:
        raise TypeError(f"{name} is no table")
    found = [column for column in columns if column in table.dtype.names]
    return {column: [_known(plain_value(v)) for v in table[column].tolist()] for column in found}


def _known(value: Any) -> Any:
    # A float of that size is not meant: only an int equals it exactly and is one.
    return None if type(value) is int and value == UNKNOWN else value


def _read_records(group: Any, name: str, columns: Mapping[str, type]) -> list[dict[str, Any]]:
    """Return the records of a table row by row."""
    found = _read_columns(group, name, columns)
    return [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]
