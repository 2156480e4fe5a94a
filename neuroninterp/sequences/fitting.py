"""Cutting and padding of sequences to one length."""

from __future__ import annotations

from collections.abc import Mapping

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


def most_common_length(lengths: Mapping[int, int]) -> int:
    """Return the length that most sequences have; the longest of several equally common.

    Parameters
    ----------
    lengths : mapping of int to int
        How many sequences there are of each length, bp.
    """
    return max(lengths.items(), key=lambda item: (item[1], item[0]))[0]


def length_notes(lengths: Mapping[int, int], length: int) -> tuple[str, ...]:
    """Say how many sequences were cut or padded to a length.

    Parameters
    ----------
    lengths : mapping of int to int
        How many sequences there are of each length, bp.
    length : int
        The length that all have now.
    """
    found = sum(lengths.values())
    longer = sum(number for value, number in lengths.items() if value > length)
    shorter = sum(number for value, number in lengths.items() if value < length)
    notes = []
    if longer:
        notes.append(
            f"{longer} of {found} sequences longer than {length} bp were cut to their middle"
        )
    if shorter:
        notes.append(
            f"{shorter} of {found} sequences shorter than {length} bp were padded with N "
            "on both sides"
        )
    return tuple(notes)
