"""How far samples are from the truth, where the truth can be computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuroninterp.fields import Trunk
from neuroninterp.sampling import ActivationSample
from tests import oracle

__all__ = ["Errors", "errors", "linear_kernel"]

_LINEARITY = 1e-4
"""Largest misfit, relative to the values' spread, of what counts as linear."""
_MAXIMUM = 1e-4
"""Relative shortfall from which a maximum counts as missed."""


@dataclass(frozen=True)
class Errors:
    """Differences from the truth over some neurons.

    Parameters
    ----------
    truth : str
        "enumeration" or "dynamic programming".
    mean, worst : float
        Absolute error of a PPM entry: the mean over all, and the largest.
    bits : float
        Largest error of a level's log2 probability.
    missed : int
        Neurons whose maximum was not found.
    """

    truth: str
    mean: float
    worst: float
    bits: float
    missed: int


def errors(trunk: Trunk, samples: Sequence[ActivationSample]) -> Errors | None:
    """Compare samples of one layer with the truth.

    Parameters
    ----------
    trunk : Trunk
        Trunk of the layer.
    samples : sequence of ActivationSample
        Of some of its neurons; dead ones are left out.

    Returns
    -------
    Errors or None
        None where the field is too long to enumerate and the layer is not linear.
    """
    alive = [sample for sample in samples if not sample.dead]
    if not alive:
        return None
    neurons = [sample.neuron for sample in alive]
    thresholds = [sample.threshold for sample in alive]
    if trunk.receptive_field <= oracle.LARGEST:
        kind = "enumeration"
        truths: Sequence[oracle.Exact | oracle.LinearTruth] = oracle.enumerate_exactly(
            trunk.values, trunk.receptive_field, neurons, thresholds
        )
    else:
        kernel = linear_kernel(trunk)
        if kernel is None:
            return None
        kind = "dynamic programming"
        truths = [
            oracle.linear(kernel[:, :, neuron], 0.0, threshold)
            for neuron, threshold in zip(neurons, thresholds, strict=True)
        ]
    pairs = list(zip(alive, truths, strict=True))
    off = np.concatenate([np.abs(sample.ppm - truth.ppm).ravel() for sample, truth in pairs])
    return Errors(
        truth=kind,
        mean=float(off.mean()),
        worst=float(off.max()),
        bits=max(_bits(sample.log2_level, truth.log2_level) for sample, truth in pairs),
        missed=sum(
            bool(sample.maximum < truth.maximum - _MAXIMUM * (truth.maximum - truth.threshold))
            for sample, truth in pairs
        ),
    )


def _bits(found: np.ndarray, true: np.ndarray) -> float:
    """Return the largest difference over the levels that hold any window."""
    exists = np.isfinite(true)
    return float(np.abs(found[exists] - true[exists]).max())


def linear_kernel(trunk: Trunk) -> np.ndarray | None:
    """Return a layer's weights as seen from the input, None where it is not linear there.

    Returns
    -------
    numpy.ndarray or None, shape=(field, 4, neurons)
        Entries whose sum over a window's bases is the value; the bias is in the first row.
    """
    length = trunk.receptive_field
    windows = np.zeros((1 + 4 * length, length), np.uint8)
    windows[1 + np.arange(4 * length), np.repeat(np.arange(length), 4)] = np.tile(
        np.arange(4), length
    )
    values = trunk.values(windows).astype(np.float64)
    kernel = (values[1:] - values[0]).reshape(length, 4, -1)
    kernel[0] += values[0]
    probes = np.random.default_rng(0).integers(0, 4, (64, length), np.uint8)
    expected = trunk.values(probes)
    found = kernel[np.arange(length), probes].sum(axis=1)
    if np.abs(found - expected).max() > _LINEARITY * np.abs(expected).max():
        return None
    return kernel
