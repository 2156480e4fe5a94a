"""Which of a Keras model's inputs holds the sequence, and what becomes of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuroninterp.errors import ModelError
from neuroninterp.models.layout import ALPHABET, InputRequest, infer_axes, written_shape

__all__ = ["InputPlan", "candidate_plans"]

_BASES = len(ALPHABET)
_MOST_CHANNELS = 16


@dataclass(frozen=True, eq=False)
class InputPlan:
    """How a model's inputs are read.

    Parameters
    ----------
    sequence : keras.KerasTensor
        The input that holds the sequence.
    axes : str
        Its layout, for example ``"NLC"``.
    channels : int
        Its number of channels.
    length : int or None
        Length (bp) at which to look at the model; None to leave a free one open.
    held : mapping of str to float
        The other inputs and the value each is held at.
    """

    sequence: Any
    axes: str
    channels: int
    length: int | None
    held: Mapping[str, float]

    @property
    def declared_length(self) -> int | None:
        """Sequence length (bp) that the file declares; None where any is taken."""
        size: int | None = self.sequence.shape[self.axes.index("L")]
        return size

    def layout_of(self, tensor: Any) -> tuple[tuple[int | None, ...], str]:
        """Return the shape at which one of the inputs is read, and its axes."""
        shape = tuple(tensor.shape)
        if len(shape) not in (3, 4):
            return shape, {2: "NF"}.get(len(shape), "?" * len(shape))
        if tensor is self.sequence or len(shape) == len(self.axes):
            axes = self.axes
        else:
            axes = "NLC" if len(shape) == 3 else "NL1C"
        return tuple(map(self._chosen, shape, axes)), axes

    def _chosen(self, size: int | None, axis: str) -> int | None:
        """Fill in a free axis once the length is chosen."""
        if size is not None or self.length is None:
            return size
        return {"L": self.length, "1": 1, "C": self.channels}.get(axis)


def candidate_plans(path: Path, model: Any, request: InputRequest) -> list[InputPlan]:
    """Find the input that holds the sequence, under every layout that its shape admits.

    Parameters
    ----------
    path : Path
        The file, for messages.
    model : keras.Model
        The model.
    request : InputRequest
        What the user says about the inputs.

    Returns
    -------
    list of InputPlan
        The likeliest layout first; at the declared length.

    Raises
    ------
    ModelError
        If no input, or more than one, can hold the sequence; or if what the user says does
        not fit the model.
    """
    sequence, channels = _sequence_input(path, model, request)
    others = [tensor.name for tensor in model.inputs if tensor is not sequence]
    unknown = [name for name in request.held if name not in others]
    if unknown:
        raise ModelError(
            f"{path} has no other input {unknown[0]!r} to hold at {request.held[unknown[0]]:g}; "
            f"it has {_listed(model.inputs)}, the sequence being {sequence.name!r}"
        )
    held = {name: float(request.held.get(name, 0.0)) for name in others}
    layouts = [request.axes] if request.axes else infer_axes(sequence.shape, channels=channels)
    plans = [InputPlan(sequence, axes, channels, None, held) for axes in layouts]
    declared = plans[0].declared_length
    if request.length is not None and declared not in (None, request.length):
        raise ModelError(
            f"{path} reads {declared} bp, not the {request.length} bp asked for; leave out --length"
        )
    return plans


def _sequence_input(path: Path, model: Any, request: InputRequest) -> tuple[Any, int]:
    inputs = list(model.inputs)
    if request.name is not None:
        inputs = [tensor for tensor in inputs if tensor.name == request.name]
        if not inputs:
            raise ModelError(
                f"{path} has no input {request.name!r}; it has {_listed(model.inputs)}"
            )
    more = range(_BASES + 1, _MOST_CHANNELS + 1)
    searches = [[_BASES], more] if len(request.alphabet) == _BASES else [more, [_BASES]]
    for counts in searches:
        fitting = [
            (tensor, count)
            for tensor in inputs
            for count in [_channels(tuple(tensor.shape), request.axes, counts)]
            if count
        ]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise ModelError(
                f"{path} has {len(fitting)} one-hot inputs, expected one: found "
                f"{_listed(model.inputs)}; name one with --input"
            )
    wanted = f"laid out {request.axes}" if request.axes else f"with {_BASES} channels"
    raise ModelError(
        f"{path} has no one-hot sequence input {wanted}, so no convolution on a 4-channel input; "
        f"found {_listed(inputs)}"
    )


def _channels(shape: tuple[int | None, ...], axes: str | None, counts: Sequence[int]) -> int | None:
    """Return the first number of channels that a shape admits; None where it admits none."""
    if axes is None:
        return next((count for count in counts if infer_axes(shape, channels=count)), None)
    if sorted(axes.replace("1", "")) != sorted("NLC") or len(axes) != len(shape) or axes[0] != "N":
        return None
    sizes = dict(zip(axes, shape, strict=True))
    if sizes.get("1", 1) not in (1, None):
        return None
    return next((count for count in counts if sizes["C"] in (count, None)), None)


def _listed(inputs: Sequence[Any]) -> str:
    return ", ".join(f"{tensor.name!r} {written_shape(tensor.shape)}" for tensor in inputs)
