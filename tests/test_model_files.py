"""Model files of every kind: recognised by content, read right, or refused in one line."""

from __future__ import annotations

import io
import json
import pickle
import resource
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from neuroninterp.backend import import_keras
from neuroninterp.errors import FidelityError, ModelError, UnsupportedOperationError
from neuroninterp.models import saved_model
from neuroninterp.models.layout import InputRequest
from neuroninterp.models.model_file import file_kind, hash_model, read_model
from neuroninterp.models.onnx.runtime import OnnxRuntime
from neuroninterp.models.runtime import ReadModel

keras = import_keras()
layers = keras.layers

FIXTURES = Path(__file__).parent / "fixtures"
LENGTH = 40
Stack = list[tuple[str, dict[str, Any]]]


def read(path: Path, weights: Path | None = None, *, trust: bool = False) -> ReadModel:
    return read_model(path, InputRequest(), device="cpu", trust=trust, weights=weights)


def sequences(length: int = LENGTH, number: int = 3) -> np.ndarray:
    rng = np.random.default_rng(5)
    return np.eye(4, dtype=np.float32)[rng.integers(0, 4, (number, length))]


def predicted(model: ReadModel, one_hot: np.ndarray) -> np.ndarray:
    return model.runtime.predict(model.layout.to_file(one_hot), batch_size=2)[0]


# ---- Keras 0.x and 1: truth by NumPy ----------------------------------------------------------


def convolve(image: np.ndarray, kernel: np.ndarray, bias: np.ndarray, *, turn: bool) -> np.ndarray:
    """Slide (filters, channels, rows, columns) over (N, channels, R, C), as Theano if ``turn``."""
    if turn:
        kernel = kernel[:, :, ::-1, ::-1]
    rows, columns = kernel.shape[2:]
    height, width = image.shape[2] - rows + 1, image.shape[3] - columns + 1
    output = np.empty((len(image), len(kernel), height, width))
    for r in range(height):
        for c in range(width):
            patch = image[:, :, r : r + rows, c : c + columns]
            output[:, :, r, c] = np.einsum("ncij,kcij->nk", patch, kernel) + bias
    return output


def max_pool(image: np.ndarray, width: int) -> np.ndarray:
    count = image.shape[3] // width
    return image[..., : count * width].reshape(*image.shape[:3], count, width).max(axis=4)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def dragonn_weights(rng: np.random.Generator) -> list[np.ndarray]:
    """Weights of two convolutions and a dense layer, kernels filters first."""
    shapes = [(5, 1, 4, 7), (5,), (6, 5, 1, 4), (6,), (6 * 1 * 4, 1), (1,)]
    return [rng.normal(0, 0.3, shape).astype(np.float32) for shape in shapes]


def dragonn_truth(one_hot: np.ndarray, weights: list[np.ndarray], *, turn: bool) -> np.ndarray:
    """Two convolutions with ReLU, pool 7, flatten channels first, dense, sigmoid."""
    image = one_hot.transpose(0, 2, 1)[:, None]
    for kernel, bias in (weights[:2], weights[2:4]):
        image = np.maximum(convolve(image, kernel, bias, turn=turn), 0)
    flat = max_pool(image, 7).reshape(len(one_hot), -1)
    return sigmoid(flat @ weights[4] + weights[5])


def dragonn_layers(order: str) -> Stack:
    def convolution(filters: int, rows: int, columns: int, **more: Any) -> dict[str, Any]:
        return {
            "nb_filter": filters,
            "nb_row": rows,
            "nb_col": columns,
            "dim_ordering": order,
            "border_mode": "valid",
            "subsample": [1, 1],
            "activation": "linear",
            "init": "he_normal",
            "W_regularizer": {"l1": 0, "l2": 0.0, "name": "WeightRegularizer"},
            **more,
        }

    shape = [1, 4, LENGTH] if order == "th" else [4, LENGTH, 1]
    pool = {"pool_size": [1, 7], "strides": [1, 7], "border_mode": "valid", "dim_ordering": order}
    return [
        ("Convolution2D", convolution(5, 4, 7, input_shape=shape)),
        ("Activation", {"activation": "relu"}),
        ("Dropout", {"p": 0.2}),
        ("Convolution2D", convolution(6, 1, 4, activation="relu")),
        ("MaxPooling2D", pool),
        ("Flatten", {}),
        ("Dense", {"output_dim": 1, "init": "glorot_uniform", "activation": "linear"}),
        ("Activation", {"activation": "sigmoid"}),
    ]


