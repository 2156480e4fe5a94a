"""One layer of the pipeline: sample, decouple, match, describe, and count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neuroninterp.bottleneck import layer_fractions, localist_flags
from neuroninterp.errors import DataError
from neuroninterp.evidence import activation_profile, top_sequences
from neuroninterp.models import Model
from neuroninterp.motifs import (
    DictionaryMotif,
    Match,
    Motif,
    MotifDatabase,
    Part,
    Syntax,
    build_dictionary,
    decouple,
    find_syntax,
    match,
    mixture,
    random_split,
)
from neuroninterp.motifs.matching import shuffle_columns
from neuroninterp.progress import Progress
from neuroninterp.results import LayerResult, NeuronResult, motif_id
from neuroninterp.sampling import (
    ActivationSample,
    NeuronInData,
    check_neurons,
    neurons_in_data,
    sample,
)
from neuroninterp.sequences import Sequences

__all__ = ["LayerOptions", "analyse_layer"]

_MATCHED_PARTS = {"quick": 4, "standard": 8, "thorough": 16}
"""Parts of a neuron that are matched, by effort: those with the largest shares."""


@dataclass(frozen=True)
class LayerOptions:
    """What the user chose, as far as one layer needs it.

    Parameters
    ----------
    neurons : tuple of int or None
        Channels to analyse; None for all.
    relevant : tuple of str
        Ids or names of relevant motifs.
    effort : str
        Effort of the sampler.
    seed : int
        Seed of the run.
    n_jobs : int
        Threads for matching.
    rounds : int or None
        Of decoupling; see :func:`neuroninterp.decouple`.
    grammar : bool
        Whether to compose the layer's dictionary and its neurons' syntaxes.
    """

    neurons: tuple[int, ...] | None
    relevant: tuple[str, ...]
    effort: str
    seed: int
    n_jobs: int
    rounds: int | None = None
    grammar: bool = True


def analyse_layer(
    model: Model,
    layer: int,
    database: MotifDatabase,
    options: LayerOptions,
    *,
    sequences: Sequences | None = None,
    progress: Progress,
) -> tuple[LayerResult, np.ndarray, list[str]]:
    """Analyse one layer.

    Parameters
    ----------
    model : Model
        The network.
    layer : int
        Layer number.
    database : MotifDatabase
        Known motifs.
    options : LayerOptions
        The user's choices.
    sequences : Sequences or None
        The user's sequences.
    progress : Progress
        Where progress is shown.

    Returns
    -------
    result : LayerResult
        Neurons and fractions.
    localist : numpy.ndarray of bool, shape=(neurons,)
        Whether each neuron has a whole match.
    skipped : list of str
        What was left out, and why.
    """
    chosen = check_neurons(model, layer, options.neurons)
    with progress.stage(f"layer {layer}: sampling", len(chosen)) as advance:
        samples = sample(
            model, layer, chosen, effort=options.effort, seed=options.seed, advance=advance
        )
    in_data, skipped = _look_at_data(model, samples, sequences, options.seed, progress)
    from_data = [None if found is None else found.sample for found in in_data]
    with progress.stage(f"layer {layer}: decoupling", len(chosen)) as advance:
        neurons, splits = [], []
        for drawn, observed in zip(samples, from_data, strict=True):
            neuron = _describe(model, drawn, observed, options)
            neurons.append(neuron)
            splits.append(_control(drawn, neuron.parts, options))
            advance(1)
    with progress.stage(f"layer {layer}: matching", len(chosen)):
        found = _match_all(layer, neurons, splits, database, options)
    composed: list[NeuronResult] = neurons
    dictionaries: list[tuple[DictionaryMotif, ...]] = []
    if options.grammar:
        composed, *dictionaries = _composed(
            model, neurons, samples, from_data, database, options, progress
        )
    completed = tuple(
        replace(neuron, matches=parts, mixture_matches=whole)
        for neuron, parts, whole in zip(composed, found["parts"], found["mixture"], strict=True)
    )
    completed = _with_evidence(completed, samples, in_data, sequences)
    named = bool(options.relevant)
    fractions = layer_fractions(
        found["parts"],
        found["mixture"],
        found["split"],
        found["shuffled"],
        dead=sum(neuron.dead for neuron in neurons),
        relevant_named=named,
    )
    result = LayerResult(model.layer(layer), completed, fractions, *dictionaries)
    return result, localist_flags(found["parts"], relevant_named=named), skipped


def _look_at_data(
    model: Model,
    drawn: Sequence[ActivationSample],
    sequences: Sequences | None,
    seed: int,
    progress: Progress,
) -> tuple[list[NeuronInData | None], list[str]]:
    """Look for the neurons of a layer in the user's sequences; say what was left out."""
    nothing: list[NeuronInData | None] = [None] * len(drawn)
    if sequences is None or not drawn:
        return nothing, []
    layer, neurons, codes = drawn[0].layer, [sample.neuron for sample in drawn], sequences.codes
    thresholds = np.array([sample.threshold for sample in drawn])
    with progress.stage(f"layer {layer}: windows from data", 2 * len(codes)) as advance:
        try:
            found = neurons_in_data(
                model,
                layer,
                neurons,
                thresholds,
                codes,
                level_maxima=[sample.maximum for sample in drawn],
                seed=seed,
                advance=advance,
            )
        except DataError as error:
            return nothing, [f"no PPMs from the data for layer {layer}: {error}"]
    return [*found], []


