"""One neuron in a notebook: its logos in register, what they match, where it fires in the data."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from neuroninterp.motifs.records import Match
from neuroninterp.notebook.markup import Column, box, facts, logo, muted, short, strong, table
from neuroninterp.notebook.motif_html import match_text, motif_facts
from neuroninterp.notebook.register import WIDEST, Row, in_register
from neuroninterp.report.advice import sample_caution
from neuroninterp.report.numbers import fixed, grouped, percent, scientific
from neuroninterp.results.records import NeuronResult, TopSequence

__all__ = ["neuron_html"]

_PARTS = 8
_MATCHES = 8
_SEQUENCES = 5
_SYNTAXES = 4
_WIDEST_WINDOW = 80

_MATCH_COLUMNS = (
    Column("Motif"),
    Column("Matched by"),
    Column("Extent", hint="whole: nearly all of the known motif is there"),
    Column("Covered", number=True, hint="share of the known motif's information, in bits"),
    Column("E-value", number=True),
    Column("Strand"),
)
_SEQUENCE_COLUMNS = (
    Column("Value", number=True),
    Column("Sequence"),
    Column("Start", number=True, hint="bp from 0"),
    Column("Labels"),
    Column("Window"),
)


def neuron_html(neuron: NeuronResult) -> str:
    """Draw what was found about a neuron; what is left out is said."""
    title = f"Layer {neuron.layer}, neuron {neuron.neuron}"
    if neuron.mixture is None:
        return box(strong(title, "dead: no sequence activates it"))
    rows, width = in_register(neuron, _PARTS)
    caution = sample_caution(neuron)
    hits = sorted((*neuron.matches, *neuron.mixture_matches), key=lambda match: match.e_value)
    return box(
        strong(title, "" if neuron.converged else "sampling did not come to rest"),
        facts([*motif_facts(neuron.mixture), ("parts", str(len(neuron.parts)))]),
        None if caution is None else muted(caution),
        *(_logo(row, width) for row in rows),
        _stretch(neuron.mixture.ppm, width),
        _more(len(neuron.parts) - _PARTS, "parts", "in .parts"),
        _matches(neuron, hits[:_MATCHES]) if hits else muted("No known motif matches."),
        _more(len(hits) - _MATCHES, "matches", "in .matches and .mixture_matches"),
        *_syntaxes(neuron),
        _sequences(neuron.top_sequences[:_SEQUENCES]),
        _more(len(neuron.top_sequences) - _SEQUENCES, "sequences", "in .top_sequences"),
    )


def _stretch(ppm: np.ndarray, width: int) -> Markup | None:
    if width < WIDEST or width >= len(ppm):
        return None
    return muted(f"Drawn are the {WIDEST} of {len(ppm)} positions that hold most information.")


def _logo(row: Row, width: int) -> Markup:
    about = [] if row.match is None else [match_text(row.match)]
    if row.label.startswith("Part"):
        about += [f"{name} {value}" for name, value in motif_facts(row.motif)[:3]]
    letters = row.motif.consensus[row.start : row.end]
    return strong(row.label, " · ".join(about)) + logo(
        row.motif.ppm,
        row.start,
        row.end,
        title=f"{row.label}, positions {row.start + 1} to {row.end}, {letters}",
        offset=row.offset,
        total=width,
    )


def _more(number: int, what: str, where: str) -> Markup | None:
    return muted(f"{grouped(number)} more {what} {where}") if number > 0 else None


def _matches(neuron: NeuronResult, hits: list[Match]) -> Markup:
    rows = (
        (
            f"{short(hit.target_name)} {short(hit.target_id)}",
            hit.query.rpartition("_")[2].replace("part", "part "),
            "whole" if hit.whole else "partial",
            percent(hit.covered),
            scientific(hit.e_value),
            hit.strand,
        )
        for hit in hits
    )
    return table(_MATCH_COLUMNS, rows, f"Known motifs that match neuron {neuron.neuron}")


def _syntaxes(neuron: NeuronResult) -> list[Markup]:
    lines = []
    for source, found in neuron.syntaxes.items():
        several = [syntax for syntax in found if len(syntax.motifs) > 1]
        for syntax in several[:_SYNTAXES]:
            where = "in your sequences" if source == "data" else "drawn from the model"
            lines.append(muted(f"Syntax {where}, share {percent(syntax.share)}: {syntax}"))
        more = _more(len(several) - _SYNTAXES, "arrangements", f"in .syntaxes[{source!r}]")
        lines += [] if more is None else [more]
    return lines


def _sequences(found: tuple[TopSequence, ...]) -> Markup | None:
    if not found:
        return None
    rows = (
        (
            fixed(top.value),
            short(top.location or top.name or f"number {top.sequence}"),
            grouped(top.start),
            short(", ".join(top.labels)),
            Markup('<span style="font-family:monospace">{}</span>').format(_window(top.window)),
        )
        for top in found
    )
    return table(_SEQUENCE_COLUMNS, rows, "Windows of your sequences with the largest values")


def _window(letters: str) -> str:
    if len(letters) <= _WIDEST_WINDOW:
        return letters
    return letters[:_WIDEST_WINDOW] + "…"
