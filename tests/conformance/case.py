"""What a case is: a small model file and what must be said about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neuroninterp.errors import ModelError, NeuroninterpError, UnsupportedOperationError

__all__ = ["Case", "Layer", "Passed", "rows"]


@dataclass(frozen=True)
class Layer:
    """A layer that must be analysable.

    Parameters
    ----------
    name : str
        The name it has in the file; ``*`` stands for any text.
    field, jump : int
        Receptive field and distance between neighbouring outputs, bp, from closed form.
    direction : int
        -1 where it reads the sequence from its end.
    """

    name: str
    field: int
    jump: int = 1
    direction: int = 1


@dataclass(frozen=True)
class Passed:
    """A convolution that must be passed over, with a reason.

    Parameters
    ----------
    name : str
        The name it has in the file.
    reason : str
        What its reason must say.
    whole_sequence : bool
        Whether that is that it sees the whole sequence.
    """

    name: str
    reason: str
    whole_sequence: bool = True


@dataclass(frozen=True)
class Case:
    """One model file.

    Parameters
    ----------
    feature : str
        What it shows; a row of the compatibility table.
    form : str
        File format and who wrote it; a column of the table.
    build : callable
        Writes the file into a folder and returns its path.
    layers : tuple of Layer or Passed
        Every convolution, in the order of their numbers; empty for a refused file.
    options : mapping
        Arguments of :func:`neuroninterp.load` beside the path.
    layout : str
        What the input must be called; empty where the case is not about it.
    notes : tuple of str
        What must stand in the model's notes.
    says : tuple of str
        For a file that must be refused: pieces of the message, in order.
    error : type
        Class of that refusal.
    """

    feature: str
    form: str
    build: Callable[[Path], Path] = field(repr=False)
    layers: tuple[Layer | Passed, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    layout: str = ""
    notes: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    error: type[NeuroninterpError] = UnsupportedOperationError

    def __post_init__(self) -> None:
        if bool(self.layers) == bool(self.says):
            raise ValueError(f"{self.name}: a case is either understood or refused")
        if not issubclass(self.error, ModelError):
            raise ValueError(f"{self.name}: a refused model is a ModelError")

    @property
    def name(self) -> str:
        """The case's name among the tests."""
        return f"{self.form}: {self.feature}"

    @property
    def pattern(self) -> str:
        """The regular expression that the refusal's message must match."""
        return ".*".join(re.escape(piece) for piece in self.says)


def rows(*fields: tuple[Any, ...]) -> tuple[Layer, ...]:
    """Return layers from (name, field), (name, field, jump) or (…, direction) tuples."""
    return tuple(Layer(*values) for values in fields)
