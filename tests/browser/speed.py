"""How quickly a large report opens, and how smoothly it scrolls."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .chromium import Chromium

LONGEST_FRAME = 1000 / 30
"""ms of a frame at 30 a second."""

FAST = 8000
"""px a second: ten screens, as quick as a wheel is turned."""

WHOLE = 4.0
"""Seconds in which the gallery is scrolled from its first row to its last."""

_RECORD = """
window.frames_seen = [];
window.rows_seen = 0;
const look = now => {
  frames_seen.push(now);
  // After the frame's own work: what it shows, and not what it found.
  setTimeout(() => {
    const middle = document.elementFromPoint(innerWidth / 2, innerHeight / 2);
    if (middle?.closest("#gallery tr[data-neuron]")) rows_seen += 1;
  });
  window.recording = requestAnimationFrame(look);
};
window.recording = requestAnimationFrame(look);
"""
_STOP = "cancelAnimationFrame(recording); return [frames_seen, rows_seen];"


@dataclass(frozen=True)
class Smoothness:
    """Frames while the gallery is scrolled.

    Parameters
    ----------
    rate : float
        Frames a second.
    median, longest : float
        ms between two frames.
    late : float
        Share of frames that took longer than :data:`LONGEST_FRAME`.
    blank : float
        Share of frames in which no row was at the middle of the screen.
    distance : float
        px scrolled.
    """

    rate: float
    median: float
    longest: float
    late: float
    blank: float
    distance: float

    def __str__(self) -> str:
        return (
            f"{self.rate:.0f} frames a second over {self.distance:,.0f} px: median"
            f" {self.median:.1f} ms, longest {self.longest:.0f} ms, {self.late:.1%} over"
            f" {LONGEST_FRAME:.0f} ms, {self.blank:.1%} without a row at the middle"
        )


def opening_seconds(browser: Chromium, path: Path) -> float:
    """Open a file anew; return seconds from the start of the navigation until it is drawn."""
    browser.open(path)
    return browser.run("return window.readyAt") / 1000


def scroll_gallery(browser: Chromium, pace: float | None = None) -> Smoothness:
    """Scroll the gallery down from its first row as a wheel does, and note every frame.

    Parameters
    ----------
    browser : Chromium
        With the report open.
    pace : float or None
        px a second, for 3 s; None to come to the end in :data:`WHOLE` seconds.
    """
    browser.run("location.hash = '#/'; document.querySelector('#gallery').scrollIntoView()")
    browser.run_until_done("requestAnimationFrame(() => requestAnimationFrame(() => done()))")
    width, height, start, left = browser.run(
        "const page = document.scrollingElement;"
        "return [innerWidth, innerHeight, page.scrollTop,"
        " page.scrollHeight - page.scrollTop - innerHeight]"
    )
    pace, distance = (left / WHOLE, left) if pace is None else (pace, min(left, 3 * pace))
    browser.run(_RECORD)
    browser.devtools(
        "Input.synthesizeScrollGesture",
        x=width // 2,
        y=height // 2,
        yDistance=-int(distance),
        speed=int(pace),
        gestureSourceType="mouse",
        preventFling=True,
    )
    times, rows = browser.run(_STOP)
    end = browser.run("return document.scrollingElement.scrollTop")
    gaps = np.diff(times)
    return Smoothness(
        rate=1000 * len(gaps) / (times[-1] - times[0]),
        median=float(np.median(gaps)),
        longest=float(gaps.max()),
        late=float(np.mean(gaps > LONGEST_FRAME)),
        blank=1 - rows / len(times),
        distance=end - start,
    )
