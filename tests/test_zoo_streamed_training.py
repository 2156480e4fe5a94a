"""Training on data in DeepSEA's and Basset's published layouts, streamed from the files."""

from __future__ import annotations

import shutil
import tracemalloc
from contextlib import contextmanager
from dataclasses import replace

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from published_layouts import PARTS, as_basset, write_basset, write_deepsea
from scipy.io import loadmat, savemat

import neuroninterp as ni
from neuroninterp.backend import import_keras
from neuroninterp.cli import command
from neuroninterp.errors import DataError
from neuroninterp.sequences import decode
from neuroninterp.sequences.coding import one_hot
from zoo.architectures.neuronmotif import NETWORKS
from zoo.checkpoints import Checkpoint
from zoo.data import read_training_data
from zoo.datasets.training_data import open_training_data
from zoo.records import read_record
from zoo.simulations.files import write_koo_eddy
from zoo.streaming import StreamedPart
from zoo.training import train


def rich_in(letter, length, rng):
    return "".join(rng.choice([*"ACGTN", letter], length, p=[0.1, 0.1, 0.1, 0.1, 0.02, 0.58]))


def composed(sizes, length, classes):
    """Return sequences and labels: rich in G and 1, or rich in C and 0; G and C are told apart
    by the order of the channels alone."""
    truth = {}
    for seed, (name, n) in enumerate(zip(PARTS, sizes, strict=True)):
        rng = np.random.default_rng(seed)
        kinds = rng.permutation(np.arange(n) % 2)
        sequences = [rich_in("CG"[kind], length, rng) for kind in kinds]
        labels = np.repeat(kinds[:, None], classes, axis=1).astype(np.uint8)
        labels[:, ::2] ^= rng.random((n, len(labels[0, ::2]))) < 0.1
        truth[name] = sequences, labels
    return truth


@pytest.fixture(scope="module")
def deepsea_truth():
    return composed((120, 20, 24), 1000, 919)


@pytest.fixture(scope="module")
def deepsea_folder(deepsea_truth, tmp_path_factory):
    folder = tmp_path_factory.mktemp("deepsea")
    write_deepsea(folder, deepsea_truth, chunks=(50, 4, 17), label_chunks=(919, 10))
    return folder


@pytest.fixture(scope="module")
def basset_truth():
    return composed((150, 20, 24), 600, 164)


@pytest.fixture(scope="module")
def basset_file(basset_truth, tmp_path_factory):
    path = tmp_path_factory.mktemp("basset") / "encode_roadmap.h5"
    write_basset(path, basset_truth)
    return path


# --- streaming -------------------------------------------------------------------------------


