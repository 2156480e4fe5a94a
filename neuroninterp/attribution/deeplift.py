"""DeepLIFT (Shrikumar, Greenside & Kundaje 2017) with the rescale rule, on the canonical graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from neuroninterp.attribution.explained import Explained
from neuroninterp.attribution.rules import Pair, pull_back
from neuroninterp.backend import compiled, import_keras
from neuroninterp.graph import Constant, Input
from neuroninterp.graph.evaluate import encode, evaluate

__all__ = ["deeplift_function"]


def deeplift_function(explained: Explained, count: int) -> Callable[..., Any]:
    """Return the compiled function that computes DeepLIFT's multipliers.

    Parameters
    ----------
    explained : Explained
        What is explained.
    count : int
        References a sequence.

    Returns
    -------
    callable
        From codes (n, L), references (n * count, L, channels) and positions (n,) to the
        explained number of the sequences (n,) and of the references (n * count,), and the
        multipliers of the input (n * count, L, channels).
    """
    ops = import_keras().ops
    names = [node.name for node in explained.nodes]

    def function(codes: Any, references: Any, positions: Any) -> Any:
        positions = ops.repeat(positions, count, axis=0)
        encoded = encode(codes, explained.table)
        ours = evaluate(explained.graph, encoded, names)
        theirs = evaluate(explained.graph, references, names)
        pairs = {
            name: Pair(ops.repeat(mine, count, axis=0) if count > 1 else mine, reference)
            for name, mine, reference in zip(names, ours, theirs, strict=True)
        }
        multipliers = {explained.target.node: _first(explained, positions)}
        for node in reversed(explained.nodes):
            if isinstance(node, (Input, Constant)) or node.name not in multipliers:
                continue
            read = [pairs[name] for name in node.inputs]
            passed = pull_back(node, read, pairs[node.name], multipliers.pop(node.name))
            for name, more in zip(node.inputs, passed, strict=True):
                known = multipliers.get(name)
                multipliers[name] = more if known is None else known + more
        numbers = pairs[explained.target.node]
        return (
            explained.read(numbers.ours, positions)[::count],
            explained.read(numbers.reference, positions),
            multipliers[explained.graph.input.name],
        )

    return compiled(function)


def _first(explained: Explained, positions: Any) -> Any:
    """Return the multipliers of the explained tensor: what the explained number takes of it."""
    ops = import_keras().ops
    weights = np.zeros(explained.channels, np.float32)
    weights[explained.target.channel] = 1.0
    if explained.target.final == "softmax":
        weights -= np.float32(1 / explained.channels)
    if explained.positions is None:
        return ops.ones((ops.shape(positions)[0], 1)) * weights
    at = ops.one_hot(positions, explained.positions, dtype="float32")
    return ops.expand_dims(at, 2) * weights
