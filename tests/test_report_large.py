"""The issue's limits: 3,000 neurons with 16 parts each, in headless Chromium on two cores.

Speed is asserted here, and only here, because the limits are what was asked for. ``make test``
runs this file when the other tests have ended: the limits are those of an idle machine.
"""

from __future__ import annotations

import importlib
import time
from pathlib import Path

import pytest
from browser import Chromium
from browser.page import ReportPage
from browser.speed import FAST, LONGEST_FRAME, opening_seconds, scroll_gallery

from neuroninterp.report import render

ROOT = Path(__file__).parents[1]
TRIES = 5
LARGEST = 30_000_000
"""Bytes."""
BUILT_WITHIN, OPEN_WITHIN = 60.0, 3.0
"""Seconds."""
FRAMES = 30.0
"""A second."""


@pytest.fixture(scope="module")
def large(browser: Chromium, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """The page, and seconds that it took to build."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        result = importlib.import_module("benchmarks.large_result").large_result()
    assert sum(len(layer.neurons) for layer in result.layers) == 3000
    assert {len(n.parts) for layer in result.layers for n in layer.neurons} == {16}
    path = tmp_path_factory.mktemp("large") / "report.html"
    started = time.perf_counter()
    path.write_text(render(result), encoding="utf-8")
    return path, time.perf_counter() - started


def test_a_large_report_is_built_soon_and_is_not_too_large(large: tuple[Path, float]) -> None:
    path, seconds = large
    size = path.stat().st_size
    print(f"{size / 1e6:.1f} MB, built in {seconds:.1f} s")
    assert size < LARGEST
    assert seconds < BUILT_WITHIN


def test_a_large_report_opens_soon(browser: Chromium, large: tuple[Path, float]) -> None:
    path, _ = large
    for _ in range(TRIES):
        seconds = opening_seconds(browser, path)
        print(f"opens in {seconds:.2f} s")
        if seconds < OPEN_WITHIN:
            break
    assert seconds < OPEN_WITHIN
    page = ReportPage(browser, path)
    assert page.one("table#gallery").get_attribute("aria-rowcount") == "3001"
    assert 0 < len(page.rows) < 100, "only rows near the screen exist"


def test_a_large_gallery_scrolls_smoothly(browser: Chromium, large: tuple[Path, float]) -> None:
    path, _ = large
    browser.open(path)
    for _ in range(TRIES):
        found = scroll_gallery(browser, FAST)
        print(found)
        assert found.distance > 20_000
        smooth = found.rate >= FRAMES and found.median <= LONGEST_FRAME
        if smooth:
            break
    assert smooth
    assert found.blank < 0.05


def test_a_dragged_scrollbar_comes_to_the_last_neuron(
    browser: Chromium, large: tuple[Path, float]
) -> None:
    path, _ = large
    page = ReportPage(browser, path)
    page.choose("sort", "number")
    print(scroll_gallery(browser))
    # Logos may wait while rows fly by.
    last = "#gallery tr[data-layer='3'][data-neuron='999'] svg"
    browser.wait(lambda: page.all(last), "the last neuron's logo never comes")
    assert page.rows_now[-1] == (3, 999)
