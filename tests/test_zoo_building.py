"""Untrained networks as files: calibrated, so that no neuron is dead."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

import neuroninterp as ni
from neuroninterp.backend import import_keras
from neuroninterp.errors import DataError, OutputError, UnknownNameError
from neuroninterp.sequences.coding import one_hot
from zoo.building import write_random_network
from zoo.cli import zoo as command


@pytest.mark.parametrize("name", ["deepsea", "basset"])
def test_a_built_network_has_live_neurons_with_batch_norm_or_without(tmp_path, name):
    arguments = ["build", name, "-o", str(tmp_path / "new.keras"), "--convolutions-only"]
    done = CliRunner().invoke(command, [*arguments, "--seed", "3"], catch_exceptions=False)
    model = ni.load(tmp_path / "new.keras", device="cpu")
    assert f"{len(model.layers)} convolutions" in done.output
    rng = np.random.default_rng(5)
    for layer in model.layers:
        windows = rng.integers(0, 4, (512, layer.receptive_field), np.uint8)
        values = model.trunk(layer.number).values(windows)
        assert values.mean() == pytest.approx(-0.5, abs=0.1)
        assert values.std() == pytest.approx(1.0, abs=0.1)
        active = (values > 0).mean(axis=0)
        assert active.min() > 0.05
        assert active.max() < 0.8


def test_both_formats_hold_the_seeds_network(tmp_path):
    import onnxruntime

    settings = {"length": 80, "classes": 3, "protocol": "repository"}
    row = "basset"
    with pytest.raises(DataError, match="80 bp are too short for zoo model 'basset'"):
        write_random_network(row, tmp_path / "short.keras", **settings)
    settings["length"] = 200
    paths = [tmp_path / f"{stem}.{suffix}" for stem, suffix in (("a", "keras"), ("b", "onnx"))]
    for path in paths:
        write_random_network(row, path, seed=2, convolutions_only=False, **settings)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.keras", "b.onnx"]
    inputs = one_hot(np.random.default_rng(0).integers(0, 5, (4, 200), np.uint8))
    model = import_keras().models.load_model(paths[0], compile=False)
    session = onnxruntime.InferenceSession(str(paths[1]), providers=["CPUExecutionProvider"])
    found = session.run(None, {"sequence": inputs})[0]
    assert found.shape == (4, 3)
    assert np.allclose(found, model.predict(inputs, verbose=0), atol=1e-4)
    assert found.std() > 0.01


def test_what_cannot_be_built_is_told_and_leaves_nothing(tmp_path):
    with pytest.raises(OutputError, match=r"networks are written as \.keras or \.onnx"):
        write_random_network("toy-1", tmp_path / "new.h5")
    with pytest.raises(UnknownNameError, match="'basset-2'; valid: cnn-1"):
        write_random_network("basset-2", tmp_path / "new.keras")
    with pytest.raises(UnknownNameError, match="'text'; valid: released, listed, repository"):
        write_random_network("toy-1", tmp_path / "new.keras", protocol="text")
    assert not list(tmp_path.iterdir())
    (tmp_path / "new.keras").write_text("mine")
    with pytest.raises(OutputError, match="exists"):
        write_random_network("toy-1", tmp_path / "new.keras")
    assert (tmp_path / "new.keras").read_text() == "mine"
    write_random_network("toy-1", tmp_path / "new.keras", force=True)
    assert ni.load(tmp_path / "new.keras", device="cpu").length == 8


def test_the_command_says_nothing_of_tensorflows(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "neuroninterp", "zoo", "build", "toy-1", "-o", "toy.keras"],
        cwd=tmp_path,
        env={key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert done.stdout == "wrote toy.keras: 2 convolutions, 70 weights\n"
