"""The pipeline: from a model file to an analysis result and its folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from neuroninterp.errors import DataError, ModelError, UnsupportedOperationError
from neuroninterp.models import Model, load
from neuroninterp.motifs import load_database, relevant_indices
from neuroninterp.pipeline.facts import arguments_of
from neuroninterp.pipeline.folder import RunFolder, run_folder
from neuroninterp.pipeline.layer_plan import LayerOptions
from neuroninterp.pipeline.request import Request
from neuroninterp.pipeline.run import Run
from neuroninterp.pipeline.workers import Workers
from neuroninterp.progress import Progress
from neuroninterp.results import AnalysisResult, prepare_output
from neuroninterp.sampling import check_effort, check_neurons
from neuroninterp.sequences import SequenceData, read_or_store, read_sequences

__all__ = ["analyze", "read_data"]


def analyze(
    model: str | Path | Model,
    data: str | Path | SequenceData | None = None,
    output: str | Path | None = None,
    *,
    layers: Sequence[int] | None = None,
    neurons: Sequence[int] | None = None,
    motifs: str | Path = "JASPAR2024",
    relevant: Sequence[str] = (),
    effort: str = "standard",
    rounds: int | None = None,
    seed: int = 0,
    force: bool = False,
    device: str = "auto",
    weights: str | Path | None = None,
    input_name: str | None = None,
    alphabet: str | None = None,
    layout: str | None = None,
    length: int | None = None,
    held: Mapping[str, float] | None = None,
    background: float = 0.0,
    x_key: str | None = None,
    y_key: str | None = None,
    data_alphabet: str | None = None,
    genome: str | Path | None = None,
    n_jobs: int = -1,
    memory: int | str | None = None,
    scheduler: str | None = None,
    resume: bool = True,
    trust_model: bool = False,
    verbose: bool = False,
) -> AnalysisResult:
    """Say what a trained network has learned, and in which layer.

    Parameters
    ----------
    model : str, Path or Model
        A Keras or ONNX file, or a model loaded with :func:`neuroninterp.load`.
    data : str, Path, Sequences or None
        Sequences, with labels or without: HDF5, npz, mat, FASTA, or BED with ``genome``.
        None analyses the model alone.
    output : str, Path or None
        Folder for the report and the tables; None writes nothing.
    layers, neurons : sequence of int or None
        Layer numbers (from 1) and channels (from 0) to analyse; None for all.
    motifs : str or Path
        A JASPAR release ("JASPAR2024", "JASPAR2024:plants") or a MEME file.
    relevant : sequence of str
        Ids or names of the motifs that the network is expected to know.
    effort : str
        "quick", "standard" or "thorough" sampling.
    rounds : int or None
        Of decoupling: 1 or 2 allow no more parts than NeuronMotif's; see
        :func:`neuroninterp.decouple`.
    seed : int
        The same seed gives the same result.
    force : bool
        Sample layers too that would take longer than 20 minutes; they are skipped otherwise.
    device, weights, input_name, alphabet, layout, length, held, background
        How the model is read; see :func:`neuroninterp.load`.
    x_key, y_key : str or None
        Names of sequences and labels in the data file.
    data_alphabet : str or None
        What each channel of the data file holds; as the model's for None.
    genome : str, Path or None
        Genome FASTA for BED data.
    n_jobs : int
        Worker processes of one thread each; 1 for none but this one, -1 for one a core where
        the work is worth their start. The results do not depend on it.
    memory : int, str or None
        What this process and its workers may take together, bytes or a text like "4GB":
        fewer workers and smaller batches. None for no limit.
    scheduler : str or None
        Address of a Dask scheduler ("tcp://host:8786") whose workers do the work, or "slurm";
        takes the ``dask`` extra. None for this machine.
    resume : bool
        Go on from the work that an interrupted run of the same arguments left in the folder;
        False begins anew.
    trust_model : bool
        Let Keras run code that the model file carries.
    verbose : bool
        Show progress on standard error.

    Returns
    -------
    AnalysisResult

    Raises
    ------
    NeuroninterpError
        If the model, the data, the motifs or the output cannot be used; see
        :mod:`neuroninterp.errors`.
    """
    arguments = arguments_of(analyze, dict(locals()))
    check_effort(effort)
    workers = Workers.asked(n_jobs, memory, scheduler)
    progress = Progress(visible=verbose)
    folder = prepare_output(output) if output is not None else None
    with progress.stage("reading motifs"):
        database = load_database(motifs)
        relevant_indices(database, relevant)
    with progress.stage("reading model"):
        if not isinstance(model, Model):
            model = load(
                model,
                weights=weights,
                device=device,
                input_name=input_name,
                alphabet=alphabet,
                layout=layout,
                length=length,
                held=held,
                background=background,
                trust_model=trust_model,
            )
        chosen = _choose_layers(model, layers, neurons)
    request = Request(
        layers=None if layers is None else tuple(layers),
        chosen=tuple(chosen),
        options=LayerOptions(
            neurons=None if neurons is None else tuple(neurons),
            relevant=tuple(relevant),
            effort=effort,
            seed=seed,
            rounds=rounds,
        ),
        force=force,
        arguments=arguments,
    )
    with _place(folder, progress, resume) as place:
        stored = place.data if isinstance(place, RunFolder) else place
        sequences = read_data(
            model, data, data_alphabet, x_key, y_key, genome, progress, folder=stored
        )
        run = Run(model, database, sequences, request, workers, progress)
        return run.in_folder(place) if isinstance(place, RunFolder) else run.in_memory(place)


@contextmanager
def _place(folder: Path | None, progress: Progress, resume: bool) -> Iterator[RunFolder | Path]:
    """Hold the results folder, or a temporary one where no results are written."""
    try:
        if folder is not None:
            with run_folder(folder, progress, resume=resume) as place:
                yield place
            return
        with tempfile.TemporaryDirectory(prefix="neuroninterp-") as scratch:
            yield Path(scratch)
    finally:
        progress.stop()


def _choose_layers(
    model: Model, layers: Sequence[int] | None, neurons: Sequence[int] | None
) -> list[int]:
    """Return the layers to analyse; all of them must be analysable unless some are named."""
    if layers is None:
        chosen = [layer.number for layer in model.layers]
        not_understood = [layer for layer in model.blocked if not layer.whole_sequence]
        if not_understood:
            known = ",".join(str(number) for number in chosen)
            raise UnsupportedOperationError(
                f"{not_understood[0].reason}; the layers that do not depend on it can be "
                f"analysed with --layers {known}"
            )
    else:
        chosen = sorted({model.layer(number).number for number in layers})
    if not chosen:
        raise ModelError("no layer was chosen; name at least one")
    for number in chosen:
        check_neurons(model, number, neurons)
    return chosen


def read_data(
    model: Model,
    data: str | Path | SequenceData | None,
    alphabet: str | None,
    x_key: str | None,
    y_key: str | None,
    genome: str | Path | None,
    progress: Progress,
    *,
    folder: Path | None = None,
) -> SequenceData | None:
    """Read the user's sequences, if any, and make sure that the model can read them.

    Sequences that memory would not hold are stored in ``folder``, where there is one.

    Raises
    ------
    DataError
        If they cannot be read, or have another length than the model reads.
    """
    if data is None:
        return None
    with progress.stage("reading data", 0) as advance:
        if isinstance(data, (str, Path)):
            how: dict[str, Any] = {
                "length": model.length,
                "alphabet": alphabet or model.layout.alphabet,
                "x_key": x_key,
                "y_key": y_key,
                "genome": genome,
            }
            if folder is None:
                data = read_sequences(data, **how)
            else:
                data = read_or_store(data, folder, advance=advance, **how)
        if model.length is not None and data.length != model.length:
            raise DataError(
                f"the model reads {model.length} bp, the sequences of {data.source} have "
                f"{data.length}"
            )
    return data
