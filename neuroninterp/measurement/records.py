"""What a measurement of receptive fields finds, as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neuroninterp.fields.layers import Layer

__all__ = ["EffectiveField", "LayerFields", "MeasuredField", "shortened"]


@dataclass(frozen=True)
class MeasuredField:
    """The part of a layer's receptive field in which substitutions changed its values.

    Parameters
    ----------
    start, end : int
        From the first to after the last such position, counted from the start of the
        computed receptive field (0-based, half-open, bp). Equal where nothing had an effect.
    reason : str or None
        Why it is shorter than the computed field; None where it is not.
    """

    start: int
    end: int
    reason: str | None = None

    @property
    def size(self) -> int:
        """Its length, bp."""
        return self.end - self.start


@dataclass(frozen=True)
class EffectiveField:
    """The shortest window that holds 95 % of the expected absolute gradient.

    Parameters
    ----------
    start, end : int
        Counted from the start of the computed receptive field (0-based, half-open, bp).
    """

    start: int
    end: int

    @property
    def size(self) -> int:
        """Its length, bp."""
        return self.end - self.start


@dataclass(frozen=True)
class LayerFields:
    """How far one layer sees: computed, measured, effective.

    Parameters
    ----------
    layer : Layer
        Its geometry, with the computed field.
    measured : MeasuredField
        What substitutions reach in the model's own runtime.
    effective : EffectiveField or None
        On random sequences; None where no gradient passes.
    effective_data : EffectiveField or None
        On windows of the user's sequences; None without sequences, or where no window fits
        into them.
    """

    layer: Layer
    measured: MeasuredField
    effective: EffectiveField | None = None
    effective_data: EffectiveField | None = None


def shortened(fields: Sequence[LayerFields]) -> list[tuple[list[int], str]]:
    """Return why measured fields are shorter than computed ones.

    Returns
    -------
    list of (list of int, str)
        Every reason with the numbers of the layers that have it.
    """
    layers: dict[str, list[int]] = {}
    for found in fields:
        if found.measured.reason:
            layers.setdefault(found.measured.reason, []).append(found.layer.number)
    return [(numbers, reason) for reason, numbers in layers.items()]