def of_layers(stack: Stack, weights: list[np.ndarray]) -> list[list[np.ndarray]]:
    """Deal weights to the layers that have any, two each."""
    remaining = list(weights)
    takes = [2 if kind[:5] in ("Convo", "Dense") else 0 for kind, _ in stack]
    return [[remaining.pop(0) for _ in range(count)] for count in takes]


def write_keras_0(folder: Path, stack: Stack, weights: list[list[np.ndarray]]) -> Path:
    path = folder / "net.arch.json"
    described = [{"name": kind, "custom_name": kind.lower(), **more} for kind, more in stack]
    path.write_text(json.dumps({"name": "Sequential", "layers": described, "loss": "mse"}))
    with h5py.File(folder / "net.weights.h5", "w") as file:
        file.attrs["nb_layers"] = len(stack)
        for k, arrays in enumerate(weights):
            group = file.create_group(f"layer_{k}")
            group.attrs["nb_params"] = len(arrays)
            for n, array in enumerate(arrays):
                group[f"param_{n}"] = array
    return path


def write_keras_1(
    folder: Path,
    stack: Stack,
    weights: list[list[np.ndarray]],
    *,
    backend: str = "",
    version: str = "1.2.2",
) -> Path:
    """Write a whole model of Keras 1: an architecture without its version, weights by name."""
    path = folder / "net.h5"
    described = [
        {"class_name": kind, "config": {"name": f"{kind.lower()}_{k}", **more}}
        for k, (kind, more) in enumerate(stack)
    ]
    with h5py.File(path, "w") as file:
        config = {"class_name": "Sequential", "config": described}
        file.attrs["model_config"] = json.dumps(config).encode()
        file.attrs["keras_version"] = version.encode()
        group = file.create_group("model_weights")
        if backend:
            group.attrs["backend"] = backend.encode()
        names = [entry["config"]["name"] for entry in described]
        group.attrs["layer_names"] = [name.encode() for name in names]
        for name, arrays in zip(names, weights, strict=True):
            keys = [f"{name}_{n}" for n in range(len(arrays))]
            part = group.create_group(name)
            part.attrs["weight_names"] = np.array([key.encode() for key in keys], dtype="S40")
            for key, array in zip(keys, arrays, strict=True):
                part[key] = array
    return path


@pytest.mark.parametrize(
    ("writer", "order", "backend", "turn"),
    [
        ("0", "th", "", True),
        ("1", "th", "", True),
        ("1", "th", "theano", True),
        ("1", "th", "tensorflow", False),
        ("1", "tf", "", False),
        ("1", "tf", "theano", True),
    ],
)
def test_early_keras_and_theano(
    writer: str, order: str, backend: str, turn: bool, tmp_path: Path
) -> None:
    """Predictions and first-layer values of DragoNN's form, against a convolution by hand."""
    weights = dragonn_weights(np.random.default_rng(0))
    stack = dragonn_layers(order)
    stored = list(weights)
    if order == "tf":
        # Kernels rows first; and what is flattened has its channels last.
        for place in (0, 2):
            stored[place] = weights[place].transpose(2, 3, 1, 0)
        dense = weights[4].reshape(6, 1, 4, 1).transpose(1, 2, 0, 3)
        stored[4] = dense.reshape(24, 1)
    if writer == "0":
        path = write_keras_0(tmp_path, stack, of_layers(stack, stored))
    else:
        path = write_keras_1(tmp_path, stack, of_layers(stack, stored), backend=backend)
    model = read(path)
    one_hot = sequences()
    expected = dragonn_truth(one_hot, weights, turn=turn)
    np.testing.assert_allclose(predicted(model, one_hot), expected, atol=1e-6)
    assert np.ptp(expected) > 0.01
    wrong = dragonn_truth(one_hot, weights, turn=not turn)
    assert np.abs(wrong - expected).max() > 0.01
    assert model.layout.axes == ("N1CL" if order == "th" else "NCL1")
    said = " ".join(model.notes)
    assert ("does not say which library" in said) == (backend == "")


