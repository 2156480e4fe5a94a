"""Alignment of motif segments by Tomtom, on both strands, and their average."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from neuroninterp.motifs.information import (
    FLANK,
    MINIMUM_INFORMATION,
    clip,
    information_content,
    reverse_complement,
)

__all__ = ["Alignment", "Comparison", "Segment", "average"]

_P_VALUE = 1e-3
"""Largest Tomtom p-value of one motif. Alone it would let faint look-alikes in."""

_LIKENESS = 0.75
"""Smallest correlation, about 1/4, of the aligned columns of one motif."""

_SHORT_P_VALUE, _SHORT_LIKENESS = 0.05, 0.9
"""The same for motifs of three or four columns, which Tomtom finds significant only by chance."""

_COVERED = 0.6
"""Share of the information of either PPM that must be aligned: half a motif is not the whole."""


@dataclass(frozen=True)
class Alignment:
    """How a segment lies on a PPM.

    Parameters
    ----------
    strand : str
        "-" where the segment's reverse complement is what resembles the PPM.
    offset : int
        Column of the PPM on which the segment's first column (after turning it) lies; may be
        negative.
    likeness : float
        Correlation of the aligned columns about 1/4, in [-1, 1].
    """

    strand: str
    offset: int
    likeness: float


@dataclass(frozen=True, eq=False)
class Segment:
    """A stretch of a part's PPM.

    Parameters
    ----------
    neuron, part : int
        Channel (from 0) and index of its part.
    start, end : int
        The stretch, half-open.
    share : float
        Weight in an average.
    ppm : numpy.ndarray, shape=(L, 4)
        The whole part's PPM.
    """

    neuron: int
    part: int
    start: int
    end: int
    share: float
    ppm: np.ndarray

    @property
    def columns(self) -> np.ndarray:
        """The stretch itself, (end - start, 4)."""
        return self.ppm[self.start : self.end]

    def position(self, alignment: Alignment, width: int) -> int:
        """Return where, in the part, the PPM of ``width`` columns begins that this lies on."""
        if alignment.strand == "+":
            return self.start - alignment.offset
        return self.end + alignment.offset - width


class Comparison:
    """Tomtom's comparison of PPMs with segments, from which alignments are read.

    Parameters
    ----------
    ppms : sequence of numpy.ndarray, shape=(L, 4)
        What to compare with.
    segments : sequence of Segment
        What to compare.
    null : sequence of numpy.ndarray, shape=(L, 4)
        Known motifs. Tomtom takes the columns of all targets for its null; those of a few
        alike segments would be none.
    n_jobs : int
        Threads; -1 for all.
    """

    def __init__(
        self,
        ppms: Sequence[np.ndarray],
        segments: Sequence[Segment],
        null: Sequence[np.ndarray],
        *,
        n_jobs: int = 1,
    ) -> None:
        import memelite
        import numba

        self._ppms = ppms
        forward = [segment.columns for segment in segments]
        # Both strands as targets of their own, as in matching; the forward strand last, so
        # that of equally good ones it is kept.
        self._targets = [*map(reverse_complement, forward), *forward]
        targets = [*self._targets, *null, *map(reverse_complement, null)]
        threads = numba.config.NUMBA_NUM_THREADS
        self._p_values, _, self._offsets, _, _ = memelite.tomtom(
            [np.ascontiguousarray(ppm.T, np.float64) for ppm in ppms],
            [np.ascontiguousarray(target.T, np.float64) for target in targets],
            reverse_complement=False,
            n_jobs=threads if n_jobs < 0 else max(1, min(n_jobs, threads)),
        )

    def alike(self, row: int, among: Collection[int] | None = None) -> dict[int, Alignment]:
        """Return the segments that are the motif of PPM ``row``, by index, with their places.

        Parameters
        ----------
        row : int
            Index of the PPM.
        among : collection of int, optional
            Indices of the segments to look at; all by default.
        """
        ppm, number = self._ppms[row], len(self._targets) // 2
        found: dict[int, Alignment] = {}
        for target in np.flatnonzero(self._p_values[row, : 2 * number] <= _SHORT_P_VALUE):
            index = int(target) % number
            if among is not None and index not in among:
                continue
            offset = -int(self._offsets[row, target])
            likeness = _likeness(ppm, self._targets[target], offset)
            significant = self._p_values[row, target] <= _P_VALUE
            if likeness < (_LIKENESS if significant else _SHORT_LIKENESS):
                continue
            if index not in found or likeness >= found[index].likeness:
                found[index] = Alignment("-" if target < number else "+", offset, likeness)
        return found


def average(
    members: Sequence[tuple[Segment, Alignment]],
) -> tuple[np.ndarray, tuple[tuple[Segment, Alignment], ...]]:
    """Average aligned segments, with a few columns around each, and trim the average.

    Parameters
    ----------
    members : sequence of (Segment, Alignment)
        At least one; all aligned to one PPM.

    Returns
    -------
    ppm : numpy.ndarray, shape=(L, 4)
        From the first to the last column of more than 0.5 bits among those that half of the
        weight supports.
    members : tuple of (Segment, Alignment)
        The same, aligned to the average.
    """
    first = min(alignment.offset for _, alignment in members) - FLANK
    last = max(a.offset + segment.end - segment.start for segment, a in members) + FLANK
    total, weight = np.zeros((last - first, 4)), np.zeros(last - first)
    for segment, alignment in members:
        left = max(0, segment.start - FLANK)
        columns = segment.ppm[left : segment.end + FLANK]
        at = alignment.offset - (segment.start - left)
        if alignment.strand == "-":
            at = alignment.offset - (left + len(columns) - segment.end)
            columns = reverse_complement(columns)
        place = slice(at - first, at - first + len(columns))
        total[place] += segment.share * columns
        weight[place] += segment.share
    supported = np.flatnonzero(weight >= 0.5 * weight.max())
    begin, end = int(supported[0]), int(supported[-1]) + 1
    ppm = total[begin:end] / weight[begin:end, None]
    left, right = clip(ppm, flank=0)
    if left == right:
        left, right = 0, len(ppm)
    shift = first + begin + left
    moved = tuple(
        (segment, Alignment(a.strand, a.offset - shift, a.likeness)) for segment, a in members
    )
    return np.ascontiguousarray(ppm[left:right]), moved


def _likeness(ppm: np.ndarray, columns: np.ndarray, offset: int) -> float:
    """Correlate aligned columns about 1/4; -1 where too much of either is not aligned."""
    start, end = max(0, offset), min(len(ppm), offset + len(columns))
    if end <= start:
        return -1.0
    for whole, first, last in ((ppm, start, end), (columns, start - offset, end - offset)):
        bits = information_content(whole)
        if bits[first:last].sum() < _COVERED * bits.sum():
            return -1.0
        # What lies beside the alignment could be a motif of its own.
        if max(bits[:first].sum(), bits[last:].sum()) >= MINIMUM_INFORMATION:
            return -1.0
    one, other = ppm[start:end] - 0.25, columns[start - offset : end - offset] - 0.25
    length = np.sqrt((one**2).sum() * (other**2).sum())
    return float((one * other).sum() / length) if length > 0 else -1.0
