"""The pipeline: from a model file to an analysis result and its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neuroninterp.bottleneck import empirical, structural, verdict
from neuroninterp.caveats import longer_than_input, not_chosen, not_decoupled, thinly_sampled
from neuroninterp.channel_order import order_warning
from neuroninterp.errors import DataError, ModelError, UnsupportedOperationError
from neuroninterp.layer_analysis import LayerOptions, analyse_layer
from neuroninterp.measurement import measure_fields
from neuroninterp.models import Model, load
from neuroninterp.motifs import load_database, relevant_indices
from neuroninterp.performance import performance
from neuroninterp.progress import Progress
from neuroninterp.results import AnalysisResult, prepare_output, write_results
from neuroninterp.run_facts import arguments_of, data_card, model_card, versions
from neuroninterp.sampling import check_effort, check_neurons, sampling_seconds
from neuroninterp.sequences import Sequences, read_sequences

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["analyze", "read_data"]

_LONGEST_SAMPLING = 20 * 60
"""Seconds of sampling above which a layer is skipped unless the user insists."""


def analyze(
    model: str | Path | Model,
    data: str | Path | Sequences | None = None,
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
        Threads for matching; -1 for all cores.
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
    started = datetime.now(timezone.utc)
    check_effort(effort)
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
        if not force:
            chosen, too_long = _within_reason(model, chosen, neurons, effort)
        else:
            too_long = []
    sequences = read_data(model, data, data_alphabet, x_key, y_key, genome, progress)
    with progress.stage("measuring receptive fields"):
        fields = measure_fields(model, None if sequences is None else sequences.codes, seed=seed)
    scores = _performance(model, sequences, progress)
    options = LayerOptions(
        neurons=None if neurons is None else tuple(neurons),
        relevant=tuple(relevant),
        effort=effort,
        seed=seed,
        n_jobs=n_jobs,
        rounds=rounds,
    )
    results, localist = [], {}
    skipped = [*(layer.reason for layer in model.blocked), *too_long]
    if layers is not None:
        skipped += not_chosen(model, layers)
    for number in chosen:
        result, flags, left_out = analyse_layer(
            model,
            number,
            database,
            options,
            sequences=sequences,
            progress=progress,
        )
        results.append(result)
        localist[number] = flags
        skipped += [*left_out, *longer_than_input(model, number)]
    with progress.stage("checking the channel order"):
        warning = order_warning(results, database, model.layout.alphabet, n_jobs=n_jobs)
    null = {result.layer.number: result.fractions.null_localist for result in results}
    found = AnalysisResult(
        model=model_card(model),
        data=data_card(sequences, scores),
        performance=scores,
        layers=tuple(results),
        verdict=verdict(structural(model.layers), empirical(localist, null, seed=seed)),
        settings={
            "layers": list(chosen),
            "neurons": None if neurons is None else list(neurons),
            "motifs": database.name,
            "targets": len(database),
            "relevant": list(relevant),
            "effort": effort,
            "rounds": rounds,
            "seed": seed,
            "force": force,
            "alphabet": model.layout.alphabet,
            "started": started.isoformat(timespec="seconds"),
            "arguments": arguments,
        },
        versions=versions(),
        seconds=progress.seconds,
        skipped=tuple(skipped),
        fields=fields,
        blocked=model.blocked,
        notes=(
            *model.notes,
            *not_decoupled(model),
            *thinly_sampled(results),
            *([] if warning is None else [warning]),
        ),
        targets=database.known(found for result in results for found in result.target_ids),
    )
    if folder is not None:
        with progress.stage("writing results"):
            write_results(found, folder)
        found = replace(found, folder=folder)
    return found


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


def _within_reason(
    model: Model, chosen: list[int], neurons: Sequence[int] | None, effort: str
) -> tuple[list[int], list[str]]:
    """Leave out the layers that would take too long to sample; say so of each."""
    kept, reasons = [], []
    for number in chosen:
        layer = model.layer(number)
        count = len(check_neurons(model, number, neurons))
        seconds = sampling_seconds(model, number, count, effort=effort, limit=_LONGEST_SAMPLING)
        if seconds <= _LONGEST_SAMPLING:
            kept.append(number)
        else:
            reasons.append(
                f"layer {number} ({layer.name!r}): sampling {count} neurons with fields of "
                f"{layer.receptive_field} bp would take about {_spoken(seconds)} here; --force "
                "(force=True) does it all the same, fewer --neurons or --effort quick take less"
            )
    if not kept:
        raise ModelError(f"nothing is left to analyse: {reasons[0]}")
    return kept, reasons


def _spoken(seconds: float) -> str:
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"


def read_data(
    model: Model,
    data: str | Path | Sequences | None,
    alphabet: str | None,
    x_key: str | None,
    y_key: str | None,
    genome: str | Path | None,
    progress: Progress,
) -> Sequences | None:
    """Read the user's sequences, if any, and make sure that the model can read them.

    Raises
    ------
    DataError
        If they cannot be read, or have another length than the model reads.
    """
    if data is None:
        return None
    with progress.stage("reading data"):
        if not isinstance(data, Sequences):
            data = read_sequences(
                data,
                length=model.length,
                alphabet=alphabet or model.layout.alphabet,
                x_key=x_key,
                y_key=y_key,
                genome=genome,
            )
        if model.length is not None and data.length != model.length:
            raise DataError(
                f"the model reads {model.length} bp, the sequences of {data.source} have "
                f"{data.length}"
            )
    return data


def _performance(
    model: Model, sequences: Sequences | None, progress: Progress
) -> pd.DataFrame | None:
    """Score the model with its own runtime where the labels are binary."""
    if sequences is None or sequences.labels is None or not sequences.binary_labels:
        return None
    with progress.stage("scoring model"):
        predictions = model.predict(sequences.codes)
        flat = predictions.reshape(len(predictions), -1)
        return performance(flat, np.asarray(sequences.labels), sequences.class_names)
