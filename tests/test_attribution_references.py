"""DeepLIFT and integrated gradients: against numbers on paper, closed forms and completeness."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from networks import chain, convolution, model_of, relu, sequence_input, two_layers
from oracle_graph import oracle
from test_attribution import random_codes
from test_fields import stacks
from test_measurement import every_operation

import neuroninterp as ni
from neuroninterp.attribution import share_on_sites
from neuroninterp.attribution.deeplift import deeplift_function
from neuroninterp.attribution.differences import explain_differences
from neuroninterp.attribution.explained import Explained
from neuroninterp.attribution.references import REFERENCES, References
from neuroninterp.attribution.rules import Pair, pull_back
from neuroninterp.attribution.target import Target
from neuroninterp.backend import import_keras
from neuroninterp.errors import DataError, UnknownNameError
from neuroninterp.fields import required_intervals
from neuroninterp.graph import (
    Activation,
    Dense,
    Flatten,
    GlobalPool,
    Graph,
    Maximum,
    Multiply,
    Node,
    Pool,
)
from neuroninterp.graph.evaluate import compute_padded
from neuroninterp.sequences.coding import encode


def explain(graph: Graph, codes: np.ndarray, kind: str = "zero", channel: int = 0, **rest):
    """DeepLIFT of any node's largest value, without a model's file."""
    model = model_of(two_layers(np.random.default_rng(0)), codes.shape[1])
    target = Target("number", graph, graph.outputs[0], channel, **rest)
    explained = Explained(model, target, codes.shape[1])
    positions = explained.find_positions(codes)
    references = References(kind, 3, 0, codes, model.layout.table)
    function = deeplift_function(explained, references.count)
    found = explain_differences(explained, codes, positions, references, function)
    return found, positions, references


def perceptron(weights: list[float], bias: float, out_weight: float, out_bias: float) -> Graph:
    """out_weight * relu(weights[p] for every A at position p, + bias) + out_bias."""
    kernel = np.zeros((len(weights), 4, 1))
    kernel[:, 0, 0] = weights
    return chain(
        sequence_input(),
        convolution("conv", "input", kernel, bias),
        relu("relu", "conv"),
        Flatten(name="flat", inputs=("relu",), source="flat"),
        Dense(
            name="out",
            inputs=("flat",),
            source="out",
            kernel=np.array([[out_weight]], np.float32),
            bias=np.array([out_bias], np.float32),
        ),
    )


@pytest.mark.parametrize(
    ("sequence", "network", "scores"),
    [
        # Shrikumar et al. 2017, figure 1: y = 1 - relu(1 - i1 - i2) saturates; both inputs count.
        ("AA", perceptron([-1, -1], 1, -1, 1), [0.5, 0.5]),
        ("AC", perceptron([-1, -1], 1, -1, 1), [1.0, 0.0]),
        # Figure 2: y = relu(x - 10) has a threshold; nothing is given to the bias.
        ("AA", perceptron([5.5, 5.5], -10, 1, 0), [0.5, 0.5]),
        ("AC", perceptron([5.5, 5.5], -10, 1, 0), [0.0, 0.0]),
        ("AA", perceptron([9.0, 3.0], -10, 1, 0), [1.5, 0.5]),
    ],
)
def test_examples_of_the_paper(sequence, network, scores):
    found, _, _ = explain(network, encode([sequence]))
    here = np.take_along_axis(found.hypothetical, encode([sequence])[:, :, None].astype(int), 2)
    assert np.allclose(here[0, :, 0], scores, atol=1e-6)
    assert np.abs(found.gap).max() < 1e-6


def test_least_of_two_goes_to_the_smaller_one():
    """The paper's min(i1, i2) = i1 - relu(i1 - i2): by the rescale rule all to the smaller."""
    for inputs in ((3.0, 1.0), (1.0, 3.0)):
        both = np.zeros((2, 4, 2), np.float32)
        both[:, 0, 0] = inputs[0], -inputs[1]
        both[0, 0, 1] = inputs[0]
        nodes = [
            sequence_input(),
            convolution("both", "input", both),
            relu("relu", "both"),
            Flatten(name="flat", inputs=("relu",), source="flat"),
            Dense(
                name="out",
                inputs=("flat",),
                source="out",
                kernel=np.array([[-1.0], [1.0]], np.float32),
                bias=np.zeros(1, np.float32),
            ),
        ]
        found, _, _ = explain(chain(*nodes), encode(["AA"]))
        expected = [1.0 if i == min(inputs) else 0.0 for i in inputs]
        assert np.allclose(found.hypothetical[0, :, 0], expected, atol=1e-6)