def rows_of(one_hot: np.ndarray, kernel: np.ndarray, pads: tuple[int, int]) -> np.ndarray:
    """Correlate (N, L, C) with (width, C, K), zeros on both sides as given."""
    padded = np.pad(one_hot, ((0, 0), pads, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(kernel), axis=1)
    return np.einsum("nlcw,wck->nlk", windows, kernel)


@pytest.mark.parametrize("filters_first", [True, False])
@pytest.mark.parametrize("width", [4, 5])
def test_convolution_1d_of_keras_1(filters_first: bool, width: int, tmp_path: Path) -> None:
    """Both kernel orders; "same" padding with the odd zero on Theano's side."""
    rng = np.random.default_rng(1)
    kernel = rng.normal(size=(width, 4, 6)).astype(np.float32)
    statistics = [rng.uniform(0.4, 2, 6).astype(np.float32) for _ in range(4)]
    stack = [
        (
            "Convolution1D",
            {
                "nb_filter": 6,
                "filter_length": width,
                "border_mode": "same",
                "activation": "linear",
                "bias": False,
                "input_dim": 4,
                "input_length": LENGTH,
            },
        ),
        ("BatchNormalization", {"mode": 0, "axis": -1, "epsilon": 0.01}),
        ("LeakyReLU", {"alpha": 0.25}),
        ("GlobalMaxPooling1D", {}),
    ]
    stored = kernel.transpose(2, 1, 0)[..., None] if filters_first else kernel[:, None]
    path = write_keras_1(tmp_path, stack, [[stored], statistics, [], []])
    model = read(path)
    one_hot = sequences()
    turned, before = (kernel[::-1], width // 2) if filters_first else (kernel, (width - 1) // 2)
    values = rows_of(one_hot, turned, (before, width - 1 - before))
    gamma, beta, mean, variance = statistics
    values = gamma * (values - mean) / np.sqrt(variance + 0.01) + beta
    expected = np.where(values > 0, values, 0.25 * values).max(axis=1)
    np.testing.assert_allclose(predicted(model, one_hot), expected, atol=1e-5)
    if not filters_first:
        return
    # Keras 1.0.0 stored deviations, and divided by deviation + epsilon.
    with h5py.File(path, "r+") as file:
        file.attrs["keras_version"] = "1.0.0"
    values = rows_of(one_hot, turned, (before, width - 1 - before))
    values = gamma * (values - mean) / (variance + 0.01) + beta
    expected = np.where(values > 0, values, 0.25 * values).max(axis=1)
    np.testing.assert_allclose(predicted(read(path), one_hot), expected, atol=1e-5)


def functional_of_keras_1() -> dict[str, Any]:
    def layer(kind: str, name: str, sources: list[str], **settings: Any) -> dict[str, Any]:
        inbound = [[[source, 0, 0] for source in sources]] if sources else []
        config = {"name": name, **settings}
        return {"class_name": kind, "name": name, "config": config, "inbound_nodes": inbound}

    shape = [None, LENGTH, 4]
    slide = {"nb_filter": 3, "filter_length": 5, "border_mode": "valid"}
    described = [
        layer("Merge", "merged", ["left", "right"], mode="concat", concat_axis=-1),
        layer("InputLayer", "sequence", [], batch_input_shape=shape),
        layer("Convolution1D", "left", ["sequence"], activation="relu", **slide),
        layer("Convolution1D", "right", ["sequence"], activation="hard_sigmoid", **slide),
    ]
    inside = {
        "name": "model_1",
        "layers": described,
        "input_layers": [["sequence", 0, 0]],
        "output_layers": [["merged", 0, 0]],
    }
    return {"class_name": "Model", "keras_version": "1.2.2", "config": inside}


def test_functional_model_of_keras_1(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    kernels = {name: rng.normal(0, 0.7, (5, 4, 3)).astype(np.float32) for name in ("left", "right")}
    path = tmp_path / "model.json"
    path.write_text(json.dumps(functional_of_keras_1()))
    with h5py.File(tmp_path / "model_weights.hdf5", "w") as file:
        file.attrs["layer_names"] = [b"sequence", b"right", b"left", b"merged"]
        for name in ("sequence", "merged", "left", "right"):
            part = file.create_group(name)
            keys = ["W", "b"] if name in kernels else []
            part.attrs["weight_names"] = np.array(keys, dtype="S8")
            if keys:
                part["W"], part["b"] = kernels[name][:, None], np.zeros(3, np.float32)
    model = read(path)
    one_hot = sequences()
    left = np.maximum(rows_of(one_hot, kernels["left"], (0, 0)), 0)
    # Until Keras 2 the slope of hard_sigmoid was 0.2.
    right = np.clip(0.2 * rows_of(one_hot, kernels["right"], (0, 0)) + 0.5, 0, 1)
    expected = np.concatenate([left, right], axis=2)
    np.testing.assert_allclose(predicted(model, one_hot), expected, atol=1e-6)
    assert any("weights taken from model_weights.hdf5" in note for note in model.notes)


def test_early_files_that_do_not_fit(tmp_path: Path) -> None:
    weights = dragonn_weights(np.random.default_rng(0))
    stack = dragonn_layers("th")

    def refused(change: Callable[[list[Any]], Any], error: type[ModelError], match: str) -> None:
        changed = json.loads(json.dumps(stack))
        change(changed)
        entries = [tuple(entry) for entry in changed]
        path = write_keras_0(tmp_path, entries, of_layers(entries, weights))
        with pytest.raises(error, match=match) as caught:
            read(path)
        assert "\n" not in str(caught.value)

    huge = r"'dense_7' needs weights of shape \(24, 1000000000\), the file holds \(24, 1\)"
    refused(lambda s: s[6][1].update(output_dim=10**9), ModelError, huge)
    refused(
        lambda s: s[0][1].update(nb_filter=10**9), ModelError, "'convolution2d_1' needs weights"
    )
    refused(lambda s: s.insert(5, ["MaxoutDense", {}]), UnsupportedOperationError, "MaxoutDense")
    refused(lambda s: s.insert(5, ["Lambda", {}]), ModelError, "Lambda.*Python code")
    refused(lambda s: s[0][1].pop("nb_row"), ModelError, "convolution2d_1.*KeyError: 'nb_row'")
    with h5py.File(tmp_path / "net.weights.h5", "r+") as file:
        file.attrs["nb_layers"] = 3
    with pytest.raises(ModelError, match="do not belong together"):
        read(tmp_path / "net.arch.json")


# ---- Keras 2 ---------------------------------------------------------------------------------


@pytest.fixture
def keras_2(tmp_path: Path) -> Path:
    """One network in every form that Keras 2 saves (see fixtures/make_tf_keras.py)."""
    with zipfile.ZipFile(FIXTURES / "tf_keras_2.zip") as archive:
        archive.extractall(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("whole.h5", None),
        ("whole.keras", None),
        ("net.json", None),
        ("net.json", "other.weights.h5"),
        ("net.json", "whole.h5"),
    ],
)
def test_every_form_of_keras_2(name: str, weights: str | None, keras_2: Path) -> None:
    """Keras 2's own values: hard_sigmoid, nested calls, wrappers, early settings."""
    expected = np.load(keras_2 / "expected.npz")
    model = read(keras_2 / name, keras_2 / weights if weights else None)
    found = predicted(model, expected["one_hot"])
    np.testing.assert_allclose(found, expected["prediction"], atol=1e-6)
    assert [node.source for node in model.graph][:3] == ["seq", "c1", "bn"]
    (tapped,) = model.runtime.tap(expected["one_hot"], [model.taps["bn"]])
    np.testing.assert_allclose(tapped, expected["first"], atol=1e-5)


def test_kernels_of_keras_2_on_theano_are_turned(keras_2: Path) -> None:
    before = read(keras_2 / "whole.h5")
    with h5py.File(keras_2 / "whole.h5", "r+") as file:
        file.attrs["backend"] = b"theano"
    after = read(keras_2 / "whole.h5")
    kernels = [m.graph["c1"].kernel for m in (before, after)]
    np.testing.assert_array_equal(kernels[0], kernels[1][::-1])
    assert any("Theano" in note for note in after.notes)


def test_functions_keep_the_meaning_of_their_keras(tmp_path: Path) -> None:
    """The same architecture with hard_sigmoid, said to be of Keras 2 and of Keras 3."""
    network = keras.Sequential([keras.Input((LENGTH, 4)), layers.Conv1D(3, 5, name="conv")])
    network.add(layers.Activation("hard_sigmoid"))
    network.save(tmp_path / "net.h5")
    kernel = network.get_layer("conv").kernel.numpy()
    values = rows_of(sequences(), kernel, (0, 0))
    for version, slope in (("3.5.0", 1 / 6), ("2.4.0", 0.2)):
        with h5py.File(tmp_path / "net.h5", "r+") as file:
            file.attrs["keras_version"] = version
        expected = np.clip(slope * values + 0.5, 0, 1)
        found = predicted(read(tmp_path / "net.h5"), sequences())
        np.testing.assert_allclose(found, expected, atol=1e-6)


# ---- architecture and weights ----------------------------------------------------------------


def small_network(length: int | None = LENGTH) -> Any:
    keras.utils.set_random_seed(3)
    sequence = keras.Input((length, 4), name="sequence")
    x = layers.Conv1D(5, 7, name="conv")(sequence)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Activation("gelu")(x)
    x = layers.MaxPooling1D(2)(x)
    x = layers.Conv1D(3, 3, activation="relu")(x)
    x = layers.GlobalMaxPooling1D()(x) if length is None else layers.Flatten()(x)
    return keras.Model(sequence, layers.Dense(2, activation="sigmoid")(x))


@pytest.fixture
def apart(tmp_path: Path) -> tuple[Any, Path]:
    """A network of Keras 3, its architecture and its weights in files of their own."""
    network = small_network()
    path = tmp_path / "model.json"
    path.write_text(network.to_json())
    network.save_weights(tmp_path / "model.weights.h5")
    return network, path


def test_architecture_finds_its_weights(apart: tuple[Any, Path]) -> None:
    network, path = apart
    expected = network.predict(sequences(), verbose=0)
    np.testing.assert_allclose(predicted(read(path), sequences()), expected, atol=1e-6)
    network.save(path.with_name("elsewhere.h5"))
    whole = read(path, path.with_name("elsewhere.h5"))
    np.testing.assert_allclose(predicted(whole, sequences()), expected, atol=1e-6)
    # Two that fit: the user must say which.
    path.with_name("model_weights.h5").write_bytes(path.with_name("elsewhere.h5").read_bytes())
    with pytest.raises(ModelError, match=r"found model\.weights\.h5, model_weights\.h5.*--weights"):
        read(path)
    with pytest.raises(ModelError, match="no such weights file"):
        read(path, path.with_name("absent.h5"))
    with pytest.raises(ModelError, match=r"model\.json holds no weights.*expected HDF5"):
        read(path, path)
    with pytest.raises(ModelError, match=r"whole model; --weights is for an architecture"):
        read(path.with_name("elsewhere.h5"), path.with_name("model.weights.h5"))
    with h5py.File(path.with_name("data.h5"), "w") as file:
        file["X_test"] = np.zeros((3, 4))
    with pytest.raises(ModelError, match="holds no Keras weights: found 'X_test'"):
        read(path, path.with_name("data.h5"))


def test_weights_and_data_alone_say_what_is_missing(apart: tuple[Any, Path]) -> None:
    _, path = apart
    with pytest.raises(ModelError, match=r"weights alone.*--weights model\.weights\.h5"):
        read(path.with_name("model.weights.h5"))
    with h5py.File(path.with_name("data.h5"), "w") as file:
        file["X_test"] = np.zeros((3, 4))
    with pytest.raises(ModelError, match="is it data"):
        read(path.with_name("data.h5"))
    path.with_name("settings.json").write_text('{"learning_rate": 0.1}')
    with pytest.raises(
        ModelError, match="JSON but no architecture of Keras: found 'learning_rate'"
    ):
        read(path.with_name("settings.json"))


def changed(path: Path, change: Callable[[list[dict[str, Any]]], Any]) -> Path:
    """Change the layers of an architecture in JSON."""
    config = json.loads(path.read_text())
    change(config["config"]["layers"])
    other = path.with_name("changed.json")
    other.write_text(json.dumps(config))
    return other


def test_code_in_an_architecture_is_not_run(apart: tuple[Any, Path]) -> None:
    _, path = apart
    weights = path.with_name("model.weights.h5")

    def carries_code(stack: list[dict[str, Any]]) -> None:
        stack[3]["class_name"] = "Lambda"

    with pytest.raises(ModelError, match=r"Lambda\) carries Python code.*--trust-model"):
        read(changed(path, carries_code), weights)

    def custom(stack: list[dict[str, Any]]) -> None:
        stack[3].update(class_name="Gate", module="gates", registered_name="gates>Gate")

    with pytest.raises(ModelError, match="custom class 'Gate'"):
        read(changed(path, custom), weights)


# ---- sizes -----------------------------------------------------------------------------------


def test_declared_sizes_are_checked_before_memory_is_taken(apart: tuple[Any, Path]) -> None:
    """Weights of 3.6 GB are declared; the process must not grow by a tenth of that."""
    _, path = apart
    weights = path.with_name("model.weights.h5")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def many_units(stack: list[dict[str, Any]]) -> None:
        stack[-1]["config"]["units"] = 20_000_000

    def long_slopes(stack: list[dict[str, Any]]) -> None:
        # A layer whose weights the file does not even mention.
        stack[3].update(class_name="PReLU", config={"name": "slopes"})
        stack[0]["config"]["batch_shape"] = [None, 180_000_000, 4]

    for change in (many_units, long_slopes):
        with pytest.raises(ModelError, match="Keras cannot load"):
            read(changed(path, change), weights)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 360_000  # kilobytes


def test_tensors_that_fit_no_memory_are_refused(tmp_path: Path) -> None:
    network = small_network(None)
    path = tmp_path / "net.json"
    path.write_text(network.to_json())
    network.save_weights(tmp_path / "net.weights.h5")

    def long_input(stack: list[dict[str, Any]]) -> None:
        stack[0]["config"]["batch_shape"] = [None, 10**10, 4]

    with pytest.raises(ModelError, match="gives 40,000,000,000 numbers for one sequence"):
        read(changed(path, long_input), tmp_path / "net.weights.h5")


def test_hollow_files_are_refused(apart: tuple[Any, Path]) -> None:
    _, path = apart
    hollow = path.with_name("hollow.weights.h5")
    hollow.write_bytes(path.with_name("model.weights.h5").read_bytes())
    with h5py.File(hollow, "r+") as file:
        del file["layers/conv1d/vars/0"]
        file.create_dataset("layers/conv1d/vars/0", (10**12, 4), "f4", chunks=(1000, 4))
    with pytest.raises(ModelError, match="declares data of more than 200 times"):
        read(path, hollow)

    def deep(stack: list[dict[str, Any]]) -> None:
        for _ in range(200):
            stack[0]["config"] = {"inside": stack[0]["config"]}

    with pytest.raises(ModelError, match="nests 100 deep"):
        read(changed(path, deep), path.with_name("model.weights.h5"))

    def doubling(stack: list[dict[str, Any]]) -> None:
        # Each model calls the one inside it twice: 2**40 calls from 40 descriptions.
        inner = stack[1]
        for level in range(12):
            inner = {
                "class_name": "Functional",
                "name": f"level_{level}",
                "config": {"layers": [inner], "name": f"level_{level}"},
                "inbound_nodes": [[], [], []],
            }
        stack[1] = inner

    with pytest.raises(ModelError, match="layer calls, more than"):
        read(changed(path, doubling), path.with_name("model.weights.h5"))


def test_texts_longer_than_their_file_are_refused(tmp_path: Path) -> None:
    """The library would take 4 GB to read the version's six letters."""
    path = tmp_path / "net.h5"
    small_network().save(path)
    content = path.read_bytes()
    with h5py.File(path) as file:
        length = len(file.attrs["model_config"])
    place = content.index(
        length.to_bytes(4, "little") + content.index(b"GCOL").to_bytes(8, "little")
    )
    path.write_bytes(content[:place] + b"\xff\xff\xff\xf0" + content[place + 4 :])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError, match=r"damaged: it announces a text of 4,\d+"):
        read(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 360_000


# ---- what a file is --------------------------------------------------------------------------


def torch_archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"a": 1}))
    return content.getvalue()


