"""Logos as SVG: outlines that fill their box, letters as high as the formula says."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neuroninterp.motifs.information import small_sample_correction
from neuroninterp.report.vector_logo import GLYPHS, LOWEST_BITS, letter_bits, logo_svg

SVG = "{http://www.w3.org/2000/svg}"


def corners(glyph: str) -> np.ndarray:
    """Return points on a glyph's outline, with the far sides of its two ellipses."""
    points = []
    for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)(?=[A-Z])", glyph):
        points.append((float(x), float(y)))
    for rx, ry, x, _ in re.findall(r"A([\d.]+) ([\d.]+) 0 1 . ([\d.]+) ([\d.]+)", glyph):
        # The arc ends 40 degrees above or below the right end of its horizontal axis.
        centre = float(x) - float(rx) * math.cos(math.radians(40))
        points += [(centre - float(rx), 0.5), (centre, 0.5 - float(ry)), (centre, 0.5 + float(ry))]
    return np.array(points)


@pytest.mark.parametrize("base", "ACGT")
def test_outlines_fill_the_unit_square(base: str) -> None:
    points = corners(GLYPHS[base])
    np.testing.assert_allclose(points.min(axis=0), [0, 0], atol=1e-3)
    np.testing.assert_allclose(points.max(axis=0), [1, 1], atol=1e-3)


@given(
    arrays(float, st.tuples(st.integers(1, 30), st.just(4)), elements=st.floats(0.001, 1)),
    st.none() | st.floats(1, 1e4),
)
def test_letters_are_as_high_as_their_bits(weights: np.ndarray, n: float | None) -> None:
    ppm = weights / weights.sum(axis=1, keepdims=True)
    entropy = -(ppm * np.log2(ppm)).sum(axis=1)
    information = np.maximum(0, 2 - entropy - (0 if n is None else 3 / (2 * math.log(2) * n)))
    expected = ppm * information[:, None]
    np.testing.assert_allclose(letter_bits(ppm, n_sequences=n), expected, atol=1e-9)
    root = ElementTree.fromstring(logo_svg(ppm, column=10, height=100, n_sequences=n))
    drawn = np.zeros_like(ppm)
    for letter in root.iter(f"{SVG}path"):
        index = "ACGT".index(letter.attrib["data-base"])
        _, _, _, tall, _, top = map(float, re.findall(r"[-\d.]+", letter.attrib["transform"]))
        position = int(letter.attrib["data-position"])
        drawn[position, index] = tall / 50
        # Letters stand on each other: below this one lie those that are not higher.
        below = expected[position][expected[position] < expected[position, index] - 1e-9].sum()
        assert top + tall == pytest.approx(105 - 50 * below, abs=0.02) or (
            np.isclose(expected[position], expected[position, index]).sum() > 1
        )
    seen = expected >= LOWEST_BITS + 1e-6
    np.testing.assert_allclose(drawn[seen], expected[seen], atol=1e-5)
    assert (drawn[expected < LOWEST_BITS - 1e-6] == 0).all()


def test_correction_is_schneiders() -> None:
    assert small_sample_correction(10) == pytest.approx(0.2164, abs=1e-4)


def test_any_title_stays_text() -> None:
    drawn = logo_svg(np.eye(4), title='"><script>alert(1)</script>')
    assert "<script" not in drawn
    root = ElementTree.fromstring(drawn)
    assert root.attrib["aria-label"] == '"><script>alert(1)</script>'
    with pytest.raises(ValueError, match=r"\(3, 5\)"):
        logo_svg(np.ones((3, 5)))


def turning(outline: str) -> float:
    """Return twice the signed area that an outline's corners enclose."""
    x, y = np.array([p.split()[-2:] for p in re.split("[LA]", outline.strip("MZ"))], float).T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())


def test_holes_turn_against_their_outline_and_bars_with_it() -> None:
    outlines = {base: re.findall(r"M[^M]+", glyph) for base, glyph in GLYPHS.items()}
    assert {base: len(found) for base, found in outlines.items()} == {
        "A": 2,
        "C": 1,
        "G": 2,
        "T": 1,
    }
    leg, hole = map(turning, outlines["A"])
    assert leg * hole < 0
    # The ring goes from its upper to its lower end against the clock: the sweep flag is 0.
    assert "0 1 0" in outlines["G"][0].split("L")[0]
    assert turning(outlines["G"][1]) < 0 < leg
