"""Receptive fields against perturbation, and the trunk against the full graph."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import (
    affine,
    chain,
    convolution,
    max_pool,
    model_of,
    relu,
    reverse_complement,
    sequence_input,
)
from oracle_graph import oracle

from neuroninterp.backend import import_keras
from neuroninterp.errors import ModelError, UnsupportedOperationError
from neuroninterp.fields import Trunk, layer_table, survey
from neuroninterp.graph import (
    Activation,
    Add,
    Concatenate,
    Constant,
    Convolution,
    Flatten,
    GlobalPool,
    Graph,
    LayerNormalization,
    Maximum,
    Multiply,
    Node,
    Opaque,
    Pad,
    Pool,
    Reverse,
    Take,
    blocked_layers,
    find_layers,
)
from neuroninterp.graph.evaluate import evaluate


def random_kernel(rng: np.random.Generator, width: int, inputs: int, filters: int) -> np.ndarray:
    return rng.normal(size=(width, inputs, filters))


@st.composite
def stacks(draw: st.DrawFn) -> tuple[Graph, int]:
    """A random stack of convolutions, pools and skip connections, with its seed."""
    seed = draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    nodes: list[Node] = [sequence_input()]
    channels = 4
    for index in range(draw(st.integers(1, 3))):
        width, stride = draw(st.integers(1, 5)), draw(st.sampled_from([1, 1, 2]))
        dilation = draw(st.sampled_from([1, 1, 2]))
        padding = (draw(st.integers(0, 3)), draw(st.integers(0, 3)))
        last = nodes[-1].name
        nodes.append(
            convolution(
                f"conv_{index}",
                last,
                random_kernel(rng, width, channels, 3),
                rng.normal(size=3),
                stride=stride,
                dilation=dilation,
                padding=padding,
            )
        )
        channels = 3
        nodes.append(affine(f"norm_{index}", f"conv_{index}", rng.normal(size=3), np.ones(3)))
        nodes.append(affine(f"bias_{index}", f"norm_{index}", np.ones(3), rng.normal(size=3)))
        nodes.append(relu(f"relu_{index}", f"bias_{index}"))
        if draw(st.booleans()):
            nodes += _branches(rng, index, f"relu_{index}", draw(st.integers(0, 2)))
        if draw(st.booleans()):
            nodes += _rearranged(rng, index, nodes[-1].name, draw(st.integers(0, 3)))
        if draw(st.booleans()):
            kind = draw(st.sampled_from(["max", "average"]))
            size, step = draw(st.integers(1, 4)), draw(st.integers(1, 3))
            dilation = draw(st.sampled_from([1, 1, 2]))
            nodes.append(
                Pool(
                    name=f"pool_{index}",
                    inputs=(nodes[-1].name,),
                    source=f"pool_{index}",
                    kind=kind,
                    size=size,
                    stride=step,
                    dilation=dilation,
                )
            )
    return chain(*nodes), seed


def _branches(rng: np.random.Generator, index: int, reads: str, kind: int) -> list[Node]:
    """Skip connection (0), inception-like concatenation (1), or pooling branch (2)."""
    side = convolution(f"side_{index}", reads, random_kernel(rng, 3, 3, 3), padding=(1, 1))
    if kind == 0:
        merge: Node = Add(name=f"add_{index}", inputs=(reads, side.name), source="add")
        return [side, merge]
    join = Concatenate(name=f"join_{index}", inputs=(reads, side.name), source="join")
    mix = convolution(f"mix_{index}", join.name, random_kernel(rng, 1, 6, 3))
    if kind == 1:
        return [side, join, mix]
    pool = Pool(
        name=f"inner_{index}",
        inputs=(reads,),
        source="inner",
        kind="max",
        size=3,
        stride=1,
        padding=(1, 1),
    )
    merge = Add(name=f"add_{index}", inputs=(pool.name, side.name), source="add")
    return [side, pool, merge]


def _rearranged(rng: np.random.Generator, index: int, reads: str, kind: int) -> list[Node]:
    """A crop beside a pad (0), a gate (1), normalised channels (2), other channels (3)."""

    def named(name: str, *inputs: str) -> dict:
        return {"name": f"{name}_{index}", "inputs": inputs, "source": name}

    if kind == 0:
        return [
            Pad(padding=(-2, 1), value=0.5, **named("crop", reads)),
            Pad(padding=(1, -2), **named("pad", reads)),
            Maximum(**named("maximum", f"crop_{index}", f"pad_{index}")),
        ]
    if kind == 1:
        gate = convolution(f"gate_{index}", reads, random_kernel(rng, 3, 3, 3), padding=(1, 1))
        squashed = Activation(function="sigmoid", **named("sigmoid", gate.name))
        return [gate, squashed, Multiply(**named("gated", reads, squashed.name))]
    if kind == 2:
        scale, shift = rng.normal(size=(2, 3)).astype(np.float32)
        centred = bool(rng.integers(2))
        return [
            LayerNormalization(
                epsilon=1e-3,
                scale=scale,
                shift=shift,
                centred=centred,
                **named("layer_norm", reads),
            )
        ]
    return [Take(channels=np.array([2, 0, 1]), **named("take", reads))]


@settings(max_examples=40, deadline=None)
@given(stacks())
def test_fields_and_trunk_agree_with_the_full_graph(case: tuple[Graph, int]) -> None:
    """A trunk's window gives the full graph's value; nothing outside the field matters."""
    graph, seed = case
    rng = np.random.default_rng(seed)
    for layer, nodes in zip(layer_table(graph), find_layers(graph), strict=True):
        # Far enough from both ends that no padding is in reach.
        position = 40
        first, last = layer.interval(position)
        length = last + 60 * layer.jump
        codes = rng.integers(0, 4, (3, length)).astype(np.uint8)

        def full(codes: np.ndarray, nodes=nodes, position=position) -> np.ndarray:
            (values,) = evaluate(graph, np.eye(4, dtype=np.float32)[codes], [nodes.value])
            return import_keras().ops.convert_to_numpy(values)[:, position]

        assert first >= 0
        trunk = Trunk(graph, nodes)
        assert trunk.receptive_field == layer.receptive_field
        expected = full(codes)
        scale = np.abs(expected).max()
        np.testing.assert_allclose(
            trunk.values(codes[:, first:last]), expected, atol=1e-5 * scale + 1e-6
        )
        outside = rng.integers(0, 4, codes.shape).astype(np.uint8)
        outside[:, first:last] = codes[:, first:last]
        np.testing.assert_array_equal(full(outside), expected)


def test_every_position_of_the_field_matters() -> None:
    """With linear layers of positive weights each substitution inside the field shows."""
    weights = np.arange(1.0, 5.0)[None, :, None]
    graph = chain(
        sequence_input(),
        convolution("a", "input", np.tile(weights, (5, 1, 1)), dilation=2, padding=(4, 4)),
        Pool(name="p", inputs=("a",), source="p", kind="average", size=3, stride=2),
        convolution("b", "p", np.ones((2, 1, 1)), stride=2),
        convolution("c", "b", np.ones((3, 1, 1))),
    )
    for layer in layer_table(graph):
        nodes = find_layers(graph)[layer.number - 1]
        codes = np.zeros((1, 200), np.uint8)
        changed = np.repeat(codes, 200, axis=0)
        changed[np.arange(200), np.arange(200)] = 3
        both = np.concatenate([codes, changed])
        (values,) = evaluate(graph, np.eye(4, dtype=np.float32)[both], [nodes.value])
        values = import_keras().ops.convert_to_numpy(values)[:, 12, 0]
        touched = np.flatnonzero(values[1:] != values[0])
        assert (touched[0], touched[-1] + 1) == layer.interval(12)


@pytest.mark.parametrize(
    ("blocks", "fields"),
    [
        ([(19, 3), (11, 4), (7, 4)], [19, 51, 132]),  # Basset
        ([(8, 4), (8, 4), (8, 4)], [8, 39, 163]),  # DeepSEA
        (
            [(7, 1), (3, 2), (3, 1), (3, 2), (3, 1), (3, 2), (3, 1), (3, 2), (3, 1), (3, 2)],
            [7, 9, 14, 18, 28, 36, 56, 72, 112, 144],  # DD-10
        ),
    ],
)
def test_published_receptive_fields(blocks: list[tuple[int, int]], fields: list[int]) -> None:
    nodes: list[Node] = [sequence_input()]
    channels = 4
    for index, (width, pool) in enumerate(blocks):
        reads = nodes[-1].name
        nodes.append(convolution(f"conv_{index}", reads, np.zeros((width, channels, 2))))
        nodes.append(relu(f"relu_{index}", f"conv_{index}"))
        channels = 2
        if pool > 1:
            nodes.append(max_pool(f"pool_{index}", f"relu_{index}", pool))
    layers = layer_table(chain(*nodes))
    assert [layer.receptive_field for layer in layers] == fields
    pools = [pool for _, pool in blocks]
    assert [layer.shifts for layer in layers] == [
        int(np.prod(pools[:index])) for index in range(len(pools))
    ]


def test_contributions_follow_the_winner() -> None:
    """Of two entries in a pool only the larger contributes, by its weight downstream."""
    kernel = np.zeros((1, 4, 1))
    kernel[0, :, 0] = [1.0, 2.0, 3.0, 4.0]
    graph = chain(
        sequence_input(),
        convolution("a", "input", kernel),
        relu("r", "a"),
        max_pool("p", "r", 2),
        convolution("b", "p", np.array([10.0, 100.0]).reshape(2, 1, 1)),
    )
    trunk = model_of(graph).trunk(2)
    windows = np.array([[0, 3, 2, 1]], np.uint8)
    found = trunk.contributions(windows, np.array([0]), "p")[0, :, 0]
    np.testing.assert_allclose(found, [0.0, 40.0, 300.0, 0.0])


def test_batches_do_not_change_values() -> None:
    rng = np.random.default_rng(0)
    graph = chain(sequence_input(), convolution("a", "input", rng.normal(size=(9, 4, 7))))
    trunk = model_of(graph).trunk(1)
    windows = rng.integers(0, 4, (3000, 9)).astype(np.uint8)
    together = trunk.values(windows)
    trunk.batch_size = 256
    np.testing.assert_allclose(trunk.values(windows), together, rtol=1e-5, atol=1e-5)
    neurons = rng.integers(0, 7, 3000)
    picked = trunk.values_of(windows, neurons)
    np.testing.assert_allclose(picked, together[np.arange(3000), neurons], rtol=1e-5, atol=1e-5)
    assert trunk.values(windows[:0]).shape == (0, 7)


def test_unknown_is_a_zero_column() -> None:
    graph = chain(sequence_input(), convolution("a", "input", np.ones((3, 4, 1))))
    trunk = model_of(graph).trunk(1)
    assert trunk.values(np.array([[0, 4, 4]], np.uint8))[0, 0] == 1.0


def test_opaque_operations() -> None:
    first = convolution("a", "input", np.zeros((3, 4, 2)))
    blocker = Opaque(name="x", inputs=("a",), source="my_lstm", operation="LSTM")
    second = convolution("b", "x", np.zeros((3, 2, 2)))
    graph = chain(sequence_input(), first, blocker, second)
    assert [layer.name for layer in layer_table(graph)] == ["a"]
    (blocked,) = blocked_layers(graph)
    assert (blocked.number, blocked.name, blocked.whole_sequence) == (2, "b", False)
    assert "LSTM" in blocked.reason
    assert "my_lstm" in blocked.reason
    early = Opaque(name="x", inputs=("input",), source="my_lstm", operation="LSTM")
    with pytest.raises(UnsupportedOperationError, match=r"LSTM.*my_lstm"):
        layer_table(chain(sequence_input(), early, convolution("b", "x", np.zeros((3, 4, 2)))))
    with pytest.raises(ModelError, match="no convolution"):
        layer_table(chain(sequence_input(), relu("r", "input")))


def test_branches_with_different_strides_are_refused() -> None:
    wide = convolution("wide", "input", np.zeros((3, 4, 2)), stride=2)
    narrow = convolution("narrow", "input", np.zeros((3, 4, 2)))
    merge = Add(name="sum", inputs=("wide", "narrow"), source="sum")
    last = convolution("last", "sum", np.zeros((3, 2, 2)))
    found = survey(chain(sequence_input(), wide, narrow, merge, last))
    assert [layer.name for layer in found.layers] == ["wide", "narrow"]
    (blocked,) = found.blocked
    assert (blocked.number, blocked.whole_sequence) == (3, False)
    assert "different strides" in blocked.reason


def test_a_narrow_branch_of_another_stride_does_not_hide_in_a_wide_one() -> None:
    # At the first positions the wide branch's field holds the narrow one's.
    wide = convolution("wide", "input", np.zeros((51, 4, 2)))
    narrow = convolution("narrow", "input", np.zeros((1, 4, 2)), stride=2)
    merge = Concatenate(name="both", inputs=("wide", "narrow"), source="both")
    last = convolution("last", "both", np.zeros((1, 4, 2)))
    found = survey(chain(sequence_input(), wide, narrow, merge, last))
    assert [layer.name for layer in found.layers] == ["wide", "narrow"]
    (blocked,) = found.blocked
    assert "different strides" in blocked.reason


@pytest.mark.parametrize(
    ("between", "rectified"),
    [
        ((), True),
        ((max_pool("pool", "conv", 2),), True),
        ((replace(max_pool("pool", "conv", 2), kind="average"),), False),
        ((GlobalPool(name="pool", inputs=("conv",), source="pool", kind="max"),), True),
        (
            (
                max_pool("pool", "conv", 2),
                affine("norm", "pool", np.ones(2), np.full(2, 3.0)),
            ),
            False,
        ),
    ],
)
def test_zero_is_the_threshold_only_of_what_the_rectifier_reads(
    between: tuple[Node, ...], rectified: bool
) -> None:
    nodes = (sequence_input(), convolution("conv", "input", np.zeros((3, 4, 2))), *between)
    (layer,) = find_layers(chain(*nodes, relu("relu", nodes[-1].name)))
    assert (layer.value, layer.activation) == ("conv", "relu")
    assert layer.rectified is rectified


def test_grouped_and_strided_dilated_convolutions() -> None:
    """Forms that TensorFlow refuses on the CPU, against a plain loop."""
    rng = np.random.default_rng(1)
    kernel = rng.normal(size=(3, 2, 6)).astype(np.float32)
    node = Convolution(
        name="a",
        inputs=("input",),
        source="a",
        kernel=kernel,
        bias=np.zeros(6, np.float32),
        groups=2,
        stride=2,
        dilation=2,
    )
    x = rng.normal(size=(2, 20, 4)).astype(np.float32)
    (found,) = evaluate(chain(sequence_input(), node), x, ["a"])
    found = import_keras().ops.convert_to_numpy(found)
    for position in range(found.shape[1]):
        window = x[:, 2 * position : 2 * position + 5 : 2]
        for group in range(2):
            expected = np.einsum(
                "nkc,kcf->nf",
                window[:, :, 2 * group : 2 * group + 2],
                kernel[:, :, 3 * group : 3 * group + 3],
            )
            np.testing.assert_allclose(
                found[:, position, 3 * group : 3 * group + 3], expected, atol=1e-4
            )


def test_every_node_at_full_length_is_what_the_oracle_says() -> None:
    rng = np.random.default_rng(3)
    for seed in range(6):
        nodes: list[Node] = [sequence_input()]
        nodes.append(convolution("conv", "input", random_kernel(rng, 3, 4, 3), padding=(1, 1)))
        for index, kind in enumerate(rng.permutation(4)):
            nodes += _rearranged(np.random.default_rng(seed), index, nodes[-1].name, int(kind))
        functions = (
            *("selu", "softsign", "mish", "hard_sigmoid", "hard_silu", "silu", "gelu", "elu"),
            *("clip", "quantize", "leaky_relu", "thresholded_relu"),
        )
        for function in functions:
            alpha: object = {"quantize": 0.05, "elu": 0.7, "thresholded_relu": -0.3}.get(
                function, 0.0
            )
            if function == "leaky_relu":
                alpha = np.array([0.1, 0.2, -0.3], np.float32)
            bounds = {"clip": (-0.5, 6.0), "quantize": (-6.4, 6.35)}.get(function, (-1.0, 1.0))
            node = Activation(
                name=function,
                inputs=(nodes[-1].name,),
                source=function,
                function=function,
                alpha=alpha,
                bounds=bounds,
            )
            nodes.append(node)
        last = nodes[-1].name
        nodes.append(Constant(name="track", inputs=(), source="track", value=np.ones(2) / 3))
        nodes.append(Concatenate(name="joined", inputs=(last, "track"), source="joined"))
        nodes.append(Reverse(name="reverse", inputs=("joined",), source="reverse"))
        nodes.append(GlobalPool(name="global", inputs=("reverse",), source="global", kind="max"))
        graph = chain(*nodes)
        # Every crop of 2 and pad of 1 shortens by one, and the constant has the input's length.
        x = np.eye(4, dtype=np.float32)[rng.integers(0, 4, (2, 30))]
        cut = graph["track"]
        truth_length = oracle(chain(*nodes[: nodes.index(cut)]), x)[last].shape[1]
        object.__setattr__(cut, "length", truth_length)
        truth = oracle(graph, x)
        for name, found in zip(truth, evaluate(graph, x, list(truth)), strict=True):
            np.testing.assert_allclose(
                import_keras().ops.convert_to_numpy(found), truth[name], rtol=2e-4, atol=2e-4
            )


def test_a_reverse_complement_branch_has_its_own_direction() -> None:
    rng = np.random.default_rng(0)
    length, width = 50, 5
    kernel = rng.normal(size=(width, 4, 3)).astype(np.float32)
    graph = chain(
        sequence_input(),
        *reverse_complement("complement", "input", length),
        convolution("forward", "input", kernel, length=length - width + 1),
        convolution("backward", "complement", kernel, length=length - width + 1),
        Reverse(name="back", inputs=("backward",), source="back", length=length - width + 1),
        Maximum(name="either", inputs=("forward", "back"), source="either"),
        convolution("both", "either", rng.normal(size=(3, 3, 2))),
        Maximum(name="mixed", inputs=("forward", "backward"), source="mixed"),
        convolution("confused", "mixed", rng.normal(size=(3, 3, 2))),
    )
    found = survey(graph)
    forward, backward, both = found.layers
    assert (forward.direction, forward.interval(2)) == (1, (2, 7))
    assert (backward.direction, backward.interval(2)) == (-1, (43, 48))
    # Turned back before they meet, both strands are read at the same place.
    assert (both.direction, both.interval(2)) == (1, (2, 9))
    (confused,) = found.blocked
    assert (confused.number, confused.whole_sequence) == (4, True)
    assert "its reverse" in confused.reason
    codes = rng.integers(0, 4, (4, length)).astype(np.uint8)
    for layer, nodes in zip(found.layers, found.nodes, strict=True):
        (full,) = evaluate(graph, np.eye(4, dtype=np.float32)[codes], [nodes.value])
        first, last = layer.interval(7)
        np.testing.assert_allclose(
            Trunk(graph, nodes).values(codes[:, first:last]),
            import_keras().ops.convert_to_numpy(full)[:, 7],
            rtol=1e-5,
            atol=1e-5,
        )


def test_what_sees_everything_blocks_the_layers_after_it() -> None:
    first = convolution("first", "input", np.zeros((3, 4, 2)))
    squeeze = GlobalPool(name="squeeze", inputs=("first",), source="squeeze", kind="average")
    gate = Multiply(name="gate", inputs=("first", "squeeze"), source="gate")
    after = convolution("after", "gate", np.zeros((3, 2, 2)))
    attention = Opaque(
        name="attend",
        inputs=("first",),
        source="attend",
        operation="MultiHeadAttention",
        whole_sequence=True,
    )
    beside = convolution("beside", "attend", np.zeros((3, 2, 2)))
    flat = Flatten(name="flat", inputs=("first",), source="flat")
    late = convolution("late", "flat", np.zeros((3, 2, 2)))
    graph = chain(sequence_input(), first, squeeze, gate, after, attention, beside, flat, late)
    found = survey(graph)
    assert [layer.number for layer in found.layers] == [1]
    assert [(b.number, b.name, b.whole_sequence) for b in found.blocked] == [
        (2, "after", True),
        (3, "beside", True),
        (4, "late", True),
    ]
    for blocked, word in zip(
        found.blocked, ("squeeze", "MultiHeadAttention", "Flatten"), strict=True
    ):
        assert word in blocked.reason
        assert "whole sequence" in blocked.reason
