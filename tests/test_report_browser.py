"""The report as Chromium shows it: it is read, searched, walked through, copied and printed."""

from __future__ import annotations

import io
import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import Chromium
from browser.colours import faint_texts
from browser.letters import FAINT, check_letters, drawn_logos, letter_bits
from browser.page import ReportPage
from browser.reports import Place, Report, example_report, route_of, zoo_report
from browser.screenshots import check_pictures, take
from example_result import HOSTILE_NAME, HOSTILE_TARGET
from pypdf import PdfReader
from selenium.webdriver.common.keys import Keys

import neuroninterp as ni
from neuroninterp.caveats import thinly_sampled
from neuroninterp.motifs.information import on_strand
from neuroninterp.report.advice import sample_caution
from neuroninterp.results.command import repeat_command
from neuroninterp.results.tables import neurons_table
from neuroninterp.text import printable

PHONE = 390


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return example_report(tmp_path_factory.mktemp("example"))


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("real")
    return zoo_report(folder, neurons=[0, 1], sequences=200, effort="quick")


@pytest.fixture(params=["example", "real"])
def report(request: pytest.FixtureRequest) -> Report:
    return request.getfixturevalue(request.param)


def test_it_asks_for_nothing_and_logs_nothing(browser: Chromium, report: Report) -> None:
    page = ReportPage(browser, report.path)
    for route in report.routes:
        page.go(route)
    page.go("#/")
    page.search("CTCF")
    page.search("")
    assert browser.messages() == []
    assert {address.split("#")[0] for address in browser.requests()} == {report.path.as_uri()}
    # The watch itself sees what a page does.
    browser.run("console.error('seen'); new Image().src = 'http://127.0.0.1:9/x.png'")
    page.settle()
    assert any("seen" in message for message in browser.messages())


@pytest.mark.parametrize("width", [1280, PHONE])
def test_the_verdict_is_the_first_thing_seen(browser: Chromium, report: Report, width: int) -> None:
    page = ReportPage(browser, report.path, width=width)
    assert page.verdict == report.result.verdict.sentence
    box = page.one("h1#verdict").rect
    assert box["y"] + box["height"] < 600
    for layer in report.result.layers:
        # A phone shows a picture of its own.
        links = page.all(f"svg.network-picture a[href='#/layer/{layer.layer.number}']")
        assert sum(link.is_displayed() for link in links) == 1


def test_the_picture_of_the_network_leads_to_its_layers(browser: Chromium, report: Report) -> None:
    page = ReportPage(browser, report.path)
    page.one("svg#network a[href='#/layer/2']").click()
    page.settle()
    assert page.route == "#/layer/2"
    expected = [(n.layer, n.neuron) for n in report.neurons if n.layer == 2]
    assert sorted(page.rows) == expected
    assert page.one("select#layer").get_attribute("value") == "2"


