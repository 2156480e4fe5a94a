"""Every form of operation that the ONNX reader follows: graph against ONNX Runtime, and fields.

Each file is a convolution of 5 (``Conv_0`` where nothing stands before it), the operation, and
a convolution of 3, so that the fields in closed form tell what the operation does to positions.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx_files import Builder, one_hot, verify

from neuroninterp.errors import ModelError, UnsupportedOperationError
from neuroninterp.fields import survey
from neuroninterp.graph import Activation, Constant, LayerNormalization, Opaque, Take, find_layers
from neuroninterp.graph.evaluate import evaluate
from neuroninterp.models.fidelity import check_fidelity
from neuroninterp.models.layout import InputRequest, from_layout
from neuroninterp.models.onnx.reader import read_onnx
from neuroninterp.models.runtime import ReadModel

LENGTH = 30
FROM_THE_END = -(2**63)

Middle = Callable[[Builder, str], str]


def between(middle: Middle, *, opset: int = 17, channels: int = 6, out: int = 6) -> Builder:
    """Put an operation between two convolutions; ``out`` channels come out of it."""
    net = Builder((None, 4, LENGTH), opset=opset)
    x = middle(net, net.conv("dna", channels, 4, 5))
    net.last = net.conv(x, 2, out, 3)
    return net


def read(net: Builder, folder: Path, request: InputRequest | None = None) -> ReadModel:
    return read_onnx(net.save(folder / "model.onnx", net.last), request)


def kinds(model: ReadModel) -> list[str]:
    return [n.function if isinstance(n, Activation) else type(n).__name__ for n in model.graph]


def fields(model: ReadModel) -> list[tuple[int, int, int, int]]:
    """Return field, jump, start and direction of every layer."""
    return [
        (layer.receptive_field, layer.jump, layer.start, layer.direction)
        for layer in survey(model.graph).layers
    ]


def faithful(model: ReadModel, **expected: Any) -> None:
    """Compare with ONNX Runtime by the oracle and by the product's own executor."""
    verify(model, **expected)
    nodes = survey(model.graph).nodes
    assert check_fidelity(model, nodes, model.layout.reference_length or 0) < 1e-5


def reaches(model: ReadModel, number: int) -> None:
    """Substitute every position: ONNX Runtime must see exactly the layer's field change."""
    found = survey(model.graph)
    index = [layer.number for layer in found.layers].index(number)
    layer, tap = found.layers[index], model.taps[found.nodes[index].value]
    base = one_hot(model.layout.reference_length or 0, number=8, seed=3)
    length = base.shape[1]
    variants = np.repeat(base[None], length + 1, axis=0)
    for position in range(length):
        variants[position + 1, :, position] = np.roll(base[:, position], 1, axis=1)
    stacked = variants.reshape(-1, length, 4)
    (tensor,) = model.runtime.tap(model.layout.to_file(stacked), [tap])
    values = from_layout(tensor, tap.axes).reshape(length + 1, 8, -1, tensor.shape[1])
    at = values.shape[2] // 2
    moved = np.abs(values[1:, :, at] - values[0, :, at]).max(axis=(1, 2)) > 1e-6
    first, after = layer.interval(at)
    seen = np.flatnonzero(moved)
    assert first <= seen.min()
    assert seen.max() < after
    assert moved[max(first, 0)]
    assert moved[min(after, length) - 1]


# Positions and channels, kept, dropped, added and reordered.


def sliced(start: int, end: int, step: int = 1, axis: int = 2) -> Middle:
    return lambda net, x: net.op(
        "Slice", x, *(net.integers(value) for value in (start, end, axis, step))
    )


def padded(left: int, right: int, *more: float, **attributes: Any) -> Middle:
    return lambda net, x: net.op(
        "Pad", x, net.integers(0, 0, left, 0, 0, right), *map(net.store, more), **attributes
    )


def gathered(*indices: int, axis: int) -> Middle:
    return lambda net, x: net.op("Gather", x, net.integers(*indices), axis=axis)


def split(axis: int, *lengths: int) -> Middle:
    """Cut in two and keep the second piece."""
    return lambda net, x: net.op(
        "Split", x, net.integers(*lengths), axis=axis, outputs=len(lengths)
    ).replace(":0", ":1")


def reversed_by_lengths(net: Builder, x: str) -> str:
    batch = net.op("Slice", net.op("Shape", x), net.integers(0), net.integers(1))
    lengths = net.op("Expand", net.integers(26), batch)
    x = net.op("Transpose", x, perm=[0, 2, 1])
    x = net.op("ReverseSequence", x, lengths, batch_axis=0, time_axis=1)
    return net.op("Transpose", x, perm=[0, 2, 1])


def pooled(middle: Middle, **attributes: Any) -> Middle:
    return lambda net, x: net.op("MaxPool", middle(net, x), **attributes)


