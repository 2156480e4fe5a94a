"""What the terminal shows: the table of layers, and the outcome of an analysis."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from neuroninterp.backend import device_in_use
from neuroninterp.fields import Layer

if TYPE_CHECKING:
    from neuroninterp.models import Model
    from neuroninterp.results import AnalysisResult

__all__ = ["describe", "print_description", "print_outcome"]


def describe(model: Model) -> dict[str, Any]:
    """Describe a model's input and layers with plain JSON values.

    Returns
    -------
    dict
        ``{"model", "format", "device", "input", "layers", "blocked"}``.
    """
    return {
        "model": str(model.path),
        "format": model.format,
        "device": device_in_use(),
        "input": model.layout.describe(),
        "layers": [_describe_layer(layer) for layer in model.layers],
        "blocked": list(model.blocked),
    }


def _describe_layer(layer: Layer) -> dict[str, Any]:
    pool = layer.pool
    return {
        "number": layer.number,
        "name": layer.name,
        "filters": layer.filters,
        "kernel": layer.kernel,
        "stride": layer.stride,
        "dilation": layer.dilation,
        "padding": list(layer.padding),
        "activation": layer.activation,
        "pool": pool and {"kind": pool.kind, "size": pool.size, "stride": pool.stride},
        "receptive_field": layer.receptive_field,
        "jump": layer.jump,
        "start": layer.start,
        "shifts": layer.shifts,
        "uncertainty": layer.uncertainty,
    }


def print_description(model: Model) -> None:
    """Print a model's input and its table of layers."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    length = "any length" if model.length is None else f"{model.length} bp"
    console.print(
        f"{escape(str(model.path))} ({model.format}, {device_in_use()}): input "
        f"{escape(repr(model.layout.name))} {model.layout.label}, {length}, channels "
        f"{model.layout.alphabet} (assumed; the file does not say)",
        soft_wrap=True,
    )
    table = Table(box=box.SIMPLE_HEAD)
    texts = ("name", "pool")
    for heading in (
        *("layer", "name", "filters", "kernel", "stride", "dilation", "padding"),
        *("pool", "field (bp)", "jump (bp)", "shifts"),
    ):
        justify: Literal["left", "right"] = "left" if heading in texts else "right"
        table.add_column(heading, justify=justify, no_wrap=True)
    for layer in model.layers:
        left, right = layer.padding
        table.add_row(
            str(layer.number),
            escape(_printable(layer.name)),
            str(layer.filters),
            str(layer.kernel),
            str(layer.stride),
            str(layer.dilation),
            "valid" if left == right == 0 else f"{left}+{right}",
            "" if layer.pool is None else str(layer.pool),
            str(layer.receptive_field),
            str(layer.jump),
            str(layer.shifts),
        )
    # A narrow terminal wraps the lines; cutting names or numbers off would hide them.
    needed = Console(width=10_000).measure(table).maximum
    Console(highlight=False, width=max(console.width, needed)).print(table)
    for sentence in model.blocked:
        console.print(f"not analysable: {escape(_printable(sentence))}")


def _printable(text: str) -> str:
    """Replace control characters, which a file's names could use to drive the terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


def print_outcome(result: AnalysisResult, folder: Path) -> None:
    """Print the verdict and where the results are."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False)
    console.print(f"[bold]{escape(result.verdict.sentence)}[/bold]", soft_wrap=True)
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
        console.print(
            f"  the model itself: auROC {result.performance['auroc'].mean():.3f}, "
            f"auPR {result.performance['aupr'].mean():.3f}"
        )
    for sentence in result.skipped:
        console.print(f"  note: {escape(_printable(sentence))}", soft_wrap=True)
    console.print(
        f"computed on the {result.model['device']}; report: {escape(str(folder / 'report.html'))}",
        soft_wrap=True,
    )