def pooled(size: int, **rest: object) -> Pool:
    settings_ = {"kind": "max", "stride": size, **rest}
    return Pool(name="pool", inputs=("x",), source="pool", size=size, **settings_)


@pytest.mark.parametrize(
    ("node", "ours", "reference", "expected"),
    [
        # A maximum that rises, 3 to 4: to the winner of the sequence, (4 - 3) / (4 - 2).
        (pooled(2), [4, 1], [2, 3], [0.5, 0.0]),
        # One that falls, 5 to 3: to the winner of the reference, (3 - 5) / (1 - 5).
        (pooled(2), [3, 1], [2, 5], [0.0, 0.5]),
        # Two windows that overlap: 3 to 4 to the second entry in both, (4 - 3) / (4 - 1).
        (pooled(2, stride=1), [0, 4, 0], [3, 1, 3], [0.0, 2 / 3, 0.0]),
        # The padding wins nothing, though both entries are below 0.
        (pooled(2, padding=(1, 0), stride=2), [-1, -9], [-2, -9], [1.0, 0.0]),
        (GlobalPool(name="all", inputs=("x",), source="", kind="max"), [3, 1], [2, 5], [0.0, 0.5]),
        (
            GlobalPool(name="all", inputs=("x",), source="", kind="average"),
            [3, 1],
            [2, 5],
            [0.5, 0.5],
        ),
        # What does not change has the slope of a gradient.
        (Activation(name="a", inputs=("x",), source="", function="relu"), [2, -2], [2, -2], [1, 0]),
        (
            Activation(name="a", inputs=("x",), source="", function="tanh"),
            [1.0, 0.0],
            [-1.0, 2.0],
            [np.tanh(1), np.tanh(2) / 2],
        ),
    ],
)
def test_rules_on_paper(node: Node, ours, reference, expected):
    read = pair(*(np.reshape(side, (1, -1, 1)) for side in (ours, reference)))
    written = pair(*(compute_padded(node, [side]) for side in (read.ours, read.reference)))
    (found,) = pull_back(node, [read], written, import_keras().ops.ones_like(written.ours))
    assert np.allclose(np.asarray(found)[0, :, 0], expected, atol=1e-6)


def pair(ours: object, reference: object) -> Pair:
    return Pair(*(import_keras().ops.convert_to_tensor(x, "float32") for x in (ours, reference)))


def test_products_and_maxima_of_tensors_on_paper():
    a, b = pair([[[3]]], [[[1]]]), pair([[[2]]], [[[4]]])
    one = import_keras().ops.ones((1, 1, 1))
    product = Multiply(name="p", inputs=("a", "b"), source="")
    found = pull_back(product, [a, b], pair([[[6]]], [[[4]]]), one)
    # 6 - 4 = 3 * (3 - 1) + 2 * (2 - 4): each times the mean of the other.
    assert [float(x[0, 0, 0]) for x in found] == [3, 2]
    largest = Maximum(name="m", inputs=("a", "b"), source="")
    found = pull_back(largest, [a, b], pair([[[3]]], [[[4]]]), one)
    # It falls from 4 (of b) to 3: to b, (3 - 4) / (2 - 4).
    assert [float(x[0, 0, 0]) for x in found] == [0, 0.5]


