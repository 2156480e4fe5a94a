"""Results as a notebook shows them: right numbers, logos in register, safe with any name."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
from example_result import HOSTILE_NAME, HOSTILE_TARGET, example_result, ppm_of
from hypothesis import given
from hypothesis import strategies as st
from networks import model_of, two_layers

import neuroninterp as ni
from neuroninterp.motifs.records import Part
from neuroninterp.notebook.register import in_register
from neuroninterp.report.stretch import drawn_span

TAGS = {
    *("div", "span", "b", "code", "table", "thead", "tbody", "tr", "th", "td"),
    *("svg", "path", "line", "text"),
}
"""What notebook output is made of; nothing that runs, loads or styles the page."""


class Reader(HTMLParser):
    """Collects text, cells and logos; fails on what must not be there."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.rows: list[list[str]] = []
        self.letters: list[dict[str, float | str]] = []
        self.margins: list[float] = [0.0]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        assert tag in TAGS, tag
        assert not [name for name in values if name.startswith("on") or name in ("href", "src")]
        assert "url(" not in values.get("style", "")
        if tag == "path":
            self._letter(values)
            return
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")
        if tag == "div":
            margin = re.search(r"margin-left:([\d.]+)px", values.get("style", ""))
            self.margins.append(float(margin[1]) if margin else 0.0)
        if tag != "line":
            self.open.append(tag)

    handle_startendtag = handle_starttag

    def _letter(self, values: dict[str, str]) -> None:
        if "data-base" in values:
            across = re.match(r"matrix\(\S+ 0 0 \S+ (\S+) \S+\)", values["transform"])
            assert across is not None
            x = self.margins[-1] + float(across[1])
            self.letters.append({"base": values["data-base"], "x": x, "logo": len(self.text)})

    def handle_endtag(self, tag: str) -> None:
        if tag == "div":
            self.margins.pop()
        if tag not in ("path", "line"):
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "svg" not in self.open:
            self.text.append(data)
        if "svg" not in self.open and {"th", "td"} & set(self.open):
            self.rows[-1][-1] += data


def read(value: Any) -> Reader:
    reader = Reader()
    reader.feed(value._repr_html_())
    reader.close()
    assert reader.open == []
    return reader


def words(value: Any) -> str:
    return "".join(read(value).text)


def everything(result: ni.AnalysisResult) -> list[Any]:
    neurons = [neuron for layer in result.layers for neuron in layer.neurons]
    return [
        *(result, result.verdict, result.verdict.empirical, *result.layers, *neurons),
        *(part for neuron in neurons for part in neuron.parts),
        *(neuron.mixture for neuron in neurons if neuron.mixture is not None),
        *(
            entry
            for layer in result.layers
            for side in layer.dictionaries.values()
            for entry in side
        ),
        *(found for neuron in neurons for side in neuron.syntaxes.values() for found in side),
    ]


def test_every_record_is_whole_html_and_one_plain_line() -> None:
    for value in everything(example_result()):
        assert words(value)
        assert repr(value).isprintable()
        assert len(repr(value)) < 300
        assert repr(value).startswith(type(value).__name__)


def test_names_from_files_stay_text() -> None:
    """The parser above refuses elements of names; here the names are found, as text."""
    result = example_result()
    shown = HOSTILE_TARGET.replace("\u2028", "?")
    for value in (result, result.layers[0], result.layers[0].neurons[0]):
        assert shown in words(value)
    for value in (result, result.layers[1]):
        assert HOSTILE_NAME in words(value)
    assert "layer 3: behind an opaque node <i>" in words(result)


def test_the_table_of_layers_says_what_the_run_found() -> None:
    result = example_result()
    head, first, second = read(result).rows
    row = dict(zip(head, second, strict=True))
    assert dict(zip(head, first, strict=True))["Any match"] == "50\u202f%"
    assert row["Layer"] == "2"
    assert row["Field, bp"] == "28 (20)"
    assert dict(zip(head, first, strict=True))["Neurons"] == "2, 1 dead"
    assert row["Localist"] == "100\u202f%"
    # Wilson's, of one neuron of one: 1 / (1 + 1.96**2) to 1.
    assert row["95 % interval"] == "21\u202f% to 100\u202f%"
    assert row["Most often matched"] == "MAX"
    assert result.verdict.sentence in words(result)
    assert "report/results" in words(dataclasses.replace(result, folder="report/results"))


def test_a_layer_shows_some_of_many_neurons_and_says_so() -> None:
    layer = example_result().layers[1]
    many = tuple(dataclasses.replace(layer.neurons[0], neuron=number) for number in range(25))
    unmatched = dataclasses.replace(many[3], matches=())
    crowd = dataclasses.replace(layer, neurons=(unmatched, *many[:3], *many[4:]))
    reader = read(crowd)
    assert [row[0] for row in reader.rows[1:]] == [str(n) for n in range(25) if n != 3][:20]
    assert "The 20 neurons with the best matches of 25 live ones" in "".join(reader.text)
    assert "live ones" not in words(layer)
    shown = dict(zip(reader.rows[0], reader.rows[1], strict=True))
    assert shown["Match"] == "MAX, whole"
    assert shown["E-value"] == "3.0\u2009\u00d7\u200910⁻⁸"
    assert shown["Rarity, bits"] == "20.5"


