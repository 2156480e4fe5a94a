"""DragoNN's six simulations: which motifs lie where in positives and in negatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuroninterp.sequences.sites import PlantedSites
from zoo.data import channels_first
from zoo.simulations.dragonn.motifs import COLLECTION, PlantedMotif, find_motifs
from zoo.simulations.dragonn.parameters import (
    DifferentialAccessibility,
    Heterodimer,
    MotifCounting,
    MotifDensity,
    MultiMotif,
    Parameters,
    SingleMotif,
)
from zoo.simulations.dragonn.planting import Placement, both_strands, draw_bases, place_apart

__all__ = ["DragonnSimulation", "planted_motifs", "simulate"]


@dataclass(frozen=True, eq=False)
class DragonnSimulation:
    """Simulated sequences, their labels and the truth behind them.

    Parameters
    ----------
    codes : numpy.ndarray, shape=(N, L)
        Bases, uint8: 0, 1, 2, 3 for A, C, G, T.
    labels : numpy.ndarray, shape=(N, T)
        uint8: whether the sequence is a positive, or has a site of each motif (multi-motif).
    sites : PlantedSites
        Every planted site.
    motifs : tuple of PlantedMotif
        What was planted, in the order of the sites' indices.
    class_names : tuple of str
        Names of the T labels.
    """

    codes: np.ndarray
    labels: np.ndarray
    sites: PlantedSites
    motifs: tuple[PlantedMotif, ...]
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: slice) -> DragonnSimulation:
        first, last, _ = slice(rows.start, rows.stop).indices(len(self))
        return DragonnSimulation(
            self.codes[first:last],
            self.labels[first:last],
            self.sites.among(first, last),
            self.motifs,
            self.class_names,
        )

    def one_hot(self) -> np.ndarray:
        """Return the sequences one-hot, uint8, shape (N, 4, L), ACGT."""
        return channels_first(self.codes)


def simulate(
    parameters: Parameters, rng: np.random.Generator, *, motifs: str = COLLECTION
) -> DragonnSimulation:
    """Simulate labelled sequences with planted motifs, in random order.

    Parameters
    ----------
    parameters : Parameters
        Of one of the six simulations, for example ``Heterodimer(length=200)``.
    rng : numpy.random.Generator
        Source of all randomness.
    motifs : str
        Collection in which motifs are looked up that have no ENCODE name; see
        :func:`zoo.simulations.dragonn.motifs.find_motifs`.

    Returns
    -------
    DragonnSimulation
        Sequences, labels and truth.

    Raises
    ------
    DataError
        If sites do not fit into the sequences.
    UnknownNameError, MotifFileError
        If a motif is not found.
    """
    make, _, class_names = _RECIPES[type(parameters)]
    planted = planted_motifs(parameters, motifs)
    widths = np.array([motif.width for motif in planted], np.int64)
    placement, labels = _joined(make(parameters, widths, rng))
    order = rng.permutation(len(placement))
    shuffled = Placement(placement.motifs[order], placement.starts[order], placement.strands[order])
    sites = shuffled.sites(planted)
    codes = draw_bases(sites, planted, (len(order), parameters.length), parameters.gc, rng)
    titles = class_names or tuple(motif.name for motif in planted)
    return DragonnSimulation(codes, labels[order], sites, planted, titles)


def planted_motifs(parameters: Parameters, motifs: str = COLLECTION) -> tuple[PlantedMotif, ...]:
    """Return the motifs that a simulation plants, in the order of its sites' indices.

    Raises
    ------
    UnknownNameError, MotifFileError
        If a motif is not found.
    """
    _, names, _ = _RECIPES[type(parameters)]
    return find_motifs(names(parameters), motifs)


_Classes = Sequence[tuple[Placement, np.ndarray]]
"""Sequences class by class: where their sites are, and their labels (N, T)."""


def _joined(classes: _Classes) -> tuple[Placement, np.ndarray]:
    """Stack the classes, padded to the same number of sites."""
    most = max(placement.motifs.shape[1] for placement, _ in classes)

    def stacked(field: str, fill: int) -> np.ndarray:
        arrays = [getattr(placement, field) for placement, _ in classes]
        padded = [
            np.pad(array, ((0, 0), (0, most - array.shape[1])), constant_values=fill)
            for array in arrays
        ]
        return np.concatenate(padded)

    placement = Placement(stacked("motifs", -1), stacked("starts", 0), stacked("strands", 1))
    return placement, np.concatenate([labels for _, labels in classes])


def _labels(n: int, label: int) -> np.ndarray:
    return np.full((n, 1), label, np.uint8)


def _repeated(
    n: int,
    counts: tuple[int, int],
    widths: np.ndarray,
    region: tuple[int, int],
    rng: np.random.Generator,
) -> Placement:
    """Place a number of sites of motif 0 that is uniform between two counts (inclusive)."""
    least, most = counts
    numbers = rng.integers(least, most, n, endpoint=True)
    motifs = np.where(np.arange(most) < numbers[:, None], 0, -1)
    return _anywhere(motifs, widths, region, rng)


def _chosen(
    n: int,
    counts: tuple[int, int],
    group: np.ndarray,
    widths: np.ndarray,
    region: tuple[int, int],
    rng: np.random.Generator,
) -> Placement:
    """Place one site of each of a random choice of motifs, in random order."""
    least, most = counts
    order = rng.permuted(np.broadcast_to(group, (n, len(group))), axis=1)
    numbers = rng.integers(least, most, n, endpoint=True)
    motifs = np.where(np.arange(len(group)) < numbers[:, None], order, -1)
    return _anywhere(motifs, widths, region, rng)


def _anywhere(
    motifs: np.ndarray, widths: np.ndarray, region: tuple[int, int], rng: np.random.Generator
) -> Placement:
    starts = place_apart(motifs, widths, region, rng)
    return Placement(motifs, starts, both_strands(motifs.shape, rng))


def _single_motif(p: SingleMotif, widths: np.ndarray, rng: np.random.Generator) -> _Classes:
    whole = (0, p.length)
    return [
        (_repeated(p.positives, (1, 1), widths, whole, rng), _labels(p.positives, 1)),
        (_repeated(p.negatives, (0, 0), widths, whole, rng), _labels(p.negatives, 0)),
    ]


def _motif_counting(p: MotifCounting, widths: np.ndarray, rng: np.random.Generator) -> _Classes:
    # The released code draws as many negatives as there are positives; here they are their own.
    whole = (0, p.length)
    many, few = (p.min_counts, p.max_counts), (p.min_negative_counts, p.max_negative_counts)
    return [
        (_repeated(p.positives, many, widths, whole, rng), _labels(p.positives, 1)),
        (_repeated(p.negatives, few, widths, whole, rng), _labels(p.negatives, 0)),
    ]


def _motif_density(p: MotifDensity, widths: np.ndarray, rng: np.random.Generator) -> _Classes:
    first = p.length // 2 - p.center_size // 2
    centre, whole = (first, first + p.center_size), (0, p.length)
    counts = p.min_counts, p.max_counts
    return [
        (_repeated(p.positives, counts, widths, centre, rng), _labels(p.positives, 1)),
        (_repeated(p.negatives, counts, widths, whole, rng), _labels(p.negatives, 0)),
    ]


def _multi_motif(p: MultiMotif, widths: np.ndarray, rng: np.random.Generator) -> _Classes:
    group = np.arange(len(widths))
    counts = p.min_motifs, p.max_motifs
    placement = _chosen(p.sequences, counts, group, widths, (0, p.length), rng)
    labels = (placement.motifs[:, :, None] == group).any(axis=1).astype(np.uint8)
    return [(placement, labels)]


def _differential_accessibility(
    p: DifferentialAccessibility, widths: np.ndarray, rng: np.random.Generator
) -> _Classes:
    whole, counts = (0, p.length), (p.min_motifs, p.max_motifs)
    ours, theirs = np.split(np.arange(len(widths)), [len(p.positive_motifs)])
    return [
        (_chosen(p.positives, counts, ours, widths, whole, rng), _labels(p.positives, 1)),
        (_chosen(p.negatives, counts, theirs, widths, whole, rng), _labels(p.negatives, 0)),
    ]


def _heterodimer(p: Heterodimer, widths: np.ndarray, rng: np.random.Generator) -> _Classes:
    spacings = rng.integers(p.min_spacing, p.max_spacing, p.positives, endpoint=True)
    pairs = widths.sum() + spacings
    # The pair is placed as one site: its motif k is as wide as a pair of spacing k.
    starts = place_apart(
        (spacings - p.min_spacing)[:, None],
        widths.sum() + np.arange(p.min_spacing, p.max_spacing + 1),
        (0, p.length),
        rng,
    )
    motifs = np.broadcast_to(np.arange(2), (p.positives, 2))
    starts = np.concatenate([starts, starts + (pairs - widths[1])[:, None]], axis=1)
    close = Placement(motifs, starts, np.ones(motifs.shape, np.int8))
    apart = _chosen(p.negatives, (2, 2), np.arange(2), widths, (0, p.length), rng)
    return [(close, _labels(p.positives, 1)), (apart, _labels(p.negatives, 0))]


_Recipe = tuple[Callable[..., _Classes], Callable[[Any], tuple[str, ...]], tuple[str, ...]]

_RECIPES: dict[type[Parameters], _Recipe] = {
    SingleMotif: (_single_motif, lambda p: (p.motif,), ("motif",)),
    MotifCounting: (_motif_counting, lambda p: (p.motif,), ("many sites",)),
    MotifDensity: (_motif_density, lambda p: (p.motif,), ("sites in the centre",)),
    MultiMotif: (_multi_motif, lambda p: p.motif_names, ()),
    DifferentialAccessibility: (
        _differential_accessibility,
        lambda p: (*p.positive_motifs, *p.negative_motifs),
        ("motifs of the positive group",),
    ),
    Heterodimer: (_heterodimer, lambda p: (p.motif_1, p.motif_2), ("heterodimer",)),
}
"""How each is made, the motifs it needs, and its class names (the motifs' own where none)."""
