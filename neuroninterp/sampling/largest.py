"""The windows of the user's sequences on which neurons have their largest values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["LARGEST", "LargestValues", "LargestWindows"]

LARGEST = 10
"""Windows that are kept of each neuron, at most one a sequence."""


@dataclass(frozen=True, eq=False)
class LargestWindows:
    """Windows of one neuron, the largest value first; of equal ones the first in the data.

    Parameters
    ----------
    values : numpy.ndarray, shape=(n,)
        z on each window; n is at most :data:`LARGEST`.
    sequences : numpy.ndarray of int64, shape=(n,)
        Number of the sequence, from 0; each occurs once.
    starts : numpy.ndarray of int64, shape=(n,)
        Where the window begins in its sequence, bp from 0; the leftmost of equal ones.
    windows : numpy.ndarray, shape=(n, receptive field)
        Codes 0 to 4 for A, C, G, T, N; uint8.
    """

    values: np.ndarray
    sequences: np.ndarray
    starts: np.ndarray
    windows: np.ndarray


class LargestValues:
    """Keeps the sequences with the largest values of many neurons while batches go by.

    Parameters
    ----------
    neurons : int
        Number of neurons.
    starts : numpy.ndarray, shape=(P,)
        Where the window of each output position begins, rising or falling.
    """

    def __init__(self, neurons: int, starts: np.ndarray) -> None:
        self._starts = starts
        self._values = np.full((LARGEST, neurons), -np.inf, np.float32)
        self._sequences = np.full((LARGEST, neurons), -1, np.int64)
        self._begins = np.zeros((LARGEST, neurons), np.int64)

    @property
    def maxima(self) -> np.ndarray:
        """Largest value of each neuron so far, shape (neurons,)."""
        return self._values[0].astype(np.float64)

    def offer(self, values: np.ndarray, begin: int) -> None:
        """Look at the values (sequences, positions, neurons) of a batch starting at ``begin``."""
        best = values.max(axis=1)
        # After some batches few neurons meet anything larger than what they have.
        columns = np.flatnonzero(best.max(axis=0) > self._values[-1])
        if not len(columns):
            return
        pooled = np.concatenate([self._values[:, columns], best[:, columns]])
        # Stable: what came first in the data stays first among equals.
        order = np.argsort(-pooled, axis=0, kind="stable")[:LARGEST]
        rank, column = np.nonzero(order >= LARGEST)
        row = order[rank, column] - LARGEST
        kept = np.minimum(order, LARGEST - 1)
        for stored in (self._sequences, self._begins):
            stored[:, columns] = np.take_along_axis(stored[:, columns], kept, axis=0)
        self._values[:, columns] = np.take_along_axis(pooled, order, axis=0)
        self._sequences[rank, columns[column]] = begin + row
        self._begins[rank, columns[column]] = self._leftmost(values[row, :, columns[column]])

    def _leftmost(self, values: np.ndarray) -> np.ndarray:
        """Return where the window of the largest value in each row (n, positions) begins."""
        if self._starts[0] <= self._starts[-1]:
            starts: np.ndarray = self._starts[values.argmax(axis=1)]
        else:
            starts = self._starts[::-1][values[:, ::-1].argmax(axis=1)]
        return starts

    def windows(self, neuron: int, codes: np.ndarray, field: int) -> LargestWindows:
        """Return what was kept of one neuron, by its index among the neurons.

        Parameters
        ----------
        neuron : int
            Index.
        codes : numpy.ndarray, shape=(N, L)
            The sequences.
        field : int
            Receptive field, bp.
        """
        found = self._sequences[:, neuron] >= 0
        sequences, starts = self._sequences[found, neuron], self._begins[found, neuron]
        return LargestWindows(
            values=self._values[found, neuron].astype(np.float64),
            sequences=sequences,
            starts=starts,
            windows=codes[sequences[:, None], starts[:, None] + np.arange(field)],
        )
