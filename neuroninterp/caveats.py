"""What a reader of a result should know about it, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from neuroninterp.models import Model
from neuroninterp.results import FEW_WINDOWS, LayerResult
from neuroninterp.text import numbered

__all__ = ["longer_than_input", "not_chosen", "not_decoupled", "thinly_sampled"]


def not_chosen(model: Model, chosen: Sequence[int]) -> list[str]:
    """Say which layers could have been analysed too, and what the verdict rests on."""
    others = [layer.number for layer in model.layers if layer.number not in chosen]
    if not others:
        return []
    return [
        f"{numbered('layer', others)}: not chosen; the empirical reading rests on "
        f"{numbered('layer', sorted(set(chosen)))}"
    ]


def not_decoupled(model: Model) -> list[str]:
    """Say where decoupling has nothing to do: in a network that pools after its last layer only."""
    if any(layer.shifts > 1 for layer in model.layers):
        return []
    return [
        "no layer lies above a pool: no shift is hidden, and decoupling has no alignments to tell "
        "apart; where a neuron has several parts, they are motifs of which any one will do"
    ]


def longer_than_input(model: Model, number: int) -> list[str]:
    """Say of a layer that it sees more than the model reads."""
    layer = model.layer(number)
    if model.length is not None and layer.receptive_field > model.length:
        return [
            f"layer {number} sees {layer.receptive_field} bp, more than the model's "
            f"{model.length} bp: it was sampled as if the sequence went on"
        ]
    return []


def thinly_sampled(layers: Sequence[LayerResult]) -> list[str]:
    """Say of each layer how many of its neurons' samples are worth few independent windows."""
    sentences = []
    for layer in layers:
        sizes = [n.effective_size for n in layer.neurons if n.thinly_sampled]
        if sizes:
            number, field = layer.layer.number, layer.layer.receptive_field
            sentences.append(
                f"layer {number}: the samples of {len(sizes)} of {len(layer.neurons)} neurons are "
                f"worth fewer than {FEW_WINDOWS} independent windows of {field} bp (median "
                f"{median(sizes):.0f}); letters of their PPMs may be chance, unless another seed "
                "shows them again"
            )
    return sentences
