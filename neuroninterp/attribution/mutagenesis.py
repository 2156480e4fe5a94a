"""In-silico mutagenesis: the explained number with every other base at every position.

Computed by the model's own runtime, so that it works for any model. What the edited base is
already is not computed again, and where the explained number sees only a stretch of the
sequence, only that stretch is edited.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neuroninterp.attribution.own_runtime import runtime_values
from neuroninterp.attribution.target import Target
from neuroninterp.fields import required_intervals
from neuroninterp.models import Model

__all__ = ["Edits", "list_edits", "mutagenesis"]

_EDITS_PER_BLOCK = 2**18
_EDITS_AT_ONCE = 4096


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


def mutagenesis(
    model: Model,
    target: Target,
    codes: np.ndarray,
    positions: np.ndarray | None,
    *,
    batch_size: int = 256,
    advance: Callable[[int], None] = lambda done: None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return what each base at each position does to the explained number.

    Parameters
    ----------
    model : Model
        The network.
    target : Target
        What is explained.
    codes : numpy.ndarray, shape=(N, L)
        Sequences, uint8.
    positions : numpy.ndarray or None, shape=(N,)
        Output position of each sequence, where the explained tensor has positions.
    batch_size : int
        Sequences at once in the model's own runtime.
    advance : callable
        Called with the number of finished sequences of each batch.

    Returns
    -------
    hypothetical : numpy.ndarray, shape=(N, L, 4)
        The number with each base at each position, less its mean over the four; float32.
    values : numpy.ndarray, shape=(N,)
        The number of the sequences as they are, float64.
    """
    values = runtime_values(model, target, codes, positions, batch_size=batch_size)
    reach = _reach(target, positions)
    rows_at_once = max(1, _EDITS_PER_BLOCK // (3 * codes.shape[1]))
    pieces = []
    for begin in range(0, len(codes), rows_at_once):
        rows = slice(begin, begin + rows_at_once)
        block = codes[rows]
        where = None if positions is None else positions[rows]
        numbers = np.repeat(values[rows], codes.shape[1] * 4).reshape(*block.shape, 4)
        edits = list_edits(block, None if reach is None else reach[rows])
        for first in range(0, len(edits), _EDITS_AT_ONCE):
            some = edits.some(slice(first, first + _EDITS_AT_ONCE))
            at = None if where is None else where[some.rows]
            edited = some.apply(block)
            numbers[some.rows, some.positions, some.bases] = runtime_values(
                model, target, edited, at, batch_size=batch_size
            )
        pieces.append((numbers - numbers.mean(axis=2, keepdims=True)).astype(np.float32))
        advance(len(block))
    return np.concatenate(pieces), values


def _reach(target: Target, positions: np.ndarray | None) -> np.ndarray | None:
    """Return the first and last position of each sequence that a neuron sees, (N, 2)."""
    if target.layer is None or positions is None:
        return None
    name = target.graph.input.name
    fields = {
        int(at): required_intervals(target.graph, target.node, int(at))[name]
        for at in np.unique(positions)
    }
    return np.array([fields[int(at)] for at in positions])
