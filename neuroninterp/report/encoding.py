"""PPMs as text, compact enough that thousands of logos travel in one file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from neuroninterp.motifs.information import information_content

__all__ = ["FULL_SCALE", "Encoded", "embed_json", "encode_ppms", "informative_span"]

_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

FULL_SCALE = len(_DIGITS) ** 2 - 1
"""A probability of 1: two digits to the base 64."""

_CHARACTERS = 6
"""Of a position: A, C and G, two digits each; T is what is left of the full scale."""

_INFORMATIVE = 0.2
_FLANK = 2
"""A position is informative when it carries this share of what the best position carries; a
logo in the gallery shows those and a small flank."""

_FAINT = 0.1
"""Bits from which a position is part of what a neuron's page draws."""


class Encoded(NamedTuple):
    """A PPM as text.

    Parameters
    ----------
    text : str
        The positions that are drawn, 6 characters each.
    start : int
        The first of them, bp.
    begin, end : int
        The informative stretch, half-open, bp.
    length : int
        Of the whole PPM, bp.
    """

    text: str
    start: int
    begin: int
    end: int
    length: int


def informative_span(ppm: np.ndarray) -> tuple[int, int]:
    """Return the stretch that holds every informative position and a small flank.

    Parameters
    ----------
    ppm : numpy.ndarray, shape=(length, 4)
        Probabilities, rows summing to 1.

    Returns
    -------
    tuple of int
        Half-open positions (bp); the whole length where nothing stands out.
    """
    return _span(information_content(ppm))


def encode_ppms(ppms: Sequence[np.ndarray]) -> list[Encoded]:
    """Write PPMs as text, to the nearest 1/4095.

    Parameters
    ----------
    ppms : sequence of numpy.ndarray, shape=(length, 4)
        Probabilities, ACGT, rows summing to 1.

    Returns
    -------
    list of Encoded
        One a PPM. Positions at either end that carry less than 0.1 bits, but for a small
        flank, are left out: they would be drawn as nothing.
    """
    if not ppms:
        return []
    bits = information_content(np.concatenate(ppms))
    text = _encode_columns(np.concatenate(ppms))
    found, at = [], 0
    for ppm in ppms:
        own = bits[at : at + len(ppm)]
        begin, end = _span(own)
        start, stop = _hull(np.flatnonzero(own >= _FAINT), len(ppm), (begin, end))
        first, last = _CHARACTERS * (at + start), _CHARACTERS * (at + stop)
        found.append(Encoded(text[first:last], start, begin, end, len(ppm)))
        at += len(ppm)
    return found


def embed_json(value: Any) -> str:
    """Write JSON that is safe inside a ``<script>`` element, whatever text it holds."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _span(bits: np.ndarray) -> tuple[int, int]:
    peak = bits.max(initial=0.0)
    if peak <= 0:
        return 0, len(bits)
    informative = np.flatnonzero(bits >= _INFORMATIVE * peak)
    return max(0, int(informative[0]) - _FLANK), min(len(bits), int(informative[-1]) + 1 + _FLANK)


def _hull(positions: np.ndarray, length: int, within: tuple[int, int]) -> tuple[int, int]:
    """Return the shortest stretch with the positions, a flank, and all of another stretch."""
    if not len(positions):
        return within
    start = max(0, int(positions[0]) - _FLANK)
    stop = min(length, int(positions[-1]) + 1 + _FLANK)
    return min(start, within[0]), max(stop, within[1])


def _encode_columns(columns: np.ndarray) -> str:
    """Write every column with 6 digits; the four entries add up to the full scale exactly."""
    scaled = FULL_SCALE * np.clip(np.asarray(columns, np.float64), 0.0, 1.0)
    scaled *= FULL_SCALE / scaled.sum(axis=1, keepdims=True)
    levels = np.floor(scaled).astype(np.int64)
    # What rounding down lost goes to the entries that lost most.
    missing = FULL_SCALE - levels.sum(axis=1, keepdims=True)
    rank = np.argsort(np.argsort(levels - scaled, axis=1, kind="stable"), axis=1, kind="stable")
    levels += rank < missing
    digits = np.frombuffer(_DIGITS.encode("ascii"), dtype=np.uint8)
    kept = levels[:, :3].ravel()
    pairs = np.stack([digits[kept // len(_DIGITS)], digits[kept % len(_DIGITS)]], axis=1)
    return pairs.tobytes().decode("ascii")