def _with_evidence(
    neurons: Sequence[NeuronResult],
    drawn: Sequence[ActivationSample],
    in_data: Sequence[NeuronInData | None],
    sequences: Sequences | None,
) -> tuple[NeuronResult, ...]:
    """Add how often the neurons are how active, and where in the user's sequences most."""
    return tuple(
        replace(
            neuron,
            profile=activation_profile(sampled, found),
            top_sequences=()
            if found is None or sequences is None
            else top_sequences(found.largest, sequences),
        )
        for neuron, sampled, found in zip(neurons, drawn, in_data, strict=True)
    )


def _raised(whole: Motif | None, seen: Sequence[float]) -> Motif | None:
    """Return the mixture with the largest value that was seen anywhere as its maximum."""
    return None if whole is None else replace(whole, maximum=max(whole.maximum, *seen, -np.inf))


def _describe(
    model: Model, drawn: ActivationSample, observed: ActivationSample | None, options: LayerOptions
) -> NeuronResult:
    """Turn a neuron's samples into its PPMs."""
    whole = mixture(model, drawn)
    rounds, seed = options.rounds, options.seed
    parts = decouple(model, drawn, rounds=rounds, seed=seed)
    data_whole = mixture(model, observed) if observed is not None else None
    data_parts: tuple[Part, ...] = ()
    if observed is not None:
        data_parts = decouple(model, observed, rounds=rounds, seed=seed)
    # A consensus or a window from the data can beat the sampler's best: the maximum is the
    # largest value that was seen anywhere.
    seen = [motif.maximum for motif in (*parts, data_whole, *data_parts) if motif is not None]
    whole = _raised(whole, seen)
    return NeuronResult(
        layer=drawn.layer,
        neuron=drawn.neuron,
        mixture=whole,
        parts=parts,
        from_data=data_whole,
        from_data_parts=data_parts,
        effective_size=drawn.effective_size,
        ppm_error=drawn.ppm_error,
        converged=drawn.converged,
    )


def _composed(
    model: Model,
    neurons: Sequence[NeuronResult],
    drawn: Sequence[ActivationSample],
    observed: Sequence[ActivationSample | None],
    database: MotifDatabase,
    options: LayerOptions,
    progress: Progress,
) -> tuple[list[NeuronResult], tuple[DictionaryMotif, ...], tuple[DictionaryMotif, ...]]:
    """Add the neurons' syntaxes; return both dictionaries, the model's and the data's, too."""
    grammar = (database, options, progress)
    parts = {neuron.neuron: neuron.parts for neuron in neurons}
    scaled = _scaled(drawn, neurons)
    dictionary, syntaxes = _grammar(model, "model", parts, scaled, *grammar)
    parts = {neuron.neuron: neuron.from_data_parts for neuron in neurons}
    scaled = _scaled(observed, neurons)
    dictionary_from_data, syntaxes_from_data = _grammar(model, "data", parts, scaled, *grammar)
    composed = []
    for neuron in neurons:
        own = syntaxes.get(neuron.neuron, ())
        data = syntaxes_from_data.get(neuron.neuron, ())
        whole = _raised(neuron.mixture, [syntax.highest for syntax in (*own, *data)])
        composed.append(replace(neuron, syntax=own, syntax_from_data=data, mixture=whole))
    return composed, dictionary, dictionary_from_data


