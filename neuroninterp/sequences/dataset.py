"""The value that a data file is read into, and what every set of sequences offers, large or small.

A set is read in *blocks* of neighbouring sequences, so that whoever goes through it needs no more
memory for a million sequences than for a thousand. :class:`Sequences` holds all of them, and its
blocks are views; :class:`neuroninterp.sequences.StoredSequences` reads each from a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from neuroninterp.errors import DataError
from neuroninterp.sequences.digest import block_digest, data_digest

if TYPE_CHECKING:
    from neuroninterp.sequences.sites import PlantedSites

__all__ = ["HELD", "MAX_BASES", "SequenceData", "Sequences", "block_size", "check_numbers"]

MAX_BASES = 2**30
"""Most bases that one read may hold: 1 GiB as codes, 16 GiB as float32 one-hot."""

HELD = 2**26
"""Bases, or labels, up to which a set of sequences is simply held in memory."""

_BLOCK_SEQUENCES = 2**13
_BLOCK_BASES = 2**23


class SequenceData(Protocol):
    """Sequences of one length, in memory (:class:`Sequences`) or stored block by block."""

    @property
    def source(self) -> str:
        """Path of the file that they were read from."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, cut or padded, and why; one sentence each."""

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """One name for each of the classes; None where the file names none."""

    @property
    def classes(self) -> int:
        """Number of labels that each sequence has; 0 without labels."""

    @property
    def named(self) -> bool:
        """Whether the sequences have names."""

    @property
    def length(self) -> int:
        """Length of every sequence, bp."""

    @property
    def binary_labels(self) -> bool:
        """Whether there are labels and all that are not missing are 0 or 1."""

    @property
    def digest(self) -> str:
        """Hash of codes, labels and names: the same wherever the same sequences are kept."""

    @property
    def block_count(self) -> int:
        """Number of blocks."""

    def __len__(self) -> int: ...

    def block(self, number: int) -> Sequences:
        """Return one block, by its number from 0; it begins at ``number * block_size``."""

    def blocks(self) -> Iterator[tuple[int, Sequences]]:
        """Yield the number of the first sequence of each block, and the block."""

    def some(self, numbers: Sequence[int]) -> Sequences:
        """Return the sequences of these numbers (from 0), in their order."""


def block_size(length: int, classes: int) -> int:
    """Return how many sequences make a block: at most 8 MiB of codes, and as many labels.

    Parameters
    ----------
    length : int
        Of the sequences, bp.
    classes : int
        Labels of each.
    """
    return max(1, min(_BLOCK_SEQUENCES, _BLOCK_BASES // max(1, length, classes)))


@dataclass(frozen=True, eq=False)
class Sequences:
    """Sequences of one length, with their labels where the file has them.

    Parameters
    ----------
    codes : numpy.ndarray, shape=(N, L)
        uint8: A, C, G, T are 0 to 3, an unknown base is 4.
    labels : numpy.ndarray, shape=(N, T), or None
        float32; NaN where a label is missing. None where the file has no labels.
    class_names : tuple of str or None
        One name for each of the T classes.
    names : tuple of str or None
        One name for each sequence: the FASTA record, or ``chrom:start-end(strand)``.
    source : str
        Path of the file.
    notes : tuple of str
        What was left out, cut or padded, and why; one sentence each.
    sites : PlantedSites or None
        Where motifs were planted; None where the file does not say.
    """

    codes: np.ndarray
    labels: np.ndarray | None
    class_names: tuple[str, ...] | None
    names: tuple[str, ...] | None
    source: str
    notes: tuple[str, ...] = ()
    sites: PlantedSites | None = None

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def length(self) -> int:
        """Length of every sequence, bp."""
        return int(self.codes.shape[1])

    @property
    def classes(self) -> int:
        """Number of labels that each sequence has; 0 without labels."""
        return 0 if self.labels is None else int(self.labels.shape[1])

    @property
    def named(self) -> bool:
        """Whether the sequences have names."""
        return self.names is not None

    @property
    def block_count(self) -> int:
        """Number of blocks."""
        return -(-len(self) // block_size(self.length, self.classes))

    def block(self, number: int) -> Sequences:
        """Return one block, by its number from 0, as views; sites stay with the whole."""
        size = block_size(self.length, self.classes)
        rows = slice(number * size, (number + 1) * size)
        return replace(
            self,
            codes=self.codes[rows],
            labels=None if self.labels is None else self.labels[rows],
            names=None if self.names is None else self.names[rows],
            sites=None,
        )

    def blocks(self) -> Iterator[tuple[int, Sequences]]:
        """Yield the number of the first sequence of each block, and the block."""
        size = block_size(self.length, self.classes)
        for number in range(self.block_count):
            yield number * size, self.block(number)

    @cached_property
    def digest(self) -> str:
        """Hash of codes, labels and names, in hexadecimal digits."""
        blocks = [block_digest(b.codes, b.labels, b.names) for _, b in self.blocks()]
        return data_digest(len(self), self.length, self.class_names, blocks)

    def some(self, numbers: Sequence[int]) -> Sequences:
        """Return the sequences of these numbers (from 0), in their order.

        Sequences without names are called by their numbers from here on.

        Raises
        ------
        DataError
            If there is no sequence of a number; names it.
        """
        check_numbers(self, numbers)
        chosen = np.asarray(numbers, np.intp)
        return replace(
            self,
            codes=self.codes[chosen],
            labels=None if self.labels is None else self.labels[chosen],
            names=tuple(str(n) if self.names is None else self.names[n] for n in numbers),
            sites=None if self.sites is None else self.sites.some(numbers),
        )

    @cached_property
    def binary_labels(self) -> bool:
        """Whether there are labels and all that are not missing are 0 or 1."""
        if self.labels is None:
            return False
        labels = self.labels
        return bool(((labels == 0) | (labels == 1) | np.isnan(labels)).all())


def check_numbers(data: SequenceData, numbers: Sequence[int]) -> None:
    """Make sure that there is a sequence of each number.

    Raises
    ------
    DataError
        If there is none; names the number.
    """
    for number in numbers:
        if not 0 <= number < len(data):
            raise DataError(
                f"{data.source} has no sequence {number}; its {len(data)} sequences are "
                "numbered from 0"
            )