def test_search_finds_a_motif_in_all_layers(browser: Chromium, report: Report) -> None:
    page = ReportPage(browser, report.path)
    everything = sorted((n.layer, n.neuron) for n in report.neurons)
    assert sorted(page.rows) == everything
    hits = {
        (n.layer, n.neuron): {
            text.lower()
            for match in (*n.matches, *n.mixture_matches)
            for text in (printable(match.target_name, 60), match.target_id)
        }
        for n in report.neurons
    }
    words = sorted(set().union(*hits.values()))
    assert words
    for word in words[:: max(1, len(words) // 6)]:
        page.search(word.upper())
        expected = [place for place, own in hits.items() if any(word in text for text in own)]
        assert sorted(page.rows) == sorted(expected), word
        assert page.count.startswith(str(len(expected)))
    page.search("no such motif")
    assert page.rows == []
    assert "none" in page.count
    page.search("")
    assert sorted(page.rows) == everything


def test_filters_show_what_the_table_says(browser: Chromium, report: Report) -> None:
    page = ReportPage(browser, report.path)
    table = neurons_table(report.result)
    kept = {
        "all": table["layer"] > 0,
        "whole": table["whole"],
        "partial": table["matched"] & ~table["whole"],
        "relevant": table["relevant"],
        "unmatched": ~table["matched"] & ~table["dead"],
        "several": table["parts"] > 1,
        "unconverged": ~table["converged"] & ~table["dead"],
        "dead": table["dead"],
    }
    assert page.options("show").keys() <= kept.keys()
    assert {"all", "whole", "dead"} <= page.options("show").keys()
    for name in page.options("show"):
        page.choose("show", name)
        assert sorted(page.rows) == places(table[kept[name]]), name
    page.choose("show", "all")
    page.choose("layer", "1")
    assert sorted(page.rows) == places(table[table["layer"] == 1])


def test_sorting_follows_the_table(browser: Chromium, report: Report) -> None:
    page = ReportPage(browser, report.path)
    table = neurons_table(report.result).set_index(["layer", "neuron"], drop=False)
    smallest_first = {
        "e": table["match_e_value"],
        "ratio": -table["best_part_consensus_ratio"],
        "maximum": -table["maximum"],
        "rarity": table["log2_rarity"],
        "parts": -table["parts"].where(~table["dead"]).astype(float),
        "name": table["match_name"].str.lower().rank(),
        "number": table["neuron"] * 0.0,
    }
    assert page.options("sort").keys() == smallest_first.keys()
    for name in page.options("sort"):
        page.choose("sort", name)
        assert sorted(page.rows) == places(table)
        values = smallest_first[name].loc[page.rows].to_numpy(dtype=float)
        known = np.isfinite(values)
        assert not np.any(~known[:-1] & known[1:]), f"{name}: what is missing comes last"
        steps = np.diff(values[known])
        # The page knows three digits.
        assert np.all(steps >= -2e-3 * np.abs(values[known][1:])), name
        for index in np.flatnonzero(np.diff(values) == 0):
            assert page.rows[index] < page.rows[index + 1]


def places(table: pd.DataFrame) -> list[Place]:
    return sorted(zip(table["layer"].tolist(), table["neuron"].tolist(), strict=True))


def test_a_neuron_opens_and_back_returns_to_the_same_place(
    browser: Chromium, report: Report
) -> None:
    layer, neuron = places(neurons_table(report.result))[-1]
    page = ReportPage(browser, report.path, height=400)
    link = page.link_of(layer, neuron)
    before = page.scroll
    assert before > 0
    link.click()
    page.shows_neuron()
    assert page.route == f"#/neuron/{layer}/{neuron}"
    assert page.scroll == 0
    browser.driver.back()
    browser.wait(lambda: not page.one("article#neuron").is_displayed(), "Back does not go back")
    page.settle()
    assert page.scroll == pytest.approx(before, abs=1)
    # By keyboard: the focus has come back to the neuron's link.
    browser.keys(Keys.ENTER)
    page.shows_neuron()
    assert page.route == f"#/neuron/{layer}/{neuron}"
    # By its address, in a new window.
    page = ReportPage(browser, report.path, page.route)
    assert str(neuron) in page.shows_neuron().text


def test_letters_are_as_high_as_their_bits(browser: Chromium, report: Report) -> None:
    page = ReportPage(browser, report.path)
    for neuron in report.neurons:
        page.go(route_of(neuron))
        page.show_all_parts()
        logos = drawn_logos(browser, "#neuron figure.logo")
        own = {("part", str(index)): part.ppm for index, part in enumerate(neuron.parts)}
        if len(neuron.parts) > 1:
            own["mixture", ""] = neuron.mixture.ppm
        if neuron.from_data is not None:
            own["data", ""] = neuron.from_data.ppm
        drawn = {(x.kind, x.part): x for x in logos if x.kind in ("part", "mixture", "data")}
        assert drawn.keys() == own.keys()
        for key, logo in drawn.items():
            check_letters(logo, own[key])


def test_the_small_sample_correction_lowers_all_letters(browser: Chromium, real: Report) -> None:
    neuron = real.result.layers[0].neurons[0]
    page = ReportPage(browser, real.path)
    page.one("#corrected").click()
    page.go(route_of(neuron))
    (logo,) = (x for x in drawn_logos(browser, "#neuron figure.logo") if x.kind == "part")
    part = neuron.parts[0]
    check_letters(logo, part.ppm, loss=3 / (2 * np.log(2) * part.n_sequences))


def test_known_motifs_are_drawn_in_register(browser: Chromium, real: Report) -> None:
    page, seen = ReportPage(browser, real.path), 0
    for neuron in real.neurons:
        matches = [match for match in neuron.matches if match.target_start is not None]
        if not matches:
            continue
        page.go(route_of(neuron))
        for index, figure in enumerate(page.all("#neuron figure.alignment"), start=1):
            target_id = page.inside(figure, "figure[data-kind='target']").get_attribute(
                "data-target"
            )
            match = min(
                (match for match in matches if match.target_id == target_id),
                key=lambda match: match.e_value,
            )
            part = neuron.parts[int(match.query.rpartition("part")[2])]
            selector = f"#neuron .alignment:nth-of-type({index}) figure.logo"
            target, query = drawn_logos(browser, selector)
            known = on_strand(real.result.targets[target_id].ppm, match.strand)
            check_letters(target, known, offset=match.target_start)
            check_letters(query, part.ppm, cut=True)
            both = target.centres.keys() & query.centres.keys()
            assert len(both) >= 3
            for position in both:
                assert target.centres[position] == pytest.approx(query.centres[position], abs=0.6)
            seen += 1
    assert seen >= 3


def test_the_evidence_stands_on_the_neurons_page(browser: Chromium, report: Report) -> None:
    page = ReportPage(browser, report.path)
    for neuron in (neuron for neuron in report.neurons if not neuron.dead):
        page.go(route_of(neuron))
        rows = [row.text for row in page.all("#top-sequences tbody tr")]
        assert len(rows) == len(neuron.top_sequences)
        for text, found in zip(rows, neuron.top_sequences, strict=True):
            assert f"{found.value:.2f}".replace("-", "\u2212") in text
            assert found.window in "".join(text.split())
            assert printable(found.location or found.name, 60) in text
            assert all(printable(label, 60) in text for label in found.labels)
        bars = len(page.all("#neuron svg.histogram rect"))
        counts = None if neuron.profile is None else neuron.profile.data_counts
        assert bars == (0 if counts is None else np.count_nonzero(counts))
        arrangements = sum(len(found) for found in neuron.syntaxes.values())
        assert len(page.all("#neuron figure.syntax svg")) == arrangements
        cautions = [told.text for told in page.all("#neuron p.advice")]
        assert cautions == [told for told in [sample_caution(neuron)] if told]


def test_thin_samples_are_told_for_their_layer(browser: Chromium, real: Report) -> None:
    """The two neurons of cnn-25's second layer are; its first layer is exact."""
    (told,) = thinly_sampled(real.result.layers)
    assert told.startswith("layer 2: the samples of 2 of 2 neurons")
    page = ReportPage(browser, real.path)
    assert [note.text for note in page.all("section[aria-label='Notes'] li")] == [told]


def test_the_model_card_says_how_to_repeat_the_run(browser: Chromium, report: Report) -> None:
    card = ReportPage(browser, report.path).one("section#model-card").text
    result = report.result
    for text in (result.model["sha256"], *result.versions, *result.skipped, *result.notes):
        assert "".join(str(text).split()) in "".join(card.split())
    assert repeat_command(result) in card


def test_copies_are_motif_vector_and_picture(
    browser: Chromium, report: Report, tmp_path: Path
) -> None:
    neuron = next(neuron for neuron in reversed(report.neurons) if neuron.parts)
    page = ReportPage(browser, report.path, route_of(neuron))
    figure = page.one("#neuron figure[data-kind='part']")
    index = int(figure.get_attribute("data-part"))
    meme = tmp_path / "copied.meme"
    meme.write_text(page.copy(figure, "meme"), encoding="utf-8")
    (motif,) = ni.read_meme(meme)
    # Where the ends are left out, the name tells which positions (from 1) are there.
    name, _, span = motif.id.partition(":")
    assert name == f"layer{neuron.layer}_neuron{neuron.neuron}_part{index}"
    ppm = neuron.parts[index].ppm
    first, last = map(int, span.split("-")) if span else (1, len(ppm))
    np.testing.assert_allclose(motif.ppm, ppm[first - 1 : last], rtol=0, atol=1e-3)
    assert letter_bits(ppm).sum(axis=1)[: first - 1].max(initial=0) <= FAINT
    assert letter_bits(ppm).sum(axis=1)[last:].max(initial=0) <= FAINT
    assert motif.nsites == neuron.parts[index].n_sequences

    (logo,) = (x for x in drawn_logos(browser, "#neuron figure.logo") if x.part == str(index))
    svg = ElementTree.fromstring(page.copy(figure, "svg"))
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    letters = svg.findall(".//{*}path[@data-base]")
    assert len(letters) == len(logo.base)
    assert all(letter.get("fill", "").startswith("#") for letter in letters)

    picture = page.copy(figure, "png")
    assert picture["type"] == "image/png"
    assert picture["width"] > 2 * logo.height
    # Paper, axes and text, and the letters' colours.
    assert picture["colours"] >= 2 + len(set(logo.base))


def test_names_with_markup_stay_text(browser: Chromium, example: Report) -> None:
    page = ReportPage(browser, example.path)
    for route in example.routes:
        page.go(route)
        assert page.all("img, iframe, object, embed, b > i, h1 i") == []
        assert browser.run("return document.querySelectorAll('script').length") <= 3
    page.go("#/")
    assert HOSTILE_NAME in browser.run("return document.body.innerText")
    page.search(HOSTILE_TARGET[:20])
    assert page.rows == [(1, 0)]
    page.open_neuron(1, 0)
    assert HOSTILE_TARGET[:20] in page.one("article#neuron").text


@pytest.mark.parametrize("width", [1280, 768, PHONE])
def test_nothing_scrolls_sideways(browser: Chromium, report: Report, width: int) -> None:
    page = ReportPage(browser, report.path, width=width)
    for route in report.routes:
        page.go(route)
        seen = browser.run("return [innerWidth, document.scrollingElement.scrollWidth]")
        assert seen[0] == width
        assert seen[1] <= width, route


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, PHONE])
def test_texts_are_legible(browser: Chromium, report: Report, dark: bool, width: int) -> None:
    page = ReportPage(browser, report.path, dark=dark, width=width)
    for route in (report.routes[0], report.routes[-1]):
        page.go(route)
        page.open_details()
        assert faint_texts(browser) == []


