"""The trunk of every layer of published kinds of network equals the full model, inside it.

The truth is the file's own runtime on whole sequences; the trunk sees one window at a time.
Positions right at both ends of the interior are compared, where a field that is off by one
would reach into the padding.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import neuroninterp as ni
from neuroninterp.backend import import_keras
from neuroninterp.models.layout import from_layout

TOLERANCE = 1e-4


def residual(x: Any, filters: int, width: int, dilation: int) -> Any:
    """Add two dilated convolutions, each after batch norm and ReLU, to what they read."""
    layers = import_keras().layers
    y = x
    for _ in range(2):
        y = layers.ReLU()(layers.BatchNormalization()(y))
        y = layers.Conv1D(filters, width, dilation_rate=dilation, padding="same")(y)
    return layers.Add()([y, x])


def spliceai_style(length: int | None) -> Any:
    """Dilated residual blocks, skip connections from each stage, a crop, a softmax."""
    keras = import_keras()
    layers = keras.layers
    sequence = keras.Input((length, 4))
    x = layers.Conv1D(6, 1)(sequence)
    skip = layers.Conv1D(6, 1)(x)
    for width, dilation in ((5, 1), (5, 3), (7, 5)):
        x = residual(x, 6, width, dilation)
        skip = layers.Add()([skip, layers.Conv1D(6, 1)(x)])
    cropped = layers.Cropping1D((21, 20))(skip)
    return keras.Model(sequence, layers.Conv1D(3, 1, activation="softmax")(cropped))


def basenji_style() -> Any:
    """Convolutions and pools, then a dilated residual tower, a crop and a 1-wide head."""
    keras = import_keras()
    layers = keras.layers
    sequence = keras.Input((384, 4))
    x = layers.Conv1D(6, 9, padding="same", use_bias=False)(sequence)
    x = layers.MaxPooling1D(2)(layers.BatchNormalization()(x))
    x = layers.Conv1D(8, 5, padding="same", use_bias=False)(layers.Activation("gelu")(x))
    x = layers.MaxPooling1D(4, padding="same")(layers.BatchNormalization()(x))
    for dilation in (1, 2, 4):
        y = layers.Conv1D(4, 3, dilation_rate=dilation, padding="same")(
            layers.Activation("gelu")(x)
        )
        y = layers.BatchNormalization()(y)
        y = layers.Dropout(0.3)(layers.Conv1D(8, 1)(layers.Activation("gelu")(y)))
        x = layers.Add()([x, layers.BatchNormalization()(y)])
    x = layers.Cropping1D(4)(x)
    return keras.Model(sequence, layers.Conv1D(5, 1, activation="softplus")(x))


def chrombpnet_style() -> Any:
    """Valid dilated convolutions, the branch around each cropped to fit, two heads."""
    keras = import_keras()
    layers = keras.layers
    sequence = keras.Input((240, 4))
    x = layers.Conv1D(6, 11, padding="valid", activation="relu")(sequence)
    for dilation in (2, 4, 8):
        y = layers.Conv1D(6, 3, dilation_rate=dilation, padding="valid", activation="relu")(x)
        x = layers.Add()([y, layers.Cropping1D(dilation)(x)])
    profile = layers.Cropping1D(10)(layers.Conv1D(1, 25, padding="valid")(x))
    counts = layers.Dense(1)(layers.GlobalAveragePooling1D()(x))
    return keras.Model(sequence, [layers.Flatten()(profile), counts])


def inception_style() -> Any:
    """Branches of different widths and an overlapping pool, concatenated; twice."""
    keras = import_keras()
    layers = keras.layers
    sequence = x = keras.Input((150, 4))
    for filters in (4, 5):
        branches = [
            layers.Conv1D(filters, 1, activation="relu")(x),
            layers.Conv1D(filters, 4, padding="same", activation="elu")(x),
            layers.Conv1D(filters, 5, padding="same")(layers.Conv1D(3, 1, activation="relu")(x)),
            layers.Conv1D(filters, 1)(layers.MaxPooling1D(3, strides=1, padding="same")(x)),
        ]
        x = layers.BatchNormalization()(layers.Concatenate()(branches))
        x = layers.AveragePooling1D(3, strides=2)(layers.ReLU()(x))
    x = layers.Conv1D(4, 3, padding="causal")(x)
    return keras.Model(sequence, layers.Dense(1)(layers.GlobalMaxPooling1D()(x)))


def separable_style() -> Any:
    """Depthwise-separable blocks with an inverted bottleneck and a strided one."""
    keras = import_keras()
    layers = keras.layers
    sequence = keras.Input((160, 4))
    x = layers.SeparableConv1D(6, 7, padding="same", depth_multiplier=2)(sequence)
    x = layers.Activation("silu")(layers.BatchNormalization()(x))
    y = layers.Conv1D(12, 1)(x)
    y = layers.DepthwiseConv1D(5, padding="same")(layers.Activation("silu")(y))
    y = layers.Conv1D(6, 1)(layers.Activation("silu")(layers.BatchNormalization()(y)))
    x = layers.Add()([x, y])
    x = layers.Conv1D(8, 3, strides=2, padding="same", groups=2)(x)
    x = layers.SeparableConv1D(4, 3, padding="valid", activation="tanh")(x)
    return keras.Model(sequence, layers.Dense(2)(layers.Flatten()(x)))


BUILDERS: dict[str, Callable[[], Any]] = {
    "spliceai": lambda: spliceai_style(300),
    "spliceai, any length": lambda: spliceai_style(None),
    "basenji": basenji_style,
    "chrombpnet": chrombpnet_style,
    "inception": inception_style,
    "separable": separable_style,
}
CONVOLUTIONS = {
    "spliceai": 12,
    "spliceai, any length": 12,
    "basenji": 9,
    "chrombpnet": 5,
    "inception": 11,
    "separable": 6,
}


def saved(model: Any, path: Path, seed: int = 0) -> ni.Model:
    """Give a network weights and batch-norm statistics that hide no mistake; load its file."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if "variance" in weight.path:
            weight.assign(rng.uniform(0.5, 2.0, weight.shape))
        elif len(weight.shape) == 1:
            weight.assign(rng.normal(size=weight.shape) * 0.5 + ("gamma" in weight.path))
        else:
            fan_in = int(np.prod(weight.shape[:-1]))
            weight.assign(rng.normal(size=weight.shape) / np.sqrt(fan_in))
    model.save(path)
    return ni.load(path)


