"""In-silico mutagenesis: the explained number with every other base at every position.

Computed by the model's own runtime, so that it works for any model. What the edited base is
already is not computed again, and where the explained number sees only a stretch of the
sequence, only that stretch is edited.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["Edits", "centred_on_mean", "list_edits", "mutate"]

_EDITS_AT_ONCE = 4096


class Edits:
    """Single-base edits of some sequences, in the order of sequence, position and base.

    Parameters
    ----------
    rows, positions, bases : numpy.ndarray, shape=(E,)
        Sequence, position (both from 0) and new base (0 to 3) of each edit.
    """

    def __init__(self, rows: np.ndarray, positions: np.ndarray, bases: np.ndarray) -> None:
        self.rows = rows
        self.positions = positions
        self.bases = bases

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, chosen: slice | np.ndarray) -> Edits:
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


def mutate(
    codes: np.ndarray,
    values: np.ndarray,
    edits: Edits,
    evaluate: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    """Return the explained number with each base at each position.

    Parameters
    ----------
    codes : numpy.ndarray, shape=(N, L)
        Sequences, uint8.
    values : numpy.ndarray, shape=(N,)
        The explained number of the sequences as they are.
    edits : Edits
        What is changed; what is not keeps ``values``.
    evaluate : callable
        From edited sequences (E, L) and the row of each (E,) to the explained number (E,).

    Returns
    -------
    numpy.ndarray, shape=(N, L, 4)
        float64.
    """
    found = np.repeat(values, codes.shape[1] * 4).reshape(*codes.shape, 4).astype(np.float64)
    for begin in range(0, len(edits), _EDITS_AT_ONCE):
        some = edits[begin : begin + _EDITS_AT_ONCE]
        found[some.rows, some.positions, some.bases] = evaluate(some.apply(codes), some.rows)
    return found


def centred_on_mean(numbers: np.ndarray) -> np.ndarray:
    """Turn numbers (N, L, 4) into scores: less their mean over the four bases, float32."""
    return (numbers - numbers.mean(axis=2, keepdims=True)).astype(np.float32)
