"""Which canonical activation a Keras function, layer or operation computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from neuroninterp.backend import import_keras
from neuroninterp.models.keras.values import NotUnderstoodError

__all__ = ["Form", "forms_of", "fused_forms", "probed"]


@dataclass(frozen=True)
class Form:
    """The fields of one :class:`neuroninterp.graph.Activation`."""

    function: str
    alpha: float = 0.0
    bounds: tuple[float, float] = (-np.inf, np.inf)
    call: Callable[[Any], Any] | None = None
    rectifier: bool = False

    def keywords(self) -> dict[str, Any]:
        """Return the node's keyword arguments."""
        # Not asdict, which would copy the function.
        return {each.name: getattr(self, each.name) for each in fields(self)}


_CLIPPED = {"hard_tanh": (-1.0, 1.0), "relu6": (0.0, 6.0)}

_FUNCTIONS: dict[str, tuple[Form, ...]] = {
    "elu": (Form("elu", 1.0),),
    # Keras's own default slope of the function; the layer's is a setting.
    "leaky_relu": (Form("leaky_relu", 0.2),),
    "linear": (),
    **{
        name: (Form(name),)
        for name in (
            "exponential",
            "gelu",
            "hard_sigmoid",
            "hard_silu",
            "mish",
            "relu",
            "selu",
            "sigmoid",
            "silu",
            "softmax",
            "softplus",
            "softsign",
            "tanh",
        )
    },
    **{name: (Form("clip", bounds=bounds),) for name, bounds in _CLIPPED.items()},
}
"""Functions of ``keras.activations`` with their default arguments."""

_LAYERS = ("Activation", "ELU", "LeakyReLU", "ReLU", "Softmax")
"""Activations in layer form that hold no weights."""

_OPERATIONS = {
    "Exp": "exponential",
    "HardSigmoid": "hard_sigmoid",
    "HardSilu": "hard_silu",
    "HardTanh": "hard_tanh",
    "Relu": "relu",
    "Relu6": "relu6",
    "Selu": "selu",
    "Sigmoid": "sigmoid",
    "Silu": "silu",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Tanh": "tanh",
}
"""Operations of ``keras.ops`` without settings."""


def fused_forms(function: Any) -> tuple[Form, ...]:
    """Return what a layer's ``activation`` argument computes, step by step.

    Parameters
    ----------
    function : callable
        A function of ``keras.activations``, an activation layer, or one of the user's own.

    Returns
    -------
    tuple of Form
        Empty for the linear activation, which computes nothing.

    Raises
    ------
    NotUnderstoodError
        If it is not elementwise.
    """
    keras = import_keras()
    if isinstance(function, keras.Operation):
        kind = type(function).__name__
        weights = isinstance(function, keras.layers.Layer) and kind not in _LAYERS
        # A layer with weights of its own, like PReLU, does not show them to the layer around it.
        if weights or not type(function).__module__.startswith("keras."):
            raise NotUnderstoodError(f"activation {kind!r}")
        return forms_of(function)
    name = getattr(function, "__name__", type(function).__name__)
    if name in _FUNCTIONS and getattr(keras.activations, name, None) is function:
        return _FUNCTIONS[name]
    return (probed(function, name),)


def forms_of(operation: Any) -> tuple[Form, ...]:
    """Return what an activation layer or operation computes, step by step.

    Parameters
    ----------
    operation : keras.layers.Layer or keras.Operation
        An activation in layer form (``ReLU``, ``Activation("tanh")`` …) or from ``keras.ops``.

    Returns
    -------
    tuple of Form
        Empty for the linear activation.

    Raises
    ------
    NotUnderstoodError
        If it is not elementwise.
    """
    kind = type(operation).__name__
    if kind == "Activation":
        return fused_forms(operation.activation)
    if kind == "ReLU":
        return _relu(operation)
    if kind in ("LeakyReLU", "LeakyRelu"):
        return (Form("leaky_relu", float(operation.negative_slope)),)
    if kind in ("ELU", "Elu"):
        return (Form("elu", float(operation.alpha)),)
    if kind == "Gelu":
        return (Form("gelu_tanh" if operation.approximate else "gelu"),)
    if kind == "Softmax":
        return (Form("softmax"),)
    if kind == "Clip" and np.ndim(operation.x_min) == np.ndim(operation.x_max) == 0:
        return (Form("clip", bounds=(float(operation.x_min), float(operation.x_max))),)
    if kind in _OPERATIONS:
        return _FUNCTIONS[_OPERATIONS[kind]]
    return (probed(operation, kind),)


