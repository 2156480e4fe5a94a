"""The explained number by the canonical graph: its value, its gradient, and what they cost."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from neuroninterp.attribution.target import Target
from neuroninterp.backend import (
    compiled,
    import_keras,
    recompiles_per_shape,
    value_and_gradient,
)
from neuroninterp.errors import DataError
from neuroninterp.graph.evaluate import encode, evaluate
from neuroninterp.models import Model

__all__ = ["Explained"]

_BATCH_ENTRIES = 2**24
"""Most entries, of all tensors on the way together, that one batch may hold (64 MB)."""

_MOST_ROWS = 512


class Explained:
    """Computes the explained number from encoded sequences.

    Parameters
    ----------
    model : Model
        The network.
    target : Target
        What is explained; the graph must reach it.
    length : int
        Length of the sequences, bp.

    Attributes
    ----------
    positions : int or None
        Number of positions of the explained tensor; None where it has none.
    channels : int
        Number of its channels.
    entries : int
        Entries of all tensors on the way, for one sequence.
    batch_size : int
        Sequences that fit into one batch.
    """

    def __init__(self, model: Model, target: Target, length: int) -> None:
        self.target = target
        self.graph = target.graph
        self.table = model.layout.table
        self.nodes = self.graph.ancestors(target.node)
        names = [node.name for node in self.nodes]
        probe = encode(np.zeros((1, length), np.uint8), self.table)
        tensors = evaluate(self.graph, probe, names)
        self.shapes = {
            name: tuple(int(size) for size in tensor.shape[1:])
            for name, tensor in zip(names, tensors, strict=True)
        }
        *before, self.channels = self.shapes[target.node]
        self.positions = before[0] if before else None
        self.entries = sum(int(np.prod(shape)) for shape in self.shapes.values())
        self.batch_size = int(np.clip(_BATCH_ENTRIES // self.entries, 1, _MOST_ROWS))
        if target.position is not None and target.position >= (self.positions or 0):
            raise DataError(
                f"position {target.position} does not exist: the explained tensor has "
                f"{self.positions or 'no'} positions at {length} bp"
            )

    def read(self, tensor: Any, positions: Any) -> Any:
        """Return the explained number of each row of the explained tensor, (N,).

        ``positions`` (N,), int32, is not looked at where the tensor has none.
        """
        ops = import_keras().ops
        if self.positions is not None:
            where = ops.reshape(positions, (-1, 1, 1))
            tensor = ops.take_along_axis(tensor, where, axis=1)[:, 0]
        number = tensor[:, self.target.channel]
        return number - ops.mean(tensor, axis=1) if self.target.final == "softmax" else number

    def __call__(self, encoded: Any, positions: Any) -> Any:
        """Return the explained number of encoded sequences (N, L, channels), (N,)."""
        return self.read(evaluate(self.graph, encoded, [self.target.node])[0], positions)

    def find_positions(self, codes: np.ndarray) -> np.ndarray | None:
        """Return the position to explain of each sequence, (N,); None where there are none."""
        if self.positions is None:
            return None
        if self.target.position is not None or self.positions == 1:
            return np.full(len(codes), self.target.position or 0, np.int32)
        ops = import_keras().ops

        def largest(batch: Any) -> Any:
            tensor = evaluate(self.graph, encode(batch, self.table), [self.target.node])[0]
            return ops.argmax(tensor[:, :, self.target.channel], axis=1)

        return self.in_batches(compiled(largest), codes)[0].astype(np.int32)

    def values(self, codes: np.ndarray, positions: np.ndarray | None) -> np.ndarray:
        """Return the explained number of each sequence, (N,), float32.

        Not compiled: for a few sequences that takes longer than the arithmetic.
        """
        where = _or_zeros(positions, codes)
        return self.in_batches(lambda x, at: self(encode(x, self.table), at), codes, where)[0]

    def gradients(
        self,
        codes: np.ndarray,
        positions: np.ndarray | None,
        advance: Callable[[int], None] = lambda done: None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the explained number and its gradient by the input's channels.

        ``advance`` is called with the number of finished sequences of each batch.

        Returns
        -------
        values : numpy.ndarray, shape=(N,)
            float32.
        gradients : numpy.ndarray, shape=(N, L, channels)
            float32; channels in the file's order.
        """
        where = _or_zeros(positions, codes)
        values, gradients = self.in_batches(self._gradient, codes, where, advance=advance)
        return values, gradients

    @cached_property
    def _gradient(self) -> Callable[..., Any]:
        def function(batch: Any, where: Any) -> Any:
            return value_and_gradient(lambda at: self(at, where), encode(batch, self.table))

        return compiled(function)

    def in_batches(
        self,
        function: Callable[..., Any],
        *arrays: np.ndarray,
        rows: int | None = None,
        advance: Callable[[int], None] = lambda done: None,
    ) -> list[np.ndarray]:
        """Call a compiled function on a batch of rows at a time; return its results joined.

        Where a new batch size would cost a compilation, the last batch is filled up.
        ``advance`` is called with the number of finished rows of each batch.
        """
        ops = import_keras().ops
        step = min(rows or self.batch_size, len(arrays[0]))
        pieces: list[list[np.ndarray]] = []
        for begin in range(0, len(arrays[0]), step):
            batch = [array[begin : begin + step] for array in arrays]
            size = len(batch[0])
            if recompiles_per_shape():
                batch = [_filled(array, step) for array in batch]
            found = function(*batch)
            found = found if isinstance(found, (tuple, list)) else [found]
            pieces.append([ops.convert_to_numpy(tensor)[:size] for tensor in found])
            advance(size)
        return [np.concatenate(parts) for parts in zip(*pieces, strict=True)]


def _filled(array: np.ndarray, rows: int) -> np.ndarray:
    return np.concatenate([array, np.repeat(array[-1:], rows - len(array), axis=0)])


def _or_zeros(positions: np.ndarray | None, codes: np.ndarray) -> np.ndarray:
    return np.zeros(len(codes), np.int32) if positions is None else positions
