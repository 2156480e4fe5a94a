"""The windows of the user's sequences on which neurons have their largest values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["LARGEST", "LargestPart", "LargestWindows", "largest_of", "merge_largest"]

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


@dataclass(frozen=True, eq=False)
class LargestPart:
    """The sequences with the largest values of neurons in a part of the data.

    Parameters
    ----------
    values : numpy.ndarray, shape=(n, K)
        float32: largest z of each of K neurons in n sequences, the largest first; n is
        :data:`LARGEST`, or fewer where the part has fewer sequences.
    sequences : numpy.ndarray, shape=(n, K)
        int64: number of the sequence in the whole data; of equal values the first.
    """

    values: np.ndarray
    sequences: np.ndarray

    @property
    def maxima(self) -> np.ndarray:
        """Largest value of each neuron, float64, shape (K,)."""
        return self.values[0].astype(np.float64)

    def of(self, neurons: Sequence[int]) -> LargestPart:
        """Return what is known of some of the neurons, by their index."""
        chosen = np.asarray(neurons, np.intp)
        return LargestPart(self.values[:, chosen], self.sequences[:, chosen])


def largest_of(best: np.ndarray, first: int) -> LargestPart:
    """Find the largest values in neighbouring sequences.

    Parameters
    ----------
    best : numpy.ndarray, shape=(n, K)
        float32: the largest value of each neuron in each sequence.
    first : int
        Number of the first sequence.
    """
    sequences = np.broadcast_to(first + np.arange(len(best))[:, None], best.shape)
    return _first_largest(best, sequences)


def merge_largest(parts: Iterable[LargestPart]) -> LargestPart:
    """Join what was found in different parts of the data, in any order.

    Parameters
    ----------
    parts : iterable of LargestPart
        At least one, of the same neurons; taken one at a time.
    """
    remaining = iter(parts)
    whole = next(remaining)
    for part in remaining:
        whole = _first_largest(
            np.concatenate([whole.values, part.values]),
            np.concatenate([whole.sequences, part.sequences]),
        )
    return whole


def _first_largest(values: np.ndarray, sequences: np.ndarray) -> LargestPart:
    """Keep the largest of each column; of equal values those of the first sequences."""
    order = np.lexsort((sequences, -values), axis=0)[:LARGEST]
    return LargestPart(
        np.take_along_axis(values, order, axis=0), np.take_along_axis(sequences, order, axis=0)
    )
