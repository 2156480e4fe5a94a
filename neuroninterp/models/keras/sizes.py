"""Memory is taken only for what a Keras file honestly holds."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from neuroninterp.backend import import_keras
from neuroninterp.errors import ModelError
from neuroninterp.models.keras.hdf5 import LARGEST_EXPANSION

__all__ = ["check_tensor_sizes", "loaded_within"]

_MOST_ELEMENTS = 2**29
"""Largest tensor for one sequence: 2 GB. Enformer's largest is a quarter of that."""
_LONGEST_INPUT = 2**24
"""Most numbers of one sequence, as for ONNX files: 4 million bp, one-hot."""
_LARGEST_SETTING = 2**24
"""Largest stride, dilation and so on; TensorFlow ends the process at those of over 31 bits."""
_SETTINGS = ("cropping", "dilation_rate", "kernel_size", "padding", "pool_size", "size", "strides")


def loaded_within(load: Callable[[], Any], path: Path, size: int) -> Any:
    """Load a model, but take no memory for weights before their declared size is checked.

    Inside a stateless scope Keras only notes the shapes of a model's variables, and keeps
    what is assigned to them, which comes from the file.

    Parameters
    ----------
    load : callable
        Loads and returns the model, its weights included.
    path : Path
        The file, for messages.
    size : int
        Size of the weights on disk, bytes.

    Returns
    -------
    keras.Model

    Raises
    ------
    ModelError
        If the architecture declares weights of more than 200 times the file's size.
    """
    keras = import_keras()
    scope = _scope(LARGEST_EXPANSION * size)
    try:
        with scope:
            model = load()
        variables = list(model.variables) if isinstance(model, keras.Model) else []
        declared = sum(4 * math.prod(variable.shape) for variable in variables)
        if declared > LARGEST_EXPANSION * size:
            raise ModelError(
                f"{path}: the architecture asks for weights of {declared:,} bytes, the file holds "
                f"{size:,}; refused"
            )
    except BaseException:
        _forget_pending()
        raise
    _initialise_pending()
    for variable in variables:
        value = scope.get_current_value(variable)
        if value is not None:
            variable.assign(value)
    return model


def _scope(most: int) -> Any:
    """Return a stateless scope in which no variable of more than ``most`` bytes is made up."""
    base: Any = import_keras().StatelessScope

    class Scope(base):
        def get_current_value(self, variable: Any) -> Any:
            value = super().get_current_value(variable)
            # What has no value yet Keras would draw at random, just to look at it: up to 3.12
            # even for the message that a weight's shape does not fit the file's.
            declared = 4 * math.prod(variable.shape)
            if value is None and variable._value is None and declared > most:
                raise ModelError(
                    f"the architecture asks for a weight of shape {tuple(variable.shape)}, "
                    f"{declared:,} bytes; refused"
                )
            return value

    return Scope(initialize_variables=False)


def _forget_pending() -> None:
    """Drop the variables that Keras would make at the end of the next scope."""
    from keras.src.backend.common import global_state

    global_state.set_global_attribute("uninitialized_variables", [])


def _initialise_pending() -> None:
    # Keras makes them when a scope of its own ends.
    with import_keras().StatelessScope():
        pass


def check_tensor_sizes(model: Any, path: Path) -> None:
    """Refuse a model whose tensors would not fit a memory, or whose windows no sequence.

    Parameters
    ----------
    model : keras.Model
        A Functional or Sequential model.
    path : Path
        The file, for messages.

    Raises
    ------
    ModelError
        Naming the layer.
    """
    for tensor in model.inputs:
        entries = math.prod(size or 1 for size in tensor.shape[1:])
        if entries > _LONGEST_INPUT:
            raise ModelError(
                f"{path}: input {tensor.name!r} gives {entries:,} numbers for one sequence, more "
                f"than {_LONGEST_INPUT:,}; refused"
            )
    for layer in model._flatten_layers():
        _check_settings(layer, path)
        for node in getattr(layer, "_inbound_nodes", ()):
            for tensor in node.output_tensors:
                elements = math.prod(size or 1 for size in tensor.shape[1:])
                if elements > _MOST_ELEMENTS:
                    raise ModelError(
                        f"{path}: layer {layer.name!r} gives {elements:,} numbers for one "
                        "sequence; refused"
                    )


def _check_settings(layer: Any, path: Path) -> None:
    for key in _SETTINGS:
        values = [getattr(layer, key, 0)]
        while values:
            value = values.pop()
            if isinstance(value, (tuple, list)):
                values += value
            elif isinstance(value, int) and abs(value) > _LARGEST_SETTING:
                raise ModelError(
                    f"{path}: layer {layer.name!r} has {key} of {value:,}, more than any sequence "
                    "is long; refused"
                )
