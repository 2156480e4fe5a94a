"""Other ways to store a Keras network: apart from its weights, by Keras 0 to 2, as a folder."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neuroninterp.errors import ModelError

from .case import Case, Layer, Passed, rows
from .keras_networks import LENGTH, NETWORKS

__all__ = ["CASES"]

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
JSON, FOLDER = "Keras 3 JSON and weights", "SavedModel"
EARLY, FIRST = "Keras 0.x JSON and weights", "Keras 1 .h5"
CHAIN = rows(("first", 7), ("second", 21, 3))
FEATURE = "convolution, batch norm, max pool"


def refused(feature: str, form: str, build: Callable[[Path], Path], *says: str) -> Case:
    return Case(feature=feature, form=form, build=build, says=says, error=ModelError)


# ---- architecture and weights apart ----


def apart(folder: Path, *, network: str = "chain", weights: str = "model.weights.h5") -> Path:
    """An architecture and, unless its name is empty, a weights file of this name."""
    model = NETWORKS[network]()
    path = folder / "model.json"
    path.write_text(model.to_json())
    if weights:
        model.save_weights(folder / weights)
    return path


def weights_alone(folder: Path) -> Path:
    apart(folder)
    return folder / "model.weights.h5"


def data_file(folder: Path) -> Path:
    path = folder / "test.h5"
    with h5py.File(path, "w") as file:
        file["X_test"] = np.zeros((3, LENGTH, 4), np.float32)
    return path


# ---- Keras 2: files that tf.keras wrote (see fixtures/make_tf_keras.py) ----


def tf_keras(name: str) -> Callable[[Path], Path]:
    def build(folder: Path) -> Path:
        with zipfile.ZipFile(FIXTURES / "tf_keras_2.zip") as archive:
            archive.extractall(folder)
        return folder / name

    return build


# ---- Keras 0.x and 1: DragoNN's form, on (1, 4, L) or (4, L, 1) ----


def dragonn(order: str) -> tuple[list[tuple[str, dict[str, Any]]], list[list[np.ndarray]]]:
    """Return layers and their weights; kernels filters first for Theano's order, "th"."""
    rng = np.random.default_rng(0)
    first = rng.normal(0, 0.3, (5, 1, 4, 7)).astype(np.float32)
    second = rng.normal(0, 0.3, (6, 5, 1, 4)).astype(np.float32)
    if order == "tf":
        first, second = (kernel.transpose(2, 3, 1, 0) for kernel in (first, second))
    positions = ((LENGTH - 6) // 2 - 3) * 6
    slide = {"dim_ordering": order, "border_mode": "valid", "subsample": [1, 1]}
    shape = [1, 4, LENGTH] if order == "th" else [4, LENGTH, 1]
    one = {"nb_filter": 5, "nb_row": 4, "nb_col": 7, "input_shape": shape, **slide}
    two = {"nb_filter": 6, "nb_row": 1, "nb_col": 4, "activation": "relu", **slide}
    pool = {"pool_size": [1, 2], "strides": [1, 2], "border_mode": "valid", "dim_ordering": order}
    stack = [
        ("Convolution2D", {"activation": "linear", **one}),
        ("Activation", {"activation": "relu"}),
        ("MaxPooling2D", pool),
        ("Convolution2D", two),
        ("Flatten", {}),
        ("Dense", {"output_dim": 1, "activation": "sigmoid"}),
    ]
    dense = rng.normal(0, 0.3, (positions, 1)).astype(np.float32)
    zeros = {size: np.zeros(size, np.float32) for size in (5, 6, 1)}
    return stack, [[first, zeros[5]], [], [], [second, zeros[6]], [], [dense, zeros[1]]]


def keras_0(folder: Path) -> Path:
    stack, weights = dragonn("th")
    path = folder / "net.json"
    described = [{"name": kind, "custom_name": kind.lower(), **more} for kind, more in stack]
    path.write_text(json.dumps({"name": "Sequential", "layers": described}))
    with h5py.File(folder / "net_weights.h5", "w") as file:
        file.attrs["nb_layers"] = len(stack)
        for number, arrays in enumerate(weights):
            group = file.create_group(f"layer_{number}")
            group.attrs["nb_params"] = len(arrays)
            for part, array in enumerate(arrays):
                group[f"param_{part}"] = array
    return path


def keras_1(folder: Path, *, order: str, backend: str) -> Path:
    stack, weights = dragonn(order)
    names = [f"{kind.lower()}_{number}" for number, (kind, _) in enumerate(stack)]
    described = [
        {"class_name": kind, "config": {"name": name, **more}}
        for name, (kind, more) in zip(names, stack, strict=True)
    ]
    path = folder / "net.h5"
    with h5py.File(path, "w") as file:
        config = {"class_name": "Sequential", "config": described}
        file.attrs["model_config"] = json.dumps(config).encode()
        file.attrs["keras_version"] = b"1.2.2"
        group = file.create_group("model_weights")
        group.attrs["backend"] = backend.encode()
        group.attrs["layer_names"] = [name.encode() for name in names]
        for name, arrays in zip(names, weights, strict=True):
            part = group.create_group(name)
            keys = [f"{name}_{number}" for number in range(len(arrays))]
            part.attrs["weight_names"] = np.array([key.encode() for key in keys], dtype="S40")
            for key, array in zip(keys, arrays, strict=True):
                part[key] = array
    return path


EARLY_LAYERS = (("convolution2d_0", 7), ("convolution2d_3", 14, 2))


# ---- SavedModel ----


def exported(network: str) -> Callable[[Path], Path]:
    def build(folder: Path) -> Path:
        NETWORKS[network]().export(folder / "model", verbose=False)
        return folder / "model"

    return build


def reading_a_file(folder: Path) -> Path:
    """A SavedModel whose function opens a file."""
    import tensorflow as tf

    class Reading(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, LENGTH, 4), tf.float32)])
        def serve(self, x: Any) -> Any:
            size = tf.strings.length(tf.io.read_file("/etc/hostname"))
            return x + tf.cast(size, tf.float32)

    module = Reading()
    tf.saved_model.save(module, str(folder / "model"), signatures=module.serve)
    return folder / "model"


