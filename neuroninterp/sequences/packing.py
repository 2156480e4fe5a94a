"""Codes at two bits a base, with the runs of unknown bases beside them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroninterp.sequences.coding import UNKNOWN

__all__ = ["PackedCodes", "pack", "unpack"]


class PackedCodes(NamedTuple):
    """Codes of any shape, flattened and packed.

    Parameters
    ----------
    bases : numpy.ndarray, shape=(ceil(n / 4),)
        uint8; the first base of four in the lowest two bits, 0 where it is unknown.
    unknown_starts, unknown_lengths : numpy.ndarray, shape=(m,)
        int64: where runs of unknown bases begin among the n, and how long they are.
    """

    bases: np.ndarray
    unknown_starts: np.ndarray
    unknown_lengths: np.ndarray


def pack(codes: np.ndarray) -> PackedCodes:
    """Pack codes, 0 to 3 for A, C, G, T and 4 for N, of any shape; uint8."""
    flat = np.ravel(codes)
    unknown = flat == UNKNOWN
    edges = np.flatnonzero(np.diff(unknown, prepend=False, append=False))
    starts, ends = edges[::2], edges[1::2]
    padded = np.zeros((-(-len(flat) // 4), 4), np.uint8)
    padded.ravel()[: len(flat)] = flat & 3  # 4 becomes 0
    packed = padded[:, 0] | padded[:, 1] << 2 | padded[:, 2] << 4 | padded[:, 3] << 6
    return PackedCodes(packed, starts.astype(np.int64), (ends - starts).astype(np.int64))


def unpack(packed: PackedCodes, shape: tuple[int, ...]) -> np.ndarray:
    """Return the codes of ``shape`` that :func:`pack` was given; uint8."""
    flat = _FOUR_BASES[packed.bases].ravel()[: int(np.prod(shape))]
    if len(packed.unknown_starts):
        steps = np.zeros(len(flat) + 1, np.int8)
        steps[packed.unknown_starts] = 1
        steps[packed.unknown_starts + packed.unknown_lengths] -= 1
        flat[np.cumsum(steps[:-1], dtype=np.int8) == 1] = UNKNOWN
    return flat.reshape(shape)


_FOUR_BASES = ((np.arange(256)[:, None] >> np.array([0, 2, 4, 6])) & 3).astype(np.uint8)
"""The four bases that each byte stands for."""
