"""Where the localist bottleneck sits: two independent readings, and one sentence.

The *structural* reading asks the architecture alone: after which layer is spatial
information too coarse to assemble motifs from parts (Koo & Eddy 2019)? The *empirical*
reading asks the decoupled PPMs: which is the earliest layer whose neurons hold whole motifs,
above chance, as often as any layer's do?
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neuroninterp.fields.layers import Layer
from neuroninterp.motifs.records import Match
from neuroninterp.text import printable

__all__ = [
    "LayerFractions",
    "Reading",
    "Verdict",
    "empirical",
    "layer_fractions",
    "localist_flags",
    "structural",
    "verdict",
]

HALF_MOTIF = 6
"""Spatial uncertainty (bp) from which parts of a motif can no longer be put in order."""
SMALLEST_MOTIF_FIELD = 8
"""Shortest receptive field (bp) that can hold a motif."""
PLATEAU_SHARE = 0.5
"""Share of the largest excess over the null rate that counts as having reached the plateau: most
of what any layer holds. In Koo & Eddy's networks with distributed first layers these hold at
most a third of it, with localist ones nearly three quarters."""
LEAST_EXCESS = 0.15
"""By how much the largest localist fraction must exceed its null rate to mean anything."""
_REPLICATES = 1000


@dataclass(frozen=True)
class LayerFractions:
    """Match fractions of one layer's neurons, each in [0, 1].

    Parameters
    ----------
    neurons, dead : int
        Analysed neurons, and how many of them are never active (they count as unmatched).
    match : float
        Share with a hit to any target.
    relevant : float or None
        Share with a hit to a relevant target; None where the user named none.
    localist : float
        Share with a whole match (to a relevant target where the user named some).
    mixture, mixture_relevant, mixture_localist : float or None
        The same for the undecoupled mixtures; equal to the first three where nothing was decoupled.
    random_split, random_split_relevant, random_split_localist : float or None
        The same for the sample split at random into as many parts: the control for picking
        the best of several parts.
    null : float
        Match fraction of column-shuffled PPMs.
    null_localist : float
        Share of neurons whose column-shuffled PPMs have a whole match (to a relevant target
        where the user named some).
    """

    neurons: int
    dead: int
    match: float
    relevant: float | None
    localist: float
    mixture: float
    mixture_relevant: float | None
    mixture_localist: float
    random_split: float
    random_split_relevant: float | None
    random_split_localist: float
    null: float
    null_localist: float


@dataclass(frozen=True)
class Reading:
    """One reading of the bottleneck.

    Parameters
    ----------
    layer : int or None
        The layer where whole motifs live; None where the reading finds none.
    kind : str
        "localist" (the first layer holds whole motifs), "distributed" (a deeper one does),
        "starved" (the bottleneck's field cannot hold a motif), or "undetermined".
    reason : str
        One sentence.
    interval : tuple of int or None
        First and last layer of the 95 % bootstrap interval (empirical reading).
    """

    layer: int | None
    kind: str
    reason: str
    interval: tuple[int, int] | None = None

    def _repr_html_(self) -> str:
        # A notebook asks the value itself; what draws it stands at the far end of the flow.
        from neuroninterp.notebook.result_html import reading_html

        return reading_html(self)


@dataclass(frozen=True)
class Verdict:
    """Both readings and what they say together."""

    layer: int | None
    kind: str
    structural: Reading
    empirical: Reading
    sentence: str

    def __repr__(self) -> str:
        return f"Verdict({self.kind}, layer {self.layer}: {printable(self.sentence)!r})"

    def _repr_html_(self) -> str:
        # A notebook asks the value itself; what draws it stands at the far end of the flow.
        from neuroninterp.notebook.result_html import verdict_html

        return verdict_html(self)


def layer_fractions(
    decoupled: Sequence[Sequence[Match]],
    mixtures: Sequence[Sequence[Match]],
    splits: Sequence[Sequence[Match]],
    shuffled: Sequence[Sequence[Match]],
    *,
    dead: int,
    relevant_named: bool,
) -> LayerFractions:
    """Count the neurons of a layer that have matches.

    Parameters
    ----------
    decoupled, mixtures, splits, shuffled : sequence of sequences of Match
        For every neuron (dead ones have none) the hits of its parts, of its undecoupled
        mixture, of its random split, and of its column-shuffled parts.
    dead : int
        Number of neurons that are never active.
    relevant_named : bool
        Whether the user named relevant targets.
    """

    def share(neurons: Sequence[Sequence[Match]], kind: str) -> float:
        counted = [any(_counts(match, kind, relevant_named) for match in n) for n in neurons]
        return float(np.mean(counted)) if counted else 0.0

    def relevant(neurons: Sequence[Sequence[Match]]) -> float | None:
        return share(neurons, "relevant") if relevant_named else None

    return LayerFractions(
        neurons=len(decoupled),
        dead=dead,
        match=share(decoupled, "any"),
        relevant=relevant(decoupled),
        localist=share(decoupled, "localist"),
        mixture=share(mixtures, "any"),
        mixture_relevant=relevant(mixtures),
        mixture_localist=share(mixtures, "localist"),
        random_split=share(splits, "any"),
        random_split_relevant=relevant(splits),
        random_split_localist=share(splits, "localist"),
        null=share(shuffled, "any"),
        null_localist=share(shuffled, "localist"),
    )


def localist_flags(neurons: Sequence[Sequence[Match]], *, relevant_named: bool) -> np.ndarray:
    """Say of each neuron whether it has a whole match (to a relevant target where named).

    Returns
    -------
    numpy.ndarray of bool, shape=(neurons,)
    """
    return np.array(
        [any(_counts(match, "localist", relevant_named) for match in n) for n in neurons], bool
    )


def _counts(match: Match, kind: str, relevant_named: bool) -> bool:
    if kind == "any":
        return True
    if kind == "relevant":
        return match.relevant
    return match.whole and (match.relevant or not relevant_named)


def structural(layers: Sequence[Layer]) -> Reading:
    """Read the bottleneck off the architecture.

    The bottleneck is the first layer after which the pools' windows add up to half a motif
    (6 bp); the last layer where none does. A kernel of 1 assembles nothing, so a layer with
    one passes the bottleneck back to the layer before. A field under 8 bp cannot hold a
    motif: a network with its bottleneck there is starved.

    Parameters
    ----------
    layers : sequence of Layer
        All layers of the model, in order.
    """
    wide = next((i for i, layer in enumerate(layers) if layer.uncertainty >= HALF_MOTIF), None)
    place = len(layers) - 1 if wide is None else wide
    passed = False
    while place > 0 and layers[place].kernel == 1:
        place, passed = place - 1, True
    layer = layers[place]
    hidden = layer.uncertainty
    field = f"its field of {layer.receptive_field} bp"
    if wide is not None and layer.receptive_field < SMALLEST_MOTIF_FIELD:
        return Reading(
            layer.number,
            "starved",
            f"pooling hides {hidden} bp right after layer {layer.number}, but {field} is too "
            "short to hold a motif",
        )
    if passed:
        reason = f"the kernel after layer {layer.number} is 1 wide and cannot assemble parts"
    elif wide is None:
        reason = f"no pool hides half a motif, so parts can be assembled up to layer {layer.number}"
    else:
        reason = f"pooling after layer {layer.number} hides {hidden} bp, half a motif or more"
    kind = "localist" if layer.number == 1 else "distributed"
    return Reading(layer.number, kind, f"{reason}; {field} can hold a motif")


def empirical(
    localist: Mapping[int, np.ndarray], null: Mapping[int, float], *, seed: int = 0
) -> Reading:
    """Read the bottleneck off the neurons: the earliest layer on the network's plateau.

    What counts is the localist fraction above its null rate: a long field of sharp columns
    matches something by chance, and a layer whose shuffled PPMs match as often says nothing.

    Parameters
    ----------
    localist : mapping of int to numpy.ndarray of bool, shape=(neurons,)
        For each analysed layer, whether each neuron has a whole match.
    null : mapping of int to float
        The same fraction for column-shuffled PPMs.
    seed : int
        Seed of the bootstrap over neurons (1,000 replicates, 95 % interval).
    """
    numbers = sorted(number for number, flags in localist.items() if len(flags))
    if not numbers:
        return Reading(None, "undetermined", "no layer was analysed")
    sizes = np.array([len(localist[number]) for number in numbers])
    fractions = np.array([localist[number].mean() for number in numbers])
    chance = np.array([null[number] for number in numbers])
    excess = np.maximum(fractions - chance, 0.0)
    shown = ", ".join(
        f"layer {number} {fraction:.2f} (null {by_chance:.2f})"
        for number, fraction, by_chance in zip(numbers, fractions, chance, strict=True)
    )
    if excess.max() < LEAST_EXCESS:
        return Reading(
            None,
            "undetermined",
            f"no layer holds whole known motifs clearly more often than shuffled PPMs do: {shown}",
        )
    rng = np.random.default_rng(seed)
    resampled = rng.binomial(sizes, fractions, (_REPLICATES, len(numbers))) / sizes
    replicates = np.maximum(resampled - chance, 0.0)
    reached = replicates >= PLATEAU_SHARE * replicates.max(axis=1, keepdims=True)
    earliest = np.array(numbers)[reached.argmax(axis=1)]
    low, high = (int(q) for q in np.quantile(earliest, [0.025, 0.975], method="nearest"))
    layer = numbers[int((excess >= PLATEAU_SHARE * excess.max()).argmax())]
    return Reading(
        layer,
        "localist" if layer == 1 else "distributed",
        f"share of neurons with a whole motif: {shown}",
        interval=(low, high),
    )


def verdict(structural: Reading, empirical: Reading) -> Verdict:
    """Combine the two readings into one sentence.

    What the neurons hold outranks what the architecture suggests; without whole motifs the
    architecture's reading is reported, but not as a verdict.
    """
    if structural.kind == "starved" and empirical.layer in (None, structural.layer):
        return Verdict(
            structural.layer,
            "starved",
            structural,
            empirical,
            f"The network is starved: {structural.reason}.",
        )
    if empirical.layer is None:
        return Verdict(
            None,
            "undetermined",
            structural,
            empirical,
            f"Undetermined: {empirical.reason}; by its architecture alone the bottleneck would "
            f"be layer {structural.layer}.",
        )
    opening = f"Layer {empirical.layer} is localist: whole motifs live in layer {empirical.layer}"
    if empirical.layer > 1:
        opening += ", and the layers before it hold parts of them"
    if structural.layer == empirical.layer and structural.kind == empirical.kind:
        closing = f"Both readings agree: {structural.reason}."
    else:
        closing = _disagreement(structural, empirical)
    return Verdict(empirical.layer, empirical.kind, structural, empirical, f"{opening}. {closing}")


def _disagreement(structural: Reading, empirical: Reading) -> str:
    # Both are known here: the structural reading always names a layer.
    assert structural.layer is not None
    assert empirical.layer is not None
    start = f"The architecture alone points to layer {structural.layer} ({structural.reason})"
    if empirical.layer < structural.layer:
        return (
            f"{start}: this network learned whole motifs earlier than it had to, so its earlier "
            "layers can be read, but another training run may distribute them."
        )
    return (
        f"{start}: the motifs found there are not whole, so either training fell short, the "
        "motif collection lacks them, or later layers still assemble parts."
    )