OTHER_FILES = {
    "model.pt": (torch_archive(), r"PyTorch file\? Export it to \.onnx"),
    "old.pth": (pickle.dumps({"a": 1}, 2), r"PyTorch file.*torch\.onnx\.export"),
    "model.pkl": (pickle.dumps([1, 2], 4), "Python pickle.*not opened"),
    "model.tflite": (b"\x1c\0\0\0TFL3" + bytes(40), "TensorFlow Lite"),
    "m.safetensors": (
        (60).to_bytes(8, "little") + b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        "safetensors file: weights without an architecture",
    ),
    "hg38.fa": (b">chr1\nACGTACGT\n", "FASTA file.*--data"),
    "reads.txt": (b"ACGTACGT" * 30, "plain sequence.*--data"),
    "model.onnx.gz": (b"\x1f\x8b\x08" + bytes(20), "unpack it first"),
    "x.npy": (b"\x93NUMPY\x01\0" + bytes(20), "belongs to --data"),
    "frozen.pb": (b"\n\x12\n\x01x\x12\x0bPlaceholder", r"TensorFlow graph \(\.pb\)"),
    "frozen": (b"\n\x12\n\x01x\x12\x0bPlaceholder", r"TensorFlow graph \(\.pb\)"),
    "notes.onnx": (b"see the other folder\n", "is text, not a model: it starts with 'see"),
    "empty.onnx": (b"", "is empty"),
    "text.keras": (b"\x01\x02binary", "named like a Keras file"),
    "saved_model.pb": (b"\x08\x01\x12", "the inside of a SavedModel; give its folder"),
    "cut.h5": (b"\x89HDF\r\n\x1a\n" + bytes(30), "cannot be read; is it truncated"),
}


