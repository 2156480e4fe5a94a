"""Scores against areas counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroninterp.errors import DataError
from neuroninterp.performance import mean_performance, performance

NAN = float("nan")


def test_areas_counted_by_hand():
    # Class a: of the 2 x 3 pairs (positive, negative) 4 are in order and 1 is a tie. From the
    # top: positive (precision 1), negative, then the tie of the other positive (precision 2/4).
    # Class b: all in order. Class c: no positive. Class d: one label missing.
    labels = np.array([[1, 1, 0, 1], [0, 1, 0, NAN], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]])
    scores = np.array(
        [
            [0.9, 0.9, 0.1, 0.7],
            [0.8, 0.8, 0.2, 0.1],
            [0.5, 0.3, 0.3, 0.5],
            [0.5, 0.2, 0.4, 0.4],
            [0.1, 0.1, 0.5, 0.3],
        ]
    )
    table = performance(scores, labels, ["a", "b", "c", "d"])
    assert list(table.columns) == ["class", "positives", "negatives", "auroc", "aupr"]
    assert table["class"].tolist() == ["a", "b", "c", "d"]
    assert table["positives"].tolist() == [2, 2, 0, 2]
    assert table["negatives"].tolist() == [3, 3, 5, 2]
    np.testing.assert_allclose(table["auroc"], [4.5 / 6, 1.0, NAN, 3 / 4])
    np.testing.assert_allclose(table["aupr"], [1 / 2 + 2 / 8, 1.0, NAN, 1 / 2 + 1 / 3])
    means = mean_performance(table)
    assert means == pytest.approx(
        {"auroc": (0.75 + 1 + 0.75) / 3, "aupr": (0.75 + 1 + 5 / 6) / 3, "classes": 3}
    )


@given(
    st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30).filter(
        lambda pairs: len({label for _, label in pairs}) == 2
    )
)
def test_auroc_is_the_share_of_ordered_pairs(pairs):
    scores = np.array([[score] for score, _ in pairs], dtype=float)
    labels = np.array([[label] for _, label in pairs], dtype=float)
    wins = [
        (positive > negative) + (positive == negative) / 2
        for positive, is_positive in pairs
        if is_positive
        for negative, other in pairs
        if not other
    ]
    table = performance(scores, labels)
    assert table["class"].tolist() == ["0"]
    assert table["auroc"][0] == pytest.approx(np.mean(wins))


def test_no_class_that_can_be_scored():
    means = mean_performance(performance(np.zeros((3, 1)), np.ones((3, 1))))
    assert np.isnan([means["auroc"], means["aupr"]]).all()
    assert means["classes"] == 0


@pytest.mark.parametrize(
    ("predictions", "labels", "names", "message"),
    [
        (np.zeros((3, 2)), np.zeros((3, 1)), None, r"shape \(3, 1\) but .* \(3, 2\)"),
        (np.zeros(3), np.zeros(3), None, "expected the same"),
        (np.zeros((3, 1)), np.full((3, 1), 0.5), None, "label 0.5 of sequence 0, class 0"),
        (np.full((3, 1), NAN), np.zeros((3, 1)), None, "predicts NaN for sequence 0, class 0"),
        (np.zeros((3, 2)), np.zeros((3, 2)), ["a"], "1 class names for 2 classes"),
    ],
)
def test_what_does_not_fit(predictions, labels, names, message):
    with pytest.raises(DataError, match=message):
        performance(predictions, labels, names)
