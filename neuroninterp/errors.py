"""Every error that a user can cause.

Each message is one line: what was wrong, where, and what to do about it. The command
line prints it and exits with code 2; from Python it is an ordinary exception.
"""

from __future__ import annotations

from neuroninterp.text import printable

__all__ = [
    "DataError",
    "FidelityError",
    "Interrupted",
    "ModelError",
    "MotifFileError",
    "NeuroninterpError",
    "OutputError",
    "UnknownNameError",
    "UnsupportedOperationError",
]


_LONGEST_MESSAGE = 2000


class NeuroninterpError(Exception):
    """Base of all errors that a user can cause; the message is one line."""

    def __init__(self, message: str) -> None:
        # Messages name what stands in files, which can be anything, and any length.
        super().__init__(printable(" ".join(str(message).split()), _LONGEST_MESSAGE))


class ModelError(NeuroninterpError):
    """The model file is missing, unreadable, or not a convolutional DNA network."""


class UnsupportedOperationError(ModelError):
    """An operation on the path to the convolutions is not understood."""


class FidelityError(ModelError):
    """The canonical graph does not compute what the model's own runtime computes."""


class DataError(NeuroninterpError):
    """Sequences or labels are missing, malformed, or do not fit the model."""


class MotifFileError(NeuroninterpError):
    """A motif file is missing or is not in MEME format."""


class OutputError(NeuroninterpError):
    """The output folder cannot be used."""


class UnknownNameError(NeuroninterpError):
    """A name (zoo model, JASPAR release, layer, motif …) does not exist.

    Parameters
    ----------
    kind : str
        What was named, for example ``"zoo model"``.
    name : str
        The unknown name.
    valid : sequence of str
        The names that exist; listed in the message.
    """

    def __init__(self, kind: str, name: str, valid: list[str] | tuple[str, ...]) -> None:
        super().__init__(f"unknown {kind} {name!r}; valid: {', '.join(valid)}")


class Interrupted(KeyboardInterrupt):
    """The user, or the system, has stopped a run; the message says how it can be continued."""
