"""How often a neuron is how active, and in which of the user's sequences most, as values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["ActivationProfile", "TopSequence"]


@dataclass(frozen=True, eq=False)
class ActivationProfile:
    """How often a neuron is how active: in random windows, and in the user's sequences.

    Parameters
    ----------
    edges : numpy.ndarray, shape=(21,)
        z at the edges of the 20 activation levels, from the threshold to the largest z that was
        drawn from the model.
    log2_level : numpy.ndarray, shape=(20,)
        log2 of the probability that a uniformly random window lies above the lower edge of each
        level; NaN where that is not known.
    data_counts : numpy.ndarray of int64, shape=(20,), or None
        Windows of the user's sequences in each level; the last has those above the last edge,
        too. None without data.
    data_windows : int
        Windows of the user's sequences that were looked at, active or not; 0 without data.
    """

    edges: np.ndarray
    log2_level: np.ndarray
    data_counts: np.ndarray | None = None
    data_windows: int = 0

    @property
    def model_shares(self) -> np.ndarray:
        """Share of uniformly random windows in each level; NaN where that is not known.

        All that lies above the last known level counts to that one, as in the report.
        """
        above = np.exp2(self.log2_level)
        higher = np.nan_to_num(np.append(above[1:], 0.0), nan=0.0)
        return np.maximum(above - higher, 0.0)

    @property
    def data_shares(self) -> np.ndarray | None:
        """Share of the windows of the user's sequences that lies in each level; None without."""
        if self.data_counts is None or self.data_windows < 1:
            return None
        return np.asarray(self.data_counts / self.data_windows, np.float64)


@dataclass(frozen=True)
class TopSequence:
    """A window of the user's sequences in which a neuron has one of its largest values.

    Parameters
    ----------
    value : float
        z of the neuron on the window.
    window : str
        The window, of receptive-field length, in letters ACGTN.
    sequence : int
        Number of its sequence in the data, from 0.
    name : str
        That sequence's name; "" where the data have no names.
    start : int
        Where the window begins in the sequence, bp from 0.
    location : str
        Where the window lies in the genome, 0-based and half-open, for example
        ``"chr1:100-119(+)"``; "" where the sequence's name does not tell.
    labels : tuple of str
        Names of the classes that are 1 for the sequence (their numbers where they have no
        names); empty where the labels are not binary, or there are none.
    """

    value: float
    window: str
    sequence: int
    name: str = ""
    start: int = 0
    location: str = ""
    labels: tuple[str, ...] = ()
