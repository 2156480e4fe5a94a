"""The dictionary and the syntax of a layer, as the report writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from neuroninterp.motifs.dictionary import DictionaryMotif
from neuroninterp.motifs.syntax import Spacing, Syntax
from neuroninterp.report.payload import SHOWN_MOTIFS
from neuroninterp.results.records import LayerResult, NeuronResult
from neuroninterp.text import printable

__all__ = ["dictionary_rows", "syntax_rows"]

_LONGEST_NAME = 24
_ARROWS = {"+": "\u2192", "-": "\u2190"}
_BOTH = "\u2194"
_NAMED_NEURONS = 12


def dictionary_rows(layer: LayerResult) -> list[dict[str, Any]]:
    """Return the rows of a layer's dictionary: name, support, neurons, best known motif."""
    rows = []
    for entry in layer.dictionary[:SHOWN_MOTIFS]:
        named = ", ".join(str(neuron) for neuron in entry.neurons[:_NAMED_NEURONS])
        more = len(entry.neurons) - _NAMED_NEURONS
        rows.append(
            {
                "entry": entry,
                "label": _label(entry),
                "neurons": f"{named} and {more} more" if more > 0 else named,
            }
        )
    return rows


def syntax_rows(neuron: NeuronResult, dictionary: Sequence[DictionaryMotif]) -> list[dict]:
    """Return a neuron's arrangements; none where no arrangement has more than one motif."""
    if all(len(syntax.motifs) < 2 for syntax in neuron.syntax):
        return []
    entries = {entry.name: entry for entry in dictionary}
    shown = {entry.name for entry in dictionary[:SHOWN_MOTIFS]}
    return [{"syntax": syntax, "words": _words(syntax, entries, shown)} for syntax in neuron.syntax]


def _words(
    syntax: Syntax, entries: dict[str, DictionaryMotif], shown: set[str]
) -> list[dict[str, str | None]]:
    """Return motifs and the gaps between them, from left to right."""
    words: list[dict[str, str | None]] = []
    for index, (name, strand) in enumerate(zip(syntax.motifs, syntax.strands, strict=True)):
        if index:
            words.append({"gap": _gap(syntax.spacings[index - 1])})
        entry = entries.get(name)
        arrow = _BOTH if entry is not None and entry.palindromic else _ARROWS[strand]
        label = name if entry is None else _label(entry)
        words.append(
            {
                "gap": None,
                "text": f"{label} {arrow}",
                "name": f"{name}({strand})",
                "target": name if name in shown else None,
            }
        )
    return words


def _gap(spacing: Spacing) -> str:
    low, high = (str(end).replace("-", "\u2212") for end in (spacing.minimum, spacing.maximum))
    return f"{low} bp" if low == high else f"{low} to {high} bp"


def _label(entry: DictionaryMotif) -> str:
    """Name a motif after the known one that it matches, with its number in the dictionary."""
    short = entry.name.rpartition("_")[2].replace("motif", "motif ")
    if entry.match is None:
        return short
    return f"{printable(entry.match.target_name, _LONGEST_NAME)} ({short})"
