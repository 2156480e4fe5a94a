"""Recomputing what an edit reaches gives what the whole network gives, for any graph."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from networks import chain, convolution, model_of, relu, sequence_input, two_layers
from oracle_graph import oracle
from test_attribution import random_codes
from test_fields import reverse_complement, stacks
from test_measurement import every_operation
from test_trunk_exactness import BUILDERS, saved

import neuroninterp as ni
from neuroninterp.attribution.edits import list_edits
from neuroninterp.attribution.explained import Explained
from neuroninterp.attribution.incremental import Incremental, incremental
from neuroninterp.attribution.reach import find_reach
from neuroninterp.attribution.target import Target
from neuroninterp.errors import FidelityError
from neuroninterp.fields import required_intervals
from neuroninterp.graph import Add, Dense, Flatten, GlobalPool, Graph, Multiply, Node, Pad, Pool


def check(graph: Graph, codes: np.ndarray, seed: int = 0, edits_looked_at: int = 60) -> None:
    """Compare edits everywhere with an independent evaluation of the edited sequences."""
    model = model_of(two_layers(np.random.default_rng(0)), codes.shape[1])
    explained = Explained(model, Target("number", graph, graph.outputs[0], 1), codes.shape[1])
    reach = find_reach(graph, graph.outputs[0], explained.shapes, codes.shape[1])
    assert reach is not None
    positions = explained.find_positions(codes)
    edits = list_edits(codes)
    rng = np.random.default_rng(seed)
    some = edits.some(np.sort(rng.choice(len(edits), edits_looked_at, replace=False)))
    values, edited = Incremental(explained, reach).values(codes, positions, some)

    def truth(sequences: np.ndarray, rows: np.ndarray) -> np.ndarray:
        tensor = oracle(graph, np.eye(5, 4)[sequences])[graph.outputs[0]]
        at = tensor if positions is None else tensor[np.arange(len(rows)), positions[rows]]
        return at[:, 1]

    expected = truth(some.apply(codes), some.rows)
    size = max(1.0, float(np.abs(expected).max()))
    assert np.abs(edited - expected).max() < 1e-5 * size
    assert np.abs(values - truth(codes, np.arange(len(codes)))).max() < 1e-5 * size


def head(graph: Graph, kind: str, rng: np.random.Generator, channels: int, length: int) -> Graph:
    """Add what often follows the convolutions: dense layers on flattened or pooled positions."""
    last = graph.outputs[0]
    shape = oracle(graph, np.zeros((1, length, 4)))[last].shape
    pooled = kind in ("max", "average")
    nodes: list[Node] = [*graph.nodes]
    if pooled:
        nodes.append(GlobalPool(name="global", inputs=(last,), source="", kind=kind))
    nodes.append(
        Flatten(
            name="flat",
            inputs=("global" if pooled else last,),
            source="",
            channels_first=kind == "channels first",
        )
    )
    features = channels if pooled else shape[1] * channels
    for name, reads, inputs, units in (("hidden", "flat", features, 5), ("out", "relu", 5, 2)):
        nodes.append(
            Dense(
                name=name,
                inputs=(reads,),
                source=name,
                kernel=(rng.normal(size=(inputs, units)) / np.sqrt(inputs)).astype(np.float32),
                bias=rng.normal(size=units).astype(np.float32),
            )
        )
        if name == "hidden":
            nodes.append(relu("relu", "hidden"))
    return chain(*nodes)


@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    # A network is slow to build; the first that fails says enough.
    phases=(Phase.explicit, Phase.generate),
)
@given(
    case=stacks(),
    kind=st.sampled_from(["none", "flat", "channels first", "max", "average"]),
)
def test_any_stack(case: tuple[Graph, int], kind: str) -> None:
    graph, seed = case
    _, last = required_intervals(graph, graph.outputs[0], 4)["input"]
    codes = random_codes(2, last + 9, seed)
    codes[1, :3] = codes[1, last // 2] = 4
    if kind != "none":
        graph = head(graph, kind, np.random.default_rng(seed), 3, codes.shape[1])
    check(graph, codes, seed)


def test_every_operation() -> None:
    check(every_operation(np.random.default_rng(10)), random_codes(2, 40))


def test_gates_and_both_strands() -> None:
    """A squeeze-and-excitation gate, spread along all positions, and a reversed branch."""
    rng = np.random.default_rng(3)
    nodes = [sequence_input(), *reverse_complement("rc", "input", 40)]
    for name, reads in (("forward", "input"), ("backward", nodes[-1].name)):
        nodes += [
            convolution(name, reads, rng.normal(size=(5, 4, 3)), padding=(2, 2)),
            relu(f"{name}_relu", name),
        ]
    nodes += [
        Add(name="sum", inputs=("forward_relu", "backward_relu"), source=""),
        GlobalPool(name="squeezed", inputs=("sum",), source="", kind="average"),
        convolution("excited", "squeezed", rng.normal(size=(1, 3, 3))),
        Multiply(name="gated", inputs=("sum", "excited"), source=""),
        Pool(
            name="pool", inputs=("gated",), source="", kind="average", size=4, stride=3,
            padding=(2, 1),
        ),
    ]  # fmt: skip
    graph = chain(*nodes)
    check(graph, random_codes(2, 40))
    check(head(graph, "flat", rng, 3, 40), random_codes(2, 40))


@pytest.mark.parametrize("name", ["basenji", "chrombpnet", "inception", "separable"])
def test_published_kinds_of_network(name: str, tmp_path) -> None:
    """Against the model's own runtime, base by base."""
    model = saved(BUILDERS[name](), tmp_path / "model.keras")
    codes = random_codes(1, model.length)
    rest: dict[str, Any] = {"layer": 3, "neuron": 1}
    found = ni.attribute(model, codes, "ism", **rest)
    assert found.notes == ()
    whole = by_runtime(model, codes, rest)
    assert np.abs(found.hypothetical - whole.hypothetical).max() < 1e-5
    assert np.abs(found.hypothetical).max() > 1e-3


