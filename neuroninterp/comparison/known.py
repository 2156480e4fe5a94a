"""Known motifs of two runs, compared by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from neuroninterp.comparison.rows import Held, motif_row
from neuroninterp.motifs import consensus
from neuroninterp.results import AnalysisResult
from neuroninterp.text import printable

__all__ = ["known_rows"]


def known_rows(first: AnalysisResult, second: AnalysisResult) -> list[dict[str, Any]]:
    """Return the known motifs that any part matches, the most certain first."""
    held = [_known(run) for run in (first, second)]
    targets = {**second.targets, **first.targets}
    rows = []
    for identifier in {**held[0], **held[1]}:
        sides = [side.get(identifier, Held()) for side in held]
        ppm = targets[identifier].ppm if identifier in targets else None
        letters = "" if ppm is None else consensus(ppm)
        name = sides[0].name or sides[1].name
        rows.append(motif_row("known", printable(identifier), printable(name), letters, *sides))
    rows.sort(key=lambda row: (np.fmin(row["e_value_first"], row["e_value_second"]), row["motif"]))
    return rows


def _known(result: AnalysisResult) -> dict[str, Held]:
    held: dict[str, Held] = {}
    for layer in result.layers:
        for neuron in layer.neurons:
            for match in neuron.matches:
                found = held.setdefault(match.target_id, Held())
                found.add(layer.layer.number, [neuron.neuron], match)
    return held
