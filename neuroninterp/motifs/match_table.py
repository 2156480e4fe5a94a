"""Motifs of a file matched against known motifs, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from neuroninterp.motifs.information import consensus
from neuroninterp.motifs.matching import E_VALUE, match
from neuroninterp.motifs.meme import MemeMotif
from neuroninterp.motifs.records import Match
from neuroninterp.text import printable

if TYPE_CHECKING:
    import pandas as pd

    from neuroninterp.motifs.databases import MotifDatabase

__all__ = ["match_table", "match_values"]

_COLUMNS = {
    "Query_ID": "object",
    "Target_ID": "object",
    "p-value": "float64",
    "E-value": "float64",
    "Overlap": "int64",
    "Query_consensus": "object",
    "Orientation": "object",
    "query_name": "object",
    "target_name": "object",
    "start": "int64",
    "end": "int64",
    "covered": "float64",
    "whole": "bool",
    "relevant": "bool",
}


def match_table(
    motifs: Sequence[MemeMotif],
    database: MotifDatabase,
    *,
    relevant: Sequence[str] = (),
    e_value: float = E_VALUE,
    n_jobs: int = 1,
) -> pd.DataFrame:
    """Match motifs against known motifs; see :func:`neuroninterp.match`.

    Parameters
    ----------
    motifs : sequence of MemeMotif
        As :func:`neuroninterp.read_meme` reads them.
    database : MotifDatabase
        Known motifs.
    relevant : sequence of str
        Ids or names of known motifs to flag as relevant.
    e_value : float
        Largest E-value of a match.
    n_jobs : int
        Threads; -1 for all.

    Returns
    -------
    pandas.DataFrame
        One row a match, in the order of the motifs, best first, under the motif's number (from
        0; ids need not be unique). The columns of ``matches.tsv``
        (:func:`neuroninterp.results.matches_table`), with the motif's name instead of layer,
        neuron and part.

    Raises
    ------
    DataError
        If a motif's matrix holds no probabilities.
    UnknownNameError
        If a relevant motif does not exist.
    """
    import pandas as pd

    ppms, ids = [motif.ppm for motif in motifs], [motif.id for motif in motifs]
    hits = match(ppms, database, names=ids, relevant=relevant, e_value=e_value, n_jobs=n_jobs)
    rows = [
        {**match_values(found, consensus(motif.ppm)), "query_name": printable(motif.name)}
        for motif, matches in zip(motifs, hits, strict=True)
        for found in matches
    ]
    numbers = [number for number, matches in enumerate(hits) for _ in matches]
    index = pd.Index(numbers, name="motif", dtype="int64")
    return pd.DataFrame(rows, index=index, columns=list(_COLUMNS)).astype(_COLUMNS)


def match_values(found: Match, consensus: str) -> dict[str, Any]:
    """Return a match as the columns that every table of matches has.

    Parameters
    ----------
    found : Match
        The match.
    consensus : str
        Of the whole query.

    Returns
    -------
    dict
        Names as in the MEME suite's Tomtom where it has one.
    """
    return {
        "Query_ID": printable(found.query),
        "Target_ID": printable(found.target_id),
        "p-value": found.p_value,
        "E-value": found.e_value,
        "Overlap": found.overlap,
        "Query_consensus": consensus[found.start : found.end],
        "Orientation": found.strand,
        "target_name": printable(found.target_name),
        "start": found.start,
        "end": found.end,
        "covered": found.covered,
        "whole": found.whole,
        "relevant": found.relevant,
    }