# fmt: off
SELECTIONS: dict[str, tuple[Middle, list[str], tuple[int, int, int, int], int]] = {
    "crop": (sliced(2, -3), ["Pad"], (7, 1, 2, 1), 6),
    "open crop": (sliced(4, 2**62), ["Pad"], (7, 1, 4, 1), 6),
    "step": (sliced(1, -2, 3), ["Pad", "Pool"], (11, 3, 1, 1), 6),
    "backwards": (sliced(-1, FROM_THE_END, -1), ["Reverse"], (7, 1, 23, -1), 6),
    "backwards by 2": (sliced(-2, 3, -2), ["Pad", "Reverse", "Pool"], (9, 2, 20, -1), 6),
    "channels": (sliced(4, 0, -2, axis=1), ["Take"], (7, 1, 0, 1), 2),
    "nothing": (sliced(0, 2**62), [], (7, 1, 0, 1), 6),
    "gathered positions": (gathered(3, 4, 5, 6, 7, axis=2), ["Pad"], (7, 1, 3, 1), 6),
    "gathered channels": (gathered(3, -1, 3, axis=1), ["Take"], (7, 1, 0, 1), 3),
    "split positions": (split(2, 10, 16), ["Pad"], (7, 1, 10, 1), 6),
    "split channels": (split(1, 2, 4), ["Take"], (7, 1, 0, 1), 4),
    "reversed": (reversed_by_lengths, ["Reverse"], (7, 1, 23, -1), 6),
    "zeros": (padded(2, 1), [], (7, 1, -2, 1), 6),
    "another number": (padded(2, 1, 0.25), ["Pad"], (7, 1, -2, 1), 6),
    "crop by padding": (padded(-2, 1), ["Pad"], (7, 1, 2, 1), 6),
    "reflection": (padded(3, 2, mode="reflect"), ["Pad"], (7, 1, -3, 1), 6),
    "zeros before a pool": (
        pooled(padded(2, 1), kernel_shape=[3], strides=[3]),
        ["Pad", "Pool"], (13, 3, -2, 1), 6,
    ),
    "dilated pool": (
        pooled(sliced(0, 25), kernel_shape=[3], dilations=[3], strides=[2], ceil_mode=1),
        ["Pad", "Pool"], (15, 2, 0, 1), 6,
    ),
}
# fmt: on


@pytest.mark.parametrize("name", list(SELECTIONS))
def test_positions_and_channels(tmp_path: Path, name: str) -> None:
    middle, nodes, field, channels = SELECTIONS[name]
    model = read(between(middle, out=channels), tmp_path)
    assert kinds(model) == ["Input", "Convolution", *nodes, "Convolution"]
    assert fields(model) == [(5, 1, 0, 1), field]
    faithful(model)
    reaches(model, 2)


def test_older_opsets_keep_settings_in_attributes(tmp_path: Path) -> None:
    def middle(net: Builder, x: str) -> str:
        x = net.op("Slice", x, starts=[1], ends=[-1], axes=[2])
        x = net.op("Clip", net.op("Pad", x, pads=[0, 0, 1, 0, 0, 1]), min=-1.0, max=0.5)
        first = net.op("Split", x, axis=1, split=[4, 2], outputs=2)
        return net.op("Squeeze", net.op("Unsqueeze", first, axes=[2]), axes=[2])

    model = read(between(middle, opset=9, out=4), tmp_path)
    # The zeros stay: what follows them is no convolution.
    assert kinds(model)[2:-1] == ["Pad", "Pad", "clip", "Take"]
    faithful(model)


def test_padding_waits_through_changes_of_layout(tmp_path: Path) -> None:
    def middle(net: Builder, x: str) -> str:
        x = net.op("Transpose", padded(2, 1)(net, x), perm=[0, 2, 1])
        folded = net.op("Transpose", x, perm=[0, 2, 1])
        kept = net.op("Relu", x)
        return net.op("Add", net.conv(folded, 6, 6, 1), net.op("Transpose", kept, perm=[0, 2, 1]))

    model = read(between(middle), tmp_path)
    assert kinds(model).count("Pad") == 1
    faithful(model)
    assert [layer.padding for layer in survey(model.graph).layers] == [(0, 0), (2, 1), (0, 0)]


def test_single_position_ends_the_sequence(tmp_path: Path) -> None:
    net = Builder((None, 4, LENGTH))
    one = net.op("Gather", net.conv("dna", 6, 4, 5), net.store(-3, np.int64), axis=2)
    net.last = net.op("Gemm", one, net.weight(6, 2))
    model = read(net, tmp_path)
    assert kinds(model) == ["Input", "Convolution", "Pad", "Flatten", "Dense"]
    faithful(model)


@pytest.mark.parametrize("dummy", [False, True])
@pytest.mark.parametrize("place", [1, -1])
def test_channels_taken_one_by_one_and_stacked(tmp_path: Path, dummy: bool, place: int) -> None:
    """As ``torch.stack([x[:, i] for i in order])`` recodes an alphabet."""
    net = Builder((None, 4, 1, LENGTH) if dummy else (None, 4, LENGTH))
    channels = [net.op("Gather", "dna", net.store(i, np.int64), axis=1) for i in (0, 2, 1, 3)]
    x = net.op(
        "Concat", *(net.op("Unsqueeze", c, net.integers(place)) for c in channels), axis=place
    )
    if place == -1:
        x = net.op("Transpose", x, perm=[0, 3, 1, 2] if dummy else [0, 2, 1])
    net.last = net.conv(x, *((6, 4, 1, 5) if dummy else (6, 4, 5)))
    model = read(net, tmp_path)
    assert kinds(model) == ["Input", *["Take"] * 4, "Concatenate", "Convolution"]
    assert fields(model) == [(5, 1, 0, 1)]
    faithful(model)
    reaches(model, 1)


