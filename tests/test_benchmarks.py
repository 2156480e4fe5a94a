"""The benchmark's pieces: its clocks and counts, its comparison with the truth, its tables."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from networks import chain, convolution, model_of, relu, sequence_input, two_layers

import neuroninterp as ni

ROOT = Path(__file__).parents[1]


@pytest.fixture
def bench(monkeypatch):
    """Import a module of the benchmarks, which are run from the root and never installed."""
    monkeypatch.syspath_prepend(str(ROOT))
    return lambda name: importlib.import_module(f"benchmarks.{name}")


@pytest.fixture(scope="module")
def small():
    return model_of(two_layers(np.random.default_rng(2)))


def test_layer_is_measured(bench, small):
    measure = bench("measure")
    cost, samples = measure.measure_layer(small, "small", 2, neurons=3, effort="quick")
    assert [sample.neuron for sample in samples] == [0, 2, 4]
    assert (cost.layer, cost.field, cost.neurons) == (2, 8, 3)
    # Every window that was kept went through the network, and then those of the parts.
    assert cost.evaluations * 3 > sum(len(sample.values) for sample in samples)
    assert 0 < cost.arithmetic <= 1
    assert cost.wall > 0
    assert 0 < cost.sampling < 60
    assert 0.05 < cost.peak < 100
    assert cost.ratios.mixture <= cost.ratios.best <= 1 + 1e-5
    assert cost.ratios.beaten == 0


def test_what_is_exact_in_practice_is_sampled_and_compared(bench, small):
    row = bench("measure").measure_sampler(small, "small", 2, neurons=2)
    assert (row.layer, row.field, row.neurons) == (2, 8, 2)
    assert row.errors.truth == "enumeration"
    assert 0 < row.errors.mean < 0.01
    assert row.errors.missed == 0
    assert row.evaluations > 10_000


def test_errors_are_zero_for_the_truth_and_as_large_as_the_damage(bench, small):
    truth = bench("truth")
    (exact,) = ni.sample(small, 2, [1])
    found = truth.errors(small.trunk(2), [exact])
    assert found.truth == "enumeration"
    assert found.missed == 0
    assert found.worst < 1e-5
    assert found.bits < 1e-5
    ppm = exact.ppm.copy()
    ppm[3] = ppm[3] + [0.1, -0.1, 0, 0]
    damaged = replace(
        exact, ppm=ppm, maximum=0.9 * exact.maximum, log2_level=exact.log2_level - 0.75
    )
    found = truth.errors(small.trunk(2), [exact, damaged])
    assert found.worst == pytest.approx(0.1, abs=1e-5)
    assert found.mean == pytest.approx(0.2 / (2 * 8 * 4), abs=1e-5)
    assert found.bits == pytest.approx(0.75, abs=1e-5)
    assert found.missed == 1


def test_linear_layers_are_recognised(bench, small):
    truth = bench("truth")
    kernel = np.random.default_rng(4).normal(size=(13, 4, 2))
    linear = model_of(
        chain(sequence_input(), convolution("conv", "input", kernel, -3.0), relu("relu", "conv"))
    )
    found = truth.linear_kernel(linear.trunk(1))
    codes = np.random.default_rng(5).integers(0, 4, (20, 13))
    expected = kernel[np.arange(13), codes].sum(axis=1) - 3.0
    assert np.allclose(found[np.arange(13), codes].sum(axis=1), expected, atol=1e-4)
    assert truth.linear_kernel(small.trunk(2)) is None
    (sample,) = ni.sample(linear, 1, [0], effort="quick")
    errors = truth.errors(linear.trunk(1), [sample])
    assert errors.truth == "dynamic programming"
    assert errors.missed == 0
    assert errors.worst < 0.2


def test_batches_are_timed_and_the_trunk_left_as_it_was(bench, small):
    trunk = small.trunk(2)
    usual = trunk.batch_size
    rows = bench("measure").throughput(small, "small", 2, (64, 16))
    assert [row.batch for row in rows] == [16, 64]
    assert all(row.windows > 0 for row in rows)
    assert trunk.batch_size == usual


def test_report_is_printed_kept_and_replaced(bench, tmp_path, monkeypatch):
    from click.testing import CliRunner

    engine = bench("engine")
    results, figures = tmp_path / "benchmarks" / "RESULTS.md", tmp_path / "figures.json"
    results.parent.mkdir()
    monkeypatch.setattr(engine, "ROOT", tmp_path)
    monkeypatch.setattr(engine, "_RESULTS", results)
    arguments = ["--network", "toy-2", "--layer", "1", "--neurons", "2", "--effort", "quick"]
    arguments += ["--no-growth", "--no-sizes", "--in-process", "--device", "cpu"]
    run = CliRunner().invoke(
        engine.main, [*arguments, "--json", str(figures), "--write"], catch_exceptions=False
    )
    assert run.exit_code == 0, run.output
    report = json.loads(figures.read_text())
    (row,) = report["layers"]
    assert (row["network"], row["layer"], row["field"], row["neurons"]) == ("toy-2", 1, 7, 2)
    assert row["errors"]["worst"] < 1e-4
    written = results.read_text()
    assert f"commit {report['environment']['commit']}" in written
    assert bench("tables").render(report) in written

    # The same machine's figures are replaced, another's are kept.
    report["environment"] |= {"device": "NVIDIA H200", "cores": 16}
    figures.write_text(json.dumps(report))
    for _ in range(2):
        again = CliRunner().invoke(
            engine.main, ["--from", str(figures), "--write"], catch_exceptions=False
        )
        assert again.exit_code == 0, again.output
    titles = [line for line in results.read_text().splitlines() if line.startswith("## ")]
    assert len(titles) == 2
    assert titles[1] == f"## NVIDIA H200, 16 cores, {report['environment']['backend']}"


def test_neurons_are_chosen_evenly(bench):
    spread = bench("measure").spread
    assert spread(128, 1) == [0]
    assert spread(9, 3) == [0, 4, 8]
    assert spread(5, None) == spread(5, 16) == [0, 1, 2, 3, 4]


def test_attribution_is_measured_and_written_beside_the_engine(bench, tmp_path, monkeypatch):
    from click.testing import CliRunner

    attribution = bench("attribution")
    results = tmp_path / "RESULTS.md"
    results.write_text("# What the engine costs\n\n## Another machine\n\nits figures\n")
    monkeypatch.setattr(attribution, "_RESULTS", results)
    arguments = ["--sequences", "1", "--network", "cnn-25", "--device", "cpu", "--write"]
    run = CliRunner().invoke(attribution.main, arguments, catch_exceptions=False)
    assert run.exit_code == 0, run.output
    written = results.read_text()
    assert "## Another machine\n\nits figures\n" in written
    row = next(line for line in written.splitlines() if line.startswith("| cnn-25"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1:3] == ["200", "600"]
    assert float(cells[6]) < 1e-5


def test_a_large_run_is_made_up_as_a_real_one_would_be(bench):
    result = bench("large_result").large_result(neurons=7, parts=5, width=30, seed=3)
    again = bench("large_result").large_result(neurons=7, parts=5, width=30, seed=3)
    neurons = [neuron for layer in result.layers for neuron in layer.neurons]
    assert len(neurons) == 7
    for neuron, same in zip(
        neurons, [n for layer in again.layers for n in layer.neurons], strict=True
    ):
        assert len(neuron.parts) == 5
        assert np.isclose(sum(part.share for part in neuron.parts), 1)
        np.testing.assert_array_equal(neuron.parts[4].ppm, same.parts[4].ppm)
        whole, partial = neuron.matches
        assert (whole.whole, partial.whole) == (True, False)
        target = result.targets[whole.target_id].ppm
        target = target if whole.strand == "+" else target[::-1, ::-1]
        np.testing.assert_array_equal(neuron.parts[0].ppm[whole.start : whole.end], target)
        assert {len(top.window) for top in neuron.top_sequences} == {30}


def test_report_of_a_large_run_is_measured(bench, tmp_path, monkeypatch):
    from click.testing import CliRunner

    report = bench("report")
    results = tmp_path / "RESULTS.md"
    monkeypatch.setattr(bench("section"), "_RESULTS", results)
    arguments = ["--size", "6", "3", "30", "--size", "3", "1", "24", "--write"]
    run = CliRunner().invoke(report.main, arguments, catch_exceptions=False)
    assert run.exit_code == 0, run.output
    rows = [line for line in results.read_text().splitlines() if line.startswith("|")][2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    steps = ["write results.h5", "read it", "render report.html"]
    sizes = [["6", "3", "30"], ["3", "1", "24"]]
    assert [row[:4] for row in cells] == [[*size, step] for size in sizes for step in steps]
    assert float(cells[0][5]) > 0
    assert cells[1][5] == ""


def test_large_data_are_made_and_stored(bench, tmp_path):
    steps = bench("large_data_steps")
    steps._make("hdf5", 70, tmp_path)
    stored = steps._store("hdf5", tmp_path)
    assert (len(stored), stored.length, stored.classes) == (70, steps.LENGTH, steps.CLASSES)
    bases = np.bincount(stored.block(0).codes.ravel())
    assert np.abs(bases / bases.sum() - 0.25).max() < 0.01


def test_neurons_of_the_large_benchmark_are_active_on_a_tenth_of_all_windows(bench, tmp_path):
    steps = bench("large_data_steps")
    steps.make_model(tmp_path / "model.keras")
    model = ni.load(tmp_path / "model.keras")
    windows = np.random.default_rng(0).integers(0, 4, (4096, steps.WIDTH), np.uint8)
    assert 0.08 < (model.trunk(1).values(windows) > 0).mean() < 0.12
