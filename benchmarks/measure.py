"""Measurements of sampling and decoupling: one layer, and how its cost grows."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import neuroninterp as ni
from benchmarks.truth import Errors, errors
from neuroninterp.fields import Trunk
from neuroninterp.models import Model
from neuroninterp.motifs import Part, mixture
from neuroninterp.motifs.decoupling import random_groups
from neuroninterp.motifs.information import consensus_codes
from neuroninterp.sampling import ActivationSample, activity_thresholds, weighted_ppm
from neuroninterp.sampling.effort import effort_for
from neuroninterp.sampling.splitting import split_neurons

__all__ = [
    "Growth",
    "LayerCost",
    "Ratios",
    "Throughput",
    "grow_with_neurons",
    "measure_layer",
    "measure_sampler",
    "result_bytes",
    "spread",
    "throughput",
]

_BATCHES = 4
"""Timed calls of the trunk at each batch size."""
_LONGEST_CALL = 2.0
"""Seconds of one call after which larger batches are not tried."""
_ROUNDING = 1e-5
"""Relative difference of one window's values in batches of different sizes, at most."""


@dataclass(frozen=True)
class Ratios:
    """Consensus ratios, means over the live neurons; and how often a maximum was beaten.

    Parameters
    ----------
    best, parts, split, mixture : float
        Of each neuron's best part, of all its parts (their mean), of as many parts of the same
        sizes drawn at random (the control), and of its undecoupled sample.
    n_parts : float
        Parts per neuron.
    beaten : int
        Neurons of which some consensus has a larger value than the sample's maximum.
    """

    best: float
    parts: float
    split: float
    mixture: float
    n_parts: float
    beaten: int


@dataclass(frozen=True)
class LayerCost:
    """What one layer costs, per neuron where not said otherwise.

    Parameters
    ----------
    network : str
        Name.
    layer, field : int
        Number, and receptive field in bp.
    neurons, dead, unconverged : int
        Neurons sampled, those never active, and those whose sampling had not converged when
        its budget was spent.
    sampling, decoupling : float
        CPU-seconds, all threads together.
    wall : float
        Seconds of both.
    evaluations : float
        Windows evaluated in both.
    arithmetic : float
        Share of the wall time of both inside the network's compiled functions.
    peak : float
        Largest memory of the process so far, GB.
    ratios : Ratios or None
        None where no neuron is alive.
    errors : Errors or None
        None where the truth is not known.
    """

    network: str
    layer: int
    field: int
    neurons: int
    dead: int
    unconverged: int
    sampling: float
    decoupling: float
    wall: float
    evaluations: float
    arithmetic: float
    peak: float
    ratios: Ratios | None
    errors: Errors | None = None


@dataclass(frozen=True)
class Growth:
    """Sampling of a number of neurons at once: CPU-seconds and windows, per neuron.

    With errors where these neurons were sampled to be compared with the truth.
    """

    network: str
    layer: int
    field: int
    neurons: int
    sampling: float
    wall: float
    evaluations: float
    errors: Errors | None = None


@dataclass(frozen=True)
class Throughput:
    """Windows a second that a layer's trunk evaluates in batches of one size."""

    network: str
    layer: int
    field: int
    batch: int
    windows: float


@dataclass
class _Clock:
    """What passed inside a ``with`` block."""

    cpu: float = 0.0
    wall: float = 0.0
    arithmetic: float = 0.0
    evaluations: int = 0


@contextmanager
def _clocked(trunk: Trunk) -> Iterator[_Clock]:
    clock = _Clock()
    evaluations, arithmetic = trunk.evaluations, trunk.seconds
    cpu, wall = time.process_time(), time.perf_counter()
    yield clock
    clock.cpu, clock.wall = time.process_time() - cpu, time.perf_counter() - wall
    clock.evaluations = trunk.evaluations - evaluations
    clock.arithmetic = trunk.seconds - arithmetic


def spread(available: int, wanted: int | None) -> list[int]:
    """Choose neurons evenly over a layer; all for None."""
    if wanted is None or wanted >= available:
        return list(range(available))
    return [int(k) for k in np.linspace(0, available - 1, wanted).round()]


def measure_layer(
    model: Model,
    network: str,
    layer: int,
    *,
    neurons: int | None,
    effort: str = "standard",
    seed: int = 0,
) -> tuple[LayerCost, list[ActivationSample]]:
    """Sample and decouple some neurons of a layer and say what it took.

    Compilation is not counted: one neuron is sampled and decoupled before.

    Parameters
    ----------
    model : Model
        The network.
    network : str
        Its name, for the record.
    layer : int
        Layer number.
    neurons : int or None
        How many neurons, chosen evenly; None for all.
    effort : str
        "quick", "standard" or "thorough".
    seed : int
        Of the sampling.

    Returns
    -------
    cost : LayerCost
        Without errors: the truth may need more memory than what is measured.
    samples : list of ActivationSample
        To compare with the truth afterwards.
    """
    trunk = model.trunk(layer)
    chosen = spread(trunk.neurons, neurons)
    _warm(model, layer, chosen[0])
    with _clocked(trunk) as sampling:
        samples = ni.sample(model, layer, chosen, effort=effort, seed=seed)
    with _clocked(trunk) as decoupling:
        parts = [ni.decouple(model, sample) for sample in samples]
    count = len(chosen)
    wall = sampling.wall + decoupling.wall
    cost = LayerCost(
        network=network,
        layer=layer,
        field=trunk.receptive_field,
        neurons=count,
        dead=sum(sample.dead for sample in samples),
        unconverged=sum(not sample.converged for sample in samples if not sample.dead),
        sampling=sampling.cpu / count,
        decoupling=decoupling.cpu / count,
        wall=wall / count,
        evaluations=(sampling.evaluations + decoupling.evaluations) / count,
        arithmetic=(sampling.arithmetic + decoupling.arithmetic) / wall,
        peak=_peak(),
        ratios=_ratios(model, samples, parts),
    )
    return cost, samples


