"""How long sampling a layer would take, before it is begun."""

from __future__ import annotations

import time

import numpy as np

from neuroninterp.models import Model
from neuroninterp.sampling.draw import NEURONS_AT_ONCE
from neuroninterp.sampling.effort import effort_for, expected_evaluations
from neuroninterp.sampling.enumeration import enumerable, summed
from neuroninterp.sampling.splitting import swarm_size

__all__ = ["LONGEST_UNIT", "neurons_at_once", "sampling_seconds"]

LONGEST_UNIT = 30.0
"""Nominal seconds of sampling in one work unit."""

_NOMINAL_RATE = 2e10
"""Multiplications a second of two ordinary cores; a GPU or many cores are faster."""
_OVERHEAD = 1.5e-6
"""Seconds a window outside of the network: proposals, counting."""
_LINEAR_SECONDS = 0.05
_SUMMED_SECONDS = 2e-8
"""Seconds a window and neuron where values are sums of table entries."""
_FAR = 30
"""Times by which the nominal estimate must miss the limit for the answer to be clear."""
_BATCHES = 2


def sampling_seconds(
    model: Model, layer: int, neurons: int, *, effort: str = "standard", limit: float
) -> float:
    """Estimate the time that sampling some neurons of a layer takes on this machine.

    Parameters
    ----------
    model : Model
        The network.
    layer : int
        Layer number.
    neurons : int
        How many neurons are sampled.
    effort : str
        "quick", "standard" or "thorough".
    limit : float
        Seconds that matter to the caller: an estimate near it is made by timing the layer's
        trunk, one far from it from the number of multiplications alone.

    Returns
    -------
    float
        Seconds.
    """
    trunk = model.trunk(layer)
    field = trunk.receptive_field
    if summed(trunk):
        return _SUMMED_SECONDS * 4**field * neurons
    if enumerable(trunk):
        evaluations = 2 * 4**field
    elif trunk.linear:
        return _LINEAR_SECONDS * neurons
    else:
        effort_of_one = effort_for(effort, field, trunk.multiplications)
        evaluations = neurons * expected_evaluations(effort_of_one, field)
    nominal = evaluations * (_OVERHEAD + trunk.multiplications / _NOMINAL_RATE)
    if not limit / _FAR < nominal < limit * _FAR:
        return nominal
    return evaluations * (_OVERHEAD + _seconds_per_window(model, layer))


def neurons_at_once(model: Model, layer: int, *, effort: str = "standard") -> int:
    """Return how many neurons of a layer make one work unit: the same on every machine.

    As many as are sampled together efficiently, and fewer where that would nominally take
    longer than :data:`LONGEST_UNIT` seconds: what an interruption loses at most.

    Parameters
    ----------
    model : Model
        The network.
    layer : int
        Layer number.
    effort : str
        "quick", "standard" or "thorough".
    """
    trunk = model.trunk(layer)
    if enumerable(trunk) or trunk.linear:
        return NEURONS_AT_ONCE
    effort_of_one = effort_for(effort, trunk.receptive_field, trunk.multiplications)
    windows = expected_evaluations(effort_of_one, trunk.receptive_field)
    seconds = windows * (_OVERHEAD + trunk.multiplications / _NOMINAL_RATE)
    return int(np.clip(LONGEST_UNIT / seconds, 1, swarm_size(effort_of_one)))


def _seconds_per_window(model: Model, layer: int) -> float:
    trunk = model.trunk(layer)
    rng = np.random.default_rng(0)
    rows = min(trunk.batch_size, 1024)
    windows = rng.integers(0, 4, (rows, trunk.receptive_field), np.uint8)
    neurons = np.zeros(rows, np.int64)
    before = trunk.evaluations
    trunk.values_of(windows, neurons)
    begin = time.perf_counter()
    for _ in range(_BATCHES):
        trunk.values_of(windows, neurons)
    seconds = time.perf_counter() - begin
    trunk.evaluations = before
    return seconds / (_BATCHES * rows)
