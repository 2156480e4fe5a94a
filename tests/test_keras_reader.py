"""The Keras reader: its graph against an independent evaluation, and what bad files get."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from keras_files import (
    LENGTH,
    assert_faithful,
    close,
    kinds,
    opaque_nodes,
    randomise,
    read,
    saved,
    sequences,
    sequential,
)
from oracle_graph import oracle

from neuroninterp.backend import import_keras
from neuroninterp.errors import ModelError, UnsupportedOperationError
from neuroninterp.graph import (
    Activation,
    Convolution,
    Flatten,
    Pool,
    find_layers,
)
from neuroninterp.models.keras.reader import read_keras
from neuroninterp.models.keras.sliding import same_padding
from neuroninterp.models.layout import InputRequest

keras = import_keras()
layers = keras.layers

ACTIVATIONS = ["elu", "exponential", "gelu", "leaky_relu", "linear", "relu", "sigmoid", "silu"]
ACTIVATIONS += ["softmax", "softplus", "swish", "tanh"]


def with_activation(name: str) -> list[Any]:
    return [layers.Conv1D(5, 4), layers.Activation(name)]


UNDERSTOOD: dict[str, Callable[[], list[Any]]] = {
    "conv valid": lambda: [layers.Conv1D(5, 4)],
    "conv same": lambda: [layers.Conv1D(5, 4, padding="same")],
    "conv same strided": lambda: [layers.Conv1D(5, 6, padding="same", strides=3)],
    "conv causal dilated": lambda: [layers.Conv1D(5, 3, padding="causal", dilation_rate=2)],
    "conv same dilated": lambda: [layers.Conv1D(5, 4, padding="same", dilation_rate=3)],
    "conv no bias": lambda: [layers.Conv1D(5, 4, use_bias=False)],
    "conv grouped": lambda: [layers.Conv1D(6, 3), layers.Conv1D(4, 3, groups=2)],
    "conv fused": lambda: [layers.Conv1D(5, 4, activation="relu"), layers.Conv1D(3, 3)],
    "conv fused layer": lambda: [layers.Conv1D(5, 4, activation=layers.LeakyReLU(0.3))],
    "conv fused strided": lambda: [
        layers.Conv1D(5, 4, activation="exponential", strides=2, padding="same", use_bias=False)
    ],
    "batch norm": lambda: [layers.Conv1D(5, 4), layers.BatchNormalization(epsilon=0.02)],
    "batch norm bare": lambda: [
        layers.Conv1D(5, 4),
        layers.BatchNormalization(scale=False, center=False),
    ],
    "batch norm unscaled": lambda: [layers.Conv1D(5, 4), layers.BatchNormalization(scale=False)],
    "batch norm dense": lambda: [
        layers.Conv1D(5, 4),
        layers.Flatten(),
        layers.Dense(7),
        layers.BatchNormalization(),
        layers.ReLU(),
    ],
    **{name: partial(with_activation, name) for name in ACTIVATIONS},
    "ReLU": lambda: [layers.Conv1D(5, 4), layers.ReLU()],
    "ReLU leaky": lambda: [layers.Conv1D(5, 4), layers.ReLU(negative_slope=0.15)],
    "LeakyReLU": lambda: [layers.Conv1D(5, 4), layers.LeakyReLU(0.25)],
    "ELU": lambda: [layers.Conv1D(5, 4), layers.ELU(alpha=0.7)],
    "Softmax": lambda: [layers.Conv1D(5, 4), layers.Softmax()],
    "max pool": lambda: [layers.Conv1D(5, 4), layers.MaxPooling1D(3)],
    "max pool same": lambda: [layers.Conv1D(5, 4), layers.MaxPooling1D(4, 3, padding="same")],
    "max pool overlapping": lambda: [layers.Conv1D(5, 4), layers.MaxPooling1D(5, 2)],
    "average pool": lambda: [layers.Conv1D(5, 4), layers.AveragePooling1D(3, 2)],
    "average pool same": lambda: [
        layers.Conv1D(5, 4),
        layers.AveragePooling1D(5, 3, padding="same"),
    ],
    "pointwise dense": lambda: [layers.Conv1D(5, 4), layers.Dense(3, activation="tanh")],
    "noise": lambda: [
        layers.GaussianNoise(0.1),
        layers.Conv1D(5, 4),
        layers.SpatialDropout1D(0.2),
        layers.Dropout(0.5),
        layers.Flatten(),
        layers.GaussianDropout(0.1),
        layers.Dense(2),
    ],
    "classifier": lambda: [
        layers.Conv1D(5, 4, activation="relu"),
        layers.MaxPooling1D(2),
        layers.Flatten(),
        layers.Dense(6, activation="elu"),
        layers.Dense(2, activation="sigmoid", use_bias=False),
    ],
    "flatten channels first": lambda: [
        layers.Conv1D(5, 4),
        layers.Permute((2, 1)),
        layers.Flatten(),
        layers.Dense(3),
    ],
    "reshape flattens": lambda: [layers.Conv1D(5, 4), layers.Reshape((-1,)), layers.Dense(3)],
    "2-D inside": lambda: [
        layers.Reshape((LENGTH, 1, 4)),
        layers.Conv2D(5, (4, 1), padding="same", activation="relu"),
        layers.MaxPooling2D((3, 1), padding="same"),
        layers.BatchNormalization(),
        layers.Permute((2, 1, 3)),
        layers.Conv2D(4, (1, 3), strides=(1, 2)),
        layers.AveragePooling2D((1, 2)),
        layers.SpatialDropout2D(0.1),
        layers.Flatten(),
        layers.Dense(2),
    ],
    "2-D wide over the dummy axis": lambda: [
        layers.Reshape((1, LENGTH, 4)),
        layers.Conv2D(5, (3, 4), padding="same"),
        layers.MaxPooling2D(2, padding="same"),
        layers.Conv2D(3, (2, 3), padding="same"),
        layers.Conv2D(3, (3, 2), padding="same", dilation_rate=2),
    ],
}


@pytest.mark.parametrize("form", UNDERSTOOD)
def test_every_layer_form_computes_what_keras_computes(form: str, tmp_path: Path) -> None:
    model = read(sequential(*UNDERSTOOD[form]()), tmp_path)
    assert opaque_nodes(model) == []
    assert set(model.graph.outputs) <= set(assert_faithful(model))
    assert model.runtime.device in ("cpu", "gpu")


LAYOUTS: dict[str, tuple[tuple[int, ...], list[Any]]] = {
    "NLC": ((LENGTH, 4), [layers.Conv1D(5, 3)]),
    "NCL": ((4, LENGTH), [layers.Permute((2, 1)), layers.Conv1D(5, 3)]),
    "NL1C": ((LENGTH, 1, 4), [layers.Conv2D(5, (3, 1)), layers.MaxPooling2D((2, 1))]),
    "N1LC": ((1, LENGTH, 4), [layers.Conv2D(5, (1, 3)), layers.AveragePooling2D((1, 2))]),
    "NLC1": ((LENGTH, 4, 1), [layers.Conv2D(5, (3, 4)), layers.Conv2D(3, (2, 1))]),
    "NCL1": ((4, LENGTH, 1), [layers.Conv2D(5, (4, 3), strides=(1, 2)), layers.ReLU()]),
}


@pytest.mark.parametrize("axes", LAYOUTS)
def test_input_layout_is_inferred(axes: str, tmp_path: Path) -> None:
    shape, stack = LAYOUTS[axes]
    model = read(sequential(*stack, layers.Flatten(), layers.Dense(2), shape=shape), tmp_path)
    assert (model.layout.axes, model.layout.length) == (axes, LENGTH)
    assert opaque_nodes(model) == []
    assert_faithful(model)


def test_free_axes_are_told_apart_by_the_kernel(tmp_path: Path) -> None:
    for axes, kernel in {"NL1C": (3, 1), "N1LC": (1, 3)}.items():
        network = sequential(layers.Conv2D(5, kernel), shape=(None, None, 4))
        model = read(network, tmp_path)
        assert (model.layout.axes, model.layout.length) == (axes, None)
        assert_faithful(model)


def test_given_axes_and_alphabet_are_kept(tmp_path: Path) -> None:
    path = saved(sequential(layers.Conv1D(5, 3), shape=(None, 4)), tmp_path)
    layout = read_keras(path, InputRequest(axes="NLC", alphabet="AGCT")).layout
    assert (layout.axes, layout.channel_of_base) == ("NLC", [0, 2, 1, 3])
    with pytest.raises(ModelError, match=r"laid out NC1L.*'sequence' \(any, any, 4\)"):
        read_keras(path, InputRequest(axes="NC1L"))


@st.composite
def stacks(draw: st.DrawFn) -> tuple[list[Callable[[], Any]], int | None, int]:
    """Draw makers of layers, the declared length (None: any), and the length to run at."""
    fixed = draw(st.booleans())
    paddings = ["valid", "same", "causal"]
    stack: list[Callable[[], Any]] = []
    for _ in range(draw(st.integers(1, 3))):
        stride = draw(st.integers(1, 3))
        convolution = partial(
            layers.Conv1D,
            draw(st.integers(1, 4)),
            draw(st.integers(1, 5)),
            padding=draw(st.sampled_from(paddings)),
            strides=stride,
            dilation_rate=draw(st.integers(1, 3)) if stride == 1 else 1,
            use_bias=draw(st.booleans()),
            activation=draw(st.sampled_from([None, "relu", "gelu"])),
        )
        stack.append(convolution)
        if draw(st.booleans()):
            stack.append(layers.BatchNormalization)
        if draw(st.booleans()):
            kind = draw(st.sampled_from([layers.MaxPooling1D, layers.AveragePooling1D]))
            padding = draw(st.sampled_from(["valid", "same"]))
            step = draw(st.integers(1, 3))
            stack.append(partial(kind, draw(st.integers(1, 4)), step, padding=padding))
    length = draw(st.integers(10, 70))
    return stack, (length if fixed else None), length


@given(stacks())
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_random_stacks(tmp_path: Path, drawn: tuple[list[Any], int | None, int]) -> None:
    stack, declared, length = drawn
    try:
        network = sequential(*(make() for make in stack), shape=(declared, 4))
    except ValueError:  # Keras itself refuses what does not fit the length
        assume(False)
    assume(all(0 not in layer.output.shape for layer in network.layers))
    try:
        model = read(network, tmp_path, InputRequest(length=length))
    except ModelError as error:
        assume("another --length" not in str(error))
        raise
    assert opaque_nodes(model) == []
    assert_faithful(model, length)


@given(st.integers(1, 60), st.integers(1, 9), st.integers(1, 5), st.integers(1, 4))
def test_same_padding_gives_the_rounded_up_length(
    length: int, kernel: int, stride: int, dilation: int
) -> None:
    left, right = same_padding(length, kernel, stride=stride, dilation=dilation)
    span = (kernel - 1) * dilation + 1
    assert (length + left + right - span) // stride + 1 == -(-length // stride)
    assert 0 <= right - left <= 1
    if length % stride == 0 and length >= span:
        assert same_padding(None, kernel, stride=stride, dilation=dilation) == (left, right)


def residual_network() -> Any:
    x = keras.Input((40, 4), name="sequence")
    stem = layers.Conv1D(6, 5, padding="same", name="stem")(x)
    branch = layers.BatchNormalization()(stem)
    branch = layers.Activation("relu")(branch)
    branch = layers.Conv1D(6, 3, padding="same", dilation_rate=2, name="dilated")(branch)
    merged = layers.Add()([stem, branch])
    merged = keras.ops.relu(merged) + stem
    side = layers.Conv1D(3, 7, padding="same", activation="silu", name="side")(x)
    joined = layers.Concatenate()([merged, keras.ops.gelu(side)])
    pooled = layers.MaxPooling1D(4)(joined)
    heads = [layers.Dense(2, name="profile")(pooled), layers.Flatten()(pooled)]
    return randomise(keras.Model(x, {"a": heads[0], "b": layers.Dense(1)(heads[1])}))


def test_branches_merges_and_two_outputs(tmp_path: Path) -> None:
    model = read(residual_network(), tmp_path)
    assert opaque_nodes(model) == []
    assert len(model.graph.outputs) == 2
    assert kinds(model).count("Add") == 2
    assert {"gelu_tanh", "silu", "relu"} == {
        node.function for node in model.graph if isinstance(node, Activation)
    }
    assert set(model.graph.outputs) <= set(assert_faithful(model, 40))


def nested_network() -> Any:
    """A model for any length that holds another, called twice; layer names are repeated."""
    block = keras.Sequential(
        [
            keras.Input((None, 4)),
            layers.Conv1D(4, 3, activation="relu", strides=2, padding="same", name="conv"),
            layers.BatchNormalization(name="norm"),
        ],
        name="block",
    )
    inner_input = keras.Input((None, 4))
    inner_output = block(layers.Conv1D(4, 2, name="conv")(inner_input))
    inner = keras.Model(inner_input, inner_output, name="inner")
    x = keras.Input((41, 4), name="sequence")
    flat = layers.Flatten()(layers.Conv1D(2, 3, name="conv")(inner(inner(x))))
    return randomise(keras.Model(x, layers.Dense(1)(flat)))


def test_nested_models_and_shared_layers(tmp_path: Path) -> None:
    model = read(nested_network(), tmp_path)
    assert opaque_nodes(model) == []
    found = [model.graph[layer.convolution] for layer in find_layers(model.graph)]
    inner = ["inner/conv", "inner/block/conv"]
    assert [node.source for node in found] == [*inner, *inner, "conv"]
    # The inner models are declared for any length; the strides meet 40 and 19 positions.
    assert [node.length for node in found] == [40, 20, 19, 10, 8]
    assert len({node.name for node in model.graph}) == len(model.graph.nodes)
    assert_faithful(model, 41)


def test_fused_activation_is_tapped_before_it(tmp_path: Path) -> None:
    network = sequential(layers.Conv1D(6, 4, activation="relu"), layers.Conv1D(2, 3))
    model = read(network, tmp_path)
    (first, _) = find_layers(model.graph)
    assert (first.value, first.activation) == (first.convolution, "relu")
    assert isinstance(model.graph[first.value], Convolution)
    inputs = model.layout.to_file(sequences(LENGTH))
    (values,) = model.runtime.tap(inputs, [model.taps[first.value]])
    assert values.min() < 0
    kernel, bias = network.layers[0].get_weights()
    assert values[1, 3] == pytest.approx(
        np.einsum("tc,tcf->f", inputs[1, 3:7], kernel) + bias, abs=1e-5
    )


def test_half_precision_training_is_read_in_full_precision(tmp_path: Path) -> None:
    stack = [
        layers.Conv1D(6, 4, activation="relu", dtype="mixed_float16"),
        layers.BatchNormalization(dtype="mixed_float16"),
        layers.Flatten(dtype="mixed_float16"),
        layers.Dense(2, dtype="mixed_float16"),
    ]
    model = read(sequential(*stack), tmp_path)
    assert_faithful(model)


def opaque_network(layer: Any) -> Any:
    return sequential(layers.Conv1D(6, 4), layer, layers.Conv1D(2, 1, name="late"))


OPAQUE = {
    "UpSampling1D": lambda: layers.UpSampling1D(2, name="odd"),
    "Conv1DTranspose": lambda: layers.Conv1DTranspose(3, 2, name="odd"),
    "BatchNormalization": lambda: layers.BatchNormalization(axis=1, name="odd"),
    "PReLU": lambda: layers.PReLU(name="odd"),
    "UnitNormalization": lambda: layers.UnitNormalization(name="odd"),
    "Conv1D activation": lambda: layers.Conv1D(3, 2, activation="log_softmax", name="odd"),
}


@pytest.mark.parametrize("operation", OPAQUE)
def test_what_is_not_understood_is_opaque_and_named(operation: str, tmp_path: Path) -> None:
    model = read(opaque_network(OPAQUE[operation]()), tmp_path)
    (node,) = opaque_nodes(model)
    assert (node.operation, node.source) == (operation, "odd")
    assert isinstance(model.graph["late"], Convolution)
    assert "late" not in [layer.convolution for layer in find_layers(model.graph)]
    assert_faithful(model)
    assert model.runtime.predict(model.layout.to_file(sequences(LENGTH)), batch_size=3)[0].size


def test_opaque_before_the_first_convolution_is_an_error(tmp_path: Path) -> None:
    network = sequential(layers.UpSampling1D(3, name="wider"), layers.Conv1D(4, 3, name="first"))
    with pytest.raises(UnsupportedOperationError, match=r"UpSampling1D.*'wider'.*'first'"):
        read(network, tmp_path)


def test_convolution_along_the_wrong_axis_is_an_error(tmp_path: Path) -> None:
    network = sequential(layers.Conv2D(4, (3, 3), padding="same", name="first"), shape=(30, 4, 1))
    with pytest.raises(
        UnsupportedOperationError, match=r"'first'.*\(any, 30, 4, 1\).*channel axis"
    ):
        read(network, tmp_path)


def test_random_inference_is_opaque(tmp_path: Path) -> None:
    x = keras.Input((LENGTH, 4))
    y = layers.Dropout(0.5, name="always")(layers.Conv1D(3, 3)(x), training=True)
    (node,) = opaque_nodes(read(keras.Model(x, y), tmp_path))
    assert (node.source, "training=True" in node.reason) == ("always", True)


def test_second_input_is_left_aside(tmp_path: Path) -> None:
    x, y = keras.Input((LENGTH, 4), name="dna"), keras.Input((5,), name="signal")
    top = layers.Flatten()(layers.Conv1D(3, 3, name="conv")(x))
    network = randomise(keras.Model([y, x], layers.Dense(1)(layers.Concatenate()([top, y]))))
    model = read(network, tmp_path)
    assert model.layout.name == "dna"
    inputs = model.layout.to_file(sequences(LENGTH))
    (values,) = model.runtime.tap(inputs, [model.taps["conv"]])
    assert close(oracle(model.graph, inputs)["conv"], values)
    assert model.notes == ("input 'signal' is held at 0",)
    expected = network.predict([np.zeros((3, 5), np.float32), inputs], verbose=0)
    assert close(model.runtime.predict(inputs, batch_size=4)[0], expected)


def test_two_sequence_inputs_are_listed(tmp_path: Path) -> None:
    x, y = keras.Input((LENGTH, 4), name="forward"), keras.Input((LENGTH, 4), name="reverse")
    conv = layers.Conv1D(3, 3)
    network = keras.Model([x, y], layers.Add()([conv(x), conv(y)]))
    with pytest.raises(
        ModelError, match=r"2 one-hot inputs.*'forward' \(any, 23, 4\), 'reverse'.*--input"
    ):
        read(network, tmp_path)


def test_no_four_channel_input_or_no_convolution(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"4-channel input; found 'sequence' \(any, 23, 20\)"):
        read(sequential(layers.Conv1D(3, 3), shape=(LENGTH, 20)), tmp_path)
    with pytest.raises(ModelError, match=r"no convolution on its 4-channel.*found Flatten, Dense"):
        read(sequential(layers.Flatten(), layers.Dense(3)), tmp_path)


# ---- files ---------------------------------------------------------------------------------


def small_network() -> Any:
    x = keras.Input((LENGTH, 4), name="seqInput")
    y = layers.Conv1D(3, 5, name="conv1d_1")(x)
    y = layers.Activation("relu", name="activation_1")(y)
    y = layers.MaxPooling1D(2, name="pool_1")(y)
    y = layers.Flatten(name="flatten_1")(y)
    return randomise(keras.Model(x, layers.Dense(1, activation="sigmoid", name="dense_1")(y)))


def as_keras_2(path: Path, *, extra_layer: dict[str, Any] | None = None) -> Path:
    """Rewrite the architecture as Keras 2 wrote it."""
    network = small_network()
    described = []
    previous = None
    for layer in network.layers:
        config = json.loads(json.dumps(layer.get_config()))
        config["dtype"] = "float32"
        for key in ("optional", "quantization_config"):
            config.pop(key, None)
        if "batch_shape" in config:
            config["batch_input_shape"] = config.pop("batch_shape")
        for key, value in config.items():
            if isinstance(value, dict) and "class_name" in value:
                config[key] = {"class_name": value["class_name"], "config": value["config"]}
        described.append(
            {
                "name": layer.name,
                "class_name": type(layer).__name__,
                "config": config,
                "inbound_nodes": [[[previous, 0, 0, {}]]] if previous else [],
            }
        )
        previous = layer.name
    if extra_layer is not None:
        described.append({**extra_layer, "inbound_nodes": [[["pool_1", 0, 0, {}]]]})
    outputs = [[described[-1]["name"], 0, 0]]
    config = {
        "name": "model_1",
        "layers": described,
        "input_layers": [["seqInput", 0, 0]],
        "output_layers": outputs,
    }
    network.save(path)
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": config})
        file.attrs["keras_version"] = "2.3.1"
    return path


@pytest.mark.parametrize("name", ["model.h5", "model.hdf5", "model.keras"])
def test_every_format_gives_the_same_model(name: str, tmp_path: Path) -> None:
    network = small_network()
    model = read_keras(saved(network, tmp_path, name))
    understood = "Input Convolution Activation Pool Flatten Dense Activation"
    assert kinds(model) == understood.split()
    inputs = model.layout.to_file(sequences(LENGTH))
    expected = network.predict(inputs, verbose=0)
    assert close(model.runtime.predict(inputs, batch_size=2)[0], expected)
    assert_faithful(model)


def test_extension_does_not_decide(tmp_path: Path) -> None:
    archive, hdf5 = tmp_path / "archive.h5", tmp_path / "hdf5.keras"
    archive.write_bytes(saved(small_network(), tmp_path, "a.keras").read_bytes())
    hdf5.write_bytes(saved(small_network(), tmp_path, "b.h5").read_bytes())
    for path in (archive, hdf5):
        assert_faithful(read_keras(path))


def test_keras_2_file(tmp_path: Path) -> None:
    model = read_keras(as_keras_2(tmp_path / "old.h5"))
    assert [node.source for node in model.graph][:3] == ["seqInput", "conv1d_1", "activation_1"]
    assert isinstance(model.graph["pool_1"], Pool)
    assert isinstance(model.graph["flatten_1"], Flatten)
    assert_faithful(model)


@pytest.mark.parametrize("bare_list", [False, True])
def test_keras_2_sequential_file(bare_list: bool, tmp_path: Path) -> None:
    path = tmp_path / "old.h5"
    sequential(layers.Conv1D(3, 5, name="conv"), layers.Flatten(), layers.Dense(1)).save(path)
    with h5py.File(path, "r+") as file:
        stack = json.loads(file.attrs["model_config"])["config"]["layers"]
        assert stack.pop(0)["class_name"] == "InputLayer"
        stack[0]["config"]["batch_input_shape"] = [None, LENGTH, 4]
        config = stack if bare_list else {"name": "sequential_1", "layers": stack}
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": config})
    model = read_keras(path)
    assert model.layout.shape == (None, LENGTH, 4)
    assert_faithful(model)


def test_arguments_of_keras_2_are_dropped_from_a_copy(tmp_path: Path) -> None:
    path = tmp_path / "lstm.h5"
    sequential(layers.Conv1D(3, 5), layers.LSTM(2, name="lstm"), layers.Dense(1)).save(path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        stack = config["config"]["layers"]
        next(entry for entry in stack if entry["class_name"] == "LSTM")["config"]["time_major"] = (
            False
        )
        file.attrs["model_config"] = json.dumps(config)
    before = path.read_bytes()
    model = read_keras(path)
    assert [node.source for node in opaque_nodes(model)] == ["lstm"]
    assert path.read_bytes() == before


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def with_config(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Save the small network as .keras with a changed architecture."""
    source = saved(small_network(), path.parent, "unchanged.keras")
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    change(config)
    members["config.json"] = json.dumps(config).encode()
    return zipped(path, members)