def _grammar(
    model: Model,
    source: str,
    parts: Mapping[int, Sequence[Part]],
    samples: Sequence[ActivationSample],
    database: MotifDatabase,
    options: LayerOptions,
    progress: Progress,
) -> tuple[tuple[DictionaryMotif, ...], dict[int, tuple[Syntax, ...]]]:
    """Return the dictionary of the samples' layer, and each neuron's syntaxes by channel."""
    if not samples:
        return (), {}
    layer = samples[0].layer
    stage = f"layer {layer}: syntax" if source == "model" else f"layer {layer}: syntax from data"
    with progress.stage(stage, len(samples)) as advance:
        dictionary = build_dictionary(layer, parts, database, source=source, n_jobs=options.n_jobs)
        syntaxes = {}
        for sampled in samples:
            syntaxes[sampled.neuron] = find_syntax(model, sampled, dictionary, seed=options.seed)
            advance(1)
    return dictionary, syntaxes


def _scaled(
    samples: Sequence[ActivationSample | None], neurons: Sequence[NeuronResult]
) -> list[ActivationSample]:
    """Return the samples there are, with the maximum of the neuron, wherever that was met.

    The values of a syntax are relative to it, and so those from the data can be compared with
    those from the model.
    """
    return [
        sampled
        if neuron.mixture is None
        else replace(sampled, maximum=max(sampled.maximum, neuron.mixture.maximum))
        for sampled, neuron in zip(samples, neurons, strict=True)
        if sampled is not None
    ]


def _control(
    drawn: ActivationSample, parts: Sequence[Part], options: LayerOptions
) -> list[np.ndarray]:
    if drawn.dead or len(parts) < 2:
        return []
    pieces = random_split(drawn, parts, seed=options.seed)
    return list(pieces)[: _MATCHED_PARTS[options.effort]]


def _match_all(
    layer: int,
    neurons: list[NeuronResult],
    splits: list[list[np.ndarray]],
    database: MotifDatabase,
    options: LayerOptions,
) -> dict[str, list[tuple[Match, ...]]]:
    """Match parts, mixtures and both controls in one call; return the hits per neuron."""
    rng = np.random.default_rng([options.seed, layer, 3])
    ppms: list[np.ndarray] = []
    names: list[str] = []
    owners: list[tuple[str, int]] = []
    for index, (neuron, split) in enumerate(zip(neurons, splits, strict=True)):
        parts = [part.ppm for part in neuron.parts[: _MATCHED_PARTS[options.effort]]]
        sets = {
            "parts": parts,
            "mixture": [neuron.mixture.ppm] if neuron.mixture and len(parts) > 1 else [],
            "split": split,
            "shuffled": [shuffle_columns(ppm, rng) for ppm in parts],
        }
        for kind, members in sets.items():
            for number, ppm in enumerate(members):
                ppms.append(ppm)
                names.append(motif_id(layer, neuron.neuron, None if kind == "mixture" else number))
                owners.append((kind, index))
    hits = match(ppms, database, names=names, relevant=options.relevant, n_jobs=options.n_jobs)
    kinds = ("parts", "mixture", "split", "shuffled")
    found = {kind: _gather(kind, owners, hits, len(neurons)) for kind in kinds}
    # Where nothing was decoupled, the one part is the mixture, and its own control.
    for index, neuron in enumerate(neurons):
        if len(neuron.parts) < 2:
            found["mixture"][index] = found["split"][index] = found["parts"][index]
    return found


def _gather(
    kind: str, owners: list[tuple[str, int]], hits: list[tuple[Match, ...]], neurons: int
) -> list[tuple[Match, ...]]:
    """Collect each neuron's hits of one kind, best first."""
    gathered: list[list[Match]] = [[] for _ in range(neurons)]
    for (owner, index), found in zip(owners, hits, strict=True):
        if owner == kind:
            gathered[index] += found
    return [tuple(sorted(found, key=lambda m: m.e_value)) for found in gathered]