@pytest.mark.parametrize("name", OTHER_FILES)
def test_other_files_are_named(name: str, tmp_path: Path) -> None:
    content, message = OTHER_FILES[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ModelError, match=message) as error:
        read(path)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"folder without saved_model\.pb"):
        file_kind(tmp_path)
    (tmp_path / "best.keras").touch()
    with pytest.raises(ModelError, match=r"did you mean .*best\.keras"):
        file_kind(tmp_path)
    (tmp_path / "checkpoint").touch()
    with pytest.raises(ModelError, match="checkpoints: weights without an architecture"):
        file_kind(tmp_path)
    with pytest.raises(ModelError, match="no such model file"):
        file_kind(tmp_path / "absent")


def test_hash_of_files_and_folders(tmp_path: Path) -> None:
    first, second = tmp_path / "a.bin", tmp_path / "b.bin"
    first.write_bytes(b"one")
    second.write_bytes(b"two")
    known = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    assert hash_model(first) == known
    folder = hash_model(tmp_path)
    assert len({known, folder, hash_model(second, first), hash_model(second)}) == 4
    second.write_bytes(b"three")
    assert hash_model(tmp_path) != folder


# ---- SavedModel ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    network = small_network()
    path = tmp_path_factory.mktemp("saved") / "net"
    network.export(path, verbose=False)
    return network, path


