"""The results as tables: layers, neurons, matches, top sequences, as in the TSV files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from neuroninterp.motifs.match_table import match_values
from neuroninterp.motifs.records import Match, Motif
from neuroninterp.results.records import AnalysisResult, NeuronResult, motif_id
from neuroninterp.results.summary import layer_row
from neuroninterp.text import printable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["frame", "layers_table", "matches_table", "neurons_table", "sequences_table"]

_NEURON_COLUMNS = {
    "layer": "int64",
    "neuron": "int64",
    "dead": "bool",
    "maximum": "float64",
    "threshold": "float64",
    "n_sequences": "Int64",
    "log2_rarity": "float64",
    "mixture_consensus": "object",
    "mixture_consensus_ratio": "float64",
    "parts": "int64",
    "best_part": "Int64",
    "best_part_consensus": "object",
    "best_part_consensus_ratio": "float64",
    "match_id": "object",
    "match_name": "object",
    "match_part": "Int64",
    "match_e_value": "float64",
    "matched": "bool",
    "whole": "bool",
    "relevant": "bool",
    "data_maximum": "float64",
    "data_n_sequences": "Int64",
    "effective_size": "float64",
    "ppm_error": "float64",
    "converged": "bool",
}
_FIELD_COLUMNS = ("measured_field", "effective_field", "effective_field_data")
_MATCH_COLUMNS = {
    "Query_ID": "object",
    "Target_ID": "object",
    "p-value": "float64",
    "E-value": "float64",
    "Overlap": "int64",
    "Query_consensus": "object",
    "Orientation": "object",
    "layer": "int64",
    "neuron": "int64",
    "part": "Int64",
    "target_name": "object",
    "start": "int64",
    "end": "int64",
    "covered": "float64",
    "whole": "bool",
    "relevant": "bool",
    "target_start": "Int64",
}
_SEQUENCE_COLUMNS = {
    "layer": "int64",
    "neuron": "int64",
    "rank": "int64",
    "value": "float64",
    "sequence": "int64",
    "name": "object",
    "start": "int64",
    "location": "object",
    "labels": "object",
    "window": "object",
}


def layers_table(result: AnalysisResult) -> pd.DataFrame:
    """Return one row a layer: geometry (bp), counts, and fractions in [0, 1].

    Parameters
    ----------
    result : AnalysisResult
        What the run found.

    Returns
    -------
    pandas.DataFrame
        The columns of ``layers.tsv``; see :func:`neuroninterp.results.summary.layer_row`.
    """
    import pandas as pd

    rows = [layer_row(layer, result.fields_of(layer.layer.number)) for layer in result.layers]
    table = pd.DataFrame(rows)
    # Whole numbers stay whole where some are missing.
    whole = [name for name in _FIELD_COLUMNS if name in table]
    return table.astype({name: "Int64" for name in whole})


def neurons_table(result: AnalysisResult) -> pd.DataFrame:
    """Return one row a neuron, in order of layer and neuron.

    Parameters
    ----------
    result : AnalysisResult
        What the run found.

    Returns
    -------
    pandas.DataFrame
        The columns of ``neurons.tsv``. ``log2_rarity`` is in bits; ``best_part`` is the part
        with the highest consensus ratio, ``match_*`` the hit with the smallest E-value;
        ``whole`` and ``relevant`` say whether any hit of any part is.
    """
    rows = [_neuron_row(neuron) for layer in result.layers for neuron in layer.neurons]
    return frame(rows, _NEURON_COLUMNS)


def matches_table(result: AnalysisResult) -> pd.DataFrame:
    """Return one row a hit, of parts and of mixtures.

    Parameters
    ----------
    result : AnalysisResult
        What the run found.

    Returns
    -------
    pandas.DataFrame
        The columns of ``matches.tsv``. Names as in the MEME suite's Tomtom where it has one.
        ``part`` is missing for hits of a mixture. ``start`` and ``end`` bound the aligned
        stretch of the query (0-based, half-open, bp); ``Query_consensus`` is that stretch.
        ``target_start`` is where the target's first column lies in the query, on the strand of
        the match; it may be negative.
    """
    rows = [
        row for layer in result.layers for neuron in layer.neurons for row in _match_rows(neuron)
    ]
    return frame(rows, _MATCH_COLUMNS)


def sequences_table(result: AnalysisResult) -> pd.DataFrame:
    """Return one row a window of the user's sequences in which a neuron's value is largest.

    Parameters
    ----------
    result : AnalysisResult
        What the run found.

    Returns
    -------
    pandas.DataFrame
        The columns of ``sequences.tsv``. ``rank`` counts from 1, the largest value first;
        ``sequence`` is the number of the sequence in the data and ``start`` where the window
        begins in it, both from 0 (bp); ``labels`` are the classes that are 1 for it, with
        semicolons between them. What the data do not tell is missing.
    """
    rows = [
        {
            "layer": neuron.layer,
            "neuron": neuron.neuron,
            "rank": rank,
            "value": top.value,
            "sequence": top.sequence,
            "name": printable(top.name) or None,
            "start": top.start,
            "location": printable(top.location) or None,
            "labels": ";".join(printable(label) for label in top.labels) or None,
            "window": top.window,
        }
        for layer in result.layers
        for neuron in layer.neurons
        for rank, top in enumerate(neuron.top_sequences, start=1)
    ]
    return frame(rows, _SEQUENCE_COLUMNS)


def frame(rows: list[dict[str, Any]], columns: dict[str, str]) -> pd.DataFrame:
    """Build a table that has its columns and types even where it has no row.

    Parameters
    ----------
    rows : list of dict
        Values by column; a column that a row lacks is missing there.
    columns : dict of str to str
        The type of each column, in order.
    """
    import pandas as pd

    return pd.DataFrame(rows, columns=list(columns)).astype(columns)


def _neuron_row(result: NeuronResult) -> dict[str, Any]:
    row: dict[str, Any] = {
        "layer": result.layer,
        "neuron": result.neuron,
        "dead": result.dead,
        "parts": len(result.parts),
        "effective_size": result.effective_size,
        "ppm_error": result.ppm_error,
        "converged": result.converged,
        "matched": bool(result.matches),
        "whole": any(match.whole for match in result.matches),
        "relevant": any(match.relevant for match in result.matches),
    }
    if result.mixture is not None:
        row |= {
            "maximum": result.mixture.maximum,
            "threshold": result.mixture.threshold,
            "n_sequences": result.mixture.n_sequences,
            "log2_rarity": result.mixture.log2_rarity,
            "mixture_consensus": result.mixture.consensus,
            "mixture_consensus_ratio": result.mixture.consensus_ratio,
        }
    best = result.best_part
    if best is not None:
        row |= {
            "best_part": next(i for i, part in enumerate(result.parts) if part is best),
            "best_part_consensus": best.consensus,
            "best_part_consensus_ratio": best.consensus_ratio,
        }
    match = result.best_match
    if match is not None:
        row |= {
            "match_id": printable(match.target_id),
            "match_name": printable(match.target_name),
            "match_part": _query_parts(result).get(match.query),
            "match_e_value": match.e_value,
        }
    if result.from_data is not None:
        row |= {
            "data_maximum": result.from_data.maximum,
            "data_n_sequences": result.from_data.n_sequences,
        }
    return row


def _query_parts(result: NeuronResult) -> dict[str, int]:
    """Return which part each query name stands for."""
    names = (motif_id(result.layer, result.neuron, part) for part in range(len(result.parts)))
    return {name: part for part, name in enumerate(names)}


def _match_rows(result: NeuronResult) -> Iterator[dict[str, Any]]:
    parts = _query_parts(result)
    for match in result.matches:
        part = parts.get(match.query)
        yield _match_row(result, match, part, None if part is None else result.parts[part])
    for match in result.mixture_matches:
        yield _match_row(result, match, None, result.mixture)


def _match_row(
    result: NeuronResult, match: Match, part: int | None, motif: Motif | None
) -> dict[str, Any]:
    return {
        **match_values(match, motif.consensus if motif else ""),
        "layer": result.layer,
        "neuron": result.neuron,
        "part": part,
        "target_start": match.target_start,
    }
