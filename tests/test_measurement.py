"""Measured and effective receptive fields against closed forms and planted defects."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import affine, chain, convolution, max_pool, relu, sequence_input
from oracle_graph import oracle

from neuroninterp.backend import import_keras
from neuroninterp.errors import FidelityError
from neuroninterp.fields import Trunk, survey
from neuroninterp.graph import (
    Activation,
    Add,
    Concatenate,
    Constant,
    Graph,
    LayerNormalization,
    Maximum,
    Multiply,
    Node,
    Pad,
    Pool,
    Reverse,
    Take,
)
from neuroninterp.graph.evaluate import encode, evaluate
from neuroninterp.measurement import EffectiveField, MeasuredField, measure_fields, shortened
from neuroninterp.measurement.gradients import effective_field, gradient_profiles
from neuroninterp.measurement.reach import measure_reach
from neuroninterp.measurement.reasons import live_field
from neuroninterp.measurement.sites import choose_sites
from neuroninterp.measurement.tangents import tangents
from neuroninterp.models import InputLayout, Model
from neuroninterp.models.layout import from_layout, to_layout
from neuroninterp.models.runtime import Tap


class GraphRuntime:
    """Stands for the model's own runtime: computes a graph, which may be another one."""

    device = "cpu"

    def __init__(self, graph: Graph, layout: InputLayout, noise: float = 0.0) -> None:
        self.graph, self.layout, self.noise = graph, layout, noise
        self.sequences = 0

    def predict(self, inputs: np.ndarray, *, batch_size: int) -> list[np.ndarray]:
        raise AssertionError("measuring needs no predictions")

    def tap(self, inputs: np.ndarray, taps: list[Tap]) -> list[np.ndarray]:
        self.sequences += len(inputs)
        ops = import_keras().ops
        found = []
        rng = np.random.default_rng(self.sequences)
        inputs = from_layout(inputs, self.layout.axes)
        for tap, tensor in zip(
            taps, evaluate(self.graph, inputs, [tap.tensor for tap in taps]), strict=True
        ):
            value = ops.convert_to_numpy(tensor)
            value = value * (1 + self.noise * rng.normal(size=value.shape)).astype(np.float32)
            found.append(to_layout(value, tap.axes))
        return found


def measurable(
    graph: Graph,
    length: int = 200,
    *,
    truth: Graph | None = None,
    axes: str = "NLC",
    tap_axes: str = "NLC",
    noise: float = 0.0,
    **layout: object,
) -> Model:
    """Wrap a graph in a model whose own runtime computes ``truth`` (the graph itself)."""
    shown = InputLayout("dna", (None, length, 4), axes, length, reference_length=length, **layout)
    found = survey(graph)
    return Model(
        path=Path("network"),
        format="none",
        graph=graph,
        layout=shown,
        runtime=GraphRuntime(truth or graph, shown, noise),
        layers=found.layers,
        blocked=found.blocked,
        fidelity=0.0,
        _nodes=found.nodes,
        taps={n.value: Tap(n.value, tap_axes) for n in found.nodes},
    )


def whole(model: Model) -> list[MeasuredField]:
    return [MeasuredField(0, layer.receptive_field) for layer in model.layers]


def conv(
    rng: np.random.Generator, name: str, reads: str, width: int, channels: int, **rest
) -> Node:
    kernel = rng.normal(size=(width, channels, 8)) / np.sqrt(width * channels)
    return convolution(name, reads, kernel, rng.normal(size=8) * 0.1, **rest)


def pooled_stack(rng: np.random.Generator, padding: int = 2) -> Graph:
    """Three convolutions with pools of 3 and 4 between them: fields 7, 21, 76 at "valid"."""
    return chain(
        sequence_input(),
        conv(rng, "one", "input", 7, 4, padding=(padding, padding)),
        relu("relu_1", "one"),
        max_pool("pool_1", "relu_1", 3),
        conv(rng, "two", "pool_1", 5, 8, padding=(padding, padding)),
        affine("norm", "two", rng.normal(size=8), rng.normal(size=8)),
        relu("relu_2", "norm"),
        max_pool("pool_2", "relu_2", 4),
        conv(rng, "three", "pool_2", 5, 8, padding=(padding, padding)),
    )


