"""Which canonical activation a Keras function, layer or operation computes."""

from __future__ import annotations

from typing import Any

from neuroninterp.models.keras_values import NotUnderstoodError

__all__ = ["activation_of", "fused_activation"]

_PLAIN_FUNCTIONS: dict[str, tuple[str, float] | None] = {
    "elu": ("elu", 1.0),
    "exponential": ("exponential", 0.0),
    "gelu": ("gelu", 0.0),
    # Keras's own default slope of the function; the layer's is a setting.
    "leaky_relu": ("leaky_relu", 0.2),
    "linear": None,
    "relu": ("relu", 0.0),
    "sigmoid": ("sigmoid", 0.0),
    "silu": ("silu", 0.0),
    "softmax": ("softmax", 0.0),
    "softplus": ("softplus", 0.0),
    "tanh": ("tanh", 0.0),
}

_PLAIN_OPERATIONS = {
    "Exp": "exponential",
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "Silu": "silu",
    "Softplus": "softplus",
    "Tanh": "tanh",
}


def fused_activation(function: Any) -> tuple[str, float] | None:
    """Return the canonical name and alpha of a layer's ``activation`` argument.

    Parameters
    ----------
    function : callable
        A function of ``keras.activations`` or an activation layer.

    Returns
    -------
    tuple of str and float, or None
        None for the linear activation, which computes nothing.

    Raises
    ------
    NotUnderstoodError
        If it is any other function.
    """
    import keras

    if isinstance(function, keras.layers.Layer):
        return activation_of(function)
    name = getattr(function, "__name__", type(function).__name__)
    if getattr(keras.activations, name, None) is not function or name not in _PLAIN_FUNCTIONS:
        raise NotUnderstoodError(f"activation {name!r}")
    return _PLAIN_FUNCTIONS[name]


def activation_of(operation: Any) -> tuple[str, float] | None:
    """Return the canonical name and alpha of an activation layer or operation.

    Parameters
    ----------
    operation : keras.layers.Layer or keras.Operation
        An activation in layer form (``ReLU``, ``Activation("tanh")`` …) or from ``keras.ops``.

    Returns
    -------
    tuple of str and float, or None
        None for the linear activation.

    Raises
    ------
    NotUnderstoodError
        If it computes something that the canonical graph has no word for.
    """
    kind = type(operation).__name__
    if kind == "Activation":
        return fused_activation(operation.activation)
    if kind == "ReLU":
        return _relu(operation)
    if kind in ("LeakyReLU", "LeakyRelu"):
        return "leaky_relu", float(operation.negative_slope)
    if kind in ("ELU", "Elu"):
        return "elu", float(operation.alpha)
    if kind == "Gelu":
        return ("gelu_tanh" if operation.approximate else "gelu"), 0.0
    if kind == "Softmax":
        if operation.axis != -1:
            raise NotUnderstoodError(f"softmax over axis {operation.axis}")
        return "softmax", 0.0
    if kind in _PLAIN_OPERATIONS:
        return _PLAIN_OPERATIONS[kind], 0.0
    raise NotUnderstoodError(f"activation {kind!r}")


def _relu(layer: Any) -> tuple[str, float]:
    if layer.max_value is not None or layer.threshold:
        raise NotUnderstoodError(
            f"ReLU with max_value={layer.max_value} and threshold={layer.threshold}"
        )
    if layer.negative_slope:
        return "leaky_relu", float(layer.negative_slope)
    return "relu", 0.0
