"""Training of zoo networks by the protocol of their paper.

Early stopping on the validation loss, and the weights of the best epoch kept. Every epoch is
saved; a killed run continues where it was and ends with the same network as an uninterrupted
one.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuroninterp.backend import device_in_use, import_keras, resolve_device
from neuroninterp.errors import NeuroninterpError, OutputError
from neuroninterp.sequences.coding import one_hot
from zoo import catalogue, records
from zoo.checkpoints import Checkpoint, History, checkpoint_folder
from zoo.data import Piece, SequencePart, TrainingData
from zoo.datasets.training_data import open_training_data
from zoo.export import export_onnx
from zoo.feeding import fed
from zoo.output import make_folder

if TYPE_CHECKING:
    import keras

__all__ = ["train"]

PREDICTION_BATCH = 500
_PREDICTED_BASES = 100_000
"""Most bases of a batch without gradients: the first layer's values are 1 kB a base and more."""
EXAMPLES = 64
"""Number of test sequences on which the two files are compared."""
_STEPS_AT_ONCE = 25
"""Steps that Keras takes before it looks up: a small network's epoch is a tenth shorter."""


def train(
    name: str | catalogue.Row,
    data: str | Path,
    output: str | Path,
    *,
    seed: int = 0,
    epochs: int | None = None,
    patience: int | None = None,
    batch_size: int | None = None,
    protocol: str = "released",
    device: str = "auto",
    force: bool = False,
    verbose: bool = True,
) -> dict[str, Any]:
    """Train one network and save it as ``NAME.keras``, ``NAME.onnx`` and ``NAME.json``.

    Parameters
    ----------
    name : str, Variant or Network
        A name of the zoo, or a row of parameters of your own.
    data : str or Path
        HDF5 file with keys X_train, Y_train, X_valid, … (see :mod:`zoo.simulations`), one in
        Basset's layout, or a folder with DeepSEA's files; see
        :func:`zoo.datasets.training_data.open_training_data`.
    output : str or Path
        Folder for the three files; made where it does not exist.
    seed : int
        Of the initial weights, the dropout and the order of the sequences.
    epochs : int or None
        Largest number of epochs; the paper's for None.
    patience : int or None
        Epochs without a lower validation loss after which training stops; the paper's for None.
    batch_size : int or None
        Sequences a step; the paper's for None.
    protocol : str
        "released"; for Koo & Eddy also "text", for NeuronMotif "listed" and "repository".
    device : str
        "auto", "cpu" or "gpu".
    force : bool
        Whether to replace a finished network.
    verbose : bool
        Whether to show progress (on a terminal only).

    Returns
    -------
    dict
        The record, as in ``NAME.json``: parameters, protocol, history, test scores.

    Raises
    ------
    UnknownNameError
        If the network or the protocol does not exist.
    DataError
        If the data are missing, malformed or too short.
    OutputError
        If the network exists already, an interrupted run there had other settings, or the
        folder cannot be written.
    NeuroninterpError
        If an argument is out of range.
    """
    row = catalogue.network(name, protocol) if isinstance(name, str) else name
    settings = catalogue.training_of(row, protocol)
    epochs = catalogue.epochs_of(row) if epochs is None else epochs
    patience = settings.patience_of(epochs) if patience is None else patience
    batch_size = catalogue.batch_size_of(row) if batch_size is None else batch_size
    _check_arguments(epochs=epochs, patience=patience, batch_size=batch_size, seed=seed)
    output = Path(output)
    _check_output(output, row.name, force)
    loaded = open_training_data(data)
    resolve_device(device)
    import_keras()
    run = {
        "name": row.name,
        "variant": asdict(row),
        "protocol": {"name": protocol, **asdict(settings)},
        "seed": seed,
        "batch_size": batch_size,
        "data_sha256": loaded.sha256,
    }
    checkpoint = Checkpoint(checkpoint_folder(output, row.name), run)
    history = checkpoint.read(force=force)
    with _progress(row.name, epochs, verbose=verbose) as report:
        history = _fit(row, loaded, checkpoint, history, run, epochs, patience, report)
    model = _load(checkpoint, history.best_epoch)
    predictions, labels = _predict(model, loaded.test)
    record = {
        "schema": records.SCHEMA,
        **run,
        "parameters": model.count_params(),
        "epochs": epochs,
        "patience": patience,
        "best_epoch": history.best_epoch,
        "history": asdict(history),
        "data": records.describe_data(loaded, Path(data).name),
        "test": records.score(predictions, labels, loaded.class_names),
        "device": device_in_use(),
        "versions": records.versions(),
        "command": records.command(row.name, Path(data).name, run, epochs, patience),
    }
    _save(model, record, output, checkpoint, _examples(loaded.test))
    return record


def _check_arguments(*, seed: int, **counts: int) -> None:
    if seed < 0:
        raise NeuroninterpError(f"seed is {seed}; expected 0 or more")
    for argument, value in counts.items():
        if value < 1:
            raise NeuroninterpError(f"{argument} is {value}; expected at least 1")


def _check_output(output: Path, name: str, force: bool) -> None:
    finished = output / f"{name}.json"
    if finished.exists() and not force:
        raise OutputError(f"{finished} exists: {name} is trained; use --force to train it again")
    make_folder(output)