def test_saved_model(exported: tuple[Any, Path], capfd: pytest.CaptureFixture[str]) -> None:
    """The network's own predictions, through the conversion; quietly."""
    network, path = exported
    capfd.readouterr()
    model = read(path)
    assert capfd.readouterr() == ("", "")
    expected = network.predict(sequences(), verbose=0)
    np.testing.assert_allclose(predicted(model, sequences()), expected, atol=1e-6)
    assert (model.format, model.layout.name, model.layout.axes) == ("savedmodel", "sequence", "NLC")
    assert model.layout.length == LENGTH
    kinds = [type(node).__name__ for node in model.graph]
    assert kinds.count("Convolution") == 2
    assert "Opaque" not in kinds
    assert any("converted to ONNX" in note for note in model.notes)


def test_saved_model_with_several_inputs_and_outputs(tmp_path: Path) -> None:
    sequence, dose = keras.Input((LENGTH, 4), name="b_sequence"), keras.Input((3,), name="a_dose")
    x = layers.Conv1D(5, 7, activation="relu")(sequence)
    x = layers.Concatenate()([layers.GlobalMaxPooling1D()(x), dose])
    outputs = {"zeta": layers.Dense(2)(x), "alpha": layers.Dense(1)(x)}
    keras.Model([sequence, dose], outputs).export(tmp_path / "net", verbose=False)
    model = read(tmp_path / "net")
    assert model.layout.name == "b_sequence"
    assert dict(model.layout.held) == {"a_dose": 0.0}


