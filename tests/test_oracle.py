"""The oracles agree with each other, and planted networks hold what was planted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from oracle import (
    LEVELS,
    Planted,
    alternatives,
    both_strands,
    enumerate_exactly,
    gapped_motif,
    label_windows,
    linear,
    one_motif,
    truth,
    two_motifs,
    windows_of,
)
from truth import activation_weighted, every_window

DESIGNS = {
    "one motif": lambda: one_motif(0, depth=4, width=10),
    "five layers": lambda: one_motif(1, depth=5, width=12, count=2),
    "wide kernels": lambda: one_motif(2, depth=3, reach=3),
    "pool of 3": lambda: one_motif(0, pool="wide", width=10),
    "overlapping pool": lambda: one_motif(0, pool="overlapping", width=10),
    "strided": lambda: one_motif(0, pool="strided"),
    "two motifs": lambda: two_motifs(0),
    "alternatives": lambda: alternatives(0),
    "both strands": lambda: both_strands(0),
    "gapped": lambda: gapped_motif(0),
}
"""Every design whose pools are maxima; the first neuron of the top layer is looked at."""

SHIFTS = {
    "one motif": range(8),
    "five layers": range(16),
    "wide kernels": range(4),
    # Pool 3 after layer 1 and 2 (steps of 3 bp) after layer 2.
    "pool of 3": range(6),
    # Offsets 0 to 2, then 0 or 2: 2 bp can be reached in two ways, which are one.
    "overlapping pool": range(5),
    # Only the pool after layer 2 hides anything: one step of the stride.
    "strided": (0, 2),
    "gapped": range(0, 4),
}


@pytest.fixture(scope="module", params=DESIGNS)
def design(request: pytest.FixtureRequest) -> tuple[str, Planted]:
    return request.param, DESIGNS[request.param]()


def starts(planted: Planted, motif: str) -> list[int]:
    """Where a motif starts in the arrangements of the top layer's first neuron."""
    layer, neuron = planted.top[:2]
    return [dict(a.placements)[motif] for a in planted.neurons[layer, neuron]]


# --- Truths against each other ----------------------------------------------------------


def test_enumeration_is_the_definition_spoken_slowly() -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(4**6, 2)).astype(np.float32)
    powers = 4 ** np.arange(5, -1, -1)
    found = enumerate_exactly(lambda w: table[w @ powers], 6, [1, 0], [0.3, -0.2])
    windows = every_window(6)
    assert np.array_equal(windows, windows_of(np.arange(4**6), 6))
    for exact, column, threshold in zip(found, (1, 0), (0.3, -0.2), strict=True):
        z = table[:, column].astype(np.float64)
        np.testing.assert_allclose(exact.ppm, activation_weighted(windows, z, threshold))
        assert exact.maximum == z.max()
        assert np.array_equal(exact.best_window, windows[z.argmax()])
        edges = np.linspace(threshold, z.max(), LEVELS + 1)[:-1]
        np.testing.assert_allclose(exact.log2_level, np.log2([(z > e).mean() for e in edges]))


def test_dynamic_programming_agrees_with_enumeration() -> None:
    """Real weights on a grid: what the rounding moves across a level's edge is all that differs."""
    kernel = np.random.default_rng(1).normal(size=(9, 4))
    threshold = 1.5
    exact = enumerate_exactly(
        lambda w: kernel[np.arange(9), w].sum(axis=1)[:, None] + 0.25, 9, [0], [threshold]
    )[0]
    found = linear(kernel, 0.25, threshold)
    np.testing.assert_allclose(found.ppm, exact.ppm, atol=1e-3)
    assert found.maximum == pytest.approx(exact.maximum, abs=1e-3)
    # The top level holds few windows, so that one of them more or less is seen.
    np.testing.assert_allclose(found.log2_level[:18], exact.log2_level[:18], atol=0.02)