def test_a_channel_without_its_axis_is_not_taken_for_something_else(tmp_path: Path) -> None:
    net = Builder((None, 4, LENGTH))
    one = net.op("Gather", net.conv("dna", 6, 4, 5), net.store(2, np.int64), axis=1)
    net.last = net.op("Relu", net.op("Unsqueeze", net.op("Relu", one), net.integers(1, 3)))
    verify(read(net, tmp_path), opaque=("Unsqueeze",))


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_random_selections(tmp_path: Path, data: st.DataObject) -> None:
    draw = data.draw
    net = Builder((None, 4, 60), seed=draw(st.integers(0, 9)))
    x, length = net.conv("dna", 3, 4, 3), 58
    for _ in range(draw(st.integers(1, 3))):
        if length < 24:
            break
        if draw(st.booleans()):
            start, end = draw(st.integers(0, 6)), length - draw(st.integers(0, 6))
            step = draw(st.sampled_from([-2, -1, 1, 2]))
            bounds = (start, end) if step > 0 else (end - 1, start - 1 - length)
            x = sliced(*bounds, step)(net, x)
            length = len(range(start, end, abs(step)))
        else:
            left, right = draw(st.integers(-3, 3)), draw(st.integers(-3, 3))
            x = padded(left, right)(net, x)
            length += left + right
        if draw(st.booleans()):
            x = net.op(draw(st.sampled_from(["Relu", "Tanh"])), x)
    net.last = net.conv(x, 2, 3, 2)
    model = read(net, tmp_path)
    verify(model)
    reaches(model, 2)


# Elementwise functions.


def swish_of(slope: float) -> Middle:
    return lambda net, x: net.op("Mul", x, net.op("Sigmoid", net.op("Mul", x, net.store(slope))))


def hard_swish(net: Builder, x: str) -> str:
    gate = net.op("Clip", net.op("Add", x, net.store(3.0)), net.store(0.0), net.store(6.0))
    return net.op("Div", net.op("Mul", x, gate), net.store(6.0))


def gelu_by_erfc(net: Builder, x: str) -> str:
    tail = net.op("Erfc", net.op("Mul", net.op("Neg", x), net.store(np.sqrt(0.5))))
    return net.op("Mul", net.op("Mul", x, tail), net.store(0.5))


def plain(kind: str, **attributes: Any) -> Middle:
    return lambda net, x: net.op(kind, x, **attributes)


def with_stored(kind: str, *values: Any) -> Middle:
    return lambda net, x: net.op(kind, x, *map(net.store, values))


def floored(net: Builder, x: str, floor: float) -> str:
    """``Threshold(0, floor)`` of PyTorch."""
    return net.op("Where", net.op("Greater", x, net.store(0.0)), x, net.store(floor))


SLOPES = np.linspace(-0.2, 0.8, 6)[:, None]
# fmt: off
FUNCTIONS: dict[str, tuple[Middle, list[str], bool]] = {
    "clip": (with_stored("Clip", -0.5, 1.0), ["clip"], False),
    "clip above": (lambda net, x: net.op("Clip", x, "", net.store(0.5)), ["clip"], False),
    "relu6": (with_stored("Clip", 0.0, 6.0), ["clip"], True),
    "no clip": (plain("Clip"), [], False),
    "minimum": (with_stored("Min", 0.5), ["clip"], False),
    "maximum": (with_stored("Max", 0.0), ["relu"], True),
    "hard sigmoid": (plain("HardSigmoid", alpha=1 / 6), ["hard_sigmoid"], False),
    "Keras 2's": (plain("HardSigmoid"), ["clip", "Affine"], False),
    "hard swish": (plain("HardSwish"), ["hard_silu"], True),
    "hard swish spelt out": (hard_swish, ["hard_silu"], True),
    "mish": (plain("Mish"), ["mish"], True),
    "selu": (plain("Selu"), ["selu"], True),
    "another selu": (plain("Selu", alpha=1.1, gamma=0.7), ["elu", "Affine"], True),
    "celu": (plain("Celu"), ["elu"], True),
    "another celu": (plain("Celu", alpha=0.3), ["custom"], True),
    "softsign": (plain("Softsign"), ["softsign"], False),
    "thresholded": (plain("ThresholdedRelu", alpha=0.7), ["thresholded_relu"], False),
    "DeepSEA's": (plain("ThresholdedRelu", alpha=1e-6), ["thresholded_relu"], True),
    "Kipoi's DeepSEA's": (lambda net, x: floored(net, x, 1e-6), ["clip"], True),
    "far from zero": (lambda net, x: net.op("Max", x, net.store(0.01)), ["clip"], False),
    "prelu": (with_stored("PRelu", [0.3]), ["leaky_relu"], True),
    "prelu a channel": (with_stored("PRelu", SLOPES), ["leaky_relu"], True),
    "Enformer's gelu": (swish_of(1.702), ["custom"], True),
    "silu": (swish_of(1.0), ["silu"], True),
    "gelu by Erfc": (gelu_by_erfc, ["gelu"], True),
    "leaky by max": (
        lambda net, x: net.op("Max", x, net.op("Mul", x, net.store(0.2))), ["leaky_relu"], True,
    ),
}
# fmt: on


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_functions(tmp_path: Path, name: str) -> None:
    middle, nodes, rectified = FUNCTIONS[name]
    model = read(between(middle, opset=18), tmp_path)
    assert kinds(model) == ["Input", "Convolution", *nodes, "Convolution"]
    assert find_layers(model.graph)[0].rectified is rectified
    faithful(model)