def test_a_saved_model_that_crops_more_than_is_understood_asks_for_a_length(
    tmp_path: Path,
) -> None:
    x = sequence = keras.Input((None, 4), name="sequence")
    x = layers.UpSampling1D(2)(layers.Conv1D(5, 7, activation="relu")(x))
    x = layers.Conv1D(2, 3)(layers.Cropping1D(20)(x))
    keras.Model(sequence, x).export(tmp_path / "net", verbose=False)
    with pytest.raises(ModelError, match=r"^\S*/net: .*; give a --length other than 14 bp$"):
        read(tmp_path / "net")
    model = saved_model.read_saved_model(tmp_path / "net", InputRequest(length=60))
    assert model.layout.reference_length == 60


def test_converted_network_that_differs_is_refused(
    exported: tuple[Any, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = OnnxRuntime.predict

    def shifted(self: Any, inputs: np.ndarray, *, batch_size: int) -> list[np.ndarray]:
        return [output + 0.001 for output in honest(self, inputs, batch_size=batch_size)]

    monkeypatch.setattr(OnnxRuntime, "predict", shifted)
    with pytest.raises(FidelityError, match="converted to ONNX it is off by"):
        read(exported[1])


def harmful_modules() -> dict[str, Any]:
    import tensorflow as tf

    def reads_files(x: Any) -> Any:
        return x + tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), tf.float32)

    def writes_files(x: Any) -> Any:
        tf.io.write_file("/tmp/never-written", "x")
        return x

    def runs_python(x: Any) -> Any:
        return tf.py_function(lambda y: y, [x], tf.float32)

    def inside_a_branch(x: Any) -> Any:
        return tf.cond(tf.reduce_sum(x) > 0, lambda: reads_files(x), lambda: x)

    functions = (reads_files, writes_files, runs_python, inside_a_branch)
    return dict(zip(("ReadFile", "WriteFile", "EagerPyFunc", "branch"), functions, strict=True))


