"""The ONNX reader against ONNX Runtime, tensor by tensor, through an independent oracle."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx_files import Builder, one_hot, verify
from oracle_graph import oracle

from neuroninterp.errors import FidelityError, ModelError, UnsupportedOperationError
from neuroninterp.graph import Activation, Affine, Convolution, Dense, Flatten, Opaque, Pool
from neuroninterp.graph import find_layers as layers_of
from neuroninterp.models import load
from neuroninterp.models.layout import InputRequest, from_layout
from neuroninterp.models.onnx.reader import read_onnx
from neuroninterp.models.runtime import ReadModel

FIXTURES = Path(__file__).parent / "fixtures" / "onnx"


def kinds(model: ReadModel) -> list[str]:
    return [
        node.function if isinstance(node, Activation) else type(node).__name__
        for node in model.graph
    ]


# Files that exporters wrote.

# fmt: off
RESIDUAL = [
    "Input", "Convolution", "gelu", "Affine", "silu", "Convolution", "Add", "Concatenate",
    "softplus", "Pool", "Convolution", "gelu_tanh", "Pool", "Convolution", "sigmoid",
]
BASSET = ["Input", "Convolution", "relu", "Pool", "Convolution", "elu", "Pool", "Flatten", "Dense"]
BRANCHED = [
    "Input", "Convolution", "Affine", "Affine", "relu", "Pool", "Convolution", "Affine",
    "tanh", "Convolution", "Affine", "softplus", "Convolution", "Affine", "elu", "Affine",
    "Affine", "Add", "Pool", "Dense", "leaky_relu", "Flatten", "Dense", "silu", "Dense",
    "softmax",
]
TWO_DIMENSIONAL = [
    "Input", "Convolution", "exponential", "Pool", "Convolution", "gelu_tanh", "Concatenate",
    "Flatten", "Dense", "sigmoid",
]
# fmt: on


@pytest.mark.parametrize(
    ("name", "axes", "length", "expected"),
    [
        ("torchscript_residual.onnx", "NCL", None, RESIDUAL),
        ("dynamo_residual.onnx", "NCL", 60, RESIDUAL),
        ("torchscript_basset.onnx", "NCL1", 60, [*BASSET, "leaky_relu", "Dense", "sigmoid"]),
        ("dynamo_basset.onnx", "NCL1", 60, BASSET),
        ("keras_branched.onnx", "NLC", 60, BRANCHED),
        ("tf2onnx_two_dimensional.onnx", "NL1C", 40, TWO_DIMENSIONAL),
    ],
)
def test_exported_files(name: str, axes: str, length: int | None, expected: list[str]) -> None:
    model = read_onnx(FIXTURES / name)
    assert (model.format, model.layout.axes, model.layout.length) == ("onnx", axes, length)
    assert kinds(model) == expected
    verify(model, length or 60)


def test_free_length_holds_at_every_length() -> None:
    model = read_onnx(FIXTURES / "torchscript_residual.onnx")
    assert model.graph.input.length == model.layout.reference_length == 72
    for length in (31, 32, 33, 97):
        verify(model, length)


def test_fixed_batch_of_one_that_is_squeezed_away() -> None:
    model = read_onnx(FIXTURES / "torchscript_squeezed.onnx")
    assert model.layout.axes == "NC1L"
    values = verify(model, opaque=("Squeeze",))
    (predicted,) = model.runtime.predict(model.layout.to_file(one_hot(41)), batch_size=64)
    (dense,) = [node.name for node in model.graph if isinstance(node, Dense)]
    np.testing.assert_allclose(predicted, values[dense], rtol=1e-5, atol=1e-6)


# Convolutions and pools.


@pytest.mark.parametrize("length", [20, 23])
@pytest.mark.parametrize(
    "attributes",
    [
        {"pads": [3, 1], "strides": [2], "dilations": [2]},
        {"auto_pad": "VALID", "strides": [3]},
        {"auto_pad": "SAME_UPPER"},
        {"auto_pad": "SAME_LOWER"},
        {"auto_pad": "SAME_UPPER", "strides": [3]},
        {"auto_pad": "SAME_LOWER", "strides": [3]},
        # ONNX Runtime refuses this one as it stands in the file.
        {"auto_pad": "SAME_UPPER", "dilations": [3]},
        {"auto_pad": "SAME_LOWER", "dilations": [3], "kernel_shape": [4]},
    ],
)
def test_convolution_padding(tmp_path: Path, length: int, attributes: dict[str, Any]) -> None:
    net = Builder((None, 4, length))
    x = net.conv("dna", 6, 4, 4, **attributes)
    x = net.conv(net.op("Relu", x), 4, 3, 3, group=2, bias=False)
    verify(read_onnx(net.save(tmp_path / "model.onnx", x)))


@pytest.mark.parametrize("operation", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("length", [19, 20, 21, 22])
@pytest.mark.parametrize(
    "attributes",
    [
        {"kernel_shape": [3], "strides": [2]},
        {"kernel_shape": [4], "strides": [4], "pads": [1, 2]},
        {"kernel_shape": [4], "strides": [3], "auto_pad": "SAME_UPPER"},
        {"kernel_shape": [5], "strides": [2], "auto_pad": "SAME_LOWER"},
        {"kernel_shape": [4], "strides": [3], "ceil_mode": 1},
        {"kernel_shape": [3], "strides": [3], "ceil_mode": 1, "pads": [1, 1]},
        {"kernel_shape": [2], "strides": [4], "ceil_mode": 1, "pads": [1, 1]},
    ],
)
def test_pools(tmp_path: Path, operation: str, length: int, attributes: dict[str, Any]) -> None:
    net = Builder((None, 4, length))
    x = net.op(operation, net.conv("dna", 3, 4, 1), **attributes)
    verify(read_onnx(net.save(tmp_path / "model.onnx", x)))


PADDED = {"kernel_shape": [4], "strides": [2], "pads": [1, 1], "count_include_pad": 1}


@pytest.mark.parametrize("opset", [10, 17, 19])
@pytest.mark.parametrize("length", [20, 22, 23])
def test_average_that_counts_padding(tmp_path: Path, length: int, opset: int) -> None:
    net = Builder((None, 4, length), opset=opset)
    x = net.conv("dna", 3, 4, 1)
    x = net.op("AveragePool", net.op("AveragePool", x, **PADDED), **PADDED, ceil_mode=1)
    path = net.save(tmp_path / "model.onnx", net.conv(x, 2, 3, 2))
    # At 20 positions the second pool divides evenly, 20, 10, 5; at 22 and 23 its last window
    # reaches beyond the padding and averages what there is.
    if length == 20 or last_average(opset) == pytest.approx(2 / 3):
        verify(read_onnx(path))
    else:
        with pytest.raises(FidelityError, match=r"layer 2 \('Conv_3'\) is the first that diverges"):
            load(path, device="cpu")


def last_average(opset: int) -> float:
    """Return ONNX Runtime's mean of two ones and a padded zero, where a fourth would lie outside.

    Older ones (1.26 does, 1.31 does not) count the fourth too before opset 19.
    """
    net = Builder((None, 1, 11), opset=opset)
    graph = net.model(net.op("AveragePool", "dna", **PADDED, ceil_mode=1))
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    return float(session.run(None, {"dna": np.ones((1, 1, 11), np.float32)})[0][0, 0, -1])


def test_two_dimensional_kernels_on_a_dummy_axis(tmp_path: Path) -> None:
    net = Builder((None, 4, 1, 30))
    x = net.conv("dna", 5, 4, 3, 6, pads=[1, 2, 1, 0], dilations=[1, 2])
    x = net.conv(net.op("Tanh", x), 5, 5, 2, 3, auto_pad="SAME_UPPER", bias=False)
    x = net.op("MaxPool", x, kernel_shape=[1, 3], strides=[2, 2])
    model = read_onnx(net.save(tmp_path / "model.onnx", x))
    assert [n.kernel.shape for n in model.graph if isinstance(n, Convolution)] == [
        (6, 4, 5),
        (3, 5, 5),
    ]
    verify(model)


@pytest.mark.parametrize(
    ("axes", "shape", "kernel"),
    [
        ("NCL", (None, 4, 4), (3, 4, 3)),
        ("NCL", (None, None, None), (3, 4, 3)),
        ("NCL", None, (3, 4, 3)),
        ("NC1L", ("batch", 4, 1, 25), (3, 4, 1, 5)),
        ("NCL1", (None, 4, None, None), (3, 4, 5, 1)),
        ("NC1L", (None, None, 1, None), (3, 4, 1, 5)),
        ("N1LC", (None, 1, 25, 4), (3, 1, 5, 4)),
        ("N1CL", (None, 1, 4, 25), (3, 1, 4, 5)),
    ],
)
def test_layout_is_inferred(tmp_path: Path, axes: str, shape: Any, kernel: tuple[int, ...]) -> None:
    net = Builder(shape)
    path = net.save(tmp_path / "model.onnx", net.op("Relu", net.conv("dna", *kernel)))
    model = read_onnx(path)
    assert model.layout.axes == axes
    verify(model, model.layout.length or 12)
    assert read_onnx(path, InputRequest(axes=axes)).layout == model.layout


def test_channels_last_with_as_many_positions_as_bases(tmp_path: Path) -> None:
    net = Builder((None, 4, 4))
    x = net.op("Transpose", "dna", perm=[0, 2, 1])
    x = net.conv(x, 3, 4, 2)
    model = read_onnx(net.save(tmp_path / "model.onnx", x))
    assert model.layout.axes in ("NLC", "NCL")
    net.nodes[0].attribute[0].ints[:] = [0, 1, 2]
    assert read_onnx(net.save(tmp_path / "other.onnx", x)).layout.axes == "NCL"
    assert model.layout.axes == "NLC"


# Activations and arithmetic.


def gelu_of(net: Builder, x: str, order: int) -> str:
    root, half, one = net.store(np.sqrt(2.0)), net.store([0.5]), net.store(1.0)
    bell = net.op("Add", net.op("Erf", net.op("Div", x, root)), one)
    if order == 0:
        return net.op("Mul", net.op("Mul", x, bell), half)
    if order == 1:
        return net.op("Mul", net.op("Mul", x, half), bell)
    return net.op("Mul", x, net.op("Mul", half, bell))


def spelt_out(net: Builder, x: str, name: str) -> str:
    """Write an activation in elementary operations, as exporters do."""
    zero, two = net.store(0.0), net.store(2.0)
    if name.startswith("gelu_"):
        return gelu_of(net, x, int(name[-1]))
    if name == "silu":
        return net.op("Mul", net.op("Sigmoid", x), x)
    if name == "silu by division":
        return net.op("Div", x, net.op("Add", net.op("Exp", net.op("Neg", x)), net.store(1.0)))
    if name == "softplus":
        return net.op("Log", net.op("Add", net.op("Exp", x), net.store(1.0)))
    if name == "relu by clip":
        return net.op("Clip", x, zero)
    if name == "relu by max":
        return net.op("Max", zero, x)
    if name == "leaky by prelu":
        return net.op("PRelu", x, net.store(np.full((3, 1), 0.3)))
    if name == "elu of 2":
        grown = net.op("Mul", two, net.op("Sub", net.op("Exp", x), net.store(1.0)))
        return net.op("Where", net.op("Greater", x, zero), x, grown)
    raise AssertionError(name)


@pytest.mark.parametrize(
    ("name", "function", "alpha"),
    [
        ("gelu_0", "gelu", 0.0),
        ("gelu_1", "gelu", 0.0),
        ("gelu_2", "gelu", 0.0),
        ("silu", "silu", 0.0),
        ("silu by division", "silu", 0.0),
        ("softplus", "softplus", 0.0),
        ("relu by clip", "relu", 0.0),
        ("relu by max", "relu", 0.0),
        ("leaky by prelu", "leaky_relu", 0.3),
        ("elu of 2", "elu", 2.0),
    ],
)
def test_activations_spelt_out(tmp_path: Path, name: str, function: str, alpha: float) -> None:
    net = Builder((None, 4, 20))
    # The scaling in front must not be taken for a part of the activation.
    x = net.op("Mul", net.conv("dna", 3, 4, 3), net.store(0.7))
    x = net.conv(spelt_out(net, x, name), 2, 3, 2)
    model = read_onnx(net.save(tmp_path / "model.onnx", x))
    assert kinds(model) == ["Input", "Convolution", "Affine", function, "Convolution"]
    (activation,) = [node for node in model.graph if isinstance(node, Activation)]
    assert activation.alpha == pytest.approx(alpha)
    verify(model)


def test_other_elementwise_functions_stay_opaque(tmp_path: Path) -> None:
    net = Builder((None, 4, 20))
    y = net.op("Sin", net.conv("dna", 3, 4, 3))
    verify(read_onnx(net.save(tmp_path / "model.onnx", net.conv(y, 2, 3, 2))), opaque=("Sin",))


def test_arithmetic_with_constants_is_affine(tmp_path: Path) -> None:
    net = Builder((None, 4, 20))
    channels = net.store([[[1.5], [-2.0], [0.25]]])
    x = net.conv("dna", 3, 4, 3)
    for kind, order in [("Mul", 0), ("Add", 1), ("Sub", 0), ("Sub", 1), ("Div", 0)]:
        x = net.op(kind, *((x, channels), (channels, x))[order])
    y = net.op("Neg", net.op("Sub", x, net.store(3.0)))
    statistics = [net.store(net.rng.uniform(0.5, 2, 3)) for _ in range(4)]
    y = net.op("BatchNormalization", y, *statistics, epsilon=1e-3)
    z = net.op("Sum", net.op("Sub", x, y), x, y)
    model = read_onnx(net.save(tmp_path / "model.onnx", z))
    assert sum(isinstance(node, Affine) for node in model.graph) == 9
    verify(model)


def test_constants_that_differ_between_positions_stay_opaque(tmp_path: Path) -> None:
    net = Builder((None, 4, 20))
    x = net.op("Add", net.conv("dna", 3, 4, 3), net.weight(18))
    model = read_onnx(net.save(tmp_path / "model.onnx", net.op("Relu", x)))
    verify(model, opaque=("Add",))
    (node,) = [node for node in model.graph if isinstance(node, Opaque)]
    assert "differs between positions" in node.reason


@pytest.mark.parametrize("opset", [7, 9, 12, 13, 18])
def test_dense_part_in_every_spelling(tmp_path: Path, opset: int) -> None:
    net = Builder(("batch", 4, 20), opset=opset)
    x = net.op("Softmax", net.op("Transpose", net.conv("dna", 3, 4, 3), perm=[0, 2, 1]), axis=2)
    x = net.op("MatMul", x, net.weight(3, 5))
    x = net.op("Add", x, net.weight(5))
    sizes = net.op("Shape", x)
    batch = net.op("Gather", sizes, net.store([0], np.int64), axis=0)
    shape = net.op("Concat", batch, net.store([-1], np.int64), axis=0)
    x = net.op("Reshape", x, shape)
    transposed = net.op("Transpose", net.weight(90, 6), perm=[1, 0])
    x = net.op("Gemm", x, transposed, net.weight(1, 6), transB=1, alpha=0.5, beta=2.0)
    x = net.op("Softmax", net.op("Dropout", net.op("Tanh", x)), axis=1)
    model = read_onnx(net.save(tmp_path / "model.onnx", x))
    expected = ["Input", "Convolution", "softmax", "Dense", "Flatten", "Dense", "tanh", "softmax"]
    assert kinds(model) == expected
    verify(model)


def test_flatten_follows_the_layout(tmp_path: Path) -> None:
    for first, order in [(True, [0, 1, 2]), (False, [0, 2, 1])]:
        net = Builder((None, 4, 20))
        x = net.op("Transpose", net.conv("dna", 3, 4, 3), perm=order)
        model = read_onnx(net.save(tmp_path / "model.onnx", net.op("Flatten", x)))
        (flatten,) = [node for node in model.graph if isinstance(node, Flatten)]
        assert flatten.channels_first is first
        verify(model)


# Whole networks at random.


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_random_stacks(tmp_path: Path, data: st.DataObject) -> None:
    draw = data.draw
    length = draw(st.integers(24, 40))
    net = Builder((None, 4, length), seed=draw(st.integers(0, 99)))
    x, channels = "dna", 4
    for _ in range(draw(st.integers(1, 3))):
        width, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 2))
        filters = draw(st.integers(1, 4))
        pads = [draw(st.integers(0, 2)), draw(st.integers(0, 2))]
        length += sum(pads) - (width - 1) * dilation
        assume(length >= 1)  # else it is no network
        x = net.conv(x, filters, channels, width, pads=pads, dilations=[dilation])
        channels = filters
        if draw(st.booleans()):
            x = net.op(
                "BatchNormalization",
                x,
                *(net.store(net.rng.uniform(0.5, 2, channels)) for _ in range(4)),
            )
        x = net.op(draw(st.sampled_from(["Relu", "Sigmoid", "Elu", "LeakyRelu", "Identity"])), x)
        if draw(st.booleans()):
            same = net.conv(x, channels, channels, 3, pads=[1, 1])
            x = net.op("Add", x, same)
        if draw(st.booleans()):
            x, channels = net.op("Concat", x, x, axis=1), 2 * channels
        if draw(st.booleans()):
            size, stride = draw(st.integers(1, 3)), draw(st.integers(1, 3))
            edge = draw(st.integers(0, size - 1))
            assume(length + edge >= size)
            length = (length + edge - size) // stride + 1  # at least: ceil_mode may add one
            x = net.op(
                draw(st.sampled_from(["MaxPool", "AveragePool"])),
                x,
                kernel_shape=[size],
                strides=[stride],
                pads=[edge, 0],
                ceil_mode=draw(st.integers(0, 1)),
            )
    path = net.save(tmp_path / "model.onnx", net.op("Flatten", x))
    verify(read_onnx(path))


# How weights and operations are kept.


def small() -> tuple[Builder, str]:
    net = Builder((None, 4, 20))
    x = net.op("Relu", net.conv("dna", 3, 4, 5))
    return net, net.op("Gemm", net.op("Flatten", x), net.weight(48, 2))


def outputs_of(path: Path) -> np.ndarray:
    model = read_onnx(path)
    verify(model)
    return model.runtime.predict(model.layout.to_file(one_hot(20)), batch_size=8)[0]


def test_storage_does_not_matter(tmp_path: Path) -> None:
    net, x = small()
    expected = outputs_of(net.save(tmp_path / "plain.onnx", x))

    listed = net.model(x)
    for tensor in listed.graph.initializer:
        value = helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        listed.graph.input.append(value)
    nodes = net.model(x)
    constants = [
        helper.make_node("Constant", [], [tensor.name], value=tensor)
        for tensor in nodes.graph.initializer
    ]
    del nodes.graph.initializer[:]
    # Behind their readers: out of topological order.
    nodes.graph.node.extend(constants)
    external = net.model(x)
    onnx.save(external, tmp_path / "external.onnx", save_as_external_data=True, size_threshold=0)
    function = net.model(x)
    body = list(function.graph.node)[:2]
    weights = [tensor.name for tensor in function.graph.initializer[:2]]
    function.functions.append(
        helper.make_function(
            "mine", "Block", ["dna", *weights], [body[1].output[0]], body, function.opset_import
        )
    )
    call = helper.make_node("Block", ["dna", *weights], [body[1].output[0]], "call", domain="mine")
    rest = [call, *list(function.graph.node)[2:]]
    del function.graph.node[:]
    function.graph.node.extend(rest)
    function.opset_import.append(helper.make_opsetid("mine", 1))

    written = {"listed": listed, "function": function}
    for name, model in written.items():
        (tmp_path / f"{name}.onnx").write_bytes(model.SerializeToString())
    for name in (*written, "external"):
        np.testing.assert_array_equal(outputs_of(tmp_path / f"{name}.onnx"), expected, name)
    (tmp_path / "constants.onnx").write_bytes(nodes.SerializeToString())
    np.testing.assert_array_equal(outputs_of(tmp_path / "constants.onnx"), expected)


def test_half_precision_layers_are_compared_in_float32(tmp_path: Path) -> None:
    net, x = small()
    half = net.model(x)
    for tensor in half.graph.initializer:
        value = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
    for value in (*half.graph.input, *half.graph.output):
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    (tmp_path / "half.onnx").write_bytes(half.SerializeToString())
    model = read_onnx(tmp_path / "half.onnx")
    in_file = model.layout.to_file(one_hot(20))
    (predicted,) = model.runtime.predict(in_file, batch_size=8)
    assert predicted.dtype == np.float16
    values = oracle(model.graph, one_hot(20))
    (value,) = [layer.value for layer in layers_of(model.graph)]
    (tensor,) = model.runtime.tap(in_file, [model.taps[value]])
    np.testing.assert_allclose(from_layout(tensor, "NCL"), values[value], rtol=1e-5, atol=1e-5)
    (dense,) = [node.name for node in model.graph if isinstance(node, Dense)]
    np.testing.assert_allclose(predicted, values[dense], rtol=0.02, atol=0.02)


def test_dequantised_kernel_is_a_constant(tmp_path: Path) -> None:
    net = Builder((None, 4, 20))
    codes = net.store(net.rng.integers(-9, 9, (3, 4, 5)), np.int8)
    scale, zero = net.store(0.125), net.store(2, np.int8)
    x = net.op("Conv", "dna", net.op("DequantizeLinear", codes, scale, zero))
    verify(read_onnx(net.save(tmp_path / "model.onnx", x)))


def test_nameless_operations_and_repeated_names(tmp_path: Path) -> None:
    net, x = small()
    net.nodes[0].name = ""
    net.nodes[1].name = "dna"
    model = read_onnx(net.save(tmp_path / "model.onnx", x))
    sources = ["dna", "Conv Conv_0:0", "dna", "Flatten_2", "Gemm_3"]
    assert [node.source for node in model.graph] == sources
    assert len({node.name for node in model.graph}) == 5
    verify(model)


# The runtime.


def test_prediction_does_not_depend_on_the_batch(tmp_path: Path) -> None:
    net, x = small()
    free = read_onnx(net.save(tmp_path / "free.onnx", x))
    fixed_net = net.model(x)
    fixed_net.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 3
    (tmp_path / "fixed.onnx").write_bytes(fixed_net.SerializeToString())
    fixed = read_onnx(tmp_path / "fixed.onnx")
    in_file = free.layout.to_file(one_hot(20, number=7))
    expected = free.runtime.predict(in_file, batch_size=7)[0]
    assert expected.shape == (7, 2)
    for batch_size in (1, 2, 5, 100):
        for model in (free, fixed):
            found = model.runtime.predict(in_file, batch_size=batch_size)[0]
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_second_input(tmp_path: Path) -> None:
    net = Builder((None, 4, 20))
    net.inputs.append(helper.make_tensor_value_info("tissue", TensorProto.FLOAT, (None, 2)))
    x = net.op("Flatten", net.op("Relu", net.conv("dna", 3, 4, 3)))
    x = net.op("Gemm", net.op("Concat", x, "tissue", axis=1), net.weight(56, 2))
    model = read_onnx(net.save(tmp_path / "model.onnx", x))
    in_file = model.layout.to_file(one_hot(20))
    (layer,) = layers_of(model.graph)
    (value,) = model.runtime.tap(in_file, [model.taps[layer.value]])
    np.testing.assert_allclose(
        from_layout(value, "NCL"),
        oracle(model.graph, one_hot(20))[layer.value],
        rtol=1e-4,
        atol=1e-5,
    )
    assert model.layout.held == {"tissue": 0.0}
    assert model.notes == ("input 'tissue' is held at 0",)
    held = read_onnx(tmp_path / "model.onnx", InputRequest(held={"tissue": 2.0}))
    at_zero, at_two = (m.runtime.predict(in_file, batch_size=2)[0] for m in (model, held))
    weights = numpy_helper.to_array(net.stored[-1])[54:]
    np.testing.assert_allclose(at_two - at_zero, 2 * weights.sum(0) * np.ones((3, 1)), rtol=1e-4)


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_nothing_on_standard_error(device: str) -> None:
    code = (
        "import sys, numpy; from pathlib import Path\n"
        "from neuroninterp.models.onnx.reader import read_onnx\n"
        f"model = read_onnx(Path(sys.argv[1]), device={device!r})\n"
        "model.runtime.predict(numpy.zeros((2, 4, 60), numpy.float32), batch_size=2)\n"
        "print(model.runtime.device, 'tensorflow' in sys.modules)"
    )
    path = FIXTURES / "dynamo_residual.onnx"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert done.stdout.split() in (["cpu", "False"], [device, "False"])


# Operations that are not understood.


def opaque_cases() -> dict[str, tuple[Builder, str, str]]:
    cases = {}

    def case(name: str, reason: str) -> tuple[Builder, str]:
        net = Builder((None, 4, 24))
        cases[name] = (net, "", reason)
        return net, net.op("Relu", net.conv("dna", 3, 4, 5))

    def done(name: str, output: str) -> None:
        cases[name] = (cases[name][0], output, cases[name][2])

    net, x = case("ConvTranspose", "between positions")
    done("ConvTranspose", net.op("ConvTranspose", x, net.weight(3, 2, 3)))
    net, x = case("Resize", "between positions")
    done("Resize", net.op("Resize", x, "", net.store([1, 1, 2]), mode="nearest"))
    net, x = case("Conv", "not stored in the file")
    kernel = net.op("Reshape", net.op("ReduceMean", x, axes=[0, 1, 2]), net.store([1], np.int64))
    kernel = net.op("Expand", kernel, net.store([2, 3, 3], np.int64))
    done("Conv", net.op("Conv", x, kernel))
    net, x = case("LSTM", "recurrent")
    x = net.op("Transpose", x, perm=[2, 0, 1])
    x = net.op("LSTM", x, net.weight(1, 8, 3), net.weight(1, 8, 2), outputs=3, hidden_size=2)
    done("LSTM", net.op("Squeeze", x, net.store([1], np.int64)))
    net, x = case("Concat", "joins along axis L")
    done("Concat", net.op("Concat", x, x, axis=2))
    net, x = case("If", "control flow")
    then, other = [
        helper.make_graph(
            [helper.make_node(kind, [x], [kind])],
            kind,
            [],
            [helper.make_tensor_value_info(kind, TensorProto.FLOAT, None)],
        )
        for kind in ("Tanh", "Neg")
    ]
    condition = net.store(True, np.bool_)
    done("If", net.op("If", condition, then_branch=then, else_branch=other))
    return cases


@pytest.mark.parametrize("kind", list(opaque_cases()))
def test_unknown_operations_downstream_are_opaque(tmp_path: Path, kind: str) -> None:
    net, output, reason = opaque_cases()[kind]
    model = read_onnx(net.save(tmp_path / "model.onnx", output))
    nodes = {n.operation: n for n in model.graph if isinstance(n, Opaque)}
    assert kind in nodes
    assert reason in nodes[kind].reason
    assert model.graph[model.graph.outputs[0]]
    assert "Relu_1" in [ancestor.name for ancestor in model.graph.ancestors(nodes[kind].name)]
    (layer,) = layers_of(model.graph)
    in_file = model.layout.to_file(one_hot(24))
    (value,) = model.runtime.tap(in_file, [model.taps[layer.value]])
    expected = oracle(model.graph, one_hot(24))[layer.value]
    np.testing.assert_allclose(from_layout(value, "NCL"), expected, rtol=1e-4, atol=1e-5)


def test_unknown_operation_before_the_convolutions_is_named(tmp_path: Path) -> None:
    net = Builder((None, 4, 20))
    x = net.op("CumSum", "dna", net.store(2, np.int64))
    model = read_onnx(net.save(tmp_path / "model.onnx", net.conv(x, 3, 4, 3)))
    with pytest.raises(UnsupportedOperationError, match=r"'CumSum' at node 'CumSum_0'.*'Conv_1'"):
        layers_of(model.graph)


def test_second_output_of_an_understood_operation_is_not_its_first(tmp_path: Path) -> None:
    net = Builder((None, 4, 20))
    x = net.op("MaxPool", net.conv("dna", 3, 4, 3), outputs=2, kernel_shape=[2], strides=[2])
    where = net.op("Cast", x.replace(":0", ":1"), to=TensorProto.FLOAT)
    model = read_onnx(net.save(tmp_path / "model.onnx", x, where))
    first, second = (model.graph[name] for name in model.graph.outputs)
    assert isinstance(first, Pool)
    assert isinstance(second, Opaque)


# Files that cannot be used.


def bad_files(folder: Path) -> dict[str, tuple[Path, str]]:
    """Return a name, a file and what the message must say of it."""
    cases: dict[str, tuple[Path, str]] = {}

    def raw(name: str, content: bytes, message: str) -> None:
        path = folder / f"{name.replace(' ', '_')}.onnx"
        path.write_bytes(content)
        cases[name] = path, message

    def built(name: str, net: Builder, output: str, message: str) -> None:
        raw(name, net.model(output).SerializeToString(), message)

    net, x = small()
    whole = net.model(x)
    cases["absent"] = folder / "absent.onnx", "no such file"
    raw("empty", b"", "the file is empty")
    raw("text", b"This is not a model.\n" * 9, "not an ONNX file")
    raw("truncated", whole.SerializeToString()[:-40], "not an ONNX file, or a truncated one")
    net.opset = 6
    built("old", net, x, "opset 6; export the model with opset 7 or newer")

    net = Builder((None, 3, 64, 64))
    built("image", net, net.conv("dna", 2, 3, 3, 3), r"no input is .*'dna' \(any, 3, 64, 64\)")
    net = Builder((None, 4, 20))
    net.inputs.append(helper.make_tensor_value_info("reverse", TensorProto.FLOAT, (None, 4, 20)))
    x = net.op("Add", net.conv("dna", 2, 4, 3), net.conv("reverse", 2, 4, 3))
    built(
        "two inputs",
        net,
        x,
        r"2 inputs could be .*'dna' .*'reverse' \(any, 4, 20\); name one with --input",
    )
    net = Builder((None, 4, 20))
    x = net.op("Gemm", net.op("Flatten", "dna"), net.weight(80, 2))
    built("dense", net, x, r"no convolution on the 4-channel input 'dna' .*Flatten.*Dense")
    net = Builder((None, 1, 20, 4))
    x = net.conv("dna", 2, 1, 3, 2)
    built("both axes", net, x, "Conv at 'Conv_0' is not understood .*two axes, over the bases")
    net = Builder((None, 4, 20))
    built("unknown", net, net.op("Erfd", net.conv("dna", 2, 4, 3)), "refuses it .*Erfd")
    net = Builder((None, 4, 20))
    shape = net.store([2**20, 2**20], np.int64)
    x = net.op(
        "Add", net.op("ReduceMax", net.conv("dna", 2, 4, 3)), net.op("ConstantOfShape", shape)
    )
    built("bomb", net, x, "would have 1,099,511,627,776 entries, more than 536,870,912; not run")

    def outside(name: str, message: str, **entries: str) -> None:
        model = onnx.ModelProto()
        model.CopyFrom(whole)
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=value)
        raw(name, model.SerializeToString(), message)

    (folder / "short.data").write_bytes(b"\0" * 8)
    (folder / "link.data").symlink_to("/etc/hostname")
    outside("absolute", "outside the model's folder", location="/etc/hostname")
    outside("upwards", "outside the model's folder", location="../x.data")
    outside("link", "outside the model's folder", location="link.data")
    outside("lost", "'gone.data', which does not exist", location="gone.data")
    outside("short", "needs bytes 0 to .*, the file has 8", location="short.data")
    outside("long", "needs", location="short.data", length=str(2**40))
    return cases


def test_bad_files_get_one_clear_line(tmp_path: Path) -> None:
    for name, (path, message) in bad_files(tmp_path).items():
        with pytest.raises(ModelError, match=message) as caught:
            read_onnx(path)
        assert str(path) in str(caught.value), name
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 600


def test_given_layout_must_fit(tmp_path: Path) -> None:
    net, x = small()
    path = net.save(tmp_path / "model.onnx", x)
    for axes, message in [
        ("NLX", "layout 'NLX' is not one"),
        ("LNC", "N for the batch"),
        ("NLC", r"fits no input; the model reads 'dna' \(any, 4, 20\)"),
        ("NC1L", "fits no input"),
    ]:
        with pytest.raises(ModelError, match=message):
            read_onnx(path, InputRequest(axes=axes))


def test_a_failure_while_running_is_one_line(tmp_path: Path) -> None:
    net = Builder((None, 4, None))
    x = net.op("Reshape", net.conv("dna", 3, 4, 3), net.store([-1, 54], np.int64))
    model = read_onnx(net.save(tmp_path / "model.onnx", x))
    assert model.runtime.predict(model.layout.to_file(one_hot(20)), batch_size=2)[0].shape == (
        3,
        54,
    )
    with pytest.raises(ModelError, match="ONNX Runtime fails on input of shape"):
        model.runtime.predict(model.layout.to_file(one_hot(21, number=1)), batch_size=2)
