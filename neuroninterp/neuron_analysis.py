"""One neuron of the pipeline, as a value: a quick look, without a results folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neuroninterp.analysis import read_data
from neuroninterp.layer_analysis import LayerOptions, analyse_layer
from neuroninterp.models import Model, load
from neuroninterp.motifs import MotifDatabase, load_database, relevant_indices
from neuroninterp.progress import Progress
from neuroninterp.results import NeuronResult
from neuroninterp.sampling import check_effort, check_neurons
from neuroninterp.sequences import Sequences

__all__ = ["analyze_neuron"]


def analyze_neuron(
    model: str | Path | Model,
    layer: int,
    neuron: int,
    data: str | Path | Sequences | None = None,
    *,
    motifs: str | Path | MotifDatabase = "JASPAR2024",
    relevant: Sequence[str] = (),
    effort: str = "quick",
    rounds: int | None = None,
    seed: int = 0,
    data_alphabet: str | None = None,
    x_key: str | None = None,
    y_key: str | None = None,
    genome: str | Path | None = None,
    n_jobs: int = -1,
    verbose: bool = False,
    **loading: Any,
) -> NeuronResult:
    """Sample, decouple and match one neuron.

    Parameters
    ----------
    model : str, Path or Model
        A Keras or ONNX file, a network of the zoo ("zoo:cnn-2"), or a loaded model.
    layer, neuron : int
        Layer number (from 1) and channel (from 0).
    data : str, Path, Sequences or None
        Sequences to take windows from, beside those drawn from the model.
    motifs : str, Path or MotifDatabase
        A JASPAR release or a MEME file.
    relevant, effort, rounds, seed, data_alphabet, x_key, y_key, genome, n_jobs, verbose
        As of :func:`neuroninterp.analyze`, but for the effort, which is "quick".
    **loading
        How a model file is read; see :func:`neuroninterp.load`.

    Returns
    -------
    NeuronResult
        Equal to that neuron's in a run of :func:`neuroninterp.analyze` with the same settings
        and ``neurons=[neuron]``, without a syntax, which takes the whole layer's dictionary.

    Raises
    ------
    NeuroninterpError
        If the model, the neuron, the data or the motifs cannot be used.
    """
    check_effort(effort)
    progress = Progress(visible=verbose)
    with progress.stage("reading motifs"):
        database = motifs if isinstance(motifs, MotifDatabase) else load_database(motifs)
        relevant_indices(database, relevant)
    with progress.stage("reading model"):
        if not isinstance(model, Model):
            model = load(model, **loading)
        check_neurons(model, layer, [neuron])
    sequences = read_data(model, data, data_alphabet, x_key, y_key, genome, progress)
    options = LayerOptions(
        neurons=(neuron,),
        relevant=tuple(relevant),
        effort=effort,
        seed=seed,
        rounds=rounds,
        grammar=False,
    )
    found, _, _ = analyse_layer(
        model,
        layer,
        database,
        options,
        sequences=sequences,
        n_jobs=n_jobs,
        progress=progress,
    )
    return found.neurons[0]
