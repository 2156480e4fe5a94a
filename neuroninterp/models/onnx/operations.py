"""Translators of ONNX operations, by type."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neuroninterp.graph import Opaque
from neuroninterp.models.onnx import (
    activations,
    arithmetic,
    axes,
    normalization,
    reductions,
    selection,
    sliding,
)
from neuroninterp.models.onnx.tensors import Constant, NotUnderstoodError, Operation, Tensor
from neuroninterp.models.onnx.translation import Translation

__all__ = ["HANDLERS", "REASONS"]

_FLOATING = (1, 10, 11, 16)
"""ONNX's numbers of float32, float16, float64 and bfloat16."""


def _same(operation: Operation, translation: Translation) -> Tensor:
    """Operations that compute nothing at inference."""
    return operation.tensor(0, codes=True)


def _dropout(operation: Operation, translation: Translation) -> Tensor:
    training = operation.constant(2, "training mode")
    if training is not None and np.any(training):
        raise NotUnderstoodError("it is in training mode")
    return operation.tensor(0)


def _cast(operation: Operation, translation: Translation) -> Tensor:
    tensor = operation.tensor(0)
    truths = tensor.unresolved and isinstance(translation.nodes[tensor.node], Opaque)
    if operation.attributes["to"] not in _FLOATING or truths:
        raise NotUnderstoodError("it does not give floating-point numbers")
    return tensor


Handler = Callable[[Operation, Translation], Tensor | Constant | tuple[Tensor, ...]]

HANDLERS: dict[str, Handler] = {
    **activations.HANDLERS,
    **arithmetic.HANDLERS,
    **axes.HANDLERS,
    **normalization.HANDLERS,
    **reductions.HANDLERS,
    **selection.HANDLERS,
    **sliding.HANDLERS,
    "Cast": _cast,
    "Dropout": _dropout,
    "Identity": _same,
}
"""Each returns a tensor (one an output, for Split) or raises NotUnderstoodError."""

_INTEGERS = "it computes with integers; export the model with QuantizeLinear/DequantizeLinear"
_CONTROL = "it is control flow"

REASONS = {
    "ConvInteger": _INTEGERS,
    "ConvTranspose": "it puts positions between positions",
    "FusedConv": "it is made by ONNX Runtime's optimiser; give the model as it was exported",
    "If": _CONTROL,
    "Loop": _CONTROL,
    "LpPool": "it pools neither by maximum nor by average",
    "MatMulInteger": _INTEGERS,
    "QLinearConv": _INTEGERS,
    "QLinearMatMul": _INTEGERS,
    "Resize": "it puts positions between positions",
    "Scan": _CONTROL,
    "Upsample": "it puts positions between positions",
}
"""Why operations without a translator have none, where more than the type is to be said."""