def largest_error(model: ni.Model, number: int, codes: np.ndarray) -> float:
    """Compare a layer's trunk with the runtime at the ends and the middle of the interior.

    The largest difference, relative to the layer's largest value.
    """
    layer = model.layer(number)
    value = model.layer_nodes(number).value
    tap = model.taps[value]
    one_hot = np.eye(4, dtype=np.float32)[codes]
    (raw,) = model.runtime.tap(model.layout.to_file(one_hot), [tap])
    full = from_layout(raw, tap.axes)
    intervals = [layer.interval(position) for position in range(full.shape[1])]
    fits = [first >= 0 and end <= codes.shape[1] for first, end in intervals]
    inside = np.flatnonzero(fits).tolist()
    assert inside, f"layer {number} has no interior position at {codes.shape[1]} bp"
    errors = []
    for position in (inside[0], inside[len(inside) // 2], inside[-1]):
        first, end = intervals[position]
        values = model.trunk(number).values(codes[:, first:end])
        errors.append(np.abs(values - full[:, position]).max())
    return float(max(errors) / np.abs(full).max())


@pytest.mark.parametrize("name", BUILDERS)
def test_every_layer_of_a_published_kind_of_network(name: str, tmp_path: Path) -> None:
    model = saved(BUILDERS[name](), tmp_path / "model.keras")
    assert model.blocked == ()
    assert len(model.layers) == CONVOLUTIONS[name]
    codes = np.random.default_rng(1).integers(0, 4, (3, model.reference_length), np.uint8)
    for layer in model.layers:
        assert largest_error(model, layer.number, codes) <= TOLERANCE, layer


BLOCKS = st.lists(
    st.tuples(
        st.integers(1, 5),  # kernel
        st.integers(1, 3),  # dilation
        st.integers(1, 2),  # pool before the block
        st.sampled_from(["same", "valid", "causal"]),
        st.booleans(),  # residual
    ),
    min_size=1,
    max_size=3,
)


@given(blocks=BLOCKS, length=st.integers(180, 200))
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    # A network is slow to build; the first that fails says enough.
    phases=(Phase.explicit, Phase.generate),
)
def test_any_dilated_residual_stack(
    blocks: list[tuple[int, int, int, str, bool]],
    length: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Kernels of even width, lengths that no pool divides, every padding, skips or none."""
    keras = import_keras()
    layers = keras.layers
    sequence = keras.Input((length, 4))
    x = layers.Conv1D(4, 3, padding="same")(sequence)
    for width, dilation, pool, padding, skipping in blocks:
        x = layers.MaxPooling1D(pool, padding="same" if skipping else "valid")(x)
        y = layers.ReLU()(layers.BatchNormalization()(x))
        y = layers.Conv1D(4, width, dilation_rate=dilation, padding=padding)(y)
        lost = (width - 1) * dilation if padding == "valid" else 0
        x = (
            layers.Add()([layers.Cropping1D((lost // 2, lost - lost // 2))(x), y])
            if skipping
            else y
        )
    folder = tmp_path_factory.mktemp("stack")
    model = saved(keras.Model(sequence, layers.Conv1D(2, 1)(x)), folder / "model.keras")
    assert len(model.layers) == len(blocks) + 2
    codes = np.random.default_rng(2).integers(0, 4, (2, length), np.uint8)
    for layer in model.layers:
        if layer.receptive_field + 2 * layer.jump <= length:
            assert largest_error(model, layer.number, codes) <= TOLERANCE, layer