# --- reach ---------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", [0, 2])
@pytest.mark.parametrize("axes", [("NLC", "NLC"), ("NCL", "NC1L")])
def test_pooled_stack_is_reached_to_its_closed_form(padding: int, axes: tuple[str, str]) -> None:
    graph = pooled_stack(np.random.default_rng(0), padding)
    model = measurable(graph, axes=axes[0], tap_axes=axes[1], alphabet="AGCT")
    fields = measure_fields(model)
    assert [found.layer.receptive_field for found in fields] == [7, 7 + 2 + 12, 21 + 9 + 48]
    assert [found.measured for found in fields] == whole(model)


def test_one_pair_of_runs_suffices_for_sharp_fields() -> None:
    """Cheap however long the field: here 2,001 bp of 4,000, dilated."""
    rng = np.random.default_rng(1)
    nodes: list[Node] = [sequence_input()]
    for index, dilation in enumerate((1, 10, 100, 139)):
        kernel = rng.normal(size=(9, 4, 4)) / 3
        pad = 4 * dilation
        nodes.append(
            convolution(f"c{index}", nodes[-1].name, kernel, dilation=dilation, padding=(pad, pad))
        )
    model = measurable(chain(*nodes), 4000)
    assert [reach.complete for reach in measure_reach(model)] == [True] * 4
    assert model.layers[-1].receptive_field == 2001
    assert model.runtime.sequences == 2


def test_reversed_branch_has_its_own_direction() -> None:
    rng = np.random.default_rng(3)
    graph = chain(
        sequence_input(),
        Reverse(name="reversed", inputs=("input",), source="reversed", length=90),
        Take(
            name="complement",
            inputs=("reversed",),
            source="complement",
            channels=np.array([3, 2, 1, 0]),
        ),
        # Zero weights at the first tap lie at the right end of the window in the input.
        convolution(
            "one", "complement", np.pad(rng.normal(size=(6, 4, 3)), ((2, 0), (0, 0), (0, 0)))
        ),
        relu("relu", "one"),
        max_pool("pool", "relu", 2),
        conv(rng, "two", "pool", 3, 3),
    )
    model = measurable(graph, 90)
    first, second = measure_fields(model)
    assert (first.layer.direction, second.layer.direction) == (-1, -1)
    assert (first.measured.start, first.measured.end) == (0, 6)
    assert (second.measured.start, second.measured.end) == (0, 11)
    assert first.measured.reason == "the outermost weights are zero in 'one'"


def test_dead_outer_weights_are_named_and_others_not() -> None:
    rng = np.random.default_rng(4)
    first = rng.normal(size=(9, 4, 8))
    first[:2], first[-1:] = 0, 0
    second = rng.normal(size=(5, 8, 8))
    second[-1] = 0
    graph = chain(
        sequence_input(),
        convolution("one", "input", first, 0.1, padding=(4, 4)),
        relu("relu", "one"),
        convolution("two", "relu", second, 0.1, dilation=3),
        relu("relu_2", "two"),
        conv(rng, "three", "relu_2", 3, 8),
    )
    one, two, three = (found.measured for found in measure_fields(measurable(graph)))
    assert (one.start, one.end) == (2, 8)
    assert (two.start, two.end) == (2, 21 - 1 - 3)
    assert (three.start, three.end) == (2, 23 - 1 - 3)
    assert one.reason == "the outermost weights are zero in 'one'"
    assert two.reason == three.reason == "the outermost weights are zero in 'one', 'two'"
    assert live_field(graph, "three") == ((2, 19), ["one", "two"])


