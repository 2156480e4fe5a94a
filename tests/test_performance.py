"""Scores against areas counted by hand."""

from __future__ import annotations

import errno
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from neuroninterp.errors import DataError, OutputError
from neuroninterp.performance import (
    SCORES,
    mean_performance,
    model_performance,
    performance,
    spoken,
)
from neuroninterp.ranking import rank
from neuroninterp.sequences import Sequences

NAN = float("nan")
AUTHORS_AREA = 0.432462103574232
"""What the package pyprg 0.1.1b7, by the paper's authors, gives for its own example."""


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
    assert list(table.columns) == ["class", "positives", "negatives", *SCORES]
    assert table["class"].tolist() == ["a", "b", "c", "d"]
    assert table["positives"].tolist() == [2, 2, 0, 2]
    assert table["negatives"].tolist() == [3, 3, 5, 2]
    np.testing.assert_allclose(table["auroc"], [4.5 / 6, 1.0, NAN, 3 / 4])
    np.testing.assert_allclose(table["aupr"], [1 / 2 + 2 / 8, 1.0, NAN, 1 / 2 + 1 / 3])
    # Class a: above 0.5 are one of two positives and one of three negatives. Precision never
    # reaches 0.8 but at the top.
    np.testing.assert_allclose(table["balanced_accuracy"], [7 / 12, 1, NAN, 3 / 4])
    b = -np.log([0.9, 0.8, 1 - 0.3, 1 - 0.2, 1 - 0.1]).mean()
    assert table["loss"][1] == pytest.approx(b)
    assert table["loss"][3] == pytest.approx(-np.log([0.7, 0.5, 0.4, 0.7]).mean())
    for percent in (5, 10, 20):
        np.testing.assert_allclose(table[f"recall_at_{percent}_fdr"], [1 / 2, 1, NAN, 1 / 2])
    means = mean_performance(table)
    assert (means["classes"], means["auroc"]) == (3, pytest.approx((0.75 + 1 + 0.75) / 3))
    assert means["aupr"] == pytest.approx((0.75 + 1 + 5 / 6) / 3)
    assert spoken(means).startswith("auROC 0.833, auPR 0.861, auPRG ")
    assert spoken(means).endswith(
        "balanced accuracy 0.778, recall at 5, 10, 20 % FDR 0.667, 0.667, 0.667"
    )


def test_scores_that_need_probabilities_are_undefined_for_others():
    labels = np.array([[1], [0], [1.0]])
    table = performance(np.array([[1.2], [0.1], [0.5]]), labels)
    assert np.isnan(table["loss"][0])
    assert np.isnan(table["balanced_accuracy"][0])
    assert (table["auroc"][0], table["auprg"][0]) == (1, pytest.approx(1))
    assert "accuracy" not in spoken(mean_performance(table))


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


PAIRS = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=40).filter(
    lambda pairs: len({label for _, label in pairs}) == 2
)


def gains(true, false, positives, negatives):
    """Recall gain and precision gain by the paper's definition, from recall and precision."""
    prevalence = Fraction(positives, positives + negatives)
    recall, precision = Fraction(true) / positives, Fraction(true) / (true + false)
    return tuple((share - prevalence) / ((1 - prevalence) * share) for share in (recall, precision))


def slow_auprg(pairs):
    """Area under the paper's curve in exact fractions, threshold by threshold."""
    positives = sum(label for _, label in pairs)
    negatives = len(pairs) - positives
    prevalence = Fraction(positives, len(pairs))
    area, before = Fraction(0), (Fraction(0), Fraction(0))
    for threshold in sorted({score for score, _ in pairs}, reverse=True):
        found = [label for score, label in pairs if score >= threshold]
        now = Fraction(sum(found)), Fraction(len(found) - sum(found))
        start, least = before, prevalence * positives
        if start[0] < least <= now[0]:
            share = (least - start[0]) / (now[0] - start[0])
            start = least, start[1] + share * (now[1] - start[1])
        if start[0] >= least:
            left, right = (gains(*point, positives, negatives) for point in (start, now))
            area += (right[0] - left[0]) * (left[1] + right[1]) / 2
        before = now
    return float(area)


