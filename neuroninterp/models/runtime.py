"""What a reader returns: the canonical graph and the model's own runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from neuroninterp.graph import Graph
from neuroninterp.models.layout import InputLayout

__all__ = ["ReadModel", "Runtime", "Tap"]


@dataclass(frozen=True)
class Tap:
    """Where a graph node's tensor is found in the model's own runtime.

    Parameters
    ----------
    tensor : Any
        The runtime's handle: a tensor name (ONNX) or a symbolic tensor (Keras).
    axes : str
        That tensor's layout, for example ``"NCL"``.
    stacked : int
        How many batches lie one behind the other on its first axis: 2 where the model
        stacks the reverse complement on the batch. The first is meant.
    """

    tensor: Any
    axes: str
    stacked: int = 1


class Runtime(Protocol):
    """Runs the model file itself (Keras, ONNX Runtime), never the canonical graph."""

    device: str
    """Device that the runtime uses, "cpu" or "gpu"."""

    def predict(self, inputs: np.ndarray, *, batch_size: int) -> list[np.ndarray]:
        """Return every output of the model for ``inputs`` in the file's own layout."""

    def tap(self, inputs: np.ndarray, taps: Sequence[Tap]) -> list[np.ndarray]:
        """Return intermediate tensors, in their own layouts, for ``inputs`` in the file's."""


@dataclass(frozen=True)
class ReadModel:
    """What every reader gives.

    Parameters
    ----------
    format : str
        "keras" or "onnx".
    graph : Graph
        The canonical graph; its Input node has the file's channel order.
    layout : InputLayout
        The sequence input.
    runtime : Runtime
        The model's own runtime.
    taps : mapping of str to Tap
        Graph node name to the runtime's tensor, for at least the value node of every layer
        (see :class:`neuroninterp.graph.LayerNodes`) and every "quantize" activation below.
    notes : tuple of str
        What the user should know about how the file was read, a sentence each.
    """

    format: str
    graph: Graph
    layout: InputLayout
    runtime: Runtime
    taps: Mapping[str, Tap]
    notes: tuple[str, ...] = ()
