"""The syntax of a neuron: which dictionary motifs, in what order, orientation and spacing.

The windows of the neuron's sample are scanned with the dictionary motifs that its parts hold
(:mod:`neuroninterp.motifs.scan`), because parts average over spacings. What the windows say
is then asked of the model: its value on random sequences into which the motifs are placed,
with a spacing inside the range and with one outside it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from neuroninterp.models import Model
from neuroninterp.motifs.dictionary import DictionaryMotif
from neuroninterp.motifs.placement import Placement
from neuroninterp.motifs.scan import Arrangement, arrangements
from neuroninterp.sampling import ActivationSample

__all__ = ["Spacing", "Syntax", "find_syntax"]

_SMALLEST_SHARE = 0.05
"""Share of the sample from which an arrangement is reported, or a motif looked for."""

_FEWEST_WINDOWS = 10.0
"""Effective number of windows on which an arrangement in the user's sequences must rest: a
single one, alone at the top, can weigh as much as a share."""

_MOST_MOTIFS = 12
"""Motifs of a neuron that are looked for: those that the largest shares of it hold."""

_NEEDED = 0.5
"""A motif is needed if without it the neuron's median value (above its threshold) is less than
this share of the value with it. Where it is missing from a window, it went unrecognised."""

_INDEPENDENT = 0.3
"""Two motifs whose places correlate less than this shift on their own."""

_DISPENSABLE = 0.9
"""A motif without which the neuron reaches this share of its value means nothing to it."""

_HEAVIEST = 0.01
"""Share of an arrangement that one window may weigh when ranges are read off."""

_FAINTEST = 1 / 8
"""A position belongs to a range if it is this often as frequent as the most frequent one."""


@dataclass(frozen=True)
class Spacing:
    """The gap between two neighbouring motifs, from the end of one to the start of the next.

    Parameters
    ----------
    minimum, maximum, mode : int
        bp between the informative columns of the two; negative where they overlap. The mode
        is the gap of the largest share.
    in_parts : tuple of int or None
        Smallest and largest gap in the PPMs of the neuron's parts; None where no part holds
        both motifs.
    """

    minimum: int
    maximum: int
    mode: int
    in_parts: tuple[int, int] | None = None

    @property
    def kind(self) -> str:
        """Return "fixed" where there is one gap, else "flexible"."""
        return "fixed" if self.minimum == self.maximum else "flexible"

    def __str__(self) -> str:
        gap = str(self.minimum) if self.kind == "fixed" else f"{self.minimum}-{self.maximum}"
        return f"[gap {gap}, {self.kind}]"


@dataclass(frozen=True)
class Syntax:
    """One arrangement of motifs that activates a neuron.

    Parameters
    ----------
    layer, neuron : int
        Layer number (from 1) and channel (from 0).
    share : float
        Share of the neuron's sample that shows it, in (0, 1].
    motifs : tuple of str
        Names of the dictionary motifs from left to right.
    strands : tuple of str
        "+" or "-" of each; "+" for a palindrome.
    starts : tuple of (int, int)
        Smallest and largest position in the window at which each begins, bp.
    spacings : tuple of Spacing
        Between neighbours: one fewer than motifs.
    value_inside : float
        The neuron's median value, relative to its maximum, on random sequences with the
        motifs at places and spacings of the sample.
    value_outside : float
        The same with one of the spacings outside its range; NaN where there is only one
        motif, or the field has no room for another spacing.
    highest : float
        Largest z among the sequences that were made for the neuron.
    """

    layer: int
    neuron: int
    share: float
    motifs: tuple[str, ...]
    strands: tuple[str, ...]
    starts: tuple[tuple[int, int], ...]
    spacings: tuple[Spacing, ...]
    value_inside: float
    value_outside: float
    highest: float = float("-inf")

    @property
    def kind(self) -> str:
        """Return "single", "fixed" (every spacing is) or "flexible"."""
        if not self.spacings:
            return "single"
        return "flexible" if any(s.kind == "flexible" for s in self.spacings) else "fixed"

    def __str__(self) -> str:
        words = [f"{self.motifs[0]}({self.strands[0]})"]
        following = zip(self.spacings, self.motifs[1:], self.strands[1:], strict=True)
        for spacing, motif, strand in following:
            words += [str(spacing), f"{motif}({strand})"]
        return " ".join(words)

    def __repr__(self) -> str:
        return f"Syntax(layer {self.layer}, neuron {self.neuron}, share {self.share:.2f}: {self})"

    def _repr_html_(self) -> str:
        # A notebook asks the value itself; what draws it stands at the far end of the flow.
        from neuroninterp.notebook.motif_html import syntax_html

        return syntax_html(self)


def find_syntax(
    model: Model,
    sample: ActivationSample,
    dictionary: Sequence[DictionaryMotif],
    *,
    seed: int = 0,
) -> tuple[Syntax, ...]:
    """Describe how dictionary motifs are arranged in the windows that activate a neuron.

    Parameters
    ----------
    model : Model
        The network.
    sample : ActivationSample
        The neuron's windows.
    dictionary : sequence of DictionaryMotif
        The layer's dictionary; the neuron's own motifs are those that a share of its parts
        holds.
    seed : int
        The same seed gives the same answer.

    Returns
    -------
    tuple of Syntax
        Largest share first; empty for a dead neuron and where no motif is recognised.
    """
    support = [
        sum(o.share for o in entry.occurrences if o.neuron == sample.neuron) for entry in dictionary
    ]
    largest = np.argsort([-share for share in support], kind="stable")[:_MOST_MOTIFS]
    own = [dictionary[i] for i in sorted(largest) if support[i] >= _SMALLEST_SHARE]
    if sample.dead or not own:
        return ()
    rng = np.random.default_rng([seed, sample.layer, sample.neuron, 4])
    found = arrangements(sample, own, rng)
    placement = Placement(model, sample, own, rng)
    kept = _absorb([a for a in found if _rests_on_enough(a, sample)], placement, sample.threshold)
    kept = [arrangement for arrangement in kept if arrangement.share >= _SMALLEST_SHARE]
    kept.sort(key=lambda arrangement: -arrangement.share)
    return tuple(_describe(sample, arrangement, own, placement) for arrangement in kept)


def _rests_on_enough(arrangement: Arrangement, sample: ActivationSample) -> bool:
    """Whether an arrangement has the share, and the windows, that it takes to be reported."""
    weights = arrangement.weights
    effective = weights.sum() ** 2 / max(float(np.square(weights).sum()), 1e-300)
    chance = sample.source == "data" and effective < _FEWEST_WINDOWS
    return arrangement.share >= _SMALLEST_SHARE and not chance


def _absorb(found: list[Arrangement], placement: Placement, threshold: float) -> list[Arrangement]:
    """Merge arrangements that differ by a motif unrecognised, or by one without meaning."""
    # Most motifs first, so that the whole one is there before what it may have lost.
    ordered = sorted(found, key=lambda a: (-len(a.slots), -a.share))
    values = [placement.median(a.slots, a.positions, a.weights) - threshold for a in ordered]
    shares = [arrangement.share for arrangement in ordered]
    absorbed: set[int] = set()
    for index, arrangement in enumerate(ordered):
        larger = [
            i
            for i in range(index)
            if i not in absorbed
            and _within(arrangement.slots, ordered[i].slots)
            and values[index] < _NEEDED * values[i]
        ]
        if larger:
            shares[max(larger, key=lambda i: (shares[i], -i))] += arrangement.share
            absorbed.add(index)
    for index, arrangement in enumerate(ordered):
        smaller = [
            i
            for i in range(index + 1, len(ordered))
            if i not in absorbed
            and _within(ordered[i].slots, arrangement.slots)
            and shares[i] >= shares[index]
            and values[i] >= _DISPENSABLE * values[index]
        ]
        if smaller and index not in absorbed:
            shares[max(smaller, key=lambda i: (shares[i], -i))] += shares[index]
            absorbed.add(index)
    return [
        Arrangement(a.slots, share, a.positions, a.weights)
        for i, (a, share) in enumerate(zip(ordered, shares, strict=True))
        if i not in absorbed
    ]


def _within(few: tuple[tuple[int, str], ...], many: tuple[tuple[int, str], ...]) -> bool:
    """Whether ``few`` can be had from ``many`` by leaving some out."""
    remaining = iter(many)
    return len(few) < len(many) and all(slot in remaining for slot in few)


def _describe(
    sample: ActivationSample,
    arrangement: Arrangement,
    own: list[DictionaryMotif],
    placement: Placement,
) -> Syntax:
    widths = [len(own[entry].ppm) for entry, _ in arrangement.slots]
    starts, weights = arrangement.positions, arrangement.weights
    spacings = []
    for left in range(len(widths) - 1):
        ends = starts[:, left] + widths[left]
        low, high, mode = _gap_range(ends, starts[:, left + 1], weights)
        pair = arrangement.slots[left : left + 2]
        spacings.append(Spacing(low, high, mode, _gaps_in_parts(sample.neuron, pair, own)))
    limits = [(spacing.minimum, spacing.maximum) for spacing in spacings]
    inside = placement.median(arrangement.slots, starts, weights, inside=limits)
    outside = float("nan")
    if limits:
        outside = placement.median(arrangement.slots, starts, weights, outside=limits)
    scale = sample.maximum if sample.maximum > 0 else float("nan")
    return Syntax(
        layer=sample.layer,
        neuron=sample.neuron,
        share=arrangement.share,
        motifs=tuple(own[entry].name for entry, _ in arrangement.slots),
        strands=tuple(strand for _, strand in arrangement.slots),
        starts=tuple(_range(starts[:, slot], weights) for slot in range(len(widths))),
        spacings=tuple(spacings),
        value_inside=inside / scale,
        value_outside=outside / scale,
        highest=placement.highest,
    )


def _range(values: np.ndarray, weights: np.ndarray) -> tuple[int, int]:
    supported = _supported(values, weights)
    return int(supported[0]), int(supported[-1])


def _supported(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the values that are frequent enough not to be errors, ascending."""
    distinct, places = np.unique(values, return_inverse=True)
    # The weight of the highest levels may rest on a handful of windows.
    weights = np.minimum(weights, max(_HEAVIEST * weights.sum(), weights.mean()))
    mass, count = np.bincount(places, weights), np.bincount(places)
    # A single window may be a chance hit, unless there are hardly more.
    fewest = min(2, int(count.max()))
    frequent = mass >= _FAINTEST * mass.max()
    return distinct[frequent & (count >= fewest)]


