"""The numbers that the report's logos are drawn from, compact enough to travel in one file."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from neuroninterp.motifs.dictionary import DictionaryMotif
from neuroninterp.motifs.information import information_content
from neuroninterp.motifs.records import Match, Motif, Part
from neuroninterp.report.numbers import fixed, percent, scientific
from neuroninterp.results.records import LayerResult, NeuronResult
from neuroninterp.text import printable

__all__ = [
    "SHOWN_MOTIFS",
    "YOUR_SEQUENCES",
    "embed_json",
    "encode_ppm",
    "informative_span",
    "layer_payload",
    "ordered_parts",
]

_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_FULL_SCALE = len(_DIGITS) ** 2 - 1

# A position is informative when it carries this share of what the best position carries.
_INFORMATIVE = 0.2
_FLANK = 2

SHOWN_MOTIFS = 30
"""Motifs that the report draws of a dictionary, those of the largest support."""

YOUR_SEQUENCES = "Your sequences"
"""What the report calls everything that the user's data gave."""


def informative_span(ppm: np.ndarray) -> tuple[int, int]:
    """Return the stretch that holds every informative position and a small flank.

    Parameters
    ----------
    ppm : numpy.ndarray, shape=(length, 4)
        Probabilities, rows summing to 1.

    Returns
    -------
    tuple of int
        Half-open positions (bp); the whole length where nothing stands out.
    """
    bits = information_content(ppm)
    peak = bits.max(initial=0.0)
    if peak <= 0:
        return 0, len(ppm)
    informative = np.flatnonzero(bits >= _INFORMATIVE * peak)
    return max(0, int(informative[0]) - _FLANK), min(len(ppm), int(informative[-1]) + 1 + _FLANK)


def encode_ppm(ppm: np.ndarray) -> str:
    """Write a PPM as text, two characters an entry, to the nearest 1/4095.

    Parameters
    ----------
    ppm : numpy.ndarray, shape=(length, 4)
        Probabilities in [0, 1].

    Returns
    -------
    str
        8 characters a position, A, C, G, T; digits to the base 64, high digit first.
    """
    levels = np.rint(np.clip(ppm, 0.0, 1.0) * _FULL_SCALE).astype(np.int64).ravel()
    digits = np.frombuffer(_DIGITS.encode("ascii"), dtype=np.uint8)
    pairs = np.stack([digits[levels // len(_DIGITS)], digits[levels % len(_DIGITS)]], axis=1)
    return pairs.tobytes().decode("ascii")


def ordered_parts(neuron: NeuronResult) -> list[int]:
    """Return a neuron's parts as they are shown: best match first, then the sharpest."""

    def key(index: int) -> tuple[float, float]:
        hits = neuron.part_matches(index)
        ratio = neuron.parts[index].consensus_ratio
        return (hits[0].e_value if hits else math.inf, -ratio if math.isfinite(ratio) else 0.0)

    return sorted(range(len(neuron.parts)), key=key)


def layer_payload(layer: LayerResult) -> dict[str, Any]:
    """Return the logos of one layer's active neurons, by neuron number, and its dictionaries'.

    Each logo has ``t`` (its title), ``p`` (:func:`encode_ppm`), ``a`` and ``b`` (the
    informative span), ``d`` (shift, bp), ``x`` (what is known about it, as text), ``m`` (the
    best match's name, or "") and ``h`` (the matched stretch, or None). Parts come first, then
    with ``o`` set the mixture and what the user's sequences gave. Under ``"dictionary"``,
    where there is one, stand by name the first :data:`SHOWN_MOTIFS` of each dictionary.
    """
    logos: dict[str, Any] = {
        str(neuron.neuron): _neuron_logos(neuron) for neuron in layer.neurons if not neuron.dead
    }
    entries = {
        entry.name: _entry_logo(entry)
        for motifs in layer.dictionaries.values()
        for entry in motifs[:SHOWN_MOTIFS]
    }
    return {**logos, "dictionary": entries} if entries else logos


def embed_json(value: Any) -> str:
    """Write JSON that is safe inside a ``<script>`` element, whatever text it holds."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _neuron_logos(neuron: NeuronResult) -> list[dict[str, Any]]:
    decoupled = len(neuron.parts) > 1
    logos = []
    for index in ordered_parts(neuron):
        hits = neuron.part_matches(index)
        entry = _logo(f"Part {index}", neuron.parts[index], hits[0] if hits else None)
        # Of a single motif the card's head and foot already say everything.
        logos.append(entry if decoupled else {**entry, "t": "Motif", "x": "", "m": ""})
    if neuron.mixture is not None and len(neuron.parts) != 1:
        best = min(neuron.mixture_matches, key=lambda match: match.e_value, default=None)
        logos.append({**_logo("Mixture", neuron.mixture, best), "o": 1})
    if neuron.from_data is not None:
        logos.append({**_logo(YOUR_SEQUENCES, neuron.from_data, None), "o": 1})
    return logos


def _entry_logo(entry: DictionaryMotif) -> dict[str, Any]:
    known = None if entry.match is None else [entry.match.start, entry.match.end]
    return {
        "t": entry.name,
        "p": encode_ppm(entry.ppm),
        "a": 0,
        "b": len(entry.ppm),
        "d": 0,
        "x": "",
        "m": "",
        "h": known,
    }


def _logo(title: str, motif: Motif, match: Match | None) -> dict[str, Any]:
    start, end = informative_span(motif.ppm)
    facts = []
    if match is not None:
        facts.append(f"E {scientific(match.e_value)}")
    if isinstance(motif, Part) and motif.share < 1:
        facts.append(f"share {percent(motif.share)}")
    facts.append(f"ratio {fixed(motif.consensus_ratio)}")
    return {
        "t": title,
        "p": encode_ppm(motif.ppm),
        "a": start,
        "b": end,
        "d": motif.shift if isinstance(motif, Part) else 0,
        "x": " · ".join(fact.replace(" ", "\u00a0") for fact in facts),
        "m": "" if match is None else printable(match.target_name),
        "h": None if match is None else [match.start, match.end],
    }
