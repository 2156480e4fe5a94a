"""Training of zoo networks: the protocol, the files it leaves, and interruptions."""

from __future__ import annotations

import json
import shutil
import time

import h5py
import numpy as np
import pytest

import neuroninterp as ni
from neuroninterp.backend import import_keras
from neuroninterp.errors import (
    FidelityError,
    NeuroninterpError,
    OutputError,
    UnsupportedOperationError,
)
from neuroninterp.sequences.coding import one_hot
from zoo import catalogue
from zoo.architectures.koo_eddy import VARIANTS, Block, Variant
from zoo.architectures.neuronmotif import NETWORKS
from zoo.calibration import random_network
from zoo.checkpoints import Checkpoint
from zoo.data import read_training_data
from zoo.export import export_onnx
from zoo.feeding import fed
from zoo.shipping import ship
from zoo.simulations.files import write_koo_eddy
from zoo.training import train

TINY = Variant("tiny", (Block(4, 7, 10, 10), Block(6, 3, 5, 5)), units=8)
EPOCHS = 4
SETTINGS = {"epochs": EPOCHS, "batch_size": 30, "device": "cpu"}


@pytest.fixture(scope="module")
def data_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "small.h5"
    write_koo_eddy(path, n=300, seed=1, models=False)
    return path


@pytest.fixture(scope="module")
def finished(data_path, tmp_path_factory):
    """An uninterrupted run: its folder and its record."""
    folder = tmp_path_factory.mktemp("finished")
    return folder, train(TINY, data_path, folder, seed=2, **SETTINGS)


def load(path):
    return import_keras().models.load_model(path, compile=False)


def test_run_leaves_three_files_and_a_record(finished, data_path):
    folder, record = finished
    assert sorted(path.name for path in folder.iterdir()) == [
        "tiny.json",
        "tiny.keras",
        "tiny.onnx",
    ]
    assert json.loads((folder / "tiny.json").read_text()) == json.loads(json.dumps(record))
    losses = record["history"]["loss"]
    assert len(losses) == EPOCHS
    assert losses[-1] < losses[0]
    assert record["data"]["train"] == 210
    assert record["data"]["attributes"]["seed"] == 1
    assert str(folder) not in json.dumps(record)
    assert str(data_path.parent) not in json.dumps(record)
    assert "zoo train tiny --data small.h5 -o . --seed 2 --epochs 4" in record["command"]


def test_best_epoch_is_kept(finished, data_path):
    folder, record = finished
    valid = read_training_data(data_path).valid
    probabilities = load(folder / "tiny.keras").predict(valid.inputs, verbose=0).astype(float)
    entropy = -np.log(np.where(valid.labels == 1, probabilities, 1 - probabilities)).mean()
    val_loss = record["history"]["val_loss"]
    assert record["best_epoch"] == int(np.argmin(val_loss)) + 1
    # The recorded loss has the weight penalty on top: 1e-6 of the sum of squared weights.
    weights = [w for w in load(folder / "tiny.keras").weights if w.path.endswith("kernel")]
    penalty = 1e-6 * sum(float((w.numpy() ** 2).sum()) for w in weights)
    assert entropy + penalty == pytest.approx(min(val_loss), abs=1e-5)


def test_onnx_file_computes_what_the_keras_file_does(finished):
    import onnx
    import onnxruntime

    folder, _ = finished
    session = onnxruntime.InferenceSession(
        str(folder / "tiny.onnx"), providers=["CPUExecutionProvider"]
    )
    (entry,) = session.get_inputs()
    (result,) = session.get_outputs()
    assert (entry.name, entry.shape) == ("sequence", ["N", 200, 4])
    assert (result.name, result.shape) == ("probabilities", ["N", 12])
    model = load(folder / "tiny.keras")
    rng = np.random.default_rng(0)
    for batch in (1, 7):
        inputs = np.eye(4, dtype=np.float32)[rng.integers(4, size=(batch, 200))]
        found = session.run(None, {"sequence": inputs})[0]
        assert np.abs(found - model.predict(inputs, verbose=0)).max() < 1e-5
    nodes = onnx.load(folder / "tiny.onnx").graph.node
    names = [node.name for node in nodes if node.op_type == "Conv"]
    assert [name.split("/")[0] for name in names] == ["conv_1", "conv_2"]
    assert not {"Dropout", "BatchNormalization"} & {node.op_type for node in nodes}


