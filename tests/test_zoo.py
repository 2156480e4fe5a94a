"""The zoo's table, its synthetic data, its commands and the networks it ships."""

from __future__ import annotations

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

import zoo
from neuroninterp.backend import import_keras
from neuroninterp.errors import DataError, ModelError, OutputError, UnknownNameError
from neuroninterp.motifs import load_database
from neuroninterp.sequences.coding import one_hot
from zoo.architectures.koo_eddy import PROTOCOLS, VARIANTS, Block, Variant, build
from zoo.cli import zoo as command
from zoo.data import read_part, read_training_data
from zoo.simulations.files import write_koo_eddy
from zoo.simulations.koo_eddy import (
    CLASS_NAMES,
    MOTIF_IDS,
    SITE_PROBABILITIES,
    motif_probabilities,
    relevant_motifs,
    simulate,
)
from zoo.tables.paper import paper_row

AS_ONNX = ("cnn-1", "cnn-2", "cnn-25")
"""Shipped in both formats."""
OTHERS = ("toy-2", "sequence-dnn-3")
"""Shipped, and not of Koo & Eddy."""


@pytest.fixture(scope="module")
def simulation():
    return simulate(6000, np.random.default_rng(7))


# --- architectures ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", VARIANTS)
def test_closed_forms_agree_with_keras(name):
    row = VARIANTS[name]
    model = build(name, seed=0)
    assert row.parameter_count() == model.count_params()
    assert model.input_shape == (None, 200, 4)
    assert model.output_shape == (None, 12)
    assert model.get_layer("flatten").output.shape[1] == row.features()
    # "The product of the two max-pooling window sizes is equal to 100", but for the strided one.
    if name != "cnn-50-2":
        assert np.prod([block.pool for block in row.blocks]) == 100


def test_closed_forms_hold_for_any_length_and_number_of_classes():
    row = Variant("odd", (Block(3, 4, 7, 3), Block(5, 6, 2, 2, padding="valid")), units=9)
    for length in (41, 60, 83):
        model = build(row, length=length, classes=2, seed=0)
        assert row.parameter_count(length=length, classes=2) == model.count_params()