def test_effects_below_float32_are_told_from_dead_ones() -> None:
    """Each layer weakens its outer taps 1,000-fold: after three, nothing is left in 24 bits."""
    rng = np.random.default_rng(5)
    nodes: list[Node] = [sequence_input()]
    for index in range(4):
        kernel = rng.normal(size=(3, 4, 4))
        kernel[[0, 2]] *= 1e-3
        nodes.append(convolution(f"c{index}", nodes[-1].name, kernel, 1.0, padding=(1, 1)))
    *above, deep = (found.measured for found in measure_fields(measurable(chain(*nodes))))
    assert [field.reason for field in above[:2]] == [None, None]
    assert 1 <= deep.start < deep.end <= 8
    assert deep.reason is not None
    assert deep.reason.startswith("further out a base changes the values by less than float32")
    assert "(amplified 1e12-fold and derivative: to the ends)" in deep.reason


def test_gated_ends_are_not_blamed_on_rounding() -> None:
    """The outer tap acts only through a rectifier that no one-hot input opens."""
    kernel = np.zeros((5, 4, 2))
    kernel[2, :, 0] = [1, 2, 3, 4]
    kernel[0, :, 1] = [1, 2, 3, 4]
    graph = chain(
        sequence_input(),
        convolution("one", "input", kernel, np.array([0.0, -100.0])),
        relu("relu", "one"),
        convolution("two", "relu", np.ones((1, 2, 1))),
    )
    one, two = (found.measured for found in measure_fields(measurable(graph)))
    assert (one.start, one.end) == (0, 3)
    assert one.reason == "the outermost weights are zero in 'one'"
    assert (two.start, two.end) == (2, 3)
    gate = "further out single bases did not get through rectifiers and pools"
    assert gate in str(two.reason)
    assert str(two.reason).endswith("(amplified 1e12-fold: to the ends)")


def test_dead_layers_and_dead_paths_say_so() -> None:
    rng = np.random.default_rng(6)
    kernel = np.zeros((5, 8, 3))
    kernel[2] = 1
    kernel[0, 7] = 1
    first = rng.normal(size=(3, 4, 8))
    first[:, :, 7] = 0
    graph = chain(
        sequence_input(),
        convolution("one", "input", first),
        convolution("two", "one", kernel),
        convolution("three", "two", np.zeros((3, 3, 2)), 1.0),
    )
    one, two, three = measure_fields(measurable(graph))
    assert one.measured == MeasuredField(0, 3)
    assert (two.measured.start, two.measured.end) == (2, 5)
    # The last taps are all zero; the first read a filter that is.
    assert str(two.measured.reason).startswith("the outermost weights are zero in 'two'; nothing")
    assert three.measured == MeasuredField(0, 0, "no substitution changes any of its values")
    assert three.effective is None
    reasons = shortened([one, two, three])
    assert [numbers for numbers, _ in reasons] == [[2], [3]]


def test_fields_wider_than_the_sequence_are_measured_inside_it() -> None:
    rng = np.random.default_rng(7)
    graph = chain(
        sequence_input(),
        conv(rng, "one", "input", 11, 4, padding=(5, 5)),
        conv(rng, "two", "one", 11, 8, dilation=9, padding=(45, 45)),
    )
    model = measurable(graph, 40)
    found = measure_fields(model)[1]
    # Output 0 sees the offsets from 50 on, output 39 those up to 50.
    assert found.layer.receptive_field == 101
    assert (found.measured.start, found.measured.end) == (11, 90)
    assert found.measured.reason == "the sequence of 40 bp ends inside the field"


