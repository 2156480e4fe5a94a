"""The summary that other programs read: ``summary.json``, and a layer as one flat row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuroninterp.bottleneck import Reading, Verdict
from neuroninterp.measurement.records import EffectiveField, LayerFields, MeasuredField
from neuroninterp.performance import SCORES
from neuroninterp.results.records import AnalysisResult, LayerResult
from neuroninterp.text import printable

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "SCHEMA",
    "SCHEMA_VERSION",
    "describe_fields",
    "fraction_interval",
    "layer_row",
    "plain",
    "summarize",
]

SCHEMA_VERSION = 2
"""Raised whenever a reader of the files would have to change."""

SCHEMA = f"neuroninterp/{SCHEMA_VERSION}"
"""Marks ``summary.json`` and ``results.h5`` as ours."""

_NORMAL_QUANTILE = 1.959963984540054


def fraction_interval(fraction: float, number: int) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of a fraction of ``number`` neurons.

    Unlike a bootstrap it does not shrink to a point where every neuron, or none, matches.

    Parameters
    ----------
    fraction : float
        Observed share, in [0, 1].
    number : int
        Neurons it was observed on.

    Returns
    -------
    tuple of float
        Lower and upper bound, in [0, 1]; (0, 1) where ``number`` is 0.
    """
    if number < 1:
        return 0.0, 1.0
    square = _NORMAL_QUANTILE**2 / number
    centre = (fraction + square / 2) / (1 + square)
    spread = math.sqrt(fraction * (1 - fraction) * square + square**2 / 4) / (1 + square)
    return max(0.0, centre - spread), min(1.0, centre + spread)


def describe_fields(fields: LayerFields) -> dict[str, Any]:
    """Describe a layer's measured and effective fields with plain JSON values.

    Returns
    -------
    dict
        ``measured_field``, ``effective_field`` and ``effective_field_data``, each with
        ``size``, ``start`` and ``end`` (offsets in the computed field, bp; half-open), the
        first with its ``reason``; None where there is none.
    """

    def span(field: MeasuredField | EffectiveField | None) -> dict[str, Any] | None:
        if field is None:
            return None
        return {"size": field.size, "start": field.start, "end": field.end}

    return {
        "measured_field": {**(span(fields.measured) or {}), "reason": fields.measured.reason},
        "effective_field": span(fields.effective),
        "effective_field_data": span(fields.effective_data),
    }


def layer_row(result: LayerResult, fields: LayerFields | None = None) -> dict[str, Any]:
    """Return one layer as a flat row: geometry, counts, and fractions in [0, 1].

    The names are those of ``summary.json`` and ``layers.tsv``.

    Parameters
    ----------
    result : LayerResult
        The analysed layer.
    fields : LayerFields or None
        How far it sees, where that was measured.
    """
    layer, fractions = result.layer, result.fractions
    described = {} if fields is None else describe_fields(fields)
    sizes = {name: field and field["size"] for name, field in described.items()}
    return {
        "number": layer.number,
        "name": printable(layer.name),
        "filters": layer.filters,
        "kernel": layer.kernel,
        "stride": layer.stride,
        "dilation": layer.dilation,
        "padding": f"{layer.padding[0]},{layer.padding[1]}",
        "activation": layer.activation,
        "pool": None if layer.pool is None else str(layer.pool),
        "receptive_field": layer.receptive_field,
        "jump": layer.jump,
        "start": layer.start,
        "shifts": layer.shifts,
        "direction": layer.direction,
        "measured_field": sizes.get("measured_field"),
        "measured_reason": None if fields is None else fields.measured.reason,
        "effective_field": sizes.get("effective_field"),
        "effective_field_data": sizes.get("effective_field_data"),
        "neurons": fractions.neurons,
        "dead": fractions.dead,
        "unconverged": result.unconverged,
        "dictionary_motifs": len(result.dictionary),
        "dictionary_motifs_data": len(result.dictionary_from_data),
        "match_fraction": fractions.match,
        "relevant_fraction": fractions.relevant,
        "localist_fraction": fractions.localist,
        "null_fraction": fractions.null,
        "null_localist_fraction": fractions.null_localist,
        "mixture_match_fraction": fractions.mixture,
        "mixture_relevant_fraction": fractions.mixture_relevant,
        "mixture_localist_fraction": fractions.mixture_localist,
        "random_split_match_fraction": fractions.random_split,
        "random_split_relevant_fraction": fractions.random_split_relevant,
        "random_split_localist_fraction": fractions.random_split_localist,
    }


def summarize(result: AnalysisResult) -> dict[str, Any]:
    """Return the content of ``summary.json``: plain JSON values, NaN as None.

    Parameters
    ----------
    result : AnalysisResult
        What the run found.

    Returns
    -------
    dict
        Keys ``schema``, ``model``, ``data``, ``performance``, ``layers``, ``verdict``,
        ``settings``, ``versions``, ``seconds``, ``skipped``, ``fields`` (how far every layer
        sees, analysed or not), ``blocked`` (convolutions without a field), ``notes``,
        ``unfinished`` (how much is done; None of a finished run).
    """
    layers = []
    for layer in result.layers:
        row = layer_row(layer, result.fields_of(layer.layer.number))
        interval = fraction_interval(layer.fractions.localist, layer.fractions.neurons)
        layers.append({**row, "localist_interval": interval})
    return plain(
        {
            "schema": SCHEMA,
            "model": result.model,
            "data": result.data,
            "performance": _performance(result.performance),
            "layers": layers,
            "verdict": _verdict(result.verdict),
            "settings": result.settings,
            "versions": result.versions,
            "seconds": result.seconds,
            "skipped": [printable(sentence, 500) for sentence in result.skipped],
            "fields": [_fields_row(fields) for fields in result.fields],
            "blocked": [
                {
                    **asdict(layer),
                    "name": printable(layer.name),
                    "reason": printable(layer.reason, 500),
                }
                for layer in result.blocked
            ],
            "notes": [printable(sentence, 500) for sentence in result.notes],
            "unfinished": None if result.unfinished is None else asdict(result.unfinished),
        }
    )


def plain(value: Any) -> Any:
    """Turn a value into what JSON can hold.

    NaN and infinities become None, NumPy values and arrays Python's own, sequences and ranges
    lists, paths and whatever is unknown text.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset | range):
        return [plain(item) for item in value]
    return value.as_posix() if isinstance(value, Path) else str(value)


def _fields_row(fields: LayerFields) -> dict[str, Any]:
    layer = fields.layer
    return {
        "number": layer.number,
        "name": printable(layer.name),
        "receptive_field": layer.receptive_field,
        "jump": layer.jump,
        "start": layer.start,
        "direction": layer.direction,
        **describe_fields(fields),
    }


def _performance(table: pd.DataFrame | None) -> dict[str, Any] | None:
    if table is None:
        return None
    means = {name: table[name].mean() for name in SCORES if name in table and len(table)}
    return {**means, "classes": table.to_dict(orient="records")}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    structural, empirical = _reading(verdict.structural), _reading(verdict.empirical)
    # The architecture alone has no sampling error, so its reading carries no interval.
    del structural["interval"]
    return {
        "layer": verdict.layer,
        "kind": verdict.kind,
        "structural": structural,
        "empirical": empirical,
        "sentence": verdict.sentence,
    }


def _reading(reading: Reading) -> dict[str, Any]:
    return {
        "layer": reading.layer,
        "kind": reading.kind,
        "interval": reading.interval,
        "reason": reading.reason,
    }
