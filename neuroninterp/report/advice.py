"""The verdict in plain words: how sure it is, and what it means for reading filters."""

from __future__ import annotations

from neuroninterp.report.numbers import percent
from neuroninterp.results.records import AnalysisResult, LayerResult, NeuronResult
from neuroninterp.results.summary import fraction_interval

__all__ = ["certainty", "filter_advice", "sample_caution"]

_MOST = 0.5
"""Share of whole motifs from which a layer's filters are mostly motifs."""


def certainty(result: AnalysisResult) -> str:
    """Say how sure the verdict is.

    Parameters
    ----------
    result : AnalysisResult
        What the run found.

    Returns
    -------
    str
        One or two sentences; which readings agree, the interval of the layer, and the localist
        fraction with its interval and null.
    """
    if result.unfinished is not None:
        return "Neurons that are not analysed yet may change all that is said here of layers."
    verdict, empirical = result.verdict, result.verdict.empirical
    layer = _layer(result, verdict.layer)
    if layer is None or empirical.layer is None:
        return "No layer's motifs speak for it; read it as the architecture's word alone."
    if empirical.interval is None or empirical.interval[0] == empirical.interval[1]:
        steady = "Every resampling of the neurons names the same layer"
        if empirical.interval is None:
            steady = "It was not resampled"
    else:
        first, last = empirical.interval
        steady = f"Resampling the neurons names layers {first} to {last} (95\u202f% interval)"
    agreed = verdict.structural.layer == empirical.layer
    beside = "the architecture agrees" if agreed else "the architecture points elsewhere"
    return f"{steady}, and {beside}. {_share(layer)}"


def filter_advice(result: AnalysisResult) -> str:
    """Say what someone who reads the first layer's filters as motifs should know.

    Parameters
    ----------
    result : AnalysisResult
        What the run found.

    Returns
    -------
    str
        A few sentences, with the numbers they rest on.
    """
    if result.unfinished is not None:
        return "Wait for the whole run: which layer holds whole motifs is not known yet."
    first = _layer(result, 1)
    if first is None:
        return "The first layer was not analysed, so nothing can be said about its filters."
    share, verdict = _share(first), result.verdict
    if verdict.kind == "starved":
        return (
            f"Do not read this network's filters as motifs: its bottleneck comes before any "
            f"neuron sees a whole one. {share}"
        )
    if verdict.layer == 1:
        return "You can: most of them are whole motifs, each a picture of its own."
    if verdict.layer is None:
        return (
            f"First-layer filters that look like motifs may be chance here: what matches is not "
            f"clearly more than shuffled columns would. {share}"
        )
    warning = (
        f"Do not read the first layer's filters as motifs: most are parts that later layers put "
        f"together. Read layer {verdict.layer} instead, decoupled. {share}"
    )
    if first.fractions.localist - first.fractions.null_localist >= _MOST:
        return (
            f"Many first-layer filters are whole motifs, but layer {verdict.layer} holds more of "
            f"them: read that one, decoupled. {share}"
        )
    return warning


def sample_caution(neuron: NeuronResult) -> str | None:
    """Warn of a neuron whose sample is worth few independent windows; None for others.

    Parameters
    ----------
    neuron : NeuronResult
        One that may be dead.

    Returns
    -------
    str or None
        One or two sentences.
    """
    if not neuron.thinly_sampled:
        return None
    surer = "Rely on what another seed shows again"
    if neuron.from_data is not None:
        surer += ", and on the PPM from your sequences"
    return (
        "Letters may be chance, also where several parts share them: the sample is worth about "
        f"{neuron.effective_size:.0f} independent windows. {surer}."
    )


def _layer(result: AnalysisResult, number: int | None) -> LayerResult | None:
    return next((found for found in result.layers if found.layer.number == number), None)


def _share(layer: LayerResult) -> str:
    fractions = layer.fractions
    low, high = fraction_interval(fractions.localist, fractions.neurons)
    named = "" if fractions.relevant is None else "relevant "
    interval = f"95\u202f% interval {percent(low)} to {percent(high)}"
    return (
        f"Of layer {layer.layer.number}'s {_counted(fractions.neurons)} "
        f"{percent(fractions.localist)} hold a whole {named}motif ({interval}); by chance "
        f"{percent(fractions.null_localist)} would."
    )


def _counted(neurons: int) -> str:
    return "one neuron" if neurons == 1 else f"{neurons} neurons"
