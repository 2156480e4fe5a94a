"""In-silico mutagenesis that recomputes only what an edit can reach.

The idea is fastISM's (Nair, Shrikumar, Schreiber & Kundaje 2022), here on any graph: the
tensors of the unedited sequence are kept, and of each edited one the window that an edit
changes (:mod:`neuroninterp.attribution.reach`) is computed from them. A dense layer that
reads flattened positions adds what the changed positions change.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neuroninterp.attribution.edits import Edits
from neuroninterp.attribution.explained import Explained
from neuroninterp.attribution.reach import PADDING, Reach, Source, find_reach
from neuroninterp.backend import compiled, import_keras, recompiles_per_shape
from neuroninterp.graph import Convolution, Dense, Flatten, Input, Node, Pad, Pool
from neuroninterp.graph.evaluate import compute, encode, evaluate

__all__ = ["Incremental", "incremental"]

_CHUNK_ENTRIES = 2**24
_MOST_EDITS = 8192
_BLOCK_ENTRIES = 2**23
_MOST_ROWS = 64

_GATHERING = 8
"""What moving one entry costs, in multiplications."""

_WORTHWHILE = 1.5
"""How many times cheaper recomputing must be estimated to be, to be chosen."""


def incremental(explained: Explained, length: int) -> Incremental | None:
    """Return how to recompute what edits reach, where that can be done and pays.

    Parameters
    ----------
    explained : Explained
        What is explained.
    length : int
        Length of the sequences, bp.
    """
    reach = find_reach(explained.graph, explained.target.node, explained.shapes, length)
    if reach is None:
        return None
    made = Incremental(explained, reach)
    return made if made.cost * _WORTHWHILE < made.full_cost else None


class Incremental:
    """Computes the explained number of edited sequences from the unedited ones.

    Parameters
    ----------
    explained : Explained
        What is explained.
    reach : Reach
        What edits change of it.

    Attributes
    ----------
    cost, full_cost : float
        Estimates, in multiplications, for one edit: this way, and of the whole network.
    rows : int
        Sequences to keep the tensors of at once.
    """

    def __init__(self, explained: Explained, reach: Reach) -> None:
        self._explained = explained
        self._reach = reach
        self._shapes = explained.shapes
        self._nodes = [
            node
            for node in explained.nodes
            if node.name in reach.windows or node.name in reach.flat
        ]
        self._joins = self._find_joins()
        self._kept = self._find_kept()
        self.cost, entries = self._costs()
        self.full_cost = float(sum(self._work(node, None) for node in explained.nodes))
        self.rows = int(np.clip(_BLOCK_ENTRIES // explained.entries, 1, _MOST_ROWS))
        self._edits_at_once = int(np.clip(_CHUNK_ENTRIES // entries, 64, _MOST_EDITS))
        self._function = compiled(self._compute)
        self._base = compiled(self._unedited)

    def values(
        self, codes: np.ndarray, positions: np.ndarray | None, edits: Edits
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the explained number of sequences, and of their edits.

        Parameters
        ----------
        codes : numpy.ndarray, shape=(N, L)
            The unedited sequences, uint8.
        positions : numpy.ndarray or None, shape=(N,)
            Output position of each, where the explained tensor has positions.
        edits : Edits
            What is changed.

        Returns
        -------
        values : numpy.ndarray, shape=(N,)
            Of the unedited sequences, float32.
        edited : numpy.ndarray, shape=(E,)
            Of the edited ones, float32.
        """
        to_numpy = import_keras().ops.convert_to_numpy
        where = np.zeros(len(codes), np.int32) if positions is None else positions
        values, *kept = self._base(codes, where)
        found = np.empty(len(edits), np.float32)
        for chunk, starts in self._chunks(edits):
            some = edits.some(_filled(chunk) if recompiles_per_shape() else chunk)
            new = self._explained.table[some.bases]
            rows, at = some.rows.astype(np.int32), some.positions.astype(np.int32)
            numbers = self._function(rows, at, new, where[some.rows], starts, values, *kept)
            found[chunk] = to_numpy(numbers)[: len(chunk)]
        return to_numpy(values), found

    def _find_joins(self) -> dict[str, Source]:
        """Return what dense layers read through a flatten that only they read."""
        joins: dict[str, Source] = {}
        graph = self._explained.graph
        for node in self._nodes:
            if not isinstance(node, Flatten) or node.name == self._explained.target.node:
                continue
            readers = [reader for reader in self._nodes if node.name in reader.inputs]
            (source,) = self._reach.sources[node.name]
            if (
                all(isinstance(reader, Dense) for reader in readers)
                and len(self._shapes[graph[node.name].inputs[0]]) == 2
            ):
                joins |= {reader.name: source for reader in readers}
        return joins

    def _find_kept(self) -> list[str]:
        """Return the tensors of the unedited sequences that are looked at."""
        kept = set(self._joins) | {source.tensor for source in self._joins.values()}
        for node in self._nodes:
            sources = self._reach.sources.get(node.name, ())
            kept.update(source.tensor for source in sources if not source.direct)
            kept.update(
                name
                for name in node.inputs
                if len(self._shapes[name]) == 1 and name not in self._reach.flat
            )
        return [node.name for node in self._explained.nodes if node.name in kept]

    def _unedited(self, codes: Any, positions: Any) -> Any:
        explained = self._explained
        encoded = encode(codes, explained.table)
        *kept, number = evaluate(explained.graph, encoded, [*self._kept, explained.target.node])
        return [explained.read(number, positions), *kept]

    def _chunks(self, edits: Edits) -> list[tuple[np.ndarray, np.ndarray]]:
        """Split edits so that what each dense layer reads starts at one place in a chunk."""
        tensors = [source.tensor for source in self._joins.values()]
        starts: np.ndarray = np.zeros((1, 1), np.int32)
        if tensors:
            starts = np.array([self._reach.windows[tensor].starts for tensor in tensors], np.int32)
        unique, which = np.unique(starts, axis=1, return_inverse=True)
        which = which.reshape(-1)[edits.positions if tensors else np.zeros(len(edits), int)]
        chunks = []
        for number in range(unique.shape[1]):
            members = np.flatnonzero(which == number)
            for begin in range(0, len(members), self._edits_at_once):
                chunks.append((members[begin : begin + self._edits_at_once], unique[:, number]))
        return chunks

    def _compute(
        self, rows: Any, at: Any, new: Any, reads: Any, starts: Any, values: Any, *kept: Any
    ) -> Any:
        """Return the explained number of one chunk of edits, (E,)."""
        ops = import_keras().ops
        explained, reach = self._explained, self._reach
        base = dict(zip(self._kept, kept, strict=True))
        tensors: dict[str, Any] = {}
        joins = list(self._joins)
        for node in self._nodes:
            if isinstance(node, Input):
                tensors[node.name] = ops.expand_dims(new, 1)
            elif node.name in self._joins:
                start = starts[joins.index(node.name)]
                tensors[node.name] = self._joined(node, rows, at, start, base, tensors)
            elif isinstance(node, Flatten) and self._is_joined(node):
                continue
            else:
                tensors[node.name] = self._window(node, rows, at, base, tensors)
        target = explained.target.node
        if target in reach.flat:
            return explained.read(tensors[target], reads)
        window = reach.windows[target]
        offset = reads - ops.take(window.starts.astype(np.int32), at, axis=0)
        inside = (offset >= 0) & (offset < window.width)
        edited = explained.read(tensors[target], ops.clip(offset, 0, window.width - 1))
        return ops.where(inside, edited, ops.take(values, rows, axis=0))

    def _is_joined(self, node: Node) -> bool:
        return any(node.name in self._explained.graph[name].inputs for name in self._joins)

    def _window(
        self, node: Node, rows: Any, at: Any, base: dict[str, Any], tensors: dict[str, Any]
    ) -> Any:
        """Compute the window of one node."""
        ops = import_keras().ops
        sources = iter(self._reach.sources[node.name])
        operands = []
        for name in node.inputs:
            if len(self._shapes[name]) == 2:
                operands.append(self._operand(node, next(sources), rows, at, base, tensors))
            elif name in tensors:
                operands.append(tensors[name])
            else:
                operands.append(ops.take(base[name], rows, axis=0))
        result = compute(node, operands)
        if isinstance(node, Pool) and node.kind == "average" and not node.count_padding:
            (source,) = self._reach.sources[node.name]
            shares = _uncounted(node, source.entries != PADDING)
            result = result * ops.expand_dims(ops.take(shares, at, axis=0), 2)
        return result

    def _operand(
        self,
        node: Node,
        source: Source,
        rows: Any,
        at: Any,
        base: dict[str, Any],
        tensors: dict[str, Any],
    ) -> Any:
        """Gather what a node reads from the edited window, the unedited tensor, and padding."""
        ops = import_keras().ops
        if source.direct:
            return tensors[source.tensor]
        before = base[source.tensor]
        size, channels = self._shapes[source.tensor]
        entries = ops.take(source.entries, at, axis=0)
        padding = ops.full((1, channels), _padding_of(node), dtype="float32")
        table = [ops.reshape(before, (-1, channels)), padding]
        count = ops.shape(before)[0] * size
        index = ops.where(entries >= 0, ops.expand_dims(rows, 1) * size + entries, count)
        if source.tensor in tensors:
            window = tensors[source.tensor]
            width = self._reach.windows[source.tensor].width
            table.append(ops.reshape(window, (-1, channels)))
            own = ops.expand_dims(ops.arange(ops.shape(rows)[0]) * width, 1) - 2 - entries
            index = ops.where(entries < PADDING, count + 1 + own, index)
        return ops.take(ops.concatenate(table, axis=0), index, axis=0)

    def _joined(
        self,
        node: Node,
        rows: Any,
        at: Any,
        start: Any,
        base: dict[str, Any],
        tensors: dict[str, Any],
    ) -> Any:
        """Add to a dense layer's result what the changed positions change."""
        assert isinstance(node, Dense)
        ops = import_keras().ops
        flatten = self._explained.graph[node.inputs[0]]
        assert isinstance(flatten, Flatten)
        source = self._joins[node.name]
        size, channels = self._shapes[source.tensor]
        window = self._reach.windows[source.tensor]
        units = node.kernel.shape[1]
        if flatten.channels_first:
            kernel = node.kernel.reshape(channels, size, units).transpose(1, 0, 2)
        else:
            kernel = node.kernel.reshape(size, channels, units)
        changed = start + np.arange(window.width, dtype=np.int32)
        positions = ops.expand_dims(rows, 1) * size + changed
        before = ops.take(ops.reshape(base[source.tensor], (-1, channels)), positions, axis=0)
        difference = ops.reshape(tensors[source.tensor] - before, (-1, window.width * channels))
        part = ops.take(kernel, changed, axis=0)
        change = ops.matmul(difference, ops.reshape(part, (-1, units)))
        return ops.take(base[node.name], rows, axis=0) + change

    def _costs(self) -> tuple[float, int]:
        """Estimate what an edit costs, and how many entries it holds."""
        cost, entries = 0.0, 1
        for node in self._nodes:
            if isinstance(node, Flatten) and self._is_joined(node):
                continue
            window = self._reach.windows.get(node.name)
            work = self._work(node, None if window is None else window.width)
            if node.name in self._joins:
                joined = self._joins[node.name].tensor
                work *= self._reach.windows[joined].width / self._shapes[joined][0]
            cost += work
            entries += (window.width if window else 1) * self._shapes[node.name][-1]
            for source in self._reach.sources.get(node.name, ()):
                if not source.direct:
                    moved = source.entries.shape[1] * self._shapes[source.tensor][-1]
                    cost += _GATHERING * moved
                    entries += moved
        return cost, entries

    def _work(self, node: Node, width: int | None) -> float:
        """Return the multiplications of a node, for ``width`` positions or for all."""
        shape = self._shapes[node.name]
        positions = (width or shape[0]) if len(shape) == 2 else 1
        if isinstance(node, Convolution):
            return positions * int(node.kernel.size)
        if isinstance(node, Dense):
            return positions * int(node.kernel.size)
        return positions * int(shape[-1])


def _padding_of(node: Node) -> float:
    if isinstance(node, Pool) and node.kind == "max":
        return float(np.finfo(np.float32).min)
    return node.value if isinstance(node, Pad) else 0.0


def _uncounted(node: Pool, present: np.ndarray) -> np.ndarray:
    """Return what averages that count padding are multiplied by so that they do not, (L, width)."""
    entries = np.arange((present.shape[1] - (node.size - 1) * node.dilation - 1) // node.stride + 1)
    taps = entries[:, None] * node.stride + np.arange(node.size) * node.dilation
    return (node.size / present[:, taps].sum(axis=2)).astype(np.float32)


def _filled(chunk: np.ndarray) -> np.ndarray:
    """Repeat the last edit up to a power of two, so that few shapes are compiled."""
    size = 2 ** int(np.ceil(np.log2(max(len(chunk), 64))))
    return np.concatenate([chunk, np.repeat(chunk[-1:], size - len(chunk))])
