"""Measure the report of a large network in headless Chromium: size, opening, scrolling.

    python -m benchmarks.report_browser [--neurons N] [--parts N] [--tries N] [--write]

from the repository's root prints what building the page of a made-up run costs, how large it is,
how long it takes to open, and how many frames a second its gallery scrolls at. It needs Debian's
chromium and chromium-driver.
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from benchmarks.environment import environment
from benchmarks.large_result import large_result
from benchmarks.plan import ROOT
from benchmarks.tables import table, write_text_section
from neuroninterp.report import render
from tests.browser import Chromium, missing_browser
from tests.browser.speed import FAST, WHOLE, opening_seconds, scroll_gallery

__all__ = ["main"]

_RESULTS = ROOT / "benchmarks" / "RESULTS.md"
_PREAMBLE = """Written by `python -m benchmarks.report_browser --write`: a made-up run of
{neurons:,} neurons with {parts} parts each, in {browser}, headless, without a GPU. Seconds count
from the start of the navigation until the page's script has drawn; frames are counted while the
gallery is scrolled as by a wheel, at {fast:,} px a second (*fast*) and from its first row to its
last in {whole:g} s (*whole*); *late* is the share of frames that took longer than 33 ms, *blank*
that without a row at the middle of the screen."""

_COLUMNS = [
    ("try", lambda row: str(row["try"])),
    ("opens s", lambda row: f"{row['ready']:.2f}"),
    *(
        (f"{name} {what}", lambda row, name=name, field=field, form=form: form(row[name], field))
        for name in ("fast", "whole")
        for what, field, form in (
            ("frames/s", "rate", lambda found, field: f"{getattr(found, field):.0f}"),
            ("median ms", "median", lambda found, field: f"{getattr(found, field):.1f}"),
            ("late", "late", lambda found, field: f"{getattr(found, field):.1%}"),
            ("blank", "blank", lambda found, field: f"{getattr(found, field):.1%}"),
        )
    ),
]


def measure(neurons: int, parts: int, tries: int) -> str:
    """Measure and write one Markdown section."""
    result = large_result(neurons, parts)
    started = time.perf_counter()
    document = render(result)
    seconds = time.perf_counter() - started
    rows = []
    with TemporaryDirectory() as folder, Chromium.started() as browser:
        path = Path(folder) / "report.html"
        path.write_text(document, encoding="utf-8")
        for number in range(1, tries + 1):
            ready = opening_seconds(browser, path)
            scrolled = {"fast": scroll_gallery(browser, FAST), "whole": scroll_gallery(browser)}
            rows.append({"try": number, "ready": ready, **scrolled})
        version = browser.devtools("Browser.getVersion")["product"]
        megabytes = path.stat().st_size / 1e6
    where = environment()
    text = _PREAMBLE.format(neurons=neurons, parts=parts, browser=version, fast=FAST, whole=WHOLE)
    return "\n\n".join(
        [
            f"## Report in a browser: {where['machine']}, {where['cores']} cores",
            f"{where['date']}, commit {where['commit']}.",
            text,
            f"The page is built in {seconds:.1f} s and has {megabytes:.1f} MB.",
            table(_COLUMNS, rows) + "\n",
        ]
    )


@click.command()
@click.option("--neurons", type=click.IntRange(min=3), default=3000, show_default=True)
@click.option("--parts", type=click.IntRange(min=1), default=16, show_default=True)
@click.option("--tries", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--write", is_flag=True, help="Put the figures into benchmarks/RESULTS.md.")
def main(neurons: int, parts: int, tries: int, write: bool) -> None:
    """Measure the report in a browser and print the figures."""
    if reason := missing_browser():
        raise click.ClickException(reason)
    text = measure(neurons, parts, tries)
    click.echo(text)
    if write:
        write_text_section(text, _RESULTS)


if __name__ == "__main__":
    main()
