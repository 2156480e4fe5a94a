"""What a model of Keras 0.x or 1 is rebuilt from: tensors, stored weights, layer calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from neuroninterp.backend import import_keras
from neuroninterp.errors import ModelError, UnsupportedOperationError

__all__ = ["Call", "Origin", "Stored", "Tensor"]


@dataclass
class Origin:
    """Where a model comes from.

    Parameters
    ----------
    path : Path
        The file, for messages.
    version : str
        Keras version, "" where not stated.
    backend : str
        "theano", "tensorflow" or "" where not stated.
    """

    path: Path
    version: str
    backend: str
    _assumed: list[str] = field(default_factory=list)

    def turns_kernels(self, filters_first: bool) -> bool:
        """Whether kernels were turned round before use, as Theano does.

        Where the file does not say which library computed it, filters that come first in the
        kernel tell Theano's order.
        """
        if self.backend:
            return self.backend == "theano"
        library = "Theano" if filters_first else "TensorFlow"
        if library not in self._assumed:
            self._assumed.append(library)
        return filters_first

    def notes(self) -> tuple[str, ...]:
        """Return what the user should know about how the file was read."""
        version = f"Keras {self.version}" if self.version not in ("", "0") else "an early Keras"
        notes = [f"written by {version}; rebuilt layer by layer"]
        if self._assumed:
            turned = " (turned round)" if "Theano" in self._assumed else ""
            notes.append(
                "the file does not say which library computed it; its kernels are taken for "
                f"{' and '.join(self._assumed)}'s{turned}"
            )
        return tuple(notes)


@dataclass(frozen=True)
class Tensor:
    """A symbolic tensor, and whether its channels were moved last.

    Parameters
    ----------
    tensor : keras.KerasTensor
        The tensor.
    moved : bool
        True where the file has it channels first and the rebuilt model channels last.
    """

    tensor: Any
    moved: bool = False

    def in_file_order(self) -> Any:
        """Return the tensor as the file has it."""
        if not self.moved:
            return self.tensor
        return import_keras().layers.Permute((3, 1, 2))(self.tensor)

    def channels_last(self) -> Any:
        """Return a channels-first tensor with its channels last."""
        if self.moved:
            return self.tensor
        return import_keras().layers.Permute((2, 3, 1))(self.tensor)

    @property
    def rank(self) -> int:
        """Number of axes, the batch included."""
        return len(self.tensor.shape)


class Stored:
    """The stored arrays of one layer, taken one by one and checked.

    Parameters
    ----------
    path : Path
        The file, for messages.
    name : str
        The layer.
    arrays : sequence of numpy.ndarray
        Its arrays, in order.
    """

    def __init__(self, path: Path, name: str, arrays: Sequence[np.ndarray]) -> None:
        self._path = path
        self._name = name
        self._arrays = list(arrays)

    @property
    def left(self) -> int:
        """Number of arrays not yet taken."""
        return len(self._arrays)

    def shape(self) -> tuple[int, ...]:
        """Return the shape of the next array.

        Raises
        ------
        ModelError
            If there is none.
        """
        if not self._arrays:
            raise ModelError(f"{self._path}: the weights of layer {self._name!r} are missing")
        return tuple(self._arrays[0].shape)

    def take(self, *expected: int) -> np.ndarray:
        """Return the next array, float32.

        Parameters
        ----------
        *expected : int
            The shape that the architecture asks for.

        Raises
        ------
        ModelError
            If there is none, or its shape is another.
        """
        found = self.shape()
        if found != expected:
            raise ModelError(
                f"{self._path}: layer {self._name!r} needs weights of shape {expected}, the file "
                f"holds {found}; architecture and weights do not belong together"
            )
        return np.asarray(self._arrays.pop(0), np.float32)


@dataclass(frozen=True)
class Call:
    """One layer's call.

    Parameters
    ----------
    kind : str
        The layer's class, for example "Convolution1D".
    settings : dict
        Its configuration.
    name : str
        Its name in the rebuilt model.
    inputs : list of Tensor
        What it reads.
    stored : Stored
        Its weights.
    origin : Origin
        Where the model comes from.
    """

    kind: str
    settings: dict[str, Any]
    name: str
    inputs: list[Tensor]
    stored: Stored
    origin: Origin

    @property
    def input(self) -> Tensor:
        """The tensor that a layer with one input reads."""
        return self.inputs[0]

    @property
    def channels_first(self) -> bool:
        """Whether images have their channels first."""
        # Before "tf" existed everything was channels first.
        return str(self.settings.get("dim_ordering", "th")) == "th"

    def refuse(self, reason: str) -> UnsupportedOperationError:
        """Return the error that names the layer."""
        return UnsupportedOperationError(
            f"{self.origin.path}: layer {self.name!r} ({self.kind} of Keras 1): {reason}"
        )

    def elementwise(self, layer: Any) -> Tensor:
        """Call a layer to which the order of the axes does not matter."""
        return Tensor(layer(self.input.tensor), self.input.moved)

    def plain(self, layer: Any) -> Tensor:
        """Call a layer to which the order of all axes matters."""
        return Tensor(layer(self.input.in_file_order()))

    def image(self, make: Callable[[], Any]) -> Tensor:
        """Call a 2-D layer that slides over an image."""
        if self.channels_first:
            return Tensor(make()(self.input.channels_last()), True)
        return Tensor(make()(self.input.in_file_order()))