@pytest.mark.parametrize("padding", [(15, 0), (0, 15)])
@pytest.mark.parametrize("mode", ["reflect", "symmetric"])
def test_reflected_positions_at_the_ends_are_no_wider_field(
    padding: tuple[int, int], mode: str
) -> None:
    # Outer outputs read nothing but what is reflected, from anywhere in the sequence.
    rng = np.random.default_rng(12)
    graph = chain(
        sequence_input(),
        Pad(name="pad", inputs=("input",), source="pad", padding=padding, mode=mode),
        conv(rng, "one", "pad", 3, 4),
        conv(rng, "two", "one", 3, 8, dilation=2),
    )
    model = measurable(graph, 16)
    assert [found.measured for found in measure_fields(model)] == whole(model)


def with_wider_kernel(graph: Graph, name: str, left: int) -> Graph:
    """Return the network as it is in truth: one kernel has another tap at an end."""
    rng = np.random.default_rng(8)
    nodes = []
    for node in graph:
        if node.name == name:
            extra = rng.normal(size=(1, *node.kernel.shape[1:])).astype(np.float32)
            ends = [extra, node.kernel] if left else [node.kernel, extra]
            before, after = node.padding
            node = dataclasses.replace(
                node,
                kernel=np.concatenate(ends),
                padding=(before + left, after + 1 - left),
            )
        nodes.append(node)
    return Graph(nodes=tuple(nodes), outputs=graph.outputs)


@pytest.mark.parametrize("name", ["one", "two", "three"])
@pytest.mark.parametrize("left", [0, 1])
def test_a_field_computed_too_small_is_a_fidelity_error(name: str, left: int) -> None:
    graph = pooled_stack(np.random.default_rng(0))
    model = measurable(graph, truth=with_wider_kernel(graph, name, left))
    with pytest.raises(FidelityError, match=f"'{name}'.*computed receptive field there is"):
        measure_fields(model)


def test_a_wrong_table_of_layers_is_a_fidelity_error() -> None:
    model = measurable(pooled_stack(np.random.default_rng(0)))
    first, *others = model.layers
    shifted = dataclasses.replace(first, start=first.start + 1)
    with pytest.raises(FidelityError, match=r"layer 1 \('one'\): the input position"):
        measure_fields(dataclasses.replace(model, layers=(shifted, *others)))


def test_rounding_that_leaks_between_outputs_is_no_effect() -> None:
    """A runtime whose last digits vary everywhere: neither an error nor a wider field."""
    rng = np.random.default_rng(9)
    kernel = rng.normal(size=(9, 4, 6))
    kernel[:3] = 0
    graph = chain(sequence_input(), convolution("one", "input", kernel, padding=(4, 4)))
    (found,) = measure_fields(measurable(graph, noise=1e-7))
    assert (found.measured.start, found.measured.end) == (3, 9)


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_sites_serve_every_end_that_can_be_served(data: st.DataObject) -> None:
    length = data.draw(st.integers(5, 60))
    positions = st.lists(st.integers(-20, 80), min_size=1, max_size=12, unique=True)
    targets = [np.array(row) for row in data.draw(st.lists(positions, min_size=1, max_size=6))]
    chosen = choose_sites(
        targets, length, np.random.default_rng(0), spread=data.draw(st.booleans())
    )
    assert all(0 <= site < length for site in chosen)
    for target in targets:
        servable = target[(target >= 0) & (target < length)]
        assert not len(servable) or set(chosen) & set(servable.tolist())


# --- gradients -----------------------------------------------------------------------------


