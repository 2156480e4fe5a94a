"""Models of Keras 0.x and 1, rebuilt layer by layer.

Keras 3 takes nothing of these files: the names of layers and settings are others, kernels
are stored filters first, and Theano turned them round before use. The rebuilt model keeps
the input's layout as the file has it; layers that worked channels first ("th") work
channels last between two ``Permute`` layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from neuroninterp.backend import import_keras
from neuroninterp.errors import ModelError
from neuroninterp.models.keras.hdf5 import LayerWeights
from neuroninterp.models.keras.legacy_layers import apply_layer
from neuroninterp.models.keras.legacy_values import Call, Origin, Stored, Tensor

__all__ = ["build_legacy_model", "is_legacy"]

_LEGACY_SETTINGS = frozenset(
    {
        "W_regularizer",
        "border_mode",
        "dim_ordering",
        "filter_length",
        "nb_filter",
        "nb_row",
        "pool_length",
        "subsample",
        "subsample_length",
    }
)
_CONTAINERS = frozenset({"Graph", "Model", "Sequential"})


def is_legacy(config: dict[str, Any], version: str = "") -> bool:
    """Tell whether an architecture was written by Keras 0.x or 1.

    Parameters
    ----------
    config : dict
        The parsed architecture.
    version : str
        The Keras version that the file states, if any.

    Returns
    -------
    bool
    """
    stated = str(config.get("keras_version") or version)
    if stated:
        return stated.split(".")[0] in ("0", "1")
    if "class_name" not in config:
        return isinstance(config.get("layers"), list)
    return any(_LEGACY_SETTINGS & set(settings) for _, settings in _stack(config))


def _stack(config: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the class and the settings of each layer of an outer model."""
    inside = config.get("config", config)
    stack = inside.get("layers", []) if isinstance(inside, dict) else inside
    for entry in stack if isinstance(stack, list) else []:
        if isinstance(entry, dict):
            settings = entry.get("config", entry)
            yield _kind(entry), settings if isinstance(settings, dict) else {}


def _kind(entry: dict[str, Any]) -> str:
    return str(entry.get("class_name") or entry.get("name"))


def build_legacy_model(
    config: dict[str, Any],
    weights: Sequence[LayerWeights],
    path: Path,
    *,
    backend: str = "",
    version: str = "",
) -> tuple[Any, tuple[str, ...]]:
    """Rebuild a model of Keras 0.x or 1.

    Parameters
    ----------
    config : dict
        The architecture, as parsed from JSON.
    weights : sequence of LayerWeights
        The stored weights, an entry a layer.
    path : Path
        The file, for messages.
    backend : str
        Library that computed the model ("theano", "tensorflow"), "" where not stated.
    version : str
        The Keras version that the file states, if any.

    Returns
    -------
    tuple of keras.Model and tuple of str
        The model with its weights, and what the user should know about how it was read.

    Raises
    ------
    ModelError
        Naming the layer that is not understood, or whose stored weights do not fit.
    """
    origin = Origin(
        path,
        str(config.get("keras_version") or version or ("0" if "class_name" not in config else "")),
        backend,
    )
    builder = _Builder(origin)
    try:
        model = builder.build(config, weights)
    except ModelError:
        raise
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        layer = f" at layer {builder.current!r}" if builder.current else ""
        raise ModelError(
            f"{path}: the architecture of Keras {origin.version or '1'} cannot be rebuilt{layer}: "
            f"{type(error).__name__}: {str(error)[:160]}"
        ) from error
    return model, origin.notes()


