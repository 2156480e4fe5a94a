"""Small Keras networks, each of one form, with random weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from neuroninterp.backend import import_keras

keras = import_keras()
layers = keras.layers

__all__ = [
    "ACTIVATIONS",
    "LENGTH",
    "NETWORKS",
    "conv",
    "head",
    "network",
    "randomised",
    "saved",
    "sequence",
]

LENGTH = 48

NETWORKS: dict[str, Callable[[], Any]] = {}
"""Makers of the networks by name."""


def randomised(model: Any, seed: int = 0) -> Any:
    """Give every weight a random value, so that a wrong or missing one shows."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if weight.dtype != "float32":
            continue
        if "variance" in weight.path:
            weight.assign(rng.uniform(0.5, 2.0, weight.shape))
        else:
            weight.assign(rng.normal(0.0, 0.4, weight.shape))
    return model


def saved(name: str, suffix: str = ".keras") -> Callable[[Path], Path]:
    """Return what writes one of the networks as ``model<suffix>``."""

    def build(folder: Path) -> Path:
        path = folder / f"model{suffix}"
        # Legacy .h5 files are what is asked for, whatever Keras would rather write.
        NETWORKS[name]().save(path)
        return path

    return build


def network(maker: Callable[[], Any]) -> Callable[[], Any]:
    """Register a maker; its model gets random weights."""
    NETWORKS[maker.__name__] = lambda: randomised(maker())
    return NETWORKS[maker.__name__]


def sequence(*shape: int | None, name: str = "dna") -> Any:
    return keras.Input(shape or (LENGTH, 4), name=name)


def conv(filters: int, kernel: Any, name: str, **options: Any) -> Any:
    kind = layers.Conv1D if isinstance(kernel, int) else layers.Conv2D
    return kind(filters, kernel, name=name, **options)


def head(x: Any) -> Any:
    return layers.Dense(2, activation="sigmoid")(layers.Flatten()(x))


