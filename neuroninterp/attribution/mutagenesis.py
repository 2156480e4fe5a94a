"""In-silico mutagenesis: the explained number with every other base at every position.

By the model's own runtime, which works for any model; or, where that is cheaper, recomputing
only what an edit can reach (:mod:`neuroninterp.attribution.incremental`), once that was seen
to give the same. What the edited base is already is not computed again, and where the
explained number sees only a stretch of the sequence, only that stretch is edited.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neuroninterp.attribution.agreement import check_output
from neuroninterp.attribution.edits import Edits, list_edits
from neuroninterp.attribution.explained import Explained
from neuroninterp.attribution.incremental import Incremental, incremental
from neuroninterp.attribution.own_runtime import runtime_values
from neuroninterp.attribution.target import Target
from neuroninterp.errors import FidelityError
from neuroninterp.fields import required_intervals
from neuroninterp.models import Model

__all__ = ["WholeNetwork", "mutagenesis"]

_EDITS_PER_BLOCK = 2**18
_EDITS_AT_ONCE = 4096

_PROBES = 16
_TOLERANCE = 1e-5
"""Largest accepted difference of recomputing only a part, relative to the number, or to 1
where that is larger."""


class WholeNetwork:
    """Computes the explained number of edited sequences by the model's own runtime.

    Parameters
    ----------
    model : Model
        The network.
    target : Target
        What is explained.
    length : int
        Length of the sequences, bp.
    batch_size : int
        Sequences at once.
    lend : bool
        See :func:`neuroninterp.attribution.own_runtime.runtime_values`.
    """

    def __init__(
        self,
        model: Model,
        target: Target,
        length: int,
        batch_size: int = 256,
        *,
        lend: bool = True,
    ) -> None:
        self._lend = lend
        self._model = model
        self._target = target
        self._batch_size = batch_size
        self.rows = max(1, _EDITS_PER_BLOCK // (3 * length))

    def values(
        self, codes: np.ndarray, positions: np.ndarray | None, edits: Edits
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the number of sequences and of their edits; see :class:`Incremental`."""
        pieces = [self._of(codes, positions)]
        for begin in range(0, len(edits), _EDITS_AT_ONCE):
            some = edits.some(slice(begin, begin + _EDITS_AT_ONCE))
            where = None if positions is None else positions[some.rows]
            pieces.append(self._of(some.apply(codes), where))
        return pieces[0], np.concatenate([pieces[0][:0], *pieces[1:]])

    def _of(self, codes: np.ndarray, positions: np.ndarray | None) -> np.ndarray:
        return runtime_values(
            self._model,
            self._target,
            codes,
            positions,
            batch_size=self._batch_size,
            lend=self._lend,
        )


def mutagenesis(
    model: Model,
    target: Target,
    explained: Explained | None,
    codes: np.ndarray,
    positions: np.ndarray | None,
    *,
    batch_size: int = 256,
    advance: Callable[[int], None] = lambda done: None,
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return what each base at each position does to the explained number.

    Parameters
    ----------
    model : Model
        The network.
    target : Target
        What is explained.
    explained : Explained or None
        How the graph computes it, where it can.
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
    notes : list of str
        What the user should know, a sentence each.
    """
    reach = _reach(target, positions)
    computing, notes = _choose(model, target, explained, codes, positions, batch_size)
    hypothetical, values = [], []
    for begin in range(0, len(codes), computing.rows):
        rows = slice(begin, begin + computing.rows)
        block, where = codes[rows], None if positions is None else positions[rows]
        edits = list_edits(block, None if reach is None else reach[rows])
        unedited, edited = computing.values(block, where, edits)
        numbers = np.repeat(unedited.astype(np.float64), codes.shape[1] * 4)
        numbers = numbers.reshape(*block.shape, 4)
        numbers[edits.rows, edits.positions, edits.bases] = edited
        hypothetical.append((numbers - numbers.mean(axis=2, keepdims=True)).astype(np.float32))
        values.append(unedited)
        advance(len(block))
    return np.concatenate(hypothetical), np.concatenate(values).astype(np.float64), notes


def _choose(
    model: Model,
    target: Target,
    explained: Explained | None,
    codes: np.ndarray,
    positions: np.ndarray | None,
    batch_size: int,
) -> tuple[Incremental | WholeNetwork, list[str]]:
    """Return how to compute edits, and what is to be said about it."""
    length = codes.shape[1]
    whole = WholeNetwork(model, target, length, batch_size)
    if explained is None:
        return whole, []
    where = None if positions is None else positions[:1]
    edits = list_edits(codes[:1])
    some = edits.some(np.linspace(0, len(edits) - 1, _PROBES).round().astype(int))
    edited = some.apply(codes[:1])
    at = None if where is None else np.repeat(where, len(some))
    try:
        check_output(model, target, edited, at)
    except FidelityError as error:
        note = f"every edit was computed by the model's own runtime: {error}"
        return WholeNetwork(model, target, length, batch_size, lend=False), [note]
    fast = incremental(explained, length)
    if fast is None:
        return whole, []
    expected = explained.values(edited, at)
    difference = np.abs(fast.values(codes[:1], where, some)[1] - expected)
    off = float((difference / np.maximum(1, np.abs(expected))).max())
    # Written so that NaN counts as wrong.
    if not off <= _TOLERANCE:
        return whole, [
            f"recomputing only what an edit reaches is off by {off:.2g} here, so the whole "
            "network was computed for every edit; please report this model"
        ]
    return fast, []


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
