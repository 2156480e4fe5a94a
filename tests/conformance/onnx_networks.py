"""Small ONNX networks written operation by operation, each of one form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx_files import Builder

__all__ = ["NETWORKS", "two_layers", "written"]

LENGTH = 48
Maker = Callable[[], onnx.ModelProto]
NETWORKS: dict[str, Maker] = {}
"""Makers of the networks by name."""


def written(maker: Maker | str) -> Callable[[Path], Path]:
    """Return what writes a network as ``model.onnx``."""

    def build(folder: Path) -> Path:
        path = folder / "model.onnx"
        made = NETWORKS[maker]() if isinstance(maker, str) else maker()
        path.write_bytes(made.SerializeToString())
        return path

    return build


def network(maker: Maker) -> Maker:
    """Register a maker."""
    NETWORKS[maker.__name__] = maker
    return maker


def start(*shape: int | str | None, opset: int = 17) -> Builder:
    return Builder(shape or (None, 4, LENGTH), opset=opset)


def finish(net: Builder, x: str) -> onnx.ModelProto:
    """Add the second convolution, ``Conv_<n>``, and return the model."""
    return net.model(net.conv(x, 5, 6, 3))


def two_layers(opset: int) -> onnx.ModelProto:
    """Return the plainest network: convolution, batch norm, rectifier, pool, convolution."""
    net = start(opset=opset)
    x = net.conv("dna", 6, 4, 7)
    stored = [net.store(net.rng.uniform(0.5, 1.5, 6)) for _ in range(4)]
    x = net.op("Relu", net.op("BatchNormalization", x, *stored))
    x = net.op("MaxPool", x, kernel_shape=[3], strides=[3])
    return finish(net, x)


def in_layout(axes: str) -> onnx.ModelProto:
    """A network whose input has this layout, brought to (N, 4, L) for the convolutions."""
    sizes = {"N": None, "L": LENGTH, "C": 4, "1": 1}
    net = start(*(sizes[axis] for axis in axes))
    x = "dna"
    if "1" in axes:
        dropped = axes.index("1")
        x = net.op("Squeeze", x, net.store([dropped], np.int64))
    if axes.replace("1", "") == "NLC":
        x = net.op("Transpose", x, perm=[0, 2, 1])
    return finish(net, net.op("Relu", net.conv(x, 6, 4, 5)))


def padded(mode: str, *, kernel: int = 6, stride: int = 1, dilation: int = 1) -> onnx.ModelProto:
    """A convolution with ``auto_pad``, a rectifier and a second convolution."""
    net = start()
    options = {"strides": [stride], "dilations": [dilation], "auto_pad": mode}
    return finish(net, net.op("Relu", net.conv("dna", 6, 4, kernel, **options)))


def pooled(operation: str, opset: int = 17, **options: Any) -> onnx.ModelProto:
    """A convolution of 5, a pool, and a second convolution of 3."""
    net = start(opset=opset)
    x = net.op("Relu", net.conv("dna", 6, 4, 5))
    return finish(net, net.op(operation, x, **options))


def through(*steps: Any, opset: int = 17) -> onnx.ModelProto:
    """Convolutions of 5 and 3 with operations between them, ``(type, stored…, attributes)``."""
    net = start(opset=opset)
    x = net.conv("dna", 6, 4, 5)
    for kind, *stored, attributes in steps:
        names = [net.store(np.asarray(v), np.asarray(v).dtype) for v in stored]
        x = net.op(kind, x, *names, **attributes)
    return finish(net, x)


@network
def dummy_axes() -> onnx.ModelProto:
    """A 1-D convolution spelt as Keras's exporter does."""
    net = start(None, LENGTH, 4)
    x = net.op("Unsqueeze", "dna", net.store([2], np.int64))
    x = net.conv(net.op("Transpose", x, perm=[0, 3, 2, 1]), 6, 4, 1, 5, bias=False)
    x = net.op("Squeeze", x, net.store([2], np.int64))
    x = net.op("Mul", net.op("Transpose", x, perm=[0, 2, 1]), net.weight(6))
    x = net.op("Relu", net.op("Add", x, net.weight(6)))
    return finish(net, net.op("Transpose", x, perm=[0, 2, 1]))


@network
def erf_gelu() -> onnx.ModelProto:
    """GELU spelt with Erf."""
    net = start()
    x = net.conv("dna", 6, 4, 5)
    erf = net.op("Erf", net.op("Div", x, net.store(np.sqrt(2.0))))
    x = net.op("Mul", x, net.op("Add", erf, net.store(1.0)))
    return finish(net, net.op("Mul", x, net.store(0.5)))


@network
def gathered() -> onnx.ModelProto:
    """Channels in another order, then every second position."""
    net = start()
    x = net.op("Gather", "dna", net.store([0, 2, 1, 3], np.int64), axis=1)
    x = net.op("Relu", net.conv(x, 6, 4, 5))
    bounds = [net.store([v], np.int64) for v in (1, 2**31 - 1, 2, 2)]
    return finish(net, net.op("Slice", x, *bounds))


@network
def multiplied() -> onnx.ModelProto:
    """A local gate: two convolutions multiplied."""
    net = start()
    signal = net.op("Tanh", net.conv("dna", 6, 4, 9, pads=[4, 4]))
    gate = net.op("Sigmoid", net.conv("dna", 6, 4, 5, pads=[2, 2]))
    return finish(net, net.op("Mul", signal, gate))


