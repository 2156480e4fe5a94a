"""The grammar as tables: dictionary and syntax, as in the TSV files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from neuroninterp.motifs.dictionary import DictionaryMotif
from neuroninterp.motifs.syntax import Syntax
from neuroninterp.results.records import AnalysisResult
from neuroninterp.results.tables import frame
from neuroninterp.text import printable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["dictionary_table", "syntax_table"]

_DICTIONARY_COLUMNS = {
    "layer": "int64",
    "source": "object",
    "motif": "object",
    "consensus": "object",
    "width": "int64",
    "information": "float64",
    "support": "float64",
    "neurons": "object",
    "occurrences": "int64",
    "palindromic": "bool",
    "match_id": "object",
    "match_name": "object",
    "match_strand": "object",
    "match_e_value": "float64",
}
_SYNTAX_COLUMNS = {
    "layer": "int64",
    "neuron": "int64",
    "source": "object",
    "share": "float64",
    "motifs": "object",
    "spacing_minimum": "object",
    "spacing_maximum": "object",
    "spacing_mode": "object",
    "kind": "object",
    "starts": "object",
    "value_inside": "float64",
    "value_outside": "float64",
}


def dictionary_table(result: AnalysisResult) -> pd.DataFrame:
    """Return one row a dictionary motif, in order of layer, source and support.

    Parameters
    ----------
    result : AnalysisResult
        What the run found.

    Returns
    -------
    pandas.DataFrame
        The columns of ``dictionary.tsv``. ``source`` is "model" for what was drawn from the
        model, "data" for the user's sequences. ``information`` is in bits; ``support`` adds up
        the shares of the parts that hold the motif; ``neurons`` lists their channels.
    """
    rows = [
        _dictionary_row(layer.layer.number, source, motif)
        for layer in result.layers
        for source, motifs in layer.dictionaries.items()
        for motif in motifs
    ]
    return frame(rows, _DICTIONARY_COLUMNS)


def syntax_table(result: AnalysisResult) -> pd.DataFrame:
    """Return one row an arrangement of motifs, in order of layer, neuron, source and share.

    Parameters
    ----------
    result : AnalysisResult
        What the run found.

    Returns
    -------
    pandas.DataFrame
        The columns of ``syntax.tsv``. ``source`` says whose windows show it, "model" or
        "data". ``motifs`` is the whole arrangement; the spacings (gaps,
        bp) stand there again, one entry a neighbouring pair, as ``starts`` (0-based, in the
        window) has one a motif. ``value_inside`` and ``value_outside`` are median values
        relative to the neuron's maximum, see :class:`neuroninterp.motifs.Syntax`.
    """
    rows = [
        _syntax_row(source, syntax)
        for layer in result.layers
        for neuron in layer.neurons
        for source, syntaxes in neuron.syntaxes.items()
        for syntax in syntaxes
    ]
    return frame(rows, _SYNTAX_COLUMNS)


def _dictionary_row(layer: int, source: str, motif: DictionaryMotif) -> dict[str, Any]:
    row: dict[str, Any] = {
        "layer": layer,
        "source": source,
        "motif": motif.name,
        "consensus": motif.consensus,
        "width": len(motif.ppm),
        "information": motif.information,
        "support": motif.support,
        "neurons": ",".join(str(neuron) for neuron in motif.neurons),
        "occurrences": len(motif.occurrences),
        "palindromic": motif.palindromic,
    }
    if motif.match is not None:
        row |= {
            "match_id": printable(motif.match.target_id),
            "match_name": printable(motif.match.target_name),
            "match_strand": motif.match.strand,
            "match_e_value": motif.match.e_value,
        }
    return row


def _syntax_row(source: str, syntax: Syntax) -> dict[str, Any]:
    def listed(values: Iterable[object]) -> str | None:
        return ",".join(str(value) for value in values) or None

    return {
        "layer": syntax.layer,
        "neuron": syntax.neuron,
        "source": source,
        "share": syntax.share,
        "motifs": str(syntax),
        "spacing_minimum": listed(spacing.minimum for spacing in syntax.spacings),
        "spacing_maximum": listed(spacing.maximum for spacing in syntax.spacings),
        "spacing_mode": listed(spacing.mode for spacing in syntax.spacings),
        "kind": syntax.kind,
        "starts": listed(f"{first}-{last}" for first, last in syntax.starts),
        "value_inside": syntax.value_inside,
        "value_outside": syntax.value_outside,
    }
