"""Activation samples: windows of a neuron with its values, and the level weights.

The activation-weighted PPM is P = Σ_b a_b F_b / Σ_b a_b over 20 equal slices b of
(threshold, maximum], with F_b the mean one-hot matrix of the windows in slice b and a_b
their mean activation above threshold (NeuronMotif, Wei et al. 2021, made exact). A window
of slice b therefore weighs a_b / n_b, and every average below is a weighted mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuroninterp.text import how_many

__all__ = [
    "LEVELS",
    "ActivationSample",
    "dead_sample",
    "level_edges",
    "level_of",
    "level_weights",
    "part_weights",
    "weighted_ppm",
]

LEVELS = 20
"""Number of activation levels."""


@dataclass(frozen=True, eq=False)
class ActivationSample:
    """Windows of receptive-field length on which one neuron is active.

    Parameters
    ----------
    layer, neuron : int
        Layer number (from 1) and channel (from 0).
    windows : numpy.ndarray, shape=(n, receptive field)
        Codes 0 to 4 for A, C, G, T, N; uint8. Empty for a dead neuron.
    values : numpy.ndarray, shape=(n,)
        z of the neuron on each window.
    weights : numpy.ndarray, shape=(n,)
        Weight of each window, summing to 1 (see the module's formula).
    ppm : numpy.ndarray, shape=(receptive field, 4)
        Activation-weighted PPM, ACGT; from everything that was seen, of which ``windows``
        may be a fair part.
    threshold : float
        Above which z counts as active.
    maximum : float
        Largest z found.
    best_window : numpy.ndarray, shape=(receptive field,)
        A window that reaches ``maximum``.
    log2_rarity : float
        log2 of the probability that a uniformly random window is active; NaN for data.
    log2_level : numpy.ndarray, shape=(LEVELS,)
        log2 of the probability that a uniformly random window lies above the lower edge of
        each level; NaN for data.
    source : str
        "enumeration" or "summation" (exact), "splitting" (sampled) or "data".
    effective_size : float
        Number of independent windows that would give the PPM's entries the same standard
        errors; infinite where it is exact, NaN for data.
    ppm_error : float
        Expected absolute error of the PPM's entries, on average: 0 where it is exact, NaN for
        data. It sees what independent populations disagree about, and not what all of them
        missed.
    converged : bool
        Whether that is as small as the effort asks for.
    """

    layer: int
    neuron: int
    windows: np.ndarray
    values: np.ndarray
    weights: np.ndarray
    ppm: np.ndarray
    threshold: float
    maximum: float
    best_window: np.ndarray
    log2_rarity: float
    log2_level: np.ndarray
    source: str
    effective_size: float = float("nan")
    ppm_error: float = float("nan")
    converged: bool = True

    @property
    def dead(self) -> bool:
        """Whether no window activates the neuron."""
        return len(self.values) == 0

    def __repr__(self) -> str:
        seen = "dead" if self.dead else f"z up to {self.maximum:.3g}"
        return (
            f"ActivationSample(layer {self.layer}, neuron {self.neuron}, "
            f"{how_many(len(self.windows), 'window')} of {len(self.ppm)} bp, {seen}, "
            f"by {self.source})"
        )

    def _repr_html_(self) -> str:
        # A notebook asks the value itself; what draws it stands at the far end of the flow.
        from neuroninterp.notebook.model_html import sample_html

        return sample_html(self)


def dead_sample(
    layer: int, neuron: int, threshold: float, maximum: float, best: np.ndarray, *, source: str
) -> ActivationSample:
    """Return the sample of a neuron that no window activates.

    Parameters
    ----------
    layer, neuron : int
        Layer number (from 1) and channel (from 0).
    threshold, maximum : float
        Above which it would be active, and the largest z found.
    best : numpy.ndarray, shape=(receptive field,)
        A window with that z.
    source : str
        How it was looked for.
    """
    length = len(best)
    return ActivationSample(
        layer=layer,
        neuron=neuron,
        windows=np.zeros((0, length), np.uint8),
        values=np.zeros(0),
        weights=np.zeros(0),
        ppm=np.full((length, 4), 0.25),
        threshold=threshold,
        maximum=maximum,
        best_window=best,
        log2_rarity=float("-inf"),
        log2_level=np.full(LEVELS, -np.inf),
        source=source,
    )


def level_edges(threshold: float, maximum: float) -> np.ndarray:
    """Return the LEVELS + 1 edges of the activation levels."""
    return np.linspace(threshold, maximum, LEVELS + 1)


def level_of(values: np.ndarray, threshold: float, maximum: float) -> np.ndarray:
    """Return the level (0 to LEVELS - 1) of each value; -1 where not active.

    A level holds its upper edge: level b is (edge b, edge b + 1].
    """
    values = np.asarray(values, np.float64)
    span = maximum - threshold
    if span <= 0:
        return np.full(values.shape, -1, np.int64)
    place = np.ceil((values - threshold) / span * LEVELS)
    # From 1, and not above 0 where not active.
    return np.clip(place, 0, LEVELS, out=place).astype(np.int64) - 1


def level_weights(
    values: np.ndarray, threshold: float, maximum: float, fairness: np.ndarray | None = None
) -> np.ndarray:
    """Weigh windows so that a weighted mean is the activation-weighted average.

    Parameters
    ----------
    values : numpy.ndarray, shape=(n,)
        z of active windows.
    threshold, maximum : float
        Ends of the levels.
    fairness : numpy.ndarray or None, shape=(n,)
        Weight of each window within its level where they do not count the same (0 leaves a
        window out); None counts all the same.

    Returns
    -------
    numpy.ndarray, shape=(n,)
        Non-negative, summing to 1.
    """
    if len(values) == 0:
        return np.zeros(0)
    within = np.ones(len(values)) if fairness is None else np.asarray(fairness, np.float64)
    level = level_of(values, threshold, maximum)
    within = np.where(level >= 0, within, 0.0)
    level = np.maximum(level, 0)
    mass = np.bincount(level, within, LEVELS)
    activation = np.bincount(level, within * (values - threshold), LEVELS)
    scale = np.divide(activation, mass**2, out=np.zeros(LEVELS), where=mass > 0)
    weights = within * scale[level]
    return weights / weights.sum()


def part_weights(level: np.ndarray, mean_activation: np.ndarray) -> np.ndarray:
    """Weigh a fair part of each level by the level's own mean activation.

    Parameters
    ----------
    level : numpy.ndarray, shape=(n,)
        Level of each window, 0 to LEVELS - 1.
    mean_activation : numpy.ndarray, shape=(LEVELS,)
        Mean activation above the threshold of all windows of each level.

    Returns
    -------
    numpy.ndarray, shape=(n,)
        Non-negative, summing to 1.
    """
    counts = np.bincount(level, minlength=LEVELS)
    scale = np.divide(mean_activation, counts, out=np.zeros(LEVELS), where=counts > 0)
    weights: np.ndarray = scale[level]
    return weights / weights.sum()


def weighted_ppm(windows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Average one-hot windows with weights; N spreads over the four bases.

    Parameters
    ----------
    windows : numpy.ndarray, shape=(n, L)
        Codes 0 to 4.
    weights : numpy.ndarray, shape=(n,)
        Any positive scale.

    Returns
    -------
    numpy.ndarray, shape=(L, 4)
        Rows summing to 1.
    """
    counts = np.stack([weights @ (windows == base) for base in range(4)], axis=1)
    total = float(weights.sum())
    unknown = total - counts.sum(axis=1, keepdims=True)
    return (counts + np.maximum(unknown, 0.0) / 4) / total