def empty_folder(folder: Path) -> Path:
    (folder / "model").mkdir()
    return folder / "model"


CASES = [
    Case(FEATURE, JSON, apart, CHAIN, notes=("weights taken from model.weights.h5",)),
    refused(
        "architecture without weights",
        JSON,
        partial(apart, weights=""),
        "model.weights.h5",
        "--weights",
    ),
    refused("weights alone", JSON, weights_alone, "weights alone", "--weights"),
    refused("Lambda layer", JSON, partial(apart, network="with_lambda"), "Lambda", "--trust-model"),
    refused("a data file", "no model file", data_file, "is it data"),
    *(
        Case(
            "nested model, separable convolution, LSTM above",
            form,
            tf_keras(name),
            rows(("c1", 5), ("inner/conv1d", 10, 2), ("sep", 14, 2)),
        )
        for form, name in (
            ("tf.keras 2 .h5", "whole.h5"),
            ("tf.keras 2 .keras", "whole.keras"),
            ("tf.keras 2 JSON and weights", "net.json"),
        )
    ),
    Case(
        "DragoNN: Theano's kernel order",
        EARLY,
        keras_0,
        rows(("convolution2d_1", 7), ("convolution2d_4", 14, 2)),
        layout="(N, 1, 4, L)",
    ),
    Case(
        "DragoNN: Theano's kernel order",
        FIRST,
        partial(keras_1, order="th", backend="theano"),
        rows(*EARLY_LAYERS),
        layout="(N, 1, 4, L)",
    ),
    Case(
        "DragoNN: TensorFlow's kernel order",
        FIRST,
        partial(keras_1, order="tf", backend="tensorflow"),
        rows(*EARLY_LAYERS),
        layout="(N, 4, L, 1)",
    ),
    Case(
        FEATURE,
        FOLDER,
        exported("chain"),
        rows(("*/first*/convolution", 7), ("*/second*/convolution", 21, 3)),
    ),
    Case(
        "squeeze-and-excite gate",
        FOLDER,
        exported("squeeze_and_excite"),
        (
            Layer("*/first*/convolution", 7),
            Passed("*/second*/convolution", "sees the whole sequence"),
        ),
    ),
    refused(
        "an operation that reaches files",
        FOLDER,
        reading_a_file,
        "operation 'ReadFile'",
        "no plain arithmetic",
    ),
    refused("an empty folder", "no model file", empty_folder, "a folder without saved_model.pb"),
]
