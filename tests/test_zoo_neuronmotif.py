"""NeuronMotif's networks as its sources describe them, and the second toy's data and network."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

import neuroninterp as ni
import zoo
from neuroninterp.errors import DataError, NeuroninterpError, UnknownNameError
from neuroninterp.inspection import describe
from neuroninterp.motifs.information import information_content
from neuroninterp.sequences import Sequences
from zoo.architectures.neuronmotif import NETWORKS, PROTOCOLS, network
from zoo.cli import zoo as command
from zoo.records import read_record
from zoo.simulations.neuronmotif import (
    FIRST_STARTS,
    SECOND_STARTS,
    motif_counts,
    simulate_toy_1,
    simulate_toy_2,
    zeb1_counts,
)

WIDTH = 19


@pytest.fixture(scope="module")
def simulation():
    return simulate_toy_2(8000, np.random.default_rng(3))


@pytest.fixture(scope="module")
def random_bd_10(tmp_path_factory):
    path = tmp_path_factory.mktemp("random") / "bd-10.keras"
    zoo.random_network("bd-10", length=160, protocol="repository", seed=4).save(path)
    return ni.load(path, device="cpu")


# --- data ------------------------------------------------------------------------------------


def test_profile_is_ctcf_as_the_released_code_plants_it():
    consensus = "".join("ACGT"[k] for k in motif_counts().argmax(axis=1))
    # JASPAR's own is TGGCCACCAGGGGGCGCTA.
    assert consensus == "TAGCGCCCCCTGGTGGCCA"


def test_starts_are_where_each_label_has_them(simulation):
    positive = simulation.labels[:, 0] == 1
    outer, other = simulation.starts.T
    assert positive.sum() == 4000
    late = ~positive & (outer >= 46)
    assert late.sum() == 2000
    for starts, first, last in (
        (outer[positive], 0, 15),
        (other[positive], 44, 59),
        (outer[~positive & ~late], 0, 15),
        (outer[late], 46, 61),
        (other[~positive], 17, 44),
    ):
        assert (starts.min(), starts.max()) == (first, last)
        assert stats.chisquare(np.bincount(starts - first)).pvalue > 0.001
    # The two sites of a positive shift on their own.
    table = np.zeros((16, 16))
    np.add.at(table, (outer[positive], other[positive] - 44), 1)
    assert stats.chi2_contingency(table).pvalue > 0.001


def test_labels_come_in_random_order(simulation):
    labels = simulation.labels[:, 0].astype(float)
    assert abs(labels[:4000].mean() - 0.5) < 0.03
    assert abs(np.corrcoef(labels[1:], labels[:-1])[0, 1]) < 0.05


def test_bases_are_drawn_from_the_profile_and_the_background(simulation):
    counts = motif_counts()
    profile = counts / counts.sum(axis=1, keepdims=True)
    outer, other = simulation.starts.T
    apart = np.abs(outer - other) >= WIDTH
    covered = np.zeros(simulation.codes.shape, bool)
    # The second site lies above the first, so the first is whole only where they are apart.
    for rows, starts in ((np.flatnonzero(apart), outer[apart]), (np.arange(8000), other)):
        positions = starts[:, None] + np.arange(WIDTH)
        covered[rows[:, None], positions] = True
        bases = simulation.codes[rows[:, None], positions]
        frequencies = (bases[:, :, None] == np.arange(4)).mean(axis=0)
        assert np.abs(frequencies - profile).max() < 5 * np.sqrt(0.25 / len(rows))
    background = simulation.codes[apart][~covered[apart]]
    assert stats.chisquare(np.bincount(background)).pvalue > 0.001
    model = simulation.model().transpose(0, 2, 1)
    assert np.array_equal((model != 0.25).any(axis=2)[apart], covered[apart])
    assert np.allclose(model[0, other[0] : other[0] + WIDTH], profile, atol=1e-6)


def test_first_toy_has_both_versions_of_zeb1_and_random_8_mers():
    # The released counts, as they are there: the other strand.
    released = "3211 4685 114 19905 32 193 4 441 1982"
    stored = [counts[::-1, ::-1] for counts in zeb1_counts()]
    for first, counts in enumerate(stored):
        row = [int(number) for number in released.split()][first : first + 8]
        assert counts[:, 0].tolist() == row
    simulation = simulate_toy_1(8000, np.random.default_rng(2))
    assert np.bincount(simulation.versions + 1).tolist() == [4000, 2000, 2000]
    assert np.array_equal(simulation.labels[:, 0] == 1, simulation.versions >= 0)
    for version, counts in enumerate(zeb1_counts()):
        rows = simulation.versions == version
        profile = counts / counts.sum(axis=1, keepdims=True)
        frequencies = (simulation.codes[rows][:, :, None] == np.arange(4)).mean(axis=0)
        assert np.abs(frequencies - profile).max() < 5 * np.sqrt(0.25 / 2000)
        assert "".join("ACGT"[k] for k in profile.argmax(axis=1))[version : version + 6] == "CAGGTG"
        assert np.allclose(simulation.model()[rows], profile.T, atol=1e-6)
    background = simulation.versions < 0
    assert stats.chisquare(np.bincount(simulation.codes[background].ravel())).pvalue > 0.001
    assert (simulation.model()[background] == 0.25).all()
    # In random order.
    labels = simulation.labels[:, 0].astype(float)
    assert abs(np.corrcoef(labels[1:], labels[:-1])[0, 1]) < 0.05
    with pytest.raises(DataError, match="at least 1"):
        simulate_toy_1(0, np.random.default_rng(0))


def test_first_toy_is_made_trained_and_analysed_by_commands(tmp_path):
    data, folder = tmp_path / "toy.h5", tmp_path / "trained"
    runner = CliRunner()
    made = runner.invoke(command, ["simulate", "toy-1", "-o", str(data)], catch_exceptions=False)
    assert "2,800 train, 400 valid, 800 test" in made.output
    arguments = ["train", "toy-1", "--data", str(data), "-o", str(folder), "--epochs", "30"]
    arguments += ["--device", "cpu", "--quiet"]
    assert runner.invoke(command, arguments, catch_exceptions=False).exit_code == 0
    record = read_record(folder / "toy-1.json")
    assert (record["parameters"], record["batch_size"], record["patience"]) == (70, 32, 15)
    assert record["test"]["auroc"] > 0.98
    assert record["data"]["attributes"]["motifs"] == "MA0103.3"
    # Fresh sites: what the network makes of what was planted.
    fresh = simulate_toy_1(2000, np.random.default_rng(9))
    sites = Sequences(
        codes=fresh.codes[fresh.versions >= 0],
        labels=None,
        class_names=None,
        names=None,
        source="toy-1",
    )
    path = folder / "toy-1.keras"
    options = {"layers": [2], "motifs": "JASPAR2018", "rounds": 1, "device": "cpu"}
    (neuron,) = ni.analyze(path, sites, **options).layers[0].neurons
    # Both alignments, and no other, as sharp parts; the mixture hides them.
    assert len(neuron.parts) == 2
    for part in neuron.parts:
        assert part.consensus_ratio > 0.95
        assert 0.3 < part.share < 0.7
    assert {part.consensus.find("CAGGTG") for part in neuron.parts} == {0, 1}
    assert abs(neuron.parts[1].shift) == 1
    blurred = information_content(neuron.mixture.ppm).sum()
    assert all(information_content(part.ppm).sum() > blurred + 1 for part in neuron.parts)
    seen = neuron.from_data_parts
    assert {part.consensus.find("CAGGTG") for part in seen} == {0, 1}
    matches = ni.match([part.ppm for part in seen], motifs="JASPAR2018", e_value=0.01)
    assert "ZEB1" in {match.target_name for part in matches for match in part}


def test_file_holds_the_simulation_in_three_parts(tmp_path):
    path = tmp_path / "toy.h5"
    arguments = ["simulate", "toy-2", "-o", str(path), "--n", "100", "--seed", "6"]
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert "70 train, 10 valid, 20 test" in done.output
    truth = simulate_toy_2(100, np.random.default_rng(6))
    with h5py.File(path) as file:
        parts = [file[f"X_{name}"][()] for name in ("train", "valid", "test")]
        assert np.array_equal(np.concatenate(parts), truth.one_hot())
        assert np.array_equal(file["Y_test"][()], truth.labels[80:])
        assert file.attrs["motifs"] == "MA0139.1"
        assert file["class_names"].asstr()[()].tolist() == ["pair"]
    with pytest.raises(UnknownNameError, match="'toy-3'; valid: koo-eddy, toy-1, toy-2"):
        zoo.write_simulation("toy-3", tmp_path / "other.h5")
    with pytest.raises(DataError, match="at least 1"):
        simulate_toy_2(0, np.random.default_rng(0))


# --- architectures ---------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", NETWORKS)
def test_closed_forms_agree_with_keras(name, protocol):
    row = network(name, protocol)
    # Short sequences, so that the dense layers are small.
    length = row.length if row.length < 100 else 240
    model = zoo.build(name, length=length, protocol=protocol, seed=0)
    assert model.count_params() == row.parameter_count(length=length)
    assert model.output_shape == (None, row.classes)
    assert model.get_layer("flatten").output.shape[1] == row.features(length)


TEN_POOLS = {2, 4, 6, 8}
PAGE = {
    # name, protocol: filters, widths, layers with a pool after them, flattened values.
    ("deepsea", "released"): ([320, 480, 960], [8] * 3, {1, 2}, 53 * 960),
    ("deepsea", "listed"): ([320, 480, 960], [8] * 3, {1, 2, 3}, 13 * 960),
    ("basset", "released"): ([300, 200, 200], [19, 11, 7], {1, 2, 3}, 10 * 200),
    ("dd-10", "released"): (
        [128, 128, 160, 160, 256, 320, 512, 640, 1024, 1280],
        [7] + 9 * [3],
        TEN_POOLS | {10},
        27 * 1280,
    ),
    ("dd-10", "listed"): (
        [64, 80, 128, 160, 256, 320, 512, 640, 1024, 1280],
        [7] + 9 * [3],
        TEN_POOLS,
        54 * 1280,
    ),
    ("bd-10", "released"): (
        [64, 64, 128, 128, 256, 256, 384, 384, 512, 512],
        [7] + 9 * [3],
        TEN_POOLS,
        29 * 512,
    ),
    ("bd-10", "repository"): (
        [128, 128, 160, 160, 256, 256, 384, 384, 512, 512],
        [7] + 9 * [3],
        TEN_POOLS,
        29 * 512,
    ),
}


@pytest.mark.parametrize(("name", "protocol"), PAGE)
def test_networks_are_those_of_the_page_and_the_scripts(name, protocol):
    row = network(name, protocol)
    filters, kernels, pooled, features = PAGE[name, protocol]
    assert [block.filters for block in row.blocks] == filters
    assert [block.kernel for block in row.blocks] == kernels
    assert {k for k, block in enumerate(row.blocks, start=1) if block.pool > 1} == pooled
    assert row.features() == features
    shape = (row.length, row.classes)
    assert shape == ((1000, 919) if name in ("deepsea", "dd-10") else (600, 164))


UP_TO = {
    # The page's tables: "up to" so many decoupled motifs in one round.
    "deepsea": [1, 4, 16],
    "basset": [1, 3, 12],
    "dd-10": [1, 1, 2, 2, 4, 4, 8, 8, 16, 16],
    "bd-10": [1, 1, 2, 2, 4, 4, 8, 8, 16, 16],
}
FIELDS = {
    "deepsea": [8, 39, 163],
    "basset": [19, 51, 132],
    "dd-10": [7, 9, 14, 18, 28, 36, 56, 72, 112, 144],
    "bd-10": [7, 9, 14, 18, 28, 36, 56, 72, 112, 144],
}


def few_neurons(name, protocol="released", length=300):
    """Return a network of the same structure with six filters a layer, calibrated."""
    row = network(name, protocol)
    blocks = tuple(replace(block, filters=6) for block in row.blocks)
    return zoo.random_network(replace(row, blocks=blocks), length=length, seed=3)


@pytest.mark.parametrize("name", UP_TO)
def test_inspect_gives_the_pages_numbers_of_decoupled_motifs(tmp_path, name):
    for protocol in PROTOCOLS:
        path = tmp_path / f"{protocol}.keras"
        few_neurons(name, protocol).save(path)
        model = ni.load(path, device="cpu")
        assert [layer.shifts for layer in model.layers] == UP_TO[name]
        assert [layer.receptive_field for layer in model.layers] == FIELDS[name]
    layers = describe(model)["layers"]
    assert [layer["shifts"] for layer in layers] == UP_TO[name]
    # The page gives the second round of the tenth layers alone: 256.
    assert [layer["shifts_twice"] for layer in layers] == [shifts**2 for shifts in UP_TO[name]]
    assert layers[-1]["shifts_twice"] == {3: UP_TO[name][-1] ** 2, 10: 256}[len(layers)]


@pytest.mark.parametrize(
    ("name", "layers"), [("deepsea", (2, 3)), ("basset", (2, 3)), ("dd-10", (2, 4, 10))]
)
def test_decoupling_gives_no_more_parts_than_the_page(tmp_path, name, layers):
    """Neurons of random weights answer to anything, and have more alignments than the bound."""
    few_neurons(name).save(tmp_path / "network.keras")
    model = ni.load(tmp_path / "network.keras", device="cpu")
    several = []
    for number in layers:
        shifts = UP_TO[name][number - 1]
        for drawn in ni.sample(model, number, neurons=[0], effort="quick"):
            for rounds in (1, 2):
                parts = ni.decouple(model, drawn, rounds=rounds)
                assert 1 <= len(parts) <= shifts**rounds
                assert sum(part.share for part in parts) == pytest.approx(1.0)
                several.append(len(parts) > 1)
            assert len(ni.decouple(model, drawn)) > 1
    assert any(several)
    with pytest.raises(NeuroninterpError, match="rounds is 0; expected at least 1"):
        ni.decouple(model, drawn, rounds=0)


def layers_of(name, protocol="released"):
    model = zoo.build(name, length=240, protocol=protocol, seed=0)
    return model, [(type(layer).__name__, layer.name) for layer in model.layers[1:]]


def test_deepsea_has_its_constraints_and_its_optimiser():
    model, layers = layers_of("deepsea")
    assert "BatchNormalization" not in {kind for kind, _ in layers}
    assert [layer.rate for layer in model.layers if "dropout" in layer.name] == [0.2, 0.2, 0.5]
    assert [name for _, name in layers[:5]] == ["conv_1", "relu_1", "pool_1", "dropout_1", "conv_2"]
    assert [name for _, name in layers[-5:]] == [
        "flatten",
        "dense_1",
        "relu_dense_1",
        "output",
        "sigmoid_output",
    ]
    for layer in model.layers:
        if hasattr(layer, "kernel_constraint"):
            assert layer.kernel_constraint.get_config() == {"max_value": 0.9, "axis": 0}
            assert layer.kernel_regularizer.get_config() == {"l2": 1e-6}
    assert model.get_layer("output").activity_regularizer.l1 == np.float32(1e-8)
    # x where it is above one millionth, 0 elsewhere.
    values = np.array([-1.0, 0.0, 9e-7, 1.1e-6, 2.0], np.float32)
    cut = model.get_layer("relu_2")(values)
    assert np.array_equal(cut, np.where(values > 1e-6, values, 0))
    optimizer = model.optimizer
    assert (type(optimizer).__name__, optimizer.momentum) == ("SGD", 0.9)
    # Keras 2's decay.
    for step in (0, 1, 275_000):
        expected = 0.08 / (1 + 8e-7 * step)
        assert float(optimizer._learning_rate(step)) == pytest.approx(expected, rel=1e-6)
    assert (NETWORKS["deepsea"].training.batch_size, model.loss) == (16, "binary_crossentropy")


def test_dense_parts_are_the_sources():
    basset, layers = layers_of("basset")
    norms = [name for kind, name in layers if kind == "BatchNormalization"]
    assert norms == ["norm_1", "norm_2", "norm_3"]
    assert [layer.rate for layer in basset.layers if "dropout" in layer.name] == [0.3, 0.3]
    assert type(basset.optimizer).__name__ == "RMSprop"
    assert float(basset.optimizer.learning_rate) == pytest.approx(0.002)
    tails = {
        ("dd-10", "released"): "flatten dense_1 norm_dense_1 relu_dense_1 dropout_dense_1 output "
        "sigmoid_output",
        ("bd-10", "released"): "flatten dense_1 norm_dense_1 relu_dense_1 dropout_dense_1 output "
        "sigmoid_output",
        ("bd-10", "repository"): "flatten dropout dense_1 norm_dense_1 relu_dense_1 output "
        "norm_output sigmoid_output",
    }
    units = {("dd-10", "released"): 925, ("bd-10", "released"): 1024, ("bd-10", "repository"): 768}
    for key, tail in tails.items():
        model, layers = layers_of(*key)
        names = [name for _, name in layers]
        assert names[names.index("flatten") :] == tail.split()
        assert model.get_layer("dense_1").units == units[key]
        assert type(model.optimizer).__name__ == "Adam"


def test_lengths_that_do_not_fit_are_told():
    with pytest.raises(DataError, match="70 bp are too short for zoo model 'toy-2'"):
        zoo.build("toy-2", length=70)
    with pytest.raises(DataError, match="gives 2 outputs for 98 bp, and the data have 1 labels"):
        zoo.build("toy-2", length=98)


def test_random_network_has_the_papers_fields_and_live_neurons(random_bd_10):
    fields = [layer.receptive_field for layer in random_bd_10.layers]
    assert fields == [7, 9, 14, 18, 28, 36, 56, 72, 112, 144]
    rng = np.random.default_rng(5)
    for layer in random_bd_10.layers:
        windows = rng.integers(0, 4, (512, layer.receptive_field), np.uint8)
        values = random_bd_10.trunk(layer.number).values(windows)
        assert values.mean() == pytest.approx(-0.5, abs=0.05)
        assert values.std() == pytest.approx(1.0, abs=0.05)
        active = (values > 0).mean(axis=0)
        assert active.min() > 0.1
        assert active.max() < 0.6


def test_random_network_is_the_seeds():
    first, again, other = (
        zoo.random_network("toy-2", seed=seed, convolutions_only=False).get_weights()
        for seed in (1, 1, 2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


# --- the shipped toy -------------------------------------------------------------------------


def test_shipped_toy_classifies_fresh_sequences_as_recorded():
    fresh = simulate_toy_2(4000, np.random.default_rng(123))
    model, record = zoo.load("toy-2"), zoo.read_record("toy-2")
    inputs = fresh.one_hot().transpose(0, 2, 1).astype(np.float32)
    probabilities = model.predict(inputs, batch_size=500, verbose=0)[:, 0]
    positive = fresh.labels[:, 0] == 1
    accuracy = ((probabilities > 0.5) == positive).mean()
    text = (zoo.test_data_path().parent / "README.md").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("| toy-2 |")]
    stated = float(line.split("|")[5])
    # Three standard errors of two samples of 4,000.
    assert accuracy == pytest.approx(stated, abs=3 * np.sqrt(2 * 0.985 * 0.015 / 4000))
    auroc = (
        stats.mannwhitneyu(probabilities[positive], probabilities[~positive]).statistic / 2000**2
    )
    assert auroc == pytest.approx(record["test"]["auroc"], abs=0.002)
    epochs = f"{len(record['history']['loss'])} ({record['best_epoch']})"
    assert line.split("|")[2].strip() == epochs
    assert f"| {record['test']['auroc']:.3f} | {record['test']['aupr']:.3f} |" in line
    assert record["command"].startswith(
        "neuroninterp zoo train toy-2 --data toy-2.h5 -o . --seed 0"
    )


def test_shipped_toy_has_the_papers_fields_and_no_dead_neuron():
    for suffix in ("keras", "onnx"):
        model = ni.load(zoo.weights_path("toy-2", suffix), device="cpu")
        assert [layer.filters for layer in model.layers] == [5, 5, 6, 6, 1]
        assert [layer.receptive_field for layer in model.layers] == [7, 12, 22, 42, 82]
        assert [layer.shifts for layer in model.layers] == [1, 2, 4, 8, 16]
    rng = np.random.default_rng(8)
    for layer in model.layers:
        windows = rng.integers(0, 4, (8192, layer.receptive_field), np.uint8)
        values = model.trunk(layer.number).values(windows)
        assert ((values > 0).mean(axis=0) > 0.005).all()


def place_in_profile(ppm):
    """Return offset and strand at which a motif fits the planted profile best."""
    counts = motif_counts()
    profile = np.zeros((3 * WIDTH, 4))
    profile[WIDTH : 2 * WIDTH] = counts / counts.sum(axis=1, keepdims=True) - 0.25
    fits = {
        (start - WIDTH, strand): (profile[start : start + len(turned)] * turned).sum()
        for strand, turned in (("+", ppm - 0.25), ("-", ppm[::-1, ::-1] - 0.25))
        for start in range(3 * WIDTH - len(ppm) + 1)
    }
    return max(fits, key=fits.get)


def test_the_toys_own_sequences_tell_the_syntax_that_was_planted():
    """Its sampled maximum is no CTCF pair; what it meets among all its data is."""
    codes = simulate_toy_2(1600, np.random.default_rng(0)).codes
    data = Sequences(codes=codes, labels=None, class_names=None, names=None, source="toy-2")
    path = zoo.weights_path("toy-2", "keras")
    result = ni.analyze(path, data, layers=[5], motifs="JASPAR2016", effort="quick", device="cpu")
    (layer,) = result.layers
    (neuron,) = layer.neurons
    entries = {entry.name: entry for entry in layer.dictionary_from_data}
    pair = next(syntax for syntax in neuron.syntax_from_data if len(syntax.motifs) == 2)
    assert pair.share > 0.8
    left, right = (entries[name] for name in pair.motifs)
    assert left.name.startswith("layer5_data_motif")
    for entry in (left, right):
        assert entry.match is not None
        assert entry.match.target_name == "CTCF"
    # Where the columns of each lie in a site tells where it begins, and what gaps are left.
    places = [place_in_profile(entry.ppm) for entry in (left, right)]
    assert pair.strands == tuple(strand for _, strand in places)
    starts = [
        (planted[0] + offset, planted[-1] + offset)
        for planted, (offset, _) in zip((FIRST_STARTS, SECOND_STARTS), places, strict=True)
    ]
    assert np.abs(np.subtract(pair.starts, starts)).max() <= 1
    gaps = [
        starts[1][0] - starts[0][1] - len(left.ppm),
        starts[1][1] - starts[0][0] - len(left.ppm),
    ]
    (spacing,) = pair.spacings
    assert np.abs(np.subtract((spacing.minimum, spacing.maximum), gaps)).max() <= 1
    assert pair.kind == "flexible"
    assert pair.value_inside > 0 > pair.value_outside
    assert neuron.mixture.maximum >= pair.highest


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_toy_is_trained_by_a_command(tmp_path):
    data = tmp_path / "toy.h5"
    zoo.write_simulation("toy-2", data, n=300, models=False)
    record = zoo.train("toy-2", data, tmp_path, epochs=2, device="cpu", verbose=False)
    assert (record["batch_size"], record["patience"]) == (32, 15)
    assert record["parameters"] == 546
    assert record["history"]["loss"][1] < record["history"]["loss"][0]
    assert {path.name for path in tmp_path.glob("toy-2.*")} == {
        "toy-2.keras",
        "toy-2.onnx",
        "toy-2.json",
    }
    with pytest.raises(UnknownNameError, match=r"'text'; valid: released"):
        zoo.train("toy-2", data, tmp_path / "other", protocol="text")
