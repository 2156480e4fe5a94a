"""Recognises activations that an exporter spelt out in elementary operations.

Exporters write GELU, SiLU, softplus or a scaled ELU as a handful of additions, products and
error functions, in many orders. Instead of matching each spelling, the operations are
evaluated on a grid of numbers; what comes out is compared with the known functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.special import erf, expit

from neuroninterp.models.onnx_tensors import Constant, Operation, Tensor

__all__ = ["GRID", "identify", "trace"]

_OUTER = np.array([10.0, 15.0, 19.0, 25.0, 40.0, 80.0, 300.0, 700.0])
GRID = np.concatenate([-_OUTER[::-1], np.linspace(-8.0, 8.0, 1025), _OUTER])
"""Numbers on which elementwise operations are compared."""
_TOLERANCE = 1e-4
"""Largest deviation, relative above 1: above the rounding of constants kept in half precision,
below the distance of the two forms of GELU (5e-4)."""
_LONGEST_CHAIN = 16


def _clip(operation: Operation, x: np.ndarray, *bounds: np.ndarray) -> np.ndarray:
    low, high = operation.attributes.get("min", -np.inf), operation.attributes.get("max", np.inf)
    present = iter(bounds)
    for index, value in enumerate(operation.inputs[1:]):
        if value is not None:
            bound = next(present)
            low, high = (bound, high) if index == 0 else (low, bound)
    return np.minimum(np.maximum(x, low), high)


_PLAIN: dict[str, Callable[..., Any]] = {
    "Abs": np.abs,
    "Add": np.add,
    "And": np.logical_and,
    "Div": np.divide,
    "Equal": np.equal,
    "Erf": erf,
    "Exp": np.exp,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Log": np.log,
    "Mul": np.multiply,
    "Neg": np.negative,
    "Not": np.logical_not,
    "Or": np.logical_or,
    "PRelu": lambda x, slope: np.where(x < 0, slope * x, x),
    "Pow": np.power,
    "Reciprocal": np.reciprocal,
    "Relu": lambda x: np.maximum(x, 0),
    "Sigmoid": expit,
    "Softplus": lambda x: np.logaddexp(0, x),
    "Sqrt": np.sqrt,
    "Sub": np.subtract,
    "Tanh": np.tanh,
    "Where": np.where,
}


def _function(operation: Operation) -> Callable[..., Any] | None:
    if operation.kind == "Clip":
        return lambda *values: _clip(operation, *values)
    if operation.kind in ("Max", "Min"):
        reduce = np.maximum if operation.kind == "Max" else np.minimum
        return lambda *values: reduce.reduce(np.broadcast_arrays(*values))
    if operation.kind == "Sum":
        return lambda *values: sum(values[1:], start=values[0])
    if operation.kind == "Elu":
        alpha = operation.attributes.get("alpha", 1.0)
        return lambda x: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))
    if operation.kind == "LeakyRelu":
        slope = operation.attributes.get("alpha", 0.01)
        return lambda x: np.where(x < 0, slope * x, x)
    if operation.kind == "Cast":
        return lambda x: x.astype(bool if operation.attributes["to"] == 9 else float)
    return _PLAIN.get(operation.kind)


def trace(operation: Operation) -> dict[str, tuple[Tensor, np.ndarray]]:
    """Evaluate an elementwise operation on the grid.

    Parameters
    ----------
    operation : Operation
        Any operation.

    Returns
    -------
    dict of str to tuple of Tensor and numpy.ndarray
        For each earlier tensor that alone determines the result: its node, the tensor, and
        the result at each point of the grid; the nearest tensor last. Empty where the
        operation is not elementwise, or its constants differ between channels or positions.
    """
    function = _function(operation)
    present = [value for value in operation.inputs if value is not None]
    tensors = [value for value in present if isinstance(value, Tensor)]
    constants = [_uniform(v, tensors[:1]) for v in present if isinstance(v, Constant)]
    if function is None or not tensors or any(value is None for value in constants):
        return {}
    known = [{**value.curves, value.node: (value, GRID)} for value in tensors]
    roots = [name for name in known[0] if all(_same(name, known[0], other) for other in known)]
    curves: dict[str, tuple[Tensor, np.ndarray]] = {}
    with np.errstate(all="ignore"):
        for name in roots[-_LONGEST_CHAIN:]:
            values = iter([other[name][1] for other in known])
            scalars = iter(constants)
            arguments = [
                next(values) if isinstance(value, Tensor) else next(scalars) for value in present
            ]
            curves[name] = (known[0][name][0], np.asarray(function(*arguments)))
    return curves


def _same(name: str, first: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether both tensors come from the same earlier one, in the same layout."""
    return name in other and first[name][0].axes == other[name][0].axes


