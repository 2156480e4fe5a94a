"""The motifs that DragoNN's simulations plant: ENCODE's names, JASPAR's profiles.

DragoNN plants matrices of ENCODE's motif compendium (Kheradpour & Kellis 2014), which is not
distributed here. The nearest JASPAR profile stands for each.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from neuroninterp.errors import MotifFileError
from neuroninterp.motifs.databases import MotifDatabase, load_database, relevant_indices
from zoo.simulations.jaspar import base_counts

__all__ = [
    "COLLECTION",
    "ENCODE_MOTIFS",
    "PSEUDOCOUNT",
    "PlantedMotif",
    "find_motifs",
]

_RELEASE = "JASPAR2020"
"""Holds every version of the profiles below."""

ENCODE_MOTIFS: dict[str, tuple[str, str]] = {
    "TAL1_known4": ("MA0091.1", "TAL1::TCF3"),
    "SPI1_known4": ("MA0080.4", "SPI1"),
    "IRF_known20": ("MA0652.1", "IRF8"),
    "CTCF_known1": ("MA0139.1", "CTCF"),
    "ZNF143_known2": ("MA0088.2", "ZNF143"),
    # JASPAR has no SIX5; what ENCODE found where SIX5 binds (GARWTGTAGT) is part of this one.
    "SIX5_known1": ("MA1573.1", "THAP11"),
}
"""Id and name of the JASPAR profile for each ENCODE name."""

COLLECTION = "JASPAR2024"
"""Where other names are looked up, unless another collection is named."""

PSEUDOCOUNT = 0.001
"""Share of every column that the released code makes uniform, so that no base is impossible."""


@dataclass(frozen=True, eq=False)
class PlantedMotif:
    """A motif that is planted.

    Parameters
    ----------
    id, name : str
        For example "MA0080.4" and "SPI1".
    probabilities : numpy.ndarray, shape=(width, 4)
        From which sites are drawn: ACGT, rows summing to 1, none 0.
    """

    id: str
    name: str
    probabilities: np.ndarray

    @property
    def width(self) -> int:
        """Width of a site, bp."""
        return len(self.probabilities)


def find_motifs(names: Iterable[str], collection: str = COLLECTION) -> tuple[PlantedMotif, ...]:
    """Find motifs by name.

    Parameters
    ----------
    names : iterable of str
        Each a name of :data:`ENCODE_MOTIFS`, or an id or a name in the collection.
    collection : str
        A JASPAR release or a file in MEME format; see
        :func:`neuroninterp.motifs.databases.load_database`.

    Returns
    -------
    tuple of PlantedMotif
        In the order asked for.

    Raises
    ------
    UnknownNameError
        If the collection has no such motif.
    MotifFileError
        If the collection cannot be read, or has several motifs of a name.
    """
    return tuple(_find(name, collection) for name in names)


def _find(name: str, collection: str) -> PlantedMotif:
    if name in ENCODE_MOTIFS:
        identifier, title = ENCODE_MOTIFS[name]
        (counts,) = base_counts([identifier], release=_RELEASE)
        return PlantedMotif(
            identifier, title, _smoothed(counts / counts.sum(axis=1, keepdims=True))
        )
    database = load_database(collection)
    index = _only(database, name)
    return PlantedMotif(database.ids[index], database.names[index], _smoothed(database.ppms[index]))


def _smoothed(ppm: np.ndarray) -> np.ndarray:
    return (1 - PSEUDOCOUNT) * ppm + PSEUDOCOUNT / 4


def _only(database: MotifDatabase, name: str) -> int:
    found = sorted(relevant_indices(database, [name]))
    if len(found) > 1:
        ids = ", ".join(database.ids[index] for index in found)
        raise MotifFileError(f"{database.name} has several motifs {name!r}; give an id: {ids}")
    return found[0]