def test_parts_of_a_neuron_stand_in_register() -> None:
    """The motif of the second part lies 1 bp further on; on the page it is below the first."""
    reader = read(example_result().layers[1].neurons[0])
    logos: dict[Any, list[dict[str, Any]]] = {}
    for letter in reader.letters:
        logos.setdefault(letter["logo"], []).append(letter)
    _, second, first, _ = logos.values()
    places = [
        {round(float(letter["x"]), 3) for letter in logo if letter["base"] == "T"}
        for logo in (second, first)
    ]
    assert places[0] == places[1] != set()


@given(
    st.lists(st.integers(-8, 8), min_size=1, max_size=5),
    st.integers(10, 20),
)
def test_any_shifts_are_taken_back(shifts: list[int], place: int) -> None:
    parts = tuple(
        Part(ppm_of("TGACTCA", 40, place + shift), 1.0, 0.0, 9, "", 1.0, share=0.1, shift=shift)
        for shift in shifts
    )
    neuron = dataclasses.replace(
        example_result().layers[1].neurons[0], parts=parts, matches=(), from_data=None
    )
    rows, width = in_register(neuron, most_parts=5)
    drawn = [row for row in rows if isinstance(row.motif, Part)]
    assert len(drawn) == len(shifts)
    columns = {row.offset + place + row.motif.shift - row.start for row in drawn}
    assert len(columns) == 1
    for row in rows:
        assert 0 <= row.start < row.end <= len(row.motif.ppm)
        assert row.offset >= 0
        assert row.offset + row.end - row.start <= width


def test_long_fields_are_drawn_where_they_say_most() -> None:
    rng = np.random.default_rng(0)
    faint = rng.dirichlet(np.full(4, 5.0), size=1000)
    faint[700:712] = np.eye(4)[rng.integers(0, 4, 12)]
    faint[[3, 990]] = np.eye(4)[[0, 2]]
    parts = tuple(
        Part(np.roll(faint, shift, axis=0), 1.0, 0.0, 9, "A" * 1000, 1.0, share=0.1, shift=shift)
        for shift in (0, 3, -250)
    )
    neuron = dataclasses.replace(
        example_result().layers[1].neurons[0],
        mixture=dataclasses.replace(parts[0]),
        parts=parts,
        from_data=None,
    )
    rows, width = in_register(neuron, most_parts=5)
    assert width == 120
    assert [row.end - row.start for row in rows] == [120] * 4
    for row in rows[1:]:
        assert isinstance(row.motif, Part)
        assert row.start <= 700 + row.motif.shift
        assert row.end >= 712 + row.motif.shift
    assert "Drawn are the 120 of 1000 positions" in words(neuron)
    assert len(neuron._repr_html_()) < 1_000_000
    start, end = drawn_span(faint, 50)
    assert end - start == 50
    assert start <= 700
    assert end >= 712


def test_a_dead_neuron_and_a_single_motif_say_what_they_are() -> None:
    dead, single = example_result().layers[0].neurons[1], example_result().layers[0].neurons[0]
    assert "dead: no sequence activates it" in words(dead)
    assert "Mixture" not in words(single)
    assert "Known motif" not in words(single)
    lonely = dataclasses.replace(single, matches=())
    assert "No known motif matches." in words(lonely)
    many = dataclasses.replace(single, parts=single.parts * 11)
    assert "3 more parts in .parts" in words(many)


def test_models_and_samples_show_what_they_are() -> None:
    model = model_of(two_layers(np.random.default_rng(0), first=3, width=2))
    head, first, second = read(model).rows
    row = dict(zip(head, second, strict=True))
    layer = model.layers[1]
    assert row["Field, bp"] == str(layer.receptive_field)
    assert row["Shifts"] == str(layer.shifts) == "2"
    assert dict(zip(head, first, strict=True))["Pool"] == "max 2"
    hostile = dataclasses.replace(model, notes=(HOSTILE_TARGET,), blocked=example_result().blocked)
    assert "late<i>: it sees all, through 'LSTM<i>'" in words(hostile)
    (sample,) = ni.sample(model, 1, [0], effort="quick")
    reader = read(sample)
    assert "Sample of layer 1, neuron 0 positions 1 to 2 of 2" in "".join(reader.text)
    assert {letter["base"] for letter in reader.letters} <= set("ACGT")
    assert repr(model).startswith("Model(")
    assert repr(sample).startswith("ActivationSample(layer 1, neuron 0, ")
    dead = dataclasses.replace(sample, values=sample.values[:0], windows=sample.windows[:0])
    assert "dead: no window activates it" in words(dead)
    assert ", dead, " in repr(dead)