# Two tensors.


def two(kind: str, *, channels: int = 6, also: Middle | None = None) -> Middle:
    def middle(net: Builder, x: str) -> str:
        y = net.conv("dna", channels, 4, 5)
        return net.op(kind, x, also(net, y) if also else y)

    return middle


def mean_of_three(net: Builder, x: str) -> str:
    return net.op("Mean", x, net.op("Relu", x), net.conv("dna", 6, 4, 5))


# fmt: off
PAIRS: dict[str, tuple[Middle, list[str]]] = {
    "product": (two("Mul"), ["Multiply"]),
    "gate": (two("Mul", also=plain("Sigmoid")), ["sigmoid", "Multiply"]),
    "product with one channel": (two("Mul", channels=1), ["Multiply"]),
    "sum with one channel": (two("Add", channels=1), ["Take", "Add"]),
    "maximum": (two("Max"), ["Maximum"]),
    "minimum": (two("Min"), ["Affine", "Affine", "Maximum", "Affine"]),
    "difference": (two("Sub"), ["Affine", "Add"]),
    "mean": (mean_of_three, ["relu", "Add", "Affine"]),
    "square": (lambda net, x: net.op("Mul", x, x), ["Multiply"]),
}
# fmt: on


@pytest.mark.parametrize("name", list(PAIRS))
def test_two_tensors(tmp_path: Path, name: str) -> None:
    middle, nodes = PAIRS[name]
    model = read(between(middle), tmp_path)
    assert sorted(set(kinds(model)) - {"Input", "Convolution"}) == sorted(set(nodes))
    assert [k for k in kinds(model) if k not in ("Input", "Convolution")] == nodes
    faithful(model)


def test_weights_from_the_left(tmp_path: Path) -> None:
    model = read(between(lambda net, x: net.op("MatMul", net.weight(4, 6), x), out=4), tmp_path)
    assert kinds(model) == ["Input", "Convolution", "Dense", "Convolution"]
    faithful(model)


# Normalisation.


def channels_last(inner: Middle) -> Middle:
    def middle(net: Builder, x: str) -> str:
        x = inner(net, net.op("Transpose", x, perm=[0, 2, 1]))
        return net.op("Transpose", x, perm=[0, 2, 1])

    return middle


def by_operation(net: Builder, x: str) -> str:
    return net.op("LayerNormalization", x, net.weight(6), net.weight(6), epsilon=1e-3, axis=-1)


def as_pytorch(axis: int) -> Middle:
    """Means, difference, power, root, quotient."""

    def middle(net: Builder, x: str) -> str:
        shape = (6,) if axis == -1 else (6, 1)
        centred = net.op("Sub", x, net.op("ReduceMean", x, axes=[axis]))
        spread = net.op("ReduceMean", net.op("Pow", centred, net.store(2.0)), axes=[axis])
        spread = net.op("Sqrt", net.op("Add", spread, net.store(1e-3)))
        y = net.op("Mul", net.op("Div", centred, spread), net.weight(*shape))
        return net.op("Add", y, net.weight(*shape))

    return middle


def as_keras(net: Builder, x: str) -> str:
    """A scale and a shift computed from the moments, applied to the input itself."""
    mean = net.op("ReduceMean", x, axes=[-1])
    off = net.op("Sub", x, mean)
    spread = net.op("Add", net.op("ReduceMean", net.op("Mul", off, off), axes=[-1]), net.store(0.1))
    scale = net.op("Mul", net.op("Reciprocal", net.op("Sqrt", spread)), net.weight(6))
    shift = net.op("Sub", net.weight(6), net.op("Mul", mean, scale))
    return net.op("Add", net.op("Mul", x, scale), shift)


def root_mean_square(net: Builder, x: str) -> str:
    squares = net.op("ReduceMean", net.op("Mul", x, x), axes=[-1])
    root = net.op("Sqrt", net.op("Add", squares, net.store(1e-6)))
    return net.op("Mul", net.op("Div", x, root), net.weight(6))


@pytest.mark.parametrize(
    ("middle", "epsilon", "centred"),
    [
        (channels_last(by_operation), 1e-3, True),
        (channels_last(as_pytorch(-1)), 1e-3, True),
        (as_pytorch(1), 1e-3, True),
        (channels_last(as_keras), 0.1, True),
        (channels_last(root_mean_square), 1e-6, False),
    ],
    ids=["operation", "PyTorch", "PyTorch, channels first", "Keras", "root mean square"],
)
def test_normalisation_over_the_channels(
    tmp_path: Path, middle: Middle, epsilon: float, centred: bool
) -> None:
    model = read(between(middle), tmp_path)
    (node,) = [node for node in model.graph if isinstance(node, LayerNormalization)]
    assert node.epsilon == pytest.approx(epsilon, rel=1e-3)
    assert node.centred is centred
    assert set(kinds(model)) <= {"Input", "Convolution", "LayerNormalization", "Affine"}
    faithful(model)


