"""How well the model itself predicts the labels of the user's test set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from neuroninterp.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["mean_performance", "performance"]


def performance(
    predictions: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Score predictions against labels, class by class.

    Parameters
    ----------
    predictions : numpy.ndarray, shape=(N, T)
        The model's outputs; only their order within a class matters.
    labels : numpy.ndarray, shape=(N, T)
        0 or 1; NaN where a label is missing, which leaves that sequence out of the class.
    class_names : sequence of str or None
        One name for each of the T classes; None numbers them from 0.

    Returns
    -------
    pandas.DataFrame
        One row a class: class, positives, negatives (numbers of sequences), auroc (area
        under the receiver operating characteristic), aupr (average precision), both in
        [0, 1], or NaN where the class has only positives or only negatives.

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
    return pd.DataFrame(rows, columns=["class", "positives", "negatives", "auroc", "aupr"])


def mean_performance(frame: pd.DataFrame) -> dict[str, float]:
    """Average the scores of a table from :func:`performance`.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table.

    Returns
    -------
    dict
        "auroc" and "aupr", the means over the classes that have both kinds of label (NaN
        where none has), and "classes", the number of these.
    """
    scored = frame.dropna(subset=["auroc", "aupr"])
    return {
        "auroc": float(scored["auroc"].mean()),
        "aupr": float(scored["aupr"].mean()),
        "classes": len(scored),
    }


def _score(predictions: np.ndarray, labels: np.ndarray) -> tuple[int, int, float, float]:
    from sklearn.metrics import average_precision_score, roc_auc_score

    known = ~np.isnan(labels)
    truth, values = labels[known] == 1, predictions[known]
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if not positives or not negatives:
        return positives, negatives, float("nan"), float("nan")
    auroc = float(roc_auc_score(truth, values))
    return positives, negatives, auroc, float(average_precision_score(truth, values))


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
