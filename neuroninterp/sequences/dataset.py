"""The value that every data file is read into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from neuroninterp.errors import DataError

if TYPE_CHECKING:
    from neuroninterp.sequences.sites import PlantedSites

__all__ = ["MAX_BASES", "Sequences"]

MAX_BASES = 2**30
"""Most bases that one read may hold: 1 GiB as codes, 16 GiB as float32 one-hot."""


@dataclass(frozen=True, eq=False)
class Sequences:
    """Sequences of one length, with their labels where the file has them.

    Parameters
    ----------
    codes : numpy.ndarray, shape=(N, L)
        uint8: A, C, G, T are 0 to 3, an unknown base is 4.
    labels : numpy.ndarray, shape=(N, T), or None
        float32; NaN where a label is missing. None where the file has no labels.
    class_names : tuple of str or None
        One name for each of the T classes.
    names : tuple of str or None
        One name for each sequence: the FASTA record, or ``chrom:start-end(strand)``.
    source : str
        Path of the file.
    notes : tuple of str
        What was left out, cut or padded, and why; one sentence each.
    sites : PlantedSites or None
        Where motifs were planted; None where the file does not say.
    """

    codes: np.ndarray
    labels: np.ndarray | None
    class_names: tuple[str, ...] | None
    names: tuple[str, ...] | None
    source: str
    notes: tuple[str, ...] = ()
    sites: PlantedSites | None = None

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def length(self) -> int:
        """Length of every sequence, bp."""
        return int(self.codes.shape[1])

    def some(self, numbers: Sequence[int]) -> Sequences:
        """Return the sequences of these numbers (from 0), in their order.

        Sequences without names are called by their numbers from here on.

        Raises
        ------
        DataError
            If there is no sequence of a number; names it.
        """
        for number in numbers:
            if not 0 <= number < len(self):
                raise DataError(
                    f"{self.source} has no sequence {number}; its {len(self)} sequences are "
                    "numbered from 0"
                )
        chosen = np.asarray(numbers, np.intp)
        return replace(
            self,
            codes=self.codes[chosen],
            labels=None if self.labels is None else self.labels[chosen],
            names=tuple(str(n) if self.names is None else self.names[n] for n in numbers),
            sites=None if self.sites is None else self.sites.some(numbers),
        )

    @cached_property
    def binary_labels(self) -> bool:
        """Whether there are labels and all that are not missing are 0 or 1."""
        if self.labels is None:
            return False
        labels = self.labels
        return bool(((labels == 0) | (labels == 1) | np.isnan(labels)).all())
