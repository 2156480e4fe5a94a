"""Which stretch of a PPM, or of PPMs in register, is drawn where all of it would be too wide."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuroninterp.motifs.information import information_content
from neuroninterp.report.encoding import informative_span

__all__ = ["common_stretch", "drawn_span"]


def drawn_span(ppm: np.ndarray, widest: int) -> tuple[int, int]:
    """Return the informative stretch of a PPM, or where it is too long its most informative one.

    Parameters
    ----------
    ppm : numpy.ndarray, shape=(length, 4)
        Probabilities, rows summing to 1.
    widest : int
        Most positions of it (bp).

    Returns
    -------
    tuple of int
        Half-open positions, from 0.
    """
    start, end = informative_span(ppm)
    return _densest(start, information_content(ppm)[start:end], widest)


def common_stretch(
    ppms: Sequence[np.ndarray], shifts: Sequence[int], widest: int
) -> tuple[int, int]:
    """Return what is worth showing of PPMs that stand below each other, shifts taken back.

    Parameters
    ----------
    ppms : sequence of numpy.ndarray, shape=(length, 4)
        Probabilities, at least one.
    shifts : sequence of int
        By how much each is moved back (bp).
    widest : int
        Most columns to show.

    Returns
    -------
    tuple of int
        Half-open columns, the positions of a PPM without shift: all that is informative in any
        of them, or where that is too long the stretch in which all together carry most bits.
    """
    spans = [informative_span(ppm) for ppm in ppms]
    left = min(start - shift for (start, _), shift in zip(spans, shifts, strict=True))
    right = max(end - shift for (_, end), shift in zip(spans, shifts, strict=True))
    bits = np.zeros(right - left)
    for ppm, shift in zip(ppms, shifts, strict=True):
        start, end = max(0, left + shift), min(len(ppm), right + shift)
        if start < end:
            bits[start - shift - left : end - shift - left] += information_content(ppm[start:end])
    return _densest(left, bits, widest)


def _densest(start: int, bits: np.ndarray, widest: int) -> tuple[int, int]:
    """Return all positions from ``start`` on, or the ``widest`` that carry most of these bits."""
    if len(bits) <= widest:
        return start, start + len(bits)
    start += int(np.argmax(np.convolve(bits, np.ones(widest), mode="valid")))
    return start, start + widest
