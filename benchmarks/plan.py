"""What is measured of each network, and in which process: the benchmark's running order."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.environment import environment
from benchmarks.measure import (
    grow_with_neurons,
    measure_layer,
    measure_sampler,
    result_bytes,
    throughput,
)
from benchmarks.networks import NETWORKS, loaded
from benchmarks.truth import errors
from neuroninterp.models import Model

__all__ = ["Settings", "measure_apart", "measure_network", "merged"]

ROOT = Path(__file__).parents[1]
RECORDS = ("layers", "sampled", "growth", "fields", "batches", "sizes")

_NEURONS_AT_ONCE = (1, 8, 64)
_GROWTH_LAYERS = {"cnn-2": (2,), "bd-10": (3,)}
"""Layers in which the number of neurons sampled at once is varied."""
_FIELD_LAYERS = {"bd-10": tuple(range(1, 11))}
"""Layers of one network that say how cost grows with the field."""
_NEURONS_PER_FIELD = 2
_SAMPLER_LAYERS = {"toy-2": (2,), "cnn-25": (1,), "cnn-2": (1,)}
"""Layers that are exact in practice, and sampled only to see how far from the truth that is."""
_BATCHES = (64, 256, 1024, 4096)
_BATCH_LAYERS = {"cnn-2": (2,), "bd-10": (2, 6, 10)}


@dataclass(frozen=True)
class Settings:
    """What the user chose.

    Parameters
    ----------
    networks : tuple of str
        Names in :data:`benchmarks.networks.NETWORKS`.
    layers : tuple of int or None
        Layer numbers; None for each network's own choice.
    neurons : int, "all" or None
        Neurons in each layer; None for each network's own choice.
    effort : str
        Effort of the sampler.
    seed : int
        Of the sampling.
    growth : bool
        Whether to vary number of neurons, field and batch size too, and to sample what is
        exact in practice.
    sizes : bool
        Whether to measure the size of the results.
    device : str
        "auto", "cpu" or "gpu".
    """

    networks: tuple[str, ...]
    layers: tuple[int, ...] | None
    neurons: int | str | None
    effort: str
    seed: int
    growth: bool
    sizes: bool
    device: str


def measure_network(name: str, settings: Settings) -> dict[str, Any]:
    """Measure one network in this process.

    Returns
    -------
    dict
        ``environment``, and lists of records (:data:`RECORDS`), ready for JSON.
    """
    found: dict[str, Any] = {key: [] for key in RECORDS}
    with loaded(name, settings.device) as model:
        found["environment"] = environment()
        found["layers"] = _layers_measured(model, name, settings)
        if settings.sizes:
            for layer in _layers(model, name, settings):
                size = result_bytes(model, layer, effort=settings.effort, seed=settings.seed)
                found["sizes"].append({"network": name, "layer": layer, "bytes": size})
        if settings.growth:
            _grow(model, name, settings, found)
    return found


def _layers_measured(model: Model, name: str, settings: Settings) -> list[dict[str, Any]]:
    """Measure the layers, and only then compare: the truth's memory is not the engine's."""
    measured = []
    for layer in _layers(model, name, settings):
        cost, samples = measure_layer(model, name, layer, **_drawing(name, settings))
        _say(f"{name} layer {layer}: {cost.sampling:.2f} CPU-s a neuron, sampling")
        measured.append((cost, samples))
    return [
        asdict(replace(cost, errors=errors(model.trunk(cost.layer), samples)))
        for cost, samples in measured
    ]


def _grow(model: Model, name: str, settings: Settings, found: dict[str, Any]) -> None:
    for layer in _SAMPLER_LAYERS.get(name, ()):
        row = measure_sampler(model, name, layer, **_drawing(name, settings))
        _say(f"{name} layer {layer}: {row.sampling:.2f} CPU-s a neuron, if it is sampled")
        found["sampled"].append(asdict(row))
    for layer in _GROWTH_LAYERS.get(name, ()):
        _say(f"{name} layer {layer}: growth with the number of neurons")
        rows = grow_with_neurons(
            model, name, layer, _NEURONS_AT_ONCE, effort=settings.effort, seed=settings.seed
        )
        found["growth"] += [asdict(row) for row in rows]
    for layer in _FIELD_LAYERS.get(name, ()):
        _say(f"{name} layer {layer}: growth with the field")
        rows = grow_with_neurons(
            model, name, layer, (_NEURONS_PER_FIELD,), effort="quick", seed=settings.seed
        )
        found["fields"] += [asdict(row) for row in rows]
    for layer in _BATCH_LAYERS.get(name, ()):
        _say(f"{name} layer {layer}: growth with the batch")
        found["batches"] += [asdict(row) for row in throughput(model, name, layer, _BATCHES)]


def _layers(model: Model, name: str, settings: Settings) -> Sequence[int]:
    if settings.layers is None:
        return NETWORKS[name].layers
    known = {layer.number for layer in model.layers}
    return [number for number in settings.layers if number in known]


def _drawing(name: str, settings: Settings) -> dict[str, Any]:
    """Return how many neurons of a network's layer are sampled, and how."""
    return {
        "neurons": _neurons(name, settings),
        "effort": settings.effort,
        "seed": settings.seed,
    }


def _neurons(name: str, settings: Settings) -> int | None:
    if settings.neurons is None:
        return NETWORKS[name].neurons
    return None if settings.neurons == "all" else int(settings.neurons)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def measure_apart(name: str, settings: Settings) -> dict[str, Any]:
    """Measure one network in a process of its own, so that its peak memory is its own."""
    with TemporaryDirectory() as folder:
        request, answer = Path(folder) / "settings.json", Path(folder) / "measured.json"
        request.write_text(json.dumps(asdict(settings)))
        command = [sys.executable, "-m", "benchmarks.plan", name, str(request), str(answer)]
        subprocess.run(command, cwd=ROOT, check=True)
        measured: dict[str, Any] = json.loads(answer.read_text())
    return measured


def merged(parts: Sequence[dict[str, Any]], settings: Settings) -> dict[str, Any]:
    """Put the measurements of several networks into one report."""
    report: dict[str, Any] = {
        "environment": parts[0]["environment"],
        "settings": asdict(settings),
    }
    for key in RECORDS:
        report[key] = [row for part in parts for row in part[key]]
    return report


def _main(name: str, request: str, answer: str) -> None:
    content = json.loads(Path(request).read_text())
    for key in ("networks", "layers"):
        content[key] = None if content[key] is None else tuple(content[key])
    Path(answer).write_text(json.dumps(measure_network(name, Settings(**content))))


if __name__ == "__main__":
    _main(*sys.argv[1:])
