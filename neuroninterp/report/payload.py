"""What the report's script draws from: every neuron's logos and numbers, as plain JSON values.

Lists stand for records where there are thousands of them; their order is told below and in
``page/data.js``, which reads them again. NaN is ``None``, text from files is printable.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuroninterp.motifs.dictionary import DictionaryMotif
from neuroninterp.motifs.records import KnownMotif, Match, Motif
from neuroninterp.motifs.syntax import Syntax
from neuroninterp.report.advice import sample_caution
from neuroninterp.report.encoding import Encoded, embed_json, encode_ppms
from neuroninterp.report.vector_logo import COLOURS, GLYPHS, LETTER_MARGIN, LOWEST_BITS
from neuroninterp.results.records import (
    ActivationProfile,
    AnalysisResult,
    LayerResult,
    NeuronResult,
    TopSequence,
    motif_id,
)
from neuroninterp.text import printable

__all__ = [
    "LARGEST",
    "SHOWN_MOTIFS",
    "SOURCES",
    "YOUR_SEQUENCES",
    "Payload",
    "ordered_parts",
    "page_payload",
]

LARGEST = 24_000_000
"""Characters that the drawn data may take: the page stays under 30 MB."""

SHOWN_MOTIFS = 30
"""Motifs that the report draws of a dictionary, those of the largest support."""

YOUR_SEQUENCES = "Your sequences"
"""What everything that the user's data gave is called."""

SOURCES = {"model": "Drawn from the model", "data": YOUR_SEQUENCES}
"""What both sources of a neuron's sequences are called."""

_MATCHES_A_PART = 3
_NAME = 60
_BESIDE = 10
"""bp of a sequence that are shown on either side of where the motifs lie."""

_DEGREES = ((None, 10), (64, 10), (32, 10), (16, 5), (8, 3), (4, 1), (2, 0), (1, 0))
"""Parts and top sequences of a neuron that are drawn; less where the page would grow too large."""

_CONSTANTS = {
    "glyphs": GLYPHS,
    "colours": COLOURS,
    "margin": LETTER_MARGIN,
    "lowest": LOWEST_BITS,
    "sources": SOURCES,
    "shownMotifs": SHOWN_MOTIFS,
}
"""What the script shares with Python, so that it need not say it again."""


@dataclass(frozen=True)
class Payload:
    """The data, and how much of it there is room for.

    Parameters
    ----------
    values : dict
        ``targets``, ``layers`` (see the module's functions) and what the script shares with
        Python: outlines and colours of letters, names.
    text : str
        The same as JSON that a ``<script>`` element may hold.
    most_parts : int or None
        Parts of a neuron that are drawn; None for all.
    """

    values: dict[str, Any]
    text: str
    most_parts: int | None


def page_payload(result: AnalysisResult, *, largest: int = LARGEST) -> Payload:
    """Return what the page draws.

    Parameters
    ----------
    result : AnalysisResult
        What the run found.
    largest : int
        Characters that it may take as JSON; parts and sequences are left out beyond that.

    Returns
    -------
    Payload
        ``targets`` is a list of ``[id, name, matrix]``, a matrix being
        ``[text, start, begin, end, length]`` (:class:`neuroninterp.report.encoding.Encoded`) or
        None where the known motif's matrix is not at hand.
    """
    targets = _Targets(result)
    for parts, sequences in _DEGREES:
        layers = [_layer(layer, targets, parts, sequences) for layer in result.layers]
        values = {**_CONSTANTS, "targets": targets.rows, "layers": layers}
        text = embed_json(values)
        if len(text) <= largest:
            break
    whole = all(parts is None or len(n.parts) <= parts for x in result.layers for n in x.neurons)
    return Payload(values, text, None if whole else parts)


def ordered_parts(neuron: NeuronResult) -> list[int]:
    """Return a neuron's parts as they are shown: best match first, then the sharpest."""
    best: dict[str, float] = {}
    for match in neuron.matches:
        best[match.query] = min(match.e_value, best.get(match.query, math.inf))

    def key(index: int) -> tuple[float, float]:
        ratio = neuron.parts[index].consensus_ratio
        sharpness = -ratio if math.isfinite(ratio) else 0.0
        return best.get(motif_id(neuron.layer, neuron.neuron, index), math.inf), sharpness

    return sorted(range(len(neuron.parts)), key=key)


