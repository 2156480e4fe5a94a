"""Which axis of an array file is which.

Axes are written as letters: ``N`` sequences, ``L`` length, ``C`` channels, ``1`` a dummy
axis. Files hold the sequences along the first axis; MATLAB v7.3 files, such as DeepSEA's
training set, show every axis in reverse when they are read as HDF5.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["fitting_axes", "to_canonical"]

_LAYOUTS = ("NCL", "NLC", "NCL1", "NC1L", "NLC1", "NL1C", "N1LC", "N1CL")


def fitting_axes(
    shape: Sequence[int], length: int | None, *, reverse_first: bool, channels: int = 4
) -> list[str]:
    """Return the layouts that a shape admits, the likeliest first.

    Parameters
    ----------
    shape : sequence of int
        Shape of the array.
    length : int or None
        Length that the sequences must have, bp; None for any.
    reverse_first : bool
        Whether layouts with the sequences along the last axis are the likelier ones.
    channels : int
        Size of the channel axis.

    Returns
    -------
    list of str
        For example ``["NCL"]`` for shape (500, 4, 200); empty where the array cannot hold
        one-hot sequences.
    """
    reversed_layouts = tuple(axes[::-1] for axes in _LAYOUTS)
    ordered = reversed_layouts + _LAYOUTS if reverse_first else _LAYOUTS + reversed_layouts
    return [axes for axes in ordered if _fits(shape, axes, length, channels)]


def _fits(shape: Sequence[int], axes: str, length: int | None, channels: int) -> bool:
    if len(shape) != len(axes):
        return False
    for size, axis in zip(shape, axes, strict=True):
        if axis == "C" and size != channels:
            return False
        if axis == "1" and size != 1:
            return False
        if axis == "L" and (size < 2 if length is None else size != length):
            return False
    return True


def to_canonical(array: np.ndarray, axes: str) -> np.ndarray:
    """View an array with axes ``axes`` as ``(N, L, channels)``."""
    squeezed = array.reshape([s for s, axis in zip(array.shape, axes, strict=True) if axis != "1"])
    kept = axes.replace("1", "")
    return squeezed.transpose([kept.index(axis) for axis in "NLC"])
