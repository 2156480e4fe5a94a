"""Which input of an ONNX network is the sequence, how it is arranged, and what the others hold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neuroninterp.errors import ModelError
from neuroninterp.graph import Constant as HeldNode
from neuroninterp.models.layout import InputRequest, infer_axes, written_shape
from neuroninterp.models.onnx.file import OnnxFile
from neuroninterp.models.onnx.tensors import Constant, Operation, Tensor
from neuroninterp.models.onnx.translation import Translation

__all__ = [
    "Reading",
    "Shape",
    "fill",
    "find_readings",
    "held_input",
    "held_values",
    "input_shapes",
]

Shape = tuple[int | None, ...]
"""Declared sizes, None for a free axis."""

_BASES = 4
_MOST_CHANNELS = 16
_NUMBERS = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13})
"""ONNX's numbers of the types that are fed: floats, integers, booleans."""
_LARGEST_INPUT = 2**24
"""Most numbers that an input may have: a sequence of 4 million bp, one-hot."""
_LARGEST_BATCH = 4096
"""Largest fixed batch; whoever looks at a few sequences must compute that many."""
_LARGEST_HELD = 2**24
"""Most entries of a held input that is kept as numbers while reading."""


@dataclass(frozen=True)
class Reading:
    """A way to read an input as a sequence.

    Parameters
    ----------
    name : str
        The input.
    axes : str
        Its layout, for example ``"NC1L"``.
    shape : tuple of int or None
        The shape that goes with it, None for a free axis.
    """

    name: str
    axes: str
    shape: Shape

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.shape[self.axes.index("C")] or _BASES

    @property
    def length(self) -> int | None:
        """Sequence length (bp); None where it is free."""
        return self.shape[self.axes.index("L")]


def input_shapes(file: OnnxFile) -> dict[str, Shape | None]:
    """Return the shape of each input that is not a stored weight; None for no known rank.

    Raises
    ------
    ModelError
        If there is none, or one holds no numbers or more than anybody could feed it.
    """
    graph = file.analysed.graph
    stored = {tensor.name for tensor in graph.initializer}
    shapes: dict[str, Shape | None] = {}
    for value in graph.input:
        if value.name in stored:
            continue
        kind = value.type.tensor_type
        if kind.elem_type not in _NUMBERS:
            raise ModelError(
                f"{file.path}: input {value.name!r} holds no numbers (its type is "
                f"{kind.elem_type}); export the model with float inputs"
            )
        known = kind.HasField("shape")
        shape = tuple(d.dim_value or None for d in kind.shape.dim) if known else None
        if math.prod(size or 1 for size in shape or ()) > _LARGEST_INPUT:
            raise ModelError(
                f"{file.path}: input {value.name!r} has shape {written_shape(shape)}, more than "
                f"{_LARGEST_INPUT:,} numbers; export the model with a free batch, or for shorter "
                "sequences"
            )
        shapes[value.name] = shape
    if not shapes:
        raise ModelError(f"{file.path}: the network has no input; nothing to analyse")
    return shapes


def find_readings(
    file: OnnxFile, inputs: Mapping[str, Shape | None], request: InputRequest
) -> list[Reading]:
    """Return the ways to read the one input that can be a one-hot sequence.

    Raises
    ------
    ModelError
        If no input can, if several can and none is named, if the named one does not exist, or
        if it takes very large batches only.
    """
    if request.name is not None and request.name not in inputs:
        raise ModelError(
            f"{file.path}: no input is named {request.name!r}; the model reads {_listed(inputs)}"
        )
    asked = {n: s for n, s in inputs.items() if request.name in (None, n)}
    if request.axes is not None:
        found = _given(file, asked, request.axes, len(request.alphabet))
    else:
        found = _inferred(asked, len(request.alphabet))
    names = sorted({reading.name for reading in found})
    if len(names) == 1:
        _check_batch(file, found[0])
        return found
    if names:
        several = ", ".join(f"{name!r} {written_shape(inputs[name])}" for name in names)
        raise ModelError(
            f"{file.path}: {len(names)} inputs could be the sequence: {several}; name one with "
            "--input"
        )
    letters = len(request.alphabet)
    if letters > _BASES and request.axes is None:
        raise ModelError(
            f"{file.path}: alphabet {request.alphabet!r} names {letters} channels, but no input "
            f"is a sequence of {letters} channels or more; the model reads {_listed(inputs)}"
        )
    which = "no input is" if request.name is None else f"input {request.name!r} is not"
    raise ModelError(
        f"{file.path}: {which} a one-hot sequence with {_BASES} channels, or up to "
        f"{_MOST_CHANNELS}; the model reads {_listed(inputs)}; if one of them is, give its "
        "layout (for example NCL)"
    )


def _check_batch(file: OnnxFile, reading: Reading) -> None:
    batch = reading.shape[0] or 1
    if batch > _LARGEST_BATCH:
        raise ModelError(
            f"{file.path}: input {reading.name!r} takes batches of {batch:,} sequences, more than "
            f"{_LARGEST_BATCH:,}; export the model with a free batch"
        )


def _inferred(inputs: Mapping[str, Shape | None], letters: int) -> list[Reading]:
    """Look for four channels (or as many as the alphabet has), then for guesses, then for more."""
    for guess, more in ((False, False), (True, False), (False, True)):
        found = [
            reading
            for name, shape in inputs.items()
            for reading in _readings(name, shape, letters, guess=guess, more=more)
        ]
        if found:
            return found
    return []


def _listed(inputs: Mapping[str, Shape | None]) -> str:
    return ", ".join(f"{name!r} {written_shape(shape)}" for name, shape in inputs.items())


