"""Filters as PPMs by the alignment that Koo & Eddy 2019 use, in two versions.

A filter is slid over the test sequences; stretches around the positions where it is strongly
active are stacked, and the share of each base is taken column by column. This needs no pool
between the sequence and the filter. The paper's text and its released code differ in which
stretches are taken and how they count: :data:`ALIGNMENTS` names every difference.

Source: Koo PK, Eddy SR (2019) PLoS Comput Biol 15(12): e1007560, Methods, "Visualizing first
layer filters", and the released code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neuroninterp.backend import import_keras
from neuroninterp.errors import DataError
from neuroninterp.sequences.coding import one_hot
from zoo.folding import folded

if TYPE_CHECKING:
    import keras

__all__ = ["ALIGNMENTS", "Alignment", "align_filters", "alignable_layers"]

_SEQUENCES_AT_ONCE = 250
_UNKNOWN = 4


@dataclass(frozen=True)
class Alignment:
    """How stretches are chosen and stacked.

    Parameters
    ----------
    threshold : float
        Share of the reference that an activation must exceed.
    reference : str
        "seen": the largest activation on these sequences; "possible": the largest that any
        sequence gives (known for first layers; deeper ones use the largest seen).
    every_position : bool
        Take every position above the threshold, or the strongest one of each sequence.
    weighted : bool
        Count each stretch by its activation, or all alike.
    padded : bool
        Whether stretches over a sequence's ends are kept as far as they go, or left out.
    width : int or None
        Columns, centred on the position; the filter's own receptive field for None.
    """

    threshold: float
    reference: str
    every_position: bool
    weighted: bool
    padded: bool
    width: int | None


ALIGNMENTS: dict[str, Alignment] = {
    "released": Alignment(0.5, "seen", every_position=True, weighted=True, padded=True, width=19),
    "text": Alignment(
        0.7, "possible", every_position=False, weighted=False, padded=False, width=None
    ),
}
"""The released code's alignment, which gave the paper's figures, and the text's."""


def alignable_layers(model: keras.Model) -> tuple[int, ...]:
    """Return the layers whose positions are the sequence's: no pool or step before them."""
    layers = import_keras().layers
    count = 0
    for layer in model.layers:
        count += isinstance(layer, layers.Conv1D)
        if isinstance(layer, layers.MaxPooling1D) or getattr(layer, "strides", (1,)) != (1,):
            break
    return tuple(range(1, count + 1))


def align_filters(
    model: keras.Model,
    codes: np.ndarray,
    layer: int = 1,
    alignment: Alignment = ALIGNMENTS["released"],
) -> np.ndarray:
    """Turn the filters of a layer into PPMs.

    Parameters
    ----------
    model : keras.Model
        A network of :mod:`zoo.architectures.koo_eddy`.
    codes : numpy.ndarray, shape=(N, L)
        Test sequences, 0 to 4 for A, C, G, T, N; uint8.
    layer : int
        Layer number, one of :func:`alignable_layers`.
    alignment : Alignment
        Version of the method.

    Returns
    -------
    numpy.ndarray, shape=(filters, width, 4)
        Probabilities, rows summing to 1. A filter that is nowhere active, and a column over
        which no stretch reaches, is 0.25 throughout.

    Raises
    ------
    DataError
        If there is a pool below the layer, or the layer does not exist.
    """
    if layer not in alignable_layers(model):
        raise DataError(
            f"filters of layer {layer} of {model.name!r} cannot be aligned: a pool before them "
            f"hides positions, or there is no such layer; layers that can be: "
            f"{', '.join(map(str, alignable_layers(model)))}"
        )
    activations = _activations(model, layer)
    threshold = alignment.threshold * _reference(model, codes, layer, alignment, activations)
    width = alignment.width or _receptive_field(model, layer)
    counts = np.zeros((len(threshold), width, 4))
    for batch, values in _batches(codes, activations):
        weights = np.where(values > threshold, values, 0.0)
        if not alignment.every_position:
            strongest = values == values.max(axis=1, keepdims=True)
            # Of equally strong positions the first, as an argmax finds it.
            weights *= strongest & (np.cumsum(strongest, axis=1) == 1)
        if not alignment.weighted:
            weights = (weights > 0).astype(np.float64)
        counts += _stacked(batch, weights, width, alignment.padded)
    totals = counts.sum(axis=2, keepdims=True)
    return np.where(totals > 0, counts / np.maximum(totals, 1e-300), 0.25)


def _activations(model: keras.Model, layer: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function from one-hot sequences (N, L, 4) to a layer's ReLUs (N, L, K)."""
    output = model.get_layer(f"relu_{layer}").output
    trunk = import_keras().Model(model.input, output)

    def activations(inputs: np.ndarray) -> np.ndarray:
        return np.asarray(trunk.predict_on_batch(inputs), np.float64)

    return activations


def _batches(
    codes: np.ndarray, activations: Callable[[np.ndarray], np.ndarray]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for begin in range(0, len(codes), _SEQUENCES_AT_ONCE):
        batch = codes[begin : begin + _SEQUENCES_AT_ONCE]
        yield batch, activations(one_hot(batch))


def _reference(
    model: keras.Model,
    codes: np.ndarray,
    layer: int,
    alignment: Alignment,
    activations: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Return the activation that the threshold is a share of, one for each filter."""
    if alignment.reference == "possible" and layer == 1:
        return _largest_possible(model)
    largest = [values.max(axis=(0, 1)) for _, values in _batches(codes, activations)]
    return np.max(largest, axis=0)


def _largest_possible(model: keras.Model) -> np.ndarray:
    """Return the largest activation of each first-layer filter: the best base everywhere."""
    kernel, bias = folded(model.get_layer("conv_1"), model.get_layer("norm_1"))
    return np.maximum(kernel.max(axis=1).sum(axis=0) + bias, 0.0)


def _receptive_field(model: keras.Model, layer: int) -> int:
    kernels = [model.get_layer(f"conv_{number}").kernel_size[0] for number in range(1, layer + 1)]
    return 1 + sum(kernel - 1 for kernel in kernels)


def _stacked(codes: np.ndarray, weights: np.ndarray, width: int, padded: bool) -> np.ndarray:
    """Add up stretches: counts (filters, width, 4) of the bases around weighted positions."""
    before, after = (width - 1) // 2, width // 2
    positions = weights.shape[1]
    if not padded:
        weights = weights.copy()
        weights[:, :before] = 0.0
        weights[:, positions - after :] = 0.0
    framed: Any = np.pad(codes, ((0, 0), (before, after)), constant_values=_UNKNOWN)
    flat = weights.reshape(-1, weights.shape[2]).T
    counts = np.empty((len(flat), width, 4))
    for column in range(width):
        bases = one_hot(framed[:, column : column + positions]).reshape(-1, 4)
        counts[:, column] = flat @ bases.astype(np.float64)
    return counts
