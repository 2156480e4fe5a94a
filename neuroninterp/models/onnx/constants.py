"""Computes what an ONNX graph computes from constants alone: reshaped weights, shapes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from neuroninterp.models.onnx.tensors import Constant, Operation

__all__ = ["TooLargeError", "fold"]

_FORMAT = 8
"""Version of the file format that every supported ONNX Runtime reads."""

# fmt: off
_FOLDABLE = frozenset({
    "Abs", "Add", "And", "Cast", "Ceil", "Clip", "Concat", "Constant", "ConstantOfShape",
    "DequantizeLinear", "Div", "Equal", "Erf", "Exp", "Expand", "Flatten", "Floor", "Gather",
    "Gemm", "Greater", "GreaterOrEqual", "Identity", "Less", "LessOrEqual", "Log", "MatMul",
    "Max", "Mean", "Min", "Mod", "Mul", "Neg", "Not", "Or", "Pad", "Pow", "QuantizeLinear",
    "Range", "Reciprocal", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceProd", "ReduceSum",
    "ReduceSumSquare", "Relu", "Reshape", "Round", "Shape", "Sigmoid", "Sign", "Size", "Slice",
    "Softmax", "Softplus", "Sqrt", "Squeeze", "Sub", "Sum", "Tanh", "Tile", "Transpose",
    "Unsqueeze", "Where",
})
# fmt: on


class TooLargeError(Exception):
    """A constant that a file asks to compute is larger than there is room for."""


def fold(operation: Operation, opset: int, room: int) -> Constant | None:
    """Compute an operation all of whose inputs are constants.

    Parameters
    ----------
    operation : Operation
        The operation.
    opset : int
        Version of the standard operator set.
    room : int
        Most entries that the result may have.

    Returns
    -------
    Constant or None
        Its first output; None where it is not computed: an operation that is random or
        unknown, that has several outputs, or whose result's size cannot be told.

    Raises
    ------
    TooLargeError
        If the result would have more entries.
    """
    if operation.kind not in _FOLDABLE or len(operation.outputs) != 1:
        return None
    present = [value for value in operation.inputs if value is not None]
    constants = [value for value in present if isinstance(value, Constant)]
    if len(constants) != len(present):
        return None
    try:
        model = _model(operation, opset)
    except (TypeError, ValueError):
        # Attributes of a damaged file that the format has no way to write.
        return None
    size = _entries(model)
    if size is None:
        return None
    if size > room:
        raise TooLargeError(f"{operation.kind} at {operation.source!r} computes {size:,} numbers")
    value = _run(model)
    if value is None:
        return None
    return Constant(value, any(constant.from_shape for constant in constants))


def _model(operation: Operation, opset: int) -> Any:
    """Return a model of this operation alone, its inputs stored."""
    from onnx import helper, numpy_helper

    stored, names = [], []
    for index, value in enumerate(operation.inputs):
        names.append(f"input{index}" if isinstance(value, Constant) else "")
        if isinstance(value, Constant):
            stored.append(numpy_helper.from_array(np.asarray(value.value), names[-1]))
    node = helper.make_node(operation.kind, names, ["output"], **operation.attributes)
    graph = helper.make_graph(
        [node], "constant", [], [helper.make_empty_tensor_value_info("output")], stored
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=_FORMAT
    )


def _run(model: Any) -> np.ndarray | None:
    """Compute the model's only output; None where ONNX Runtime cannot."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(),
            options,
            providers=["CPUExecutionProvider"],
            enable_fallback=0,
        )
        return np.asarray(session.run(None, {})[0])
    except Exception:  # ONNX Runtime's own exceptions share no narrower base
        # The operation then stays an Opaque node, whose type and name the user sees.
        return None


def _entries(model: Any) -> int | None:
    """Return the size of the result, before memory is taken for it; None where not known."""
    import onnx

    try:
        # Without data_prop, which computes the entries of a Range.
        inferred = onnx.shape_inference.infer_shapes(model)
    except onnx.shape_inference.InferenceError:
        return None
    (output,) = inferred.graph.output
    if not output.type.tensor_type.HasField("shape"):
        return None
    dims = output.type.tensor_type.shape.dim
    if not all(dim.HasField("dim_value") and dim.dim_value >= 0 for dim in dims):
        return None
    return math.prod(dim.dim_value for dim in dims)
