"""Motifs in a notebook: their logo, and what is known about them."""

from __future__ import annotations

import math

from markupsafe import Markup

from neuroninterp.motifs.dictionary import DictionaryMotif
from neuroninterp.motifs.records import Match, Motif, Part
from neuroninterp.motifs.syntax import Spacing, Syntax
from neuroninterp.notebook.markup import box, facts, logo, muted, short, strong
from neuroninterp.notebook.register import WIDEST
from neuroninterp.report.numbers import fixed, grouped, percent, scientific
from neuroninterp.report.stretch import drawn_span
from neuroninterp.text import first_few

__all__ = ["dictionary_motif_html", "match_text", "motif_facts", "motif_html", "syntax_html"]

_NAMED_NEURONS = 12
_BOX = (
    "display:inline-block;border:1px solid currentColor;border-radius:4px;"
    "padding:.1em .6em;white-space:nowrap"
)
_GAP = "display:inline-block;padding:0 .5em;opacity:.7;white-space:nowrap"
_ARROWS = {"+": "\u2192", "-": "\u2190"}


def motif_html(motif: Motif) -> str:
    """Draw a neuron's PPM or one of its parts."""
    start, end = drawn_span(motif.ppm, WIDEST)
    kind = "Part" if isinstance(motif, Part) else "Motif"
    where = f"positions {start + 1} to {end} of {len(motif.ppm)}"
    return box(
        strong(kind, where),
        logo(motif.ppm, start, end, title=f"{kind}, {where}, {motif.consensus[start:end]}"),
        facts(motif_facts(motif)),
    )


def dictionary_motif_html(motif: DictionaryMotif) -> str:
    """Draw an entry of a layer's dictionary."""
    known = [] if motif.match is None else [("match", match_text(motif.match))]
    return box(
        strong(short(motif.name), "reads alike on both strands" if motif.palindromic else ""),
        logo(motif.ppm, 0, len(motif.ppm), title=f"{short(motif.name)}, {motif.consensus}"),
        facts(
            [
                *known,
                ("support", fixed(motif.support)),
                ("information", f"{fixed(motif.information, 1)} bits"),
                ("neurons", first_few(motif.neurons, _NAMED_NEURONS)),
            ]
        ),
    )


def syntax_html(syntax: Syntax) -> str:
    """Draw an arrangement of motifs from left to right; the gaps are in bp, not to scale."""
    words = []
    for index, (motif, strand) in enumerate(zip(syntax.motifs, syntax.strands, strict=True)):
        if index:
            words.append(Markup('<span style="{}">{}</span>').format(_GAP, _gap(syntax, index - 1)))
        label = f"{short(motif)} {_ARROWS[strand]}"
        words.append(Markup('<span style="{}">{}</span>').format(_BOX, label))
    values = [("share", percent(syntax.share)), ("value", fixed(syntax.value_inside))]
    if math.isfinite(syntax.value_outside):
        values.append(("at other spacings", fixed(syntax.value_outside)))
    return box(
        strong(f"Syntax of neuron {syntax.neuron} in layer {syntax.layer}", syntax.kind),
        Markup('<div style="margin:.4em 0">{}</div>').format(Markup("").join(words)),
        facts(values),
        muted("value: median on random sequences with these motifs, relative to the maximum"),
    )


def motif_facts(motif: Motif) -> list[tuple[str, str]]:
    """Return what is known about a motif, as names and values; what is unknown is left out."""
    known = []
    if isinstance(motif, Part):
        known.append(("share", percent(motif.share)))
        known.append(("shift", f"{motif.shift:+d} bp".replace("-", "\u2212")))
    if math.isfinite(motif.consensus_ratio):
        known.append(("consensus ratio", fixed(motif.consensus_ratio)))
    known.append(("maximum", fixed(motif.maximum)))
    if math.isfinite(motif.log2_rarity):
        known.append(("rarity", f"{fixed(-motif.log2_rarity, 1)} bits"))
    known.append(("sequences", grouped(motif.n_sequences)))
    return known


def match_text(match: Match) -> str:
    """Name a hit: which motif, how much of it, and by what chance."""
    extent = "whole" if match.whole else "partial"
    return f"{short(match.target_name)} ({extent}, E {scientific(match.e_value)})"


def _gap(syntax: Syntax, index: int) -> str:
    spacing: Spacing = syntax.spacings[index]
    low, high = (str(end).replace("-", "\u2212") for end in (spacing.minimum, spacing.maximum))
    return f"{low} bp" if low == high else f"{low} to {high} bp"
