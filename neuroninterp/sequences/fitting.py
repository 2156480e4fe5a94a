"""Cutting and padding of sequences to one length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from neuroninterp.sequences.coding import UNKNOWN

__all__ = ["centred", "length_notes", "most_common_length"]


def centred(codes: np.ndarray, length: int) -> np.ndarray:
    """Cut a sequence to its middle, or pad it with N on both sides.

    Parameters
    ----------
    codes : numpy.ndarray, shape=(M,)
        Codes, 0 to 4.
    length : int
        Length wanted, bp. Where M and ``length`` differ by an odd number, the right end
        loses, or gains, one base more.

    Returns
    -------
    numpy.ndarray, shape=(length,)
        A copy, uint8.
    """
    fitted = np.full(length, UNKNOWN, dtype=np.uint8)
    surplus = len(codes) - length
    if surplus >= 0:
        fitted[:] = codes[surplus // 2 : surplus // 2 + length]
    else:
        left = -surplus // 2
        fitted[left : left + len(codes)] = codes
    return fitted


def most_common_length(lengths: Iterable[int]) -> int:
    """Return the length that most sequences have; the longest of several equally common."""
    return max(Counter(lengths).items(), key=lambda item: (item[1], item[0]))[0]


def length_notes(lengths: Iterable[int], length: int) -> tuple[str, ...]:
    """Say how many sequences were cut or padded to ``length`` (bp)."""
    found = list(lengths)
    longer = sum(1 for value in found if value > length)
    shorter = sum(1 for value in found if value < length)
    notes = []
    if longer:
        notes.append(
            f"{longer} of {len(found)} sequences longer than {length} bp were cut to their middle"
        )
    if shorter:
        notes.append(
            f"{shorter} of {len(found)} sequences shorter than {length} bp were padded with N "
            "on both sides"
        )
    return tuple(notes)
