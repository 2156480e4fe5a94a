"""What the terminal and other programs are told about one neuron."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from neuroninterp.fields.layers import Layer
from neuroninterp.motifs.records import Match, Motif, Part
from neuroninterp.report.advice import sample_caution
from neuroninterp.report.encoding import informative_span
from neuroninterp.report.terminal_logo import terminal_logo
from neuroninterp.results import NeuronResult
from neuroninterp.results.activity import TopSequence
from neuroninterp.results.summary import plain
from neuroninterp.text import printable

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["describe_neuron", "print_neuron"]

_SHOWN_SEQUENCES = 5
_SHOWN_BASES = 60


def describe_neuron(layer: Layer, neuron: NeuronResult) -> dict[str, Any]:
    """Describe a neuron with plain JSON values.

    Parameters
    ----------
    layer : Layer
        Its layer.
    neuron : NeuronResult
        What was found about it.

    Returns
    -------
    dict
        ``layer``, ``name``, ``receptive_field`` (bp), ``neuron``, ``dead``, ``effective_size``,
        ``ppm_error``, ``converged``; ``mixture`` (None of a dead neuron), ``parts``,
        ``from_data`` (None without data) and ``from_data_parts``; ``profile`` and
        ``top_sequences``, as the records of these names have them. Each motif has ``ppm``
        (receptive field, 4), ``consensus``, ``consensus_ratio``, ``maximum``, ``threshold``,
        ``n_sequences``, ``log2_rarity``, and its ``matches``, best first; parts have ``share``
        and ``shift`` (bp), too.
    """
    parts = [_motif(part, neuron.part_matches(number)) for number, part in enumerate(neuron.parts)]
    return plain(
        {
            "layer": layer.number,
            "name": printable(layer.name),
            "receptive_field": layer.receptive_field,
            "neuron": neuron.neuron,
            "dead": neuron.dead,
            "effective_size": neuron.effective_size,
            "ppm_error": neuron.ppm_error,
            "converged": neuron.converged,
            "mixture": neuron.mixture and _motif(neuron.mixture, neuron.mixture_matches),
            "parts": parts,
            "from_data": neuron.from_data and _motif(neuron.from_data, None),
            "from_data_parts": [_motif(part, None) for part in neuron.from_data_parts],
            "profile": neuron.profile and vars(neuron.profile),
            "top_sequences": [asdict(found) for found in neuron.top_sequences],
        }
    )


def _motif(motif: Motif, matches: tuple[Match, ...] | None) -> dict[str, Any]:
    described: dict[str, Any] = {
        "consensus": motif.consensus,
        "consensus_ratio": motif.consensus_ratio,
        "maximum": motif.maximum,
        "threshold": motif.threshold,
        "n_sequences": motif.n_sequences,
        "log2_rarity": motif.log2_rarity,
    }
    if isinstance(motif, Part):
        described |= {"share": motif.share, "shift": motif.shift}
    if matches is not None:
        described["matches"] = [_match(match) for match in matches]
    return {**described, "ppm": motif.ppm.round(6)}


def _match(match: Match) -> dict[str, Any]:
    return {
        "target_id": printable(match.target_id),
        "target_name": printable(match.target_name),
        "p_value": match.p_value,
        "e_value": match.e_value,
        "strand": match.strand,
        "start": match.start,
        "end": match.end,
        "covered": match.covered,
        "whole": match.whole,
        "relevant": match.relevant,
    }


def print_neuron(layer: Layer, neuron: NeuronResult, *, parts: int, mixture: bool) -> None:
    """Print a neuron's facts and logos.

    Parameters
    ----------
    layer : Layer
        Its layer.
    neuron : NeuronResult
        What was found about it.
    parts : int
        Most parts to show, those of the largest share.
    mixture : bool
        Whether to show the undecoupled PPM, too.
    """
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False)
    title = f"Layer {layer.number} ({printable(layer.name)}), neuron {neuron.neuron}"
    console.print(f"[bold]{escape(title)}[/bold]: {escape(_facts(layer, neuron))}", soft_wrap=True)
    if neuron.mixture is None:
        return
    if caution := sample_caution(neuron):
        console.print(f"note: {caution}", soft_wrap=True)
    if mixture and len(neuron.parts) > 1:
        found = neuron.mixture_matches
        _print_motif(console, "mixture", neuron.mixture, found[0] if found else None)
    for number, part in enumerate(neuron.parts[:parts]):
        hits = neuron.part_matches(number)
        name = f"part {number}, {100 * part.share:.0f} % of its activation"
        name = name if len(neuron.parts) > 1 else "motif"
        _print_motif(console, name, part, hits[0] if hits else None)
    left = neuron.parts[parts:]
    if left:
        share = 100 * sum(part.share for part in left)
        console.print(f"{len(left)} more with {share:.0f} % of its activation (--parts)")
    if neuron.top_sequences:
        console.print("largest in your sequences:")
    for best in neuron.top_sequences[:_SHOWN_SEQUENCES]:
        console.print(escape(_told(best)), soft_wrap=True)


def _told(best: TopSequence) -> str:
    """Say in one line what a window of the user's sequences is, and where it lies."""
    name = printable(best.name) or f"sequence {best.sequence}"
    place = printable(best.location) or f"{name}, {best.start}"
    labels = f" ({', '.join(map(printable, best.labels))})" if best.labels else ""
    return f"  {best.value:.3g}  {printable(best.window, _SHOWN_BASES)}  {place}{labels}"


def _facts(layer: Layer, neuron: NeuronResult) -> str:
    """Say in one line how it was seen: field, maximum, rarity, and how sure that is."""
    field = f"field {layer.receptive_field} bp"
    motif = neuron.mixture
    if motif is None:
        return f"{field}, never active"
    told = [field, f"active above {motif.threshold:.3g}", f"largest value {motif.maximum:.3g}"]
    if math.isfinite(motif.log2_rarity):
        told.append(f"active on one random window in 2^{-motif.log2_rarity:.1f}")
    if math.isfinite(neuron.ppm_error) and neuron.ppm_error > 0:
        told.append(f"PPM error {neuron.ppm_error:.2g}")
    if not neuron.converged:
        told.append("not converged")
    return ", ".join(told)


def _print_motif(console: Console, name: str, motif: Motif, match: Match | None) -> None:
    from rich.markup import escape

    ratio = f"{motif.consensus_ratio:.2f}" if math.isfinite(motif.consensus_ratio) else "-"
    console.print(f"{name}: consensus ratio {ratio}, {escape(_known(match))}", soft_wrap=True)
    start, end = informative_span(motif.ppm)
    logo = terminal_logo(motif.ppm[start:end], first=start + 1, width=console.width)
    console.print(logo, end="", soft_wrap=True)


def _known(match: Match | None) -> str:
    if match is None:
        return "no match"
    how = "whole" if match.whole else f"{100 * match.covered:.0f} % of it"
    name, identifier = printable(match.target_name, 60), printable(match.target_id, 60)
    known = name if name == identifier else f"{name} ({identifier})"
    return (
        f"{known}, {how}, {match.strand} strand, E = {match.e_value:.1e}, "
        f"positions {match.start + 1}-{match.end}"
    )
