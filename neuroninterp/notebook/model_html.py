"""Models and activation samples in a notebook."""

from __future__ import annotations

import math

from markupsafe import Markup

from neuroninterp.fields import Layer
from neuroninterp.models import Model
from neuroninterp.notebook.markup import Column, box, facts, logo, muted, short, strong, table
from neuroninterp.notebook.register import WIDEST
from neuroninterp.report.numbers import MISSING, fixed, grouped
from neuroninterp.report.stretch import drawn_span
from neuroninterp.sampling.sample import ActivationSample
from neuroninterp.text import printable

__all__ = ["model_html", "sample_html"]

_LAYERS = 40
_SENTENCE = 500

_COLUMNS = (
    Column("Layer", number=True),
    Column("Name"),
    Column("Filters", number=True),
    Column("Kernel", number=True),
    Column("Stride", number=True),
    Column("Dilation", number=True),
    Column("Activation"),
    Column("Pool"),
    Column("Field, bp", number=True, hint="receptive field"),
    Column("Jump, bp", number=True, hint="between neighbouring outputs"),
    Column("Shifts", number=True, hint="alignments that the pools below can hide"),
    Column("Uncertainty, bp", number=True, hint="windows of the pools up to here, added up"),
)


def model_html(model: Model) -> str:
    """Draw a model: what it reads, and its layers."""
    layout = model.layout
    length = "any" if model.length is None else f"{grouped(model.length)} bp"
    more = len(model.layers) - _LAYERS
    return box(
        strong(short(model.path.name), model.format),
        facts(
            [
                ("input", f"{short(layout.name)} {layout.label}"),
                ("length", length),
                ("channels", layout.alphabet),
            ]
        ),
        table(_COLUMNS, (_row(layer) for layer in model.layers[:_LAYERS]), "Layers of the model"),
        muted(f"{more} more layers in .layers") if more > 0 else None,
        *(
            muted(f"Layer {blocked.number}, {short(blocked.name)}: {_sentence(blocked.reason)}")
            for blocked in model.blocked
        ),
        *(muted(_sentence(note)) for note in model.notes),
    )


def sample_html(sample: ActivationSample) -> str:
    """Draw a sample: its PPM, and how it came about."""
    title = f"Sample of layer {sample.layer}, neuron {sample.neuron}"
    if sample.dead:
        return box(strong(title, f"dead: no window activates it ({sample.source})"))
    start, end = drawn_span(sample.ppm, WIDEST)
    known = [
        ("windows", grouped(len(sample.windows))),
        ("z", f"{fixed(sample.threshold)} to {fixed(sample.maximum)}"),
        ("by", sample.source),
    ]
    if math.isfinite(sample.log2_rarity):
        known.append(("rarity", f"{fixed(-sample.log2_rarity, 1)} bits"))
    if math.isfinite(sample.effective_size):
        known.append(("effective size", grouped(round(sample.effective_size))))
    if math.isfinite(sample.ppm_error):
        known.append(("PPM error", fixed(sample.ppm_error, 3)))
    where = f"positions {start + 1} to {end} of {len(sample.ppm)}"
    return box(
        strong(title, where),
        logo(sample.ppm, start, end, title=f"{title}, {where}"),
        facts(known),
        None if sample.converged else muted("Sampling did not come to rest."),
    )


def _row(layer: Layer) -> list[str | Markup]:
    return [
        str(layer.number),
        short(layer.name),
        grouped(layer.filters),
        grouped(layer.kernel),
        grouped(layer.stride),
        grouped(layer.dilation),
        layer.activation or MISSING,
        MISSING if layer.pool is None else str(layer.pool),
        grouped(layer.receptive_field),
        grouped(layer.jump),
        grouped(layer.shifts),
        grouped(layer.uncertainty),
    ]


def _sentence(text: str) -> str:
    return printable(text, _SENTENCE)
