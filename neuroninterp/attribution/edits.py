"""Edits of single bases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Edits", "list_edits"]


@dataclass(frozen=True, eq=False)
class Edits:
    """Changes of one base, in the order of sequence, position and base.

    Parameters
    ----------
    rows, positions, bases : numpy.ndarray, shape=(E,)
        Sequence and position (both from 0) and new base (0 to 3) of each edit.
    """

    rows: np.ndarray
    positions: np.ndarray
    bases: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def some(self, chosen: slice | np.ndarray) -> Edits:
        """Return a part of the edits."""
        return Edits(self.rows[chosen], self.positions[chosen], self.bases[chosen])

    def apply(self, codes: np.ndarray) -> np.ndarray:
        """Return the edited sequences, one an edit, (E, L)."""
        edited = codes[self.rows]
        edited[np.arange(len(self)), self.positions] = self.bases
        return edited


def list_edits(codes: np.ndarray, reach: np.ndarray | None = None) -> Edits:
    """List every change of one base into another; an unknown base changes into all four.

    Parameters
    ----------
    codes : numpy.ndarray, shape=(N, L)
        Sequences, uint8.
    reach : numpy.ndarray or None, shape=(N, 2)
        First and last position of each sequence that can matter; None for all.
    """
    changes = codes[:, :, None] != np.arange(4, dtype=np.uint8)
    if reach is not None:
        at = np.arange(codes.shape[1])
        changes &= ((at >= reach[:, :1]) & (at <= reach[:, 1:]))[:, :, None]
    rows, positions, bases = np.nonzero(changes)
    return Edits(rows, positions, bases.astype(np.uint8))
