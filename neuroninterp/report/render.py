"""Render ``report.html``: one self-contained file, nothing fetched, nothing sent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from neuroninterp.measurement.records import shortened
from neuroninterp.motifs.records import Match
from neuroninterp.performance import SCORES
from neuroninterp.report import numbers
from neuroninterp.report.chart import fraction_chart
from neuroninterp.report.fields_chart import fields_chart
from neuroninterp.report.grammar import dictionary_sides, syntax_sides
from neuroninterp.report.payload import embed_json, layer_payload
from neuroninterp.results.records import AnalysisResult, LayerResult, NeuronResult
from neuroninterp.text import numbered, printable

__all__ = ["render"]

_FOLDER = Path(__file__).parent
_SHOWN_PARTS = 3


def render(result: AnalysisResult) -> str:
    """Render the report of a run.

    Parameters
    ----------
    result : AnalysisResult
        What the run found. Names from files may hold any text; it is escaped.

    Returns
    -------
    str
        A complete HTML document: verdict, layers, performance, gallery of neurons, model
        card. Style, script and data are inside it.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "fixed": numbers.fixed,
        "percent": numbers.percent,
        "grouped": numbers.grouped,
        "scientific": numbers.scientific,
        "printable": printable,
    }
    document = environment.get_template("report.html").render(
        result=result,
        verdict=result.verdict,
        title=_title(result.model),
        facts=_facts(result),
        agree=result.verdict.structural.layer == result.verdict.empirical.layer,
        chart=fraction_chart(result.layers, result.verdict.layer),
        fields=fields_chart(result.fields, result.blocked),
        table=_table(result),
        shortened=[
            (numbered("Layer", numbers), printable(reason, 500))
            for numbers, reason in shortened(result.fields)
        ],
        relevant=any(layer.fractions.relevant is not None for layer in result.layers),
        performance=_performance(result),
        gallery=[_gallery(layer, Markup) for layer in result.layers],
        cards=_cards(result),
        shown_parts=_SHOWN_PARTS,
        style=Markup(_text("report.css")),
        script=Markup(_text("report.js")),
    )
    # Undecodable bytes of file names would make the document impossible to write as UTF-8.
    return document.encode("utf-8", "replace").decode("utf-8")


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _title(model: Mapping[str, Any]) -> str:
    path = str(model.get("path") or model.get("file") or model.get("name") or "model")
    return printable(path.replace("\\", "/").rstrip("/").rpartition("/")[2] or path)


def _facts(result: AnalysisResult) -> str:
    """Say in one line what was analysed."""
    neurons = sum(layer.fractions.neurons for layer in result.layers)
    dead = sum(layer.fractions.dead for layer in result.layers)
    pieces = [_counted(len(result.layers), "layer"), _counted(neurons, "neuron")]
    if dead:
        pieces.append(f"{dead} never active")
    pieces.append("with your sequences" if result.data is not None else "from the weights alone")
    return " · ".join(pieces)


def _counted(number: int, word: str) -> str:
    return f"{numbers.grouped(number)} {word}{'' if number == 1 else 's'}"


def _table(result: AnalysisResult) -> list[dict[str, Any]]:
    """Return the rows of the table of layers: analysed, only measured, or blocked."""
    analysed = {item.layer.number: item for item in result.layers}
    measured = {item.layer.number: item for item in result.fields}
    blocked = {item.number: item for item in result.blocked}
    rows = []
    for number in sorted({*analysed, *measured, *blocked}):
        item, fields = analysed.get(number), measured.get(number)
        layer = item.layer if item else fields.layer if fields else None
        rows.append(
            {
                "number": number,
                "layer": layer,
                "item": item,
                "fields": fields,
                "blocked": blocked.get(number),
            }
        )
    return rows


def _performance(result: AnalysisResult) -> dict[str, Any] | None:
    if result.performance is None or result.performance.empty:
        return None
    table = result.performance
    return {
        "means": {title: table[name].mean() for name, title in SCORES.items() if name in table},
        "rows": table.to_dict(orient="records"),
        "titles": SCORES,
    }


def _gallery(layer: LayerResult, markup: type) -> dict[str, Any]:
    cards = [
        {**_neuron_card(neuron), "syntax": syntax_sides(neuron, layer)}
        for neuron in layer.neurons
        if not neuron.dead
    ]
    # The page opens in the order that its sort control shows.
    cards.sort(key=lambda card: (card["e_value"] is None, card["e_value"] or 0.0, card["number"]))
    return {
        "layer": layer.layer,
        "fractions": layer.fractions,
        "cards": cards,
        "dictionaries": dictionary_sides(layer),
        "unconverged": [neuron.neuron for neuron in layer.neurons if not neuron.converged],
        "dead": [neuron.neuron for neuron in layer.neurons if neuron.dead],
        "wide": layer.layer.receptive_field > 30,
        "payload": markup(embed_json(layer_payload(layer))),
    }


def _neuron_card(neuron: NeuronResult) -> dict[str, Any]:
    assert neuron.mixture is not None
    best, match = neuron.best_part or neuron.mixture, neuron.best_match
    beside = (neuron.from_data is not None) + (len(neuron.parts) != 1)
    return {
        "number": neuron.neuron,
        "match": match,
        "e_value": None if match is None else match.e_value,
        "maximum": neuron.mixture.maximum,
        "threshold": neuron.mixture.threshold,
        "ratio": best.consensus_ratio if math.isfinite(best.consensus_ratio) else None,
        "rarity": -neuron.mixture.log2_rarity,
        "n_sequences": neuron.mixture.n_sequences,
        "converged": neuron.converged,
        "parts": len(neuron.parts),
        "logos": min(len(neuron.parts), _SHOWN_PARTS) + beside,
        "words": _search_words(neuron.matches + neuron.mixture_matches),
    }


def _search_words(matches: Iterable[Match]) -> str:
    words = dict.fromkeys(
        printable(word).lower()
        for match in matches
        for word in (match.target_name, match.target_id)
    )
    return "\n".join(words)


def _cards(result: AnalysisResult) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the sections of the model card as names and values."""
    sections: list[tuple[str, Mapping[str, Any]]] = [
        ("Model", result.model),
        ("Data", result.data or {}),
        ("Settings", result.settings),
        ("Versions", result.versions),
        ("Seconds", {name: f"{seconds:.1f}" for name, seconds in result.seconds.items()}),
    ]
    return [
        (
            heading,
            [
                (printable(key).replace("_", " "), printable(numbers.card_value(value), 500))
                for key, value in values.items()
            ],
        )
        for heading, values in sections
        if values
    ]