def every_operation(rng: np.random.Generator) -> Graph:
    """One network with every local operation that has a derivative."""
    functions = ("leaky_relu", "elu", "gelu", "sigmoid", "tanh", "softmax", "silu")
    nodes: list[Node] = [sequence_input(), conv(rng, "one", "input", 5, 4, padding=(2, 2))]
    branches = []
    for function in functions:
        nodes.append(
            Activation(name=function, inputs=("one",), source="", function=function, alpha=0.3)
        )
        branches.append(function)

    def add(node_type: type[Node], *reads: str, **rest: object) -> str:
        name = f"{node_type.__name__}_{len(nodes)}"
        nodes.append(node_type(name=name, inputs=reads, source=name, **rest))
        return name

    steady = add(Constant, value=rng.normal(size=8).astype(np.float32))
    total = add(Add, *branches[:4], steady)
    product = add(Multiply, *branches[4:], steady)
    larger = add(Maximum, total, product, "gelu")
    joined = add(Concatenate, larger, product)
    swapped = add(Take, joined, channels=np.array([3, 1, 14, 7, 2, 2, 9, 11]))
    normed = add(
        LayerNormalization,
        swapped,
        epsilon=1e-3,
        scale=rng.normal(size=8).astype(np.float32),
        shift=rng.normal(size=8).astype(np.float32),
    )
    rms = add(
        LayerNormalization,
        normed,
        epsilon=1e-3,
        scale=rng.normal(size=8).astype(np.float32),
        shift=np.zeros(8, np.float32),
        centred=False,
    )
    backward = add(Reverse, rms, length=40)
    cut = add(Pad, backward, padding=(2, -1), value=0.7)
    pooled = add(Pool, cut, kind="max", size=3, stride=2, padding=(1, 0))
    mean = add(Pool, pooled, kind="average", size=2, stride=1, padding=(0, 1))
    apart = add(Pool, mean, kind="max", size=2, stride=1, dilation=2)
    nodes.append(conv(rng, "last", apart, 3, 8, padding=(1, 1), dilation=2))
    return chain(*nodes)


def test_tangents_are_the_derivatives_of_the_oracle() -> None:
    rng = np.random.default_rng(10)
    graph = every_operation(rng)
    x = rng.normal(size=(3, 40, 4))
    direction = rng.normal(size=x.shape)
    found = tangents(graph, x, direction, ["one", "last"])
    step = 1e-6
    above, below = (oracle(graph, x + sign * step * direction) for sign in (1, -1))
    for name, slope in found.items():
        expected = (above[name] - below[name]) / (2 * step)
        np.testing.assert_allclose(slope, expected, atol=2e-5 * np.abs(expected).max())


