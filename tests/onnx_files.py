"""Builds small ONNX files operation by operation, for the tests of the reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["Builder"]


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
