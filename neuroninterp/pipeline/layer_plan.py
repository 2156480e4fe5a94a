"""One layer of the pipeline as a plan: sample, decouple, match, describe, and count."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neuroninterp.bottleneck import layer_fractions, localist_flags
from neuroninterp.errors import DataError
from neuroninterp.evidence import top_sequences
from neuroninterp.jobs import Stage, Unit, UnitStore
from neuroninterp.models import Model
from neuroninterp.motifs import DictionaryMotif, Syntax
from neuroninterp.pipeline.data_plan import DataPlan
from neuroninterp.pipeline.layer_units import BlockMatches, Described, pass_over, raised
from neuroninterp.results import LayerResult, NeuronResult, TopSequence
from neuroninterp.sampling import NeuronInData, check_neurons, neurons_at_once
from neuroninterp.sequences import SequenceData

__all__ = ["Digests", "LayerOptions", "LayerOutcome", "LayerPlan"]

_UNITS = "neuroninterp.pipeline.layer_units"


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
    rounds : int or None
        Of decoupling; see :func:`neuroninterp.decouple`.
    grammar : bool
        Whether to compose the layer's dictionary and its neurons' syntaxes.
    """

    neurons: tuple[int, ...] | None
    relevant: tuple[str, ...]
    effort: str
    seed: int
    rounds: int | None = None
    grammar: bool = True


@dataclass(frozen=True)
class Digests:
    """Hashes of what a run works with.

    Parameters
    ----------
    model : str
        Of the network as it was read, and of the libraries that compute it.
    motifs : str
        Of the known motifs.
    data : str
        Of the user's sequences; empty where there are none.
    """

    model: str
    motifs: str
    data: str


@dataclass(frozen=True, eq=False)
class LayerOutcome:
    """What was found about a layer.

    Parameters
    ----------
    result : LayerResult
        Neurons and fractions.
    localist : numpy.ndarray of bool, shape=(neurons,)
        Whether each neuron has a whole match.
    skipped : tuple of str
        What was left out, and why.
    """

    result: LayerResult
    localist: np.ndarray
    skipped: tuple[str, ...]