class _Targets:
    """The known motifs that are named anywhere, each once."""

    def __init__(self, result: AnalysisResult) -> None:
        self._known: Mapping[str, KnownMotif] = result.targets
        self._index: dict[tuple[str, str], int] = {}
        self.rows: list[list[Any]] = []

    def number(self, match: Match) -> int:
        """Return the number of a match's target."""
        key = (match.target_id, match.target_name)
        if key not in self._index:
            self._index[key] = len(self.rows)
            known = self._known.get(match.target_id)
            matrix = None if known is None else encode_ppms([known.ppm])[0]
            self.rows.append([printable(key[0], _NAME), printable(key[1], _NAME), matrix])
        return self._index[key]

    def match(self, match: Match) -> list[Any]:
        """Return target, E-value, reverse, start, end, target start, covered, whole, relevant.

        The target as its number; whether reverse, whole and relevant as 0 or 1.
        """
        return [
            self.number(match),
            _digits(match.e_value, 3),
            int(match.strand == "-"),
            match.start,
            match.end,
            match.target_start,
            round(match.covered, 3),
            int(match.whole),
            int(match.relevant),
        ]

    def matches(self, found: Iterable[Match], most: int | None = None) -> list[list[Any]]:
        """Return matches, smallest E-value first."""
        ordered = sorted(found, key=lambda match: match.e_value)
        return [self.match(match) for match in ordered[:most]]


def _layer(
    layer: LayerResult, targets: _Targets, most_parts: int | None, most_sequences: int
) -> dict[str, Any]:
    """Return a layer: ``number``, ``neurons`` and ``dictionary`` (a mapping by name)."""
    drawn = {neuron.neuron: ordered_parts(neuron)[:most_parts] for neuron in layer.neurons}
    ppms: list[np.ndarray] = []
    for neuron in layer.neurons:
        ppms += [neuron.parts[index].ppm for index in drawn[neuron.neuron]]
        ppms += [motif.ppm for motif in (neuron.mixture, neuron.from_data) if motif is not None]
    encoded = iter(encode_ppms(ppms))
    neurons = [
        _neuron(neuron, layer, drawn[neuron.neuron], encoded, targets, most_sequences)
        for neuron in layer.neurons
    ]
    return {
        "number": layer.layer.number,
        "field": layer.layer.receptive_field,
        "neurons": neurons,
        "dictionary": _dictionary(layer, targets),
    }


def _neuron(
    neuron: NeuronResult,
    layer: LayerResult,
    drawn: Sequence[int],
    encoded: Iterable[Encoded],
    targets: _Targets,
    most_sequences: int,
) -> dict[str, Any]:
    """Return a neuron; of a dead one only its number.

    A part is ``[index, matrix, shift, share, ratio, sequences, matches]``.
    """
    if neuron.mixture is None:
        return {"k": neuron.neuron}
    matrices = iter(encoded)
    parts: list[list[Any]] = []
    for index in drawn:
        part = neuron.parts[index]
        parts.append(
            [
                index,
                next(matrices),
                part.shift,
                _digits(part.share, 3),
                _digits(part.consensus_ratio, 3),
                part.n_sequences,
                targets.matches(neuron.part_matches(index), _MATCHES_A_PART),
            ]
        )
    best, span = neuron.best_match, _seen([part[1] for part in parts])
    return {
        "k": neuron.neuron,
        "parts": parts,
        "span": span,
        "count": len(neuron.parts),
        "mixture": _motif(neuron.mixture, next(matrices)),
        "mixtureMatches": targets.matches(neuron.mixture_matches, _MATCHES_A_PART),
        "data": None if neuron.from_data is None else _motif(neuron.from_data, next(matrices)),
        "best": None if best is None else targets.match(best),
        "whole": int(any(match.whole for match in neuron.matches)),
        "relevant": int(any(match.relevant for match in neuron.matches)),
        "names": sorted({targets.number(m) for m in (*neuron.matches, *neuron.mixture_matches)}),
        "ratio": _ratio(neuron),
        "maximum": _digits(neuron.mixture.maximum, 5),
        "threshold": _digits(neuron.mixture.threshold, 5),
        "rarity": _digits(-neuron.mixture.log2_rarity, 4),
        "effective": _digits(neuron.effective_size, 3),
        "error": _digits(neuron.ppm_error, 2),
        "converged": int(neuron.converged),
        "caution": sample_caution(neuron),
        "profile": None if neuron.profile is None else _profile(neuron.profile),
        "top": [_top_sequence(found, span) for found in neuron.top_sequences[:most_sequences]],
        "syntax": [
            [source, [_syntax(found) for found in syntaxes]]
            for source, syntaxes in neuron.syntaxes.items()
            if syntaxes
        ],
    }