def test_almost_a_normalisation_is_none(tmp_path: Path) -> None:
    def middle(net: Builder, x: str) -> str:
        # The standard deviation without its root.
        off = net.op("Sub", x, net.op("ReduceMean", x, axes=[1]))
        spread = net.op("ReduceMean", net.op("Mul", off, off), axes=[1])
        return net.op("Div", off, net.op("Add", spread, net.store(0.1)))

    model = read(between(middle), tmp_path)
    assert "LayerNormalization" not in kinds(model)
    assert [layer.number for layer in survey(model.graph).layers] == [1]


# What sees the whole sequence.


def attention(net: Builder, x: str) -> str:
    x = net.op("Transpose", x, perm=[0, 2, 1])
    query, key, value = (
        net.op(
            "Transpose",
            net.op("Reshape", net.op("MatMul", x, net.weight(6, 6)), net.integers(0, 0, 2, 3)),
            perm=order,
        )
        for order in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3])
    )
    y = net.op("MatMul", net.op("Softmax", net.op("MatMul", query, key), axis=-1), value)
    y = net.op("Reshape", net.op("Transpose", y, perm=[0, 2, 1, 3]), net.integers(0, 0, 6))
    return net.op("Transpose", net.op("Add", x, y), perm=[0, 2, 1])


def recurrent(kind: str, gates: int) -> Middle:
    def middle(net: Builder, x: str) -> str:
        x = net.op("Transpose", x, perm=[2, 0, 1])
        weights = net.weight(1, gates * 6, 6), net.weight(1, gates * 6, 6)
        x = net.op("Squeeze", net.op(kind, x, *weights, hidden_size=6), net.integers(1))
        return net.op("Transpose", x, perm=[1, 2, 0])

    return middle


def squeeze_and_excite(net: Builder, x: str) -> str:
    gate = net.op("Sigmoid", net.conv(net.op("GlobalAveragePool", x), 6, 6, 1))
    return net.op("Mul", x, gate)


def gate_of_features(net: Builder, x: str) -> str:
    squeezed = net.op("ReduceMax", x, axes=[2], keepdims=0)
    gate = net.op("Sigmoid", net.op("Gemm", squeezed, net.weight(6, 6)))
    return net.op("Mul", x, net.op("Unsqueeze", gate, net.integers(2)))


def positions_of_features(net: Builder, x: str) -> str:
    x = net.op("Gemm", net.op("Flatten", x), net.weight(156, 60))
    return net.op("Reshape", x, net.integers(0, 6, 10))


def grouped_by_reshape(net: Builder, x: str) -> str:
    x = net.op("Reshape", x, net.integers(0, 2, -1))
    x = net.op("InstanceNormalization", x, net.store(np.ones(2)), net.store(np.zeros(2)))
    return net.op("Reshape", x, net.integers(0, 6, 26))


WHOLE: dict[str, tuple[Middle, str]] = {
    "attention": (attention, "'MatMul'"),
    "LSTM": (recurrent("LSTM", 4), "'LSTM'"),
    "GRU": (recurrent("GRU", 3), "'GRU'"),
    "squeeze and excite": (squeeze_and_excite, "'GlobalPool'"),
    "gate of features": (gate_of_features, "'GlobalPool'"),
    "positions of features": (positions_of_features, "'Flatten'"),
    "instance normalisation": (
        lambda net, x: net.op("InstanceNormalization", x, net.weight(6), net.weight(6)),
        "'InstanceNormalization'",
    ),
    "group normalisation": (grouped_by_reshape, "'Reshape'"),
    "softmax over the positions": (plain("Softmax", axis=2), "'Softmax'"),
    "a sum over positions": (
        lambda net, x: net.op("Mul", x, net.op("ReduceSum", x, net.integers(2))),
        "'GlobalPool'",
    ),
}


@pytest.mark.parametrize("name", list(WHOLE))
def test_what_sees_the_whole_sequence(tmp_path: Path, name: str) -> None:
    middle, named = WHOLE[name]
    model = read(between(middle), tmp_path)
    found = survey(model.graph)
    assert [layer.number for layer in found.layers] == [1]
    last = found.blocked[-1]
    assert last.whole_sequence
    assert f"sees the whole sequence, through operation {named}" in last.reason
    verify(model, opaque=tuple(n.operation for n in model.graph if isinstance(n, Opaque)))


@pytest.mark.parametrize("kind", ["GlobalMaxPool", "GlobalAveragePool", "ReduceMax", "ReduceMean"])
def test_global_pools(tmp_path: Path, kind: str) -> None:
    net = Builder((None, 4, 1, LENGTH))
    x = net.conv("dna", 6, 4, 1, 5)
    if kind.startswith("Reduce"):
        x = net.op(kind, x, axes=[2, 3], keepdims=0)
    else:
        x = net.op("Flatten", net.op(kind, x))
    net.last = net.op("Gemm", x, net.weight(6, 2))
    model = read(net, tmp_path)
    assert kinds(model) == ["Input", "Convolution", "GlobalPool", "Flatten", "Dense"]
    assert str(survey(model.graph).layers[0].pool).startswith("global")
    faithful(model)


