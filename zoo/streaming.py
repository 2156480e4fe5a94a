"""Parts of data sets that are too large for memory, read from their files block by block.

A pass over a part reads its blocks in random order into a buffer, shuffles the buffer, and
yields it in pieces: memory depends on the buffer, not on the part. Sequences that are
neighbours in the file are in the same buffer, but hardly ever in the same batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neuroninterp.errors import DataError
from zoo.data import Piece, piece_rows

__all__ = ["StreamedPart", "checked_labels", "digest_of"]

_BLOCK_ROWS = 1024
"""Fewest neighbours that are read together: enough to read fast."""
_BUFFER_BYTES = 2**28
"""Of the sequences and labels that are shuffled together, a byte each."""
_DIGEST_BYTES = 2**24

Reader = Callable[[int, int], Piece]
"""Reads the sequences from a first to before a last, and their labels as uint8."""


@dataclass(frozen=True)
class StreamedPart:
    """One part of a data set in a file.

    Parameters
    ----------
    total : int
        Number of sequences.
    length : int
        Of each sequence, bp.
    classes : int
        Number of labels.
    together : int
        How many neighbours are stored, and so best read, together.
    open : callable
        Opens the file: a context that yields a reader of (first, before last), which returns
        sequences (n, L), uint8, 0 to 4, and labels (n, T), uint8, 0 or 1.
    """

    total: int
    length: int
    classes: int
    together: int
    open: Callable[[], AbstractContextManager[Reader]]

    def __len__(self) -> int:
        return self.total

    def shuffled(self, rng: np.random.Generator, batch_size: int) -> Iterator[Piece]:
        """Yield all sequences in random order, in pieces of whole batches (but for the last).

        Parameters
        ----------
        rng : numpy.random.Generator
            Drawn from now, so that the order does not depend on what else is drawn later.
        batch_size : int
            Sequences a step.

        Yields
        ------
        codes : numpy.ndarray, shape=(n, L)
            uint8, 0 to 4.
        labels : numpy.ndarray, shape=(n, T)
            uint8, 0 or 1.

        Raises
        ------
        DataError
            If the file is damaged, or holds sequences that are not one-hot or other labels.
        """
        starts = rng.permutation(np.arange(0, self.total, self._block_rows))
        inner = np.random.default_rng(rng.integers(2**63))
        return self._whole_batches(self._buffers(starts, inner), batch_size)

    def in_order(self, batch_size: int) -> Iterator[Piece]:
        """Yield all sequences as they are stored; otherwise as :meth:`shuffled`."""
        # Whole chunks at a time, cut into pieces then.
        return self._whole_batches(
            self._blocks(np.arange(0, self.total, self._block_rows)), batch_size
        )

    @property
    def _block_rows(self) -> int:
        """Rows of a block: whole chunks of the file."""
        return -(-_BLOCK_ROWS // self.together) * self.together

    def _blocks(self, starts: np.ndarray) -> Iterator[Piece]:
        with self.open() as read:
            for start in starts.tolist():
                yield read(start, min(start + self._block_rows, self.total))

    def _buffers(self, starts: np.ndarray, rng: np.random.Generator) -> Iterator[Piece]:
        """Yield so many blocks at a time as fit into the buffer, shuffled together."""
        fitting = _BUFFER_BYTES // (self.length + self.classes)
        blocks = max(1, fitting // self._block_rows)
        gathered: list[Piece] = []
        for number, block in enumerate(self._blocks(starts), start=1):
            gathered.append(block)
            if len(gathered) == blocks or number == len(starts):
                codes, labels = _joined(gathered)
                gathered = []
                order = rng.permutation(len(codes))
                # Piece by piece, because a block may be half of memory.
                for first in range(0, len(order), piece_rows(self.length, 1)):
                    rows = order[first : first + piece_rows(self.length, 1)]
                    yield codes[rows], labels[rows]

    def _whole_batches(self, pieces: Iterable[Piece], batch_size: int) -> Iterator[Piece]:
        """Cut and join pieces so that each but the last is whole batches."""
        most = piece_rows(self.length, batch_size)
        held: list[Piece] = []
        for piece in pieces:
            held.append(piece)
            rows = sum(len(codes) for codes, _ in held)
            if rows < most:
                continue
            codes, labels = _joined(held)
            for first in range(0, rows - most + 1, most):
                yield codes[first : first + most], labels[first : first + most]
            held = [(codes[rows - rows % most :], labels[rows - rows % most :])]
        codes, labels = _joined(held)
        if len(codes):
            yield codes, labels


def checked_labels(values: np.ndarray, name: str, first: int) -> np.ndarray:
    """Return labels as uint8, refusing anything but 0 and 1.

    Parameters
    ----------
    values : numpy.ndarray, shape=(n, T)
        Any numeric type.
    name : str
        What to call the array in an error.
    first : int
        Index of the first sequence in the whole part.

    Raises
    ------
    DataError
        If a value is neither; names the first.
    """
    wrong = (values != 0) & (values != 1)
    if wrong.any():
        row, column = (int(index) for index in np.argwhere(wrong)[0])
        raise DataError(
            f"{name} holds {float(values[row, column]):g} for sequence {first + row}, label "
            f"{column} (from 0); expected 0 or 1"
        )
    return values.astype(np.uint8)


def digest_of(paths: Iterable[Path]) -> str:
    """Return the SHA-256 of files, one after the other, in hexadecimal."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            while piece := stream.read(_DIGEST_BYTES):
                digest.update(piece)
    return digest.hexdigest()


def _joined(pieces: list[Piece]) -> Piece:
    if len(pieces) == 1:
        return pieces[0]
    return (
        np.concatenate([codes for codes, _ in pieces]),
        np.concatenate([labels for _, labels in pieces]),
    )