def _ratio(neuron: NeuronResult) -> float | None:
    best = neuron.best_part or neuron.mixture
    return None if best is None else _digits(best.consensus_ratio, 3)


def _motif(motif: Motif, matrix: Encoded) -> list[Any]:
    """Return ``[matrix, ratio, sequences]``."""
    return [matrix, _digits(motif.consensus_ratio, 3), motif.n_sequences]


def _profile(profile: ActivationProfile) -> list[Any]:
    """Return ``[first edge, last edge, share of each level, windows of each level, windows]``.

    The shares are those of random windows, the numbers those of the user's sequences.
    """
    counts = profile.data_counts
    return [
        _digits(float(profile.edges[0]), 5),
        _digits(float(profile.edges[-1]), 5),
        [_digits(float(share), 4) for share in profile.model_shares],
        None if counts is None else [int(count) for count in counts],
        profile.data_windows,
    ]


def _seen(matrices: Sequence[Encoded]) -> list[int]:
    """Return the stretch of a neuron's window that is shown of a sequence: the parts' motifs."""
    if not matrices:
        return [0, 0]
    first = min(matrix.begin for matrix in matrices) - _BESIDE
    last = max(matrix.end for matrix in matrices) + _BESIDE
    return [max(0, first), min(matrices[0].length, last)]


def _top_sequence(found: TopSequence, span: Sequence[int]) -> list[Any]:
    """Return ``[value, stretch, sequence, name, start, location, labels]``."""
    return [
        _digits(found.value, 5),
        found.window[slice(*span)],
        found.sequence,
        printable(found.name, _NAME),
        found.start,
        printable(found.location, _NAME),
        [printable(label, _NAME) for label in found.labels],
    ]


def _syntax(found: Syntax) -> list[Any]:
    """Return ``[share, inside, outside, motifs, strands, starts, spacings]``.

    A start is ``[smallest, largest]``, a spacing ``[minimum, maximum, mode]``, bp.
    """
    return [
        _digits(found.share, 3),
        _digits(found.value_inside, 3),
        _digits(found.value_outside, 3),
        list(found.motifs),
        list(found.strands),
        [list(start) for start in found.starts],
        [[gap.minimum, gap.maximum, gap.mode] for gap in found.spacings],
    ]


def _dictionary(layer: LayerResult, targets: _Targets) -> dict[str, Any]:
    """Return by name what is drawn of the dictionaries, and what their syntaxes name besides.

    An entry is ``[matrix, support, neurons, match, palindromic, width, source]``, the source
    being "model" or "data".
    """
    entries = {}
    for source, motifs in layer.dictionaries.items():
        named = {
            name
            for neuron in layer.neurons
            for syntax in neuron.syntaxes[source]
            for name in syntax.motifs
        }
        for place, entry in enumerate(motifs):
            if place < SHOWN_MOTIFS or entry.name in named:
                entries[entry.name] = _entry(entry, source, targets)
    return entries


def _entry(entry: DictionaryMotif, source: str, targets: _Targets) -> list[Any]:
    return [
        encode_ppms([entry.ppm])[0],
        _digits(entry.support, 3),
        list(entry.neurons),
        None if entry.match is None else targets.match(entry.match),
        int(entry.palindromic),
        len(entry.ppm),
        source,
    ]


def _digits(value: float, digits: int) -> float | None:
    """Round to significant digits; None for what is not finite."""
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None