def _fit(
    row: catalogue.Row,
    data: TrainingData,
    checkpoint: Checkpoint,
    history: History,
    run: dict[str, Any],
    epochs: int,
    patience: int,
    report: Callable[[History], None],
) -> History:
    """Train until the epochs or the patience are used up, saving every epoch."""
    seed, batch_size = run["seed"], run["batch_size"]
    if history:
        model = _load(checkpoint, len(history), compile=True)
    else:
        model = catalogue.build(
            row,
            length=data.train.length,
            classes=data.train.classes,
            protocol=run["protocol"]["name"],
            seed=seed,
        )
    model.steps_per_execution = _STEPS_AT_ONCE
    report(history)
    while len(history) < epochs and len(history) - history.best_epoch < patience:
        started = time.perf_counter()
        # Randomness of its own for every epoch: a continued run does as an uninterrupted one.
        rng = np.random.default_rng([seed, len(history)])
        pieces = data.train.shuffled(rng, batch_size)
        _seed_dropout(model, rng)
        loss = _train_epoch(model, pieces, batch_size)
        val_loss = _validate(model, data.valid)
        history = history.after(loss, val_loss, time.perf_counter() - started)
        checkpoint.save(model, history)
        report(history)
    return history


def _train_epoch(model: keras.Model, pieces: Iterator[Piece], batch_size: int) -> float:
    """Train on all sequences as they come; return their mean loss."""
    total, sequences = 0.0, 0
    for codes, labels in pieces:
        fitted = model.fit(**_fed(codes, labels, batch_size), shuffle=False, verbose=0)
        total += fitted.history["loss"][0] * len(codes)
        sequences += len(codes)
    return total / sequences


def _validate(model: keras.Model, part: SequencePart) -> float:
    """Return the mean loss on a part."""
    total = 0.0
    batch_size = _prediction_batch(part)
    for codes, labels in part.in_order(batch_size):
        loss = model.evaluate(**_fed(codes, labels, batch_size), verbose=0)
        total += float(loss) * len(codes)
    return total / len(part)


def _predict(model: keras.Model, part: SequencePart) -> Piece:
    """Return the probabilities of a part, and its labels."""
    batch_size = _prediction_batch(part)
    found, truth = [], []
    for codes, labels in part.in_order(batch_size):
        batches = fed(one_hot(codes), None, batch_size)
        found.append(np.asarray(model.predict(**batches, verbose=0)))
        truth.append(labels)
    return np.concatenate(found), np.concatenate(truth)


def _prediction_batch(part: SequencePart) -> int:
    return min(PREDICTION_BATCH, max(1, _PREDICTED_BASES // part.length))


def _fed(codes: np.ndarray, labels: np.ndarray, batch_size: int) -> dict[str, Any]:
    return fed(one_hot(codes), labels.astype(np.float32, copy=False), batch_size)


def _examples(part: SequencePart) -> np.ndarray:
    """Return the first sequences of a part, one-hot."""
    codes, _ = next(part.in_order(EXAMPLES))
    return one_hot(codes[:EXAMPLES])


def _seed_dropout(model: keras.Model, rng: np.random.Generator) -> None:
    """Set the state of every dropout layer, which a .keras file does not hold."""
    for layer in model.layers:
        if isinstance(layer, import_keras().layers.Dropout):
            state = layer.seed_generator.state
            state.assign(rng.integers(2**31, size=state.shape).astype(state.dtype))


def _load(checkpoint: Checkpoint, epoch: int, *, compile: bool = False) -> keras.Model:
    path = checkpoint.network(epoch)
    try:
        return import_keras().models.load_model(path, compile=compile)
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{path} cannot be read; remove {checkpoint.folder} to start again"
        ) from error


def _save(
    model: keras.Model,
    record: dict[str, Any],
    output: Path,
    checkpoint: Checkpoint,
    examples: np.ndarray,
) -> None:
    """Write the three files beside the checkpoint, then move them: the record last."""
    name = record["name"]
    staged = [checkpoint.folder / f"{name}.{suffix}" for suffix in ("keras", "onnx", "json")]
    try:
        model.save(staged[0])
        export_onnx(model, staged[1], examples)
        staged[2].write_text(json.dumps(record, indent=1) + "\n")
        (output / f"{name}.json").unlink(missing_ok=True)
        for path in staged:
            os.replace(path, output / path.name)
    except OSError as error:
        raise OutputError(f"cannot write {name} to {output}: {error}") from error
    checkpoint.remove()


@contextmanager
def _progress(name: str, epochs: int, *, verbose: bool) -> Iterator[Callable[[History], None]]:
    """Show epoch, validation loss and time left on a terminal; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        TextColumn("epoch {task.completed} of at most {task.total}  {task.fields[losses]}"),
        TimeRemainingColumn(),
    )
    shown = verbose and console.is_terminal
    with Progress(*columns, console=console, disable=not shown) as progress:
        task = progress.add_task(name, total=epochs, losses="")

        def report(history: History) -> None:
            progress.update(task, completed=len(history), losses=history.losses())

        yield report