def check_complete(graph: Graph, codes: np.ndarray, kind: str) -> None:
    """The scores add up to the difference that an independent evaluation finds."""
    found, positions, references = explain(graph, codes, kind, channel=1)
    ours = oracle(graph, np.eye(5, 4)[codes])[graph.outputs[0]]
    theirs = oracle(graph, references.of(codes))[graph.outputs[0]]
    at = np.arange(len(codes)), positions, 1
    of_references = theirs.reshape(len(codes), -1, *theirs.shape[1:])
    expected = ours[at] - of_references[at[0], :, positions, 1].mean(axis=1)
    known = np.where(codes < 4, codes, 0).astype(int)
    here = np.take_along_axis(found.hypothetical, known[:, :, None], 2)[:, :, 0]
    total = np.where(codes < 4, here, 0).sum(axis=1, dtype=np.float64)
    size = np.abs(np.concatenate([ours[at], theirs.ravel()])).max() + np.abs(here).sum()
    assert np.abs(total - expected).max() < 2e-5 * size
    assert np.allclose(found.value - found.reference_value, expected, atol=2e-5 * size)


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    # A network is slow to build; the first that fails says enough.
    phases=(Phase.explicit, Phase.generate),
)
@given(stacks())
def test_scores_of_any_stack_are_complete(case):
    graph, seed = case
    # Long enough for four positions of the last tensor.
    _, last = required_intervals(graph, graph.outputs[0], 3)["input"]
    codes = random_codes(2, last + 9, seed)
    codes[1, :7] = codes[1, last // 2] = 4
    check_complete(graph, codes, REFERENCES[seed % len(REFERENCES)])


def test_scores_through_every_operation_are_complete():
    graph = every_operation(np.random.default_rng(10))
    for kind in ("shuffled", "zero"):
        check_complete(graph, random_codes(3, 40), kind)


@pytest.mark.parametrize("name", ["cnn-25", "cnn-50-2", "toy-2"])
def test_scores_of_the_zoo_are_complete(name):
    model = ni.load(f"zoo:{name}")
    codes = random_codes(6, model.length)
    for reference, scale in (("shuffled", "logit"), ("zero", "logit"), ("gc", "output")):
        found = ni.attribute(model, codes, target=0, reference=reference, references=4, scale=scale)
        assert (found.relative_gap < 0.01).all()
        assert np.abs(found.gap).max() < 1e-4
        total = found.scores.sum(axis=1) - (found.value - found.reference_value)
        assert np.allclose(total, found.gap, atol=1e-5)


def test_batches_do_not_change_scores(monkeypatch):
    model = ni.load("zoo:cnn-25")
    codes = random_codes(5, 200)
    whole = ni.attribute(model, codes, target=3, references=3)
    monkeypatch.setattr("neuroninterp.attribution.explained._BATCH_ENTRIES", 2**18)
    few = ni.attribute(model, codes, target=3, references=3)
    assert np.allclose(whole.hypothetical, few.hypothetical, atol=1e-6)
    one = ni.attribute(model, codes[3:4], target=3, references=3)
    assert np.allclose(whole.hypothetical[3:4], one.hypothetical, atol=1e-6)
    other = ni.attribute(model, codes[3:4], target=3, references=3, seed=1)
    assert not np.allclose(one.hypothetical, other.hypothetical, atol=1e-3)


def test_a_neuron_is_explained_by_its_field_alone():
    model = ni.load("zoo:cnn-25")
    codes = random_codes(3, 200)
    found = ni.attribute(model, codes, layer=1, neuron=4, reference="gc")
    for row, at in enumerate(found.positions):
        outside = np.ones(200, bool)
        outside[max(at - 9, 0) : at + 10] = False
        assert (found.hypothetical[row, outside] == 0).all()
    assert (found.relative_gap < 1e-4).all()


def test_behind_one_step_of_a_sigmoid_both_methods_agree():
    """One nonlinearity of a sum: rescale rule and integrated gradients have one closed form."""
    kernel = np.random.default_rng(2).normal(size=(6, 4, 1)).astype(np.float32)
    squashed = Activation(name="out", inputs=("conv",), source="", function="sigmoid")
    graph = chain(sequence_input(), convolution("conv", "input", kernel, 0.3), squashed)
    codes = random_codes(4, 6)
    found, _, references = explain(graph, codes, "gc")
    z = (kernel[None, :, :, 0] * np.eye(4)[codes]).sum(axis=(1, 2)) + 0.3
    z_reference = (kernel[None, :, :, 0] * references.of(codes)).sum(axis=(1, 2)) + 0.3
    y, y_reference = (1 / (1 + np.exp(-number)) for number in (z, z_reference))
    slope = (y - y_reference) / (z - z_reference)
    compared = np.eye(4)[None, None] - references.of(codes)[:, :, None]
    expected = slope[:, None, None] * (compared * kernel[None, :, None, :, 0]).sum(axis=3)
    assert np.allclose(found.hypothetical, expected, atol=1e-5)


def test_integrated_gradients_come_closer_with_more_steps():
    model = ni.load("zoo:toy-2")
    codes = random_codes(4, model.length)
    gaps = []
    for steps in (2, 20, 200):
        found = ni.attribute(model, codes, "integrated-gradients", reference="gc", steps=steps)
        gaps.append(float(np.abs(found.gap).mean()))
    assert gaps[0] > 5 * gaps[1] > 5 * gaps[2]
    assert gaps[2] < 0.01 * np.abs(found.value - found.reference_value).mean()
    poor = ni.attribute(model, codes, "integrated-gradients", reference="gc", steps=1)
    assert any("completeness gap" in note for note in poor.notes)
    assert not any("gap" in note for note in found.notes)


def test_shuffles_keep_dinucleotides_and_unknown_bases():
    codes = random_codes(3, 80)
    codes[1, 20:30] = 4
    table = np.eye(5, 4, dtype=np.float32)
    made = References("shuffled", 6, 0, codes, table).of(codes).reshape(3, 6, 80, 4)
    assert (made[1, :, 20:30] == 0).all()
    again = References("shuffled", 6, 0, codes[2:], table).of(codes[2:])
    assert np.array_equal(made[2], again)
    for row in range(3):
        for stretch in (slice(0, 20), slice(30, 80)) if row == 1 else (slice(0, 80),):
            pairs = Counter(zip(codes[row, stretch][:-1], codes[row, stretch][1:], strict=True))
            shuffles = made[row, :, stretch].argmax(axis=2)
            assert len({tuple(shuffle) for shuffle in shuffles}) > 4
            for shuffle in shuffles:
                assert Counter(itertools.pairwise(shuffle)) == pairs


def test_compositions_of_references():
    codes = encode(["GGCCAATTCN", "AAAAAAAAAA"])
    # A file with an extra channel held at 7 and one for unknown bases, T and A swapped.
    table = np.zeros((5, 6), np.float32)
    table[[0, 1, 2, 3, 4], [3, 1, 2, 0, 4]] = 1
    table[:, 5] = 7
    expected = {
        "gc": [[2 / 9, 5 / 18, 5 / 18, 2 / 9, 0, 7], [0.5, 0, 0, 0.5, 0, 7]],
        "average": [[2 / 19, 3 / 19, 2 / 19, 12 / 19, 0, 7]] * 2,
        "uniform": [[0.25, 0.25, 0.25, 0.25, 0, 7]] * 2,
        "zero": [[0, 0, 0, 0, 0, 7]] * 2,
    }
    for kind, rows in expected.items():
        made = References(kind, 5, 0, codes, table).of(codes)
        assert made.shape == (2, 10, 6)
        assert np.allclose(made[:, :9], np.array(rows)[:, None], atol=1e-6)
        assert np.array_equal(made[0, 9], table[4])
    with pytest.raises(UnknownNameError, match="unknown reference 'blank'"):
        References("blank", 1, 0, codes, table)
    with pytest.raises(DataError, match="at least 1"):
        References("shuffled", 0, 0, codes, table)


def test_share_on_sites_is_that_of_the_positive_scores():
    scores = np.array([[1.0, 3, -5, 4], [-1, -2, 0, -3], [2, 2, 0, 0]])
    sites = np.array([[True, True, True, False], [True] * 4, [False, False, True, True]])
    shares = share_on_sites(scores, sites)
    assert shares[0] == 0.5
    assert np.isnan(shares[1])
    assert shares[2] == 0
    assert list(share_on_sites(scores, sites, above=0.5)[[0, 2]]) == [3 / 7, 0]
    with pytest.raises(DataError, match="sites of shape"):
        share_on_sites(scores, sites[:2])


def test_sum_of_planted_letters_is_found_where_it_was_planted():
    """A network that is one motif's scanner: all that is positive lies on the planted motif."""
    motif = encode(["TGACTCAG"])[0]
    kernel = np.where(np.arange(4) == motif[:, None], 1.0, -1.0)[:, :, None]
    nodes = [
        sequence_input(),
        convolution("conv", "input", kernel, -5.5),
        relu("relu", "conv"),
        GlobalPool(name="all", inputs=("relu",), source="", kind="max"),
        Flatten(name="out", inputs=("all",), source=""),
    ]
    codes = random_codes(20, 60, 5)
    sites = np.zeros(codes.shape, bool)
    for row, start in enumerate(np.random.default_rng(6).integers(0, 52, 20)):
        codes[row, start : start + 8] = motif
        sites[row, start : start + 8] = True
    found, _, _ = explain(chain(*nodes), codes, "shuffled")
    here = np.take_along_axis(found.hypothetical, codes[:, :, None].astype(int), 2)[:, :, 0]
    assert (share_on_sites(here, sites) > 0.95).all()
    assert (here.sum(axis=1) > 1.5).all()
