"""Learned proposals: a mixture of products fitted to windows of one neuron.

Each component is a PPM: columns independent of each other. A neuron's active windows are well
described by a few of them (each alignment of its motif, at weak and at strong activation), so
windows drawn from the mixture are accepted often and owe nothing to the state before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["ProductMixture", "fit_mixture", "log_sum", "one_hot"]

_ITERATIONS = 8
_PRIOR = 2.0
"""Windows' worth of even columns that each component starts with."""
_SMOOTHING = 0.02
_NEGLIGIBLE = -30.0
"""Logarithm of a share so small that it changes nothing; smaller ones, as denormal numbers,
would make the arithmetic ten times slower."""
_UNIFORM = 0.05
"""Share of plain random windows in every mixture: no window is out of its reach."""


_BASES = np.arange(4, dtype=np.uint8)


@dataclass(frozen=True, eq=False)
class ProductMixture:
    """A probability distribution over windows.

    Parameters
    ----------
    probabilities : numpy.ndarray, shape=(components, L, 4)
        PPM of each component, all entries positive; the last component is even.
    weights : numpy.ndarray, shape=(components,)
        Positive, summing to 1.
    """

    probabilities: np.ndarray
    weights: np.ndarray


def one_hot(codes: np.ndarray) -> np.ndarray:
    """Return codes ``(…, L)`` as float32 ``(…, 4 L)``."""
    rows: np.ndarray = (codes[..., None] == _BASES).astype(np.float32)
    return rows.reshape(*codes.shape[:-1], -1)


def log_sum(terms: np.ndarray) -> np.ndarray:
    """Return the logarithm of the sum of exponentials over the last axis."""
    top = terms.max(axis=-1, keepdims=True)
    apart = np.maximum(terms - top, _NEGLIGIBLE)
    total: np.ndarray = np.log(np.exp(apart).sum(axis=-1)) + top[..., 0]
    return total


def fit_mixture(
    windows: np.ndarray, weights: np.ndarray, components: int, rng: np.random.Generator
) -> ProductMixture:
    """Fit a mixture of products by expectation maximisation.

    Parameters
    ----------
    windows : numpy.ndarray, shape=(n, L)
        Codes 0 to 3.
    weights : numpy.ndarray, shape=(n,)
        Weight of each window, any positive scale.
    components : int
        Components fitted; an even one comes on top.
    rng : numpy.random.Generator
        For the windows that the components start from.

    Returns
    -------
    ProductMixture
    """
    length = windows.shape[1]
    encoded = one_hot(windows)
    share = (weights / weights.sum()).astype(np.float64)
    seeds = _spread(encoded, share, components, length, rng)
    mass = (share * (1 / np.square(share).sum())).astype(np.float32)[:, None]
    columns = (encoded[seeds] * 0.5 + 0.125).astype(np.float32)
    mixing = np.full(components, 1 / components, np.float32)
    for _ in range(_ITERATIONS):
        terms = encoded @ np.log(columns).T + np.log(mixing)
        terms -= terms.max(axis=1, keepdims=True)
        belongs = np.exp(np.maximum(terms, _NEGLIGIBLE, out=terms), out=terms)
        belongs *= mass / belongs.sum(axis=1, keepdims=True)
        held = belongs.sum(axis=0)
        columns = (belongs.T @ encoded + _PRIOR / 4) / (held[:, None] + _PRIOR)
        mixing = (held + 1) / (held + 1).sum()
    fitted = columns.reshape(components, length, 4).astype(np.float64)
    fitted /= fitted.sum(axis=2, keepdims=True)
    even = np.full((1, length, 4), 0.25)
    return ProductMixture(
        np.concatenate([(1 - _SMOOTHING) * fitted + _SMOOTHING / 4, even]),
        np.append((1 - _UNIFORM) * mixing / mixing.sum(), _UNIFORM),
    )


def _spread(
    encoded: np.ndarray, share: np.ndarray, count: int, length: int, rng: np.random.Generator
) -> np.ndarray:
    """Choose windows that lie far from each other (k-means++ on mismatches)."""
    chosen = [int(rng.choice(len(encoded), p=share))]
    distance = length - encoded @ encoded[chosen[0]]
    while len(chosen) < count:
        odds = share * np.square(distance, dtype=np.float64)
        # Fewer different windows than components: some start at the same one.
        odds = odds / odds.sum() if odds.sum() > 0 else share
        chosen.append(int(rng.choice(len(encoded), p=odds)))
        distance = np.minimum(distance, length - encoded @ encoded[chosen[-1]])
    return np.array(chosen)
