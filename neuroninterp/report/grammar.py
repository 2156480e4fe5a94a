"""The dictionaries and the syntaxes of a layer, as the report writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from neuroninterp.motifs.dictionary import DictionaryMotif
from neuroninterp.motifs.syntax import Spacing, Syntax
from neuroninterp.report.payload import SHOWN_MOTIFS, YOUR_SEQUENCES
from neuroninterp.results.records import LayerResult, NeuronResult
from neuroninterp.text import first_few, printable

__all__ = ["dictionary_sides", "syntax_sides"]

_LONGEST_NAME = 24
_ARROWS = {"+": "\u2192", "-": "\u2190"}
_BOTH = "\u2194"
_NAMED_NEURONS = 12
_OPEN_MOTIFS = 12
"""Dictionary motifs that are seen at once; the others that are drawn wait to be opened."""

_LABELS = {"model": "Drawn from the model", "data": YOUR_SEQUENCES}


def dictionary_sides(layer: LayerResult) -> list[dict[str, Any]]:
    """Return a layer's dictionaries, the model's and the data's, where there are any.

    Each has its label (None where there is nothing to tell apart), the number of its motifs,
    the rows that are seen at once, those behind them, and how many are not drawn. A row has
    the entry, its name and its neurons.
    """
    sides = []
    for source, motifs in layer.dictionaries.items():
        rows = [
            {"entry": entry, "label": _label(entry), "neurons": _neurons(entry)}
            for entry in motifs[:SHOWN_MOTIFS]
        ]
        if rows:
            sides.append(
                {
                    "label": _LABELS[source] if layer.dictionary_from_data else None,
                    "number": len(motifs),
                    "rows": rows[:_OPEN_MOTIFS],
                    "more": rows[_OPEN_MOTIFS:],
                    "left_out": len(motifs) - len(rows),
                }
            )
    return sides


def syntax_sides(neuron: NeuronResult, layer: LayerResult) -> list[dict[str, Any]]:
    """Return a neuron's arrangements, in the model's samples and in the data.

    None where no arrangement has more than one motif. Each side has a label, or None where
    there is nothing to tell apart.
    """
    if all(len(found.motifs) < 2 for side in neuron.syntaxes.values() for found in side):
        return []
    return [
        {
            "label": _LABELS[source] if neuron.syntax_from_data else None,
            "rows": _syntax_rows(found, layer.dictionaries[source]),
        }
        for source, found in neuron.syntaxes.items()
        if found
    ]


def _syntax_rows(
    syntaxes: Sequence[Syntax], dictionary: Sequence[DictionaryMotif]
) -> list[dict[str, Any]]:
    entries = {entry.name: entry for entry in dictionary}
    shown = {entry.name for entry in dictionary[:SHOWN_MOTIFS]}
    return [{"syntax": syntax, "words": _words(syntax, entries, shown)} for syntax in syntaxes]


def _neurons(entry: DictionaryMotif) -> str:
    return first_few(entry.neurons, _NAMED_NEURONS)


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
    _, _, short = entry.name.partition("_")
    short = short.replace("_", " ").replace("motif", "motif ")
    if entry.match is None:
        return short
    return f"{printable(entry.match.target_name, _LONGEST_NAME)} ({short})"