@network
def maximum() -> onnx.ModelProto:
    """Maxout of two convolutions."""
    net = start()
    first = net.conv("dna", 6, 4, 9, pads=[4, 4])
    return finish(net, net.op("Max", first, net.conv("dna", 6, 4, 5, pads=[2, 2])))


@network
def constant_nodes() -> onnx.ModelProto:
    """Every weight in a Constant node."""
    model = two_layers(17)
    values = [
        helper.make_node("Constant", [], [tensor.name], value=tensor)
        for tensor in model.graph.initializer
    ]
    nodes = [*values, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


@network
def weights_as_inputs() -> onnx.ModelProto:
    """Every weight listed among the graph's inputs, as old files do."""
    model = two_layers(7)
    for tensor in model.graph.initializer:
        shape = list(tensor.dims)
        model.graph.input.append(helper.make_tensor_value_info(tensor.name, 1, shape))
    return model


@network
def half_precision() -> onnx.ModelProto:
    """Float16 throughout, between casts."""
    model = two_layers(17)
    for tensor in model.graph.initializer:
        half = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(half, tensor.name))
    first, last = model.graph.node[0], model.graph.node[-1]
    first.input[0], output = "half", last.output[0]
    last.output[0] = "half_output"
    model.graph.node.insert(0, helper.make_node("Cast", ["dna"], ["half"], to=TensorProto.FLOAT16))
    model.graph.node.append(helper.make_node("Cast", ["half_output"], [output], to=1))
    return model


@network
def depthwise() -> onnx.ModelProto:
    """Depthwise and pointwise, and a grouped convolution."""
    net = start()
    x = net.op("Relu", net.conv(net.conv("dna", 8, 1, 5, group=4), 6, 8, 1))
    return finish(net, net.conv(x, 6, 2, 3, group=3))


@network
def layer_norm_spelt_out() -> onnx.ModelProto:
    """Layer normalisation over the channels, one operation at a time."""
    net = start()
    x = net.op("Transpose", net.conv("dna", 6, 4, 5), perm=[0, 2, 1])
    centred = net.op("Sub", x, net.op("ReduceMean", x, axes=[-1]))
    square = net.op("Pow", centred, net.store(2.0))
    variance = net.op("Add", net.op("ReduceMean", square, axes=[-1]), net.store(1e-5))
    x = net.op("Div", centred, net.op("Sqrt", variance))
    x = net.op("Add", net.op("Mul", x, net.weight(6)), net.weight(6))
    return finish(net, net.op("Transpose", x, perm=[0, 2, 1]))


@network
def global_pools() -> onnx.ModelProto:
    """Both global pools, joined."""
    net = start()
    x = net.op("Relu", net.conv("dna", 6, 4, 7))
    pools = [net.op(kind, x) for kind in ("GlobalMaxPool", "GlobalAveragePool")]
    joined = net.op("Flatten", net.op("Concat", *pools, axis=1))
    return net.model(net.op("Gemm", joined, net.weight(12, 2), net.weight(2)))


@network
def two_one_hot_inputs() -> onnx.ModelProto:
    """Two inputs that could both be the sequence."""
    net = start()
    net.inputs.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, (None, 4, LENGTH)))
    first = net.conv("dna", 6, 4, 5)
    return net.model(net.op("Add", first, net.conv("other", 6, 4, 5)))


def branching(kind: str) -> onnx.ModelProto:
    """A network whose second convolution stands behind control flow."""
    net = start()
    x = net.conv("dna", 6, 4, 5)
    result = helper.make_tensor_value_info("inside", TensorProto.FLOAT, None)
    if kind == "If":
        body = helper.make_graph([helper.make_node("Relu", [x], ["inside"])], "b", [], [result])
        x = net.op("If", net.store(True, np.bool_), then_branch=body, else_branch=body)
    else:
        info = helper.make_tensor_value_info
        scalars = [info("i", TensorProto.INT64, []), info("go", TensorProto.BOOL, [])]
        nodes = [
            helper.make_node("Identity", ["go"], ["still"]),
            helper.make_node("Relu", ["state"], ["inside"]),
        ]
        body = helper.make_graph(
            nodes,
            "body",
            [*scalars, info("state", TensorProto.FLOAT, None)],
            [info("still", TensorProto.BOOL, []), result],
        )
        count, go = net.store(2, np.int64), net.store(True, np.bool_)
        x = net.op("Loop", count, go, x, body=body)
    return finish(net, x)


def only_behind(kind: str, *stored: Any, **attributes: Any) -> onnx.ModelProto:
    """A network in which one operation stands before every convolution."""
    net = start()
    names = [net.store(v, np.asarray(v).dtype) for v in stored]
    x = net.op(kind, "dna", *names, **attributes)
    return net.model(net.conv(x, 6, 4, 5))


def external(folder: Path, location: str, *, length: int | None = None) -> Path:
    """A model whose first weights lie in the file ``location``."""
    model = two_layers(17)
    tensor = model.graph.initializer[0]
    raw = numpy_helper.to_array(tensor).tobytes()
    inside = folder / "inside"
    inside.mkdir()
    (inside / location).write_bytes(raw)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entries = {"location": location, "offset": 0, "length": length or len(raw)}
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=str(value))
    path = inside / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path
