"""A data file that is open for reading, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from neuroninterp.sequences.sites import PlantedSites

__all__ = ["OpenedData", "Piece", "in_blocks"]


class Piece(NamedTuple):
    """Neighbouring sequences of a file: codes (n, L), labels (n, T), names."""

    codes: np.ndarray
    labels: np.ndarray | None
    names: tuple[str, ...] | None

    def part(self, start: int, stop: int) -> Piece:
        """Return some of them."""
        return Piece(
            self.codes[start:stop],
            None if self.labels is None else self.labels[start:stop],
            None if self.names is None else self.names[start:stop],
        )


@dataclass(frozen=True)
class OpenedData:
    """What is known of a data file before its sequences are read, and how these are read.

    Parameters
    ----------
    source : str
        Path of the file.
    number, length : int
        Sequences that reading it will give, and bp of each.
    pieces : callable
        Called with the number of a sequence, yields it and all that follow, in pieces of any
        size that fit into memory.
    classes : int
        Labels of each sequence; 0 without labels.
    class_names : tuple of str or None
        What they are called.
    named : bool
        Whether the sequences have names.
    notes : tuple of str
        What is left out, cut or padded.
    label_key : str
        Name of the labels in the file.
    sites : PlantedSites or None
        Where motifs were planted.
    """

    source: str
    number: int
    length: int
    pieces: Callable[[int], Iterator[Piece]]
    classes: int = 0
    class_names: tuple[str, ...] | None = None
    named: bool = True
    notes: tuple[str, ...] = ()
    label_key: str = ""
    sites: PlantedSites | None = None

    def all_notes(self, binary_labels: bool) -> tuple[str, ...]:
        """Return the notes with what is known once all labels have been seen."""
        if not self.classes or binary_labels:
            return self.notes
        unscored = f"labels {self.label_key!r} are not all 0 or 1: no test performance from them"
        return (*self.notes, unscored)


def in_blocks(pieces: Iterator[Piece], size: int) -> Iterator[Piece]:
    """Yield pieces of exactly ``size`` sequences, and then what is left.

    Parameters
    ----------
    pieces : iterator of Piece
        Of any size.
    size : int
        Sequences, at least 1.
    """
    held: list[Piece] = []
    number = 0
    for piece in pieces:
        start = 0
        while start < len(piece.codes):
            stop = min(len(piece.codes), start + size - number)
            held.append(piece.part(start, stop))
            number += stop - start
            start = stop
            if number == size:
                yield _joined(held)
                held, number = [], 0
    if held:
        yield _joined(held)


def _joined(pieces: list[Piece]) -> Piece:
    if len(pieces) == 1:
        return pieces[0]
    labels = [piece.labels for piece in pieces if piece.labels is not None]
    names = [piece.names for piece in pieces if piece.names is not None]
    return Piece(
        np.concatenate([piece.codes for piece in pieces]),
        np.concatenate(labels) if labels else None,
        tuple(name for some in names for name in some) if names else None,
    )
