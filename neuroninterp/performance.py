"""How well the model itself predicts the labels of the user's test set."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from neuroninterp.errors import DataError, OutputError
from neuroninterp.ranking import rank

if TYPE_CHECKING:
    import pandas as pd

    from neuroninterp.models import Model
    from neuroninterp.sequences import SequenceData

__all__ = ["SCORES", "mean_performance", "model_performance", "performance", "spoken"]

SCORES: dict[str, str] = {
    "loss": "loss",
    "balanced_accuracy": "balanced accuracy",
    "auroc": "auROC",
    "aupr": "auPR",
    "auprg": "auPRG",
    "recall_at_5_fdr": "recall at 5 % FDR",
    "recall_at_10_fdr": "recall at 10 % FDR",
    "recall_at_20_fdr": "recall at 20 % FDR",
}
"""The scores of a class, and what they are called where people read them."""

_FDR_PERCENT = (5, 10, 20)
_SMALLEST_PROBABILITY = 1e-7
"""Probabilities are kept so far from 0 and 1 in the loss, as Keras does."""


def performance(
    predictions: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Score predictions against labels, class by class.

    Parameters
    ----------
    predictions : numpy.ndarray, shape=(N, T)
        The model's outputs. Loss and balanced accuracy need probabilities; for the others
        only their order within a class matters.
    labels : numpy.ndarray, shape=(N, T)
        0 or 1; NaN where a label is missing, which leaves that sequence out of the class.
    class_names : sequence of str or None
        One name for each of the T classes; None numbers them from 0.

    Returns
    -------
    pandas.DataFrame
        One row a class: class, positives, negatives (numbers of sequences), and
        :data:`SCORES`: loss (mean binary cross-entropy, nats), balanced_accuracy (mean of the
        shares of positives above 0.5 and of negatives not above), auroc (area under the
        receiver operating characteristic), aupr (average precision), auprg (area under the
        precision-recall-gain curve, 1 at best, 0 by chance, or negative), and
        recall_at_5_fdr, … (largest recall whose precision reaches 95, 90, 80 %), all but loss
        and auprg in [0, 1]. NaN where the class has only positives or only negatives; loss
        and balanced_accuracy also where a prediction of the class is no probability.

    Raises
    ------
    DataError
        If the shapes differ, a label is neither 0, 1 nor NaN, or a prediction is NaN.
    """
    predictions = np.asarray(predictions)
    labels = np.asarray(labels)
    _check(predictions, labels, class_names)
    columns = ((predictions[:, k], labels[:, k]) for k in range(labels.shape[1]))
    return _table(columns, class_names)


def model_performance(
    model: Model,
    data: SequenceData,
    *,
    folder: Path | None = None,
    advance: Callable[[int], None] = lambda sequences: None,
) -> pd.DataFrame:
    """Score a model's predictions for labelled sequences, by its own runtime, block by block.

    Predictions and labels wait in a temporary file until all are known, since the scores of a
    class need all of its own, but only these, at once.

    Parameters
    ----------
    model : Model
        The network.
    data : SequenceData
        Sequences with labels that are 0, 1 or missing.
    folder : Path or None
        Where the temporary file lies; None takes the system's place for such.
    advance : callable
        Called with the number of sequences done since the last call.

    Returns
    -------
    pandas.DataFrame
        What :func:`performance` says of all predictions and labels.

    Raises
    ------
    DataError
        As :func:`performance`.
    OutputError
        If the disk has no room for the temporary file.
    """
    with _output_errors(data, folder):
        opened = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - entered in the next line
    with opened as stream:
        columns = _Columns(stream, len(data), data.classes)
        for first, block in data.blocks():
            predictions = model.predict(block.codes)
            flat, labels = predictions.reshape(len(block), -1), np.asarray(block.labels)
            _check(flat, labels, data.class_names, first=first)
            with _output_errors(data, folder):
                columns.write(first, flat, labels)
            advance(len(block))
        return _table(map(columns.read, range(data.classes)), data.class_names)


@contextmanager
def _output_errors(data: SequenceData, folder: Path | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"the predictions for {len(data):,} sequences cannot be kept "
            f"({os.strerror(error.errno or 0)}); {5 * len(data) * data.classes:,} bytes of "
            f"disk are needed in {folder or tempfile.gettempdir()}"
        ) from error


