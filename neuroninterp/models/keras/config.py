"""What a Keras architecture may contain: checks on the JSON, before Keras builds anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from neuroninterp.errors import ModelError
from neuroninterp.models.keras.keras_2_activations import CHANGED_ACTIVATIONS, activation_of_keras_2

__all__ = ["check_config", "modernise"]

_MOST_CALLS = 5_000
"""Most layer calls once nested models are unfolded; Keras takes a second for a thousand."""
_LONGEST_STACK = 300
"""Most layers of one Sequential, which Keras builds anew with every layer it adds."""
_LONGEST_NAME = 10_000

_CODE = frozenset({"Lambda", "__lambda__", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"})
"""Classes whose configuration carries code, in pickled or marshalled form."""

_OUTSIDE = frozenset(
    {"TFSMLayer", "StringLookup", "IntegerLookup", "TextVectorization", "HashedCrossing"}
)
"""Classes whose configuration may name files that Keras reads or runs."""

_MODELLING = frozenset(
    {
        "activations",
        "constraints",
        "dtype_policies",
        "engine",
        "initializers",
        "layers",
        "models",
        "ops",
        "optimizers",
        "quantizers",
        "random",
        "regularizers",
    }
)
"""Parts of Keras that an architecture may name; the rest (``keras.utils`` …) has other uses."""

_MODEL_CLASSES = frozenset({"Functional", "Model", "Sequential"})
_TENSORFLOW_OPERATIONS = frozenset(
    {"ClassMethod", "InstanceMethod", "InstanceProperty", "SlicingOpLambda", "TFOpLambda"}
)
_LAYER_KEYS = frozenset({"layer", "layers", "forward_layer", "backward_layer", "cell", "cells"})
_WRAPPED = _LAYER_KEYS - {"layers"}

_OBSOLETE: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("GRU", "LSTM", "SimpleRNN", "RNN"), ("time_major", "implementation")),
    **dict.fromkeys(
        ("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"),
        ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    ),
}
"""Arguments that Keras 2 wrote and Keras 3 refuses; none changes what is computed."""


def check_config(config: dict[str, Any], path: Path, *, trust: bool) -> None:
    """Refuse an architecture that carries code or that Keras cannot rebuild.

    Parameters
    ----------
    config : dict
        The parsed architecture.
    path : Path
        The file, for messages.
    trust : bool
        Whether code that the file carries may run.

    Raises
    ------
    ModelError
        Naming the layer.
    """
    calls = _count_calls(config)
    if calls > _MOST_CALLS:
        raise ModelError(f"{path}: {calls:,} layer calls, more than {_MOST_CALLS:,}; refused")
    for entry, layer, is_layer in _entries(config, "", False):
        kind = entry["class_name"]
        if len(str(layer)) > _LONGEST_NAME:
            name = f"{str(layer)[:40]!r}…"
            raise ModelError(f"{path}: layer {name} has a name of over {_LONGEST_NAME:,} letters")
        if kind == "Sequential" and len(_stack(entry)) > _LONGEST_STACK:
            raise ModelError(
                f"{path}: a Sequential of {len(_stack(entry)):,} layers, more than "
                f"{_LONGEST_STACK}; rebuild it as a functional model, or export it to .onnx"
            )
        if not trust:
            _refuse_code(entry, kind, layer, path)
        if kind in _TENSORFLOW_OPERATIONS:
            raise ModelError(
                f"{path}: layer {layer!r} is a TensorFlow operation ({kind}) in a Keras 2 model, "
                "which Keras 3 cannot rebuild; export the model to .onnx"
            )
        if _is_custom(entry, kind, is_layer):
            raise ModelError(
                f"{path}: layer {layer!r} is of the custom class {kind!r}, which Keras does not "
                "know; export the model to .onnx, or register the class with "
                "keras.saving.register_keras_serializable before loading (--trust-model does "
                "not bring code that the file lacks)"
            )
        if is_layer and (function := _unknown_function(entry)):
            raise ModelError(
                f"{path}: layer {layer!r} computes with the function {function!r}, of which the "
                "file holds nothing but the name; give an architecture with Keras's own layers "
                f"in its place (JSON, model.to_json()) and --weights {path.name}"
            )


def _unknown_function(entry: dict[str, Any]) -> str | None:
    """Return the activation of a Keras 2 layer that Keras does not know by its name."""
    import keras

    settings = entry.get("config")
    function = settings.get("activation") if isinstance(settings, dict) else None
    if not isinstance(function, str):
        return None
    try:
        keras.activations.get(function)
    except ValueError:
        return function
    return None


def _refuse_code(entry: dict[str, Any], kind: str, layer: str, path: Path) -> None:
    if kind in _CODE:
        shown = "Lambda" if kind == "__lambda__" else kind
        raise ModelError(
            f"{path}: layer {layer!r} ({shown}) carries Python code, which is not run; if you "
            "trust the file, use --trust-model (trust_model=True)"
        )
    if kind in _OUTSIDE:
        raise ModelError(
            f"{path}: layer {layer!r} ({kind}) may read files outside the model; if you trust "
            "the file, use --trust-model (trust_model=True)"
        )
    module = entry.get("module")
    if not isinstance(module, str) or module.split(".")[0] != "keras":
        return
    parts = [part for part in module.split(".")[1:] if part not in ("src", "_tf_keras", "api")]
    if parts and parts[0] not in _MODELLING:
        raise ModelError(
            f"{path}: layer {layer!r} names {module}.{kind}, which is no part of a network; refused"
        )


def _is_custom(entry: dict[str, Any], kind: str, is_layer: bool) -> bool:
    """Tell whether the entry needs a class that neither Keras nor the user has registered."""
    import keras

    names = {entry.get("registered_name") or kind, kind}
    known = any(keras.saving.get_registered_object(name) is not None for name in names)
    if known or kind.startswith("__"):
        return False
    module = entry.get("module")
    if isinstance(module, str):
        return module.split(".")[0] not in ("keras", "builtins")
    # Keras 2 wrote no module; only where a layer must stand is the name's meaning known.
    return is_layer and kind not in _MODEL_CLASSES and not hasattr(keras.layers, kind)


def _entries(node: Any, layer: str, is_layer: bool) -> Iterator[tuple[dict[str, Any], str, bool]]:
    """Yield every object description with the name of the layer that it belongs to."""
    if isinstance(node, list):
        for item in node:
            yield from _entries(item, layer, is_layer)
        return
    if not isinstance(node, dict):
        return
    settings = node.get("config")
    if isinstance(node.get("class_name"), str):
        if is_layer:
            named = settings.get("name") if isinstance(settings, dict) else None
            layer = str(node.get("name") or named or layer or node["class_name"])
        yield node, layer, is_layer
    for key, value in node.items():
        if key not in ("compile_config", "build_config"):
            yield from _entries(value, layer, key in _LAYER_KEYS)


def _stack(entry: dict[str, Any]) -> list[Any]:
    """Return the layers of a model."""
    config = entry.get("config")
    layers = config.get("layers") if isinstance(config, dict) else config
    return layers if isinstance(layers, list) else []


def _count_calls(entry: dict[str, Any]) -> int:
    """Count the layer calls of a model; a shared model counts at each of its calls."""
    settings = entry.get("config")
    layers = settings.get("layers") if isinstance(settings, dict) else None
    if not isinstance(layers, list):
        return 1
    total = 1
    for layer in layers:
        if isinstance(layer, dict):
            nodes = layer.get("inbound_nodes")
            times = len(nodes) if isinstance(nodes, list) else 1
            total += max(times, 1) * _count_calls(layer)
    return total


def modernise(config: dict[str, Any], *, by_keras_2: bool) -> tuple[dict[str, Any], bool]:
    """Rewrite what Keras 3 cannot read, or reads otherwise, of an architecture of Keras 2.

    Parameters
    ----------
    config : dict
        The parsed architecture; not changed.
    by_keras_2 : bool
        Whether Keras 2 wrote it; the same names of functions mean something else then.

    Returns
    -------
    tuple of dict and bool
        The rewritten copy, and whether it differs.
    """
    rewritten = _modernised(config, by_keras_2)
    return rewritten, rewritten != config


def _modernised(node: Any, by_keras_2: bool) -> Any:
    if isinstance(node, list):
        return [_modernised(item, by_keras_2) for item in node]
    if not isinstance(node, dict):
        return node
    copy = {key: _modernised(value, by_keras_2) for key, value in node.items()}
    kind, settings = copy.get("class_name"), copy.get("config")
    if not isinstance(kind, str):
        return copy
    # Keras 3 keeps its classes elsewhere than Keras 2 did, but knows them by their name.
    if by_keras_2 and copy.get("registered_name") in (None, *_MODEL_CLASSES):
        copy.pop("build_config", None)
        for key in ("module", "registered_name", "shared_object_id"):
            copy.pop(key, None)
    if kind == "Model":
        copy["class_name"] = "Functional"
    if kind == "Sequential":
        # Until Keras 2.2.2 the configuration was the bare list of layers.
        settings = settings if isinstance(settings, dict) else {"layers": settings}
        settings.setdefault("name", "sequential")
        settings["layers"] = _with_input_layer(settings["layers"])
        copy["config"] = settings
    if copy["class_name"] == "Functional" and isinstance(settings, dict):
        _number_from_zero(settings)
    if kind in _MODEL_CLASSES and isinstance(settings, dict):
        _leave_shapes_to_inputs(settings["layers"])
    if isinstance(settings, dict):
        _modernise_layer(kind, copy, settings)
        if by_keras_2:
            _keep_meaning(kind, settings)
    return copy


def _leave_shapes_to_inputs(layers: list[Any]) -> None:
    """Drop the input shapes that Keras 2 wrote into layers behind an input layer, too."""
    for layer in layers:
        settings = layer.get("config") if isinstance(layer, dict) else None
        if isinstance(settings, dict) and layer.get("class_name") != "InputLayer":
            settings.pop("batch_input_shape", None)


def _number_from_zero(settings: dict[str, Any]) -> None:
    """Count the calls of nested models from 0; Keras 2 counted their making as a call."""
    references = [
        reference
        for layer in settings["layers"]
        for node in layer.get("inbound_nodes", ())
        for reference in (node if isinstance(node, list) else ())
    ]
    for key in ("input_layers", "output_layers"):
        listed = settings.get(key, [])
        references += [listed] if listed and isinstance(listed[0], str) else listed
    for layer in settings["layers"]:
        name = layer.get("name")
        calls = [r for r in references if isinstance(r, list) and len(r) > 2 and r[0] == name]
        # Every call that is kept is read by somebody, so that the lowest number is the first.
        if layer.get("class_name") in _MODEL_CLASSES and calls and min(r[1] for r in calls) == 1:
            for reference in calls:
                reference[1] -= 1


def _modernise_layer(kind: str, entry: dict[str, Any], settings: dict[str, Any]) -> None:
    """Rewrite the settings of one layer in place."""
    for name in _OBSOLETE.get(kind, ()):
        settings.pop(name, None)
    for key in _WRAPPED & set(settings):
        # Wrappers ask for the newer form, which states the module.
        inner = settings[key]
        for wrapped in inner if isinstance(inner, list) else [inner]:
            if isinstance(wrapped, dict) and "class_name" in wrapped:
                wrapped.setdefault("module", "keras.layers")
                wrapped.setdefault("registered_name", None)
    dtype = settings.get("dtype")
    if isinstance(dtype, dict) and dtype.get("class_name") == "Policy":
        settings["dtype"] = dtype["config"]["name"]
    if kind == "LeakyReLU" and "alpha" in settings:
        settings["negative_slope"] = settings.pop("alpha")
    if kind == "SyncBatchNormalization":
        entry["class_name"] = kind = "BatchNormalization"
    if kind == "BatchNormalization":
        axis = settings.get("axis")
        if isinstance(axis, list) and len(axis) == 1:
            settings["axis"] = axis[0]
        for name in ("renorm", "fused", "renorm_clipping", "renorm_momentum", "virtual_batch_size"):
            settings.pop(name, None)
    if kind == "ThresholdedReLU":
        entry["class_name"] = "ReLU"
        settings["threshold"] = settings.pop("theta", 1.0)


def _keep_meaning(kind: str, settings: dict[str, Any]) -> None:
    """Write out what Keras 3 would take for something else."""
    for key in ("activation", "recurrent_activation"):
        function = settings.get(key)
        if isinstance(function, dict) and function.get("class_name") == "function":
            function = function.get("config")
        if isinstance(function, str) and function in CHANGED_ACTIVATIONS:
            settings[key] = activation_of_keras_2(function)
    if kind == "GRU":
        settings.setdefault("reset_after", False)


def _with_input_layer(stack: list[Any]) -> list[Any]:
    """Give a Sequential model the input layer that Keras 2 hid in its first layer."""
    first = stack[0] if stack else {}
    if first.get("class_name") == "InputLayer" or not isinstance(first.get("config"), dict):
        return stack
    settings = dict(first["config"])
    shape = settings.pop("batch_input_shape", None)
    if shape is None:
        return stack
    entry = {
        "class_name": "InputLayer",
        "config": {"name": f"{settings.get('name', 'first')}_input", "batch_input_shape": shape},
    }
    return [entry, {**first, "config": settings}, *stack[1:]]