def _readings(
    name: str, shape: Shape | None, letters: int, *, guess: bool, more: bool
) -> Iterator[Reading]:
    """Yield layouts that fit.

    With ``guess`` a free axis may be the channels; with ``more`` there may be more than four.
    """
    shapes: list[Shape] = [(None,) * 3, (None,) * 4] if shape is None else [shape]
    for known in shapes:
        filled = [known]
        channels = letters
        if guess:
            filled = [
                (*known[:i], letters, *known[i + 1 :])
                for i in range(1, len(known))
                if known[i] is None
            ]
        if more:
            # Of two axes that could be the channels, the smaller one is.
            sizes = [size for size in known[1:] if size is not None and size > 1]
            channels = min(sizes, default=0)
            if not max(letters, _BASES + 1) <= channels <= _MOST_CHANNELS:
                continue
        for one in filled:
            for axes in infer_axes(one, channels=channels):
                yield Reading(name, axes, one)


def _given(
    file: OnnxFile, inputs: Mapping[str, Shape | None], axes: str, letters: int
) -> list[Reading]:
    """Return the inputs that fit the layout the user gave."""
    if sorted(axes.replace("1", "")) != ["C", "L", "N"] or not axes.startswith("N"):
        raise ModelError(
            f"layout {axes!r} is not one; write N for the batch (first), L for the length, C for "
            "the channels, 1 for a dummy axis, for example NLC, NCL, NC1L"
        )
    found = []
    for name, shape in inputs.items():
        one = (None,) * len(axes) if shape is None else shape
        if len(one) != len(axes):
            continue
        channels = one[axes.index("C")] or letters
        expected = {"C": channels, "1": 1}
        fits = all(s in (None, expected.get(a, s)) for s, a in zip(one, axes, strict=True))
        if fits and letters <= channels <= _MOST_CHANNELS:
            filled = tuple(expected.get(a, s) for a, s in zip(axes, one, strict=True))
            found.append(Reading(name, axes, filled))
    four = [reading for reading in found if reading.channels == letters]
    if not found:
        raise ModelError(
            f"{file.path}: layout {axes!r} fits no input; the model reads {_listed(inputs)}"
        )
    return four or found


def held_values(
    file: OnnxFile, inputs: Mapping[str, Shape | None], name: str, request: InputRequest
) -> dict[str, float]:
    """Return the value that each input but the sequence is held at.

    Raises
    ------
    ModelError
        If the request holds an input that does not exist, or the sequence.
    """
    others = [other for other in inputs if other != name]
    for asked in request.held:
        if asked == name:
            raise ModelError(
                f"{file.path}: input {asked!r} is the sequence, which cannot be held at a value"
            )
        if asked not in inputs:
            listed = ", ".join(repr(other) for other in others) or "no other input"
            raise ModelError(
                f"{file.path}: no input is named {asked!r}; beside the sequence the model reads "
                f"{listed}"
            )
    return {other: float(request.held.get(other, 0.0)) for other in others}


def fill(shape: Sequence[int | None], batch: int, length: int) -> tuple[int, ...]:
    """Return the shape of a held input: free axes are the batch, if first, and the length."""
    return tuple(
        size if size is not None else (batch if i == 0 else length) for i, size in enumerate(shape)
    )


def held_input(
    translation: Translation,
    name: str,
    shape: tuple[int, ...] | None,
    data_type: int,
    number: float,
    reading: Reading,
    length: int,
) -> Tensor | Constant:
    """Add an input that is held at a value.

    Parameters
    ----------
    translation : Translation
        The graph so far.
    name : str
        The input.
    shape : tuple of int or None
        Its shape, free axes filled; None where its rank is not known.
    data_type : int
        ONNX's number of its type.
    number : float
        What it holds everywhere.
    reading : Reading
        The sequence, whose layout it has if that fits.
    length : int
        The sequence's length, bp.

    Returns
    -------
    Tensor or Constant
        A tensor where it has positions and channels; a constant where it has neither or one.
    """
    import onnx

    operation = Operation("Input", name, {}, (), (name,), ())
    try:
        kind = onnx.helper.tensor_dtype_to_np_dtype(data_type)
    except KeyError:
        kind = None
    if shape is None or kind is None or kind.kind not in "fiub":
        return translation.opaque(operation, [], "an input whose shape or type is not known")
    if len(shape) <= 2 and math.prod(shape) <= _LARGEST_HELD:
        return Constant(np.full(shape, number).astype(kind))
    axes = _held_axes(shape, reading.axes, length)
    if axes is None or kind.kind != "f":
        return translation.opaque(operation, [], "an input that is not the sequence")
    value = np.full(shape[axes.index("C")], number, np.float32)
    return translation.add(HeldNode, operation, [], axes=axes, sizes=shape, value=value)


def _held_axes(shape: Sequence[int], like: str, length: int) -> str | None:
    """Return the layout of an input with positions and channels; None for any other."""
    if len(shape) == len(like) and all(
        size == {"L": length, "1": 1}.get(axis, size)
        for size, axis in zip(shape, like, strict=True)
    ):
        return like
    real = [axis for axis in range(1, len(shape)) if shape[axis] != 1]
    if len(shape) not in (3, 4) or len(real) != 2:
        return None
    fitting = [axis for axis in real if shape[axis] == length]
    along = fitting[0] if len(fitting) == 1 else max(real, key=lambda axis: shape[axis])
    letters = {0: "N", along: "L", (set(real) - {along}).pop(): "C"}
    return "".join(letters.get(axis, "1") for axis in range(len(shape)))