def streamed(total, together=1, length=6, classes=3):
    """Return a part whose sequence k is the number k in base 5, and its labels likewise in 2."""
    numbers = np.arange(total)
    codes = (numbers[:, None] // 5 ** np.arange(length) % 5).astype(np.uint8)
    labels = (numbers[:, None] // 2 ** np.arange(classes) % 2).astype(np.uint8)
    opened = []

    @contextmanager
    def reading():
        opened.append(1)
        yield lambda first, last: (codes[first:last], labels[first:last])
        opened.pop()

    return StreamedPart(total, length, classes, together, reading), opened


def numbers_of(codes):
    return (codes.astype(int) * 5 ** np.arange(codes.shape[1])).sum(axis=1)


@settings(deadline=None)
@given(
    total=st.integers(1, 300),
    together=st.integers(1, 40),
    batch=st.integers(1, 30),
    block=st.integers(1, 50),
    buffer=st.integers(1, 2000),
    bases=st.integers(1, 900),
    seed=st.integers(0, 5),
)
def test_every_sequence_comes_once_in_whole_batches(
    total, together, batch, block, buffer, bases, seed
):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoo.streaming._BLOCK_ROWS", block)
        patch.setattr("zoo.streaming._BUFFER_BYTES", buffer)
        patch.setattr("zoo.data._BASES_AT_ONCE", bases)
        part, opened = streamed(total, together)
        runs = [list(part.shuffled(np.random.default_rng(seed), batch)) for _ in range(2)]
        for pieces in (*runs, list(part.in_order(batch))):
            assert all(len(codes) % batch == 0 for codes, _ in pieces[:-1])
            assert max(len(codes) for codes, _ in pieces) <= max(batch, bases // 6)
            found = numbers_of(np.concatenate([codes for codes, _ in pieces]))
            assert np.array_equal(np.sort(found), np.arange(total))
            labels = np.concatenate([labels for _, labels in pieces])
            assert np.array_equal(labels, found[:, None] // 2 ** np.arange(3) % 2)
        assert np.array_equal(found, np.arange(total))
        assert all(np.array_equal(a, b) for (a, _), (b, _) in zip(*runs, strict=True))
        assert not opened


def test_neighbours_come_apart_and_every_epoch_has_an_order_of_its_own(monkeypatch):
    monkeypatch.setattr("zoo.streaming._BLOCK_ROWS", 50)
    monkeypatch.setattr("zoo.streaming._BUFFER_BYTES", 9 * 1000)
    part, _ = streamed(5000)
    rng = np.random.default_rng(0)
    first, second = (
        np.concatenate([numbers_of(codes) for codes, _ in part.shuffled(rng, 10)]) for _ in range(2)
    )
    assert (first == second).mean() < 0.01
    assert np.abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 0.3
    # Of 20 blocks at a time, two neighbours seldom lie in the same batch of 10.
    batches = first.reshape(-1, 10) // 50
    assert np.mean([len(set(batch)) for batch in batches]) > 7
    # The order is drawn at once: what is drawn later changes nothing.
    one, other = np.random.default_rng(3), np.random.default_rng(3)
    left, right = part.shuffled(one, 10), part.shuffled(other, 10)
    other.random(7)
    for (a, _), (b, _) in zip(left, right, strict=True):
        assert np.array_equal(a, b)


def test_memory_does_not_grow_with_the_data(monkeypatch):
    monkeypatch.setattr("zoo.streaming._BUFFER_BYTES", 2_000_000)
    monkeypatch.setattr("zoo.data._BASES_AT_ONCE", 200_000)

    @contextmanager
    def reading():
        yield lambda first, last: (
            np.zeros((last - first, 100), np.uint8),
            np.zeros((last - first, 10), np.uint8),
        )

    peaks = []
    for total in (40_000, 400_000):
        part = StreamedPart(total, 100, 10, 1, reading)
        tracemalloc.start()
        assert sum(len(codes) for codes, _ in part.shuffled(np.random.default_rng(0), 16)) == total
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0] < 20_000_000


# --- the published layouts -------------------------------------------------------------------


def read_whole(part, batch_size=7):
    pieces = list(part.in_order(batch_size))
    return tuple(np.concatenate(arrays) for arrays in zip(*pieces, strict=True))


def assert_holds(data, truth):
    for name, (sequences, labels) in truth.items():
        part = getattr(data, name)
        codes, found = read_whole(part)
        assert decode(codes) == sequences
        assert np.array_equal(found, labels)
        shuffled = np.concatenate([c for c, _ in part.shuffled(np.random.default_rng(1), 4)])
        assert sorted(decode(shuffled)) == sorted(sequences)
        assert (len(part), part.length, part.classes) == (
            len(labels),
            len(sequences[0]),
            found.shape[1],
        )


@pytest.mark.parametrize(
    ("chunks", "label_chunks", "compressed"),
    [
        ((1000, 4, 3), (919, 4), True),
        ((37, 1, 60), (1, 60), False),  # chunks of many sequences at few positions
        (None, None, True),
    ],
)
def test_deepseas_files_are_read_as_they_are(
    tmp_path, monkeypatch, chunks, label_chunks, compressed
):
    truth = composed((60, 9, 14), 1000, 919)
    write_deepsea(tmp_path, truth, compressed=compressed, chunks=chunks, label_chunks=label_chunks)
    # Read in pieces along the positions, and block by block.
    monkeypatch.setattr("zoo.streaming._BLOCK_ROWS", 8)
    monkeypatch.setattr("zoo.datasets.deepsea_files._SLAB_BYTES", 4000 * 5)
    data = open_training_data(tmp_path)
    assert (data.kind, data.channels, len(data.class_names)) == ("DeepSEA", "AGCT", 919)
    assert_holds(data, truth)


LAYOUTS = {
    "published": {},
    "as written by others": {"dtype": np.uint8, "label_type": np.uint8},
    "truth values": {"dtype": np.bool_, "label_type": np.bool_},
    "without the dummy axis": {"shape": lambda x: x[:, :, 0]},
    "channels first": {"shape": lambda x: x.transpose(0, 1, 3, 2), "dtype": np.float32},
    "channels last": {"shape": lambda x: x[:, :, 0].transpose(0, 2, 1), "dtype": np.float64},
    "in chunks": {"chunks": True, "compression": "gzip", "dtype": np.int8},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_bassets_file_is_read_in_every_layout_it_is_found_in(tmp_path, monkeypatch, layout):
    monkeypatch.setattr("zoo.streaming._BLOCK_ROWS", 8)
    truth = composed((30, 9, 14), 600, 164)
    write_basset(tmp_path / "data.h5", truth, **LAYOUTS[layout])
    data = open_training_data(tmp_path / "data.h5")
    assert (data.kind, data.channels) == ("Basset", "ACGT")
    assert data.class_names == tuple(f"CELL{index}" for index in range(164))
    assert_holds(data, truth)


def test_our_own_files_are_still_told_by_their_keys(tmp_path):
    write_koo_eddy(tmp_path / "own.h5", n=30, models=False)
    data = open_training_data(tmp_path / "own.h5")
    assert data.sha256 == read_training_data(tmp_path / "own.h5").sha256
    assert (data.kind, data.channels) == ("X_train, Y_train", "ACGT")
    with pytest.raises(DataError, match="no such file"):
        open_training_data(tmp_path / "none.h5")


# --- training --------------------------------------------------------------------------------

NARROW = {
    name: replace(
        NETWORKS[name],
        name="narrow",
        blocks=tuple(replace(block, filters=16) for block in NETWORKS[name].blocks),
        dense=(32,) * len(NETWORKS[name].dense),
    )
    for name in ("deepsea", "basset")
}
SETTINGS = {"epochs": 2, "device": "cpu", "verbose": False, "seed": 4}


def tells_g_from_c(path, length):
    rng = np.random.default_rng(50)
    sequences = [rich_in(letter, length, rng) for letter in "GC" * 10]
    codes = np.array([["ACGTN".index(b) for b in s] for s in sequences], np.uint8)
    model = import_keras().models.load_model(path, compile=False)
    score = np.asarray(model.predict(one_hot(codes), verbose=0)).mean(axis=1)
    return (score[::2] > score[1::2]).mean()


@pytest.mark.filterwarnings("ignore::UserWarning")  # of scikit-learn: a class of one kind alone
@pytest.mark.parametrize("kind", ["deepsea", "basset"])
def test_networks_learn_from_the_published_files_and_are_analysed(
    tmp_path, monkeypatch, request, kind
):
    data = request.getfixturevalue("deepsea_folder" if kind == "deepsea" else "basset_file")
    monkeypatch.setattr("zoo.streaming._BLOCK_ROWS", 16)
    record = train(NARROW[kind], data, tmp_path, **SETTINGS | {"epochs": 14})
    assert record["data"]["kind"] == ("DeepSEA" if kind == "deepsea" else "Basset")
    assert record["data"]["channels"] == ("AGCT" if kind == "deepsea" else "ACGT")
    assert record["protocol"]["name"] == "released"
    assert record["protocol"]["optimizer"] == ("sgd" if kind == "deepsea" else "rmsprop")
    assert record["batch_size"] == (16 if kind == "deepsea" else 128)
    losses = record["history"]["val_loss"]
    assert min(losses) < 0.95 * losses[0]
    # What was G in the file is G to the network.
    path = tmp_path / "narrow.keras"
    assert tells_g_from_c(path, 1000 if kind == "deepsea" else 600) > 0.9
    assert record["test"]["auroc"] > 0.8
    test_file = data / "test.mat" if kind == "deepsea" else data
    done = CliRunner().invoke(
        command,
        [
            *("analyze", str(path), "--data", str(test_file), "-o", str(tmp_path / "result")),
            *("--data-alphabet", record["data"]["channels"], "--effort", "quick", "--layers", "1"),
            *("--neurons", "2", "--device", "cpu", "--motifs", "JASPAR2016"),
        ],
        catch_exceptions=False,
    )
    assert done.exit_code == 0
    assert f"auROC {record['test']['auroc']:.3f}" in done.output


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_killed_run_continues_to_the_same_network(deepsea_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.streaming._BLOCK_ROWS", 16)
    row = NARROW["deepsea"]
    expected = train(row, deepsea_folder, tmp_path / "whole", **SETTINGS)
    save = Checkpoint.save

    def save_one_epoch_and_die(self, model, history):
        save(self, model, history)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", save_one_epoch_and_die)
        with pytest.raises(KeyboardInterrupt):
            train(row, deepsea_folder, tmp_path / "killed", **SETTINGS)
    record = train(row, deepsea_folder, tmp_path / "killed", **SETTINGS)
    assert record["history"]["loss"] == pytest.approx(expected["history"]["loss"], rel=1e-6)
    assert record["test"] == expected["test"]
    left, right = (
        import_keras().models.load_model(tmp_path / kind / "narrow.keras", compile=False)
        for kind in ("whole", "killed")
    )
    weights = zip(left.get_weights(), right.get_weights(), strict=True)
    assert all(np.allclose(a, b, atol=1e-6) for a, b in weights)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_command_trains_the_real_basset(basset_file, tmp_path):
    name = "basset"
    arguments = ["train", name, "--data", str(basset_file), "-o", str(tmp_path), "--epochs", "1"]
    done = CliRunner().invoke(command, ["zoo", *arguments, "--quiet"], catch_exceptions=False)
    assert "best of 1 epochs was 1" in done.output
    record = read_record(tmp_path / f"{name}.json")
    assert record["parameters"] == NETWORKS[name].parameter_count()
    assert record["data"] == {
        "file": "encode_roadmap.h5",
        "kind": "Basset",
        "channels": "ACGT",
        "attributes": {},
        "train": 150,
        "valid": 20,
        "test": 24,
    }
    model = ni.load(tmp_path / f"{name}.onnx", device="cpu")
    assert [layer.filters for layer in model.layers] == [b.filters for b in NETWORKS[name].blocks]


# --- wrong files -----------------------------------------------------------------------------


def without(file, key):
    del file[key]


def changed(key, place, value):
    def change(file):
        file[key][place] = value

    return change


def replaced(key, array):
    def change(file):
        del file[key]
        file[key] = array

    return change


WRONG_BASSET = {
    "no valid_in": (lambda file: without(file, "valid_in"), "has no key 'valid_in'; found: "),
    "no train_out": (lambda file: without(file, "train_out"), "no key 'train_out'"),
    "channels": (
        replaced("test_in", np.zeros((24, 5, 1, 600))),
        r"'test_in' has shape \(24, 5, 1, 600\), expected \(N, 4, 1, L\)",
    ),
    "labels": (
        replaced("valid_out", np.zeros((19, 164))),
        r"'valid_out' has shape \(19, 164\), expected \(20, classes\)",
    ),
    "lengths": (
        replaced("test_in", as_basset(["A" * 500] * 24)),
        "the parts differ in .length, classes.",
    ),
    "texts": (replaced("test_out", np.full((24, 164), b"1")), "does not hold numbers"),
    "half a label": (
        changed("train_out", (7, 3), 0.5),
        "'train_out' holds 0.5 for sequence 7, label 3 .from 0.; expected 0 or 1",
    ),
    "no label": (changed("valid_out", (2, 1), np.nan), "'valid_out' holds nan for sequence 2"),
    "two bases": (
        changed("train_in", (5, slice(0, 2), 0, 9), 1.0),
        "not one-hot: sequence 5, position 9 holds .1, 1, 0, 0.",
    ),
}


def refusal(arguments):
    """Run a command; return its error, which is one line."""
    error = CliRunner().invoke(command, arguments).exception
    assert isinstance(error, DataError), error
    assert "\n" not in str(error)
    return str(error)


@pytest.mark.parametrize("wrong", WRONG_BASSET)
def test_wrong_files_in_bassets_layout_are_told(basset_file, tmp_path, wrong):
    change, message = WRONG_BASSET[wrong]
    path = shutil.copy(basset_file, tmp_path / "wrong.h5")
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(DataError, match=message):
        train(NARROW["basset"], path, tmp_path / "out", **SETTINGS)
    assert not list((tmp_path / "out").glob("narrow.*"))


def test_truncated_files_and_single_files_are_told(basset_file, deepsea_folder, tmp_path):
    whole = basset_file.read_bytes()
    (tmp_path / "short.h5").write_bytes(whole[: len(whole) // 2])
    output = str(tmp_path / "out")
    start = ["zoo", "train", "basset", "-o", output, "--data"]
    assert "damaged" in refusal([*start, str(tmp_path / "short.h5")])
    assert "give the folder that holds train.mat" in refusal(
        [*start, str(deepsea_folder / "train.mat")]
    )
    (tmp_path / "empty").mkdir()
    assert "has no train.mat; expected DeepSEA's" in refusal([*start, str(tmp_path / "empty")])
    folder = shutil.copytree(deepsea_folder, tmp_path / "cut")
    for name, rest in (("test", 2), ("train", 3)):
        contents = (folder / f"{name}.mat").read_bytes()
        (folder / f"{name}.mat").write_bytes(contents[: len(contents) // rest])
        assert "damaged" in refusal([*start, str(folder)])


def test_wrong_values_in_deepseas_files_are_told(tmp_path):
    truth = composed((12, 6, 6), 1000, 919)
    write_deepsea(tmp_path, truth, chunks=(300, 4, 5))
    with h5py.File(tmp_path / "train.mat", "a") as file:
        file["trainxdata"][700, :2, 8] = 1
    train_part = open_training_data(tmp_path).train
    message = r"train.mat: 'trainxdata' is data that is not one-hot: sequence 8, position 700 "
    with pytest.raises(DataError, match=message):
        read_whole(train_part)
    variables = {
        key: value for key, value in loadmat(tmp_path / "valid.mat").items() if key[0] != "_"
    }
    variables["validdata"][3, 918] = 2
    savemat(tmp_path / "valid.mat", variables)
    message = "valid.mat: 'validdata' holds 2 for sequence 3, label 918 .from 0.; expected 0 or 1"
    with pytest.raises(DataError, match=message):
        read_whole(open_training_data(tmp_path).valid)
