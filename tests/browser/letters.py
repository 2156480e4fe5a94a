"""Logos as they are on the screen, and as their PPMs say that they should be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .chromium import Chromium

FAINT = 0.1
"""Bits of a position that may be left out at either end of a logo."""
TOLERANCE = 0.005 * 2 + 0.0005
"""Bits that a letter may be off: half a percent of the logo's height, and what twelve binary
digits for a probability leave out."""

_MEASURE = """
return [...document.querySelectorAll(arguments[0])]
  .filter(figure => figure.checkVisibility() && figure.querySelector("svg.logo"))
  .map(figure => {
    const svg = figure.querySelector("svg.logo");
    const letters = [...svg.querySelectorAll("path[data-base]")].map(path => {
      const box = path.getBoundingClientRect();
      return ["ACGT".indexOf(path.dataset.base), Number(path.dataset.position),
              Number(path.dataset.bits), box.left, box.top, box.width, box.height];
    });
    return {kind: figure.dataset.kind, part: figure.dataset.part ?? "",
            height: Number(svg.dataset.height), letters};
  });
"""


@dataclass(frozen=True)
class DrawnLogo:
    """One logo, measured in the page.

    Parameters
    ----------
    kind, part : str
        What it shows: part, mixture, data or target; the part's number or "".
    height : float
        px that two bits are tall.
    base, position : numpy.ndarray, shape=(letters,)
        0 to 3 for ACGT, and position in the receptive field (bp from 0).
    bits : numpy.ndarray, shape=(letters,)
        What the letter says about itself.
    left, top, width, tall : numpy.ndarray, shape=(letters,)
        Its box on the screen, px.
    """

    kind: str
    part: str
    height: float
    base: np.ndarray
    position: np.ndarray
    bits: np.ndarray
    left: np.ndarray
    top: np.ndarray
    width: np.ndarray
    tall: np.ndarray

    @property
    def span(self) -> tuple[int, int]:
        """Half-open positions from the first letter to the last."""
        return int(self.position.min()), int(self.position.max()) + 1

    @property
    def drawn_bits(self) -> np.ndarray:
        """The heights on the screen in bits, shape (positions, 4); 0 without a letter."""
        start, end = self.span
        bits = np.zeros((end - start, 4))
        bits[self.position - start, self.base] = self.tall / self.height * 2
        return bits

    @property
    def gaps(self) -> np.ndarray:
        """px between the box of each letter and where it would stand on those below it."""
        bottom = self.top + self.tall
        found = np.zeros(len(self.position))
        for position in np.unique(self.position):
            column = np.flatnonzero(self.position == position)
            column = column[np.argsort(-bottom[column], kind="stable")]
            below = np.concatenate([[0.0], np.cumsum(self.tall[column])[:-1]])
            found[column] = bottom.max() - below - bottom[column]
        return found

    @property
    def ascending(self) -> bool:
        """Whether in every column the tallest letter is on top."""
        order = np.lexsort((self.top, self.position))
        steps = np.diff(self.tall[order])
        return bool(np.all((steps < 0.01) | (np.diff(self.position[order]) != 0)))

    @property
    def centres(self) -> dict[int, float]:
        """Where the middle of each position's widest letter is, px from the left."""
        return {
            int(position): float(max(zip(width, middle, strict=True))[1])
            for position in np.unique(self.position)
            for here in [self.position == position]
            for width, middle in [(self.width[here], (self.left + self.width / 2)[here])]
        }


def drawn_logos(browser: Chromium, selector: str) -> list[DrawnLogo]:
    """Measure the logos of the visible figures that a selector names."""
    logos = []
    for found in browser.run(_MEASURE, selector):
        values = np.array(found["letters"], dtype=float).reshape(-1, 7).T
        base, position = values[:2].astype(int)
        logos.append(
            DrawnLogo(found["kind"], found["part"], found["height"], base, position, *values[2:])
        )
    return logos


def letter_bits(ppm: np.ndarray, loss: float = 0.0) -> np.ndarray:
    """Return the heights of a logo's letters: ``p (2 + sum p log2 p - loss)``, at least 0.

    Parameters
    ----------
    ppm : numpy.ndarray, shape=(L, 4)
        Probabilities.
    loss : float
        Bits that the small-sample correction takes from each position.
    """
    ppm = np.asarray(ppm, dtype=float)
    terms = ppm * np.log2(np.where(ppm > 0, ppm, 1.0))
    return ppm * np.maximum(0.0, 2 + terms.sum(axis=1, keepdims=True) - loss)


def check_letters(
    logo: DrawnLogo, ppm: np.ndarray, offset: int = 0, loss: float = 0.0, *, cut: bool = False
) -> None:
    """Assert that a logo is its PPM's.

    Parameters
    ----------
    logo : DrawnLogo
        As it was measured.
    ppm : numpy.ndarray, shape=(L, 4)
        What it should show.
    offset : int
        Position of the PPM's first column.
    loss : float
        As :func:`letter_bits` takes it.
    cut : bool
        Whether positions with information may be left out at either end.
    """
    bits = letter_bits(ppm, loss)
    start, end = (place - offset for place in logo.span)
    assert 0 <= start < end <= len(bits)
    left_out = np.delete(bits, slice(start, end), axis=0).sum(axis=1)
    assert cut or left_out.max(initial=0) <= FAINT
    np.testing.assert_allclose(
        logo.drawn_bits, bits[start:end], rtol=0, atol=TOLERANCE, err_msg=str(logo.kind)
    )
    np.testing.assert_allclose(
        logo.bits, bits[logo.position - offset, logo.base], rtol=0, atol=TOLERANCE
    )
    # Letters stand one upon the other, but for those too low to be drawn, in equal columns.
    assert np.abs(logo.gaps).max() <= 3 * TOLERANCE * logo.height / 2
    assert logo.ascending
    columns = np.array(list(logo.centres.items()))
    slope, left = np.polyfit(*columns.T, 1) if len(columns) > 1 else (0.0, columns[0, 1])
    np.testing.assert_allclose(columns[:, 0] * slope + left, columns[:, 1], rtol=0, atol=0.5)
