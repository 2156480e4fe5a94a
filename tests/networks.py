"""Small networks with known weights, as canonical graphs wrapped in a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neuroninterp.fields import layer_table
from neuroninterp.graph import (
    Activation,
    Affine,
    Convolution,
    Graph,
    Input,
    Node,
    Pool,
    Reverse,
    Take,
    find_layers,
)
from neuroninterp.models import InputLayout, Model


class NoRuntime:
    """These networks have no file; nothing may ask the file's runtime."""

    device = "cpu"

    def predict(self, inputs: np.ndarray, *, batch_size: int) -> list[np.ndarray]:
        raise AssertionError("a network without a file cannot predict")

    def tap(self, inputs: np.ndarray, taps: object) -> list[np.ndarray]:
        raise AssertionError("a network without a file cannot be tapped")


def chain(*nodes: Node) -> Graph:
    return Graph(nodes=nodes, outputs=(nodes[-1].name,))


def sequence_input() -> Input:
    return Input(name="input", inputs=(), source="input")


def convolution(
    name: str, reads: str, kernel: np.ndarray, bias: object = 0.0, **rest
) -> Convolution:
    kernel = np.asarray(kernel, np.float32)
    return Convolution(
        name=name,
        inputs=(reads,),
        source=name,
        kernel=kernel,
        bias=np.broadcast_to(np.asarray(bias, np.float32), kernel.shape[2:]).copy(),
        **rest,
    )


def relu(name: str, reads: str) -> Activation:
    return Activation(name=name, inputs=(reads,), source=name, function="relu")


def max_pool(name: str, reads: str, size: int, stride: int | None = None) -> Pool:
    return Pool(
        name=name, inputs=(reads,), source=name, kind="max", size=size, stride=stride or size
    )


def affine(name: str, reads: str, scale: np.ndarray, shift: np.ndarray) -> Affine:
    return Affine(
        name=name,
        inputs=(reads,),
        source=name,
        scale=np.asarray(scale, np.float32),
        shift=np.asarray(shift, np.float32),
    )


def reverse_complement(name: str, reads: str, length: int) -> list[Node]:
    """Nodes that read the other strand of one-hot sequences of a length."""
    return [
        Reverse(name=f"{name}/flip", inputs=(reads,), source="flip", length=length),
        Take(
            name=name,
            inputs=(f"{name}/flip",),
            source="complement",
            channels=np.array([3, 2, 1, 0]),
            length=length,
        ),
    ]


def model_of(graph: Graph, length: int = 200) -> Model:
    return Model(
        path=Path("network"),
        format="none",
        graph=graph,
        layout=InputLayout("input", (None, length, 4), "NLC", length),
        runtime=NoRuntime(),
        layers=layer_table(graph),
        blocked=(),
        fidelity=0.0,
        _nodes=find_layers(graph),
    )


def two_layers(rng: np.random.Generator, *, first: int = 6, width: int = 3, pool: int = 2) -> Graph:
    """A random network conv-relu-pool-conv-relu whose neurons are active now and then."""
    return chain(
        sequence_input(),
        convolution(
            "conv_1", "input", rng.normal(size=(width, 4, first)), rng.normal(size=first) * 0.3
        ),
        relu("relu_1", "conv_1"),
        max_pool("pool_1", "relu_1", pool),
        convolution("conv_2", "pool_1", rng.normal(size=(3, first, 5)) / 2, -1.5),
        relu("relu_2", "conv_2"),
    )
