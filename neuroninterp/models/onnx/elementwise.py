"""Recognises activations that an exporter spelt out in elementary operations.

Exporters write GELU, SiLU, softplus or a scaled ELU as a handful of additions, products and
error functions, in many orders. Instead of matching each spelling, the operations are
evaluated on a grid of numbers; what comes out is compared with the known functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import erf, expit

from neuroninterp.models.onnx.tensors import Constant, Operation, Tensor

__all__ = ["GRID", "Match", "identify", "pointwise", "scaled_silu", "trace"]

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
    "Softsign": lambda x: x / (1 + np.abs(x)),
    "Softplus": lambda x: np.logaddexp(0, x),
    "Sqrt": np.sqrt,
    "Sub": np.subtract,
    "Tanh": np.tanh,
    "Where": np.where,
}


@dataclass(frozen=True)
class Match:
    """A known activation, found in a chain of elementary operations.

    Parameters
    ----------
    root : Tensor
        The tensor it is applied to.
    fields : mapping of str to Any
        Fields of the :class:`neuroninterp.graph.Activation`.
    """

    root: Tensor
    fields: Mapping[str, Any] = field(default_factory=dict)


def pointwise(operation: Operation) -> Callable[..., Any] | None:
    """Return the function of NumPy arrays that an elementwise operation computes, else None."""
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
    if operation.kind == "HardSigmoid":
        slope, shift = (operation.attributes.get(n, d) for n, d in (("alpha", 0.2), ("beta", 0.5)))
        return lambda x: np.clip(slope * x + shift, 0.0, 1.0)
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
    function = pointwise(operation)
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


def identify(curves: Mapping[str, tuple[Tensor, np.ndarray]]) -> Match | None:
    """Find the activation that a chain of elementary operations computes.

    Parameters
    ----------
    curves : mapping
        As returned by :func:`trace`.

    Returns
    -------
    Match or None
        None where no known function fits.
    """
    for root, curve in reversed(list(curves.values())):
        if curve.dtype.kind != "f" or curve.shape != GRID.shape or not np.isfinite(curve).all():
            continue
        if root.axes is None:
            continue
        # Equally good ones differ only beyond the grid: the first of them, then.
        fits = [(_deviation(curve, y), fields) for fields, y in _known_functions(curve)]
        error, fields = min(fits, key=lambda fit: round(fit[0], 7))
        if error <= _TOLERANCE:
            return Match(root, fields)
    return None


def _deviation(curve: np.ndarray, expected: np.ndarray) -> float:
    return float(np.max(np.abs(curve - expected) / np.maximum(1.0, np.abs(expected))))


def scaled_silu(slope: float) -> Callable[[Any], Any]:
    """Return ``x * sigmoid(slope * x)`` as a function of tensors."""

    def call(x: Any) -> Any:
        from neuroninterp.backend import import_keras

        return x * import_keras().ops.sigmoid(slope * x)

    return call


_CUBIC = np.sqrt(2 / np.pi) * (GRID + 0.044715 * GRID**3)
_NEGATIVE = np.minimum(GRID, 0.0)
_SOFTPLUS = np.logaddexp(0.0, GRID)
_HARD = np.clip(GRID / 6 + 0.5, 0.0, 1.0)
_FIXED: dict[str, np.ndarray] = {
    "relu": np.maximum(GRID, 0.0),
    "sigmoid": expit(GRID),
    "tanh": np.tanh(GRID),
    "exponential": np.exp(GRID),
    "softplus": _SOFTPLUS,
    "silu": GRID * expit(GRID),
    "gelu": 0.5 * GRID * (1 + erf(GRID / np.sqrt(2))),
    "gelu_tanh": 0.5 * GRID * (1 + np.tanh(_CUBIC)),
    "hard_sigmoid": _HARD,
    "hard_silu": GRID * _HARD,
    "mish": GRID * np.tanh(_SOFTPLUS),
    "selu": 1.05070098 * np.where(GRID > 0, GRID, 1.67326324 * np.expm1(_NEGATIVE)),
    "softsign": GRID / (1 + np.abs(GRID)),
}
"""Known functions without a parameter, on the grid."""


def _known_functions(curve: np.ndarray) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """Yield fields and curve of each known function, its parameters fitted at -1 and 1."""
    for name, expected in _FIXED.items():
        yield {"function": name}, expected
    at_minus_one, at_one = (float(curve[np.searchsorted(GRID, x)]) for x in (-1.0, 1.0))
    slope, scale = -at_minus_one, at_minus_one / np.expm1(-1.0)
    # What leaves its input as it is, or scales it alone, is no activation.
    if slope > 0 and slope != 1:
        leaky = np.where(GRID < 0, slope * GRID, GRID)
        yield {"function": "leaky_relu", "alpha": slope}, leaky
    if scale > 0:
        elu = np.where(GRID < 0, scale * np.expm1(_NEGATIVE), GRID)
        yield {"function": "elu", "alpha": float(scale)}, elu
    low, high = (
        float(end) if abs(end) < np.abs(GRID).max() else float(np.sign(end) * np.inf)
        for end in (curve[0], curve[-1])
    )
    if low < high and np.isfinite([low, high]).any():
        yield {"function": "clip", "bounds": (low, high)}, np.clip(GRID, low, high)
    if 0.51 < at_one < 1:
        beta = float(np.log(at_one / (1 - at_one)))
        fields = {"function": "custom", "call": scaled_silu(beta), "rectifier": True}
        yield fields, GRID * expit(beta * GRID)
