"""What the ONNX reader knows of each tensor while it walks through the file.

A tensor that depends on the sequence is a :class:`Tensor`: the canonical node that
computes it and the meaning of its axes, one letter each: ``N`` batch, ``L`` length, ``C``
channels, ``1`` dummy, ``F`` features after a flatten, ``M`` batch and length merged, ``G``
and ``H`` channels cut into groups (the heads of an attention). Everything else is a
:class:`Constant`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Codes", "Constant", "NotUnderstoodError", "Operation", "PendingPad", "Tensor", "known"]


class NotUnderstoodError(Exception):
    """An operation cannot be translated; the message says why. It becomes an Opaque node.

    Parameters
    ----------
    reason : str
        Why.
    whole_sequence : bool
        Whether it is known to let every position see all others.
    """

    def __init__(self, reason: str, *, whole_sequence: bool = False) -> None:
        super().__init__(reason)
        self.whole_sequence = whole_sequence


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


@dataclass(frozen=True)
class Codes:
    """How a tensor of integers stands for numbers: ``(code - zero) * step``."""

    step: float
    zero: int


@dataclass(frozen=True, eq=False)
class PendingPad:
    """Zeros along the length that the next convolution may take over.

    Parameters
    ----------
    operation : Operation
        The operation that added the last of them.
    axes : str
        Layout of its output.
    sizes : tuple of int
        Sizes of its output.
    padding : tuple of int
        All zeros added so far, left and right.
    """

    operation: Operation
    axes: str
    sizes: tuple[int, ...]
    padding: tuple[int, int]


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
        Whether it may be an unfinished part of an activation spelt out in elementary
        operations.
    reduced : bool
        Whether it may be an unfinished part of a normalisation over the channels.
    origin : Operation or None
        The operation that computed it.
    pad : PendingPad or None
        Zeros added to it, which the next convolution takes over. ``sizes`` counts them.
    codes : Codes or None
        Given where the file has integers here that stand for the node's values.
    stacked : int
        How many batches lie one behind the other on its first axis; the node is the first.
    whole : bool
        Whether every position sees the whole sequence.
    channel : Tensor or None
        Given where a single channel was taken without its axis: the tensor that has the axis.
        Until the axis is back, the layout is not known: ``axes`` is None.
    """

    node: str
    axes: str | None
    sizes: tuple[int, ...] | None
    curves: Mapping[str, tuple[Tensor, np.ndarray]] = field(default_factory=dict)
    unresolved: bool = False
    reduced: bool = False
    origin: Operation | None = None
    pad: PendingPad | None = None
    codes: Codes | None = None
    stacked: int = 1
    whole: bool = False
    channel: Tensor | None = None

    def size(self, letter: str) -> int | None:
        """Return the size of the axis ``letter``; None where unknown."""
        if self.axes is None or self.sizes is None or letter not in self.axes:
            return None
        return self.sizes[self.axes.index(letter)]

    @property
    def features(self) -> str | None:
        """The letter of the axis that canonical nodes have last: C, F, or None."""
        return next((letter for letter in "CF" if self.axes and letter in self.axes), None)


def known(tensor: Tensor) -> tuple[str, tuple[int, ...]]:
    """Return axes and sizes of a tensor.

    Raises
    ------
    NotUnderstoodError
        If they are not known.
    """
    if tensor.axes is None or tensor.sizes is None:
        raise NotUnderstoodError("the layout of its input is not known")
    return tensor.axes, tensor.sizes


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
    names : tuple of str
        Names of its inputs in the file.
    """

    kind: str
    source: str
    attributes: Mapping[str, Any]
    inputs: tuple[Tensor | Constant | None, ...]
    outputs: tuple[str, ...]
    reads: tuple[Tensor, ...]
    names: tuple[str, ...] = ()

    def tensor(self, index: int, *, codes: bool = False) -> Tensor:
        """Return input ``index``, which must be a tensor; of integers only with ``codes``."""
        value = self.inputs[index]
        if not isinstance(value, Tensor):
            raise NotUnderstoodError("it reads a constant where the sequence is expected")
        if value.codes is not None and not codes:
            raise NotUnderstoodError("it computes with integers")
        return value

    def tensors(self) -> list[Tensor]:
        """Return all inputs, which must be tensors."""
        return [self.tensor(index) for index in range(len(self.inputs))]

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
        return [int(entry) for entry in np.ravel(value.value)]