def test_linear_network_has_its_closed_form() -> None:
    """Without nonlinearities the gradient is the composed kernel, whatever the sequence."""
    rng = np.random.default_rng(11)
    first = rng.normal(size=(4, 4, 3))
    second = rng.normal(size=(3, 3, 2))
    graph = chain(
        sequence_input(),
        convolution("one", "input", first, 1.0, padding=(1, 2)),
        Pool(name="pool", inputs=("one",), source="pool", kind="average", size=2, stride=2),
        convolution("two", "pool", second, -1.0, padding=(1, 1)),
    )
    composed = np.zeros((9, 4, 2))
    for tap in range(3):
        for shift in range(2):
            place = 2 * tap + shift
            composed[place : place + 4] += first @ second[tap] / 2
    profiles = gradient_profiles(measurable(graph, 30))
    # A base in turn for every sequence: exact where all four had theirs equally often.
    np.testing.assert_allclose(profiles[1], np.abs(first).sum(axis=1).mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(profiles[2], np.abs(composed).sum(axis=1).mean(axis=1), rtol=1e-5)


@pytest.mark.parametrize("length", [40, 59, 200])
@pytest.mark.parametrize("crop", [False, True])
@pytest.mark.parametrize("backward", [False, True])
def test_linear_closed_form_wherever_outputs_are_few(
    length: int, crop: bool, backward: bool
) -> None:
    """Fields of 40 bp: one output to many, behind a crop, or at a length that is fixed."""
    rng = np.random.default_rng(13)
    kernel, second = rng.normal(size=(40, 4, 3)), rng.normal(size=(1, 3, 2))
    nodes: list[Node] = [sequence_input()]
    if backward:
        nodes.append(Reverse(name="reversed", inputs=("input",), source="", length=length))
    nodes.append(convolution("one", nodes[-1].name, kernel, padding=(9, 9)))
    cut = (-9, -9) if crop else (0, 0)
    nodes.append(Pad(name="crop", inputs=("one",), source="crop", padding=cut))
    nodes.append(convolution("two", "crop", second))
    profiles = gradient_profiles(measurable(chain(*nodes), length))
    step = -1 if backward else 1
    for number, weights in ((1, kernel), (2, kernel @ second[0])):
        expected = np.abs(weights).sum(axis=1).mean(axis=1)[::step]
        np.testing.assert_allclose(profiles[number], expected, rtol=1e-5)


@pytest.mark.parametrize("table", ["ACGT", ".TNGCA"])
def test_profiles_agree_with_gradients_of_the_trunk(table: str) -> None:
    """The other way round: reverse-mode gradients of single windows, many of them."""
    from neuroninterp.backend import value_and_gradient

    rng = np.random.default_rng(12)
    nodes = list(pooled_stack(rng))
    channels = len(table)
    nodes[0] = dataclasses.replace(nodes[0], channels=channels)
    nodes[1] = conv(rng, "one", "input", 7, channels, padding=(2, 2))
    graph = chain(*nodes)
    model = measurable(graph, alphabet=table, channels=channels, background=1.0)
    profile = gradient_profiles(model)[3]
    trunk = Trunk(graph, model.layer_nodes(3), model.layout.table)
    windows = rng.integers(0, 4, (600, trunk.receptive_field))
    encoded = encode(windows, model.layout.table)
    keras = import_keras()
    expected = np.zeros(trunk.receptive_field)
    for neuron in range(trunk.neurons):
        _, slopes = value_and_gradient(lambda at, k=neuron: trunk._exact(at)[:, 0, k], encoded)
        used = keras.ops.convert_to_numpy(slopes)[:, :, model.layout.channel_of_base]
        expected += np.abs(used).sum(axis=2).mean(axis=0) / trunk.neurons
    assert np.abs(profile - expected).max() < 0.25 * expected.max()
    ours, theirs = effective_field(profile), effective_field(expected)
    assert ours is not None
    assert theirs is not None
    assert abs(ours.start - theirs.start) <= 4
    assert abs(ours.end - theirs.end) <= 4


def test_effective_field_on_the_users_sequences() -> None:
    """Half of the kernel acts only behind a T: random sequences have one, poly-A has none."""
    kernel = np.zeros((8, 4, 2))
    kernel[0, 3, 0] = 10.0
    kernel[2:6, :, 0] = 1.0
    kernel[6, :, 1] = 5.0
    graph = chain(
        sequence_input(),
        convolution("gate", "input", kernel, np.array([-8.0, 0.0])),
        relu("relu", "gate"),
        convolution("sum", "relu", np.ones((1, 2, 1))),
    )
    model = measurable(graph, 60)
    codes = np.zeros((5, 60), np.uint8)
    found = measure_fields(model, codes)[1]
    assert found.effective is not None
    assert found.effective.start < 6
    assert found.effective_data == EffectiveField(6, 7)
    short = measure_fields(model, codes[:, :7])
    assert [fields.effective_data for fields in short] == [None, None]


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=14).filter(any),
    st.sampled_from([0.3, 0.5, 0.95, 1.0]),
)
def test_effective_field_is_the_shortest_window(profile: list[int], share: float) -> None:
    found = effective_field(np.array(profile, float), share)
    assert found is not None
    wanted = share * sum(profile) - 1e-9
    holding = [
        (end - start, start)
        for start in range(len(profile))
        for end in range(start + 1, len(profile) + 1)
        if sum(profile[start:end]) >= wanted
    ]
    assert found.size == min(holding)[0]
    assert sum(profile[found.start : found.end]) >= wanted


def test_nothing_depends_on_anything_but_the_seed() -> None:
    model = measurable(pooled_stack(np.random.default_rng(0)))
    assert measure_fields(model, seed=1) == measure_fields(model, seed=1)
