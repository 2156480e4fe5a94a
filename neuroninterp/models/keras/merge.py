"""What joins tensors in Keras, or scales them by constants: sums, products, concatenations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from neuroninterp.graph import (
    Activation,
    Add,
    Concatenate,
    Dense,
    Flatten,
    Maximum,
    Multiply,
    Node,
    Take,
)
from neuroninterp.models.keras.arrays import to_array
from neuroninterp.models.keras.elementwise import affine
from neuroninterp.models.keras.values import Call, NotUnderstoodError, Value

__all__ = [
    "add",
    "average",
    "concatenate",
    "divide",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "product_of_matrices",
    "subtract",
]


def add(call: Call) -> Value:
    """Translate a sum of tensors, or of a tensor and constants."""
    constant = _constant(call)
    if constant is not None:
        return _scaled(call, np.ones(1), constant)
    return _merge(call, Add)


def multiply(call: Call) -> Value:
    """Translate a product of tensors, or of a tensor and constants."""
    constant = _constant(call)
    if constant is not None:
        return _scaled(call, constant, np.zeros(1))
    return _merge(call, Multiply)


def subtract(call: Call) -> Value:
    """Translate a difference."""
    constant = _constant(call)
    if constant is None:
        first, second = call.inputs
        return _merge(call.after(first, _negated(call, second, "negated")), Add)
    if isinstance(call.operands[0], Value):
        return _scaled(call, np.ones(1), -constant)
    return _scaled(call, -np.ones(1), constant)


def divide(call: Call) -> Value:
    """Translate a division by constants."""
    constant = _constant(call)
    if constant is None or not isinstance(call.operands[0], Value):
        raise NotUnderstoodError("it divides by a tensor")
    return _scaled(call, 1.0 / constant.astype(np.float64), np.zeros(1))


def negative(call: Call) -> Value:
    """Translate a change of sign."""
    return _scaled(call, -np.ones(1), np.zeros(1))


def average(call: Call) -> Value:
    """Translate the mean of several tensors."""
    total = _merge(call, Add, part="sum", tensor=None)
    return affine(call.after(total), np.full(1, 1.0 / len(call.inputs)), np.zeros(1))


def maximum(call: Call) -> Value:
    """Translate the larger of tensors, or of a tensor and a number."""
    constant = _constant(call)
    if constant is None:
        return _merge(call, Maximum)
    if constant.size == 1 and not constant.any():
        return call.builder.add(Activation, call, function="relu")
    return _clip(call, constant, smallest=True)


def minimum(call: Call) -> Value:
    """Translate the smaller of tensors, or of a tensor and a number."""
    constant = _constant(call)
    if constant is not None:
        return _clip(call, constant, smallest=False)
    negated = [_negated(call, value, f"negated{n}") for n, value in enumerate(call.inputs, 1)]
    largest = _merge(call.after(*negated), Maximum, part="maximum", tensor=None)
    return affine(call.after(largest), -np.ones(1), np.zeros(1))


def concatenate(call: Call) -> Value:
    """Translate a concatenation along the channels, or of batches one behind the other."""
    call = call.after(*_flattened(call))
    axes = call.common_axes()
    letter = axes[call.operation.axis]
    if letter == "N":
        # The same layers see all batches alike; the first is followed.
        first = call.inputs[0]
        stacked = sum(value.stacked for value in call.inputs)
        return replace(first.as_tensor(call.outputs[0], call.shapes[0]), stacked=stacked)
    if letter not in "CF":
        raise NotUnderstoodError(f"it concatenates along {letter!r} of {axes}")
    return call.builder.add(Concatenate, call)


def product_of_matrices(call: Call) -> Value:
    """Translate a matrix product with constants; between two tensors everything meets."""
    constant = _constant(call)
    if constant is None:
        raise NotUnderstoodError("", whole_sequence=True)
    value = call.only_input()
    if call.operands[0] is not value or constant.ndim != 2 or value.axes[-1] not in "CF":
        raise NotUnderstoodError(
            f"it multiplies a tensor laid out {value.axes} and numbers of shape {constant.shape}",
            whole_sequence=True,
        )
    bias = np.zeros(constant.shape[1], np.float32)
    return call.builder.add(Dense, call, kernel=constant, bias=bias)


def _constant(call: Call) -> np.ndarray | None:
    """Return the constant operand of two; None where every operand is a tensor."""
    constants = [operand for operand in call.operands if not isinstance(operand, Value)]
    if not constants or len(call.inputs) > 1:
        return None
    if len(call.operands) != 2:
        raise NotUnderstoodError(f"it reads {len(call.operands)} operands")
    return to_array(constants[0])


def _scaled(call: Call, scale: np.ndarray, shift: np.ndarray) -> Value:
    if call.shapes[0] != call.only_input().shape:
        raise NotUnderstoodError(f"it turns {call.only_input().shape} into {call.shapes[0]}")
    return affine(call, scale, shift)


def _clip(call: Call, bound: np.ndarray, *, smallest: bool) -> Value:
    if bound.size != 1:
        raise NotUnderstoodError(f"it compares with numbers of shape {bound.shape}")
    limit = float(bound.item())
    bounds = (limit, np.inf) if smallest else (-np.inf, limit)
    return call.builder.add(Activation, call, function="clip", bounds=bounds)


def _negated(call: Call, value: Value, part: str) -> Value:
    """Add a change of sign that does not pass for a part of the convolution before it."""
    if value.channels is None:
        raise NotUnderstoodError(f"it subtracts a tensor {value.axes} of any size")
    return call.builder.add(
        Dense,
        call.after(value),
        axes=value.axes,
        shape=value.shape,
        part=part,
        tensor=None,
        kernel=-np.eye(value.channels, dtype=np.float32),
        bias=np.zeros(value.channels, np.float32),
    )


def _merge(call: Call, kind: type[Node], *, part: str = "", tensor: Any = ...) -> Value:
    call = call.after(*_flattened(call))
    call.common_axes()
    if len(call.inputs) < 2:
        raise NotUnderstoodError("it merges a single tensor")
    if len({value.shape for value in call.inputs}) > 1:
        call = _spread(call, kind)
    return call.builder.add(kind, call, part=part, tensor=tensor)


def _flattened(call: Call) -> list[Value]:
    """Give features and the channels of one position, which Keras lays out alike, one layout."""
    if {value.axes for value in call.inputs} != {"NF", "NC"}:
        return list(call.inputs)
    add_node: Callable[..., Value] = call.builder.add
    return [
        add_node(
            Flatten,
            call.after(value),
            axes="NF",
            shape=value.shape,
            part=f"flat{number}",
            tensor=None,
        )
        if value.axes == "NC"
        else value
        for number, value in enumerate(call.inputs, 1)
    ]


def _spread(call: Call, kind: type[Node]) -> Call:
    """Spread single channels; refuse single positions, unless they see everything anyway."""
    lengths = {value.length for value in call.inputs}
    if len(lengths) > 1:
        single = [value for value in call.inputs if value.length == 1]
        known = all(call.builder.sees_everything(value) for value in single)
        if kind is not Multiply or not known:
            raise NotUnderstoodError("it spreads one position over all", whole_sequence=True)
    channels = {value.channels for value in call.inputs}
    largest = max((count or 0 for count in channels), default=0)
    if channels - {1, largest}:
        raise NotUnderstoodError("it merges tensors of different channels")
    if len(channels) == 1 or kind is Multiply:
        return call
    wide = [
        value if value.channels == largest else _repeated(call, value, largest, number)
        for number, value in enumerate(call.inputs, 1)
    ]
    return call.after(*wide)


def _repeated(call: Call, value: Value, channels: int, number: int) -> Value:
    return call.builder.add(
        Take,
        call.after(value),
        axes=value.axes,
        part=f"spread{number}",
        tensor=None,
        channels=np.zeros(channels, np.int64),
    )