class LayerPlan:
    """What is to be done for one layer, and how far it has got.

    Parameters
    ----------
    model : Model
        The network.
    layer : int
        Layer number.
    options : LayerOptions
        The user's choices.
    store : UnitStore
        Where finished units are found.
    digests : Digests
        Hashes of network, motifs and data.
    sequences : SequenceData or None
        The user's sequences.
    """

    def __init__(
        self,
        model: Model,
        layer: int,
        options: LayerOptions,
        store: UnitStore,
        digests: Digests,
        sequences: SequenceData | None = None,
    ) -> None:
        self._model = model
        self._layer = layer
        self._options = options
        self._store = store
        self._digests = digests
        self._sequences = sequences
        chosen = check_neurons(model, layer, options.neurons)
        size = neurons_at_once(model, layer, effort=options.effort)
        self._blocks = [tuple(chosen[i : i + size]) for i in range(0, len(chosen), size)]
        self._sampled: list[str] = []
        self._observed: list[str] | None = None
        self._data = None
        if sequences is not None:
            about = (options.seed, store, digests.model, sequences)
            self._data = DataPlan(model, layer, self._blocks, *about)
        self._described: list[str] = []
        self._matched: list[str] = []

    def __iter__(self) -> Generator[Stage, list[str], LayerOutcome]:
        options, seed = self._options, self._options.seed
        self._sampled = yield self._stage(
            "sampling",
            [()] * len(self._blocks),
            "sample_block",
            [
                {"layer": self._layer, "neurons": block, "effort": options.effort, "seed": seed}
                for block in self._blocks
            ],
        )
        skipped: list[str] = []
        if self._data is not None and self._blocks:
            try:
                self._data.check()
            except DataError as error:
                skipped.append(f"no PPMs from the data for layer {self._layer}: {error}")
            else:
                self._observed = yield from self._data.observe(self._sampled)
        self._described = yield self._stage(
            "decoupling",
            self._seen(),
            "describe_block",
            [{"effort": options.effort, "rounds": options.rounds, "seed": seed}]
            * len(self._blocks),
        )
        matching = self._matching()
        self._matched = [unit.key for unit in matching.units]
        yield matching
        dictionaries: list[tuple[DictionaryMotif, ...]] = [(), ()]
        syntaxes: list[list[str]] = [[], []]
        if options.grammar and self._blocks:
            dictionaries, syntaxes = yield from self._grammar()
        return self._outcome(range(len(self._blocks)), dictionaries, syntaxes, skipped)

    @property
    def neurons(self) -> int:
        """How many neurons are to be analysed."""
        return sum(map(len, self._blocks))

    def so_far(self) -> LayerOutcome | None:
        """Return the neurons that are matched, without dictionary and syntax; None without any."""
        done = [index for index, key in enumerate(self._matched) if self._store.holds(key)]
        return self._outcome(done, [(), ()], [[], []], []) if done else None

    def _stage(
        self,
        name: str,
        inputs: Sequence[tuple[str, ...]],
        function: str,
        parameters: Sequence[dict[str, object]],
        *,
        motifs: bool = False,
    ) -> Stage:
        """Return a stage of one unit a block."""
        units = [
            Unit(
                f"layer{self._layer}-{name}-neuron{block[0]}",
                f"{_UNITS}:{function}",
                own,
                keys,
                self._equipment(motifs),
                len(block),
            )
            for block, keys, own in zip(self._blocks, inputs, parameters, strict=True)
        ]
        return Stage(f"layer {self._layer}: {name}", tuple(units))

    def _equipment(self, motifs: bool) -> str:
        return f"{self._digests.model} {self._digests.motifs}" if motifs else self._digests.model

    def _seen(self) -> list[tuple[str, ...]]:
        """Return the keys of each block's samples: the model's, and the data's where there are."""
        if self._observed is None:
            return [(key,) for key in self._sampled]
        return list(zip(self._sampled, self._observed, strict=True))

    def _matching(self) -> Stage:
        options = self._options
        rng = np.random.default_rng([options.seed, self._layer, 3])
        parameters: list[dict[str, object]] = []
        for key in self._described:
            state = rng.bit_generator.state
            parameters.append(
                {"stream": state, "effort": options.effort, "relevant": options.relevant}
            )
            pass_over(rng, self._store.value(key), options.effort)
        inputs = [(key,) for key in self._described]
        return self._stage("matching", inputs, "match_block", parameters, motifs=True)

    def _grammar(
        self,
    ) -> Generator[Stage, list[str], tuple[list[tuple[DictionaryMotif, ...]], list[list[str]]]]:
        """Compose both dictionaries, the model's and the data's, and find the syntaxes."""
        sources = ["model", "data"] if self._observed is not None else ["model"]
        composed = yield Stage(
            f"layer {self._layer}: dictionary",
            tuple(
                Unit(
                    f"layer{self._layer}-dictionary-{source}",
                    f"{_UNITS}:compose_dictionary",
                    {"layer": self._layer, "source": source},
                    tuple(self._described),
                    self._equipment(motifs=True),
                )
                for source in sources
            ),
        )
        seen = [self._sampled, self._observed or []]
        parameters: list[dict[str, object]] = [{"seed": self._options.seed}] * len(self._blocks)
        units: list[Unit] = []
        for source, dictionary, samples in zip(sources, composed, seen, strict=False):
            inputs = [
                (dictionary, described, sampled)
                for described, sampled in zip(self._described, samples, strict=True)
            ]
            name = "syntax" if source == "model" else "syntax from data"
            stage = self._stage(name, inputs, "find_syntax_block", parameters)
            units += [replace(u, label=u.label.replace(" ", "-")) for u in stage.units]
        found = yield Stage(f"layer {self._layer}: syntax", tuple(units))
        count = len(self._blocks)
        dictionaries = [self._store.value(key) for key in composed]
        return [*dictionaries, ()][:2], [found[:count], found[count:]]

    def _outcome(
        self,
        blocks: Sequence[int],
        dictionaries: Sequence[tuple[DictionaryMotif, ...]],
        syntaxes: Sequence[Sequence[str]],
        skipped: Sequence[str],
    ) -> LayerOutcome:
        """Put together what the units of some blocks have found."""
        neurons: list[NeuronResult] = []
        matches: list[BlockMatches] = []
        for index in blocks:
            described: Described = self._store.value(self._described[index])
            own = [self._store.value(keys[index]) if keys else None for keys in syntaxes]
            matches.append(self._store.value(self._matched[index]))
            tops = self._tops(index)
            for place, neuron in enumerate(described.neurons):
                drawn, data = (() if found is None else found[place] for found in own)
                neurons.append(
                    replace(
                        _composed(neuron, drawn, data),
                        matches=matches[-1].parts[place],
                        mixture_matches=matches[-1].mixture[place],
                        top_sequences=tops[place],
                    )
                )
        named = bool(self._options.relevant)
        parts = [hits for block in matches for hits in block.parts]
        fractions = layer_fractions(
            parts,
            [hits for block in matches for hits in block.mixture],
            [hits for block in matches for hits in block.split],
            [hits for block in matches for hits in block.shuffled],
            dead=sum(neuron.dead for neuron in neurons),
            relevant_named=named,
        )
        layer = self._model.layer(self._layer)
        result = LayerResult(layer, tuple(neurons), fractions, *dictionaries)
        return LayerOutcome(result, localist_flags(parts, relevant_named=named), tuple(skipped))

    def _tops(self, index: int) -> list[tuple[TopSequence, ...]]:
        """Return the top sequences of a block's neurons."""
        if self._observed is None or self._sequences is None:
            return [()] * len(self._blocks[index])
        observed: tuple[NeuronInData, ...] = self._store.value(self._observed[index])
        return top_sequences([found.largest for found in observed], self._sequences)


def _composed(
    neuron: NeuronResult, drawn: tuple[Syntax, ...], data: tuple[Syntax, ...]
) -> NeuronResult:
    """Return a neuron with its syntaxes, whose sequences can beat its maximum."""
    whole = raised(neuron.mixture, [syntax.highest for syntax in (*drawn, *data)])
    return replace(neuron, syntax=drawn, syntax_from_data=data, mixture=whole)
