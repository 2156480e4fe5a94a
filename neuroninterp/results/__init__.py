"""The results of a run: as values, as tables, and as a folder of files."""

from neuroninterp.results.command import repeat_command
from neuroninterp.results.folder import prepare_output, write_results
from neuroninterp.results.grammar_tables import dictionary_table, syntax_table
from neuroninterp.results.read import read_results, stored_ppms
from neuroninterp.results.records import (
    FEW_WINDOWS,
    ActivationProfile,
    AnalysisResult,
    LayerResult,
    NeuronResult,
    TopSequence,
    motif_id,
)
from neuroninterp.results.snapshot import write_snapshot
from neuroninterp.results.summary import summarize
from neuroninterp.results.tables import (
    layers_table,
    matches_table,
    neurons_table,
    sequences_table,
)
from neuroninterp.results.unfinished import UNFINISHED, Unfinished, unfinished_verdict

__all__ = [
    "FEW_WINDOWS",
    "UNFINISHED",
    "ActivationProfile",
    "AnalysisResult",
    "LayerResult",
    "NeuronResult",
    "TopSequence",
    "Unfinished",
    "dictionary_table",
    "layers_table",
    "matches_table",
    "motif_id",
    "neurons_table",
    "prepare_output",
    "read_results",
    "repeat_command",
    "sequences_table",
    "stored_ppms",
    "summarize",
    "syntax_table",
    "unfinished_verdict",
    "write_results",
    "write_snapshot",
]
