"""A run and its layers in a notebook: the verdict, the table of layers, tables of neurons."""

from __future__ import annotations

import math
from collections import Counter

from markupsafe import Markup

from neuroninterp.bottleneck import Reading, Verdict
from neuroninterp.notebook.markup import Column, box, facts, muted, short, small_logo, strong, table
from neuroninterp.report.numbers import MISSING, fixed, grouped, percent, scientific
from neuroninterp.report.payload import ordered_parts
from neuroninterp.results.records import AnalysisResult, LayerResult, NeuronResult
from neuroninterp.results.summary import fraction_interval
from neuroninterp.text import first_few, how_many, printable

__all__ = ["layer_html", "reading_html", "result_html", "verdict_html"]

_NEURONS = 20
_NAMES = 3
_SENTENCES = 5
_SENTENCE = 500

_LAYER_COLUMNS = (
    Column("Layer", number=True),
    Column("Name"),
    Column("Kernel", number=True),
    Column("Pool"),
    Column("Field, bp", number=True, hint="receptive field, and the effective one in brackets"),
    Column("Shifts", number=True, hint="alignments that the pools below can hide"),
    Column("Neurons", number=True, hint="that were analysed; dead ones are never active"),
    Column("Any match", number=True, hint="share of neurons that match a known motif"),
    Column("Localist", number=True, hint="share of neurons with a whole motif"),
    Column("95 % interval", number=True, hint="Wilson's, of the localist fraction"),
    Column("By chance", number=True, hint="localist fraction of PPMs with shuffled columns"),
    Column("Most often matched"),
)
_NEURON_COLUMNS = (
    Column("Neuron", number=True),
    Column("Best part"),
    Column("Match"),
    Column("E-value", number=True),
    Column("Ratio", number=True, hint="consensus ratio: near 1 one motif, low a mixture"),
    Column("Maximum", number=True, hint="largest z"),
    Column("Rarity, bits", number=True, hint="of a random window that activates it"),
    Column("Parts", number=True),
)


def result_html(result: AnalysisResult) -> str:
    """Draw a run: its verdict, and a row a layer."""
    sequences = "with your sequences" if result.data is not None else "from the weights alone"
    neurons = sum(len(layer.neurons) for layer in result.layers)
    scope = f"{how_many(len(result.layers), 'layer')}, {how_many(neurons, 'neuron')}, {sequences}"
    sentences = [*result.skipped, *result.notes]
    more = len(sentences) - _SENTENCES
    return box(
        muted(f"{result.model_name}: {scope}"),
        None if result.unfinished is None else strong(result.unfinished.sentence),
        *_verdict(result.verdict),
        table(
            _LAYER_COLUMNS,
            (_layer_row(layer, result) for layer in result.layers),
            "Analysed layers",
        ),
        *(muted(printable(sentence, _SENTENCE)) for sentence in sentences[:_SENTENCES]),
        muted(f"{more} more in .skipped and .notes") if more > 0 else None,
        None if result.folder is None or result.unfinished is not None else _folder(result),
    )


def layer_html(layer: LayerResult) -> str:
    """Draw a layer: its neurons with their best part, those with the best matches first."""
    geometry, fractions = layer.layer, layer.fractions
    low, high = fraction_interval(fractions.localist, fractions.neurons)
    alive = sorted((neuron for neuron in layer.neurons if not neuron.dead), key=_by_match)
    left = len(alive) - _NEURONS
    neurons = how_many(fractions.neurons, "neuron")
    known = [("by chance", percent(fractions.null_localist)), ("dead", grouped(fractions.dead))]
    return box(
        strong(
            f"Layer {geometry.number}, {short(geometry.name)}",
            f"field {grouped(geometry.receptive_field)} bp, {neurons}",
        ),
        facts(
            [
                ("localist", f"{percent(fractions.localist)} ({percent(low)} to {percent(high)})"),
                *known,
            ]
        ),
        table(
            _NEURON_COLUMNS,
            (_neuron_row(neuron) for neuron in alive[:_NEURONS]),
            f"Neurons of layer {geometry.number}",
        ),
        muted(
            f"The {_NEURONS} neurons with the best matches of {grouped(len(alive))} live ones; "
            ".neuron(k) shows any of them."
        )
        if left > 0
        else None,
    )


