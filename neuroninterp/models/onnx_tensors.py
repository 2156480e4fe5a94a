"""What the ONNX reader knows of each tensor while it walks through the file.

A tensor that depends on the sequence is a :class:`Tensor`: the canonical node that
computes it and the meaning of its axes, one letter each: ``N`` batch, ``L`` length, ``C``
channels, ``1`` dummy, ``F`` features after a flatten, ``M`` batch and length merged.
Everything else is a :class:`Constant`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Constant", "NotUnderstoodError", "Operation", "Tensor"]


class NotUnderstoodError(Exception):
    """An operation cannot be translated; the message says why. It becomes an Opaque node."""


@dataclass(frozen=True, eq=False)
class Constant:
    """A tensor whose value is known.

    Parameters
    ----------
    value : numpy.ndarray
        The value.
    from_shape : bool
        Whether it was computed from the shape of a tensor. It then holds for the sizes
        assumed while reading, not for every input, and may serve as a shape only.
    """

    value: np.ndarray
    from_shape: bool = False


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor that depends on the model's inputs.

    Parameters
    ----------
    node : str
        Canonical node that computes it.
    axes : str or None
        Meaning of each axis; None downstream of an operation that is not understood.
    sizes : tuple of int or None
        Size of each axis, with the sizes assumed for free ones; None where unknown.
    curves : mapping of str to tuple
        For a tensor computed element by element from an earlier one: that tensor's node,
        the tensor, and this tensor's value at each point of the test grid.
    unresolved : bool
        Whether it is an unfinished part of an activation spelt out in elementary operations.
    padding : tuple of int
        Zeros added to the left and right, which the next convolution takes over. ``sizes``
        counts them.
    pad : Operation or None
        The operation that added them.
    """

    node: str
    axes: str | None
    sizes: tuple[int, ...] | None
    curves: Mapping[str, tuple[Tensor, np.ndarray]] = field(default_factory=dict)
    unresolved: bool = False
    padding: tuple[int, int] = (0, 0)
    pad: Operation | None = None

    def size(self, letter: str) -> int | None:
        """Return the size of the axis ``letter``; None where unknown."""
        if self.axes is None or self.sizes is None or letter not in self.axes:
            return None
        return self.sizes[self.axes.index(letter)]

    @property
    def features(self) -> str | None:
        """The letter of the axis that canonical nodes have last: C, F, or None."""
        return next((letter for letter in "CF" if self.axes and letter in self.axes), None)


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation of the file, its inputs looked up.

    Parameters
    ----------
    kind : str
        Operation type, with its domain where it is not a standard one.
    source : str
        Its name in the file; type and output where it has none.
    attributes : mapping
        Attribute values; text as ``str``.
    inputs : tuple of Tensor, Constant or None
        None for an optional input left out.
    outputs : tuple of str
        Names of the tensors it computes.
    reads : tuple of Tensor
        Tensors it reads, those that its sub-graphs take from outside included.
    """

    kind: str
    source: str
    attributes: Mapping[str, Any]
    inputs: tuple[Tensor | Constant | None, ...]
    outputs: tuple[str, ...]
    reads: tuple[Tensor, ...]

    def tensor(self, index: int) -> Tensor:
        """Return input ``index``, which must be a tensor."""
        value = self.inputs[index]
        if not isinstance(value, Tensor):
            raise NotUnderstoodError("it reads a constant where the sequence is expected")
        return value

    def constant(self, index: int, what: str) -> np.ndarray | None:
        """Return the constant input ``index``, None where it is left out."""
        value = self.inputs[index] if index < len(self.inputs) else None
        if value is None:
            return None
        if not isinstance(value, Constant) or value.from_shape:
            raise NotUnderstoodError(f"its {what} is not stored in the file")
        return value.value

    def integers(self, name: str, index: int) -> list[int] | None:
        """Return integers kept as attribute ``name`` (older opsets) or as input ``index``."""
        if name in self.attributes:
            return [int(value) for value in self.attributes[name]]
        value = self.inputs[index] if index < len(self.inputs) else None
        if value is None:
            return None
        if not isinstance(value, Constant):
            raise NotUnderstoodError(f"its {name} is not stored in the file")
        return [int(entry) for entry in np.atleast_1d(value.value)]