def test_killed_run_continues_to_the_same_network(finished, data_path, tmp_path, monkeypatch):
    save = Checkpoint.save

    def die(*_):
        raise KeyboardInterrupt

    def save_and_die_in_the_middle_of_the_third(self, model, history):
        with monkeypatch.context() as patch:
            if len(history) == 3:
                patch.setattr("zoo.output.os.replace", die)
            save(self, model, history)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", save_and_die_in_the_middle_of_the_third)
        with pytest.raises(KeyboardInterrupt):
            train(TINY, data_path, tmp_path, seed=2, **SETTINGS)
    assert [path.name for path in tmp_path.iterdir()] == [".tiny-checkpoint"]
    history = json.loads((tmp_path / ".tiny-checkpoint" / "history.json").read_text())["history"]
    assert len(history["loss"]) == 2

    with pytest.raises(OutputError, match=r"other settings .seed 2, now 3"):
        train(TINY, data_path, tmp_path, seed=3, **SETTINGS)
    record = train(TINY, data_path, tmp_path, seed=2, **SETTINGS)
    folder, expected = finished
    assert record["history"]["loss"] == pytest.approx(expected["history"]["loss"], rel=1e-6)
    assert record["test"] == expected["test"]
    weights = zip(
        load(folder / "tiny.keras").get_weights(),
        load(tmp_path / "tiny.keras").get_weights(),
        strict=True,
    )
    assert all(np.allclose(a, b, atol=1e-6) for a, b in weights)
    assert not (tmp_path / ".tiny-checkpoint").exists()


def test_large_data_train_piece_by_piece_to_the_same_network(
    finished, data_path, tmp_path, monkeypatch
):
    _, expected = finished
    # Two batches of 30 at a time, and the 30 left over.
    monkeypatch.setattr("zoo.data._BASES_AT_ONCE", 200 * 60)
    monkeypatch.setattr("zoo.data._BYTES_AT_ONCE", 800 * 7)
    record = train(TINY, data_path, tmp_path, seed=2, **SETTINGS)
    assert record["data_sha256"] == expected["data_sha256"]
    assert record["history"]["loss"] == pytest.approx(expected["history"]["loss"], rel=1e-6)
    assert record["history"]["val_loss"] == pytest.approx(expected["history"]["val_loss"], rel=1e-6)
    assert record["test"] == expected["test"]


def test_patience_stops_training_and_force_replaces_a_finished_network(data_path, tmp_path):
    (tmp_path / "tiny.json").write_text("finished")
    with pytest.raises(OutputError, match="use --force to train it again"):
        train(TINY, data_path, tmp_path, device="cpu")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["finished"]
    # With the opposite labels in the validation part, all that is learned makes it worse.
    misleading = shutil.copy(data_path, tmp_path / "misleading.h5")
    with h5py.File(misleading, "a") as file:
        file["Y_valid"][...] = 1 - file["Y_valid"][()]
    record = train(TINY, misleading, tmp_path, patience=2, force=True, **SETTINGS | {"epochs": 9})
    assert len(record["history"]["val_loss"]) == record["best_epoch"] + 2 < 9
    assert json.loads((tmp_path / "tiny.json").read_text())["best_epoch"] == record["best_epoch"]


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"patience": 0}, {"batch_size": 0}, {"seed": -1}])
def test_arguments_out_of_range_are_told_before_any_work(data_path, tmp_path, wrong):
    started = time.perf_counter()
    with pytest.raises(NeuroninterpError, match="expected"):
        train(TINY, data_path, tmp_path / "new", **wrong)
    assert not (tmp_path / "new").exists()
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize("labelled", [True, False])
def test_batches_hold_all_sequences_in_order_and_no_tuner_is_waited_for(labelled):
    inputs = np.arange(7 * 5 * 4, dtype=np.float32).reshape(7, 5, 4)
    labels = np.arange(14, dtype=np.float32).reshape(7, 2) if labelled else None
    batches = fed(inputs, labels, 3)
    if import_keras().backend.backend() != "tensorflow":
        assert batches.pop("batch_size") == 3
        assert [id(array) for array in batches.values()] == [id(inputs), id(labels)][: 1 + labelled]
        return
    found = list(batches["x"].as_numpy_iterator())
    assert [len(batch[0]) for batch in found] == [3, 3, 1]
    for index, array in enumerate((inputs, labels)[: 1 + labelled]):
        assert np.array_equal(np.concatenate([batch[index] for batch in found]), array)
    assert batches["x"].options().autotune.enabled is False


