"""How a model file arranges its sequence input, and the way there from ``(N, L, C)``.

A layout is a string of axis letters, batch first: ``N`` batch, ``L`` length, ``C``
channels, ``1`` a dummy axis. ``NLC`` is Keras's 1-D layout, ``NCL`` PyTorch's; ``NC1L``,
``NCL1``, ``NLC1``, ``NL1C``, ``N1LC`` and ``N1CL`` come from 2-D convolutions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuroninterp.errors import ModelError

__all__ = ["ALPHABET", "InputLayout", "from_layout", "infer_axes", "to_layout"]

ALPHABET = "ACGT"
"""The channel order used everywhere inside the package."""

_LAYOUTS_3D = ("NLC", "NCL")
_LAYOUTS_4D = ("NC1L", "NCL1", "N1LC", "NL1C", "N1CL", "NLC1")


def to_layout(tensor: np.ndarray, axes: str) -> np.ndarray:
    """Rearrange ``(N, L, C)`` into the layout ``axes`` (for example ``"NC1L"``)."""
    order = [("NLC").index(axis) for axis in axes if axis != "1"]
    moved = np.transpose(tensor, order)
    for position, axis in enumerate(axes):
        if axis == "1":
            moved = np.expand_dims(moved, position)
    return np.ascontiguousarray(moved)


def from_layout(tensor: np.ndarray, axes: str) -> np.ndarray:
    """Rearrange a tensor in layout ``axes`` into ``(N, L, C)``; inverse of :func:`to_layout`."""
    squeezed = tensor.reshape(
        [s for s, axis in zip(tensor.shape, axes, strict=True) if axis != "1"]
    )
    kept = axes.replace("1", "")
    return np.ascontiguousarray(np.transpose(squeezed, [kept.index(axis) for axis in "NLC"]))


def infer_axes(shape: Sequence[int | None], *, channels: int = 4) -> list[str]:
    """Return every layout that a shape admits, the likeliest first.

    Parameters
    ----------
    shape : sequence of int or None
        The input's shape, batch first, None for a free axis.
    channels : int
        Size of the channel axis to look for.

    Returns
    -------
    list of str
        Layouts whose channel axis has exactly ``channels`` and whose dummy axis has 1 (or is
        free). Empty where the shape cannot be a one-hot sequence. The caller decides
        between several by the direction in which the first convolution slides.
    """
    candidates = {3: _LAYOUTS_3D, 4: _LAYOUTS_4D}.get(len(shape), ())

    def fits(axes: str) -> bool:
        for size, axis in zip(shape, axes, strict=True):
            if axis == "C" and size != channels:
                return False
            if axis == "1" and size not in (1, None):
                return False
            if axis == "L" and size == 1:
                return False
        return True

    return [axes for axes in candidates if fits(axes)]


@dataclass(frozen=True)
class InputLayout:
    """The sequence input as the file declares it.

    Parameters
    ----------
    name : str
        Name of the input in the file.
    shape : tuple of int or None
        Declared shape, batch first, None for a free axis.
    axes : str
        Layout, for example ``"NLC"`` or ``"NCL1"``.
    length : int or None
        Sequence length (bp); None where the model takes any length.
    channels : int
        Number of channels (4).
    alphabet : str
        Base of each channel in the file's order. Never stands in the file; "ACGT" unless
        the user says otherwise.
    """

    name: str
    shape: tuple[int | None, ...]
    axes: str
    length: int | None
    channels: int = 4
    alphabet: str = ALPHABET

    @property
    def label(self) -> str:
        """The layout as people write it, for example ``(N, 4, L, 1)``."""
        return "(" + ", ".join(str(self.channels) if a == "C" else a for a in self.axes) + ")"

    def describe(self) -> dict[str, str | int | None]:
        """Describe the input with plain JSON values, as ``inspect --json`` and results do."""
        return {
            "name": self.name,
            "layout": self.label,
            "length": self.length,
            "channels": self.channels,
            "alphabet": self.alphabet,
        }

    @property
    def channel_of_base(self) -> list[int]:
        """The file's channel of A, C, G, T, in this order."""
        return [self.alphabet.index(base) for base in ALPHABET]

    def to_file(self, one_hot: np.ndarray) -> np.ndarray:
        """Turn canonical one-hot ``(N, L, 4)``, ACGT, into what the file's input expects."""
        if one_hot.ndim != 3 or one_hot.shape[2] != self.channels:
            raise ModelError(
                f"expected one-hot input of shape (N, L, {self.channels}), found {one_hot.shape}"
            )
        bases = [ALPHABET.index(base) for base in self.alphabet]
        return to_layout(one_hot[:, :, bases].astype(np.float32, copy=False), self.axes)