# What is not understood, by name.


UNKNOWN: dict[str, tuple[Middle, str]] = {
    "ConvTranspose": (
        lambda net, x: net.op("ConvTranspose", x, net.weight(6, 6, 3)),
        "'ConvTranspose' at node 'ConvTranspose_1' (it puts positions between positions)",
    ),
    "Resize": (
        lambda net, x: net.op("Resize", x, "", net.store([1, 1, 2]), mode="nearest"),
        "'Resize' at node 'Resize_1'",
    ),
    "Einsum": (
        lambda net, x: net.op("Einsum", x, net.weight(6, 6), equation="ncl,cd->ndl"),
        "'Einsum' at node 'Einsum_1'",
    ),
    "LpPool": (plain("LpPool", kernel_shape=[2]), "'LpPool' at node 'LpPool_1'"),
    "Pad": (padded(1, 1, mode="edge"), "'Pad' at node 'Pad_1' (it pads by 'edge')"),
    "Gather": (
        gathered(0, 1, 3, axis=2),
        "'Gather' at node 'Gather_1' (it picks entries of axis L in no even order)",
    ),
    "ReduceMean": (
        lambda net, x: net.op("Add", x, net.op("ReduceMean", x, axes=[1])),
        "'ReduceMean' at node 'ReduceMean_1' (it is taken over axes C of NCL)",
    ),
    "Div": (two("Div"), "'Div' at node 'Div_2' (it divides by a tensor or by zero)"),
}


@pytest.mark.parametrize("kind", list(UNKNOWN))
def test_what_is_not_understood_is_named(tmp_path: Path, kind: str) -> None:
    middle, said = UNKNOWN[kind]
    model = read(between(middle), tmp_path)
    found = survey(model.graph)
    assert found.layers[0].number == 1
    (blocked,) = found.blocked
    assert not blocked.whole_sequence
    assert said in blocked.reason
    assert "is not understood" in blocked.reason


def test_integer_convolutions_are_refused_by_name(tmp_path: Path) -> None:
    net = Builder((None, 4, LENGTH))
    codes = net.op("QuantizeLinear", "dna", net.store(0.01), net.store(0, np.uint8))
    x = net.op("ConvInteger", codes, net.store(net.rng.integers(0, 9, (3, 4, 5)), np.uint8))
    net.last = net.op("Cast", x, to=TensorProto.FLOAT)
    with pytest.raises(ModelError, match=r"ConvInteger at .* \(it computes with integers; export"):
        read(net, tmp_path)


# Quantised models.


def rounded(net: Builder, x: str, step: float, zero: int, kind: Any) -> str:
    grid = net.store(step), net.store(zero, kind)
    return net.op("DequantizeLinear", net.op("QuantizeLinear", x, *grid), *grid)


@pytest.mark.parametrize(("zero", "kind"), [(0, np.uint8), (3, np.uint8), (-5, np.int8)])
def test_rounding_is_onnx_runtimes_ties_included(tmp_path: Path, zero: int, kind: Any) -> None:
    net = Builder((None, 4, LENGTH))
    # Weights in eighths and steps of a quarter: half of all values are ties, many saturate.
    weights = net.rng.integers(-90, 90, (6, 4, 5)) / 8
    x = net.op("Conv", "dna", net.store(weights))
    x = rounded(net, x, 0.25, zero, kind)
    x = rounded(net, net.op("MaxPool", x, kernel_shape=[2], strides=[2]), 0.25, zero, kind)
    net.last = net.conv(x, 2, 6, 3)
    model = read(net, tmp_path)
    expected = ["Input", "Convolution", "quantize", "Pool", "quantize", "Convolution"]
    assert kinds(model) == expected
    names = [n.name for n in model.graph if isinstance(n, Activation)]
    x = one_hot(LENGTH, number=20)
    taps = [model.taps[name] for name in names]
    truth = [from_layout(t, "NCL") for t in model.runtime.tap(model.layout.to_file(x), taps)]
    for found, exact in zip(evaluate(model.graph, x, names), truth, strict=True):
        np.testing.assert_array_equal(np.asarray(found), exact)
    before = evaluate(model.graph, x, [model.graph[names[0]].inputs[0]])[0]
    assert (np.abs(np.asarray(before) / 0.25) % 1 == 0.5).mean() > 0.3
    faithful(model)


