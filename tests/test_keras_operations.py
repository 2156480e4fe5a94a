"""Every form of Keras layer and operation: the graph against Keras's own sub-models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_files import (
    LENGTH,
    assert_faithful,
    close,
    kinds,
    opaque_nodes,
    randomise,
    read,
    sequences,
    sequential,
)

from neuroninterp.backend import import_keras
from neuroninterp.errors import ModelError
from neuroninterp.fields import Trunk, survey
from neuroninterp.graph import (
    Activation,
    Constant,
    Convolution,
    Pool,
    Reverse,
    Take,
    find_layers,
)
from neuroninterp.measurement.tangents import tangents
from neuroninterp.models.layout import InputRequest
from neuroninterp.models.reference import reference_length
from neuroninterp.models.runtime import ReadModel

keras = import_keras()
layers, ops = keras.layers, keras.ops

Make = Callable[[Any], Any]


def functional(make: Make, shape: tuple[int | None, ...] = (LENGTH, 4)) -> Any:
    """Wrap a function of the input tensor; a convolution first, so that channels are many."""
    x = keras.Input(shape, name="sequence")
    return randomise(keras.Model(x, make(x)))


def stem(x: Any, filters: int = 6) -> Any:
    return layers.Conv1D(filters, 4, name="stem")(x)


def late(x: Any) -> Any:
    return layers.Conv1D(2, 3, name="late")(x)


FIRST = {"data_format": "channels_first"}


def channels_first(x: Any) -> Any:
    y = layers.Permute((2, 1))(x)
    y = layers.ZeroPadding1D((1, 2), **FIRST)(y)
    y = layers.Conv1D(6, 4, strides=2, padding="same", activation="relu", **FIRST)(y)
    y = layers.Conv1D(6, 3, dilation_rate=2, padding="causal", groups=2, **FIRST)(y)
    y = layers.BatchNormalization(axis=1)(y)
    y = layers.LayerNormalization(axis=1)(y)
    y = layers.PReLU(shared_axes=[2])(y)
    y = layers.SeparableConv1D(5, 3, **FIRST)(y)
    y = layers.DepthwiseConv1D(2, depth_multiplier=2, **FIRST)(y)
    y = layers.MaxPooling1D(2, padding="same", **FIRST)(y)
    y = layers.SpatialDropout1D(0.2)(y)
    y = layers.Softmax(axis=1)(y)
    return layers.Dense(2)(layers.Flatten()(y))


def channels_first_2d(x: Any) -> Any:
    y = layers.Conv2D(5, (1, 4), activation="softplus", **FIRST)(layers.Permute((3, 1, 2))(x))
    y = layers.Cropping2D(((0, 0), (2, 1)), **FIRST)(y)
    y = layers.AveragePooling2D((1, 2), **FIRST)(y)
    y = layers.GlobalAveragePooling2D(**FIRST)(y)
    return layers.Dense(3)(y)


def squeeze_and_excite(x: Any) -> Any:
    y = stem(x)
    gate = layers.GlobalAveragePooling1D()(y)
    gate = layers.Dense(3, activation="relu")(gate)
    gate = layers.Dense(6, activation="sigmoid")(layers.Reshape((1, 3))(gate))
    return late(layers.Multiply()([y, gate]))


def merges(x: Any) -> Any:
    a, b = layers.Conv1D(5, 3, name="a")(x), layers.Conv1D(5, 3, name="b")(x)
    c = layers.Conv1D(1, 3, activation="sigmoid", name="c")(x)
    joined = [
        layers.Subtract()([a, b]),
        layers.Average()([a, b, a]),
        layers.Maximum()([a, b]),
        layers.Minimum()([a, b]),
        layers.Multiply()([a, b, c]),
        ops.subtract(a, b),
        ops.maximum(a, b),
        ops.minimum(a, b),
        ops.add(a, c),
        a * c,
    ]
    return late(layers.Concatenate()(joined))


def constants(x: Any) -> Any:
    y = stem(x)
    y = (2.0 - y) * np.linspace(0.5, 2.0, 6, dtype=np.float32) + 0.25
    y = ops.subtract(ops.divide(y, 3.0), np.full((1, 1, 6), 0.5, np.float32))
    y = late(ops.maximum(-y, 0.0))
    return ops.minimum(ops.maximum(y, -0.5), 0.75)


def axes_and_back(x: Any) -> Any:
    y = ops.transpose(stem(x), (0, 2, 1))
    y = ops.swapaxes(ops.expand_dims(y, 1), 1, 3)
    y = layers.Conv2D(5, (1, 1), **FIRST)(ops.moveaxis(ops.moveaxis(y, 2, 1), 3, 2))
    return ops.reshape(ops.squeeze(y, 2), (-1, 5 * 20))


def slices(x: Any) -> Any:
    y = stem(x)
    pieces = [y[:, 2:-3:3][:, :5], ops.flip(y, axis=1)[:, :5], y[..., -5:, :]]
    pieces.append(y[:, 14::-3][:, :5, ::-1])
    y = layers.Concatenate()([*pieces, ops.take(y, [3, 0, 3], axis=2)[:, 5:10]])
    first, second = ops.split(late(y), 2, axis=-1)
    return ops.concatenate([first, second[:, :, 0][:, :, None]], axis=-1)


def padded(x: Any) -> Any:
    y = layers.Cropping1D((2, 1))(layers.ZeroPadding1D(5)(stem(x)))
    y = ops.pad(y, ((0, 0), (1, 2), (0, 0)), constant_values=0.5)
    y = ops.pad(y, ((0, 0), (3, 0), (0, 0)), mode="reflect")
    return late(ops.pad(y, ((0, 0), (0, 2), (0, 0)), mode="symmetric"))


def padded_2d(x: Any) -> Any:
    y = layers.Conv2D(5, (1, 3))(layers.ZeroPadding2D(((0, 0), (2, 3)))(x))
    y = layers.Cropping2D(((0, 0), (1, 0)))(y)
    y = layers.SeparableConv2D(4, (1, 3), depth_multiplier=2, padding="same")(y)
    y = layers.DepthwiseConv2D((1, 3), depth_multiplier=2, strides=1, activation="selu")(y)
    return layers.Dense(2)(layers.GlobalMaxPooling2D(keepdims=True)(y))


UNDERSTOOD: dict[str, tuple[Make, tuple[int | None, ...]]] = {
    "channels first": (channels_first, (LENGTH, 4)),
    "channels first 2-D": (channels_first_2d, (1, LENGTH, 4)),
    "squeeze and excite": (squeeze_and_excite, (LENGTH, 4)),
    "merges": (merges, (LENGTH, 4)),
    "constants": (constants, (LENGTH, 4)),
    "axes": (axes_and_back, (LENGTH, 4)),
    "slices": (slices, (LENGTH, 4)),
    "paddings": (padded, (LENGTH, 4)),
    "paddings 2-D": (padded_2d, (1, LENGTH, 4)),
}


@pytest.mark.parametrize("form", UNDERSTOOD)
def test_functional_forms_compute_what_keras_computes(form: str, tmp_path: Path) -> None:
    make, shape = UNDERSTOOD[form]
    model = read(functional(make, shape), tmp_path)
    assert opaque_nodes(model) == []
    assert set(model.graph.outputs) <= set(assert_faithful(model))


STACKS: dict[str, Callable[[], list[Any]]] = {
    "separable": lambda: [
        layers.SeparableConv1D(5, 4, depth_multiplier=3, dilation_rate=2, activation="mish"),
        layers.SeparableConv1D(4, 3, strides=2, padding="same", use_bias=False),
    ],
    "depthwise": lambda: [
        layers.DepthwiseConv1D(4, depth_multiplier=3, dilation_rate=2, padding="same"),
        layers.DepthwiseConv1D(3, strides=2, activation="hard_silu"),
    ],
    "strided dilated groups": lambda: [
        layers.Conv1D(6, 3, groups=2, strides=2, activation="relu6"),
        layers.Conv1D(6, 2, groups=6, dilation_rate=3),
    ],
    "layer normalization": lambda: [
        layers.Conv1D(5, 4),
        layers.LayerNormalization(),
        layers.LayerNormalization(center=False, scale=False, epsilon=0.1),
        layers.RMSNormalization(),
        layers.Conv1D(2, 3),
    ],
    "scalings": lambda: [
        layers.Rescaling(0.5, offset=-0.25),
        layers.Conv1D(3, 4),
        layers.Normalization(mean=[0.5, -1.0, 2.0], variance=[2.0, 0.5, 1.5]),
        layers.Normalization(mean=0.5, variance=2.0, invert=True, axis=None),
        layers.ReLU(),
    ],
    "global pooling": lambda: [
        layers.Conv1D(5, 4),
        layers.GlobalMaxPooling1D(keepdims=True),
        layers.Conv1D(3, 1),
        layers.GlobalAveragePooling1D(),
        layers.BatchNormalization(),
        layers.Flatten(),
        layers.Dense(2),
    ],
    "each position": lambda: [
        layers.Conv1D(5, 4),
        layers.TimeDistributed(layers.Dense(3, activation="tanh")),
        layers.TimeDistributed(layers.Activation("relu")),
    ],
    "flatten channels first": lambda: [
        layers.Conv1D(5, 4),
        layers.Flatten(data_format="channels_first"),
        layers.Dense(2),
    ],
}


@pytest.mark.parametrize("form", STACKS)
def test_stacks_compute_what_keras_computes(form: str, tmp_path: Path) -> None:
    model = read(sequential(*STACKS[form]()), tmp_path)
    assert opaque_nodes(model) == []
    assert set(model.graph.outputs) <= set(assert_faithful(model))


def test_separable_convolution_is_one_layer(tmp_path: Path) -> None:
    model = read(sequential(layers.SeparableConv1D(5, 4, depth_multiplier=3)), tmp_path)
    assert kinds(model) == ["Input", "Convolution"]
    (node,) = [node for node in model.graph if isinstance(node, Convolution)]
    assert (node.kernel.shape, node.groups) == ((4, 4, 5), 1)


# ---- activations ---------------------------------------------------------------------------


NAMED = ["hard_sigmoid", "hard_silu", "mish", "relu6", "selu", "softsign", "celu", "hard_tanh"]
NAMED += ["log_sigmoid", "squareplus", "soft_shrink", "tanh_shrink"]


@pytest.mark.parametrize("name", NAMED)
def test_activations_in_fused_layer_and_functional_form(name: str, tmp_path: Path) -> None:
    def make(x: Any) -> Any:
        y = layers.Conv1D(3, 4, activation=name)(x)
        y = layers.Activation(name)(layers.Conv1D(3, 3)(y))
        y = layers.Conv1D(3, 3)(y)
        return layers.Flatten()(getattr(ops, name)(y) if hasattr(ops, name) else y)

    model = read(functional(make), tmp_path)
    assert opaque_nodes(model) == []
    found = [node for node in model.graph if isinstance(node, Activation)]
    rectified = name in {"hard_silu", "mish", "relu6", "selu", "celu", "squareplus"}
    assert [node.rectified for node in found[:2]] == [rectified] * 2
    assert_faithful(model)


RELU_SETTINGS = [
    ({"max_value": 1.0}, ["clip"]),
    ({"max_value": 1.0, "negative_slope": 0.1}, ["leaky_relu", "clip"]),
    ({"threshold": 1e-6}, ["thresholded_relu"]),
    ({"threshold": 0.3, "negative_slope": 0.1, "max_value": 2.0}, ["custom"]),
]


@pytest.mark.parametrize(("settings", "functions"), RELU_SETTINGS)
def test_relu_settings(settings: dict[str, float], functions: list[str], tmp_path: Path) -> None:
    model = read(sequential(layers.Conv1D(5, 4), layers.ReLU(**settings)), tmp_path)
    found = [node for node in model.graph if isinstance(node, Activation)]
    assert [node.function for node in found] == functions
    assert found[0].rectified
    assert_faithful(model)


@keras.saving.register_keras_serializable("tests")
def shifted_square(x: Any) -> Any:
    return ops.square(ops.relu(x)) - 0.01


@keras.saving.register_keras_serializable("tests")
def exponential_twice(x: Any) -> Any:
    return ops.exp(x) * 2.0


@keras.saving.register_keras_serializable("tests")
def centred(x: Any) -> Any:
    return x - ops.mean(x, axis=-1, keepdims=True)


@keras.saving.register_keras_serializable("tests")
def ramped(x: Any) -> Any:
    return x * ops.arange(x.shape[-1], dtype="float32")


@keras.saving.register_keras_serializable("tests")
def below_the_largest(x: Any) -> Any:
    return x - ops.max(x)


def test_registered_activations(tmp_path: Path) -> None:
    stack = [layers.Conv1D(5, 4, activation=shifted_square), layers.Activation(exponential_twice)]
    model = read(sequential(*stack, layers.Conv1D(2, 2)), tmp_path)
    found = [node for node in model.graph if isinstance(node, Activation)]
    assert [(n.function, n.rectified) for n in found] == [("custom", True), ("custom", False)]
    assert_faithful(model)


@pytest.mark.parametrize("function", [centred, ramped, below_the_largest])
def test_activations_that_are_not_elementwise_are_opaque(function: Make, tmp_path: Path) -> None:
    model = read(sequential(layers.Conv1D(5, 4, activation=function, name="odd")), tmp_path)
    (node,) = opaque_nodes(model)
    assert node.source == "odd"
    assert node.reason == f"activation {function.__name__!r}, which is not elementwise"
    assert_faithful(model)


def test_other_elementwise_operations(tmp_path: Path) -> None:
    def snake(x: Any) -> Any:
        y = stem(x)
        return late(y + ops.square(ops.sin(y)))

    model = read(functional(snake), tmp_path)
    assert opaque_nodes(model) == []
    assert_faithful(model)


def test_steps_and_constants_have_no_slope(tmp_path: Path) -> None:
    def stepped(x: Any) -> Any:
        y = ops.floor(3 * stem(x))
        return late(ops.concatenate([y, ops.zeros_like(y) + 1.5], axis=-1))

    model = read(functional(stepped), tmp_path)
    assert opaque_nodes(model) == []
    assert_faithful(model)
    one_hot = sequences(LENGTH, 2)
    direction = np.zeros_like(one_hot)
    direction[:, 7, 2] = 1
    targets = [layer.value for layer in find_layers(model.graph)]
    slopes = tangents(model.graph, one_hot, direction, targets)
    assert [bool(slopes[name].any()) for name in targets] == [True, False]


def test_slopes_of_a_prelu(tmp_path: Path) -> None:
    network = sequential(layers.Conv1D(5, 4), layers.PReLU(shared_axes=[1], name="prelu"))
    model = read(network, tmp_path)
    (node,) = [node for node in model.graph if isinstance(node, Activation)]
    assert np.array_equal(node.alpha, network.get_layer("prelu").get_weights()[0][0])
    assert_faithful(model)
    own = read(sequential(layers.Conv1D(5, 4), layers.PReLU(name="odd")), tmp_path)
    assert "differ along axis 1 (L)" in opaque_nodes(own)[0].reason


# ---- what sees everything, and what is not understood ----------------------------------------


WHOLE: dict[str, Make] = {
    "LSTM": lambda y: layers.LSTM(3, return_sequences=True, name="odd")(y),
    "Bidirectional": lambda y: layers.Bidirectional(
        layers.GRU(2, return_sequences=True), name="odd"
    )(y),
    "MultiHeadAttention": lambda y: layers.MultiHeadAttention(2, 3, name="odd")(y, y),
    "Attention": lambda y: layers.Attention(name="odd")([y, y]),
    "LayerNormalization": lambda y: layers.LayerNormalization(axis=[1, 2], name="odd")(y),
    "GroupNormalization": lambda y: layers.GroupNormalization(2, name="odd")(y),
    "UnitNormalization": lambda y: layers.UnitNormalization(axis=1, name="odd")(y),
    "Softmax": lambda y: layers.Softmax(axis=1, name="odd")(y),
    "Dense": lambda y: layers.Permute((2, 1))(
        layers.Dense(7, name="odd")(layers.Permute((2, 1))(y))
    ),
    "Reshape": lambda y: layers.Reshape((10, 3), name="odd")(layers.Dense(30)(layers.Flatten()(y))),
    "RepeatVector": lambda y: layers.RepeatVector(9, name="odd")(layers.GlobalMaxPooling1D()(y)),
    "Dot": lambda y: layers.Dot(2, name="odd")([y, y]),
}


@pytest.mark.parametrize("operation", WHOLE)
def test_what_sees_the_whole_sequence(operation: str, tmp_path: Path) -> None:
    model = read(functional(lambda x: late(WHOLE[operation](stem(x)))), tmp_path)
    (node,) = opaque_nodes(model)
    assert (node.operation, node.source, node.whole_sequence) == (operation, "odd", True)
    found = survey(model.graph)
    assert [layer.name for layer in found.layers] == ["stem"]
    assert [(b.name, b.number, b.whole_sequence) for b in found.blocked] == [("late", 2, True)]
    assert_faithful(model)


def test_gates_block_what_follows_them(tmp_path: Path) -> None:
    found = survey(read(functional(squeeze_and_excite), tmp_path).graph)
    assert [layer.name for layer in found.layers] == ["stem"]
    assert found.blocked[0].whole_sequence
    assert (
        "'late' sees the whole sequence, through operation 'GlobalPool'" in found.blocked[0].reason
    )


def test_one_position_spread_over_all_has_no_window(tmp_path: Path) -> None:
    def make(x: Any) -> Any:
        narrow = layers.Conv1D(6, LENGTH, name="narrow")(x)
        return late(layers.Multiply(name="odd")([stem(x), narrow]))

    (node,) = opaque_nodes(read(functional(make), tmp_path))
    assert (node.source, node.whole_sequence) == ("odd", True)
    assert node.reason == "it spreads one position over all"


REFUSED: dict[str, tuple[Make, str]] = {
    "Conv1D activation": (
        lambda y: layers.Conv1D(5, 2, activation=layers.PReLU(shared_axes=[1]), name="odd")(y),
        "activation 'PReLU'",
    ),
    "UpSampling1D": (lambda y: layers.UpSampling1D(2, name="odd")(y), ""),
    "Conv1DTranspose": (lambda y: layers.Conv1DTranspose(3, 2, name="odd")(y), ""),
    "UnitNormalization": (
        lambda y: layers.UnitNormalization(name="odd")(y),
        "it scales the channels to length 1",
    ),
    "Concatenate": (
        lambda y: layers.Concatenate(axis=1, name="odd")([y, y]),
        "it concatenates along 'L' of NLC",
    ),
    "Reshape": (
        lambda y: layers.Reshape((10, 12), name="odd")(y),
        "it reshapes (None, 20, 6) to (None, 10, 12)",
    ),
    "Multiply": (
        lambda y: layers.Multiply(name="odd")(
            [y, layers.Permute((2, 1))(layers.Conv1D(20, 15)(y))]
        ),
        "it merges tensors laid out NCL, NLC",
    ),
}


@pytest.mark.parametrize("operation", REFUSED)
def test_what_is_not_understood_names_the_setting(operation: str, tmp_path: Path) -> None:
    make, reason = REFUSED[operation]
    model = read(functional(lambda x: late(make(stem(x)))), tmp_path)
    (node,) = opaque_nodes(model)
    assert (node.operation, node.source, node.whole_sequence) == (operation, "odd", False)
    assert node.reason == reason
    assert "late" not in [layer.name for layer in survey(model.graph).layers]


def test_comparisons_are_refused_by_name(tmp_path: Path) -> None:
    model = read(functional(lambda x: late(ops.cast(stem(x) > 0.2, "float32"))), tmp_path)
    assert "Greater" in [node.operation for node in opaque_nodes(model)]
    assert "operation 'Greater'" in survey(model.graph).blocked[0].reason


def test_a_layer_as_activation_keeps_its_axis(tmp_path: Path) -> None:
    softmax = layers.Softmax(axis=1)
    model = read(functional(lambda x: late(layers.Conv1D(5, 2, activation=softmax)(x))), tmp_path)
    (blocked,) = survey(model.graph).blocked
    assert (blocked.name, blocked.whole_sequence) == ("late", True)
    assert "normalises axis 1" in blocked.reason


def test_convolutions_that_are_no_layers_are_named(tmp_path: Path) -> None:
    def head(x: Any) -> Any:
        y = stem(x)
        last = layers.Conv1D(3, 2, name="across")(layers.Permute((2, 1))(y))
        return [layers.Conv1DTranspose(3, 2, name="profile")(y), last]

    notes = read(functional(head), tmp_path).notes
    assert sorted(notes) == [
        "convolution 'across' (Conv1D) is left out: it slides along axes 'C' of a tensor laid out "
        "NCL",
        "convolution 'profile' (Conv1DTranspose) is left out, because it is not understood",
    ]


# ---- reverse complement ----------------------------------------------------------------------


def reverse_complement(x: Any) -> Any:
    # Keras 3.12 builds a flip of two axes at once on TensorFlow, but cannot run it.
    return ops.flip(ops.flip(x, axis=1), axis=2)


def branches(x: Any) -> Any:
    shared = layers.Conv1D(5, 4, activation="relu", name="shared")
    forward, reverse = shared(x), shared(x[:, ::-1, ::-1])
    return layers.Dense(2)(layers.Flatten()(layers.Maximum()([forward, reverse])))


def stacked(x: Any) -> Any:
    y = ops.concatenate([x, reverse_complement(x)], axis=0)
    y = layers.Conv1D(5, 4, activation="relu", name="shared")(y)
    y = late(layers.MaxPooling1D(2)(y))
    forward, reverse = ops.split(layers.Dense(2)(layers.Flatten()(y)), 2, axis=0)
    return layers.Average()([forward, reverse])


@pytest.mark.parametrize("length", [LENGTH, None])
def test_shared_layer_on_both_strands_is_two_layers(length: int | None, tmp_path: Path) -> None:
    def make(x: Any) -> Any:
        return branches(x) if length else layers.Add()([both(x), both(reverse_complement(x))])

    both = layers.Conv1D(5, 4, activation="relu", name="shared")
    model = read(functional(make, (length, 4)), tmp_path)
    found = survey(model.graph)
    assert [layer.name for layer in found.layers] == ["shared", "shared"]
    assert sorted(layer.direction for layer in found.layers) == [-1, 1]
    assert [layer.receptive_field for layer in found.layers] == [4, 4]
    assert_faithful(model)


def test_two_axes_turned_round_at_once(tmp_path: Path) -> None:
    model = read(functional(lambda x: late(ops.flip(x, axis=(1, 2)))), tmp_path)
    turned = [node for node in model.graph if isinstance(node, Reverse | Take)]
    assert [type(node) for node in turned] == [Reverse, Take]
    assert turned[1].channels.tolist() == [3, 2, 1, 0]


def test_strands_stacked_on_the_batch(tmp_path: Path) -> None:
    model = read(functional(stacked), tmp_path)
    found = survey(model.graph)
    assert [layer.name for layer in found.layers] == ["shared", "late"]
    assert {model.taps[layer.value].stacked for layer in found.nodes} == {2}
    assert [node.operation for node in opaque_nodes(model)] == ["Split"]
    assert_faithful(model)
    assert len(model.runtime.predict(model.layout.to_file(sequences(LENGTH)), batch_size=2)[0]) == 3


# ---- inputs ----------------------------------------------------------------------------------


def test_more_than_four_channels(tmp_path: Path) -> None:
    network = sequential(layers.Conv1D(5, 4), layers.Flatten(), layers.Dense(1), shape=(LENGTH, 6))
    model = read(network, tmp_path, InputRequest(alphabet="AGCTN", background=0.75))
    assert (model.layout.channels, model.layout.alphabet) == (6, "AGCTN.")
    assert model.graph.input.channels == 6
    assert model.notes == ("channel 6 is no base and is held at 0.75",)
    assert_faithful(model)
    plain = read(network, tmp_path)
    assert plain.notes == ("channels 5-6 are no bases and are held at 0",)


def two_inputs(length: int | None = LENGTH) -> Any:
    """Like FactorNet: a shared convolution over both strands, and other tracks."""
    forward = keras.Input((length, 5), name="forward")
    reverse = keras.Input((length, 5), name="reverse")
    signal = keras.Input((length, 2), name="signal")
    cell = keras.Input((3,), name="cell")
    shared = layers.Conv1D(6, 4, padding="same", activation="relu", name="shared")
    joined = layers.Maximum()([shared(forward), shared(reverse)])
    joined = layers.Concatenate()([joined, signal])
    top = layers.GlobalMaxPooling1D()(layers.Conv1D(4, 3, name="late")(joined))
    head = layers.Dense(2)(layers.Concatenate()([top, cell]))
    return randomise(keras.Model([signal, forward, cell, reverse], head))


@pytest.mark.parametrize("length", [LENGTH, None])
def test_other_inputs_are_held(length: int | None, tmp_path: Path) -> None:
    network = two_inputs(length)
    held = {"signal": 0.5, "cell": -1.0}
    model = read(network, tmp_path, InputRequest(name="forward", held=held))
    assert model.layout.name == "forward"
    assert dict(model.layout.held) == {**held, "reverse": 0.0}
    assert model.notes[1:] == (
        "input 'signal' is held at 0.5",
        "input 'cell' is held at -1",
        "input 'reverse' is held at 0",
    )
    constants = {node.name: node for node in model.graph if isinstance(node, Constant)}
    assert constants["signal"].value.tolist() == [0.5, 0.5]
    assert constants["signal"].length == length
    assert [layer.name for layer in survey(model.graph).layers] == ["shared", "late"]
    at = model.layout.reference_length
    assert_faithful(model)
    inputs = model.layout.to_file(sequences(at))
    feeds = [np.full((3, at, 2), 0.5), inputs, np.full((3, 3), -1.0), np.zeros((3, at, 5))]
    expected = network.predict([f.astype(np.float32) for f in feeds], verbose=0)
    assert close(model.runtime.predict(inputs, batch_size=2)[0], expected)


def test_inputs_are_named_in_messages(tmp_path: Path) -> None:
    network = two_inputs()
    with pytest.raises(ModelError, match=r"2 one-hot inputs.*'forward' \(any, 23, 5\).*--input"):
        read(network, tmp_path)
    with pytest.raises(ModelError, match=r"no input 'dna'; it has 'signal' \(any, 23, 2\), "):
        read(network, tmp_path, InputRequest(name="dna"))
    with pytest.raises(ModelError, match=r"no other input 'cells' to hold at 2; it has 'signal'"):
        read(network, tmp_path, InputRequest(name="forward", held={"cells": 2.0}))
    with pytest.raises(ModelError, match=r"4-channel input; found 'signal' \(any, 23, 2\)"):
        read(network, tmp_path, InputRequest(name="signal"))


# ---- free length -----------------------------------------------------------------------------


def residual(context: int) -> Make:
    """Like SpliceAI: dilated residual blocks, then what the edges spoil is cropped."""

    def make(x: Any) -> Any:
        y = skip = layers.Conv1D(6, 1, name="in")(x)
        for number in (1, 2):
            z = layers.Activation("relu")(layers.BatchNormalization()(y))
            name = f"block{number}"
            z = layers.Conv1D(6, 5, dilation_rate=2 * number, padding="same", name=name)(z)
            y = layers.Add()([z, y])
        skip = layers.Add()([skip, layers.Conv1D(6, 1, name="skip")(y)])
        return layers.Conv1D(3, 1, activation="softmax", name="out")(
            layers.Cropping1D(context)(skip)
        )

    return make


def test_model_for_any_length(tmp_path: Path) -> None:
    model = read(functional(residual(12), (None, 4)), tmp_path)
    fields = {layer.name: layer.receptive_field for layer in survey(model.graph).layers}
    assert fields == {"in": 1, "block1": 9, "block2": 25, "skip": 25, "out": 25}
    assert (model.layout.length, model.layout.reference_length) == (None, 50)
    assert_faithful(model)
    longer = read(functional(residual(12), (None, 4)), tmp_path, InputRequest(length=61))
    assert (longer.layout.length, longer.layout.reference_length) == (None, 61)
    assert_faithful(longer)


def test_reference_length_is_on_the_coarsest_grid(tmp_path: Path) -> None:
    stack = [layers.Conv1D(4, 6, padding="same"), layers.MaxPooling1D(4), layers.Conv1D(3, 5)]
    model = read(sequential(*stack, layers.MaxPooling1D(3), shape=(None, 4)), tmp_path)
    # A field of 6 + 3 + 4·4 = 25 bp; steps of 4·3 bp.
    assert model.layout.reference_length == reference_length(model.graph) == 60
    long = [layers.Conv1D(1, 3, dilation_rate=2000), layers.Conv1D(1, 1, strides=7)]
    model = read(sequential(*long, shape=(None, 4)), tmp_path)
    assert model.layout.reference_length == -(-(4001 + 1000) // 7) * 7


def test_strided_same_padding_is_exact_at_the_reference_length(tmp_path: Path) -> None:
    stack = [layers.Conv1D(4, 5, strides=2, padding="same"), layers.Conv1D(3, 4, strides=3)]
    network = sequential(*stack, layers.MaxPooling1D(2, padding="same"), shape=(None, 4))
    for length in (40, 41, 43):
        model = read(network, tmp_path, InputRequest(length=length))
        assert opaque_nodes(model) == []
        assert_faithful(model, length)


def test_length_that_does_not_fit(tmp_path: Path) -> None:
    fixed = sequential(layers.Conv1D(4, 5))
    with pytest.raises(ModelError, match=r"reads 23 bp, not the 40 bp asked for"):
        read(fixed, tmp_path, InputRequest(length=40))
    free = functional(residual(12), (None, 4))
    with pytest.raises(ModelError, match=r"looked at 9 bp: layer 'cropping1d.*another --length"):
        read(free, tmp_path, InputRequest(length=9))


# ---- trunks ----------------------------------------------------------------------------------


def windows(model: ReadModel, position: int, layer: Any, codes: np.ndarray) -> np.ndarray:
    begin, end = layer.interval(position)
    assert 0 <= begin < end <= codes.shape[1]
    return np.ascontiguousarray(codes[:, begin:end])


@pytest.mark.parametrize("make", [residual(12), merges, slices, branches, padded])
def test_trunk_equals_keras_at_an_interior_position(make: Make, tmp_path: Path) -> None:
    model = read(functional(make, (80, 4)), tmp_path)
    codes = np.random.default_rng(3).integers(0, 4, (5, 80)).astype(np.uint8)
    inputs = model.layout.to_file(np.eye(4, dtype=np.float32)[codes])
    found = survey(model.graph)
    for layer, nodes in zip(found.layers, found.nodes, strict=True):
        (theirs,) = model.runtime.tap(inputs, [model.taps[nodes.value]])
        position = theirs.shape[1] // 2
        mine = Trunk(model.graph, nodes).values(windows(model, position, layer, codes))
        assert close(mine, theirs[:, position]), layer.name


def test_slices_with_a_step_are_pools(tmp_path: Path) -> None:
    model = read(functional(lambda x: late(stem(x)[:, 1:-1:2])), tmp_path)
    (pool,) = [node for node in model.graph if isinstance(node, Pool)]
    assert (pool.size, pool.stride) == (1, 2)
    layer = survey(model.graph).layers[1]
    # 3 taps, 2 bp apart, of windows of 4; the crop starts it 1 bp in.
    assert (layer.receptive_field, layer.jump, layer.start, layer.shifts) == (8, 2, 1, 1)