@network
def chain() -> Any:
    return keras.Sequential(
        [
            sequence(),
            conv(6, 7, "first", padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling1D(3),
            layers.Dropout(0.1),
            conv(5, 5, "second", activation="relu"),
            layers.MaxPooling1D(4, strides=2, padding="same"),
            layers.Flatten(),
            layers.Dense(3, activation="sigmoid"),
        ]
    )


@network
def residual() -> Any:
    dna = sequence()
    x = conv(6, 5, "first", padding="same", activation="relu")(dna)
    y = conv(6, 3, "second", padding="same", dilation_rate=2)(x)
    x = layers.Add()([x, layers.ReLU()(y)])
    y = conv(6, 3, "third", dilation_rate=4)(x)
    x = layers.Add()([layers.Cropping1D(4)(x), layers.ReLU()(y)])
    return keras.Model(dna, head(conv(3, 1, "last")(x)))


@network
def inception() -> Any:
    dna = sequence()
    branches = [
        conv(3, width, f"wide_{width}", padding="same", activation="relu")(dna)
        for width in (1, 5, 9)
    ]
    pooled = layers.MaxPooling1D(3, strides=1, padding="same")(dna)
    branches.append(conv(3, 1, "pooled", activation="relu")(pooled))
    x = layers.MaxPooling1D(2)(layers.Concatenate()(branches))
    return keras.Model(dna, head(conv(4, 3, "joined")(x)))


@network
def separable() -> Any:
    dna = sequence()
    x = layers.SeparableConv1D(6, 7, depth_multiplier=2, name="first", activation="relu")(dna)
    x = layers.MaxPooling1D(2)(x)
    x = layers.SeparableConv1D(5, 3, padding="same", dilation_rate=2, name="second")(x)
    return keras.Model(dna, head(layers.BatchNormalization()(x)))


@network
def depthwise() -> Any:
    dna = sequence()
    x = layers.DepthwiseConv1D(5, depth_multiplier=2, name="first", activation="relu")(dna)
    x = conv(6, 1, "second", activation="relu")(x)
    x = layers.DepthwiseConv1D(4, strides=2, padding="same", name="third")(x)
    return keras.Model(dna, head(x))


@network
def strided() -> Any:
    dna = sequence()
    x = conv(6, 8, "first", strides=3, padding="same", activation="relu")(dna)
    x = conv(6, 3, "second", dilation_rate=2, padding="causal", activation="relu")(x)
    x = layers.AveragePooling1D(4, strides=2, padding="same")(x)
    return keras.Model(dna, head(conv(4, 3, "third", groups=2)(x)))


@network
def padded() -> Any:
    dna = sequence()
    x = layers.ZeroPadding1D((3, 1))(dna)
    x = conv(6, 5, "first", activation="relu")(x)
    x = layers.Cropping1D((2, 5))(x)
    return keras.Model(dna, head(conv(5, 3, "second", padding="same")(x)))


@network
def multiplied() -> Any:
    dna = sequence()
    gate = conv(6, 5, "gate", padding="same", activation="sigmoid")(dna)
    x = conv(6, 9, "signal", padding="same", activation="tanh")(dna)
    return keras.Model(dna, head(conv(5, 3, "after")(layers.Multiply()([x, gate]))))


@network
def merged() -> Any:
    dna = sequence()
    x = conv(6, 5, "first", padding="same", activation="relu")(dna)
    y = conv(6, 3, "second", padding="same")(dna)
    x = layers.Maximum()([layers.Subtract()([x, y]), layers.Average()([x, y])])
    return keras.Model(dna, head(conv(5, 3, "after")(x)))


@network
def global_maximum() -> Any:
    dna = sequence()
    x = conv(6, 7, "first", activation="relu")(dna)
    return keras.Model(dna, layers.Dense(2)(layers.GlobalMaxPooling1D()(x)))


@network
def global_average() -> Any:
    dna = sequence()
    x = conv(6, 7, "first", activation="relu")(dna)
    return keras.Model(dna, layers.Dense(2)(layers.GlobalAveragePooling1D()(x)))


@network
def permuted() -> Any:
    dna = sequence(4, LENGTH)
    x = conv(6, 7, "first", activation="relu")(layers.Permute((2, 1))(dna))
    return keras.Model(dna, head(conv(5, 3, "second")(x)))


@network
def reshaped() -> Any:
    dna = sequence(LENGTH, 4, 1)
    x = conv(6, 7, "first", activation="relu")(layers.Reshape((LENGTH, 4))(dna))
    return keras.Model(dna, head(conv(5, 3, "second")(x)))


@network
def layer_norm() -> Any:
    dna = sequence()
    x = layers.LayerNormalization()(conv(6, 7, "first")(dna))
    x = layers.Dense(6, activation="gelu")(x)
    return keras.Model(dna, head(conv(5, 3, "second")(x)))


@network
def nested() -> Any:
    inner = keras.Sequential(
        [keras.Input((LENGTH, 4)), conv(6, 7, "inner", activation="relu"), layers.MaxPooling1D(3)],
        name="stem",
    )
    dna = sequence()
    return keras.Model(dna, head(conv(5, 3, "outer")(inner(dna))))


@network
def shared() -> Any:
    dna = sequence()
    twice = conv(4, 5, "twice", padding="same", activation="relu")
    return keras.Model(dna, head(twice(twice(dna))))


@network
def two_strands() -> Any:
    dna = sequence()
    body = conv(6, 7, "body", activation="relu")
    forward, reverse = body(dna), body(dna[:, ::-1, ::-1])
    joined = layers.Average()([layers.GlobalMaxPooling1D()(x) for x in (forward, reverse)])
    return keras.Model(dna, layers.Dense(2)(joined))


@network
def squeeze_and_excite() -> Any:
    dna = sequence()
    x = conv(6, 7, "first", activation="relu")(dna)
    gate = layers.Dense(3, activation="relu")(layers.GlobalAveragePooling1D()(x))
    gate = layers.Reshape((1, 6))(layers.Dense(6, activation="sigmoid")(gate))
    return keras.Model(dna, head(conv(5, 3, "second")(layers.Multiply()([x, gate]))))


@network
def recurrent() -> Any:
    dna = sequence()
    x = layers.MaxPooling1D(4)(conv(6, 7, "first", activation="relu")(dna))
    x = layers.Bidirectional(layers.LSTM(4, return_sequences=True), name="both")(x)
    return keras.Model(dna, head(conv(5, 3, "second")(x)))


@network
def attention() -> Any:
    dna = sequence()
    x = layers.MaxPooling1D(4)(conv(6, 7, "first", activation="relu")(dna))
    x = layers.Add()([x, layers.MultiHeadAttention(2, 3, name="attend")(x, x)])
    return keras.Model(dna, head(conv(5, 3, "second")(x)))


@network
def after_flatten() -> Any:
    dna = sequence()
    x = layers.Flatten()(conv(3, 5, "first", activation="relu")(dna))
    x = layers.Reshape((12, 2))(layers.Dense(24, activation="relu")(x))
    return keras.Model(dna, head(conv(3, 3, "second")(x)))


@network
def group_norm() -> Any:
    dna = sequence()
    x = layers.GroupNormalization(2, name="norm")(conv(6, 5, "first")(dna))
    return keras.Model(dna, head(conv(5, 3, "second")(layers.ReLU()(x))))


@network
def upsampled() -> Any:
    dna = sequence()
    x = layers.UpSampling1D(2, name="up")(conv(6, 5, "first", activation="relu")(dna))
    return keras.Model(dna, head(conv(5, 3, "second")(x)))


@network
def transposed() -> Any:
    dna = sequence()
    x = conv(6, 4, "first", strides=2, activation="relu")(dna)
    x = layers.Conv1DTranspose(5, 4, strides=2, activation="relu", name="up")(x)
    return keras.Model(dna, head(conv(3, 3, "second")(x)))


@network
def with_lambda() -> Any:
    dna = sequence()
    x = layers.Lambda(lambda t: t * 2.0, name="double")(conv(6, 5, "first")(dna))
    return keras.Model(dna, head(conv(5, 3, "second")(x)))


ACTIVATIONS = (
    "elu exponential gelu hard_sigmoid hard_silu",
    "leaky_relu mish relu relu6 selu",
    "sigmoid silu softplus softsign tanh",
)
"""Functions of three chains of layers; in one of all, the far ends would go silent."""


def _activations(names: str) -> Any:
    stack = [conv(4, 2, name, activation=name) for name in names.split()]
    return keras.Sequential([sequence(), *stack, conv(2, 2, "last")])


for _names in ACTIVATIONS:
    NETWORKS[_names] = lambda names=_names: randomised(_activations(names))


@network
def activation_layers() -> Any:
    stack = (
        layers.LeakyReLU(0.3),
        layers.ELU(0.7),
        layers.PReLU(shared_axes=[1], alpha_initializer="random_normal"),
        layers.ReLU(max_value=3.0),
        layers.Activation("swish"),
        layers.Softmax(),
    )
    found = [sequence()]
    for number, activation in enumerate(stack):
        found += [conv(4, 3, f"conv_{number}"), activation]
    return keras.Sequential([*found, conv(2, 3, "last")])


@network
def prelu_per_position() -> Any:
    return keras.Sequential(
        [
            sequence(),
            conv(4, 3, "first"),
            layers.PReLU(name="slopes", alpha_initializer="random_normal"),
            conv(2, 3, "second"),
        ]
    )


@keras.saving.register_keras_serializable("conformance")
def squared_rectifier(x: Any) -> Any:
    return keras.ops.square(keras.ops.relu(x))


@network
def registered_activation() -> Any:
    return keras.Sequential(
        [sequence(), conv(4, 5, "first", activation=squared_rectifier), conv(2, 3, "second")]
    )


class Gate(layers.Layer):
    def call(self, x: Any) -> Any:
        return x * keras.ops.sigmoid(x)


@network
def unregistered_layer() -> Any:
    return keras.Sequential([sequence(), conv(4, 5, "first"), Gate(name="gate")])
