"""Pictures of the page, small enough to be kept with the documents."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from .chromium import Chromium
from .page import ReportPage

MOST_BYTES = 400_000
_COLOURS = 256


class Shot(NamedTuple):
    """One picture: which part of the page, on which screen."""

    place: str
    width: int
    height: int
    dark: bool = False


SHOTS = {
    "desktop.png": Shot("overview", 1280, 900),
    "desktop-dark.png": Shot("overview", 1280, 900, dark=True),
    "gallery.png": Shot("layer", 1280, 900),
    "neuron.png": Shot("neuron", 1280, 1400),
    "neuron-dark.png": Shot("neuron", 1280, 1400, dark=True),
    "phone.png": Shot("overview", 390, 844),
    "phone-neuron.png": Shot("neuron", 390, 844),
}
"""What is kept, by file name."""


def take(browser: Chromium, report: Path, routes: dict[str, str], folder: Path) -> None:
    """Write all of :data:`SHOTS` as PNG files with a palette of 256 colours.

    Parameters
    ----------
    browser : Chromium
        To look with.
    report : Path
        The page.
    routes : dict of str
        The location's hash of each place: overview, layer, neuron.
    folder : Path
        Where to; made where it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, (place, width, height, dark) in SHOTS.items():
        page = ReportPage(browser, report, routes[place], width=width, height=height, dark=dark)
        page.settle()
        shot = browser.devtools("Page.captureScreenshot", format="png")
        picture = Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")
        # Median cut, the default, gives rare colours away: a red "no" becomes brown.
        picture = picture.quantize(_COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        picture.save(folder / name, optimize=True)


def check_pictures(folder: Path) -> None:
    """Assert that all of :data:`SHOTS` are there, as large as they should be, and not blank."""
    for name, shot in SHOTS.items():
        assert (folder / name).stat().st_size < MOST_BYTES, name
        with Image.open(folder / name) as picture:
            assert picture.size == (shot.width, shot.height), name
            assert len(picture.getcolors() or []) > 32, name
