"""Render ``report.html``: one self-contained file, nothing fetched, nothing sent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neuroninterp.measurement.records import shortened
from neuroninterp.performance import SCORES
from neuroninterp.report import numbers
from neuroninterp.report.advice import certainty, filter_advice
from neuroninterp.report.chart import fraction_chart
from neuroninterp.report.model_card import model_card
from neuroninterp.report.network_chart import NARROW, WIDE, Frame, NetworkChart, network_chart
from neuroninterp.report.payload import SHOWN_MOTIFS, SOURCES, page_payload
from neuroninterp.results.command import repeat_command
from neuroninterp.results.records import AnalysisResult
from neuroninterp.text import numbered, printable

__all__ = ["render"]

_FOLDER = Path(__file__).parent / "page"

_SCRIPTS = (
    *("data", "draw", "copy", "figures", "gallery"),
    *("parts", "evidence", "grammar", "neuron", "main"),
)
"""The page's script in the order of use: each builds on those before it."""

_LARGE = ("auroc", "aupr")
"""Scores that stand first; the others follow in a line."""


def render(result: AnalysisResult) -> str:
    """Render the report of a run.

    Parameters
    ----------
    result : AnalysisResult
        What the run found. Names from files may hold any text; it is escaped.

    Returns
    -------
    str
        A complete HTML document: verdict, network, performance, gallery of neurons with a page
        each, motif dictionaries, model card. Style, script and data are inside it; verdict,
        layers, performance and model card can be read without the script.
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
        "printable": printable,
        "sentence": _sentence,
    }
    payload = page_payload(result)
    document = environment.get_template("report.html").render(
        result=result,
        verdict=result.verdict,
        headline=_headline(result),
        title=result.model_name,
        facts=_facts(result),
        certainty=_typeset(certainty(result)),
        advice=_typeset(filter_advice(result)),
        agree=result.verdict.structural.layer == result.verdict.empirical.layer,
        chart=fraction_chart(result.layers, result.verdict.layer),
        network=_network(result, WIDE),
        narrow=_network(result, NARROW),
        table=_table(result),
        shortened=[
            (numbered("Layer", numbers), printable(reason, 500))
            for numbers, reason in shortened(result.fields)
        ],
        relevant=any(layer.fractions.relevant is not None for layer in result.layers),
        performance=_performance(result),
        dictionaries=_dictionaries(result),
        most_parts=payload.most_parts,
        cards=model_card(result),
        command=repeat_command(result),
        style=Markup(_text("report.css")),
        data=Markup(payload.text),
        script=Markup('"use strict";\n(() => {\n' + "".join(map(_script, _SCRIPTS)) + "})();\n"),
    )
    # Undecodable bytes of file names would make the document impossible to write as UTF-8.
    return document.encode("utf-8", "replace").decode("utf-8")


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _script(name: str) -> str:
    return _text(f"{name}.js")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _typeset(text: str) -> str:
    return text.replace("'", "\u2019")


def _headline(result: AnalysisResult) -> str:
    """Return the verdict; of a run that is not finished that it is not, whatever else is said."""
    return result.verdict.sentence if result.unfinished is None else result.unfinished.sentence


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


def _network(result: AnalysisResult, frame: Frame) -> NetworkChart:
    layout = result.model.get("input")
    length = layout.get("length") if isinstance(layout, Mapping) else result.model.get("length")
    return network_chart(
        result.fields,
        result.blocked,
        length=length if isinstance(length, int) else None,
        analysed=[layer.layer.number for layer in result.layers],
        chosen=result.verdict.layer,
        frame=frame,
    )


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
    means = {title: table[name].mean() for name, title in SCORES.items() if name in table}
    large = [SCORES[name] for name in _LARGE if SCORES[name] in means] or list(means)
    return {
        "large": {title: mean for title, mean in means.items() if title in large},
        "small": {title: mean for title, mean in means.items() if title not in large},
        "rows": table.to_dict(orient="records"),
        "titles": SCORES,
    }


def _dictionaries(result: AnalysisResult) -> list[dict[str, Any]]:
    """Return by layer the dictionaries that there are: label, number of motifs, how many drawn."""
    found = []
    for layer in result.layers:
        sides = [
            {"source": source, "label": SOURCES[source], "number": len(motifs)}
            for source, motifs in layer.dictionaries.items()
            if motifs
        ]
        if sides:
            found.append({"layer": layer.layer, "sides": sides, "drawn": SHOWN_MOTIFS})
    return found
