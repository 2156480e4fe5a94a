"""How well the model itself predicts the labels of the user's test set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from neuroninterp.errors import DataError
from neuroninterp.ranking import rank

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SCORES", "mean_performance", "performance", "spoken"]

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
    import pandas as pd

    predictions = np.asarray(predictions)
    labels = np.asarray(labels)
    _check(predictions, labels, class_names)
    names = class_names
    if names is None:
        names = [str(index) for index in range(labels.shape[1])]
    rows = [
        (name, *_score(predictions[:, index], labels[:, index])) for index, name in enumerate(names)
    ]
    return pd.DataFrame(rows, columns=["class", "positives", "negatives", *SCORES])


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


def _check(predictions: np.ndarray, labels: np.ndarray, class_names: Sequence[str] | None) -> None:
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
            f"label {labels[row, column]:g} of sequence {row}, class {column}: expected 0 or 1, "
            "or NaN for a missing label"
        )
    if np.isnan(predictions).any():
        row, column = (int(i) for i in np.argwhere(np.isnan(predictions))[0])
        raise DataError(f"the model predicts NaN for sequence {row}, class {column}")