def _uniform(constant: Constant, beside: list[Tensor]) -> np.ndarray | None:
    """Return a constant whose entries are all equal as one number, else None.

    None too where it would change the shape of the tensor that it stands beside.
    """
    value = constant.value
    sizes = beside[0].sizes if beside else None
    if value.size > 1 or value.ndim > 1:
        rank = value.ndim
        if sizes is None or rank > len(sizes):
            return None
        if any(n not in (1, size) for n, size in zip(value.shape[::-1], sizes[::-1], strict=False)):
            return None
    if constant.from_shape or value.size == 0 or value.dtype.kind not in "fiub":
        return None
    if value.size > 1 and np.any(value != value.flat[0]):
        return None
    number = value.reshape(-1)[0]
    return np.asarray(number if value.dtype.kind == "b" else float(number))


def identify(
    curves: Mapping[str, tuple[Tensor, np.ndarray]],
) -> tuple[Tensor, str, float] | None:
    """Find the activation that a chain of elementary operations computes.

    Parameters
    ----------
    curves : mapping
        As returned by :func:`trace`.

    Returns
    -------
    tuple of Tensor, str, float, or None
        The tensor it is applied to, its name as in
        :class:`neuroninterp.graph.Activation`, and its ``alpha``; None where no known
        function fits.
    """
    for root, curve in reversed(list(curves.values())):
        if curve.dtype.kind != "f" or curve.shape != GRID.shape or not np.isfinite(curve).all():
            continue
        if root.axes is None:
            continue
        errors = [(_deviation(curve, y), name, a) for name, a, y in _known_functions(curve)]
        error, name, alpha = min(errors)
        if error <= _TOLERANCE:
            return root, name, alpha
    return None


def _deviation(curve: np.ndarray, expected: np.ndarray) -> float:
    return float(np.max(np.abs(curve - expected) / np.maximum(1.0, np.abs(expected))))


def _known_functions(curve: np.ndarray) -> list[tuple[str, float, np.ndarray]]:
    """Return name, alpha and curve of each known function, alpha fitted at x = -1."""
    x = GRID
    at_minus_one = float(curve[np.searchsorted(x, -1.0)])
    slope, scale = -at_minus_one, at_minus_one / np.expm1(-1.0)
    negative = np.minimum(x, 0.0)
    cubic = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
    functions = [
        ("relu", 0.0, np.maximum(x, 0.0)),
        ("sigmoid", 0.0, expit(x)),
        ("tanh", 0.0, np.tanh(x)),
        ("exponential", 0.0, np.exp(x)),
        ("softplus", 0.0, np.logaddexp(0.0, x)),
        ("silu", 0.0, x * expit(x)),
        ("gelu", 0.0, 0.5 * x * (1 + erf(x / np.sqrt(2)))),
        ("gelu_tanh", 0.0, 0.5 * x * (1 + np.tanh(cubic))),
    ]
    if slope > 0:
        functions.append(("leaky_relu", slope, np.where(x < 0, slope * x, x)))
    if scale > 0:
        functions.append(("elu", float(scale), np.where(x < 0, scale * np.expm1(negative), x)))
    return functions
