"""Motif sites that are known to have been planted in sequences, as simulated data hold them.

A file of simulated data has, for each part, a dataset ``sites_{part}`` of one record a site
(:data:`SITE_DTYPE`), sorted by sequence and start, and one root dataset ``motif_names``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from neuroninterp.errors import DataError
from neuroninterp.sequences.bed import bed_intervals
from neuroninterp.text import first_few

__all__ = [
    "MOTIF_NAMES_KEY",
    "SITE_DTYPE",
    "PlantedSites",
    "read_bed_sites",
    "read_sites",
    "sites_beside",
    "sites_key",
]

SITE_DTYPE = np.dtype(
    [
        ("sequence", np.int64),
        ("motif", np.int32),
        ("start", np.int64),
        ("end", np.int64),
        ("strand", np.int8),
    ]
)
"""One planted site in a file."""

MOTIF_NAMES_KEY = "motif_names"
"""Dataset of the motifs' names."""


@dataclass(frozen=True, eq=False)
class PlantedSites:
    """Sites in a set of sequences; the letters planted are the sequence's own there.

    Parameters
    ----------
    sequences : numpy.ndarray, shape=(M,)
        int64 index of the sequence that holds each site, rising.
    motifs : numpy.ndarray, shape=(M,)
        int32 index into ``motif_names``.
    starts, ends : numpy.ndarray, shape=(M,)
        int64, 0-based and half-open, bp.
    strands : numpy.ndarray, shape=(M,)
        int8: 1 where the motif lies as its matrix says, -1 where reverse complemented.
    motif_names : tuple of str
        What the motifs are called.
    """

    sequences: np.ndarray
    motifs: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    strands: np.ndarray
    motif_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.sequences)

    def among(self, first: int, last: int) -> PlantedSites:
        """Return the sites of sequences ``first`` to ``last`` (half-open), counted from 0."""
        begin, end = np.searchsorted(self.sequences, [first, last])
        return PlantedSites(
            self.sequences[begin:end] - first,
            self.motifs[begin:end],
            self.starts[begin:end],
            self.ends[begin:end],
            self.strands[begin:end],
            self.motif_names,
        )

    def some(self, numbers: Sequence[int]) -> PlantedSites:
        """Return the sites of the sequences of these numbers, counted anew in their order."""
        bounds = np.searchsorted(self.sequences, [[n, n + 1] for n in numbers]).reshape(-1, 2)
        rows = np.concatenate([np.arange(*pair) for pair in bounds] or [np.zeros(0, np.intp)])
        return PlantedSites(
            np.repeat(np.arange(len(bounds)), bounds[:, 1] - bounds[:, 0]),
            self.motifs[rows],
            self.starts[rows],
            self.ends[rows],
            self.strands[rows],
            self.motif_names,
        )

    def of(self, sequence: int) -> PlantedSites:
        """Return the sites of one sequence, which keeps its number."""
        one = self.among(sequence, sequence + 1)
        return replace(one, sequences=one.sequences + sequence)

    def mask(self, sequences: int, length: int) -> np.ndarray:
        """Say which positions lie in a site: bool, shape (sequences, length)."""
        # One more at each start, one less behind each end; the sum along the row is the cover.
        steps = np.zeros((sequences, length + 1), np.int32)
        np.add.at(steps, (self.sequences, self.starts), 1)
        np.add.at(steps, (self.sequences, self.ends), -1)
        return np.cumsum(steps[:, :-1], axis=1) > 0

    def records(self) -> np.ndarray:
        """Return the sites as a file holds them: :data:`SITE_DTYPE`, shape (M,)."""
        records = np.empty(len(self), SITE_DTYPE)
        records["sequence"] = self.sequences
        records["motif"] = self.motifs
        records["start"] = self.starts
        records["end"] = self.ends
        records["strand"] = self.strands
        return records


def sites_key(part: str) -> str:
    """Return the name of the dataset that holds the sites of a part ("train", "test", …)."""
    return f"sites_{part}"


