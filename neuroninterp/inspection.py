"""What the terminal shows: the table of layers, and the outcome of an analysis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from neuroninterp.backend import device_in_use
from neuroninterp.measurement import LayerFields, measure_fields, shortened
from neuroninterp.performance import mean_performance, spoken
from neuroninterp.results.summary import describe_fields
from neuroninterp.terminal import print_uncut
from neuroninterp.text import numbered, printable

if TYPE_CHECKING:
    from neuroninterp.graph import BlockedLayer
    from neuroninterp.models import Model
    from neuroninterp.results import AnalysisResult

__all__ = ["describe", "print_description", "print_outcome"]


def describe(model: Model, fields: Sequence[LayerFields] | None = None) -> dict[str, Any]:
    """Describe a model's input and layers with plain JSON values.

    Parameters
    ----------
    model : Model
        The network.
    fields : sequence of LayerFields or None
        How far its layers see, in their order; measured now where None.

    Returns
    -------
    dict
        ``{"model", "format", "device", "input", "layers", "blocked", "notes"}``. Each layer has
        its geometry, and ``measured_field`` and ``effective_field``: ``size``, ``start`` and
        ``end`` in the computed receptive field (bp; half-open), and a ``reason``.

    Raises
    ------
    FidelityError
        If a layer's values change with input outside its computed field.
    """
    if fields is None:
        fields = measure_fields(model)
    return {
        "model": str(model.path),
        "format": model.format,
        "device": device_in_use(),
        "input": model.describe_input(),
        "layers": [_describe_layer(found) for found in fields],
        "blocked": [
            {**asdict(layer), "name": printable(layer.name), "reason": printable(layer.reason, 500)}
            for layer in model.blocked
        ],
        "notes": [printable(sentence, 500) for sentence in model.notes],
    }


def _describe_layer(fields: LayerFields) -> dict[str, Any]:
    layer = fields.layer
    pool = layer.pool
    described = describe_fields(fields)
    return {
        "number": layer.number,
        "name": printable(layer.name),
        "filters": layer.filters,
        "kernel": layer.kernel,
        "stride": layer.stride,
        "dilation": layer.dilation,
        "padding": list(layer.padding),
        "activation": layer.activation,
        "pool": pool and {"kind": pool.kind, "size": pool.size, "stride": pool.stride},
        "receptive_field": layer.receptive_field,
        "measured_field": described["measured_field"],
        "effective_field": described["effective_field"],
        "jump": layer.jump,
        "start": layer.start,
        "direction": layer.direction,
        "shifts": layer.shifts,
        "shifts_twice": layer.shifts**2,
        "uncertainty": layer.uncertainty,
    }


_COLUMNS: tuple[tuple[str, Literal["left", "right"]], ...] = (
    ("layer", "right"),
    ("name", "left"),
    ("filters", "right"),
    ("kernel", "right"),
    ("stride", "right"),
    ("dilation", "right"),
    ("padding", "right"),
    ("pool", "left"),
    ("field (bp)", "right"),
    ("measured", "right"),
    ("effective", "right"),
    ("jump (bp)", "right"),
    ("shifts", "right"),
    ("two rounds", "right"),
)


def print_description(model: Model, fields: Sequence[LayerFields] | None = None) -> None:
    """Print a model's input and its table of layers.

    Parameters
    ----------
    model : Model
        The network.
    fields : sequence of LayerFields or None
        How far its layers see, in their order; measured now where None.

    Raises
    ------
    FidelityError
        If a layer's values change with input outside its computed field.
    """
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    if fields is None:
        fields = measure_fields(model)
    console = Console(highlight=False)
    console.print(escape(_headline(model)), soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD)
    for heading, justify in _COLUMNS:
        table.add_column(heading, justify=justify, no_wrap=True)
    rows = {found.layer.number: _row(found) for found in fields}
    rows |= {layer.number: _blocked_row(layer) for layer in model.blocked}
    for _, row in sorted(rows.items()):
        table.add_row(*(escape(cell) for cell in row))
    print_uncut(table)
    for sentence in (*_remarks(fields), *_refusals(model), *_notes(model)):
        console.print(escape(sentence), soft_wrap=True)


def _headline(model: Model) -> str:
    """Say in one line what the input is, as far as file and user tell."""
    layout = model.layout
    length = (
        f"any length (looked at: {model.reference_length} bp)"
        if model.length is None
        else f"{model.length} bp"
    )
    assumed = "alphabet" in model.describe_input()["assumed"]
    source = "assumed; the file does not say" if assumed else "as given"
    return (
        f"{printable(model.path, 1000)} ({model.format}, {device_in_use()}): input "
        f"{printable(layout.name)!r} {layout.label}, {length}, channels "
        f"{layout.alphabet} ({source})"
    )


def _row(fields: LayerFields) -> list[str]:
    layer, measured, effective = fields.layer, fields.measured, fields.effective
    left, right = layer.padding
    return [
        str(layer.number),
        printable(layer.name),
        str(layer.filters),
        str(layer.kernel),
        str(layer.stride),
        str(layer.dilation),
        "valid" if left == right == 0 else f"{left}+{right}",
        "" if layer.pool is None else str(layer.pool),
        str(layer.receptive_field),
        str(measured.size) + ("*" if measured.reason else ""),
        "-" if effective is None else str(effective.size),
        str(layer.jump) + (" from the end" if layer.direction < 0 else ""),
        f"{layer.shifts:,}",
        f"{layer.shifts**2:,}",
    ]


def _blocked_row(layer: BlockedLayer) -> list[str]:
    field = "whole sequence" if layer.whole_sequence else "not known"
    return [
        str(layer.number),
        printable(layer.name),
        str(layer.filters),
        str(layer.kernel),
        *("", "", "", ""),
        field,
        *("", "", "", "", ""),
    ]


def _remarks(fields: Sequence[LayerFields]) -> list[str]:
    """Say why measured fields are short, and which layers read backward."""
    remarks = [f"* {numbered('layer', n)}: {reason}" for n, reason in shortened(fields)]
    backward = [found.layer.number for found in fields if found.layer.direction < 0]
    if backward:
        remarks.append(f"from the end of the sequence: {numbered('layer', backward)}")
    return remarks


def _refusals(model: Model) -> list[str]:
    return [
        f"not analysable: layer {layer.number}: {printable(layer.reason, 500)}"
        for layer in model.blocked
    ]


def _notes(model: Model) -> list[str]:
    return [f"note: {printable(sentence, 500)}" for sentence in model.notes]


def print_outcome(result: AnalysisResult, folder: Path) -> None:
    """Print the verdict and where the results are."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False)
    console.print(
        f"[bold]{escape(printable(result.verdict.sentence, 1000))}[/bold]", soft_wrap=True
    )
    for layer in result.layers:
        fractions = layer.fractions
        shown = [f"whole motif {fractions.localist:.2f}", f"any match {fractions.match:.2f}"]
        if fractions.relevant is not None:
            shown.insert(1, f"relevant match {fractions.relevant:.2f}")
        if fractions.relevant is not None and fractions.relevant != fractions.mixture_relevant:
            shown.append(
                f"relevant undecoupled {fractions.mixture_relevant:.2f}, "
                f"split at random {fractions.random_split_relevant:.2f}"
            )
        console.print(
            f"  layer {layer.layer.number} ({layer.layer.receptive_field} bp, "
            f"{fractions.neurons} neurons): {', '.join(shown)}, null {fractions.null:.2f}",
            soft_wrap=True,
        )
    if result.performance is not None:
        means = mean_performance(result.performance)
        console.print(f"  the model itself: {spoken(means)}", soft_wrap=True)
    for sentence in (*result.skipped, *result.notes):
        console.print(f"  note: {escape(printable(sentence, 500))}", soft_wrap=True)
    console.print(
        f"computed on the {result.model['device']}; report: {escape(str(folder / 'report.html'))}",
        soft_wrap=True,
    )
