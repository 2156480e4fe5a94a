"""Everything that is known about one sequence, gathered: where the two views meet.

The model's view: which neurons of a layer fire where, with the motifs that the analysis of the
network found for them. The sequence's view: how much every base adds to the prediction. Beside
both, the sites where motifs were planted or known ones match.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neuroninterp.attribution import Attribution
from neuroninterp.errors import DataError, OutputError
from neuroninterp.fields import Layer
from neuroninterp.models import Model
from neuroninterp.motifs.databases import MotifDatabase
from neuroninterp.results import AnalysisResult, NeuronResult
from neuroninterp.sequence_view.activity import Activity, layer_activity
from neuroninterp.sequence_view.firing import Firing, find_firings
from neuroninterp.sequence_view.sites import Site, known_sites
from neuroninterp.sequences.sites import PlantedSites
from neuroninterp.text import numbered

__all__ = ["SequenceView", "layer_of_view", "sequence_views"]

_MOST_NEURONS = 16
"""Neurons of a view: those that fire most strongly."""


@dataclass(frozen=True, eq=False)
class SequenceView:
    """One sequence with its attribution, the neurons that fire on it, and its motif sites.

    Parameters
    ----------
    name : str
        The sequence's name.
    codes : numpy.ndarray, shape=(L,)
        0 to 4 for A, C, G, T, N; uint8.
    scores : numpy.ndarray, shape=(L,)
        What each base adds to what is explained.
    explained : str
        What is explained and how, for example "class 'CTCF', logit (deeplift)".
    prediction : float
        What the model gives for it.
    layer : Layer
        The layer whose neurons are shown.
    neurons : tuple of int
        Channels, the one that fires most strongly first.
    levels : numpy.ndarray, shape=(positions, len(neurons))
        From 0 (threshold or below) to 1 (the neuron's maximum), at every output position.
    firings : tuple of Firing
        Peaks of these neurons, the strongest first.
    sites : tuple of Site
        Planted and known motif sites, from left to right.
    """

    name: str
    codes: np.ndarray
    scores: np.ndarray
    explained: str
    prediction: float
    layer: Layer
    neurons: tuple[int, ...]
    levels: np.ndarray
    firings: tuple[Firing, ...]
    sites: tuple[Site, ...]


def layer_of_view(model: Model, analysis: AnalysisResult, layer: int | None = None) -> int:
    """Return the number of the layer whose neurons are shown.

    Parameters
    ----------
    model : Model
        The network.
    analysis : AnalysisResult
        What was found about it.
    layer : int or None
        What the user asks for; None takes the layer whose neurons hold whole motifs, as the
        verdict has it, and the last analysed one where it names none.

    Raises
    ------
    OutputError
        If the analysis is of another model, or lacks the layer.
    """
    if analysis.model["sha256"] != model.sha256:
        raise OutputError(
            f"the analysis is of {analysis.model['path']}, whose content is not that of "
            f"{model.path}; analyse this model first"
        )
    analysed = [item.layer.number for item in analysis.layers]
    if not analysed:
        raise OutputError(
            "the analysis holds no layer yet; wait until it is finished"
            if analysis.unfinished
            else "the analysis holds no layer"
        )
    if layer is None:
        return analysis.verdict.layer if analysis.verdict.layer in analysed else analysed[-1]
    if layer not in analysed:
        raise OutputError(
            f"the analysis holds {numbered('layer', analysed)}, not layer {layer}; analyse that "
            "layer too"
        )
    return layer


def sequence_views(
    model: Model,
    analysis: AnalysisResult,
    attribution: Attribution,
    *,
    layer: int | None = None,
    planted: PlantedSites | None = None,
    database: MotifDatabase | None = None,
    known: Sequence[str] | None = None,
) -> list[SequenceView]:
    """Put the network's neurons and the attribution of sequences side by side.

    Parameters
    ----------
    model : Model
        The network.
    analysis : AnalysisResult
        What :func:`neuroninterp.analyze` found about it.
    attribution : Attribution
        What :func:`neuroninterp.attribute` found about the sequences.
    layer : int or None
        Layer whose neurons are shown; that of the verdict for None.
    planted : PlantedSites or None
        Where motifs were planted in these sequences, where the data tell.
    database : MotifDatabase or None
        Known motifs to look for; none are for None.
    known : sequence of str or None
        Which of them, ids or names. None takes those that the shown neurons match best, and
        marks one of them a place.

    Returns
    -------
    list of SequenceView
        One a sequence.

    Raises
    ------
    OutputError
        If the analysis is of another model, or lacks the layer.
    DataError
        If there are planted sites of more sequences.
    UnknownNameError
        If a known motif is not in the database.
    """
    if planted is not None and planted.sequences.max(initial=-1) >= len(attribution):
        raise DataError(
            f"planted sites of sequence {planted.sequences.max()}, but there are "
            f"{len(attribution)} sequences"
        )
    number = layer_of_view(model, analysis, layer)
    (neurons,) = (item.neurons for item in analysis.layers if item.layer.number == number)
    channels = [neuron.neuron for neuron in neurons]
    activities = layer_activity(model, number, channels, attribution.codes)
    explained = f"{attribution.target} ({attribution.method})"
    scores = attribution.scores
    views = [
        _view(
            activity,
            neurons,
            name=attribution.names[row],
            codes=attribution.codes[row],
            scores=scores[row],
            explained=explained,
            prediction=float(attribution.prediction[row]),
            sites=() if planted is None else _planted(planted.of(row)),
        )
        for row, activity in enumerate(activities)
    ]
    if database is None:
        return views
    best_only = known is None
    if known is None:
        firings = (firing for view in views for firing in view.firings)
        known = list(dict.fromkeys(firing.match_id for firing in firings if firing.match_id))
    matched = known_sites(attribution.codes, database, known, best_only=best_only)
    return [
        replace(view, sites=_ordered((*view.sites, *sites)))
        for view, sites in zip(views, matched, strict=True)
    ]


def _view(activity: Activity, neurons: Sequence[NeuronResult], **known: Any) -> SequenceView:
    """Complete what is known about a sequence with the neurons that fire on it."""
    firings = find_firings(activity, known["codes"], neurons)
    shown = tuple(dict.fromkeys(firing.neuron for firing in firings))[:_MOST_NEURONS]
    columns = [activity.neurons.index(neuron) for neuron in shown]
    return SequenceView(
        **known,
        layer=activity.layer,
        neurons=shown,
        levels=activity.levels(neurons)[:, columns],
        firings=tuple(firing for firing in firings if firing.neuron in shown),
    )


def _planted(sites: PlantedSites) -> tuple[Site, ...]:
    names = (sites.motif_names[motif] for motif in sites.motifs)
    strands = ("+" if strand > 0 else "-" for strand in sites.strands)
    bounds = zip(sites.starts, sites.ends, strands, names, strict=True)
    return _ordered(
        [Site(int(start), int(end), strand, name, "planted") for start, end, strand, name in bounds]
    )


def _ordered(sites: Sequence[Site]) -> tuple[Site, ...]:
    """Sort sites from left to right, planted ones before known ones at the same place."""
    return tuple(sorted(sites, key=lambda s: (s.start, s.end, s.source == "known", s.name)))
