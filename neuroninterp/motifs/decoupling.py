"""Decoupling: splitting a neuron's sample by the shifts that max-pooling hides.

From the pool nearest to the neuron back to the first, the sample is clustered by what each
pre-pool position contributes to the neuron's value, with as many clusters as the pool has
positions, and every part is split again by the next pool (NeuronMotif's layer-wise backward
clustering, Wei et al. 2021). Contributions pass a max pool only at the winning position, so
the offset is read off instead of guessed. Parts that turn out to be the same motif at the
same place are merged.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuroninterp.fields import Trunk
from neuroninterp.graph import Pool
from neuroninterp.models import Model
from neuroninterp.motifs.information import consensus
from neuroninterp.motifs.records import Motif, Part
from neuroninterp.sampling import ActivationSample, weighted_ppm

__all__ = ["decouple", "mixture", "random_split"]

_SMALLEST_PART = 50
"""Parts with fewer windows are left whole."""
_MOST_WINDOWS = 1_500
_FEATURES = 128
_SAME_MOTIF = 0.90
"""Correlation of two PPMs, position by position, from which they are one motif."""


def mixture(model: Model, sample: ActivationSample) -> Motif | None:
    """Return the undecoupled PPM of a sample; None for a dead neuron."""
    if sample.dead:
        return None
    trunk = model.trunk(sample.layer)
    value = _values_of_consensus(trunk, sample.neuron, [sample.ppm])[0]
    return Motif(
        ppm=sample.ppm,
        maximum=max(sample.maximum, value),
        threshold=sample.threshold,
        n_sequences=len(sample.values),
        consensus=consensus(sample.ppm),
        consensus_value=value,
        log2_rarity=sample.log2_rarity,
    )


def decouple(model: Model, sample: ActivationSample, *, seed: int = 0) -> tuple[Part, ...]:
    """Split a neuron's sample into parts of one alignment each.

    Parameters
    ----------
    model : Model
        The network.
    sample : ActivationSample
        A neuron's sample, from the model or from data.
    seed : int
        Seed of the clustering.

    Returns
    -------
    tuple of Part
        Largest share first; one part with share 1 where no pool hides a shift or all parts
        are the same motif; empty for a dead neuron.
    """
    if sample.dead:
        return ()
    trunk = model.trunk(sample.layer)
    chosen = _representatives(sample)
    labels = _cluster(model, trunk, sample, chosen, seed)
    groups = _merge(sample, chosen, [chosen[labels == label] for label in np.unique(labels)])
    return _parts(trunk, sample, groups if len(groups) > 1 else [np.arange(len(sample.values))])


def random_split(
    sample: ActivationSample, parts: Sequence[Part], *, seed: int = 0
) -> tuple[np.ndarray, ...]:
    """Split a sample at random into parts of the same sizes: the control for decoupling.

    Returns
    -------
    tuple of numpy.ndarray, shape=(receptive field, 4)
        One PPM per part; the mixture alone where there is only one part.
    """
    if len(parts) < 2:
        return (sample.ppm,)
    rng = np.random.default_rng([seed, sample.layer, sample.neuron, 2])
    order = rng.permutation(len(sample.values))
    sizes = np.array([part.n_sequences for part in parts])
    bounds = np.cumsum(sizes) * len(order) // sizes.sum()
    pieces = np.split(order, bounds[:-1])
    return tuple(
        weighted_ppm(sample.windows[piece], sample.weights[piece])
        for piece in pieces
        if sample.weights[piece].sum() > 0
    )


def _representatives(sample: ActivationSample) -> np.ndarray:
    """Choose the windows to cluster: all, or an even selection over the sorted values."""
    order = np.argsort(sample.values, kind="stable")
    if len(order) <= _MOST_WINDOWS:
        return order
    return order[np.linspace(0, len(order) - 1, _MOST_WINDOWS).astype(int)]


def _cluster(
    model: Model, trunk: Trunk, sample: ActivationSample, chosen: np.ndarray, seed: int
) -> np.ndarray:
    """Label the chosen windows, pool by pool from the neuron back to the input."""
    labels = np.zeros(len(chosen), np.int64)
    for depth, name in enumerate(trunk.pools):
        pool = model.graph[name]
        if not isinstance(pool, Pool):
            raise TypeError(f"{name!r} is not a pool")
        features = _features(trunk, sample, chosen, name)
        refined = np.zeros_like(labels)
        for label in np.unique(labels):
            members = np.flatnonzero(labels == label)
            split = _k_means(
                features[members],
                sample.weights[chosen[members]],
                clusters=min(pool.size, len(members) // _SMALLEST_PART),
                seed=[seed, sample.layer, sample.neuron, depth],
            )
            refined[members] = refined.max() + 1 + split
        labels = refined
    return labels


def _features(trunk: Trunk, sample: ActivationSample, chosen: np.ndarray, pool: str) -> np.ndarray:
    neurons = np.full(len(chosen), sample.neuron)
    contributions = trunk.contributions(sample.windows[chosen], neurons, pool)
    return contributions.reshape(len(chosen), -1)


def _k_means(
    features: np.ndarray, weights: np.ndarray, *, clusters: int, seed: list[int]
) -> np.ndarray:
    if clusters < 2:
        return np.zeros(len(features), np.int64)
    from sklearn.cluster import KMeans

    state = int(np.random.default_rng(seed).integers(2**31))
    # Contributions are sparse: few entries carry nearly all of the variance.
    varied = np.argsort(-features.var(axis=0), kind="stable")[:_FEATURES]
    scaled = features[:, varied] / max(float(np.abs(features).max()), 1e-12)
    model = KMeans(clusters, n_init=1, max_iter=50, random_state=state)
    return model.fit(scaled, sample_weight=weights).labels_.astype(np.int64)


def _merge(
    sample: ActivationSample, chosen: np.ndarray, groups: list[np.ndarray]
) -> list[np.ndarray]:
    """Merge groups whose PPMs are the same motif at the same place, most alike first."""
    groups = [group for group in groups if sample.weights[group].sum() > 0]
    while len(groups) > 1:
        ppms = [weighted_ppm(sample.windows[g], sample.weights[g]) for g in groups]
        alike = _correlations(ppms)
        first, second = np.unravel_index(alike.argmax(), alike.shape)
        if alike[first, second] < _SAME_MOTIF:
            break
        merged = np.concatenate([groups[first], groups[second]])
        groups = [g for i, g in enumerate(groups) if i not in (first, second)] + [merged]
    return groups


def _correlations(ppms: list[np.ndarray]) -> np.ndarray:
    """Correlate every pair of PPMs, position by position, about 1/4; -1 on the diagonal."""
    flat = np.stack([(ppm - 0.25).ravel() for ppm in ppms])
    flat = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    alike = flat @ flat.T
    np.fill_diagonal(alike, -1.0)
    return alike


def _parts(trunk: Trunk, sample: ActivationSample, groups: list[np.ndarray]) -> tuple[Part, ...]:
    mass = np.array([sample.weights[group].sum() for group in groups])
    shares = mass / mass.sum()
    if len(groups) == 1:
        ppms = [sample.ppm]
    else:
        ppms = [weighted_ppm(sample.windows[g], sample.weights[g]) for g in groups]
    values = _values_of_consensus(trunk, sample.neuron, ppms)
    order = np.argsort(-shares, kind="stable")
    reference = ppms[order[0]]
    return tuple(
        Part(
            ppm=ppms[i],
            maximum=max(float(sample.values[groups[i]].max()), values[i]),
            threshold=sample.threshold,
            n_sequences=len(groups[i]),
            consensus=consensus(ppms[i]),
            consensus_value=values[i],
            log2_rarity=sample.log2_rarity,
            share=float(shares[i]),
            shift=_shift(reference, ppms[i]),
        )
        for i in order
    )


def _values_of_consensus(trunk: Trunk, neuron: int, ppms: list[np.ndarray]) -> list[float]:
    windows = np.stack([ppm.argmax(axis=1) for ppm in ppms]).astype(np.uint8)
    return [float(v) for v in trunk.values_of(windows, np.full(len(ppms), neuron))]


def _shift(reference: np.ndarray, ppm: np.ndarray) -> int:
    """Return by how many bp a PPM's motif lies to the right of the reference's."""
    length = len(reference)
    longest = length // 2
    first, second = reference - 0.25, ppm - 0.25

    def overlap(d: int) -> float:
        left = first[max(0, -d) : length - max(0, d)]
        right = second[max(0, d) : length + min(0, d)]
        return float((left * right).sum())

    scores = {d: overlap(d) for d in range(-longest, longest + 1)}
    # Of equal scores the smallest shift.
    return max(scores, key=lambda d: (scores[d], -abs(d)))
