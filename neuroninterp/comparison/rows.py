"""One motif in two runs: where each holds it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neuroninterp.motifs import Match

__all__ = ["FOUND_IN", "Held", "motif_row", "where"]

FOUND_IN = ("both", "first", "second")
"""Where a motif was found."""


@dataclass
class Held:
    """Where one run holds a motif.

    Parameters
    ----------
    layers, whole_layers : set of int
        Layers that hold it; those that match the whole known motif.
    neurons : set of (layer, neuron)
        Neurons that hold it.
    e_value : float
        Smallest of its matches; NaN without any.
    name : str
        Of the known motif; "" without a match.
    """

    layers: set[int] = field(default_factory=set)
    whole_layers: set[int] = field(default_factory=set)
    neurons: set[tuple[int, int]] = field(default_factory=set)
    e_value: float = float("nan")
    name: str = ""

    def add(self, layer: int, neurons: Iterable[int], match: Match | None) -> None:
        """Add neurons of a layer, and the match that told so, if any."""
        self.layers.add(layer)
        self.neurons.update((layer, neuron) for neuron in neurons)
        if match is not None:
            self.name = self.name or match.target_name
            if match.whole:
                self.whole_layers.add(layer)
            self.e_value = float(np.fmin(self.e_value, match.e_value))


def where(first: object, second: object) -> str:
    """Return one of :data:`FOUND_IN`, by which of two things are there, at least one."""
    return "both" if first and second else "first" if first else "second"


def motif_row(kind: str, motif: str, name: str, letters: str, *held: Held) -> dict[str, Any]:
    """Return a motif's row of the table, from what the first and the second run hold of it."""
    row: dict[str, Any] = {"kind": kind, "motif": motif, "name": name, "consensus": letters}
    row["found_in"] = where(*(side.layers for side in held))
    for side, found in zip(("first", "second"), held, strict=True):
        row[f"layers_{side}"] = ",".join(map(str, sorted(found.layers)))
        row[f"whole_layers_{side}"] = ",".join(map(str, sorted(found.whole_layers)))
        row[f"neurons_{side}"] = len(found.neurons)
        row[f"e_value_{side}"] = found.e_value
    return row
