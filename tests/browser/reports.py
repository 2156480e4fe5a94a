"""The reports that are opened: one made by hand, one of a bundled network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
from example_result import example_result

import neuroninterp as ni
from neuroninterp.report import render
from neuroninterp.results import AnalysisResult, NeuronResult
from zoo import weights_path

Place = tuple[int, int]
"""Layer and neuron."""


class Report(NamedTuple):
    """A run and its page."""

    result: AnalysisResult
    path: Path

    @property
    def neurons(self) -> list[NeuronResult]:
        """The neurons of all layers."""
        return [neuron for layer in self.result.layers for neuron in layer.neurons]

    @property
    def routes(self) -> list[str]:
        """The places of the page: the overview, each layer, each neuron."""
        layers = [f"#/layer/{layer.layer.number}" for layer in self.result.layers]
        return ["#/", *layers, *map(route_of, self.neurons)]


def route_of(neuron: NeuronResult) -> str:
    """Return where a neuron's page is."""
    return f"#/neuron/{neuron.layer}/{neuron.neuron}"


def example_report(folder: Path) -> Report:
    """Write the run made by hand, with a dead neuron and hostile names."""
    path = folder / "report.html"
    path.write_text(render(example_result()), encoding="utf-8")
    return Report(example_result(), path)


def zoo_report(folder: Path, *, neurons: Sequence[int], sequences: int, effort: str) -> Report:
    """Analyse some neurons of each layer of CNN-25 on some of the bundled data.

    Parameters
    ----------
    folder : Path
        Where to write.
    neurons : sequence of int
        Channels of each layer.
    sequences : int
        How many of the 5,000 bundled sequences.
    effort : str
        "quick", "standard" or "thorough".
    """
    weights = weights_path("cnn-25").parent
    with h5py.File(weights / "test.h5") as whole, h5py.File(folder / "test.h5", "w") as part:
        for key, values in whole.items():
            part[key] = values[:sequences]
    result = ni.analyze(
        weights / "cnn-25.onnx",
        data=folder / "test.h5",
        output=folder / "run",
        neurons=neurons,
        motifs="JASPAR2016",
        effort=effort,
        device="cpu",
    )
    return Report(result, folder / "run" / "report.html")
