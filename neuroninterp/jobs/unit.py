"""A work unit as plans name it: what is done with which stored values, and its key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from neuroninterp.jobs.codec import encode

__all__ = ["Block", "Stage", "Unit"]


@dataclass(frozen=True, eq=False)
class Block:
    """A piece of the user's data, which no unit has made.

    Parameters
    ----------
    digest : str
        Hash of the whole data.
    number : int
        Which piece.
    load : callable
        Returns it, encoded.
    """

    digest: str
    number: int
    load: Callable[[], bytes]


@dataclass(frozen=True, eq=False)
class Unit:
    """A function, what it is called with, and the equipment that it is called with.

    Parameters
    ----------
    label : str
        What it is, for people and for the name of its file.
    function : str
        See :class:`neuroninterp.jobs.job.Job`.
    parameters : mapping
        Keyword arguments: values that :func:`neuroninterp.jobs.codec.encode` takes.
    inputs : tuple of str or Block
        Its positional arguments: keys of stored values, and pieces of the data.
    equipment : str
        Hash of what it uses of the equipment: other weights, other motifs or another version
        of a library are another unit.
    pieces : int
        How many neurons (or sequences) are finished with it, for the progress.
    """

    label: str
    function: str
    parameters: Mapping[str, Any]
    inputs: tuple[str | Block, ...] = ()
    equipment: str = ""
    pieces: int = 1

    @cached_property
    def key(self) -> str:
        """Hash of everything that its result depends on."""
        inputs = tuple(
            (given.digest, given.number) if isinstance(given, Block) else given
            for given in self.inputs
        )
        told = (self.function, dict(self.parameters), inputs, self.equipment)
        return hashlib.sha256(encode(told)).hexdigest()


@dataclass(frozen=True, eq=False)
class Stage:
    """Units that can be done in any order, all of them before the plan goes on.

    Parameters
    ----------
    name : str
        As progress shows it: ``"layer 2: sampling"``.
    units : tuple of Unit
        What is to be done.
    """

    name: str
    units: tuple[Unit, ...] = field(default=())
