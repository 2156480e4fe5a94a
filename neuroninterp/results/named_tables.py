"""The tables of a run by their names: those of the files, and of the tables in Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from neuroninterp.results.grammar_tables import dictionary_table, syntax_table
from neuroninterp.results.records import AnalysisResult
from neuroninterp.results.tables import (
    layers_table,
    matches_table,
    neurons_table,
    sequences_table,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TABLES"]

TABLES: Mapping[str, Callable[[AnalysisResult], pd.DataFrame]] = {
    "layers": layers_table,
    "neurons": neurons_table,
    "matches": matches_table,
    "sequences": sequences_table,
    "dictionary": dictionary_table,
    "syntax": syntax_table,
}
"""What makes each table; its file is ``{name}.tsv``."""