def test_everything_is_reached_by_keyboard_and_has_a_name(
    browser: Chromium, report: Report
) -> None:
    for route in (report.routes[0], report.routes[-1]):
        page = ReportPage(browser, report.path, route)
        page.open_details()
        assert page.nameless() == []
        assert page.tab_along() == ([], [])


def test_it_prints(browser: Chromium, report: Report) -> None:
    page = ReportPage(browser, report.path)
    printed = PdfReader(io.BytesIO(page.printed()))
    text = " ".join(" ".join(sheet.extract_text() for sheet in printed.pages).split())
    assert len(printed.pages) > 1
    assert report.result.verdict.sentence in text
    # Long names are broken into lines.
    for layer in report.result.layers:
        assert layer.layer.name in text.replace(" ", "")


def test_it_keeps_still_where_motion_is_not_wanted(browser: Chromium, report: Report) -> None:
    page = ReportPage(browser, report.path, reduced_motion=True)
    last = report.neurons[-1]
    page.open_neuron(last.layer, last.neuron)
    assert browser.run("return document.getAnimations().length") == 0
    style = "return getComputedStyle(document.documentElement).scrollBehavior"
    assert browser.run(style) == "auto"


def test_without_scripts_the_verdict_and_the_layers_are_there(
    browser: Chromium, report: Report
) -> None:
    page = ReportPage(browser, report.path, scripts=False)
    assert browser.run("return document.documentElement.dataset.ready") is None
    assert page.verdict == report.result.verdict.sentence
    table = page.one("table.layers")
    assert table.is_displayed()
    for layer in report.result.layers:
        assert layer.layer.name in "".join(table.text.split())


def test_screenshots(browser: Chromium, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    # make screenshots names a larger run, and docs/screenshots.
    if run := os.environ.get("NEURONINTERP_REPORT"):
        report = Report(ni.read_results(run), Path(run) / "report.html")
    else:
        report = request.getfixturevalue("real")
    deep = [neuron for neuron in report.result.layers[-1].neurons if neuron.best_match]
    best = min(deep, key=lambda neuron: neuron.best_match.e_value)
    routes = {"overview": "#/", "layer": f"#/layer/{best.layer}", "neuron": route_of(best)}
    folder = Path(os.environ.get("NEURONINTERP_SCREENSHOTS", tmp_path))
    take(browser, report.path, routes, folder)
    check_pictures(folder)


def test_committed_screenshots_are_whole() -> None:
    check_pictures(Path(__file__).parents[1] / "docs" / "screenshots")