def test_integers_survive_changes_of_layout_only(tmp_path: Path) -> None:
    def middle(net: Builder, x: str, *, pooled: bool) -> str:
        grid = net.store(0.05), net.store(7, np.uint8)
        x = net.op("Transpose", net.op("QuantizeLinear", x, *grid), perm=[0, 2, 1])
        x = net.op("Transpose", x, perm=[0, 2, 1])
        if pooled:
            x = net.op("MaxPool", x, kernel_shape=[2])
        return net.op("DequantizeLinear", x, net.store(0.1), net.store(3, np.uint8))

    model = read(between(lambda net, x: middle(net, x, pooled=False)), tmp_path)
    assert kinds(model) == ["Input", "Convolution", "quantize", "Affine", "Convolution"]
    faithful(model)
    model = read(between(lambda net, x: middle(net, x, pooled=True)), tmp_path)
    (blocked,) = survey(model.graph).blocked
    assert "'MaxPool' at node 'MaxPool_4' (it computes with integers)" in blocked.reason


# Reverse complements.


def both_strands(net: Builder) -> str:
    """Return the reverse complement of the input."""
    ends = net.integers(FROM_THE_END, FROM_THE_END)
    return net.op(
        "Slice", "dna", net.integers(-1, -1), ends, *([net.integers(1, 2)]), net.integers(-1, -1)
    )


def test_reverse_complement_in_a_branch(tmp_path: Path) -> None:
    net = Builder((None, 4, LENGTH))
    weights = net.weight(6, 4, 5)
    x, y = (net.op("Conv", strand, weights) for strand in ("dna", both_strands(net)))
    net.last = net.op("GlobalMaxPool", net.op("Max", x, y))
    model = read(net, tmp_path)
    assert fields(model) == [(5, 1, 0, 1), (5, 1, 25, -1)]
    assert [n.channels.tolist() for n in model.graph if isinstance(n, Take)] == [[3, 2, 1, 0]]
    faithful(model)
    for number in (1, 2):
        reaches(model, number)


@pytest.mark.parametrize("batch", [None, 2])
def test_reverse_complement_on_the_batch(tmp_path: Path, batch: int | None) -> None:
    net = Builder((batch, 4, LENGTH))
    x = net.op("Relu", net.conv(net.op("Concat", "dna", both_strands(net), axis=0), 6, 4, 5))
    x = net.op("Gemm", net.op("Flatten", net.conv(x, 2, 6, 3)), net.weight(48, 2))
    pieces = net.op("Split", x, axis=0, outputs=2)
    both = net.op("Add", pieces, pieces.replace(":0", ":1"))
    net.last = net.op("Mul", both, net.store(0.5))
    model = read(net, tmp_path)
    assert fields(model) == [(5, 1, 0, 1), (7, 1, 0, 1)]
    assert {model.taps[layer.value].stacked for layer in find_layers(model.graph)} == {2}
    values = verify(model, opaque=("Split", "Add"))
    # The prediction is the mean of both halves: of the first, which the graph follows, and the
    # other, which is the first of the reverse complement.
    (dense,) = [node.name for node in model.graph if type(node).__name__ == "Dense"]
    x = one_hot(LENGTH)
    turned = from_layout(model.layout.to_file(x[:, ::-1, ::-1]), "NCL")
    (other,) = evaluate(model.graph, turned, [dense])
    (found,) = model.runtime.predict(model.layout.to_file(x), batch_size=2)
    np.testing.assert_allclose(found, (values[dense] + np.asarray(other)) / 2, rtol=1e-4, atol=1e-5)


# Inputs.


def test_more_channels_than_bases(tmp_path: Path) -> None:
    net = Builder((None, 7, LENGTH))
    net.last = net.conv(net.op("Relu", net.conv("dna", 3, 7, 5)), 2, 3, 3)
    model = read(net, tmp_path)
    assert (model.layout.label, model.layout.alphabet) == ("(N, 7, L)", "ACGT...")
    assert model.notes == ("channels 5-7 are no bases and are held at 0",)
    faithful(model)
    request = InputRequest(alphabet="N.ACG.T", background=0.5)
    model = read(net, tmp_path, request)
    assert model.notes == ("channels 2, 6 are no bases and are held at 0.5",)
    assert model.layout.to_file(one_hot(LENGTH))[:, [1, 5]].min() == 0.5
    faithful(model)
    with pytest.raises(ModelError, match="names 8 channels"):
        InputRequest(alphabet="ACGT....").channel_letters(7)


def test_the_smaller_axis_is_the_channels(tmp_path: Path) -> None:
    net = Builder((None, 12, 1, 9))
    net.last = net.op("Relu", net.conv(net.op("Transpose", "dna", perm=[0, 3, 2, 1]), 2, 9, 1, 3))
    model = read(net, tmp_path)
    assert (model.layout.axes, model.layout.channels, model.layout.length) == ("NL1C", 9, 12)
    faithful(model)


def with_others() -> Builder:
    """A track beside the sequence, one that is its own convolution's, and a vector."""
    net = Builder(("batch", 4, LENGTH))
    for name, shape in [("track", ("batch", 1, LENGTH)), ("tissue", ("batch", 3))]:
        net.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    x = net.conv(net.op("Concat", "dna", "track", axis=1), 6, 5, 5)
    condition = net.op("Relu", net.op("Gemm", "tissue", net.weight(3, 6), net.weight(6)))
    x = net.op("Add", x, net.op("Unsqueeze", condition, net.integers(2)))
    alone = net.conv("track", 6, 1, 5)
    net.last = net.conv(net.op("Add", net.op("Relu", x), alone), 2, 6, 3)
    return net


