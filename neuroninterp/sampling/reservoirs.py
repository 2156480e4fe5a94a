"""A fair choice of the active windows of many neurons, level by level, and their counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from neuroninterp.sampling.sample import LEVELS

__all__ = ["KEPT_PER_LEVEL", "LevelsPart", "Reservoirs", "merge_levels"]

KEPT_PER_LEVEL = 200
"""Windows that are kept of each activation level of a neuron."""


@dataclass(frozen=True, eq=False)
class LevelsPart:
    """What a part of the data shows of neurons: how often each is how active, and where.

    Parameters
    ----------
    states : numpy.ndarray, shape=(K,)
        uint64: which keys each neuron's windows have.
    places : int
        Windows of each sequence.
    counts : numpy.ndarray, shape=(K, LEVELS)
        int64: all windows in each level of those that were asked for.
    kept : numpy.ndarray, shape=(K, LEVELS)
        int64: windows kept of each level, at most :data:`KEPT_PER_LEVEL`.
    sequences : numpy.ndarray, shape=(n,)
        int64: sequences that hold the windows kept, neuron by neuron, level by level, the
        smallest keys first; numbered as in the whole data.
    positions : numpy.ndarray, shape=(n,)
        int32: which of the sequence's windows.
    values : numpy.ndarray, shape=(n,)
        float32: z.
    """

    states: np.ndarray
    places: int
    counts: np.ndarray
    kept: np.ndarray
    sequences: np.ndarray
    positions: np.ndarray
    values: np.ndarray

    def of(self, neurons: Sequence[int]) -> LevelsPart:
        """Return what is known of some of the neurons, by their index."""
        chosen = np.asarray(neurons, np.intp)
        ends = np.cumsum(self.kept.sum(axis=1))
        begins = ends - self.kept.sum(axis=1)
        rows = np.concatenate(
            [np.arange(begins[k], ends[k]) for k in chosen] or [np.zeros(0, np.intp)]
        )
        return LevelsPart(
            states=self.states[chosen],
            places=self.places,
            counts=self.counts[chosen],
            kept=self.kept[chosen],
            sequences=self.sequences[rows],
            positions=self.positions[rows],
            values=self.values[rows],
        )


class Reservoirs:
    """Keeps the windows with the smallest keys in each level of many neurons.

    Parameters
    ----------
    states : numpy.ndarray, shape=(K,)
        uint64: where each neuron's stream of keys begins.
    places : int
        Windows of each sequence.
    """

    def __init__(self, states: np.ndarray, places: int) -> None:
        shape = (len(states), LEVELS, KEPT_PER_LEVEL)
        self._states = states
        self._places = places
        self.counts = np.zeros(shape[:2], np.int64)
        self._sizes = np.zeros(shape[:2], np.int64)
        self._cutoffs = np.full(shape[:2], np.iinfo(np.uint64).max, np.uint64)
        self._keys = np.zeros(shape, np.uint64)
        self._sequences = np.zeros(shape, np.int64)
        self._positions = np.zeros(shape, np.int32)
        self._values = np.zeros(shape, np.float32)

    def offer(
        self,
        batch: np.ndarray,
        first: int,
        thresholds: np.ndarray,
        maxima: np.ndarray,
        counted_to: np.ndarray,
    ) -> None:
        """Look at values of all neurons in a few sequences.

        Parameters
        ----------
        batch : numpy.ndarray, shape=(n, places, K)
            float32.
        first : int
            Number of the first sequence.
        thresholds, maxima, counted_to : numpy.ndarray, shape=(K,)
            float64: where each neuron's levels begin, and where those of the choice and those
            of the counts end.
        """
        # Numba takes half a second to import.
        from neuroninterp.sampling.level_kernels import offer_values

        offer_values(
            batch,
            first,
            _float32_below(thresholds),
            thresholds,
            maxima - thresholds,
            counted_to - thresholds,
            self._states,
            self.counts,
            *self._kept(),
        )

    def add(self, part: LevelsPart) -> None:
        """Take in what was found in another part of the data."""
        from neuroninterp.sampling.level_kernels import offer_rows

        self.counts += part.counts
        groups = np.repeat(np.arange(part.kept.size), part.kept.ravel())
        offer_rows(
            groups,
            part.sequences,
            part.positions,
            part.values,
            self._places,
            self._states,
            *self._kept(),
        )

    def part(self) -> LevelsPart:
        """Return what has been found."""
        unused = np.arange(KEPT_PER_LEVEL) >= self._sizes[:, :, None]
        # Unused places last; no key of a window is ever larger than that.
        keys = np.where(unused, np.iinfo(np.uint64).max, self._keys)
        order = np.argsort(keys, axis=2, kind="stable")
        used = ~np.take_along_axis(unused, order, axis=2)
        found = [
            np.take_along_axis(column, order, axis=2)[used]
            for column in (self._sequences, self._positions, self._values)
        ]
        return LevelsPart(
            self._states, self._places, self.counts.copy(), self._sizes.copy(), *found
        )

    def _kept(self) -> tuple[np.ndarray, ...]:
        return (
            self._sizes,
            self._cutoffs,
            self._keys,
            self._sequences,
            self._positions,
            self._values,
        )


def merge_levels(parts: Iterable[LevelsPart]) -> LevelsPart:
    """Join what was found in different parts of the data, in any order.

    Parameters
    ----------
    parts : iterable of LevelsPart
        At least one, of the same neurons, thresholds and seed; taken one at a time.
    """
    remaining = iter(parts)
    first = next(remaining)
    whole = Reservoirs(first.states, first.places)
    whole.add(first)
    for part in remaining:
        whole.add(part)
    return whole.part()


def _float32_below(thresholds: np.ndarray) -> np.ndarray:
    """Return the largest float32 that is not above each threshold: z is above both or neither."""
    nearest = thresholds.astype(np.float32)
    below: np.ndarray = np.nextafter(nearest, np.float32(-np.inf))
    return np.where(nearest > thresholds, below, nearest)
