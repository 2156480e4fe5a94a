"""Loaded models: both formats of one network agree, and infidelity is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import neuroninterp as ni
from neuroninterp.errors import DataError, FidelityError, ModelError, UnknownNameError
from neuroninterp.graph import Convolution, Graph, find_layers
from neuroninterp.models.fidelity import check_fidelity
from neuroninterp.models.layout import from_layout
from neuroninterp.models.runtime import ReadModel
from zoo import weights_path


@pytest.fixture(scope="module")
def pair() -> tuple[ni.Model, ni.Model]:
    return ni.load(weights_path("cnn-2", "onnx")), ni.load(weights_path("cnn-2", "keras"))


def test_both_formats_of_a_network_are_the_same(pair: tuple[ni.Model, ni.Model]) -> None:
    onnx, keras = pair
    codes = np.random.default_rng(0).integers(0, 4, (20, 200)).astype(np.uint8)
    np.testing.assert_allclose(onnx.predict(codes), keras.predict(codes), atol=1e-5)
    for one, other in zip(onnx.layers, keras.layers, strict=True):
        assert replace(one, name="") == replace(other, name="")
        windows = codes[:, : one.receptive_field]
        first = onnx.trunk(one.number).values(windows)
        second = keras.trunk(one.number).values(windows)
        np.testing.assert_allclose(first, second, atol=1e-4)
    assert max(onnx.fidelity, keras.fidelity) < 1e-5


def test_a_wrong_weight_is_a_fidelity_error(pair: tuple[ni.Model, ni.Model]) -> None:
    """One weight of the second layer, off by a hundredth of the largest."""
    onnx, _ = pair
    layers = find_layers(onnx.graph)
    from neuroninterp.models.onnx.reader import read_onnx

    read = read_onnx(weights_path("cnn-2", "onnx"))
    broken = read.graph[layers[1].convolution]
    assert isinstance(broken, Convolution)
    kernel = broken.kernel.copy()
    kernel[2, 3, 5] += 0.01 * np.abs(kernel).max()
    nodes = tuple(
        replace(broken, kernel=kernel) if node.name == broken.name else node for node in read.graph
    )
    wrong = ReadModel(
        read.format, Graph(nodes, read.graph.outputs), read.layout, read.runtime, read.taps
    )
    with pytest.raises(FidelityError, match="layer 2"):
        check_fidelity(wrong, layers, 200)
    assert check_fidelity(read, layers, 200) < 1e-5


def test_alphabet_reorders_the_channels() -> None:
    """With AGCT a base's own channel is read: values of swapped bases, and predictions too."""
    plain = ni.load(weights_path("cnn-2", "onnx"))
    swapped = ni.load(weights_path("cnn-2", "onnx"), alphabet="AGCT")
    codes = np.random.default_rng(1).integers(0, 4, (8, 200)).astype(np.uint8)
    exchanged = np.array([0, 2, 1, 3], np.uint8)[codes]
    np.testing.assert_allclose(swapped.predict(codes), plain.predict(exchanged), atol=1e-6)
    windows = codes[:, :19]
    np.testing.assert_allclose(
        swapped.trunk(1).values(windows),
        plain.trunk(1).values(np.array([0, 2, 1, 3], np.uint8)[windows]),
        atol=1e-5,
    )
    with pytest.raises(ModelError, match="ACGX"):
        ni.load(weights_path("cnn-2", "onnx"), alphabet="ACGX")


def test_trunk_equals_the_models_own_runtime(pair: tuple[ni.Model, ni.Model]) -> None:
    """At an interior position, through the file's own runtime."""
    for model in pair:
        codes = np.random.default_rng(2).integers(0, 4, (5, 200)).astype(np.uint8)
        for layer in model.layers:
            position = 90 // layer.jump
            first, last = layer.interval(position)
            if model.format == "onnx":
                from neuroninterp.models.onnx.reader import read_onnx

                read = read_onnx(model.path)
            else:
                from neuroninterp.models.keras.reader import read_keras

                read = read_keras(model.path)
            tap = read.taps[model.layer_nodes(layer.number).value]
            one_hot = np.eye(4, dtype=np.float32)[codes]
            (tensor,) = read.runtime.tap(read.layout.to_file(one_hot), [tap])
            expected = from_layout(tensor, tap.axes)[:, position]
            values = model.trunk(layer.number).values(codes[:, first:last])
            np.testing.assert_allclose(values, expected, atol=1e-4 * np.abs(expected).max())


def test_wrong_arguments(pair: tuple[ni.Model, ni.Model], tmp_path) -> None:
    onnx, _ = pair
    with pytest.raises(UnknownNameError, match="layer '3'; valid: 1, 2"):
        onnx.layer(3)
    with pytest.raises(DataError, match="200 bp, the sequences have 100"):
        onnx.predict(np.zeros((2, 100), np.uint8))
    with pytest.raises(ModelError, match="is a folder"):
        ni.load(tmp_path)
    (tmp_path / "empty.onnx").touch()
    with pytest.raises(ModelError, match="is empty"):
        ni.load(tmp_path / "empty.onnx")


def test_a_network_of_the_zoo_is_loaded_by_its_name():
    named = ni.load("zoo:cnn-2")
    assert named.path == weights_path("cnn-2", "keras")
    with pytest.raises(UnknownNameError, match="unknown zoo model 'cnn-3'"):
        ni.load("zoo:cnn-3")
