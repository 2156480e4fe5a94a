"""How a model file arranges its sequence input, and the way there from ``(N, L, C)``.

A layout is a string of axis letters, batch first: ``N`` batch, ``L`` length, ``C``
channels, ``1`` a dummy axis. ``NLC`` is Keras's 1-D layout, ``NCL`` PyTorch's; ``NC1L``,
``NCL1``, ``NLC1``, ``NL1C``, ``N1LC`` and ``N1CL`` come from 2-D convolutions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neuroninterp.errors import ModelError
from neuroninterp.text import numbered

__all__ = [
    "ALPHABET",
    "InputLayout",
    "InputRequest",
    "from_layout",
    "infer_axes",
    "to_layout",
    "written_shape",
]

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


def written_shape(shape: Sequence[int | None] | None) -> str:
    """Return a shape as people write it, "any" for a free axis."""
    if shape is None:
        return "of unknown shape"
    return "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"


@dataclass(frozen=True)
class InputRequest:
    """What the user says about the model's inputs, where it must not be inferred.

    Parameters
    ----------
    name : str or None
        Name of the input that holds the sequence; None to find it.
    axes : str or None
        Its layout, for example ``"NC1L"``; None to infer it.
    alphabet : str
        What each channel holds, in the file's order: the four bases (U for T), ``N`` for a
        channel that is 1 at unknown positions, ``.`` for a channel that is no base. Further
        channels of the model are taken for ``.``.
    background : float
        What channels that are no base hold, at every position.
    length : int or None
        Length (bp) at which a model that takes any length is looked at; None for a length
        that follows from its receptive fields.
    held : mapping of str to float
        Value that each other input is held at; 0 for those not named.
    """

    name: str | None = None
    axes: str | None = None
    alphabet: str = ALPHABET
    background: float = 0.0
    length: int | None = None
    held: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        letters = self.alphabet.upper().replace("U", "T")
        bases = letters.replace(".", "").replace("N", "", 1)
        if sorted(bases) != sorted(ALPHABET):
            raise ModelError(
                f"alphabet {self.alphabet!r} must hold each of ACGT (or ACGU) once, in the file's "
                "order; write N for a channel of unknown bases, . for one that is no base"
            )
        object.__setattr__(self, "alphabet", letters)
        if self.length is not None and self.length < 1:
            raise ModelError(f"a length of {self.length} bp is not possible; give 1 or more")

    def channel_letters(self, channels: int) -> str:
        """Return what each of the model's channels holds, one letter a channel.

        Raises
        ------
        ModelError
            If the alphabet names more channels than there are.
        """
        if len(self.alphabet) > channels:
            raise ModelError(
                f"alphabet {self.alphabet!r} names {len(self.alphabet)} channels, the model's "
                f"input has {channels}"
            )
        return self.alphabet.ljust(channels, ".")


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
        Number of channels: 4, or more where there are other tracks.
    alphabet : str
        What each channel holds, in the file's order (see :class:`InputRequest`). Never
        stands in the file; "ACGT" unless the user says otherwise.
    background : float
        What channels that are no base hold.
    reference_length : int or None
        Length (bp) at which the model is looked at: its own, or one chosen where it takes any.
    held : mapping of str to float
        The model's other inputs and the value each is held at.
    """

    name: str
    shape: tuple[int | None, ...]
    axes: str
    length: int | None
    channels: int = 4
    alphabet: str = ALPHABET
    background: float = 0.0
    reference_length: int | None = None
    held: Mapping[str, float] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The layout as people write it, for example ``(N, 4, L, 1)``."""
        return "(" + ", ".join(str(self.channels) if a == "C" else a for a in self.axes) + ")"

    def describe(self) -> dict[str, Any]:
        """Describe the input with plain JSON values, as ``inspect --json`` and results do."""
        return {
            "name": self.name,
            "layout": self.label,
            "length": self.length,
            "reference_length": self.reference_length,
            "channels": self.channels,
            "alphabet": self.alphabet,
            "background": self.background,
            "held": dict(self.held),
        }

    def notes(self) -> tuple[str, ...]:
        """Say what channels that are no base, and the other inputs, are held at."""
        others = [number for number, letter in enumerate(self.alphabet, start=1) if letter == "."]
        sentences = []
        if others:
            what = "is no base and is" if len(others) == 1 else "are no bases and are"
            sentences.append(f"{numbered('channel', others)} {what} held at {self.background:g}")
        sentences.extend(f"input {name!r} is held at {v:g}" for name, v in self.held.items())
        return tuple(sentences)

    @property
    def channel_of_base(self) -> list[int]:
        """The file's channel of A, C, G, T, in this order."""
        return [self.alphabet.index(base) for base in ALPHABET]

    @property
    def table(self) -> np.ndarray:
        """What the channels hold for A, C, G, T, N; shape (5, channels), float32."""
        table = np.zeros((5, self.channels), np.float32)
        table[np.arange(4), self.channel_of_base] = 1.0
        for channel, letter in enumerate(self.alphabet):
            if letter == ".":
                table[:, channel] = self.background
            elif letter == "N":
                table[4, channel] = 1.0
        return table

    def to_channels(self, one_hot: np.ndarray) -> np.ndarray:
        """Turn canonical one-hot ``(N, L, 4)``, ACGT, into ``(N, L, channels)``.

        Rows that sum to less than 1 are filled up in the channel of unknown bases, if any.
        """
        if one_hot.ndim != 3 or one_hot.shape[2] != len(ALPHABET):
            raise ModelError(f"expected one-hot input of shape (N, L, 4), found {one_hot.shape}")
        bases = one_hot.astype(np.float32, copy=False)
        encoded = np.empty((*bases.shape[:2], self.channels), np.float32)
        for channel, letter in enumerate(self.alphabet):
            if letter == "N":
                encoded[:, :, channel] = 1.0 - bases.sum(axis=2)
            elif letter == ".":
                encoded[:, :, channel] = self.background
            else:
                encoded[:, :, channel] = bases[:, :, ALPHABET.index(letter)]
        return encoded

    def to_file(self, one_hot: np.ndarray) -> np.ndarray:
        """Turn canonical one-hot ``(N, L, 4)``, ACGT, into what the file's input expects."""
        return to_layout(self.to_channels(one_hot), self.axes)