def test_structure_is_the_papers():
    model = build("cnn-50-2", seed=0)
    # "The length of the feature maps after the first layer are half of the input sequence."
    assert model.get_layer("pool_1").output.shape == (None, 100, 30)
    assert model.get_layer("pool_2").output.shape == (None, 2, 64)
    kinds = [type(layer).__name__ for layer in build("cnn-1", seed=0).layers]
    block = ["Conv1D", "BatchNormalization", "ReLU"]
    assert kinds == [
        "InputLayer",
        *(*block, "Dropout"),
        *(*block, "MaxPooling1D", "Dropout"),
        *("Flatten", "Dense", "BatchNormalization", "ReLU", "Dropout", "Dense"),
    ]
    biased = [layer.name for layer in model.layers if getattr(layer, "use_bias", False)]
    assert biased == ["output"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_protocols_differ_in_what_they_say(protocol):
    model = build("cnn-25", protocol=protocol, seed=3)
    optimizer = model.optimizer
    found = float(optimizer.learning_rate.numpy()), optimizer.beta_1
    kernel = model.get_layer("dense").kernel.numpy()
    # Variance of the weights: 2 / (fan in + fan out) by Glorot, 2 / fan in by He.
    fan_in, fan_out = kernel.shape
    if protocol == "released":
        assert found == (pytest.approx(1e-3), 0.95)
        expected = 2 / (fan_in + fan_out)
        assert np.abs(kernel).max() <= np.sqrt(3 * expected)
    else:
        assert found == (pytest.approx(3e-4), 0.9)
        expected = 2 / fan_in
    assert kernel.var() == pytest.approx(expected, rel=0.03)


def test_text_describes_one_network_otherwise():
    # "Both networks have the same number of parameters."
    text = zoo.network("cnn-50-2", "text").parameter_count()
    assert text == zoo.network("cnn-2").parameter_count()
    assert build("cnn-50-2", protocol="text", seed=0).count_params() == text
    assert [name for name in VARIANTS if zoo.network(name, "text") != zoo.network(name)] == [
        "cnn-50-2"
    ]
    assert (PROTOCOLS["released"].patience, PROTOCOLS["text"].patience) == (20, None)


def test_seed_fixes_the_initial_weights():
    first, again, other = (build("cnn3-2", seed=seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_wrong_names_and_lengths_are_told():
    with pytest.raises(UnknownNameError, match=r"unknown zoo model 'cnn-3'; valid: cnn-1, cnn-2"):
        build("cnn-3")
    with pytest.raises(UnknownNameError, match=r"'paper'; valid: released, text"):
        build("cnn-2", protocol="paper")
    with pytest.raises(DataError, match="pools 60 bp to nothing"):
        build("cnn-25", length=60)


# --- simulation ------------------------------------------------------------------------------


def test_labels_say_which_factors_have_a_site(simulation):
    for label in range(12):
        planted = np.isin(simulation.profiles, (2 * label, 2 * label + 1)).any(axis=1)
        assert np.array_equal(planted, simulation.labels[:, label] == 1)


def test_sites_lie_inside_and_never_overlap(simulation):
    widths = np.array([len(ppm) for ppm in motif_probabilities()])
    occupied = np.zeros((len(simulation), 200), dtype=int)
    for slot in range(5):
        rows = np.nonzero(simulation.profiles[:, slot] >= 0)[0]
        for row in rows:
            start = simulation.starts[row, slot]
            end = start + widths[simulation.profiles[row, slot]]
            assert 0 <= start < end <= 200
            occupied[row, start:end] += 1
    assert occupied.max() == 1
    assert np.array_equal(simulation.starts < 0, simulation.profiles < 0)


def test_the_texts_buffer_keeps_sites_apart(simulation):
    def gaps(simulated):
        widths = np.array([0, *map(len, motif_probabilities())])[simulated.profiles + 1]
        ends = np.maximum.accumulate(np.where(widths > 0, simulated.starts + widths, 0), axis=1)
        before = np.concatenate([np.zeros((len(ends), 1), int), ends[:, :-1]], axis=1)
        between = (simulated.starts - before)[widths > 0]
        return np.concatenate([between, 200 - ends[:, -1]])

    assert gaps(simulation).min() == 0
    buffered = simulate(6000, np.random.default_rng(7), buffer=1)
    assert gaps(buffered).min() == 1
    # The gaps are drawn as before, but for the buffer.
    assert abs(gaps(buffered).mean() - gaps(simulation).mean()) < 0.5


def test_numbers_of_sites_and_profiles_follow_the_released_distribution(simulation):
    sites = (simulation.profiles >= 0).sum(axis=1)
    observed = np.bincount(sites, minlength=6)[1:]
    expected = np.array(SITE_PROBABILITIES) * len(simulation)
    assert observed.sum() == len(simulation)
    assert stats.chisquare(observed, expected).pvalue > 0.001
    used = np.bincount(simulation.profiles[simulation.profiles >= 0], minlength=24)
    assert stats.chisquare(used).pvalue > 0.001


def test_single_sites_are_uniform_along_the_sequence(simulation):
    single = (simulation.profiles >= 0).sum(axis=1) == 1
    widths = np.array([len(ppm) for ppm in motif_probabilities()])[simulation.profiles[single, 0]]
    # Two shares u / (u + v) of the free length: their ratio has this distribution function.
    free = 200 - widths
    share = (simulation.starts[single, 0] + 0.5) / (free + 1)
    distribution = np.where(share < 0.5, share / (2 * (1 - share)), 1 - (1 - share) / (2 * share))
    assert stats.kstest(distribution, "uniform").pvalue > 0.001


def test_bases_are_drawn_from_the_ground_truth_model(simulation):
    model, one_hot = simulation.model(), simulation.one_hot()
    assert np.allclose(model.sum(axis=1), 1, atol=1e-6)
    assert np.array_equal(one_hot.sum(axis=1), np.ones((6000, 200)))
    drawn = (model * one_hot).sum(axis=1)
    assert drawn.min() > 0
    certain = model.max(axis=1) == 1
    assert certain.sum() > 10_000
    assert (drawn[certain] == 1).all()
    background = (model == 0.25).all(axis=1)
    assert stats.chisquare(np.bincount(simulation.codes[background])).pvalue > 0.001
    for profile, ppm in enumerate(motif_probabilities()):
        rows, slots = np.nonzero(simulation.profiles == profile)
        positions = simulation.starts[rows, slots][:, None] + np.arange(len(ppm))
        bases = simulation.codes[rows[:, None], positions]
        frequencies = (bases[:, :, None] == np.arange(4)).mean(axis=0)
        # Five standard errors of the noisiest entry.
        assert np.abs(frequencies - ppm).max() < 5 * np.sqrt(0.25 / len(rows))


def test_profiles_are_the_known_motifs():
    consensus = ["".join("ACGT"[k] for k in ppm.argmax(axis=1)) for ppm in motif_probabilities()]
    cores = {"MAX": "CACGTG", "FOSL1": "TGA", "Gabpa": "CCGGAAGTG", "SP1": "CCGCCC"}
    cores |= {"Arid3a": "ATTAAA", "YY1": "ATGG", "STAT1": "TTCC", "NFYB": "CCAAT"}
    cores |= {"SRF": "CC", "MEF2A": "CTA", "CEBPB": "TTGC", "MAFK": "TGCTGA"}
    complement = str.maketrans("ACGT", "TGCA")
    assert set(cores) == set(CLASS_NAMES)
    for label, name in enumerate(CLASS_NAMES):
        forward, reverse = consensus[2 * label : 2 * label + 2]
        assert reverse == forward[::-1].translate(complement)
        assert cores[name] in forward or cores[name] in reverse


def test_relevant_motifs_cover_the_planted_ones_and_the_papers_database():
    assert set(MOTIF_IDS.values()) <= set(relevant_motifs())
    database = load_database("JASPAR2016")
    present = set(database.ids) & set(relevant_motifs())
    assert len(database) == 519
    assert len(present) == 16


def test_simulation_is_reproducible_and_seeded(simulation):
    again = simulate(6000, np.random.default_rng(7))
    assert np.array_equal(again.codes, simulation.codes)
    assert np.array_equal(again.labels, simulation.labels)
    other = simulate(6000, np.random.default_rng(8))
    # Unrelated sequences agree in a quarter of their background bases.
    assert (other.codes == simulation.codes).mean() < 0.3


def test_files_have_the_released_layout_and_parts_do_not_depend_on_the_choice(tmp_path):
    sizes = write_koo_eddy(tmp_path / "all.h5", n=200, seed=5)
    assert sizes == {"train": 140, "valid": 20, "test": 40}
    write_koo_eddy(tmp_path / "test.h5", n=200, seed=5, splits=["test"], limit=9, models=False)
    with h5py.File(tmp_path / "all.h5") as whole, h5py.File(tmp_path / "test.h5") as part:
        assert {f"{kind}_{name}" for kind in ("X", "Y", "model") for name in sizes} < set(whole)
        assert whole["X_train"].shape == whole["model_train"].shape == (140, 4, 200)
        assert whole["X_train"].dtype == np.uint8
        assert set(part) == {"X_test", "Y_test", "class_names"}
        assert np.array_equal(part["X_test"][()], whole["X_test"][:9])
        assert np.array_equal(part["Y_test"][()], whole["Y_test"][:9])
        assert tuple(part["class_names"].asstr()[()]) == CLASS_NAMES
        x_all = np.concatenate([whole[f"X_{name}"][()] for name in sizes])
    truth = simulate(200, np.random.default_rng(5))
    assert np.array_equal(x_all, truth.one_hot())
    read = read_training_data(tmp_path / "all.h5")
    assert np.array_equal(read.train.inputs[3].argmax(axis=1), truth.codes[3])


def test_bad_data_and_outputs_are_told(tmp_path):
    path = tmp_path / "data.h5"
    with pytest.raises(DataError, match="no such file"):
        read_training_data(path)
    path.write_text("not HDF5")
    with pytest.raises(DataError, match="is not an HDF5 file"):
        read_training_data(path)
    with pytest.raises(OutputError, match="exists"):
        write_koo_eddy(path, n=20)
    with pytest.raises(UnknownNameError, match="valid: train, valid, test"):
        write_koo_eddy(path, n=20, splits=["tests"], force=True)
    assert path.read_text() == "not HDF5"
    write_koo_eddy(path, n=20, force=True, models=False)
    with h5py.File(path, "a") as file:
        file["X_test"][0, :, 5] = 1
    with pytest.raises(DataError, match="X_test is data that is not one-hot"):
        read_training_data(path)
    with h5py.File(path, "a") as file:
        del file["Y_valid"]
    with pytest.raises(DataError, match="has no key 'Y_valid'; found: X_test, X_train"):
        read_training_data(path)
    with pytest.raises(DataError, match="at least 80"):
        simulate(3, np.random.default_rng(0), length=79)


# --- commands --------------------------------------------------------------------------------


def test_list_is_light_and_complete():
    code = (
        "import sys\nfrom zoo.cli import zoo\n"
        "zoo(['list', '--json'], standalone_mode=False)\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'pandas', 'h5py'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert [row["name"] for row in rows] == list(zoo.names())
    assert len(rows) == 25
    assert {row["name"] for row in rows if row["shipped"]} == {*VARIANTS, *OTHERS}


def test_list_shows_every_network_on_one_line_of_80_columns():
    lines = CliRunner().invoke(command, ["list"]).output.splitlines()
    for row in map(zoo.network, zoo.names()):
        (line,) = [line for line in lines if line.split()[:1] == [row.name]]
        assert f"{row.parameter_count():,}" in line
        assert len(line) <= 80


def test_commands_simulate_and_refuse_unknown_names(tmp_path):
    path = tmp_path / "small.h5"
    arguments = ["simulate", "-o", str(path), "--n", "50", "--split", "test", "--limit", "4"]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0
    assert "4 test sequences" in done.output
    assert read_part(path, "test").inputs.shape == (4, 200, 4)
    arguments = ["train", "cnn-7", "--data", str(path), "-o", str(tmp_path / "out")]
    error = CliRunner().invoke(command, arguments).exception
    assert isinstance(error, UnknownNameError)
    assert "cnn-1-1-100" in str(error)
    assert not (tmp_path / "out").exists()


# --- shipped networks ------------------------------------------------------------------------


def mann_whitney_auroc(values, labels):
    """Share of (positive, negative) pairs in the right order, ties counting half."""
    ranks = stats.rankdata(values)
    positives = int(labels.sum())
    rank_sum = ranks[labels == 1].sum() - positives * (positives + 1) / 2
    return rank_sum / (positives * (len(labels) - positives))


def run_onnx(path, inputs):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: inputs})[0]


def test_test_set_is_what_the_command_makes():
    simulated = simulate(25_000, np.random.default_rng(0))[20_000:]
    with h5py.File(zoo.test_data_path()) as file:
        assert np.array_equal(file["X_test"][()], simulated.one_hot())
        assert np.array_equal(file["Y_test"][()], simulated.labels)
        assert tuple(file["class_names"].asstr()[()]) == CLASS_NAMES


@pytest.mark.parametrize("name", AS_ONNX)
def test_shipped_network_scores_as_recorded(name):
    test, record = read_part(zoo.test_data_path(), "test"), zoo.read_record(name)
    predictions = run_onnx(zoo.weights_path(name, "onnx"), test.inputs)
    scores = [mann_whitney_auroc(predictions[:, k], test.labels[:, k]) for k in range(12)]
    recorded = record["test"]
    assert np.mean(scores) == pytest.approx(recorded["auroc"], abs=1e-4)
    assert scores == pytest.approx([row["auroc"] for row in recorded["classes"]], abs=1e-4)
    assert recorded["sequences"] == len(test)
    some = test.inputs[:200]
    assert np.abs(zoo.load(name).predict(some, verbose=0) - predictions[:200]).max() < 1e-5
    assert zoo.weights_path(name, "onnx").stat().st_size < 1_000_000


@pytest.mark.parametrize("name", VARIANTS)
def test_every_network_ships_trained(name):
    test, record = read_part(zoo.test_data_path(), "test"), zoo.read_record(name)
    model = zoo.load(name)
    predictions = model.predict(one_hot(test.codes[:1000]), verbose=0)
    scores = [mann_whitney_auroc(predictions[:, k], test.labels[:1000, k]) for k in range(12)]
    assert np.mean(scores) == pytest.approx(record["test"]["auroc"], abs=0.02)
    paper = paper_row(1, name, 1).auroc
    if paper is not None:
        within = 0.05 if name == "cnn3-50" else 0.02
        assert record["test"]["auroc"] == pytest.approx(paper.mean, abs=within)
    assert record["parameters"] == VARIANTS[name].parameter_count() == model.count_params()
    assert [layer.name for layer in model.layers] == [layer.name for layer in build(name).layers]
    assert zoo.weights_path(name).stat().st_size < 1_000_000


def test_readme_of_the_weights_quotes_the_records():
    text = (zoo.test_data_path().parent / "README.md").read_text()
    for name in VARIANTS:
        record, paper = zoo.read_record(name), paper_row(1, name, 1).auroc
        epochs, scores = len(record["history"]["loss"]), record["test"]
        row = f"| {name} | {epochs} ({record['best_epoch']}) | {scores['auroc']:.3f} "
        row += f"| {scores['aupr']:.3f} | {'-' if paper is None else f'{paper.mean:.3f}'} |"
        assert row in text
        assert record["seed"] == 1
        assert record["command"].startswith(f"neuroninterp zoo train {name} --data koo_eddy.h5")


def test_unshipped_weights_are_told():
    assert zoo.shipped() == (*VARIANTS, *OTHERS)
    with pytest.raises(
        ModelError, match=r"'bd-10' are not shipped .those of cnn-1, .*toy-2, .* are"
    ):
        zoo.load("bd-10")
    with pytest.raises(ModelError, match=r"'cnn-4' is not shipped as onnx; use its \.keras file"):
        zoo.weights_path("cnn-4", "onnx")
    with pytest.raises(UnknownNameError, match="valid: keras, onnx, json"):
        zoo.weights_path("cnn-25", "h5")
    assert import_keras().backend.backend() in ("tensorflow", "jax")
