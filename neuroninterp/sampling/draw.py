"""Sampling a layer: thresholds, and the choice between enumeration and splitting."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from neuroninterp.errors import UnknownNameError
from neuroninterp.models import Model
from neuroninterp.sampling.effort import check_effort, effort_for
from neuroninterp.sampling.enumeration import (
    ALWAYS_ENUMERATED,
    enumerable,
    enumerate_neurons,
)
from neuroninterp.sampling.linear import sum_neurons
from neuroninterp.sampling.sample import ActivationSample
from neuroninterp.sampling.splitting import split_neurons

__all__ = ["NEURONS_AT_ONCE", "activity_thresholds", "sample"]

_BACKGROUND_WINDOWS = 4096
NEURONS_AT_ONCE = 64
"""Neurons that are enumerated, or summed, together."""


def activity_thresholds(model: Model, layer: int, *, seed: int = 0) -> np.ndarray:
    """Return the value above which each neuron of a layer counts as active.

    0 for rectifier-like nonlinearities; for others the median of z over uniformly random
    windows.

    Returns
    -------
    numpy.ndarray, shape=(neurons,)
    """
    trunk = model.trunk(layer)
    if model.layer_nodes(layer).rectified:
        return np.zeros(trunk.neurons)
    rng = np.random.default_rng([seed, layer])
    background = rng.integers(0, 4, (_BACKGROUND_WINDOWS, trunk.receptive_field), np.uint8)
    values = trunk.values(background)
    thresholds = np.median(values, axis=0)
    nearest = np.abs(values - thresholds).argmin(axis=0)
    neurons = np.arange(trunk.neurons)
    # Where many windows have exactly that value, none of them is above it by a rounding.
    own = trunk.values_of(background[nearest], neurons)
    shared = values[nearest, neurons] == thresholds
    return np.where(shared, np.maximum(thresholds, own), thresholds).astype(np.float64)


def sample(
    model: Model,
    layer: int,
    neurons: Sequence[int] | None = None,
    *,
    effort: str = "standard",
    seed: int = 0,
    advance: Callable[[int], None] = lambda finished: None,
) -> list[ActivationSample]:
    """Draw activation-weighted samples of a layer's neurons from the model itself.

    Neurons that are linear in the sequence, as those of a first layer are, and short fields
    are summed over all sequences, so that everything about them is exact; the others are
    sampled (:mod:`neuroninterp.sampling.splitting`).

    Parameters
    ----------
    model : Model
        A loaded model.
    layer : int
        Layer number, from 1.
    neurons : sequence of int or None
        Channels, from 0; None for all.
    effort : str
        "quick", "standard" or "thorough".
    seed : int
        The same seed gives the same sample, whichever neurons are asked for.
    advance : callable
        Called with the number of neurons finished since the last call.

    Returns
    -------
    list of ActivationSample
        One per neuron, in the order asked for.

    Raises
    ------
    UnknownNameError
        If the layer, a neuron or the effort does not exist.
    """
    check_effort(effort)
    chosen = check_neurons(model, layer, neurons)
    trunk = model.trunk(layer)
    thresholds = activity_thresholds(model, layer, seed=seed)[chosen]
    samples: list[ActivationSample] = []
    for begin in range(0, len(chosen), NEURONS_AT_ONCE):
        block = chosen[begin : begin + NEURONS_AT_ONCE]
        limits = thresholds[begin : begin + NEURONS_AT_ONCE]
        if trunk.linear and trunk.receptive_field > ALWAYS_ENUMERATED:
            samples += sum_neurons(trunk, layer, block, limits, seed=seed)
            advance(len(block))
        elif enumerable(trunk):
            samples += enumerate_neurons(trunk, layer, block, limits, seed=seed, advance=advance)
        else:
            samples += split_neurons(
                trunk,
                layer,
                block,
                limits,
                effort=effort_for(effort, trunk.receptive_field, trunk.multiplications),
                seed=seed,
                advance=advance,
            )
    return samples


def check_neurons(model: Model, layer: int, neurons: Sequence[int] | None) -> list[int]:
    """Return the channels asked for, all of the layer's for None.

    Raises
    ------
    UnknownNameError
        If the layer or a neuron does not exist.
    """
    filters = model.layer(layer).filters
    if neurons is None:
        return list(range(filters))
    for neuron in neurons:
        if not 0 <= neuron < filters:
            raise UnknownNameError(f"neuron of layer {layer}", str(neuron), [f"0 to {filters - 1}"])
    return list(neurons)