def test_dynamic_programming_in_closed_form() -> None:
    """Matches of 40 positions: binomial probabilities, and the top level is one window."""
    from math import comb

    kernel = np.zeros((40, 4))
    kernel[np.arange(40), np.arange(40) % 4] = 1.0
    found = linear(kernel, threshold=20.0, steps=40)
    assert found.maximum == 40.0
    # Levels are one match wide: above 20 + b are 21 + b matches and more.
    expected = [
        np.log2(sum(comb(40, n) * 3.0 ** (40 - n) for n in range(21 + b, 41))) - 80
        for b in range(LEVELS)
    ]
    np.testing.assert_allclose(found.log2_level, expected, rtol=1e-9)
    # Level b has 21 + b matches spread evenly, weighs b + 1.
    weights = np.arange(1, LEVELS + 1)
    share = (weights * (20 + weights) / 40).sum() / weights.sum()
    np.testing.assert_allclose(found.ppm[np.arange(40), np.arange(40) % 4], share, rtol=1e-9)


@pytest.mark.parametrize("pool", ["max", "overlapping"])
def test_importance_sampling_agrees_with_enumeration(pool: str) -> None:
    """A whole second layer, 9 or 10 bp: the windows that hide a shift, and how many."""
    planted = one_motif(3, depth=2, pool=pool, count=2)
    for neuron in (0, 1):
        exact = truth(planted, 2, neuron)
        drawn = truth(planted, 2, neuron, enumerated=0, windows=50_000)
        assert exact.ppm_error == exact.share_error == 0.0
        assert 0.0 < drawn.ppm_error < 0.01
        assert drawn.effective_size > 5_000
        assert drawn.maximum == exact.maximum
        assert np.abs(drawn.ppm - exact.ppm).max() < 5 * drawn.ppm_error
        assert np.abs(drawn.shares - exact.shares).max() < 5 * drawn.share_error
        assert np.abs(drawn.ppms - exact.ppms).max() < 0.03
        assert drawn.maxima == pytest.approx(exact.maxima)
        assert drawn.stray == pytest.approx(exact.stray, abs=0.01)
        lower = slice(0, LEVELS // 2)
        assert np.abs(drawn.log2_level - exact.log2_level)[lower].max() < 5 * drawn.log2_error


def test_first_layer_is_its_piece() -> None:
    planted = gapped_motif(1)
    for neuron in (0, 1):
        found = truth(planted, 1, neuron)
        (arrangement,) = planted.neurons[1, neuron]
        alone = arrangement.expected()
        np.testing.assert_allclose(found.ppm, alone.ppm, atol=2e-3)
        np.testing.assert_allclose(found.log2_level[:15], alone.log2_level[:15], atol=0.05)
        assert found.shares.tolist() == [1.0]


# --- Planted networks -------------------------------------------------------------------


def test_fields_are_the_trunks(design: tuple[str, Planted]) -> None:
    planted = design[1]
    for (layer, _), arrangements in planted.neurons.items():
        field = planted.model.trunk(layer).receptive_field
        assert {a.weights.shape for a in arrangements} == {(field, 4)}


def test_every_arrangement_is_what_the_network_computes(design: tuple[str, Planted]) -> None:
    """Consensus windows of every neuron, with any bases in between, have the value foretold."""
    planted = design[1]
    rng = np.random.default_rng(0)
    for (layer, neuron), arrangements in planted.neurons.items():
        windows = np.stack([a.window for a in arrangements])
        free = np.stack([~a.weights.any(axis=1) for a in arrangements])
        windows[free] = rng.integers(4, size=int(free.sum()))
        values = planted.model.trunk(layer).values(windows)[:, neuron]
        maxima = np.array([a.maximum for a in arrangements])
        np.testing.assert_allclose(values, maxima, atol=1e-5)
        assert maxima.max() == pytest.approx(1.0, abs=1e-5)
        assert np.array_equal(label_windows(arrangements, windows)[0], np.arange(len(windows)))


def test_shifts_are_as_declared(design: tuple[str, Planted]) -> None:
    name, planted = design
    layer, neuron = planted.top[:2]
    arrangements = planted.neurons[layer, neuron]
    if name in SHIFTS:
        assert [a.shift for a in arrangements] == list(SHIFTS[name])
        assert np.diff(starts(planted, "A")).tolist() == np.diff(list(SHIFTS[name])).tolist()
    elif name == "two motifs":
        pairs = zip(starts(planted, "A"), starts(planted, "B"), strict=True)
        assert set(pairs) == {(a, 12 + b) for a in range(4) for b in range(4)}
    else:
        placed = sorted(a.placements for a in arrangements)
        names = [motif.name for motif in planted.motifs]
        assert placed == sorted(((n, s),) for n in names for s in range(8))


def test_truth_is_precise_and_holds_what_was_planted(design: tuple[str, Planted]) -> None:
    planted = design[1]
    layer, neuron = planted.top[:2]
    arrangements = planted.neurons[layer, neuron]
    found = truth(planted, layer, neuron, windows=20_000)
    assert found.ppm_error < 0.01
    assert found.share_error < 0.01
    assert found.shares.sum() == pytest.approx(1.0)
    assert found.shares.min() > 0.3 / len(arrangements)
    assert found.stray < 0.02
    assert found.maximum == pytest.approx(1.0, abs=1e-5)
    assert found.maxima == pytest.approx([a.maximum for a in arrangements], abs=0.1)
    mixture = np.einsum("a,alc->lc", found.shares, found.ppms)
    np.testing.assert_allclose(mixture, found.ppm, atol=1e-9)
    for arrangement, ppm in zip(arrangements, found.ppms, strict=True):
        columns = slice(arrangement.start, arrangement.end)
        alone = arrangement.expected().ppm[columns] - 0.25
        assert np.corrcoef(alone.ravel(), (ppm[columns] - 0.25).ravel())[0, 1] > 0.98


def test_an_average_pool_adds_little_of_the_other_offsets() -> None:
    planted = one_motif(0, pool="average")
    layer, neuron = planted.top
    arrangements = planted.neurons[layer, neuron]
    assert [a.shift for a in arrangements] == [0, 1, 2, 3]
    found = truth(planted, layer, neuron, windows=20_000)
    assert found.stray < 0.02
    assert 1.0 <= found.maximum + 1e-5 < 1.1
    assert found.shares == pytest.approx([0.25] * 4, abs=0.03)


def test_the_weaker_alternative_is_the_weaker() -> None:
    planted = alternatives(0, depth=3)
    layer, neuron = planted.top
    found = truth(planted, layer, neuron, windows=20_000)
    weak = np.array([a.placements[0][0] == "B" for a in planted.neurons[layer, neuron]])
    # 0.8 of the strong one, after a cut of 0.1: (0.8 - 0.1) / 0.9.
    assert found.maxima[weak].max() == pytest.approx(0.7 / 0.9, abs=0.05)
    assert found.shares[weak].sum() < found.shares[~weak].sum()


def test_both_strands_are_each_others_mirror() -> None:
    """Exactly: the reverse complement of a window has the same value in another arrangement."""
    planted = both_strands(0)
    layer, neuron = planted.top
    windows = np.stack([a.window for a in planted.neurons[layer, neuron]])
    values = planted.model.trunk(layer).values(np.concatenate([windows, 3 - windows[:, ::-1]]))
    np.testing.assert_allclose(values[:, neuron], 1.0, atol=1e-5)


def test_columns_differ_in_information() -> None:
    ppm = one_motif(0, depth=2, width=12).neurons[2, 0][0].expected().ppm[:12]
    information = 2 + (ppm * np.log2(np.maximum(ppm, 1e-12))).sum(axis=1)
    assert information.max() > 1.7
    assert information.min() < 1.2


def test_benchmarks_import_it_from_the_root() -> None:
    root = Path(__file__).parents[1]
    code = "from tests.oracle import one_motif; print(one_motif(0).top)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "(3, 0)", done.stderr