class _Builder:
    """Builds one file's model; remembers where it is, for messages."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.current = ""

    def build(self, config: dict[str, Any], weights: Sequence[LayerWeights]) -> Any:
        kind = str(config.get("class_name") or config.get("name"))
        if kind == "Graph":
            raise ModelError(
                f"{self.origin.path}: a Graph model of Keras 0.x, which is not understood; only "
                "Sequential and functional models are"
            )
        if kind == "Model":
            return self._functional(config["config"], weights)
        return self._sequential(config, weights)

    def _sequential(self, config: dict[str, Any], weights: Sequence[LayerWeights]) -> Any:
        inside = config.get("config", config)
        entries = inside["layers"] if isinstance(inside, dict) else inside
        names = _names(entries)
        stored = _assign(self.origin.path, names, weights)
        keras = import_keras()
        sequence = keras.Input(_input_shape(entries[0], self.origin.path), name="sequence")
        tensor = Tensor(sequence)
        for entry, name in zip(entries, names, strict=True):
            tensor = self._apply(entry, name, [tensor], stored[name])
        return keras.Model(sequence, tensor.in_file_order())

    def _functional(self, inside: dict[str, Any], weights: Sequence[LayerWeights]) -> Any:
        entries = {str(entry["name"]): entry for entry in inside["layers"]}
        stored = _assign(self.origin.path, list(entries), weights)
        keras = import_keras()
        found: dict[str, Tensor] = {}
        waiting = dict(entries)
        while waiting:
            ready = [
                name
                for name, entry in waiting.items()
                if all(source in found for source in _sources(entry))
            ]
            if not ready:
                raise ModelError(f"{self.origin.path}: the layers {list(waiting)[:3]} form a cycle")
            for name in ready:
                entry = waiting.pop(name)
                if _kind(entry) == "InputLayer":
                    shape = entry["config"]["batch_input_shape"][1:]
                    found[name] = Tensor(keras.Input(shape, name=name))
                    continue
                calls = entry.get("inbound_nodes", [])
                if len(calls) != 1:
                    raise ModelError(
                        f"{self.origin.path}: layer {name!r} is called {len(calls)} times; shared "
                        "layers of Keras 1 are not understood"
                    )
                inputs = [found[source] for source in _sources(entry)]
                found[name] = self._apply(entry, name, inputs, stored[name])
        return keras.Model(
            [found[str(name)].tensor for name, *_ in inside["input_layers"]],
            [found[str(name)].in_file_order() for name, *_ in inside["output_layers"]],
        )

    def _apply(
        self, entry: dict[str, Any], name: str, inputs: list[Tensor], stored: Stored
    ) -> Tensor:
        kind = _kind(entry)
        self.current = name
        if kind in _CONTAINERS:
            raise ModelError(
                f"{self.origin.path}: layer {name!r} is a model inside a model of Keras 1, which "
                "is not understood"
            )
        settings = entry.get("config", entry)
        result = apply_layer(Call(kind, settings, name, inputs, stored, self.origin))
        if stored.left:
            raise ModelError(
                f"{self.origin.path}: layer {name!r} ({kind}) has {stored.left} stored arrays "
                "more than it reads"
            )
        return result


def _names(entries: Sequence[dict[str, Any]]) -> list[str]:
    """Name the layers; Keras 0.x gave only their kinds, which repeat."""
    names = []
    for number, entry in enumerate(entries, start=1):
        settings = entry.get("config", entry)
        name = settings.get("custom_name") or settings.get("name") or _kind(entry)
        if "class_name" not in entry:
            name = f"{name}_{number}"
        names.append(str(name))
    if len(set(names)) < len(names):
        names = [f"{name}_{number}" for number, name in enumerate(names, start=1)]
    return names


def _sources(entry: dict[str, Any]) -> list[str]:
    return [str(call[0]) for node in entry.get("inbound_nodes", []) for call in node]


def _input_shape(first: dict[str, Any], path: Path) -> tuple[int | None, ...]:
    """Read the shape of a Sequential model's input, without the batch."""
    settings = first.get("config", first)
    if settings.get("batch_input_shape"):
        return tuple(settings["batch_input_shape"][1:])
    if settings.get("input_shape"):
        return tuple(settings["input_shape"])
    if settings.get("input_dim"):
        # The short form: a row of this many channels, with or without a fixed length.
        length = settings.get("input_length")
        recurrent_or_sliding = _kind(first) not in ("Dense",)
        return (length, settings["input_dim"]) if recurrent_or_sliding else (settings["input_dim"],)
    raise ModelError(f"{path}: the first layer ({_kind(first)}) states no input shape")


def _assign(path: Path, names: Sequence[str], weights: Sequence[LayerWeights]) -> dict[str, Stored]:
    """Give each layer its stored arrays: by name, by place, or by order of those that have any."""
    if weights and all(entry.name in names for entry in weights):
        by_name = {entry.name: entry.arrays for entry in weights}
        return {name: Stored(path, name, by_name.get(name, ())) for name in names}
    if len(weights) == len(names):
        return {
            name: Stored(path, name, entry.arrays)
            for name, entry in zip(names, weights, strict=True)
        }
    raise ModelError(
        f"{path}: the architecture has {len(names)} layers, the weights are those of "
        f"{len(weights)}; they do not belong together"
    )