def verdict_html(verdict: Verdict) -> str:
    """Write a verdict: its sentence, and both readings that it rests on."""
    return box(*_verdict(verdict))


def reading_html(reading: Reading) -> str:
    """Write one reading of the bottleneck."""
    return box(_reading("Bottleneck", reading))


def _verdict(verdict: Verdict) -> list[Markup]:
    return [
        Markup('<div style="font-size:1.15em;margin:.3em 0;max-width:60em">{}</div>').format(
            printable(verdict.sentence, 2 * _SENTENCE)
        ),
        _reading("Structural reading, from the architecture", verdict.structural),
        _reading("Empirical reading, from the neurons", verdict.empirical),
    ]


def _reading(title: str, reading: Reading) -> Markup:
    found = "no layer" if reading.layer is None else f"layer {reading.layer}"
    if reading.interval is not None:
        low, high = reading.interval
        layers = f"layer {low}" if low == high else f"layers {low} to {high}"
        found += f" (95 % interval: {layers})"
    return muted(f"{title}: {found}, {reading.kind}; {printable(reading.reason, _SENTENCE)}")


def _folder(result: AnalysisResult) -> Markup:
    return Markup(
        '<div style="margin:.2em 0">Files, report.html among them: <code>{}</code></div>'
    ).format(printable(result.folder))


def _layer_row(layer: LayerResult, result: AnalysisResult) -> list[str | Markup]:
    geometry, fractions = layer.layer, layer.fractions
    fields = result.fields_of(geometry.number)
    effective = None if fields is None else fields.effective
    low, high = fraction_interval(fractions.localist, fractions.neurons)
    chosen = geometry.number == result.verdict.layer
    return [
        Markup("<b>{}</b>").format(geometry.number) if chosen else str(geometry.number),
        short(geometry.name),
        grouped(geometry.kernel),
        MISSING if geometry.pool is None else str(geometry.pool),
        f"{grouped(geometry.receptive_field)} "
        f"({MISSING if effective is None else grouped(effective.size)})",
        grouped(geometry.shifts),
        grouped(fractions.neurons) + (f", {fractions.dead} dead" if fractions.dead else ""),
        percent(fractions.match),
        Markup("<b>{}</b>").format(percent(fractions.localist))
        if chosen
        else percent(fractions.localist),
        f"{percent(low)} to {percent(high)}",
        percent(fractions.null_localist),
        _most_matched(layer),
    ]


def _most_matched(layer: LayerResult) -> str:
    """Name the known motifs that most neurons match best, with how many do."""
    names = Counter(
        short(neuron.best_match.target_name)
        for neuron in layer.neurons
        if neuron.best_match is not None
    )
    found = [f"{name} ({number})" if number > 1 else name for name, number in names.most_common()]
    return first_few(found, _NAMES) or MISSING


def _neuron_row(neuron: NeuronResult) -> list[str | Markup]:
    assert neuron.mixture is not None
    order = ordered_parts(neuron)
    shown = neuron.parts[order[0]] if order else neuron.mixture
    hits = neuron.part_matches(order[0]) if order else ()
    hit = hits[0] if hits else None
    rarity = neuron.mixture.log2_rarity
    return [
        str(neuron.neuron),
        small_logo(shown.ppm, f"Best part of neuron {neuron.neuron}, {shown.consensus}"),
        MISSING
        if hit is None
        else f"{short(hit.target_name)}, {'whole' if hit.whole else 'partial'}",
        MISSING if hit is None else scientific(hit.e_value),
        fixed(shown.consensus_ratio),
        fixed(neuron.mixture.maximum),
        fixed(-rarity, 1) if math.isfinite(rarity) else MISSING,
        grouped(len(neuron.parts)),
    ]


def _by_match(neuron: NeuronResult) -> tuple[float, int]:
    hit = neuron.best_match
    return (math.inf if hit is None else hit.e_value, neuron.neuron)