def read_sites(path: str | Path, part: str = "test") -> PlantedSites:
    """Read the planted sites of one part of a file of simulated data.

    Parameters
    ----------
    path : str or Path
        HDF5 file from ``neuroninterp zoo simulate``.
    part : str
        "train", "valid" or "test".

    Returns
    -------
    PlantedSites
        Sorted by sequence and start.

    Raises
    ------
    DataError
        If the file is missing or damaged, has no such sites, or they are not of the form
        described here.
    """
    import h5py

    path, key = Path(path), sites_key(part)
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        with h5py.File(path, "r") as file:
            for name in (key, MOTIF_NAMES_KEY):
                if name not in file:
                    raise DataError(
                        f"{path} has no key {name!r}: it does not say where motifs were planted; "
                        f"found: {', '.join(file) or 'nothing'}"
                    )
            records = file[key][()]
            names = tuple(file[MOTIF_NAMES_KEY].asstr()[()])
    except (OSError, TypeError) as error:
        raise DataError(f"{path}: planted sites cannot be read: {error}") from error
    _check(records, names, f"{path}: {key}")
    order = np.lexsort((records["start"], records["sequence"]))
    records = records[order]
    return PlantedSites(
        records["sequence"],
        records["motif"],
        records["start"],
        records["end"],
        records["strand"],
        names,
    )


def sites_beside(path: str | Path, inputs: str, sequences: int, length: int) -> PlantedSites | None:
    """Read the planted sites of the sequences under a key of a file, where it holds any.

    Parameters
    ----------
    path : str or Path
        HDF5 file.
    inputs : str
        Key of the sequences, for example "X_test".
    sequences, length : int
        How many there are, and their length (bp).

    Returns
    -------
    PlantedSites or None
        None where the file has none.

    Raises
    ------
    DataError
        As :func:`read_sites`, or if a site does not lie in the sequences.
    """
    import h5py

    part = inputs.removeprefix("X_")
    with h5py.File(path, "r") as file:
        if part == inputs or sites_key(part) not in file:
            return None
    sites = read_sites(path, part)
    outside = (sites.sequences >= sequences) | (sites.ends > length)
    if outside.any():
        row = int(outside.argmax())
        raise DataError(
            f"{path}: {sites_key(part)} has a site at {sites.starts[row]}-{sites.ends[row]} of "
            f"sequence {sites.sequences[row]}, but there are {sequences} sequences of {length} bp"
        )
    return sites


def read_bed_sites(path: str | Path, names: Sequence[str]) -> PlantedSites:
    """Read the sites of sequences from a BED file whose chromosomes are their names.

    Parameters
    ----------
    path : str or Path
        BED file, plain or gzipped: sequence, start, end, and where there are more columns
        the motif's name and, in the sixth, the strand.
    names : sequence of str
        Names of the sequences.

    Returns
    -------
    PlantedSites
        Those of these sequences; others are passed over. A site without a strand counts as
        forward, one without a name is called "site".

    Raises
    ------
    DataError
        If a line is no BED interval, or no site is on any of these sequences.
    """
    numbers = {name: number for number, name in enumerate(names)}
    found = [site for site in bed_intervals(Path(path)) if site.chromosome in numbers]
    if not found:
        raise DataError(
            f"{path}: no site on any of the {len(names)} sequences; expected their names in the "
            f"first column, such as {first_few(list(names), 3)}"
        )
    motifs = tuple(dict.fromkeys(site.name or "site" for site in found))
    rows = sorted(
        (
            numbers[site.chromosome],
            site.start,
            site.end,
            motifs.index(site.name or "site"),
            -1 if site.strand == "-" else 1,
        )
        for site in found
    )
    sequence, start, end, motif, strand = (np.array(column) for column in zip(*rows, strict=True))
    return PlantedSites(
        sequence, motif.astype(np.int32), start, end, strand.astype(np.int8), motifs
    )


def _check(records: np.ndarray, names: tuple[str, ...], where: str) -> None:
    if records.dtype != SITE_DTYPE or records.ndim != 1:
        fields = ", ".join(SITE_DTYPE.names or ())
        raise DataError(f"{where} has type {records.dtype}, expected records of {fields}")
    motif, strand = records["motif"], records["strand"]
    wrong = (motif < 0) | (motif >= len(names)) | ~np.isin(strand, (1, -1))
    wrong |= (records["sequence"] < 0) | (records["start"] < 0)
    wrong |= records["end"] <= records["start"]
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"{where}: record {row} is {records[row].tolist()}, expected a sequence and a start "
            f"of 0 or more, a motif below {len(names)}, an end behind the start and a strand of "
            "1 or -1"
        )
