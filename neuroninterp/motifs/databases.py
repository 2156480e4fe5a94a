"""Collections of known motifs: the JASPAR releases that pyjaspar ships, or a MEME file."""

from __future__ import annotations

import difflib
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from neuroninterp.errors import MotifFileError, UnknownNameError
from neuroninterp.motifs.meme import read_meme
from neuroninterp.motifs.records import KnownMotif

__all__ = [
    "DEFAULT_TAXON",
    "MotifDatabase",
    "is_release",
    "jaspar_releases",
    "load_database",
    "relevant_indices",
]

DEFAULT_TAXON = "vertebrates"
"""Taxonomic group of a JASPAR release that is named without one."""

_JASPAR = re.compile(r"(JASPAR\d*)(?::(.*))?", re.IGNORECASE)
_WIDEST_TARGET = 200  # Tomtom's memory grows with it; known motifs have at most some 40 columns


@dataclass(frozen=True, eq=False)
class MotifDatabase:
    """Known motifs.

    Parameters
    ----------
    name : str
        What it was called, for example ``"JASPAR2024:vertebrates"``, or the file's name.
    ids, names : tuple of str
        For example ``"MA0139.1"`` and ``"CTCF"``; names need not be unique.
    ppms : tuple of numpy.ndarray, shape=(L, 4)
        Probabilities, ACGT, float64, rows summing to 1.
    """

    name: str
    ids: tuple[str, ...]
    names: tuple[str, ...]
    ppms: tuple[np.ndarray, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def known(self, ids: Iterable[str]) -> dict[str, KnownMotif]:
        """Return motifs by their ids, in the order of the database.

        An id that several motifs share names none of them, and is left out.
        """
        wanted, times = set(ids), Counter(self.ids)
        return {
            identifier: KnownMotif(identifier, name, ppm)
            for identifier, name, ppm in zip(self.ids, self.names, self.ppms, strict=True)
            if identifier in wanted and times[identifier] == 1
        }


def jaspar_releases() -> tuple[str, ...]:
    """Return the names of the JASPAR releases that are installed, the oldest first."""
    import pyjaspar

    return tuple(sorted(pyjaspar.jaspar_releases))


def is_release(spec: str) -> bool:
    """Say whether a text names a JASPAR release, existing or not, rather than a file."""
    return _JASPAR.fullmatch(spec.strip()) is not None


def load_database(spec: str | os.PathLike[str]) -> MotifDatabase:
    """Load the known motifs that a name or a file stands for.

    Parameters
    ----------
    spec : str or path-like
        A JASPAR release (``"JASPAR2024"``: collection CORE, vertebrates, latest version of each
        motif), with another taxonomic group after a colon (``"JASPAR2024:plants"``, ``":all"``),
        or the path of a file in MEME format.

    Returns
    -------
    MotifDatabase
        JASPAR's counts as plain frequencies, without pseudocounts, as JASPAR's own MEME files
        and the MEME suite's JASPAR files have them.

    Raises
    ------
    UnknownNameError
        No such JASPAR release or taxonomic group; the valid ones are listed.
    MotifFileError
        No such file, or it is not in MEME format.
    """
    if isinstance(spec, str) and (jaspar := _JASPAR.fullmatch(spec.strip())):
        return _load_jaspar(jaspar.group(1).upper(), jaspar.group(2))
    path = Path(spec)
    if not path.exists():
        raise MotifFileError(
            f"{spec}: no such motif file; give a file in MEME format or one of "
            f"{', '.join(jaspar_releases())}"
        )
    motifs = read_meme(path)
    for motif in motifs:
        if len(motif.ppm) > _WIDEST_TARGET:
            raise MotifFileError(
                f"{path}: motif {motif.id!r} has {len(motif.ppm)} columns; at most "
                f"{_WIDEST_TARGET} can be matched"
            )
    return MotifDatabase(
        name=path.name,
        ids=tuple(motif.id for motif in motifs),
        # JASPAR's own MEME files repeat the id in the name: "MOTIF MA0139.1 MA0139.1.CTCF".
        names=tuple(motif.name.removeprefix(f"{motif.id}.") for motif in motifs),
        ppms=tuple(motif.ppm for motif in motifs),
    )


def relevant_indices(database: MotifDatabase, wanted: Sequence[str]) -> frozenset[int]:
    """Find the motifs that a user calls relevant.

    Parameters
    ----------
    database : MotifDatabase
        Known motifs.
    wanted : sequence of str
        Each an id with its version (``"MA0139.1"``), an id without (``"MA0139"``: any version),
        or a name (``"CTCF"``: every motif of that name). Case does not matter.

    Returns
    -------
    frozenset of int
        Positions in the database.

    Raises
    ------
    UnknownNameError
        One of ``wanted`` finds nothing; the names closest to it are listed.
    """
    positions: dict[str, set[int]] = {}
    for index, (identifier, name) in enumerate(zip(database.ids, database.names, strict=True)):
        for key in (identifier, re.sub(r"\.\d+$", "", identifier), name):
            positions.setdefault(key.casefold(), set()).add(index)
    found: set[int] = set()
    for word in wanted:
        key = word.strip().casefold()
        if key not in positions:
            raise UnknownNameError(
                f"motif in {database.name}", word.strip(), _suggestions(database, positions, key)
            )
        found |= positions[key]
    return frozenset(found)


def _suggestions(
    database: MotifDatabase, positions: dict[str, set[int]], key: str
) -> tuple[str, ...]:
    """Describe the motifs whose id or name is closest to an unknown one, and what is valid."""
    closest = difflib.get_close_matches(key, positions, n=5, cutoff=0.6)
    indices = dict.fromkeys(min(positions[match]) for match in closest)
    close = [f"{database.names[index]} ({database.ids[index]})" for index in indices]
    return (*close, f"any id (with or without version) or name of its {len(database)} motifs")


@cache
def _load_jaspar(release: str, taxon: str | None) -> MotifDatabase:
    """Read one taxonomic group of a release's CORE collection."""
    import pyjaspar

    releases = jaspar_releases()
    if release not in releases:
        raise UnknownNameError("JASPAR release", release, releases)
    group = (DEFAULT_TAXON if taxon is None else taxon).strip().lower()
    jaspar = pyjaspar.jaspardb(release=release)
    with closing(jaspar.conn):
        groups = _taxonomic_groups(jaspar)
        if group not in (*groups, "all"):
            raise UnknownNameError(f"taxonomic group of {release}", group, (*groups, "all"))
        selected = list(groups) if group == "all" else [group]
        motifs = jaspar.fetch_motifs(collection="CORE", tax_group=selected)
    return MotifDatabase(
        name=f"{release}:{group}",
        ids=tuple(motif.matrix_id for motif in motifs),
        names=tuple(motif.name for motif in motifs),
        ppms=tuple(_frequencies(motif.counts) for motif in motifs),
    )


def _taxonomic_groups(jaspar: Any) -> tuple[str, ...]:
    """Names of the groups that a release's CORE collection holds."""
    query = (
        "SELECT DISTINCT VAL FROM MATRIX_ANNOTATION JOIN MATRIX USING (ID) "
        "WHERE TAG = 'tax_group' AND COLLECTION = 'CORE' ORDER BY VAL"
    )
    return tuple(row[0] for row in jaspar.conn.execute(query))


def _frequencies(counts: dict[str, Sequence[float]]) -> np.ndarray:
    """Divide a count matrix by its column sums (which differ in some JASPAR motifs)."""
    table = np.array([counts[base] for base in "ACGT"], dtype=np.float64).T
    ppm = np.ascontiguousarray(table / table.sum(axis=1, keepdims=True))
    ppm.setflags(write=False)  # a release is read once for all
    return ppm
