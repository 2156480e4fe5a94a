"""Partition of a neuron's sample into parts of one alignment each.

Within one alignment the positions are as good as independent, so a part is a product of
independent columns: a PPM. Parts begin as groups of windows that are read alike
(:mod:`neuroninterp.motifs.decoupling_winners`) and are refined by assigning every window to
its likeliest PPM. How many there are follows from evidence. The consensus of a pure part
explains the values of its windows: where windows exceed it, they are carved out together
with those read like them; where a part explains nothing (the windows left between others),
it is dissolved; parts whose union is as pure and looks the same are merged.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuroninterp.fields import Trunk
from neuroninterp.motifs.information import consensus_codes
from neuroninterp.sampling import ActivationSample

__all__ = ["Partitioner"]

_PURE = 0.95
"""Consensus ratio from which a part is not carved further."""
_WEAK = 0.92
"""Consensus ratio below which a part that is no large share is dissolved."""
_LARGE_SHARE = 0.15
_SMALLEST_PART = 12
_SAME_READING = 0.65
"""Cosine of two windows' signatures from which they are read alike."""
_SMALLEST_SHARE = 0.0075
"""Of a part that is one of more than the pools have shifts."""
_SMALLEST_HEAD = 0.005
"""Share of the windows from which those read alike begin a part: fewer than it may keep, because
signatures are only known of some windows."""
_SAME_MOTIF = 0.90
"""Correlation of two PPMs, position by position, from which they are one motif."""
_TOLERANCE = 0.02
_PSEUDOCOUNT = 10.0
"""Windows' worth of even bases that every PPM is mixed with when windows are assigned."""
_CANDIDATES = 10
_MOST_ROUNDS = 40
_BASES = np.concatenate([np.eye(4), np.full((1, 4), 0.25)]).astype(np.float32)
_BLOCK = 1 << 25