def _warm(model: Model, layer: int, neuron: int) -> None:
    (sample,) = ni.sample(model, layer, [neuron], effort="quick")
    ni.decouple(model, sample)


def _ratios(
    model: Model, samples: Sequence[ActivationSample], parts: Sequence[Sequence[Part]]
) -> Ratios | None:
    rows, beaten = [], 0
    for sample, split in zip(samples, parts, strict=True):
        whole = mixture(model, sample)
        if whole is None:
            continue
        values = [part.consensus_ratio for part in split]
        control = _control_ratio(model, sample, split)
        rows.append((max(values), np.mean(values), control, whole.consensus_ratio, len(values)))
        highest = max(motif.consensus_value for motif in (*split, whole))
        beaten += highest > sample.maximum + _ROUNDING * abs(sample.maximum)
    if not rows:
        return None
    best, every, control, mixed, number = (float(c.mean()) for c in np.array(rows).T)
    return Ratios(
        best=best, parts=every, split=control, mixture=mixed, n_parts=number, beaten=beaten
    )


def _control_ratio(model: Model, sample: ActivationSample, parts: Sequence[Part]) -> float:
    """Return the mean consensus ratio of random parts, each over its own largest value."""
    if len(parts) < 2:
        return parts[0].consensus_ratio
    groups = random_groups(sample, parts, np.random.default_rng(0))
    ppms = [weighted_ppm(sample.windows[group], sample.weights[group]) for group in groups]
    windows = consensus_codes(ppms)
    trunk = model.trunk(sample.layer)
    values = trunk.values_of(windows, np.full(len(windows), sample.neuron)).astype(np.float64)
    largest = np.array([sample.values[group].max() for group in groups])
    return float((values / np.maximum(largest, values)).mean())


def _peak() -> float:
    """Return the largest memory that this process has held, GB."""
    # In kB, on macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def grow_with_neurons(
    model: Model,
    network: str,
    layer: int,
    numbers: Sequence[int],
    *,
    effort: str = "standard",
    seed: int = 0,
) -> list[Growth]:
    """Sample more and more neurons at once; numbers that the layer has not are left out."""
    trunk = model.trunk(layer)
    _warm(model, layer, 0)
    rows = []
    for number in numbers:
        if number > trunk.neurons:
            continue
        chosen = spread(trunk.neurons, number)
        with _clocked(trunk) as clock:
            ni.sample(model, layer, chosen, effort=effort, seed=seed)
        rows.append(_growth(network, layer, trunk, clock, chosen))
    return rows


def _growth(network: str, layer: int, trunk: Trunk, clock: _Clock, chosen: Sequence[int]) -> Growth:
    return Growth(
        network=network,
        layer=layer,
        field=trunk.receptive_field,
        neurons=len(chosen),
        sampling=clock.cpu / len(chosen),
        wall=clock.wall / len(chosen),
        evaluations=clock.evaluations / len(chosen),
    )


def measure_sampler(
    model: Model,
    network: str,
    layer: int,
    *,
    neurons: int | None,
    effort: str = "standard",
    seed: int = 0,
) -> Growth:
    """Sample neurons that could be summed or enumerated, and compare them with the truth.

    Parameters and the record are those of :func:`measure_layer` and :func:`grow_with_neurons`.
    """
    trunk = model.trunk(layer)
    chosen = spread(trunk.neurons, neurons)
    thresholds = activity_thresholds(model, layer, seed=seed)

    def draw(some: Sequence[int], name: str) -> list[ActivationSample]:
        chosen_effort = effort_for(name, trunk.receptive_field, trunk.multiplications)
        limits = thresholds[list(some)]
        return split_neurons(trunk, layer, some, limits, effort=chosen_effort, seed=seed)

    draw(chosen[:1], "quick")
    with _clocked(trunk) as clock:
        samples = draw(chosen, effort)
    row = _growth(network, layer, trunk, clock, chosen)
    return replace(row, errors=errors(trunk, samples))


def throughput(
    model: Model, network: str, layer: int, batches: Sequence[int], *, seed: int = 0
) -> list[Throughput]:
    """Time a layer's trunk on random windows in batches of several sizes, smallest first."""
    trunk = model.trunk(layer)
    rng = np.random.default_rng(seed)
    usual, rows = trunk.batch_size, []
    try:
        for batch in sorted(batches):
            trunk.batch_size = batch
            windows = rng.integers(0, 4, (batch, trunk.receptive_field), np.uint8)
            neurons = rng.integers(0, trunk.neurons, batch)
            trunk.values_of(windows, neurons)
            with _clocked(trunk) as clock:
                for _ in range(_BATCHES):
                    trunk.values_of(windows, neurons)
            rows.append(
                Throughput(
                    network=network,
                    layer=layer,
                    field=trunk.receptive_field,
                    batch=batch,
                    windows=_BATCHES * batch / clock.wall,
                )
            )
            if clock.wall > _BATCHES * _LONGEST_CALL:
                break
    finally:
        trunk.batch_size = usual
    return rows


def result_bytes(model: Model, layer: int, *, effort: str = "standard", seed: int = 0) -> int:
    """Return the size of results.h5 after one neuron of a layer was analysed."""
    with TemporaryDirectory() as folder:
        output = Path(folder) / "results"
        ni.analyze(
            model, output=output, layers=[layer], neurons=[0], effort=effort, seed=seed, force=True
        )
        return (output / "results.h5").stat().st_size
