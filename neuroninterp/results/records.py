"""What an analysis found, as values: one record a neuron, a layer, a verdict, a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroninterp.bottleneck import LayerFractions, Verdict
from neuroninterp.errors import UnknownNameError
from neuroninterp.fields.layers import Layer
from neuroninterp.graph.layers import BlockedLayer
from neuroninterp.measurement.records import LayerFields
from neuroninterp.motifs.dictionary import DictionaryMotif
from neuroninterp.motifs.records import KnownMotif, Match, Motif, Part
from neuroninterp.motifs.syntax import Syntax
from neuroninterp.results.activity import ActivationProfile, TopSequence
from neuroninterp.results.unfinished import Unfinished
from neuroninterp.text import how_many, numbered, printable

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "FEW_WINDOWS",
    "ActivationProfile",
    "AnalysisResult",
    "LayerResult",
    "NeuronResult",
    "TopSequence",
    "motif_id",
]

FEW_WINDOWS = 100
"""Independent windows below which entries near 1/4 are off by more than 0.04: √(P(1 - P) / n)."""


def motif_id(layer: int, neuron: int, part: int | None) -> str:
    """Return the name of a PPM in every file, for example ``"layer1_neuron3_part0"``.

    Parameters
    ----------
    layer, neuron : int
        Layer number (from 1) and channel (from 0).
    part : int or None
        Index of the part; None for the mixture.
    """
    ending = "mixture" if part is None else f"part{part}"
    return f"layer{layer}_neuron{neuron}_{ending}"


@dataclass(frozen=True, eq=False)
class NeuronResult:
    """What was found about one neuron.

    Parameters
    ----------
    layer, neuron : int
        Layer number (from 1) and channel (from 0).
    mixture : Motif or None
        The undecoupled PPM; None for a dead neuron (never active).
    parts : tuple of Part
        Decoupled parts, largest share first; one part where there is nothing to decouple.
    matches : tuple of Match
        Hits of the parts, best first; ``query`` ends in ``_part{i}``.
    mixture_matches : tuple of Match
        Hits of the mixture.
    from_data : Motif or None
        PPM of windows from the user's sequences, where there are any active ones.
    from_data_parts : tuple of Part
        Its decoupled parts.
    syntax : tuple of Syntax
        How dictionary motifs are arranged in its windows, largest share first.
    effective_size : float
        Number of independent windows that the sample is worth; NaN where that is not known.
    ppm_error : float
        Mean standard error of the mixture's entries; NaN where that is not known.
    converged : bool
        Whether the sampler came to rest.
    syntax_from_data : tuple of Syntax
        How motifs of the data's dictionary are arranged in the user's sequences.
    profile : ActivationProfile or None
        How often it is how active; None for a dead neuron, and in results of versions that did
        not tell.
    top_sequences : tuple of TopSequence
        The 10 windows of the user's sequences with the largest z, at most one a sequence,
        largest first.
    """

    layer: int
    neuron: int
    mixture: Motif | None
    parts: tuple[Part, ...] = ()
    matches: tuple[Match, ...] = ()
    mixture_matches: tuple[Match, ...] = ()
    from_data: Motif | None = None
    from_data_parts: tuple[Part, ...] = ()
    syntax: tuple[Syntax, ...] = ()
    effective_size: float = float("nan")
    ppm_error: float = float("nan")
    converged: bool = True
    syntax_from_data: tuple[Syntax, ...] = ()
    profile: ActivationProfile | None = None
    top_sequences: tuple[TopSequence, ...] = ()

    @property
    def syntaxes(self) -> dict[str, tuple[Syntax, ...]]:
        """Both syntaxes, by the source of their sequences: "model" and "data"."""
        return {"model": self.syntax, "data": self.syntax_from_data}

    @property
    def dead(self) -> bool:
        """Whether no sequence activates the neuron."""
        return self.mixture is None

    @property
    def thinly_sampled(self) -> bool:
        """Whether the sample is worth fewer independent windows than a PPM takes."""
        return not self.dead and self.effective_size < FEW_WINDOWS

    @property
    def best_match(self) -> Match | None:
        """The hit with the smallest E-value, whatever the part."""
        return min(self.matches, key=lambda match: match.e_value, default=None)

    def part_matches(self, part: int) -> tuple[Match, ...]:
        """Return the hits of part ``part``, best first."""
        name = motif_id(self.layer, self.neuron, part)
        hits = (match for match in self.matches if match.query == name)
        return tuple(sorted(hits, key=lambda match: match.e_value))

    @property
    def best_part(self) -> Part | None:
        """The part with the highest consensus ratio."""
        return max(self.parts, key=lambda part: part.consensus_ratio, default=None)

    def __repr__(self) -> str:
        found = "dead" if self.mixture is None else f"maximum {self.mixture.maximum:.3g}"
        hit = self.best_match
        like = "" if hit is None else f", like {printable(hit.target_name, 40)} E {hit.e_value:.2g}"
        return (
            f"NeuronResult(layer {self.layer}, neuron {self.neuron}, {found}, "
            f"{how_many(len(self.parts), 'part')}{like})"
        )

    def _repr_html_(self) -> str:
        # A notebook asks the value itself; what draws it stands at the far end of the flow.
        from neuroninterp.notebook.neuron_html import neuron_html

        return neuron_html(self)


@dataclass(frozen=True, eq=False)
class LayerResult:
    """One layer: its geometry, its neurons, the fractions that match, and its dictionaries.

    Parameters
    ----------
    layer : Layer
        Number, name and geometry.
    neurons : tuple of NeuronResult
        Those that were analysed, in order.
    fractions : LayerFractions
        Shares of them that match.
    dictionary, dictionary_from_data : tuple of DictionaryMotif
        Motifs that the neurons are composed of: in what was drawn from the model, and in the
        user's sequences.
    """

    layer: Layer
    neurons: tuple[NeuronResult, ...]
    fractions: LayerFractions
    dictionary: tuple[DictionaryMotif, ...] = ()
    dictionary_from_data: tuple[DictionaryMotif, ...] = ()

    @property
    def dictionaries(self) -> dict[str, tuple[DictionaryMotif, ...]]:
        """Both dictionaries, by the source of their sequences: "model" and "data"."""
        return {"model": self.dictionary, "data": self.dictionary_from_data}

    @property
    def target_ids(self) -> frozenset[str]:
        """Ids of the known motifs that a match of a neuron or a dictionary entry names."""
        hits = [m for n in self.neurons for m in (*n.matches, *n.mixture_matches)]
        hits += [e.match for motifs in self.dictionaries.values() for e in motifs if e.match]
        return frozenset(hit.target_id for hit in hits)

    @property
    def unconverged(self) -> int:
        """Number of neurons whose sampling did not come to rest."""
        return sum(not neuron.converged for neuron in self.neurons)

    def neuron(self, number: int) -> NeuronResult:
        """Return a neuron by its channel (from 0), wherever it stands in ``neurons``.

        Raises
        ------
        UnknownNameError
            If that channel does not exist or was not analysed; the message says which were.
        """
        for found in self.neurons:
            if found.neuron == number:
                return found
        analysed = [found.neuron for found in self.neurons]
        valid = [numbered("neuron", analysed)] if analysed else ["none"]
        raise UnknownNameError(f"analysed neuron of layer {self.layer.number}", str(number), valid)

    def __repr__(self) -> str:
        return (
            f"LayerResult(layer {self.layer.number}, {printable(self.layer.name, 40)!r}, "
            f"field {self.layer.receptive_field} bp, {how_many(len(self.neurons), 'neuron')}, "
            f"localist fraction {self.fractions.localist:.2f})"
        )

    def _repr_html_(self) -> str:
        # A notebook asks the value itself; what draws it stands at the far end of the flow.
        from neuroninterp.notebook.result_html import layer_html

        return layer_html(self)


@dataclass(frozen=True, eq=False)
class AnalysisResult:
    """Everything that one run of :func:`neuroninterp.analyze` found.

    Parameters
    ----------
    model : mapping
        Model card: path, sha256, format, input layout, length, alphabet, device.
    data : mapping or None
        What the user's sequences were: path, number, length, labels, what was left out.
    performance : pandas.DataFrame or None
        One row a class, as :func:`neuroninterp.performance.performance` makes it; None
        without labels.
    layers : tuple of LayerResult
        The analysed layers, in order.
    verdict : Verdict
        Where the localist bottleneck sits.
    settings, versions : mapping
        Arguments of the run and versions of the libraries.
    seconds : mapping of str to float
        Wall-clock time per stage.
    skipped : tuple of str
        What was not analysed, and why.
    fields : tuple of LayerFields
        How far each layer sees, those that were not analysed included.
    blocked : tuple of BlockedLayer
        Convolutions that have no field to sample, each with its reason.
    notes : tuple of str
        What the user should know about how the model was read and sampled.
    targets : mapping of str to KnownMotif
        The known motifs that a match or a dictionary entry names, by id.
    folder : Path or None
        Where the files of the run lie; None where it was not written, or not read.
    unfinished : Unfinished or None
        How much of the run is done; None where all is. While it is not, layers may lack neurons,
        and the verdict has no empirical reading.
    """

    model: Mapping[str, Any]
    data: Mapping[str, Any] | None
    performance: pd.DataFrame | None
    layers: tuple[LayerResult, ...]
    verdict: Verdict
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    seconds: Mapping[str, float]
    skipped: tuple[str, ...] = field(default=())
    fields: tuple[LayerFields, ...] = ()
    blocked: tuple[BlockedLayer, ...] = ()
    notes: tuple[str, ...] = ()
    targets: Mapping[str, KnownMotif] = field(default_factory=dict)
    folder: Path | None = None
    unfinished: Unfinished | None = None

    @property
    def model_name(self) -> str:
        """Name of the model's file, without the folders that it lies in."""
        path = str(self.model.get("path") or "model").replace("\\", "/").rstrip("/")
        return printable(path.rpartition("/")[2] or path)

    def layer(self, number: int) -> LayerResult:
        """Return an analysed layer by its number (from 1).

        Raises
        ------
        UnknownNameError
            If there is no such layer, or it was not analysed; the message says which were.
        """
        for found in self.layers:
            if found.layer.number == number:
                return found
        analysed = [found.layer.number for found in self.layers]
        valid = [numbered("layer", analysed)] if analysed else ["none"]
        raise UnknownNameError("analysed layer", str(number), valid)

    def table(self, name: str) -> pd.DataFrame:
        """Return one of the tables of the results folder, from this run's values.

        Parameters
        ----------
        name : str
            ``"layers"``, ``"neurons"``, ``"matches"``, ``"sequences"``, ``"dictionary"`` or
            ``"syntax"``: the file ``{name}.tsv`` holds the same rows under the same column
            names.

        Returns
        -------
        pandas.DataFrame
            See the function of that name in :mod:`neuroninterp.results`, for example
            :func:`neuroninterp.results.neurons_table`.

        Raises
        ------
        UnknownNameError
            If there is no table of that name.
        """
        # The tables are made of these records, so they are imported when one is asked for.
        from neuroninterp.results.named_tables import TABLES

        if name not in TABLES:
            raise UnknownNameError("table", name, list(TABLES))
        return TABLES[name](self)

    def __repr__(self) -> str:
        neurons = sum(len(layer.neurons) for layer in self.layers)
        unfinished = self.unfinished
        found = (
            f"{self.verdict.kind}: layer {self.verdict.layer}"
            if unfinished is None
            else f"not finished: {unfinished.done} of {unfinished.neurons} neurons"
        )
        return (
            f"AnalysisResult({self.model_name!r}, "
            f"{how_many(len(self.layers), 'layer')}, {how_many(neurons, 'neuron')}, {found})"
        )

    def _repr_html_(self) -> str:
        # A notebook asks the value itself; what draws it stands at the far end of the flow.
        from neuroninterp.notebook.result_html import result_html

        return result_html(self)

    def fields_of(self, number: int) -> LayerFields | None:
        """Return how far a layer sees, by its number; None where it was not measured."""
        return next((found for found in self.fields if found.layer.number == number), None)
