"""References: what a sequence is compared with by DeepLIFT and integrated gradients.

Where the sequence is unknown (N), so is every reference: such positions add nothing.
"""

from __future__ import annotations

import zlib

import numpy as np

from neuroninterp.errors import DataError, UnknownNameError
from neuroninterp.sequences import shuffle_dinucleotides
from neuroninterp.sequences.coding import UNKNOWN

__all__ = ["REFERENCES", "References"]

REFERENCES = ("shuffled", "gc", "average", "uniform", "zero")
"""Kinds of reference; see :class:`References`."""


class References:
    """Makes the references of sequences, as the model's input holds them.

    Parameters
    ----------
    kind : str
        - "shuffled": the sequence with its dinucleotides shuffled, ``count`` times
          (Altschul & Erickson 1985); stretches between unknown bases each by themselves.
        - "gc": at every position the same share of each base, G and C by the sequence's GC
          content, A and T by the rest.
        - "average": at every position the share that each base has in all the sequences.
        - "uniform": a quarter of each base.
        - "zero": no base at all.
    count : int
        Shuffles a sequence; the other kinds are one reference.
    seed : int
        Of the shuffles, which depend on it and on the sequence alone.
    codes : numpy.ndarray, shape=(N, L)
        All sequences, uint8.
    table : numpy.ndarray, shape=(5, channels)
        What the input's channels hold for A, C, G, T, N.

    Attributes
    ----------
    kind : str
        As given.
    count : int
        References a sequence.

    Raises
    ------
    UnknownNameError
        If there is no such kind.
    DataError
        If ``count`` is not positive.
    """

    def __init__(
        self, kind: str, count: int, seed: int, codes: np.ndarray, table: np.ndarray
    ) -> None:
        if kind not in REFERENCES:
            raise UnknownNameError("reference", kind, REFERENCES)
        if count < 1:
            raise DataError(f"{count} references a sequence: give at least 1")
        self.kind = kind
        self.count = count if kind == "shuffled" else 1
        self._seed = seed
        self._table = table
        self._average = _shares(codes.reshape(1, -1))[0]

    def of(self, codes: np.ndarray) -> np.ndarray:
        """Return the references of some sequences.

        Parameters
        ----------
        codes : numpy.ndarray, shape=(n, L)
            The sequences, uint8.

        Returns
        -------
        numpy.ndarray, shape=(n * count, L, channels)
            float32; the references of one sequence stand together.
        """
        if self.kind == "shuffled":
            return self._table[np.concatenate([self._shuffled(row) for row in codes])]
        if self.kind == "zero":
            # What the channels of bases do not hold stays: it is no base.
            absent = self._table[0] - (self._table[0] - self._table[1]).clip(0)
            rows = np.repeat(absent[None], len(codes), axis=0)
        else:
            rows = self._composition(codes) @ self._table[:4]
        references = np.repeat(rows[:, None], codes.shape[1], axis=1).astype(np.float32)
        references[codes == UNKNOWN] = self._table[UNKNOWN]
        return references

    def _composition(self, codes: np.ndarray) -> np.ndarray:
        """Return the share of each base, (n, 4)."""
        if self.kind == "uniform":
            return np.full((len(codes), 4), 0.25)
        if self.kind == "average":
            return np.repeat(self._average[None], len(codes), axis=0)
        shares = _shares(codes)
        gc = shares[:, 1] + shares[:, 2]
        return np.stack([1 - gc, gc, gc, 1 - gc], axis=1) / 2

    def _shuffled(self, row: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng([self._seed, zlib.crc32(row.tobytes())])
        copies = np.repeat(row[None], self.count, axis=0)
        edges = np.flatnonzero(np.diff(row == UNKNOWN, prepend=True, append=True))
        for start, end in edges.reshape(-1, 2):
            copies[:, start:end] = shuffle_dinucleotides(copies[:, start:end], rng)
        return copies


def _shares(codes: np.ndarray) -> np.ndarray:
    """Return the share of each base among the known ones of each row, (n, 4)."""
    counts = np.stack([(codes == base).sum(axis=1) for base in range(4)], axis=1)
    known = counts.sum(axis=1, keepdims=True)
    return np.where(known > 0, counts / np.maximum(known, 1), 0.25)
