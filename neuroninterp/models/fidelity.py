"""The fidelity check: the canonical graph must compute what the model file computes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuroninterp.backend import import_keras
from neuroninterp.errors import FidelityError
from neuroninterp.graph import LayerNodes
from neuroninterp.graph.evaluate import evaluate
from neuroninterp.models.layout import from_layout
from neuroninterp.models.runtime import ReadModel

__all__ = ["TOLERANCE", "check_fidelity"]

TOLERANCE = 1e-4
"""Largest accepted difference, relative to the largest value of the layer."""

_SEQUENCES = 4


def check_fidelity(
    model: ReadModel, layers: Sequence[LayerNodes], length: int, *, seed: int = 0
) -> float:
    """Compare every layer's values with the model's own runtime on random sequences.

    Parameters
    ----------
    model : ReadModel
        Graph and runtime.
    layers : sequence of LayerNodes
        The layers to compare.
    length : int
        Length of the random sequences, bp.
    seed : int
        Seed of the sequences.

    Returns
    -------
    float
        The largest relative difference over the layers.

    Raises
    ------
    FidelityError
        Naming the first layer that is off by more than :data:`TOLERANCE`.
    """
    rng = np.random.default_rng(seed)
    one_hot = np.eye(4, dtype=np.float32)[rng.integers(0, 4, (_SEQUENCES, length))]
    file_input = model.layout.to_file(one_hot)
    canonical_input = one_hot[:, :, [("ACGT").index(base) for base in model.layout.alphabet]]
    ours = evaluate(model.graph, canonical_input, [layer.value for layer in layers])
    theirs = model.runtime.tap(file_input, [model.taps[layer.value] for layer in layers])
    worst = 0.0
    for layer, mine, raw in zip(layers, ours, theirs, strict=True):
        expected = from_layout(np.asarray(raw, np.float64), model.taps[layer.value].axes)
        found = import_keras().ops.convert_to_numpy(mine).astype(np.float64)
        worst = max(worst, _difference(model, layer, found, expected))
    return worst


def _difference(
    model: ReadModel, layer: LayerNodes, mine: np.ndarray, expected: np.ndarray
) -> float:
    name = model.graph[layer.convolution].source
    if mine.shape != expected.shape:
        raise FidelityError(
            f"layer {layer.number} ({name!r}): the graph gives values of shape {mine.shape}, the "
            f"model's own runtime {expected.shape}; please report this model"
        )
    scale = float(np.abs(expected).max())
    difference = float(np.abs(mine - expected).max()) / max(scale, 1e-12)
    # Written so that NaN fails too.
    if not difference <= TOLERANCE:
        raise FidelityError(
            f"layer {layer.number} ({name!r}) is the first that diverges: the graph is off by "
            f"{difference:.2g} of the largest value (accepted: {TOLERANCE:g}); please report "
            "this model"
        )
    return difference
