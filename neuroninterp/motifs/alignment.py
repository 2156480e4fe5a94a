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
from neuroninterp.motifs.tomtom import tomtom

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
        Known motifs, both strands. Tomtom takes the columns of all targets for its null;
        those of a few alike segments would be none.
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
        self._ppms = ppms
        forward = [segment.columns for segment in segments]
        # Both strands as targets of their own, as in matching; the forward strand last, so
        # that of equally good ones it is kept.
        both = [*map(reverse_complement, forward), *forward]
        self._targets = _Padded(both)
        self._p_values, _, self._offsets = tomtom(ppms, [*both, *null], n_jobs=n_jobs)

    def alike(self, row: int, among: Collection[int] | None = None) -> dict[int, Alignment]:
        """Return the segments that are the motif of PPM ``row``, by index, with their places.

        Parameters
        ----------
        row : int
            Index of the PPM.
        among : collection of int, optional
            Indices of the segments to look at; all by default.
        """
        number = len(self._targets.widths) // 2
        close = np.flatnonzero(self._p_values[row, : 2 * number] <= _SHORT_P_VALUE)
        if among is not None:
            close = close[[int(target) % number in among for target in close]]
        offsets = -self._offsets[row, close].astype(np.int64)
        likeness = _likeness(self._ppms[row], self._targets, close, offsets)
        significant = self._p_values[row, close] <= _P_VALUE
        found: dict[int, Alignment] = {}
        for i in np.flatnonzero(likeness >= np.where(significant, _LIKENESS, _SHORT_LIKENESS)):
            index = int(close[i]) % number
            if index not in found or likeness[i] >= found[index].likeness:
                strand = "-" if close[i] < number else "+"
                found[index] = Alignment(strand, int(offsets[i]), float(likeness[i]))
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


class _Padded:
    """PPMs of many widths in one array.

    Attributes
    ----------
    widths : numpy.ndarray, shape=(n,)
        Columns of each.
    columns : numpy.ndarray, shape=(n, widest, 4)
        Probabilities less 1/4; 0 beyond a PPM's width.
    before, after : numpy.ndarray, shape=(n, widest + 1)
        Information (bits) of the columns before, and from, each position.
    """

    def __init__(self, ppms: Sequence[np.ndarray]) -> None:
        self.widths = np.array([len(ppm) for ppm in ppms])
        inside = np.arange(self.widths.max()) < self.widths[:, None]
        self.columns = np.zeros((*inside.shape, 4))
        self.columns[inside] = np.concatenate(ppms)
        bits = np.zeros(inside.shape)
        bits[inside] = information_content(self.columns[inside])
        self.columns[inside] -= 0.25
        edge = np.zeros((len(bits), 1))
        self.before = np.concatenate([edge, bits.cumsum(axis=1)], axis=1)
        # From the right, and not as what the left leaves, so that whole bits stay whole.
        self.after = np.concatenate([bits[:, ::-1].cumsum(axis=1)[:, ::-1], edge], axis=1)


def _likeness(
    ppm: np.ndarray, targets: _Padded, chosen: np.ndarray, offsets: np.ndarray
) -> np.ndarray:
    """Correlate aligned columns about 1/4; -1 where too much of either is not aligned.

    ``offsets`` tells on which column of the PPM each of the ``chosen`` targets begins.
    """
    query = _Padded([ppm])
    start = np.maximum(0, offsets)
    end = np.maximum(np.minimum(len(ppm), offsets + targets.widths[chosen]), start)
    apart = end == start
    for whole, rows, first, last in (
        (query, np.zeros_like(chosen), start, end),
        (targets, chosen, start - offsets, end - offsets),
    ):
        left, right = whole.before[rows, first], whole.after[rows, last]
        apart |= whole.before[rows, last] - left < _COVERED * whole.after[rows, 0]
        # What lies beside the alignment could be a motif of its own.
        apart |= np.maximum(left, right) >= MINIMUM_INFORMATION
    place = np.arange(len(ppm))
    aligned = ((place >= start[:, None]) & (place < end[:, None]))[:, :, None]
    at = np.clip(place - offsets[:, None], 0, targets.columns.shape[1] - 1)
    other = np.where(aligned, targets.columns[chosen[:, None], at], 0.0)
    one = np.where(aligned, query.columns, 0.0)
    scale = np.sqrt((one**2).sum(axis=(1, 2)) * (other**2).sum(axis=(1, 2)))
    products = (one * other).sum(axis=(1, 2))
    correlations = np.divide(products, scale, out=np.full(len(scale), -1.0), where=scale > 0)
    return np.where(apart, -1.0, correlations)