def by_runtime(model: ni.Model, codes: np.ndarray, rest: dict[str, Any]) -> ni.Attribution:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("neuroninterp.attribution.mutagenesis.incremental", lambda *_: None)
        return ni.attribute(model, codes, "ism", **rest)


def test_a_wrong_part_is_noticed_and_not_used(monkeypatch) -> None:
    model = ni.load("zoo:cnn-25")
    codes = random_codes(2, 200)
    whole = by_runtime(model, codes, {"target": 3})

    def damaged(*arguments: Any) -> Any:
        made = incremental(*arguments)
        assert made is not None
        compute = made.values
        made.values = lambda *rest: [x + 2e-3 for x in compute(*rest)]
        return made

    monkeypatch.setattr("neuroninterp.attribution.mutagenesis.incremental", damaged)
    found = ni.attribute(model, codes, "ism", target=3)
    assert "is off by 0.00" in found.notes[0]
    assert np.array_equal(found.hypothetical, whole.hypothetical)


def test_a_graph_that_ends_otherwise_than_the_model_is_not_used() -> None:
    model = ni.load("zoo:cnn-25")
    codes = random_codes(2, 200)
    *nodes, dense, last = model.graph.nodes
    other = replace(dense, bias=dense.bias + np.float32(0.1))
    wrong = replace(model, graph=Graph((*nodes, other, last), model.graph.outputs))
    found = ni.attribute(wrong, codes, "ism", target=3)
    assert "own runtime" in found.notes[0]
    # Logits come from the probabilities then, which are coarser.
    right = by_runtime(model, codes, {"target": 3})
    assert np.abs(found.hypothetical - right.hypothetical).max() < 1e-4
    assert np.allclose(found.value, right.value, atol=1e-4)
    for method in ("saliency", "deeplift"):
        with pytest.raises(FidelityError, match=r"class 3, logit: the graph is off by"):
            ni.attribute(wrong, codes, method, target=3)


def test_positions_that_are_mixed_otherwise_are_not_followed() -> None:
    graph = chain(
        sequence_input(),
        Pad(name="pad", inputs=("input",), source="", padding=(3, 3), mode="reflect"),
        convolution("conv", "pad", np.ones((7, 4, 2))),
    )
    model = model_of(two_layers(np.random.default_rng(0)), 30)
    explained = Explained(model, Target("number", graph, "conv", 1), 30)
    assert incremental(explained, 30) is None
