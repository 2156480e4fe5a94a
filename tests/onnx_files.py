"""Builds small ONNX files operation by operation, and compares what is read with ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from oracle_graph import oracle

from neuroninterp.graph import Opaque, find_layers
from neuroninterp.models.layout import from_layout
from neuroninterp.models.runtime import ReadModel

__all__ = ["Builder", "one_hot", "verify"]


class Builder:
    """A network under construction; ``op`` returns the name of the new tensor."""

    def __init__(
        self, shape: tuple[int | str | None, ...] | None, *, opset: int = 17, seed: int = 0
    ) -> None:
        self.inputs = [helper.make_tensor_value_info("dna", TensorProto.FLOAT, shape)]
        self.nodes: list[Any] = []
        self.stored: list[Any] = []
        self.opset = opset
        self.rng = np.random.default_rng(seed)

    def store(self, value: Any, dtype: Any = np.float32) -> str:
        """Store a weight."""
        name = f"stored{len(self.stored)}"
        self.stored.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def weight(self, *shape: int) -> str:
        """Store random weights."""
        return self.store(self.rng.normal(size=shape))

    def integers(self, *values: int) -> str:
        """Store a list of integers."""
        return self.store(values, np.int64)

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Add an operation named ``<type>_<number>``."""
        name = f"{kind}_{len(self.nodes)}"
        names = [f"{name}:{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, name=name, **attributes))
        return names[0]

    def conv(self, x: str, *kernel: int, bias: bool = True, **attributes: Any) -> str:
        """Add a convolution with random weights of shape (filters, in, …)."""
        extra = (self.weight(kernel[0]),) if bias else ()
        return self.op("Conv", x, self.weight(*kernel), *extra, **attributes)

    def model(self, *outputs: str) -> onnx.ModelProto:
        """Return the network with these outputs."""
        results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        graph = helper.make_graph(self.nodes, "network", self.inputs, results, self.stored)
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8
        )

    def save(self, path: Path, *outputs: str) -> Path:
        """Write the network and return the path."""
        path.write_bytes(self.model(*outputs).SerializeToString())
        return path


def one_hot(length: int, number: int = 3, seed: int = 1) -> np.ndarray:
    """Return random sequences, one-hot, ACGT."""
    codes = np.random.default_rng(seed).integers(0, 4, (number, length))
    return np.eye(4, dtype=np.float32)[codes]


def verify(
    model: ReadModel, length: int | None = None, *, opaque: tuple[str, ...] = ()
) -> dict[str, np.ndarray]:
    """Compare every node and every output with ONNX Runtime; return the oracle's values.

    ``opaque`` lists the operations that must not be understood, in order.
    """
    length = length or model.layout.reference_length
    assert length is not None
    assert tuple(n.operation for n in model.graph if isinstance(n, Opaque)) == opaque
    x = one_hot(length)
    in_file = model.layout.to_file(x)
    approximate = _approximate(model)
    values = oracle(model.graph, model.layout.to_channels(x))
    tapped = [name for name in model.taps if name in values]
    for layer in find_layers(model.graph):
        assert layer.value in tapped
    tensors = model.runtime.tap(in_file, [model.taps[name] for name in tapped])
    for name, tensor in zip(tapped, tensors, strict=True):
        found = from_layout(tensor, model.taps[name].axes)
        assert found.shape == values[name].shape, name
        tolerance = 1e-5 * np.abs(found).max()
        if name in approximate:
            tolerance = max(tolerance, 2e-7)
        np.testing.assert_allclose(found, values[name], rtol=1e-5, atol=tolerance, err_msg=name)
        if length == model.layout.reference_length:
            assert model.graph[name].length == found.shape[1]
    for name, output in zip(
        model.graph.outputs, model.runtime.predict(in_file, batch_size=2), strict=True
    ):
        if name in values and output.ndim == values[name].ndim == 2:
            # Of the largest value, because a dense layer's terms cancel.
            tolerance = 1e-5 * max(1.0, np.abs(output).max())
            np.testing.assert_allclose(output, values[name], rtol=1e-4, atol=tolerance)
    return values


def _approximate(model: ReadModel) -> set[str]:
    """Find the nodes that ONNX Runtime knows to the seventh digit of 1 only, also near 0.

    These are its approximated functions, and whatever reads them.
    """
    found: set[str] = set()
    for node in model.graph:
        function = getattr(node, "function", "")
        if function in ("sigmoid", "tanh", "silu", "softmax") or found.intersection(node.inputs):
            found.add(node.name)
    return found
