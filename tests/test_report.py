"""The report: right numbers, safe with any name, nothing from outside."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from example_result import FIRST, HOSTILE_NAME, HOSTILE_TARGET, WHY, example_result, ppm_of
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neuroninterp.errors import ModelError
from neuroninterp.measurement.records import LayerFields, MeasuredField
from neuroninterp.motifs.records import Part
from neuroninterp.report import logo, render, write_figures
from neuroninterp.report.chart import fraction_chart
from neuroninterp.report.fields_chart import fields_chart
from neuroninterp.report.numbers import card_value, fixed, percent, scientific
from neuroninterp.report.payload import embed_json, encode_ppm, informative_span, ordered_parts
from neuroninterp.results.records import NeuronResult
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
    def payloads(self) -> list[dict]:
        return [json.loads(text) for kind, text in self.scripts if kind == "application/json"]


@pytest.fixture(scope="module")
def document() -> str:
    return render(example_result())


@pytest.fixture(scope="module")
def page(document: str) -> Page:
    return Page(document)


def decode(text: str) -> np.ndarray:
    """Read an encoded PPM with Python's own base 64: four digits are two 12-bit entries."""
    raw = np.frombuffer(base64.b64decode(text), dtype=np.uint8).astype(int).reshape(-1, 3)
    first = raw[:, 0] * 16 + raw[:, 1] // 16
    second = raw[:, 1] % 16 * 256 + raw[:, 2]
    return np.stack([first, second], axis=1).reshape(-1, 4) / 4095


@given(arrays(float, st.tuples(st.integers(1, 40), st.just(4)), elements=st.floats(0, 1)))
def test_encoding_keeps_three_digits(ppm: np.ndarray) -> None:
    assert np.abs(decode(encode_ppm(ppm)) - ppm).max() <= 0.5 / 4095 + 1e-12


def test_page_carries_every_ppm(page: Page) -> None:
    result = example_result()
    shallow, deep = page.payloads
    assert shallow.keys() == {"0"}, "a dead neuron has no logo"
    (only,) = shallow["0"]
    np.testing.assert_allclose(
        decode(only["p"]), result.layers[0].neurons[0].parts[0].ppm, atol=5e-4
    )
    titles = [entry["t"] for entry in deep["0"]]
    assert titles == ["Part 1", "Part 0", "Mixture", "Your sequences"]
    neuron = result.layers[1].neurons[0]
    assert neuron.mixture is not None
    for entry, motif in zip(
        deep["0"], [neuron.parts[1], neuron.parts[0], neuron.mixture], strict=False
    ):
        np.testing.assert_allclose(decode(entry["p"]), motif.ppm, atol=5e-4)
    best = deep["0"][0]
    # Two flanking positions; the shift moves the second part's motif onto the first's.
    assert (best["a"], best["b"], best["d"], best["h"]) == (9, 19, 1, [11, 17])
    assert best["a"] - best["d"] == deep["0"][1]["a"]


def test_dictionary_and_syntax_are_shown(page: Page) -> None:
    _, deep = page.payloads
    layer = example_result().layers[1]
    entries = layer.dictionary + layer.dictionary_from_data
    assert list(deep["dictionary"]) == [entry.name for entry in entries]
    for entry in entries:
        np.testing.assert_allclose(
            decode(deep["dictionary"][entry.name]["p"]), entry.ppm, atol=5e-4
        )
    assert [entry["id"] for entry in page.all("section", "entry")] == [e.name for e in entries]
    assert len(page.all("table", "syntax")) == 1
    links = page.all("a", "motif")
    assert [link["href"] for link in links] == [
        "#layer2_motif0",
        "#layer2_motif1",
        "#layer2_motif0",
        "#layer2_motif1",
        "#layer2_data_motif0",
        "#layer2_data_motif0",
    ]
    text = " ".join("".join(page.text).split())
    named = printable(HOSTILE_TARGET, 24)
    # A palindrome has no strand.
    assert f"motif 0 \u2194 0 to 6 bp {named} (motif 1) \u2190 2 bp motif 0 \u2194" in text
    data = "Your sequences FOS::JUN (data motif 0) \u2192 4 to 10 bp FOS::JUN (data motif 0) \u2192"
    assert text.index("Drawn from the model motif 0") < text.index(data)
    assert "Drawn from the model 2 motifs" in text
    assert "Your sequences 1 motif" in text
    assert "Not converged: neuron 0" in text


