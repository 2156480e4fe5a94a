"""One layer of the pipeline, by itself: in this process, and without a folder."""

from __future__ import annotations

import numpy as np

from neuroninterp.jobs import Equipment, Here, MemoryStore, carry_out
from neuroninterp.models import Model
from neuroninterp.motifs import MotifDatabase
from neuroninterp.pipeline.layer_plan import Digests, LayerOptions, LayerPlan
from neuroninterp.progress import Progress
from neuroninterp.results import LayerResult
from neuroninterp.sequences import SequenceData

__all__ = ["LayerOptions", "analyse_layer"]


def analyse_layer(
    model: Model,
    layer: int,
    database: MotifDatabase,
    options: LayerOptions,
    *,
    sequences: SequenceData | None = None,
    n_jobs: int = -1,
    progress: Progress,
) -> tuple[LayerResult, np.ndarray, list[str]]:
    """Analyse one layer.

    Parameters
    ----------
    model : Model
        The network.
    layer : int
        Layer number.
    database : MotifDatabase
        Known motifs.
    options : LayerOptions
        The user's choices.
    sequences : SequenceData or None
        The user's sequences.
    n_jobs : int
        Threads for matching; -1 for all cores.
    progress : Progress
        Where progress is shown.

    Returns
    -------
    result : LayerResult
        Neurons and fractions.
    localist : numpy.ndarray of bool, shape=(neurons,)
        Whether each neuron has a whole match.
    skipped : list of str
        What was left out, and why.
    """
    store, executor = MemoryStore(), Here(Equipment(model, database, n_jobs))
    # Nothing is looked up from earlier runs: what it was made with need not be told.
    plan = LayerPlan(model, layer, options, store, Digests("", "", ""), sequences)
    try:
        ((_, found),) = carry_out([iter(plan)], store, executor, progress)
    except BaseException:
        progress.stop()
        raise
    return found.result, found.localist, list(found.skipped)
