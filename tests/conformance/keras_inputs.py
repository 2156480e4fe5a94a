"""Small Keras networks of every kind of input: several, wider, longer, arranged otherwise."""

from __future__ import annotations

from typing import Any

from .keras_networks import (
    LENGTH,
    NETWORKS,
    conv,
    head,
    keras,
    layers,
    network,
    randomised,
    sequence,
)

__all__ = ["LAYOUTS"]


@network
def two_inputs() -> Any:
    dna, tissue = sequence(), sequence(3, name="tissue")
    x = layers.Flatten()(conv(6, 7, "first", activation="relu")(dna))
    return keras.Model([dna, tissue], layers.Dense(2)(layers.Concatenate()([x, tissue])))


@network
def signal_track() -> Any:
    dna, signal = sequence(), sequence(LENGTH, 1, name="signal")
    quality = conv(2, 3, "quality", padding="same", activation="relu")(signal)
    x = layers.Concatenate()([dna, quality])
    return keras.Model([dna, signal], head(conv(5, 7, "first", activation="relu")(x)))


@network
def both_strands_as_inputs() -> Any:
    forward, reverse = sequence(name="forward"), sequence(name="reverse")
    body = conv(6, 7, "body", activation="relu")
    pool = layers.GlobalMaxPooling1D()
    joined = layers.Concatenate()([pool(body(forward)), pool(body(reverse))])
    return keras.Model([forward, reverse], layers.Dense(2)(joined))


@network
def two_outputs() -> Any:
    dna = sequence()
    x = conv(6, 7, "first", activation="relu")(dna)
    outputs = {"profile": conv(1, 3, "profile")(x), "counts": layers.GlobalMaxPooling1D()(x)}
    return keras.Model(dna, outputs)


@network
def six_channels() -> Any:
    return keras.Sequential(
        [sequence(LENGTH, 6), conv(6, 7, "first", activation="relu"), conv(5, 3, "second")]
    )


@network
def five_channels() -> Any:
    return keras.Sequential(
        [sequence(LENGTH, 5), conv(6, 7, "first", activation="relu"), conv(5, 3, "second")]
    )


@network
def any_length() -> Any:
    return keras.Sequential(
        [
            sequence(None, 4),
            conv(6, 8, "first", strides=2, padding="same", activation="relu"),
            layers.MaxPooling1D(3, padding="same"),
            conv(5, 3, "second", padding="same", activation="relu"),
            layers.GlobalMaxPooling1D(),
        ]
    )


@network
def splice() -> Any:
    dna = sequence(None, 4)
    x = conv(6, 1, "first")(dna)
    skip = conv(6, 1, "skip_0")(x)
    for number, (width, dilation) in enumerate([(5, 1), (3, 4)], start=1):
        y = x
        for step in "ab":
            y = layers.ReLU()(layers.BatchNormalization()(y))
            name = f"unit_{number}{step}"
            y = conv(6, width, name, dilation_rate=dilation, padding="same")(y)
        x = layers.Add()([x, y])
        skip = layers.Add()([skip, conv(6, 1, f"skip_{number}")(x)])
    out = conv(3, 1, "last", activation="softmax")(layers.Cropping1D(12)(skip))
    return keras.Model(dna, out)


@network
def no_convolution() -> Any:
    return keras.Sequential([sequence(), layers.Flatten(), layers.Dense(3)])


@network
def image() -> Any:
    return keras.Sequential([sequence(28, 28, 3), conv(4, (3, 3), "first")])


LAYOUTS: dict[str, tuple[tuple[int, ...], tuple[int, ...], str]] = {
    "(N, L, 4)": ((LENGTH, 4), (5,), "channels_last"),
    "(N, 4, L)": ((4, LENGTH), (5,), "channels_first"),
    "(N, 4, 1, L)": ((4, 1, LENGTH), (1, 5), "channels_first"),
    "(N, 4, L, 1)": ((4, LENGTH, 1), (5, 1), "channels_first"),
    "(N, 1, 4, L)": ((1, 4, LENGTH), (4, 5), "channels_first"),
    "(N, 1, L, 4)": ((1, LENGTH, 4), (1, 5), "channels_last"),
    "(N, L, 1, 4)": ((LENGTH, 1, 4), (5, 1), "channels_last"),
    "(N, L, 4, 1)": ((LENGTH, 4, 1), (5, 4), "channels_last"),
}
"""Input shape, first kernel and data format of each layout."""


def _in_layout(label: str) -> Any:
    shape, kernel, data_format = LAYOUTS[label]
    second = tuple(1 if size in (1, 4) else 3 for size in kernel)
    pool = layers.MaxPooling1D if len(kernel) == 1 else layers.MaxPooling2D
    pool_size = tuple(1 if size in (1, 4) else 2 for size in kernel)
    kernels = [k[0] if len(k) == 1 else k for k in (kernel, second)]
    return keras.Sequential(
        [
            sequence(*shape),
            conv(6, kernels[0], "first", activation="relu", data_format=data_format),
            layers.BatchNormalization(axis=1 if data_format == "channels_first" else -1),
            pool(pool_size[0] if len(kernel) == 1 else pool_size, data_format=data_format),
            conv(5, kernels[1], "second", data_format=data_format),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )


for _label in LAYOUTS:
    NETWORKS[_label] = lambda label=_label: randomised(_in_layout(label))
