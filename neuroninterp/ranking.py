"""Scores of one class that follow from how the model ranks positives among negatives.

Everything is counted on the same points: for each threshold that the predictions allow, the
number of true positives (TP) and of false positives (FP) at or above it. With P positives and
N negatives,

    recall = TP / P        precision = TP / (TP + FP)

and, after Flach & Kull, with the prevalence pi = P / (P + N),

    recall gain    = (recall - pi) / ((1 - pi) recall)       = 1 - (P / N) (P - TP) / TP
    precision gain = (precision - pi) / ((1 - pi) precision) = 1 - (P / N) FP / TP

Source: Flach PA, Kull M (2015) Precision-Recall-Gain curves, NIPS 28, sections 3 and 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Ranking", "rank"]


@dataclass(frozen=True, eq=False)
class Ranking:
    """Positives and negatives found at each threshold, the strictest first.

    Parameters
    ----------
    true_positives, false_positives : numpy.ndarray, shape=(thresholds,)
        int64; at the last threshold all of them. Tied predictions share one threshold.
    """

    true_positives: np.ndarray
    false_positives: np.ndarray

    @property
    def positives(self) -> int:
        """Number of positives, at least 1."""
        return int(self.true_positives[-1])

    @property
    def negatives(self) -> int:
        """Number of negatives, at least 1."""
        return int(self.false_positives[-1])

    def auroc(self) -> float:
        """Area under the receiver operating characteristic, in [0, 1]; ties count half."""
        recall = _from_zero(self.true_positives) / self.positives
        fall_out = _from_zero(self.false_positives) / self.negatives
        return _area(fall_out, recall)

    def average_precision(self) -> float:
        """Mean precision over the recall gained at each threshold, in [0, 1]."""
        found = self.true_positives + self.false_positives
        gained = np.diff(self.true_positives, prepend=0) / self.positives
        return float((gained * self.true_positives / found).sum())

    def precision_recall_gain_area(self) -> float:
        """Area under the precision-recall-gain curve: 1 at best, 0 by chance, or negative.

        The curve runs over recall gains of 0 to 1. Between two thresholds both counts are
        interpolated linearly, which is a straight line in gains, so the area is exact; where
        recall gain 0 lies between two thresholds, the curve begins at the point between them.
        """
        positives, negatives = self.positives, self.negatives
        true, false = _from_zero(self.true_positives), _from_zero(self.false_positives)
        # Recall gain 0 is recall = prevalence: TP = P * P / (P + N); in whole numbers, exactly.
        first = int(np.argmax(true * (positives + negatives) >= positives**2))
        least = positives**2 / (positives + negatives)
        between = (least - true[first - 1]) / (true[first] - true[first - 1])
        crossing = false[first - 1] + between * (false[first] - false[first - 1])
        if between < 1:
            true = np.concatenate([[least], true[first:]])
            false = np.concatenate([[crossing], false[first:]])
        else:
            true, false = true[first:], false[first:]
        odds = positives / negatives
        return _area(1 - odds * (positives - true) / true, 1 - odds * false / true)

    def recall_at_fdr(self, percent: int) -> float:
        """Largest recall whose false discovery rate is at most ``percent`` %; 0 where none is.

        Parameters
        ----------
        percent : int
            1 - precision, in percent.
        """
        found = self.true_positives + self.false_positives
        # In whole numbers, because 0.05 has no exact double.
        within = 100 * self.false_positives <= percent * found
        return float((self.true_positives[within]).max(initial=0)) / self.positives


def rank(positive: np.ndarray, predictions: np.ndarray) -> Ranking:
    """Count positives and negatives at or above each prediction.

    Parameters
    ----------
    positive : numpy.ndarray, shape=(N,)
        bool, with at least one of each.
    predictions : numpy.ndarray, shape=(N,)
        Any scale; no NaN.

    Returns
    -------
    Ranking
        One threshold for every distinct prediction.
    """
    order = np.argsort(predictions, kind="stable")[::-1]
    ranked, hits = predictions[order], positive[order]
    last_of_ties = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    true_positives = np.cumsum(hits, dtype=np.int64)[last_of_ties]
    return Ranking(true_positives, last_of_ties + 1 - true_positives)


def _from_zero(counts: np.ndarray) -> np.ndarray:
    """Put the point before the strictest threshold in front, where nothing is found."""
    return np.concatenate([[0], counts])


def _area(x: np.ndarray, y: np.ndarray) -> float:
    """Area between a piecewise linear curve and the x axis, signed."""
    return float((np.diff(x) * (y[1:] + y[:-1])).sum() / 2)