def test_files_that_are_no_models(tmp_path: Path) -> None:
    whole = saved(small_network(), tmp_path).read_bytes()
    hdf5 = saved(small_network(), tmp_path, "model.h5").read_bytes()
    saved_weights = tmp_path / "model.weights.h5"
    small_network().save_weights(saved_weights)
    (tmp_path / "folder").mkdir()
    torch = io.BytesIO()
    with zipfile.ZipFile(torch, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"a": 1}))
    contents = {
        "empty.keras": (b"", "is empty"),
        "text.keras": (b"hello, this is text", "not a Keras model.*b'hello"),
        "text.h5": (b"hello, this is text", "not a Keras model"),
        "config.json": (b'{"class_name": "Functional"}', "architecture without weights"),
        "cut.keras": (whole[: len(whole) // 2], "truncated"),
        "cut.h5": (hdf5[: len(hdf5) // 2], "truncated"),
        "weights.h5": (saved_weights.read_bytes(), "architecture is missing"),
        "net.pt": (torch.getvalue(), r"without config.json.*PyTorch file\? Export it to .onnx"),
        "bomb.keras": (
            zipped(tmp_path / "b", {"config.json": b"{}" + b" " * 10**7}).read_bytes(),
            "would unpack",
        ),
        "broken.keras": (zipped(tmp_path / "c", {"config.json": b"{"}).read_bytes(), "JSON"),
    }
    for name, (content, message) in contents.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ModelError, match=message) as error:
            read_keras(path)
        assert name in str(error.value)
        assert "\n" not in str(error.value)
    with pytest.raises(ModelError, match=r"no such model file: .*absent\.keras"):
        read_keras(tmp_path / "absent.keras")
    with pytest.raises(ModelError, match=r"folder.*Keras 3 cannot load"):
        read_keras(tmp_path / "folder")


def test_keras_messages_become_one_short_line(tmp_path: Path) -> None:
    def unknown_argument(config: dict[str, Any]) -> None:
        config["config"]["layers"][1]["config"]["wibble"] = 3

    with pytest.raises(ModelError, match=r"Keras cannot load .*wibble") as error:
        read_keras(with_config(tmp_path / "changed.keras", unknown_argument))
    assert len(str(error.value)) < 500

    def more_filters(config: dict[str, Any]) -> None:
        config["config"]["layers"][1]["config"]["filters"] = 7

    with pytest.raises(ModelError, match="Keras cannot load") as error:
        read_keras(with_config(tmp_path / "mismatch.keras", more_filters))
    assert len(str(error.value)) < 500


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_code_in_a_file_is_not_run(name: str, tmp_path: Path) -> None:
    double = layers.Lambda(lambda x: x * 2, output_shape=(LENGTH - 3, 3), name="double")
    path = saved(sequential(layers.Conv1D(3, 4), double), tmp_path, name)
    with pytest.raises(ModelError, match=r"'double' \(Lambda\).*--trust-model"):
        read_keras(path)
    (node,) = opaque_nodes(read_keras(path, trust=True))
    assert (node.operation, node.source) == ("Lambda", "double")


def test_functions_that_reach_outside_are_refused(tmp_path: Path) -> None:
    def download(config: dict[str, Any]) -> None:
        config["config"]["layers"][2]["config"]["activation"] = {
            "module": "keras.utils",
            "class_name": "function",
            "config": "get_file",
            "registered_name": "get_file",
        }

    with pytest.raises(ModelError, match=r"'activation_1' names keras\.utils"):
        read_keras(with_config(tmp_path / "utils.keras", download))

    def shell(config: dict[str, Any]) -> None:
        config["config"]["layers"][2].update(module="subprocess", class_name="Popen")

    with pytest.raises(ModelError, match="'activation_1' is of the custom class 'Popen'"):
        read_keras(with_config(tmp_path / "shell.keras", shell))


def test_weights_outside_the_file_are_refused(tmp_path: Path) -> None:
    path = saved(small_network(), tmp_path, "model.h5")
    with h5py.File(path, "r+") as file:
        group = file["model_weights/conv1d_1"]
        group["stolen"] = h5py.ExternalLink("/etc/secret.h5", "/data")
    with pytest.raises(ModelError, match="data outside the file"):
        read_keras(path)


def test_custom_layers_are_named(tmp_path: Path) -> None:
    class Gate(layers.Layer):
        def call(self, x: Any) -> Any:
            return x

    network = sequential(layers.Conv1D(3, 4), Gate(name="attend"))
    for name in ("custom.keras", "custom.h5"):
        path = saved(network, tmp_path, name)
        with pytest.raises(ModelError, match="'attend' is of the custom class 'Gate'"):
            read_keras(path)
        with keras.saving.custom_object_scope({"Gate": Gate}):
            (node,) = opaque_nodes(read_keras(path))
        assert (node.operation, node.source) == ("Gate", "attend")


def test_tensorflow_operations_of_keras_2_are_named(tmp_path: Path) -> None:
    extra = {
        "name": "tf.math.multiply",
        "class_name": "TFOpLambda",
        "config": {"name": "tf.math.multiply", "function": "math.multiply"},
    }
    path = as_keras_2(tmp_path / "old.h5", extra_layer=extra)
    with pytest.raises(ModelError, match=r"'tf\.math\.multiply'.*export the model to \.onnx"):
        read_keras(path)
