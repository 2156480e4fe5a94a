"""The report: right numbers, safe with any name, nothing from outside."""

from __future__ import annotations

import dataclasses
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from example_result import HOSTILE_NAME, HOSTILE_TARGET, WHY, example_result, ppm_of
from hypothesis import given
from hypothesis import strategies as st

from neuroninterp.errors import ModelError
from neuroninterp.report import logo, render, write_figures
from neuroninterp.report.chart import fraction_chart
from neuroninterp.report.numbers import card_value, fixed, percent, scientific
from neuroninterp.text import numbered, printable


class Page(HTMLParser):
    """What a browser would see: elements with attributes, text, and scripts by type."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[str | None, str]] = []
        self.text: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append((dict(attrs).get("type"), ""))

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            kind, before = self.scripts[-1]
            self.scripts[-1] = (kind, before + data)
        elif self._inside != "style":
            self.text.append(data)

    def all(self, tag: str, cls: str = "") -> list[dict[str, str | None]]:
        found = [attrs for name, attrs in self.elements if name == tag]
        return [a for a in found if not cls or cls in (a.get("class") or "").split()]

    @property
    def data(self) -> dict:
        (found,) = [text for kind, text in self.scripts if kind == "application/json"]
        return json.loads(found)


@pytest.fixture(scope="module")
def document() -> str:
    return render(example_result())


@pytest.fixture(scope="module")
def page(document: str) -> Page:
    return Page(document)


def test_names_from_files_stay_text(document: str, page: Page) -> None:
    """Hostile names appear as text, and no element or script comes of them."""
    assert "".join(page.text).count(HOSTILE_NAME) >= 3
    shown = printable(HOSTILE_TARGET, 60)
    assert "\u2028" not in shown
    assert shown in [name for _, name, _ in page.data["targets"]]
    assert not page.all("img")
    assert "<b>test</b>" not in document
    kinds = [kind for kind, _ in page.scripts]
    assert kinds == ["application/json", None]
    assert all("alert" not in text for kind, text in page.scripts if kind is None)
    assert not any(key.startswith("on") for _, attrs in page.elements for key in attrs)


def test_the_script_never_reads_text_as_markup(page: Page) -> None:
    """What may be markup is made of numbers and known letters alone."""
    ((_, script),) = [item for item in page.scripts if item[0] is None]
    written = re.findall(r"innerHTML = (\w+)", script)
    assert written == ["markup"]
    for source in re.findall(r"markup \+= `(.*?)`;", script):
        for inserted in re.findall(r"\$\{(.*?)\}", source):
            assert not re.search(r"name|label|text\b|title|target", inserted), inserted
    assert not re.search(r"outerHTML|insertAdjacentHTML|document\.write|eval\(", script)


def test_nothing_is_fetched(document: str, page: Page) -> None:
    addresses = re.findall(r"\w+://[^\s\"'<>]*", document)
    assert set(addresses) == {"http://www.w3.org/2000/svg"}
    for tag, attrs in page.elements:
        assert tag not in {"link", "iframe", "img", "object", "embed", "base"}
        assert "src" not in attrs
        assert (attrs.get("href") or "#").startswith("#")
    assert "@import" not in document
    assert "url(" not in document
    (policy,) = [a for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in (policy["content"] or "")


def test_verdict_comes_first_then_layers_performance_neurons_card(document: str) -> None:
    order = [
        '<h1 id="verdict">Whole motifs live in layer 2 &amp; not before.</h1>',
        "names layers 1 to 2",
        "Reading first-layer filters?",
        "Structural reading",
        "A pool of 2 keeps order.",
        "Empirical reading",
        "95 % interval: layers 1 to 2",
        '<h2 id="network-heading">',
        '<h3 id="layers-heading"',
        "mean auROC",
        '<h2 id="neurons-heading">',
        '<h2 id="dictionary-heading">',
        '<h2 id="card-heading">Model card',
        "behind an opaque node &lt;i&gt;",
    ]
    places = [document.index(piece) for piece in order]
    assert places == sorted(places)


def test_tables_are_tables(page: Page) -> None:
    assert len(page.all("table")) == 3
    assert all(attrs.get("scope") for attrs in page.all("th"))
    (gallery,) = [table for table in page.all("table") if table.get("id") == "gallery"]
    assert gallery["aria-labelledby"] == "neurons-heading"
    text = "".join(page.text)
    for piece in ("conv1", "max 2", "0.950", "relevant", "Layer 2: 3 motifs"):
        assert piece in text


def test_layers_table_has_all_layers_and_how_far_they_see(document: str, page: Page) -> None:
    text = " ".join("".join(page.text).split())
    for piece in ("Measured", "Effective, your data", "25*", "reads from the end", "not analysed"):
        assert piece in text, piece
    assert f"* Layers 2-3: {WHY}" in text
    assert "Whole sequence. it sees all, through 'LSTM<i>'" in text
    assert "input 'x<i>' is held at 0" in text
    assert "<i>'" not in document


def test_a_report_of_little_still_renders() -> None:
    result = example_result()
    empty = dataclasses.replace(result, layers=(), performance=None, data=None, skipped=())
    text = render(empty)
    assert Page(text).data["layers"] == []
    assert "from the weights alone" in text
    undecodable = dataclasses.replace(result, model={"path": "bad\udcff.keras"})
    render(undecodable).encode("utf-8")


def test_chart_places_fractions_linearly() -> None:
    chart = fraction_chart(example_result().layers, chosen=2)
    (zero, _), (half, _), (one, _) = chart.ticks[0], chart.ticks[2], chart.ticks[4]
    first, second = chart.rows
    assert (first.localist, first.matched, second.localist) == (zero, half, one)
    assert first.low == zero
    assert zero < first.high < one
    assert (first.chosen, second.chosen) == (False, True)
    assert len(second.label) <= 14


@given(st.text(), st.integers(4, 60))
def test_shown_text_is_one_short_printable_line(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert shown.isprintable()
    assert len(shown) == min(len(text), limit)
    if len(text) <= limit and text.isprintable():
        assert shown == text


def test_error_messages_cannot_drive_the_terminal() -> None:
    message = str(ModelError("node '\x1b[31m\u202e' " + "long" * 10**6))
    assert message.startswith("node '?[31m?' long")
    assert len(message) <= 2000


def test_layers_are_named_in_ranges() -> None:
    assert numbered("layer", [4]) == "layer 4"
    assert numbered("layer", [1, 2, 3, 5, 7, 8]) == "layers 1-3, 5, 7-8"


def test_numbers_as_people_write_them() -> None:
    assert scientific(3.21e-8) == "3.2\u2009\u00d7\u200910\u207b\u2078"
    assert scientific(0.0213) == "0.021"
    assert scientific(0.0) == "0"
    assert percent(0.976) == "98\u202f%"
    assert {percent(None), fixed(float("nan")), scientific(float("inf"))} == {"\u2013"}
    assert fixed(-1.234) == "\u22121.23"
    assert card_value({"a": [1, 2.5], "b": True, "c": None}) == "a: 1, 2.5, b: yes, c: \u2013"


def test_logo_draws_heights_in_bits() -> None:
    from matplotlib import pyplot

    figure, ax = logo(ppm_of("GATA", 4, 0, probability=1.0), first=11)
    assert ax.figure is figure
    tops = [patch.get_extents().transformed(ax.transData.inverted()).y1 for patch in ax.patches]
    assert sum(top == pytest.approx(2.0, abs=1e-6) for top in tops) == 4
    assert ax.get_xlim() == pytest.approx((10.5, 14.5), abs=0.1)
    assert logo(ppm_of("GATA", 4, 0), ax=ax)[1] is ax
    pyplot.close(figure)
    with pytest.raises(ValueError, match=r"\(length, 4\), found \(4, 10\)"):
        logo(np.zeros((4, 10)))


def test_figures_are_limited_and_reproducible(tmp_path: Path) -> None:
    result = example_result()
    once = write_figures(result, tmp_path / "a", limit=1)
    again = write_figures(result, tmp_path / "b", limit=1)
    assert len(once) == 4
    assert [a.read_bytes() for a in once] == [b.read_bytes() for b in again]
    assert write_figures(result, tmp_path / "c", limit=0) == []
