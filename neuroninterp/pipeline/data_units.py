"""What workers do with the user's sequences: look at a layer's neurons in some blocks of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from neuroninterp.jobs.codec import encode, storable
from neuroninterp.jobs.equipment import Equipment
from neuroninterp.sampling import (
    LargestPart,
    LevelsPart,
    merge_largest,
    merge_levels,
    scan_largest,
    scan_levels,
)
from neuroninterp.sequences import PackedCodes, SequenceData, block_size, pack, unpack

__all__ = ["DataBlock", "load_block", "scan_largest_blocks", "scan_levels_blocks"]


@dataclass(frozen=True, eq=False)
class DataBlock:
    """Neighbouring sequences, two bits a base.

    Parameters
    ----------
    first : int
        Number of the first one in the whole data.
    shape : tuple of int
        Sequences, and bp of each.
    bases, unknown_starts, unknown_lengths : numpy.ndarray
        See :class:`neuroninterp.sequences.PackedCodes`.
    """

    first: int
    shape: tuple[int, int]
    bases: np.ndarray
    unknown_starts: np.ndarray
    unknown_lengths: np.ndarray

    @property
    def codes(self) -> np.ndarray:
        """Codes, uint8."""
        packed = PackedCodes(self.bases, self.unknown_starts, self.unknown_lengths)
        return unpack(packed, self.shape)


storable(DataBlock, LargestPart, LevelsPart)


def load_block(data: SequenceData, number: int) -> bytes:
    """Return a block of the data as workers are given it."""
    block = data.block(number)
    first = number * block_size(data.length, data.classes)
    rows, length = block.codes.shape
    return encode(DataBlock(first, (rows, length), *pack(block.codes)), level=0)


def scan_largest_blocks(
    equipment: Equipment, *blocks: DataBlock, layer: int, neurons: Sequence[int]
) -> LargestPart:
    """Find the largest values of neurons in some blocks; see :func:`scan_largest`."""
    return merge_largest(
        scan_largest(equipment.model, layer, neurons, block.codes, block.first) for block in blocks
    )


def scan_levels_blocks(
    equipment: Equipment,
    *blocks: DataBlock,
    layer: int,
    neurons: Sequence[int],
    thresholds: np.ndarray,
    maxima: np.ndarray,
    level_maxima: np.ndarray,
    seed: int,
) -> LevelsPart:
    """Count and choose the windows of some blocks; see :func:`scan_levels`."""

    def parts() -> Iterator[LevelsPart]:
        bounds = (thresholds, maxima, level_maxima)
        for block in blocks:
            yield scan_levels(
                equipment.model, layer, neurons, *bounds, block.codes, block.first, seed
            )

    return merge_levels(parts())
