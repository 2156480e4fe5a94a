"""Attribution of classes and neurons: against loops, closed forms and finite differences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import chain, convolution, model_of, relu, sequence_input, two_layers
from oracle_graph import oracle
from test_trunk_exactness import saved

import neuroninterp as ni
from neuroninterp.backend import import_keras
from neuroninterp.errors import DataError, UnknownNameError, UnsupportedOperationError
from zoo import weights_path


def random_codes(rows: int, length: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, (rows, length), np.uint8)


def edited_one_by_one(codes: np.ndarray, value: Any) -> np.ndarray:
    """In-silico mutagenesis as it is spoken: one base at a time, and the mean taken away."""
    numbers = np.empty((*codes.shape, 4))
    for row in range(len(codes)):
        edited = []
        for position in range(codes.shape[1]):
            for base in range(4):
                edited.append(codes[row].copy())
                edited[-1][position] = base
        numbers[row] = value(np.stack(edited), row).reshape(-1, 4)
    return numbers - numbers.mean(axis=2, keepdims=True)


@pytest.fixture(scope="module")
def cnn_25() -> ni.Model:
    return ni.load("zoo:cnn-25")


@pytest.fixture(scope="module", params=["keras", "onnx"])
def toy_2(request: pytest.FixtureRequest) -> ni.Model:
    return ni.load(weights_path("toy-2", request.param))


@pytest.fixture(scope="module")
def recurrent(tmp_path_factory: pytest.TempPathFactory) -> ni.Model:
    """A convolution, and behind it what the graph does not understand, with a softmax."""
    keras = import_keras()
    layers = keras.layers
    sequence = keras.Input((24, 4))
    x = layers.Conv1D(5, 5, activation="relu")(sequence)
    x = layers.LSTM(3)(layers.MaxPooling1D(2)(x))
    model = keras.Model(sequence, layers.Dense(3, activation="softmax")(x))
    return saved(model, tmp_path_factory.mktemp("recurrent") / "recurrent.keras")


@pytest.mark.parametrize("recomputed", ["part", "whole"])
@pytest.mark.parametrize("scale", ["logit", "output"])
def test_mutagenesis_of_a_class_is_the_loop_over_bases(toy_2, scale, recomputed, monkeypatch):
    if recomputed == "whole":
        monkeypatch.setattr("neuroninterp.attribution.mutagenesis.incremental", lambda *_: None)
    codes = random_codes(2, toy_2.length)
    codes[1, :3] = 4

    (last,) = (node for node in toy_2.graph if getattr(node, "function", "") == "sigmoid")

    def value(edited: np.ndarray, row: int) -> np.ndarray:
        if scale == "output":
            return toy_2.predict(edited)[:, 0]
        # float32 holds a probability near 1 too coarsely to tell its logit to 1e-5.
        return oracle(toy_2.graph, np.eye(5, 4)[edited])[last.inputs[0]].reshape(-1)

    found = ni.attribute(toy_2, codes, "ism", scale=scale)
    # The ONNX runtime lends no logit; through its probabilities near 1 no more can be told.
    coarse = recomputed == "whole" and scale == "logit" and toy_2.format == "onnx"
    limit = 1e-4 if coarse else 1e-5
    assert np.abs(found.hypothetical - edited_one_by_one(codes, value)).max() < limit
    assert np.abs(found.hypothetical.sum(axis=2)).max() < 1e-5
    assert np.allclose(found.prediction, toy_2.predict(codes)[:, 0])
    assert np.allclose(found.value, [value(row[None], 0)[0] for row in codes], atol=1e-5)
    assert (found.scores[1, :3] == 0).all()


def test_mutagenesis_explains_models_that_the_graph_does_not_understand(recurrent):
    codes = random_codes(2, 24)

    def value(edited: np.ndarray, row: int) -> np.ndarray:
        shares = np.log(recurrent.predict(edited).astype(np.float64))
        return shares[:, 2] - shares.mean(axis=1)

    found = ni.attribute(recurrent, codes, "ism", target=2)
    assert found.settings["scale"] == "logit"
    assert np.abs(found.hypothetical - edited_one_by_one(codes, value)).max() < 1e-5
    with pytest.raises(UnsupportedOperationError, match=r"'LSTM' at node 'lstm.*--method ism"):
        ni.attribute(recurrent, codes, "saliency", target=2)


def test_mutagenesis_of_a_neuron_stays_at_its_largest_position(toy_2):
    codes = random_codes(2, toy_2.length, seed=3)
    node = toy_2.layer_nodes(3).value

    def at(edited: np.ndarray, position: int | None = None) -> Any:
        z = oracle(toy_2.graph, np.eye(4)[edited])[node][:, :, 4]
        return z.argmax(axis=1) if position is None else z[:, position]

    where = at(codes)
    found = ni.attribute(toy_2, codes, "ism", layer=3, neuron=4)
    assert list(found.positions) == list(where)
    expected = edited_one_by_one(codes, lambda edited, row: at(edited, where[row]))
    assert np.abs(found.hypothetical - expected).max() < 1e-5
    field = toy_2.layer(3).receptive_field
    assert ((found.hypothetical != 0).any(axis=2).sum(axis=1) <= field).all()
    named = ni.attribute(toy_2, codes, "ism", layer=3, neuron=4, position=int(where[0]))
    assert np.allclose(named.hypothetical[0], found.hypothetical[0])
    assert not np.allclose(named.hypothetical[1], found.hypothetical[1])


def test_saliency_is_the_slope_of_the_explained_number(cnn_25):
    codes = random_codes(3, 200)
    found = ni.attribute(cnn_25, codes, "saliency", target=3)
    rng = np.random.default_rng(1)
    for _ in range(5):
        direction = rng.normal(size=(3, 200, 4))
        step = 1e-7 * direction
        up, down = (
            oracle(cnn_25.graph, np.eye(4)[codes] + sign * step)["output"][:, 3] for sign in (1, -1)
        )
        slope = (found.hypothetical * direction).sum(axis=(1, 2))
        assert np.allclose(slope, (up - down) / 2e-7, rtol=1e-3, atol=1e-3)
    assert found.gap is None
    picked = np.take_along_axis(found.hypothetical, codes[:, :, None].astype(int), axis=2)
    assert np.array_equal(found.scores, picked[:, :, 0])


def test_saliency_of_a_linear_neuron_is_its_kernel():
    kernel = np.random.default_rng(0).normal(size=(5, 4, 3))
    model = model_of(
        chain(sequence_input(), convolution("conv", "input", kernel, 0.5), relu("relu", "conv")),
        length=20,
    )
    codes = random_codes(4, 20)
    found = ni.attribute(model, codes, "saliency", layer=1, neuron=1)
    for row, start in enumerate(found.positions):
        assert np.allclose(found.hypothetical[row, start : start + 5], kernel[:, :, 1])
        assert np.allclose(found.scores[row].sum() + 0.5, found.value[row], atol=1e-5)
    values = oracle(model.graph, np.eye(4)[codes])["conv"][:, :, 1]
    assert np.allclose(found.value, values.max(axis=1), atol=1e-5)


def test_channel_order_of_the_file_does_not_matter(tmp_path):
    path: Path = weights_path("toy-2", "onnx")
    plain, turned = ni.load(path), ni.load(path, alphabet="TGCA")
    codes = random_codes(2, plain.length)
    for method in ("saliency", "ism"):
        here = ni.attribute(plain, codes, method)
        there = ni.attribute(turned, 3 - codes, method)
        assert np.allclose(here.hypothetical, there.hypothetical[:, :, ::-1], atol=1e-6)


def test_what_is_wrong_is_said(cnn_25, toy_2):
    codes = random_codes(1, 200)
    for error, message, arguments in (
        (UnknownNameError, "unknown method 'magic'; valid: ", {"method": "magic"}),
        (DataError, "predicts 12 classes: name one with --target", {}),
        (UnknownNameError, "unknown class '12'; valid: 0 to 11", {"target": 12}),
        (UnknownNameError, "unknown class 'CTCF'", {"target": "CTCF"}),
        (UnknownNameError, "unknown scale 'log'", {"target": 1, "scale": "log"}),
        (DataError, "no positions", {"target": 1, "position": 3}),
        (DataError, "both --layer and --neuron", {"layer": 1}),
        (DataError, "not both", {"layer": 1, "neuron": 1, "target": 1}),
        (UnknownNameError, "unknown layer '9'", {"layer": 9, "neuron": 1}),
        (UnknownNameError, "unknown neuron '30'", {"layer": 1, "neuron": 30}),
        (DataError, "position 200 does not exist", {"layer": 1, "neuron": 3, "position": 200}),
    ):
        with pytest.raises(error, match=message):
            ni.attribute(cnn_25, codes, **arguments)
    with pytest.raises(DataError, match="the model reads 82 bp, the sequences have 200"):
        ni.attribute(toy_2, codes)
    with pytest.raises(DataError, match="codes 0 to 4"):
        ni.attribute(model_of(two_layers(np.random.default_rng(0))), np.zeros((2, 200)))