def _gap_range(left: np.ndarray, right: np.ndarray, weights: np.ndarray) -> tuple[int, int, int]:
    """Return the smallest, largest and most frequent gap between two motifs.

    ``left`` is where the first one ends, ``right`` where the second starts. Where both shift on
    their own, the extreme gaps need both at an extreme, which may be too rare to be seen: they
    follow from the range of each. Where one follows the other, what is rare is judged among the
    windows that have the left motif at one place.
    """
    distinct, places = np.unique(right - left, return_inverse=True)
    mode = int(distinct[np.bincount(places, weights).argmax()])
    ends, starts = _supported(left, weights), _supported(right, weights)
    if abs(_correlation(left, right)) < _INDEPENDENT:
        return int(starts[0] - ends[-1]), int(starts[-1] - ends[0]), mode
    smallest, largest = [], []
    for end in ends:
        here = left == end
        gaps = _supported(right[here] - end, weights[here])
        smallest.append(int(gaps[0]))
        largest.append(int(gaps[-1]))
    return min(smallest), max(largest), mode


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Correlate places; 0 where one of them does not vary."""
    first, second = first - first.mean(), second - second.mean()
    scale = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / scale) if scale > 0 else 0.0


def _gaps_in_parts(
    neuron: int, pair: Sequence[tuple[int, str]], own: list[DictionaryMotif]
) -> tuple[int, int] | None:
    """Smallest and largest gap of a pair of neighbours in the PPMs of the neuron's parts."""
    gaps = [
        right - left - len(own[pair[0][0]].ppm) for left, right in _neighbours(neuron, pair, own)
    ]
    return (min(gaps), max(gaps)) if gaps else None


def _neighbours(
    neuron: int, pair: Sequence[tuple[int, str]], own: list[DictionaryMotif]
) -> Iterator[tuple[int, int]]:
    """Yield the starts of the pair wherever its motifs follow one another in a part."""
    parts: dict[int, list[tuple[int, int, str]]] = {}
    for index, entry in enumerate(own):
        for found in entry.occurrences:
            if found.neuron == neuron:
                strand = "+" if entry.palindromic else found.strand
                parts.setdefault(found.part, []).append((found.start, index, strand))
    for places in parts.values():
        ordered = sorted(places)
        for first, second in itertools.pairwise(ordered):
            if (first[1:], second[1:]) == (tuple(pair[0]), tuple(pair[1])):
                yield first[0], second[0]