def test_nothing_is_labelled_where_all_is_from_the_model() -> None:
    result = example_result()
    layer = result.layers[1]
    neuron = dataclasses.replace(layer.neurons[0], from_data=None, syntax_from_data=())
    layer = dataclasses.replace(layer, neurons=(neuron,), dictionary_from_data=())
    text = "".join(Page(render(dataclasses.replace(result, layers=(layer,)))).text)
    assert "Drawn from the model" not in text
    assert "Your sequences" not in text.replace("Your sequences have a dictionary of their own", "")
    assert "Motif dictionary of layer 2 2 motifs" in " ".join(text.split())


def test_a_long_dictionary_opens_with_its_first_motifs() -> None:
    result = example_result()
    entry = result.layers[1].dictionary[0]
    many = tuple(dataclasses.replace(entry, name=f"layer2_motif{i}") for i in range(40))
    layer = dataclasses.replace(result.layers[1], dictionary=many, dictionary_from_data=())
    document = render(dataclasses.replace(result, layers=(layer,)))
    _, section = document.split('<details class="dictionary" open>')
    seen, rest = section.split("<details>", 1)
    behind, rest = rest.split("</details>", 1)
    ids = [re.findall(r'id="layer2_motif(\d+)"', part) for part in (seen, behind, rest)]
    assert ids == [[str(i) for i in range(12)], [str(i) for i in range(12, 30)], []]
    assert "Show 18 more" in behind
    assert "10 more of less support in dictionary.tsv" in rest
    (payload,) = Page(document).payloads
    assert list(payload["dictionary"]) == [f"layer2_motif{i}" for i in range(30)]


def test_letter_heights_follow_from_the_page(page: Page) -> None:
    """A base of probability p stands p times (2 + sum p log2 p) bits tall."""
    ppm = decode(page.payloads[1]["0"][0]["p"])
    ppm /= ppm.sum(axis=1, keepdims=True)
    heights = ppm * (2 + (ppm * np.log2(ppm)).sum(axis=1))[:, None]
    bits = 2 + 0.9 * np.log2(0.9) + 0.1 * np.log2(0.1 / 3)
    assert heights[11].max() == pytest.approx(0.9 * bits, abs=3e-3)
    assert heights[0].sum() == pytest.approx(0, abs=1e-5)


def test_names_from_files_stay_text(document: str, page: Page) -> None:
    """Hostile names appear as text, and no element or script comes of them."""
    assert "".join(page.text).count(HOSTILE_NAME) >= 3
    shown = printable(HOSTILE_TARGET)
    assert "\u2028" not in shown
    assert any(shown in text for text in page.text)
    assert not page.all("img")
    assert "<b>test</b>" not in document
    kinds = [kind for kind, _ in page.scripts]
    assert kinds == ["application/json", "application/json", None]
    assert all("alert" not in text for kind, text in page.scripts if kind is None)
    words = [card["data-words"] for card in page.all("article")]
    assert words[0] == f"{shown.lower()}\nx1"
    assert not any(key.startswith("on") for _, attrs in page.elements for key in attrs)


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_embedded_json_cannot_end_its_element(value: object) -> None:
    text = embed_json(value)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == value


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
        "<h1>Whole motifs live in layer 2 &amp; not before.</h1>",
        "Structural reading",
        "A pool of 2 keeps order.",
        "Empirical reading",
        "95 % interval: layers 1 to 2",
        '<h2 id="layers-heading">',
        "mean auROC",
        '<h2 id="gallery-heading">',
        "Never active:",
        "Model card",
        "behind an opaque node &lt;i&gt;",
    ]
    places = [document.index(piece) for piece in order]
    assert places == sorted(places)


def test_tables_are_tables(page: Page) -> None:
    assert len(page.all("table")) == 3
    assert all(attrs.get("scope") for attrs in page.all("th"))
    text = "".join(page.text)
    for piece in ("conv1", "max 2", "0.950", "relevant", "3.0\u2009\u00d7\u200910\u207b\u2078"):
        assert piece in text


def test_layers_table_has_all_layers_and_how_far_they_see(document: str, page: Page) -> None:
    text = " ".join("".join(page.text).split())
    for piece in ("Measured", "Effective, your data", "25*", "reads from the end", "not analysed"):
        assert piece in text, piece
    assert f"* Layers 2-3: {WHY}" in text
    assert "Whole sequence. it sees all, through 'LSTM<i>'" in text
    assert "input 'x<i>' is held at 0" in text
    assert "<i>'" not in document