class Partitioner:
    """Splits the windows of one sample.

    Parameters
    ----------
    trunk : Trunk
        Trunk of the sample's layer.
    sample : ActivationSample
        A sample with at least one window.
    rows : numpy.ndarray of int, shape=(m,)
        Windows whose signatures are known.
    signatures : numpy.ndarray, shape=(m, entries)
        How each of them is read; rows of length 1.
    most_parts : int
        Parts that are made at most.
    shifts : int
        Alignments that the pools can hide; parts beyond that number must be no tiny share.
    """

    def __init__(
        self,
        trunk: Trunk,
        sample: ActivationSample,
        rows: np.ndarray,
        signatures: np.ndarray,
        *,
        most_parts: int,
        shifts: int,
    ) -> None:
        self._trunk = trunk
        self._sample = sample
        self._weights = sample.weights.astype(np.float32)
        self._rows = rows
        self._signatures = signatures
        self._signature_of = np.full(len(sample.values), -1)
        self._signature_of[rows] = np.arange(len(rows))
        self._most_parts = most_parts
        self._shifts = shifts
        # A neuron that is never above 0 has no ratio of values; count from its threshold.
        self._zero = 0.0 if sample.maximum > 0 else sample.threshold
        self._values: dict[bytes, float] = {}
        self._one_hot = None
        if sample.windows.size * 4 <= _BLOCK:
            self._one_hot = _BASES[sample.windows].reshape(len(sample.values), -1)

    def groups(self) -> list[np.ndarray]:
        """Return the windows of each part; together they are all windows."""
        everything = np.arange(len(self._sample.values))
        heads = _read_alike(self._signatures, self._sample.weights[self._rows], self._most_parts)
        parts = self._carve(self._refine(everything, self._rows, heads, rounds=3))
        return self._merge(self._dissolve(parts))

    def ppms(self, groups: Sequence[np.ndarray]) -> np.ndarray:
        """Return the PPM of each group, shape (groups, receptive field, 4)."""
        return np.stack([self._mean(group) for group in groups]).reshape(len(groups), -1, 4)

    def _mean(self, group: np.ndarray) -> np.ndarray:
        total = np.zeros(4 * self._sample.windows.shape[1])
        for block in self._blocks(group):
            total += self._weights[block] @ self._encoded(block)
        return total / max(float(self._weights[group].sum(dtype=np.float64)), 1e-30)

    def _blocks(self, rows: np.ndarray) -> list[np.ndarray]:
        size = max(_BLOCK // (4 * self._sample.windows.shape[1]), 1)
        return [rows[begin : begin + size] for begin in range(0, len(rows), size)]

    def _encoded(self, rows: np.ndarray) -> np.ndarray:
        if self._one_hot is None:
            return _BASES[self._sample.windows[rows]].reshape(len(rows), -1)
        return self._one_hot[rows]

    def _consensus_values(self, ppms: np.ndarray) -> np.ndarray:
        windows = consensus_codes(ppms)
        # Groups that are much the same have the same consensus, again and again.
        new = {w.tobytes(): w for w in windows if w.tobytes() not in self._values}
        if new:
            owners = np.full(len(new), self._sample.neuron)
            values = self._trunk.values_of(np.stack(list(new.values())), owners)
            self._values.update(zip(new, values.tolist(), strict=True))
        return np.array([self._values[window.tobytes()] for window in windows])

    def _purities(self, groups: Sequence[np.ndarray]) -> np.ndarray:
        """Return the consensus ratios, from 0 to 1."""
        values = self._consensus_values(self.ppms(groups))
        largest = np.array([self._sample.values[group].max() for group in groups])
        heights = np.maximum(np.maximum(largest, values) - self._zero, 1e-12)
        return np.clip((values - self._zero) / heights, 0.0, 1.0)

    def _shares(self, groups: Sequence[np.ndarray]) -> np.ndarray:
        mass = np.array([self._sample.weights[group].sum() for group in groups])
        return mass / mass.sum()

    def _likelihoods(
        self, rows: np.ndarray, groups: Sequence[np.ndarray], ppms: np.ndarray
    ) -> np.ndarray:
        """Return log P(window, group) of windows ``rows`` under the groups' PPMs."""
        weights = [self._weights[group] for group in groups]
        sizes = np.array([w.sum() ** 2 / max(float((w**2).sum()), 1e-30) for w in weights])
        flat = ppms.reshape(len(groups), -1)
        smooth = (flat * sizes[:, None] + _PSEUDOCOUNT / 4) / (sizes[:, None] + _PSEUDOCOUNT)
        logs = np.log(smooth).astype(np.float32).T
        prior = np.log(np.maximum(self._shares(groups), 1e-9))
        return np.concatenate([self._encoded(block) @ logs for block in self._blocks(rows)]) + prior

    def _refine(
        self, members: np.ndarray, known: np.ndarray, labels: np.ndarray, *, rounds: int
    ) -> list[np.ndarray]:
        """Spread labels of the windows ``known`` over ``members`` by likelihood."""
        groups = _split(known, labels)
        for _ in range(rounds):
            likelihoods = self._likelihoods(members, groups, self.ppms(groups))
            groups = _split(members, likelihoods.argmax(axis=1))
        return groups

    def _carve(self, groups: list[np.ndarray]) -> list[np.ndarray]:
        """Take apart every group whose best windows exceed what its consensus explains."""
        pending = list(zip(groups, self._purities(groups), strict=True))
        finished: list[np.ndarray] = []
        while pending:
            group, purity = pending.pop()
            pieces = []
            if purity < _PURE and len(finished) + len(pending) + 1 < self._most_parts:
                pieces = self._around_best(group, float(purity))
            if len(pieces) < 2:
                finished.append(group)
            else:
                pending += zip(pieces, self._purities(pieces), strict=True)
        return finished

    def _around_best(self, group: np.ndarray, purity: float) -> list[np.ndarray]:
        """Split off the best window with as many of those read like it as stay pure."""
        known = group[self._signature_of[group] >= 0]
        if len(known) < 2 * _SMALLEST_PART:
            return []
        signatures = self._signatures[self._signature_of[known]]
        best = int(self._sample.values[known].argmax())
        nearest = known[np.argsort(-(signatures @ signatures[best]), kind="stable")]
        ends = np.geomspace(_SMALLEST_PART, len(known) - _SMALLEST_PART, _CANDIDATES)
        sizes = np.unique(ends.astype(np.int64))
        both = self._purities([nearest[:n] for n in sizes] + [nearest[n:] for n in sizes])
        inside, outside = both[: len(sizes)], both[len(sizes) :]
        pure = np.flatnonzero(inside >= _PURE)
        chosen = int(pure[-1]) if len(pure) else int((inside + outside).argmax())
        if not len(pure) and (inside[chosen] + outside[chosen]) / 2 < purity + _TOLERANCE:
            return []
        labels = (np.arange(len(known)) >= sizes[chosen]).astype(np.int64)
        pieces = self._refine(group, nearest, labels, rounds=2)
        return pieces if min(map(len, pieces)) >= _SMALLEST_PART else []

    def _fitting(self, rows: np.ndarray, groups: Sequence[np.ndarray]) -> np.ndarray:
        """Return each window's likeliest part among those whose consensus explains it."""
        ppms = self.ppms(groups)
        reach = self._consensus_values(ppms) - self._zero
        excess = self._sample.values[rows, None] - self._zero - reach / _PURE
        excess = np.maximum(excess, 0.0) / max(self._sample.maximum - self._zero, 1e-12)
        # What no part explains goes to the part that explains most of it.
        fitting: np.ndarray = (self._likelihoods(rows, groups, ppms) - 1e4 * excess).argmax(axis=1)
        return fitting

    def _assign(self, groups: list[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray]:
        """Assign every window anew; return the parts that keep one, and their indices."""
        everything = np.arange(len(self._sample.values))
        labels = self._fitting(everything, groups)
        return _split(everything, labels), np.unique(labels)

    def _add(self, groups: list[np.ndarray], rows: np.ndarray) -> list[np.ndarray]:
        """Add windows to the parts that fit them; all others stay where they are."""
        labels = self._fitting(rows, groups)
        return [
            np.concatenate([group, rows[labels == index]]) for index, group in enumerate(groups)
        ]

    def _dissolve(self, groups: list[np.ndarray]) -> list[np.ndarray]:
        """Spread the windows of weak parts over the others while that keeps the parts pure."""
        if len(groups) < 2:
            return groups
        groups, _ = self._assign(groups)
        purities = self._purities(groups)
        needed = np.zeros(len(groups), bool)
        step = len(groups)
        for _ in range(_MOST_ROUNDS):
            weak = self._weakest(groups, purities, needed)
            step = min(step, max(len(weak) // 2, 1))
            weak = weak[:step]
            if not len(weak) or len(weak) == len(groups):
                break
            fewer, alive, after = self._without(groups, weak, purities)
            if after.mean() >= purities.mean() - _TOLERANCE / 4:
                groups, purities, needed = fewer, after, needed[alive]
                step = len(fewer)
            elif step == 1:
                needed[weak] = True
            else:
                step = 1
        return groups

    def _without(
        self, groups: list[np.ndarray], weak: np.ndarray, purities: np.ndarray
    ) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """Return the parts that remain without the weak ones, their indices and purities.

        All windows are assigned anew, or, where the weak ones explain nothing, only those set
        free, whatever leaves purer parts.
        """
        kept = np.delete(np.arange(len(groups)), weak)
        remaining = [groups[index] for index in kept]
        anew, alive = self._assign(remaining)
        pure_anew = self._purities(anew)
        if (purities[weak] < _WEAK).all():
            added = self._add(remaining, np.concatenate([groups[index] for index in weak]))
            pure_added = self._purities(added)
            if pure_added.mean() > pure_anew.mean():
                return added, kept, pure_added
        return anew, kept[alive], pure_anew

    def _weakest(
        self, groups: list[np.ndarray], purities: np.ndarray, needed: np.ndarray
    ) -> np.ndarray:
        """Return the parts that may be dissolved, weakest first."""
        shares = self._shares(groups)
        few = np.array([len(group) for group in groups]) < _SMALLEST_PART
        if len(groups) > self._shifts:
            few |= shares < _SMALLEST_SHARE
        weak = ((purities < _WEAK) & (shares < _LARGE_SHARE)) | few
        found = np.flatnonzero(weak & ~needed)
        return found[np.lexsort((shares[found], np.minimum(purities[found], _WEAK)))]

    def _merge(self, groups: list[np.ndarray]) -> list[np.ndarray]:
        """Merge parts that are the same motif at the same place, most alike first."""
        purities = list(self._purities(groups))
        refused: set[tuple[int, int]] = set()
        ppms = list(self.ppms(groups))
        while len(groups) > 1:
            alike = _correlations(ppms)
            for pair in refused:
                alike[pair] = -1.0
            first, second = map(int, np.unravel_index(alike.argmax(), alike.shape))
            if alike[first, second] < _SAME_MOTIF:
                break
            union = np.concatenate([groups[first], groups[second]])
            purity = float(self._purities([union])[0])
            if purity < min(purities[first], purities[second]) - _TOLERANCE:
                refused |= {(first, second), (second, first)}
                continue
            keep = [i for i in range(len(groups)) if i not in (first, second)]
            groups = [groups[i] for i in keep] + [union]
            purities = [purities[i] for i in keep] + [purity]
            ppms = [ppms[i] for i in keep] + [self.ppms([union])[0]]
            refused = set()
        return groups


def _split(rows: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    return [rows[labels == label] for label in np.unique(labels)]


def _read_alike(signatures: np.ndarray, weights: np.ndarray, most: int) -> np.ndarray:
    """Label windows by the heads they are read like; a head is where most windows are alike."""
    alike = (signatures @ signatures.T) > _SAME_READING
    counted = alike.astype(np.float64)
    free = weights.astype(np.float64).copy()
    least = _SMALLEST_HEAD * weights.sum()
    heads: list[int] = []
    while len(heads) < most:
        gathered = counted @ free
        head = int(gathered.argmax())
        if gathered[head] < least or not gathered[head] > 0:
            break
        heads.append(head)
        free[alike[head]] = 0.0
    if not heads:
        return np.zeros(len(signatures), np.int64)
    centres = signatures[heads]
    for _ in range(4):
        labels = (signatures @ centres.T).argmax(axis=1)
        present = [(labels == k) * weights for k in range(len(centres)) if (labels == k).any()]
        centres = np.stack(present) @ signatures
        centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-30)
    return np.asarray((signatures @ centres.T).argmax(axis=1), np.int64)


def _correlations(ppms: Sequence[np.ndarray]) -> np.ndarray:
    """Correlate every pair of PPMs, position by position, about 1/4; -1 on the diagonal."""
    flat = np.stack([(ppm - 0.25).ravel() for ppm in ppms])
    flat = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    alike = flat @ flat.T
    np.fill_diagonal(alike, -1.0)
    return np.asarray(alike)