def ranking_of(pairs):
    scores, labels = (np.array(column) for column in zip(*pairs, strict=True))
    return rank(labels.astype(bool), scores.astype(float))


@given(PAIRS)
def test_precision_recall_gain_area_is_the_papers(pairs):
    assert ranking_of(pairs).precision_recall_gain_area() == pytest.approx(slow_auprg(pairs))


def test_precision_recall_gain_area_in_closed_form():
    # All in order: precision gain 1 throughout. One threshold for all: precision gain 0.
    assert ranking_of([(3, 1), (2, 1), (1, 0)]).precision_recall_gain_area() == pytest.approx(1)
    assert ranking_of([(1, 1), (1, 0), (1, 0)]).precision_recall_gain_area() == pytest.approx(0)
    # All P positives after all N negatives: the curve begins at TP = P P / (P + N), FP = N, with
    # precision gain 1 - (P / N) N (P + N) / P^2 = -N / P, and ends at 0: a triangle.
    pairs = [(9, 0)] * 3 + [(1, 1)] * 4
    assert ranking_of(pairs).precision_recall_gain_area() == pytest.approx(-3 / 4 / 2)
    # 25 predictions in falling order.
    labels = [1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 1]
    example = list(zip(range(25, 0, -1), labels, strict=True))
    assert ranking_of(example).precision_recall_gain_area() == pytest.approx(AUTHORS_AREA)


@settings(deadline=None)  # the first call loads scikit-learn's compiled parts
@given(PAIRS)
def test_ranking_agrees_with_scikit_learn_and_with_a_search(pairs):
    scores, labels = (np.array(column, float) for column in zip(*pairs, strict=True))
    ranking = ranking_of(pairs)
    assert ranking.auroc() == pytest.approx(roc_auc_score(labels, scores))
    assert ranking.average_precision() == pytest.approx(average_precision_score(labels, scores))
    for percent in (5, 10, 20, 50):
        reached = [
            Fraction(int(labels[scores >= t].sum()), int(labels.sum()))
            for t in scores
            if 100 * Fraction(int(labels[scores >= t].sum()), int((scores >= t).sum()))
            >= 100 - percent
        ]
        assert ranking.recall_at_fdr(percent) == pytest.approx(float(max(reached, default=0)))


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


class Counted:
    """A model whose predictions follow from the bases."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.asked = []

    def predict(self, codes):
        self.asked.append(len(codes))
        shares = [(codes == base).mean(axis=1) for base in range(3)]
        return np.stack(shares, axis=1).astype(self.dtype)[:, :, None]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_are_scored_as_all_at_once(monkeypatch, tmp_path, dtype):
    monkeypatch.setattr("neuroninterp.sequences.dataset._BLOCK_SEQUENCES", 40)
    rng = np.random.default_rng(4)
    codes = rng.integers(0, 4, (150, 12), np.uint8)
    labels = rng.choice([0.0, 1.0, NAN], (150, 3)).astype(np.float32)
    data = Sequences(codes, labels, ("a", "b", "c"), None, "file")
    model, done = Counted(dtype), []
    found = model_performance(model, data, folder=tmp_path, advance=done.append)
    whole = performance(Counted(dtype).predict(codes)[:, :, 0], labels, ["a", "b", "c"])
    pd.testing.assert_frame_equal(found, whole, check_exact=True)
    assert model.asked == done == [40, 40, 40, 30]
    assert not list(tmp_path.iterdir())
    labels[130, 2] = 0.5
    with pytest.raises(DataError, match=r"label 0\.5 of sequence 130, class 2"):
        model_performance(model, data, folder=tmp_path)


def test_no_room_for_predictions(monkeypatch):
    class Full:
        def seek(self, place): ...

        def write(self, content):
            raise OSError(errno.ENOSPC, "No space left on device")

        def __enter__(self):
            return self

        def __exit__(self, *_): ...

    monkeypatch.setattr("neuroninterp.performance.tempfile.TemporaryFile", lambda dir: Full())
    codes, labels = np.zeros((5, 3), np.uint8), np.zeros((5, 3), np.float32)
    with pytest.raises(OutputError, match=r"5 sequences cannot be kept \(No space left"):
        model_performance(Counted(np.float32), Sequences(codes, labels, None, None, "file"))