@pytest.mark.parametrize("operation", ["ReadFile", "WriteFile", "EagerPyFunc", "branch"])
def test_operations_that_reach_outside_are_refused(operation: str, tmp_path: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    function = tf.function(
        harmful_modules()[operation],
        input_signature=[tf.TensorSpec((None, LENGTH, 4), name="sequence")],
    )
    module.serve = function
    tf.saved_model.save(module, str(tmp_path / "net"), signatures=function)
    named = "ReadFile" if operation == "branch" else operation
    with pytest.raises(ModelError, match=f"operation '{named}' at .* is no plain arithmetic"):
        read(tmp_path / "net")


def test_tables_are_refused(tmp_path: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    keys = tf.lookup.KeyValueTensorInitializer([1, 2], [3, 4], tf.int64, tf.int64)
    module.table = tf.lookup.StaticHashTable(keys, 0)
    module.serve = tf.function(
        lambda x: x, input_signature=[tf.TensorSpec((None, LENGTH, 4), name="sequence")]
    )
    tf.saved_model.save(module, str(tmp_path / "net"), signatures=module.serve)
    with pytest.raises(ModelError, match=r"holds a resource .*; refused"):
        read(tmp_path / "net")


def test_damaged_saved_models(exported: tuple[Any, Path], tmp_path: Path) -> None:
    def copy(name: str) -> Path:
        return Path(shutil.copytree(exported[1], tmp_path / name))

    cut = copy("cut")
    (cut / "saved_model.pb").write_bytes((exported[1] / "saved_model.pb").read_bytes()[:5000])
    with pytest.raises(ModelError, match=r"saved_model\.pb cannot be read"):
        read(cut)
    hollow = copy("hollow")
    for file in (hollow / "variables").glob("variables.data*"):
        file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(ModelError, match=r"cannot load|truncated"):
        read(hollow)
    linked = copy("linked")
    (linked / "variables" / "variables.index").unlink()
    (linked / "variables" / "variables.index").symlink_to(exported[1] / "variables/variables.index")
    with pytest.raises(ModelError, match="link to another place"):
        read(linked)
    bare = copy("bare")
    shutil.rmtree(bare / "variables")
    with pytest.raises(ModelError, match="variables"):
        read(bare)


def test_saved_model_needs_tensorflow(
    exported: tuple[Any, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_model.import_keras().backend, "backend", lambda: "jax")
    with pytest.raises(ModelError, match=r"needs TensorFlow.*KERAS_BACKEND"):
        read(exported[1])