@pytest.mark.parametrize("name", [*VARIANTS, *NETWORKS])
def test_every_network_can_be_written_as_onnx(name, tmp_path):
    import onnxruntime

    row = catalogue.network(name)
    # Short sequences where the dense layers are large.
    length = row.length if row.length < 600 else 300
    model = random_network(name, length=length, seed=1, convolutions_only=False)
    codes = np.random.default_rng(0).integers(0, 4, (4, length), np.uint8)
    export_onnx(model, tmp_path / "network.onnx", one_hot(codes))
    session = onnxruntime.InferenceSession(
        str(tmp_path / "network.onnx"), providers=["CPUExecutionProvider"]
    )
    fresh = one_hot(np.random.default_rng(1).integers(0, 5, (3, length), np.uint8))
    found = session.run(["probabilities"], {"sequence": fresh})[0]
    expected = model.predict(fresh, verbose=0)
    # Ten layers and more round more.
    tolerance = 1e-5 if len(row.blocks) < 10 else 1e-4
    assert np.abs(found - expected).max() < tolerance * np.abs(expected).max()
    assert found.std() > 0
    layers = [layer.number for layer in ni.load(tmp_path / "network.onnx").layers]
    assert len(layers) == len(row.blocks)


def test_a_layer_that_cannot_be_written_is_named(tmp_path):
    keras = import_keras()
    inputs = keras.Input((20, 4))
    outputs = keras.layers.LSTM(3, name="memory")(inputs)
    model = keras.Model(inputs, outputs, name="recurrent")
    with pytest.raises(UnsupportedOperationError, match="layer 'memory' of 'recurrent' is a LSTM"):
        export_onnx(model, tmp_path / "network.onnx", np.zeros((1, 20, 4), np.float32))
    x = keras.layers.Conv1D(3, 5, activation="relu")(inputs)
    model = keras.Model(inputs, keras.layers.BatchNormalization(name="late")(x))
    with pytest.raises(
        UnsupportedOperationError, match=r"layer 'late' of .* there; it writes Conv"
    ):
        export_onnx(model, tmp_path / "network.onnx", np.zeros((1, 20, 4), np.float32))


def test_shipped_files_are_small_and_compute_the_same(data_path, tmp_path):
    for folder in ("runs", "ship"):
        (tmp_path / folder).mkdir()
    train("cnn-50-2", data_path, tmp_path / "runs", epochs=1, device="cpu")
    (shipped,) = ship(tmp_path / "runs", folder=tmp_path / "ship")
    trained = tmp_path / "runs" / "cnn-50-2.keras"
    assert shipped.stat().st_size < trained.stat().st_size
    weights = zip(load(shipped).get_weights(), load(trained).get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in weights)
    record = (tmp_path / "ship" / "cnn-50-2.json").read_text()
    assert record == (tmp_path / "runs" / "cnn-50-2.json").read_text()
    # A file that is not the record's network is told by its ONNX file.
    train("cnn-50-2", data_path, tmp_path / "runs", seed=1, epochs=1, device="cpu", force=True)
    shutil.copy(shipped, trained)
    with pytest.raises(FidelityError, match="differ from the Keras network's"):
        ship(tmp_path / "runs", ["cnn-50-2"], folder=tmp_path / "ship")