def test_other_inputs_are_held(tmp_path: Path) -> None:
    net = with_others()
    at_zero = read(net, tmp_path)
    model = read(net, tmp_path, InputRequest(held={"track": 0.5, "tissue": -1.25}))
    assert model.notes == ("input 'track' is held at 0.5", "input 'tissue' is held at -1.25")
    (held,) = [node for node in model.graph if isinstance(node, Constant)]
    assert (held.name, held.value.tolist(), held.length) == ("track", [0.5], LENGTH)
    in_file = model.layout.to_file(one_hot(LENGTH))
    for one in (at_zero, model):
        # The convolution that sees the held track alone is no layer.
        assert [layer.name for layer in survey(one.graph).layers] == ["Conv_1", "Conv_9"]
        faithful(one)
    predictions = [m.runtime.predict(in_file, batch_size=2)[0] for m in (at_zero, model)]
    assert np.abs(predictions[0] - predictions[1]).max() > 0.1


def test_the_sequence_is_named(tmp_path: Path) -> None:
    net = Builder((None, 4, LENGTH))
    net.inputs.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, (None, 4, LENGTH)))
    net.last = net.op("Mul", net.conv("dna", 2, 4, 5), net.conv("other", 2, 4, 5))
    for name, layer in [("dna", "Conv_0"), ("other", "Conv_1")]:
        model = read(net, tmp_path, InputRequest(name=name, held={}))
        assert [found.name for found in survey(model.graph).layers] == [layer]
        faithful(model)
    for request, said in [
        (InputRequest(), r"2 inputs could be .*'dna' \(any, 4, 30\), 'other' .*--input"),
        (InputRequest(name="rna"), r"no input is named 'rna'; the model reads 'dna'"),
        (InputRequest(name="dna", held={"dna": 1.0}), "'dna' is the sequence"),
        (InputRequest(name="dna", held={"x": 1.0}), "no input is named 'x'.*reads 'other'"),
        (InputRequest(name="dna", length=31), "reads 30 bp, not 31; leave out --length"),
    ]:
        with pytest.raises(ModelError, match=said):
            read(net, tmp_path, request)


# Models without a fixed length.


def any_length() -> Builder:
    """Strided 'same' padding, ceil_mode and a reversal: each depends on the length."""
    net = Builder((None, 4, "length"))
    x = net.conv("dna", 3, 4, 4, auto_pad="SAME_UPPER", strides=[3])
    x = net.op("MaxPool", net.op("Relu", x), kernel_shape=[3], strides=[2], ceil_mode=1)
    x = sliced(-1, FROM_THE_END, -1)(net, x)
    net.last = net.conv(x, 2, 3, 3)
    return net


def test_any_length_is_exact_at_the_reference_length(tmp_path: Path) -> None:
    net = any_length()
    model = read(net, tmp_path)
    # The second layer sees 2 steps of 6, 2 of 3, and 4 bp: twice 22, in steps of 6.
    assert (model.layout.length, model.layout.reference_length) == (None, 48)
    faithful(model)
    assert survey(model.graph).layers[1].receptive_field == 22
    for length in (50, 61, 62, 63):
        model = read(net, tmp_path, InputRequest(length=length))
        assert model.layout.reference_length == length
        faithful(model)
        reaches(model, 2)


def test_sizes_computed_in_the_file(tmp_path: Path) -> None:
    net = Builder(("n", 4, "length"), opset=18)
    x = net.op("Relu", net.conv("dna", 3, 4, 5))
    length = net.op("Gather", net.op("Shape", x), net.integers(2), axis=0)
    half = net.op("Div", length, net.integers(2))
    crop = net.op("Slice", x, half, length, net.integers(2))
    net.last = net.conv(crop, 2, 3, 3)
    model = read(net, tmp_path, InputRequest(length=44))
    assert fields(model) == [(5, 1, 0, 1), (7, 1, 20, 1)]
    faithful(model)


# How numbers are kept.


def test_bfloat16_is_computed_in_float32(tmp_path: Path) -> None:
    net = between(plain("Relu"))
    weights = [numpy_helper.to_array(tensor) for tensor in net.stored]
    net.stored = [
        helper.make_tensor(
            tensor.name, TensorProto.BFLOAT16, tensor.dims, value.ravel().astype(np.float32)
        )
        for tensor, value in zip(net.stored, weights, strict=True)
    ]
    net.inputs[0].type.tensor_type.elem_type = TensorProto.BFLOAT16
    model = read(net, tmp_path)
    assert model.notes == ("its bfloat16 numbers are computed with as float32",)
    faithful(model)
    kernel = next(node.kernel for node in model.graph if hasattr(node, "kernel"))
    np.testing.assert_allclose(kernel.transpose(2, 1, 0), weights[1], rtol=2**-8)


def test_nothing_clear_is_one_line(tmp_path: Path) -> None:
    net = Builder((None, 4, None))
    net.last = net.conv(net.op("Einsum", "dna", net.weight(4, 4), equation="ncl,cd->ndl"), 2, 4, 3)
    with pytest.raises(UnsupportedOperationError, match=r"'Einsum' at node 'Einsum_0'.*'Conv_1'"):
        read(net, tmp_path)
