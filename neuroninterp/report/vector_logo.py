"""Sequence logos as vector graphics: the letters' outlines, and a logo as one inline ``<svg>``.

The report's script draws with the same outlines, so that a logo looks the same in the browser
and in a notebook.
"""

from __future__ import annotations

import html
import math

import numpy as np

from neuroninterp.motifs.information import information_content, small_sample_correction

__all__ = ["COLOURS", "GLYPHS", "LETTER_MARGIN", "LOWEST_BITS", "letter_bits", "logo_svg"]

COLOURS = {"A": "#1b7f3b", "C": "#1f5fc4", "G": "#d98200", "T": "#c8322b"}
"""The usual colours of the bases."""

LETTER_MARGIN = 0.04
"""Share of a column that stays free on either side of its letters."""

LOWEST_BITS = 0.01
"""Letters that are lower than this are thinner than a line, and are not drawn."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 20.0, 2.0, 5.0, 17.0


def _ring(*, right: float) -> str:
    """Outline an open ring, the body of C and G, in a box that ends at ``right``.

    Two ellipses around the middle, open from -40 to 40 degrees; x is stretched so that the
    drawing fills its box.
    """
    cosine, sine = math.cos(math.radians(40)), math.sin(math.radians(40))
    outer, inner = (0.5, 0.5), (0.3, 0.355)
    scale = 1 / right

    def point(radii: tuple[float, float], side: int) -> str:
        x, y = scale * (0.5 + radii[0] * cosine), 0.5 + side * radii[1] * sine
        return f"{x:.4f} {y:.4f}"

    def radii(pair: tuple[float, float]) -> str:
        return f"{scale * pair[0]:.4f} {pair[1]:.4f}"

    return (
        f"M{point(outer, -1)}A{radii(outer)} 0 1 0 {point(outer, 1)}"
        f"L{point(inner, 1)}A{radii(inner)} 0 1 1 {point(inner, -1)}Z"
    )


def _polygon(*corners: tuple[float, float]) -> str:
    return "M" + "L".join(f"{x:.4f} {y:.4f}" for x, y in corners) + "Z"


_C_RIGHT = 0.5 + 0.5 * math.cos(math.radians(40))
_G_RIGHT = 0.95
# It turns as the ring does: where outlines overlap, opposite turns would leave a hole.
_G_BAR = ((0.56, 0.64), (0.76, 0.64), (0.76, 0.9), (0.95, 0.9), (0.95, 0.5), (0.56, 0.5))

GLYPHS = {
    "A": _polygon(
        *((0, 1), (0.385, 0), (0.615, 0), (1, 1)),
        *((0.79, 1), (0.705, 0.765), (0.295, 0.765), (0.21, 1)),
    )
    + _polygon((0.35, 0.605), (0.65, 0.605), (0.5, 0.17)),
    "C": _ring(right=_C_RIGHT),
    "G": _ring(right=_G_RIGHT) + _polygon(*((x / _G_RIGHT, y) for x, y in _G_BAR)),
    "T": _polygon(
        *((0, 0), (1, 0), (1, 0.15), (0.6, 0.15)), *((0.6, 1), (0.4, 1), (0.4, 0.15), (0, 0.15))
    ),
}
"""Outline of each letter as SVG path data; it fills the unit square, y downward."""


def letter_bits(ppm: np.ndarray, *, n_sequences: float | None = None) -> np.ndarray:
    """Return the height of every letter of a logo.

    Parameters
    ----------
    ppm : numpy.ndarray, shape=(length, 4)
        Probabilities, ACGT, rows summing to 1.
    n_sequences : float or None
        Number of sequences behind the PPM, for the small-sample correction; None for none.

    Returns
    -------
    numpy.ndarray, shape=(length, 4)
        Bits: probability times the position's information content; a position's letters sum
        to at most 2 bits.

    Raises
    ------
    ValueError
        If ``ppm`` is not of shape (length, 4).
    """
    matrix = np.asarray(ppm, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] != 4 or not len(matrix):
        raise ValueError(f"expected a PPM of shape (length, 4), found {matrix.shape}")
    information = information_content(matrix)
    if n_sequences is not None:
        information = np.maximum(0.0, information - small_sample_correction(n_sequences))
    heights: np.ndarray = matrix * information[:, None]
    return heights


def logo_svg(
    ppm: np.ndarray,
    *,
    column: float = 14.0,
    height: float = 66.0,
    first: int = 1,
    n_sequences: float | None = None,
    title: str = "",
) -> str:
    """Draw a sequence logo as one self-contained ``<svg>`` element, without script or style.

    Parameters
    ----------
    ppm : numpy.ndarray, shape=(length, 4)
        Probabilities, ACGT, rows summing to 1.
    column : float
        Width of a position, px.
    height : float
        Height of 2 bits, px.
    first : int
        Number of the first position on the axis (bp).
    n_sequences : float or None
        Number of sequences behind the PPM, for the small-sample correction; None for none.
    title : str
        What a screen reader says; any text.

    Returns
    -------
    str
        Markup for an HTML page. Each letter is a path with its base, position (from 0) and
        height (bits) as ``data-`` attributes; axes take the text's colour.

    Raises
    ------
    ValueError
        If ``ppm`` is not of shape (length, 4).
    """
    bits = letter_bits(ppm, n_sequences=n_sequences)
    width, bottom = _LEFT + column * len(bits) + _RIGHT, _TOP + height
    label = html.escape(title or "sequence logo", quote=True)
    pieces = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{bottom + _BOTTOM:g}" '
        f'viewBox="0 0 {width:g} {bottom + _BOTTOM:g}" role="img" aria-label="{label}" '
        f'data-height="{height:g}">'
    ]
    pieces += _axis(width, bottom, height)
    pieces += _letters(bits, column, height, bottom)
    pieces += _numbers(len(bits), column, bottom, first)
    return "".join([*pieces, "</svg>"])


def _letters(bits: np.ndarray, column: float, height: float, bottom: float) -> list[str]:
    drawn = []
    wide = column * (1 - 2 * LETTER_MARGIN)
    for position, heights in enumerate(bits):
        x, y = _LEFT + column * (position + LETTER_MARGIN), bottom
        for index in np.argsort(heights, kind="stable"):
            tall = height * heights[index] / 2
            y -= tall
            if heights[index] >= LOWEST_BITS:
                base = "ACGT"[index]
                drawn.append(
                    f'<path fill="{COLOURS[base]}" data-base="{base}" data-position="{position}" '
                    f'data-bits="{heights[index]:.4f}" d="{GLYPHS[base]}" transform="'
                    f'matrix({wide:.3f} 0 0 {tall:.4f} {x:.3f} {y:.4f})"/>'
                )
    return drawn


def _axis(width: float, bottom: float, height: float) -> list[str]:
    line = '<line stroke="currentColor" stroke-opacity=".35" shape-rendering="crispEdges" '
    drawn = [f'{line}x1="{_LEFT:g}" x2="{_LEFT:g}" y1="{bottom - height:g}" y2="{bottom:g}"/>']
    for tick in (0, 1, 2):
        y = bottom - height * tick / 2
        drawn.append(
            f'{line}x1="{_LEFT - 3:g}" x2="{_LEFT if tick else width:g}" y1="{y:g}" y2="{y:g}"/>'
            f"{_text(_LEFT - 6, y + 3.5, 'end', tick)}"
        )
    return drawn


def _numbers(length: int, column: float, bottom: float, first: int) -> list[str]:
    step = next(step for step in (1, 5, 10, 20, 50, 10**9) if step * column >= 15)
    return [
        _text(_LEFT + column * (position + 0.5), bottom + 12, "middle", first + position)
        for position in range(length)
        if (first + position) % step == 0
    ]


def _text(x: float, y: float, anchor: str, value: int) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="currentColor" fill-opacity=".65" '
        f'font-size="9.5" font-family="sans-serif">{value}</text>'
    )