def _relu(layer: Any) -> tuple[Form, ...]:
    slope = float(layer.negative_slope)
    largest = np.inf if layer.max_value is None else float(layer.max_value)
    if layer.threshold:
        if not slope and largest == np.inf:
            return (Form("thresholded_relu", float(layer.threshold)),)
        return (probed(layer, "ReLU"),)
    if not slope:
        return (Form("relu"),) if largest == np.inf else (Form("clip", bounds=(0.0, largest)),)
    leaky = Form("leaky_relu", slope)
    if largest == np.inf:
        return (leaky,)
    return leaky, Form("clip", bounds=(-np.inf, largest))


def probed(function: Callable[[Any], Any], name: str) -> Form:
    """Check on random numbers that a function is elementwise, and describe it.

    Permuting the numbers must permute the results, and changing half of them must change only
    their own results.

    Parameters
    ----------
    function : callable
        Tensor to tensor.
    name : str
        What the user knows it by.

    Returns
    -------
    Form
        The function "custom", a rectifier where it is nearly flat on the left and grows on
        the right.

    Raises
    ------
    NotUnderstoodError
        If it is not elementwise, or fails.
    """
    rng = np.random.default_rng(0)
    numbers = rng.normal(0.0, 3.0, (2, 6, 5)).astype(np.float32)
    order = rng.permutation(numbers.size)
    # Half of them become far larger or smaller, as a maximum or a median would notice.
    kept = rng.random(numbers.shape) < 0.5
    changed = np.where(kept, numbers, 10 * rng.permutation(numbers.ravel()).reshape(kept.shape))
    try:
        results = _evaluate(function, numbers)
        permuted = _evaluate(function, numbers.ravel()[order].reshape(numbers.shape))
        after = _evaluate(function, changed)
        rectifier = _is_rectifier(function)
    except Exception as error:  # a user's function raises what it likes
        raise NotUnderstoodError(
            f"activation {name!r}, which fails on random numbers ({type(error).__name__})"
        ) from error
    elementwise = (
        results.shape == numbers.shape
        and _same(permuted.ravel(), results.ravel()[order])
        and _same(after[kept], results[kept])
    )
    if not elementwise:
        raise NotUnderstoodError(f"activation {name!r}, which is not elementwise")
    return Form("custom", call=function, rectifier=rectifier)


def _evaluate(function: Callable[[Any], Any], numbers: np.ndarray) -> np.ndarray:
    keras = import_keras()
    results = function(keras.ops.convert_to_tensor(numbers))
    kind = keras.backend.standardize_dtype(results.dtype)
    if "float" not in kind:
        raise TypeError(f"its results are {kind}, which no convolution reads")
    return np.asarray(keras.ops.convert_to_numpy(results), np.float64)


def _same(mine: np.ndarray, theirs: np.ndarray) -> bool:
    # Vectorised kernels may round the same number differently at another place.
    return bool(np.allclose(mine, theirs, rtol=1e-5, atol=1e-6, equal_nan=True))


def _is_rectifier(function: Callable[[Any], Any]) -> bool:
    """Whether a function is near zero left of 0, and grows right of it, no faster than x³."""
    points = np.array([-4.0, 0.0, 4.0, 10.0, 20.0], np.float32).reshape(1, 5, 1)
    left, zero, right, middle, far = _evaluate(function, points).ravel().tolist()
    grows = zero < right and 0.0 <= far - middle < 10.0 * (middle - zero)
    return bool(grows and abs(left) < 0.5 * right and abs(zero) < 0.3 * right)