def test_field_bars_are_to_scale_and_centred() -> None:
    result = example_result()
    chart = fields_chart(result.fields, result.blocked)
    first, second, third, blocked = chart.rows
    assert [row.number for row in chart.rows] == [1, 2, 3, 4]
    scale = (chart.right - chart.left) / 32
    centre = (chart.left + chart.right) / 2
    for row, found in zip(chart.rows, result.fields, strict=False):
        assert row.field is not None
        assert row.field.width == pytest.approx(scale * found.layer.receptive_field, abs=0.01)
        assert row.field.x + row.field.width / 2 == pytest.approx(centre, abs=0.01)
    assert first.effective is not None
    assert first.effective.x == pytest.approx(centre + scale * (2 - 19 / 2), abs=0.01)
    assert second.measured is not None
    assert second.measured.width == pytest.approx(scale * 25, abs=0.01)
    assert (third.effective, third.data, blocked.field) == (None, None, None)
    assert blocked.text == "whole sequence"
    assert ("+10", pytest.approx(centre + 10 * scale, abs=0.1)) in [(t, x) for x, t in chart.ticks]


@pytest.mark.parametrize("longest", [1, 7, 19, 163, 2001, 10_001, 1_000_000])
def test_ticks_are_few_and_round(longest: int) -> None:
    layer = dataclasses.replace(FIRST, receptive_field=longest)
    chart = fields_chart([LayerFields(layer, MeasuredField(0, longest))], [])
    assert 1 <= len(chart.ticks) <= 7
    assert all(chart.left <= x <= chart.right for x, _ in chart.ticks)
    assert len({x for x, _ in chart.ticks}) == len(chart.ticks)


def test_cards_carry_what_sorting_and_search_need(page: Page) -> None:
    first, deep = page.all("article")
    assert (first["data-number"], float(first["data-e"] or "")) == ("0", 0.02)
    assert float(deep["data-ratio"] or "") == pytest.approx(0.98)
    assert float(deep["data-maximum"] or "") == 8
    assert deep["data-words"] == "max\nma0058.3"


def test_a_report_of_little_still_renders() -> None:
    result = example_result()
    empty = dataclasses.replace(result, layers=(), performance=None, data=None, skipped=())
    text = render(empty)
    assert "<article" not in text
    assert "from the weights alone" in text
    undecodable = dataclasses.replace(result, model={"path": "bad\udcff.keras"})
    render(undecodable).encode("utf-8")


def test_wide_layers_stay_small() -> None:
    """128 neurons of 25 parts over 143 bp, the largest layer that one expects."""
    result = example_result()
    rng = np.random.default_rng(0)
    template = result.layers[1].neurons[0].parts[0]
    ppms = rng.dirichlet([0.5] * 4, size=(25, 143))
    parts = tuple(
        dataclasses.replace(template, ppm=ppm, shift=i, share=0.04) for i, ppm in enumerate(ppms)
    )
    neurons = tuple(
        NeuronResult(layer=2, neuron=k, mixture=parts[0], parts=parts) for k in range(128)
    )
    wide = dataclasses.replace(result.layers[1], neurons=neurons)
    assert len(render(dataclasses.replace(result, layers=(wide,))).encode()) < 6e6


def test_span_holds_the_motif_and_its_flank() -> None:
    assert informative_span(ppm_of("CACGTG", 143, 70)) == (68, 78)
    assert informative_span(ppm_of("CACGTG", 10, 0)) == (0, 8)
    assert informative_span(np.full((7, 4), 0.25)) == (0, 7)


def test_parts_are_ordered_by_match_then_sharpness() -> None:
    neuron = example_result().layers[1].neurons[0]
    assert ordered_parts(neuron) == [1, 0]
    assert ordered_parts(dataclasses.replace(neuron, matches=neuron.matches[1:])) == [0, 1]
    assert ordered_parts(dataclasses.replace(neuron, matches=())) == [1, 0]
    dull: Part = dataclasses.replace(neuron.parts[0], maximum=0.0)
    assert ordered_parts(
        dataclasses.replace(neuron, matches=(), parts=(dull, neuron.parts[1]))
    ) == [
        1,
        0,
    ]


def test_chart_places_fractions_linearly() -> None:
    chart = fraction_chart(example_result().layers, chosen=2)
    (zero, _), (half, _), (one, _) = chart.ticks[0], chart.ticks[2], chart.ticks[4]
    first, second = chart.rows
    assert (first.localist, first.matched, second.localist) == (zero, half, one)
    assert first.low == zero
    assert zero < first.high < one
    assert (first.chosen, second.chosen) == (False, True)
    assert len(second.label) <= 13


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
    assert percent(0.976) == "98\u2009%"
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