class _Columns:
    """Predictions and labels in a file, written some sequences and read one class at a time."""

    def __init__(self, stream: BinaryIO, number: int, classes: int) -> None:
        self._stream = stream
        self._number = number
        self._classes = classes
        self._type = np.dtype(np.float32)

    def write(self, first: int, predictions: np.ndarray, labels: np.ndarray) -> None:
        self._type = predictions.dtype
        # A missing label, NaN, is 2.
        small = np.where(np.isnan(labels), 2, labels).astype(np.uint8)
        for k in range(self._classes):
            for column, values in ((0, predictions), (1, small)):
                self._stream.seek(self._place(column, k) + first * values.itemsize)
                self._stream.write(values[:, k].tobytes())
        self._stream.flush()

    def read(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        self._stream.seek(self._place(0, k))
        size = self._number * self._type.itemsize
        predictions = np.frombuffer(self._stream.read(size), self._type)
        self._stream.seek(self._place(1, k))
        small = np.frombuffer(self._stream.read(self._number), np.uint8)
        return predictions, np.where(small == 2, np.float32(np.nan), small.astype(np.float32))

    def _place(self, column: int, k: int) -> int:
        """Return where the predictions (column 0) or labels (1) of a class begin."""
        if column == 0:
            return k * self._number * self._type.itemsize
        return self._number * (self._classes * self._type.itemsize + k)


def mean_performance(frame: pd.DataFrame) -> dict[str, float]:
    """Average the scores of a table from :func:`performance`.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table.

    Returns
    -------
    dict
        :data:`SCORES`, their means over the classes that have both kinds of label (NaN where
        none has, or a prediction is no probability), and "classes", the number of these.
    """
    scored = frame.dropna(subset=["auroc"])
    # Tables of earlier versions have fewer columns.
    means = {name: float(scored[name].mean(skipna=False)) for name in SCORES if name in scored}
    return {**means, "classes": len(scored)}


def spoken(means: Mapping[str, float | None]) -> str:
    """Say the mean scores in one line: "auROC 0.987, auPR 0.988, …"; undefined ones are left out.

    Parameters
    ----------
    means : mapping
        :data:`SCORES`; None or NaN where undefined.
    """
    names = ("auroc", "aupr", "auprg", "balanced_accuracy")
    recalls = [f"recall_at_{percent}_fdr" for percent in _FDR_PERCENT]
    known = {name: value for name in SCORES if (value := means.get(name)) is not None}
    known = {name: value for name, value in known.items() if value == value}
    pieces = [f"{SCORES[name]} {known[name]:.3f}" for name in names if name in known]
    if all(name in known for name in recalls):
        listed = ", ".join(f"{known[name]:.3f}" for name in recalls)
        pieces.append(f"recall at 5, 10, 20 % FDR {listed}")
    return ", ".join(pieces) or "no class has both positives and negatives"


def _table(
    columns: Iterable[tuple[np.ndarray, np.ndarray]], class_names: Sequence[str] | None
) -> pd.DataFrame:
    """Score predictions and labels (N,) of each class."""
    import pandas as pd

    rows = [
        (str(index) if class_names is None else class_names[index], *_score(*column))
        for index, column in enumerate(columns)
    ]
    return pd.DataFrame(rows, columns=["class", "positives", "negatives", *SCORES])


def _score(predictions: np.ndarray, labels: np.ndarray) -> tuple[float, ...]:
    known = ~np.isnan(labels)
    truth, values = labels[known] == 1, predictions[known]
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if not positives or not negatives:
        return (positives, negatives, *[float("nan")] * len(SCORES))
    ranking = rank(truth, values)
    return (
        positives,
        negatives,
        *_probability_scores(truth, values),
        ranking.auroc(),
        ranking.average_precision(),
        ranking.precision_recall_gain_area(),
        *(ranking.recall_at_fdr(percent) for percent in _FDR_PERCENT),
    )


def _probability_scores(truth: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """Return loss and balanced accuracy; NaN where the values are no probabilities."""
    if values.min() < 0 or values.max() > 1:
        return float("nan"), float("nan")
    given = np.where(truth, values, 1 - values.astype(np.float64))
    loss = -np.log(np.clip(given, _SMALLEST_PROBABILITY, 1 - _SMALLEST_PROBABILITY)).mean()
    accuracy = ((values[truth] > 0.5).mean() + (values[~truth] <= 0.5).mean()) / 2
    return float(loss), float(accuracy)


def _check(
    predictions: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str] | None,
    *,
    first: int = 0,
) -> None:
    """Refuse what cannot be scored; ``first`` is the number of the first sequence."""
    if labels.ndim != 2 or predictions.shape != labels.shape:
        raise DataError(
            f"the labels have shape {labels.shape} but the model's predictions "
            f"{predictions.shape}; expected the same (sequences, classes)"
        )
    if class_names is not None and len(class_names) != labels.shape[1]:
        raise DataError(
            f"{len(class_names)} class names for {labels.shape[1]} classes; expected one a class"
        )
    wrong = ~((labels == 0) | (labels == 1) | np.isnan(labels))
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        raise DataError(
            f"label {labels[row, column]:g} of sequence {first + row}, class {column}: "
            "expected 0 or 1, or NaN for a missing label"
        )
    if np.isnan(predictions).any():
        row, column = (int(i) for i in np.argwhere(np.isnan(predictions))[0])
        raise DataError(f"the model predicts NaN for sequence {first + row}, class {column}")
