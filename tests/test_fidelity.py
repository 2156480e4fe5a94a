"""The fidelity check against runtimes that differ from the graph in a known way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from networks import chain, convolution, relu, sequence_input

from neuroninterp.errors import FidelityError
from neuroninterp.graph import Activation, Convolution, Graph, Node, find_layers
from neuroninterp.graph.evaluate import evaluate
from neuroninterp.models.fidelity import TOLERANCE, check_fidelity
from neuroninterp.models.layout import InputLayout
from neuroninterp.models.runtime import ReadModel, Tap


@dataclass
class OtherGraph:
    """A runtime that computes a graph of its own; remembers the inputs it was given."""

    graph: Graph
    device: str = "cpu"
    given: list[tuple[int, ...]] = field(default_factory=list)

    def predict(self, inputs: np.ndarray, *, batch_size: int) -> list[np.ndarray]:
        raise AssertionError("the check compares layers, not predictions")

    def tap(self, inputs: np.ndarray, taps: Sequence[Tap]) -> list[np.ndarray]:
        self.given.append(inputs.shape)
        return [np.asarray(x) for x in evaluate(self.graph, inputs, [t.tensor for t in taps])]


def check(ours: Graph, theirs: Graph, *, axes: str = "NLC") -> float:
    layers, length = find_layers(ours), 200
    taps = {node.name: Tap(node.name, axes) for node in ours}
    layout = InputLayout("input", (None, length, 4), "NLC", length)
    return check_fidelity(ReadModel("none", ours, layout, OtherGraph(theirs), taps), layers, length)


def with_kernel(graph: Graph, name: str, change: np.ndarray | float) -> Graph:
    """Return the graph with a kernel multiplied entry by entry."""
    nodes = []
    for node in graph:
        if isinstance(node, Convolution) and node.name == name:
            node = replace(node, kernel=(node.kernel * change).astype(np.float32))
        nodes.append(node)
    return Graph(tuple(nodes), graph.outputs)


def one_weight(shape: tuple[int, ...], factor: float) -> np.ndarray:
    change = np.ones(shape)
    change[0, 1, 2] = factor
    return change


def rounding_network(depth: int = 3, *, step: float = 1 / 64) -> Graph:
    """Convolutions with a rounding to steps after each."""
    rng = np.random.default_rng(0)
    nodes: list[Node] = [sequence_input()]
    for number in range(1, depth + 1):
        channels = 4 if number == 1 else 16
        kernel = rng.normal(size=(7, channels, 16)) * np.sqrt(2 / (7 * channels))
        nodes.append(convolution(f"conv_{number}", nodes[-1].name, kernel, 0.1))
        nodes.append(
            Activation(
                name=f"round_{number}",
                inputs=(f"conv_{number}",),
                source=f"round_{number}",
                function="quantize",
                alpha=step,
                bounds=(0.0, 255 * step),
            )
        )
    return chain(*nodes)


def nudged(graph: Graph, relative: float) -> Graph:
    """Change every weight by about this much."""
    rng = np.random.default_rng(1)
    for node in graph:
        if isinstance(node, Convolution):
            change = 1 + relative * rng.normal(size=node.kernel.shape)
            graph = with_kernel(graph, node.name, change)
    return graph


def test_a_value_on_a_rounding_boundary_may_fall_to_either_side() -> None:
    """Steps that differ here and there, more in each layer, where all weights are right."""
    network = rounding_network(6)
    other = nudged(network, 1e-5)
    sequences = np.eye(4, dtype=np.float32)[np.random.default_rng(2).integers(0, 4, (4, 200))]
    mine, theirs = (np.asarray(evaluate(g, sequences, ["conv_6"])[0]) for g in (network, other))
    assert np.mean(np.abs(mine - theirs) > TOLERANCE * np.abs(theirs).max()) > 0.01
    assert check(network, other) <= TOLERANCE


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_wrong_weight_is_found_on_either_side_of_a_rounding(number: int) -> None:
    network = rounding_network()
    shape = (7, 4 if number == 1 else 16, 16)
    wrong = with_kernel(network, f"conv_{number}", one_weight(shape, 1.01))
    with pytest.raises(FidelityError, match=f"layer {number} .* diverges"):
        check(network, wrong)


@pytest.mark.parametrize("factor", [0.95, 1.05, 2.0, 0.5])
def test_a_wrong_step_is_found(factor: float) -> None:
    """Finer, coarser, twice, and half the right one."""
    with pytest.raises(FidelityError, match=r"rounding 'round_1' .* differs"):
        check(rounding_network(), rounding_network(step=factor / 64))


def test_a_layer_that_is_silent_on_sequences_is_woken_up() -> None:
    """Its kernel cannot be seen behind a ReLU that no sequence passes."""
    rng = np.random.default_rng(2)
    network = chain(
        sequence_input(),
        convolution("conv_1", "input", rng.normal(size=(3, 4, 5)), -20.0),
        relu("relu", "conv_1"),
        convolution("conv_2", "relu", rng.normal(size=(3, 5, 4)), 0.5),
    )
    assert check(network, network) == 0.0
    wrong = with_kernel(network, "conv_2", one_weight((3, 5, 4), 1.5))
    with pytest.raises(FidelityError, match="layer 2"):
        check(network, wrong)


def test_layers_of_zeros() -> None:
    nothing = chain(sequence_input(), convolution("conv_1", "input", np.zeros((3, 4, 2))))
    assert check(nothing, nothing) == 0.0
    tiny = chain(sequence_input(), convolution("conv_1", "input", np.full((3, 4, 2), 1e-20)))
    for ours, theirs in ((nothing, tiny), (tiny, nothing)):
        with pytest.raises(FidelityError, match="layer 1"):
            check(ours, theirs)


def test_what_is_no_number_is_an_error_whoever_computes_it() -> None:
    rng = np.random.default_rng(3)
    network = chain(sequence_input(), convolution("conv_1", "input", rng.normal(size=(3, 4, 2))))
    for damage in (np.nan, np.inf):
        broken = with_kernel(network, "conv_1", one_weight((3, 4, 3), damage)[:, :, 1:])
        with pytest.raises(FidelityError, match="runtime gives on random sequences are not finite"):
            check(network, broken)
        with pytest.raises(FidelityError, match=r"layer 1 .* diverges"):
            check(broken, network)


def test_tensors_that_do_not_fit_are_errors_in_one_line() -> None:
    rng = np.random.default_rng(4)
    kernel = rng.normal(size=(3, 4, 2))
    valid = chain(sequence_input(), convolution("conv_1", "input", kernel))
    same = chain(sequence_input(), convolution("conv_1", "input", kernel, padding=(1, 1)))
    with pytest.raises(FidelityError, match=r"shape \(4, 198, 2\).*runtime \(4, 200, 2\)"):
        check(valid, same)
    with pytest.raises(FidelityError, match=r"shape \(4, 198, 2\), which is not laid out NC1L"):
        check(valid, valid, axes="NC1L")
    possible, impossible = (
        chain(
            sequence_input(),
            convolution("conv_1", "input", kernel),
            convolution("conv_2", "conv_1", rng.normal(size=(3, channels, 2))),
        )
        for channels in (2, 3)
    )
    with pytest.raises(FidelityError, match="cannot be computed on sequences of 200 bp"):
        check(impossible, possible)


@pytest.mark.parametrize(("length", "rows"), [(200, 4), (4_000, 4), (6_000, 2), (20_000, 1)])
def test_long_sequences_are_few(length: int, rows: int) -> None:
    network = chain(sequence_input(), convolution("conv_1", "input", np.ones((3, 4, 2))))
    runtime = OtherGraph(network)
    layout = InputLayout("input", (None, length, 4), "NLC", length)
    layers = find_layers(network)
    read = ReadModel("none", network, layout, runtime, {"conv_1": Tap("conv_1", "NLC")})
    check_fidelity(read, layers, length)
    assert runtime.given[0] == (rows, length, 4)
