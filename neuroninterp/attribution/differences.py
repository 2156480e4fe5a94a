"""Methods that explain a difference from references: DeepLIFT and integrated gradients.

Both give every entry of the input a multiplier. The score that base b would have at a
position is the sum over the input's channels of multiplier times (b - reference), averaged
over the references; the scores of the bases that are there should add up to the difference
of the explained number, and the completeness gap says how far they are off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuroninterp.attribution.explained import Explained
from neuroninterp.attribution.references import References
from neuroninterp.backend import import_keras

__all__ = ["Differences", "explain_differences"]

_FEWER = 6
"""By how much batches are smaller than those of values alone: sequence, reference, windows of
pools and multipliers are held at once."""


@dataclass(frozen=True, eq=False)
class Differences:
    """What the scores explain, and the scores.

    Parameters
    ----------
    hypothetical : numpy.ndarray, shape=(N, L, 4)
        Score of each base, float32.
    value, reference_value : numpy.ndarray, shape=(N,)
        The explained number of the sequence, and its mean over the references, float64.
    gap : numpy.ndarray, shape=(N,)
        Sum of the scores of the bases that are there - (value - reference value).
    """

    hypothetical: np.ndarray
    value: np.ndarray
    reference_value: np.ndarray
    gap: np.ndarray


def explain_differences(
    explained: Explained,
    codes: np.ndarray,
    positions: np.ndarray | None,
    references: References,
    function: Callable[..., Any],
    advance: Callable[[int], None] = lambda done: None,
) -> Differences:
    """Turn multipliers into scores, a batch of sequences at a time.

    Parameters
    ----------
    explained : Explained
        What is explained.
    codes : numpy.ndarray, shape=(N, L)
        Sequences, uint8.
    positions : numpy.ndarray or None, shape=(N,)
        Output position of each sequence, where the explained tensor has positions.
    references : References
        What they are compared with.
    function : callable
        From codes, references and positions to numbers and multipliers, as
        :func:`neuroninterp.attribution.deeplift.deeplift_function` returns it.
    advance : callable
        Called with the number of finished sequences of each batch.
    """
    to_numpy = import_keras().ops.convert_to_numpy
    at = np.zeros(len(codes), np.int32) if positions is None else positions
    count = references.count
    rows = min(max(1, explained.batch_size // (_FEWER * count)), len(codes))
    pieces: list[Differences] = []
    for begin in range(0, len(codes), rows):
        # The last batch is as large as the others, so that nothing is compiled for it.
        chosen = np.arange(begin, begin + rows).clip(max=len(codes) - 1)
        compared = references.of(codes[chosen])
        found = [to_numpy(x) for x in function(codes[chosen], compared, at[chosen])]
        size = min(rows, len(codes) - begin)
        pieces.append(_scored(explained, codes[chosen], compared, found, count, size))
        advance(size)
    return Differences(
        *(
            np.concatenate([getattr(piece, name) for piece in pieces])
            for name in ("hypothetical", "value", "reference_value", "gap")
        )
    )


def _scored(
    explained: Explained,
    codes: np.ndarray,
    references: np.ndarray,
    found: list[np.ndarray],
    count: int,
    size: int,
) -> Differences:
    ours, theirs, multipliers = found
    shape = (len(codes), count, *multipliers.shape[1:])
    multipliers = multipliers.reshape(shape)
    of_reference = (multipliers * references.reshape(shape)).sum(axis=3).mean(axis=1)
    mean = multipliers.mean(axis=1)
    of_base = mean @ explained.table.T - of_reference[:, :, None]
    here = np.take_along_axis(of_base, codes[:, :, None].astype(np.intp), axis=2)[:, :, 0]
    value = ours.astype(np.float64)
    reference_value = theirs.reshape(len(codes), count).astype(np.float64).mean(axis=1)
    gap = here.sum(axis=1, dtype=np.float64) - (value - reference_value)
    return Differences(
        of_base[:size, :, :4].astype(np.float32), value[:size], reference_value[:size], gap[:size]
    )
