"""From a Keras file to a Keras model, whatever version wrote it."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuroninterp.backend import import_keras
from neuroninterp.errors import ModelError
from neuroninterp.models.keras.config import check_config, modernise
from neuroninterp.models.keras.file import KerasParts, open_keras_file
from neuroninterp.models.keras.hdf5 import open_hdf5, read_layer_weights
from neuroninterp.models.keras.legacy import build_legacy_model, is_legacy
from neuroninterp.models.keras.sizes import check_tensor_sizes, loaded_within
from neuroninterp.models.keras.walk import is_graph_model

__all__ = ["LoadedKeras", "load_keras_file"]

_LONGEST_MESSAGE = 240
_OUTERMOST = {
    "Functional": {"module": "keras.src.models.functional", "registered_name": "Functional"},
    "Sequential": {"module": "keras", "registered_name": "Sequential"},
}
_SLIDING = frozenset({"Conv1D", "Conv2D", "Conv3D", "SeparableConv1D", "SeparableConv2D"})


@dataclass(frozen=True)
class LoadedKeras:
    """A Keras model and how its file was read.

    Parameters
    ----------
    model : keras.Model
        Its calls are held as a graph; it computes in float32.
    notes : tuple of str
        What the user should know about how the file was read, a sentence each.
    """

    model: Any
    notes: tuple[str, ...] = ()


def load_keras_file(path: Path, *, trust: bool = False, weights: Path | None = None) -> LoadedKeras:
    """Load a Keras model whose calls are held as a graph, in float32.

    Parameters
    ----------
    path : Path
        A ``.keras`` archive, an HDF5 file or an architecture in JSON, of any Keras version;
        recognised by its content.
    trust : bool
        Let Keras run code that the file carries (Lambda layers).
    weights : Path or None
        The weights of an architecture in JSON; None to find them beside it.

    Returns
    -------
    LoadedKeras

    Raises
    ------
    ModelError
        If the file is no Keras model, is not safe to load, declares more than it holds, or
        holds no graph of its layers.
    """
    import_keras()
    with tempfile.TemporaryDirectory(prefix="neuroninterp-") as name:
        parts = open_keras_file(path, Path(name), weights=weights)
        if is_legacy(parts.config, parts.version):
            loaded = _rebuild(parts)
        else:
            loaded = _load(parts, Path(name), trust=trust)
    model = loaded.model
    if not is_graph_model(model):
        raise ModelError(
            f"{path}: the model ({type(model).__name__}) holds no graph of its layers, because it "
            "is subclassed or was saved before it saw an input; rebuild it with keras.Input, or "
            "export it to .onnx"
        )
    check_tensor_sizes(model, path)
    _use_full_precision(model)
    return loaded


def _rebuild(parts: KerasParts) -> LoadedKeras:
    """Rebuild a model of Keras 0.x or 1."""
    with open_hdf5(parts.weights) as file:
        stored = read_layer_weights(file, parts.weights)
    model, notes = build_legacy_model(
        parts.config, stored, parts.path, backend=parts.backend, version=parts.version
    )
    return LoadedKeras(model, (*parts.notes, *notes))


def _load(parts: KerasParts, folder: Path, *, trust: bool) -> LoadedKeras:
    """Have Keras load what Keras 2 or 3 wrote."""
    config, changed = _checked(parts, trust=trust)
    if parts.layout == "numbered":
        raise ModelError(
            f"{parts.weights} holds weights of Keras 0.x, {parts.path} an architecture of a newer "
            "Keras; they do not belong together"
        )
    loadable = parts.loadable
    if loadable is None or changed:
        loadable = _assemble(parts, config, folder)
    keras = import_keras()
    try:
        model = loaded_within(
            lambda: keras.saving.load_model(loadable, compile=False, safe_mode=not trust),
            parts.path,
            parts.weights.stat().st_size,
        )
    except ModelError:
        raise
    except Exception as error:  # Keras raises every kind, down to KeyError
        raise ModelError(f"Keras cannot load {parts.path}: {_shortened(error)}") from error
    if not isinstance(model, keras.Model):
        raise ModelError(f"{parts.path} holds a {type(model).__name__}, not a Keras model")
    notes = parts.notes
    if parts.backend == "theano":
        _turn_kernels(model)
        notes = (*notes, "computed by Theano when saved: its kernels were turned round")
    return LoadedKeras(model, notes)


def _checked(parts: KerasParts, *, trust: bool) -> tuple[dict[str, Any], bool]:
    """Return the architecture as Keras 3 writes it, checked, and whether it was rewritten."""
    config, changed = parts.config, False
    try:
        if parts.layout != "by_path" or _by_keras_2(parts):
            config, changed = modernise(parts.config, by_keras_2=_by_keras_2(parts))
        check_config(config, parts.path, trust=trust)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{parts.path}: the architecture is not laid out as Keras writes it "
            f"({type(error).__name__}: {error}); is the file damaged?"
        ) from error
    return config, changed


def _by_keras_2(parts: KerasParts) -> bool:
    """Tell an architecture of Keras 2; only Keras 3 names the module of every class."""
    stated = str(parts.config.get("keras_version") or parts.version)
    if stated:
        return stated.startswith("2.") or "-tf" in stated
    return not str(parts.config.get("module", "")).startswith("keras")


def _assemble(parts: KerasParts, config: dict[str, Any], folder: Path) -> Path:
    """Write a file that Keras 3 can load, from an architecture and weights."""
    import h5py

    if parts.layout == "by_path":
        path = folder / "assembled.keras"
        with zipfile.ZipFile(path, "w") as archive:
            # The outermost class must be named as Keras 3 does; those inside are known by name.
            outer = {**config, **_OUTERMOST.get(str(config["class_name"]), {})}
            archive.writestr("config.json", json.dumps(outer))
            archive.writestr("metadata.json", json.dumps({"keras_version": "3.0.0"}))
            archive.write(parts.weights, "model.weights.h5")
        return path
    path = folder / "assembled.h5"
    if parts.layout == "whole":
        shutil.copyfile(parts.weights, path)
        with h5py.File(path, "r+") as file:
            file.attrs["model_config"] = json.dumps(config)
        return path
    with h5py.File(path, "w") as file, h5py.File(parts.weights, "r") as source:
        file.attrs["model_config"] = json.dumps(config)
        group = file.create_group("model_weights")
        for key, value in source.attrs.items():
            group.attrs[key] = value
        for key in source:
            source.copy(key, group)
    return path


def _turn_kernels(model: Any) -> None:
    """Turn kernels round: Theano convolves where TensorFlow correlates."""
    for layer in model._flatten_layers():
        if type(layer).__name__ in _SLIDING:
            spatial = tuple(slice(None, None, -1) for _ in layer.kernel_size)
            variables = layer.get_weights()
            layer.set_weights([variables[0][spatial], *variables[1:]])


def _use_full_precision(model: Any) -> None:
    """Compute in float32 what was trained in mixed precision; the weights are float32 anyway."""
    for layer in model._flatten_layers():
        if layer.compute_dtype != layer.variable_dtype == "float32":
            layer.dtype_policy = "float32"


def _shortened(error: Exception) -> str:
    """Return the one sentence of Keras's message that says what is wrong."""
    text = str(error).split("Exception encountered:")[-1]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    start = "".join(lines[:1])
    if start.endswith(":"):
        start = " ".join(lines[:2])
    # The configuration of the whole model may follow on the same line.
    sentence = re.split(r"\.? *(?:Full object config|config=\{|Received:|: \{'module')", start)[0]
    sentence = sentence or type(error).__name__
    if len(sentence) > _LONGEST_MESSAGE:
        sentence = sentence[:_LONGEST_MESSAGE].rsplit(" ", 1)[0] + " …"
    return sentence
