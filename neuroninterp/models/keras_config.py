"""What a Keras architecture may contain: checks on the JSON, before Keras builds anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from neuroninterp.errors import ModelError

__all__ = ["check_config", "modernise"]

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

_OBSOLETE: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("GRU", "LSTM", "SimpleRNN", "RNN"), ("time_major", "implementation")),
    **dict.fromkeys(("CuDNNGRU", "CuDNNLSTM"), ("time_major",)),
    **dict.fromkeys(
        ("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"), ("groups",)
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
    for entry, layer, is_layer in _entries(config, "", False):
        kind = entry["class_name"]
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


def modernise(config: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Rewrite what Keras 3 cannot read of an architecture that Keras 2 wrote.

    Parameters
    ----------
    config : dict
        The parsed architecture; not changed.

    Returns
    -------
    tuple of dict and bool
        The rewritten copy, and whether it differs.
    """
    rewritten = _modernised(config)
    return rewritten, rewritten != config


def _modernised(node: Any) -> Any:
    if isinstance(node, list):
        return [_modernised(item) for item in node]
    if not isinstance(node, dict):
        return node
    copy = {key: _modernised(value) for key, value in node.items()}
    kind, settings = copy.get("class_name"), copy.get("config")
    if kind == "Sequential":
        # Until Keras 2.2.2 the configuration was the bare list of layers.
        settings = settings if isinstance(settings, dict) else {"layers": settings}
        settings.setdefault("name", "sequential")
        settings["layers"] = _with_input_layer(settings["layers"])
        copy["config"] = settings
    obsolete = _OBSOLETE.get(str(kind), ())
    if isinstance(settings, dict) and any(name in settings for name in obsolete):
        copy["config"] = {k: v for k, v in settings.items() if k not in obsolete}
    return copy


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
