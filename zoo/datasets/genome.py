"""In vivo data as Koo & Eddy 2019 describe them, from a genome and peaks on it.

Source: Koo PK, Eddy SR (2019) PLoS Comput Biol 15(12): e1007560, Methods, "In vivo dataset".
Each stretch of the genome stands once, on the forward strand, and its label is that of all its
bins. DeepSEA's files, which the paper used, label the middle bin and hold both strands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neuroninterp.errors import DataError
from neuroninterp.sequences.bed import bed_intervals
from neuroninterp.sequences.formats import find_format
from neuroninterp.sequences.genome import chromosome_sizes, genome_codes, open_genome
from neuroninterp.text import first_few
from zoo.data import PARTS, channels_first
from zoo.datasets.in_vivo import new_file

__all__ = ["bin_labels", "write_genome_in_vivo"]

_BLOCK_BASES = 2**22
_AUTOSOME = re.compile(r"(chr)?[0-9]+", re.ASCII)

_Peaks = dict[str, tuple[np.ndarray, np.ndarray]]
"""Starts and ends of one factor's peaks on each chromosome, by the genome's names."""


def write_genome_in_vivo(
    genome: str | Path,
    peaks: Mapping[str, str | Path] | Sequence[str | Path],
    path: str | Path,
    *,
    bin_size: int = 200,
    length: int = 1000,
    test_chromosomes: Sequence[str] = ("chr8", "chr9"),
    valid_chromosomes: Sequence[str] = ("chr7",),
    chromosomes: Sequence[str] | None = None,
    force: bool = False,
    progress: Callable[[int, int], None] | None = None,
    _block_bases: int = _BLOCK_BASES,
) -> dict[str, int]:
    """Write the stretches of a genome in which at least one factor has a peak.

    Every chromosome is cut into bins from its start, and neighbouring bins are merged to
    sequences; a rest at its end is dropped. A bin is positive where more than half of it is
    covered by a factor's peaks, a sequence where any of its bins is. The layout is that of
    :func:`zoo.datasets.in_vivo.new_file`; sequences stay in the genome's order.

    Parameters
    ----------
    genome : str or Path
        FASTA file; its index (.fai) is made where it is missing. Upper and lower case are the
        same.
    peaks : mapping of str to str or Path, or sequence of str or Path
        BED file of each class (also narrowPeak; plain or gzipped), 0-based, by the class's
        name. The classes of a sequence of files are called as the files, without extensions.
    path : str or Path
        The HDF5 file to write.
    bin_size : int
        Length of a bin, bp.
    length : int
        Length of a sequence, bp; a multiple of ``bin_size``.
    test_chromosomes, valid_chromosomes : sequence of str
        Chromosomes of these parts; all others are for training. By default DeepSEA's: its test
        sequences lie on chromosomes 8 and 9, its validation sequences on 7.
    chromosomes : sequence of str or None
        All chromosomes to use, held-out ones among them. None takes the autosomes: names of
        digits alone or after "chr". Peaks on others are passed over. Names with and without
        "chr" are the same, here, in the genome and in the peaks.
    force : bool
        Whether to replace a file that exists.
    progress : callable, optional
        Called with the number of bases done and their number on all chromosomes used.

    Returns
    -------
    dict of str to int
        Number of sequences written for each part.

    Raises
    ------
    DataError
        If an argument does not fit, a file is missing or malformed, a chromosome is not in the
        genome, a peak begins beyond its chromosome's end, no peak of a class lies on the
        chromosomes used, or a part would be empty.
    OutputError
        If ``path`` exists, or cannot be written.
    """
    genome = Path(genome)
    files = _by_class(peaks)
    if bin_size < 1 or length < 1 or length % bin_size:
        raise DataError(
            f"length is {length} bp in bins of {bin_size} bp; expected a multiple of the bin size"
        )
    attributes: dict[str, str | int] = {
        "made_from": "a genome and peaks",
        "genome": genome.name,
        "peaks": ", ".join(f"{name}: {file.name}" for name, file in files.items()),
        "bin_size": bin_size,
        "valid_chromosomes": ", ".join(_listed(valid_chromosomes)),
        "test_chromosomes": ", ".join(_listed(test_chromosomes)),
        "chromosomes": "autosomes" if chromosomes is None else ", ".join(_listed(chromosomes)),
    }
    with (
        new_file(
            path, length=length, class_names=tuple(files), attributes=attributes, force=force
        ) as writer,
        open_genome(genome) as records,
    ):
        sizes = chromosome_sizes(records)
        used = _used(genome, tuple(sizes), chromosomes)
        parts = _parts(genome, used, valid=valid_chromosomes, test=test_chromosomes)
        sizes = {name: sizes[name] for name in parts}
        found = [
            _read_peaks(file, genome, used, sizes, autosomes=chromosomes is None)
            for file in files.values()
        ]
        done = 0
        for name, part in parts.items():
            labels = _sequence_labels(found, name, sizes[name], bin_size, length)
            for first, last in _blocks(np.any(labels, axis=1), max(1, _block_bases // length)):
                block = labels[first:last]
                keep = block.any(axis=1)
                codes = genome_codes(genome, records, name, first * length, last * length)
                writer.append(part, channels_first(codes.reshape(-1, length)[keep]), block[keep])
                if progress is not None:
                    progress(done + last * length, sum(sizes.values()))
            done += sizes[name]
        if progress is not None:
            progress(done, done)
        return writer.sizes()


def bin_labels(starts: np.ndarray, ends: np.ndarray, bins: int, bin_size: int) -> np.ndarray:
    """Say which bins are covered by more than half.

    Parameters
    ----------
    starts, ends : numpy.ndarray, shape=(P,)
        Peaks, 0-based and half-open, bp; in any order, and they may overlap: a base under
        several of them counts once.
    bins : int
        Number of bins, one after the other from position 0.
    bin_size : int
        Length of a bin, bp.

    Returns
    -------
    numpy.ndarray, shape=(bins,)
        bool.
    """
    order = np.argsort(starts, kind="stable")
    # The part of each peak that no earlier one covers: what is left is disjoint.
    reached = np.maximum.accumulate(np.concatenate([[0], ends[order]]))
    starts = np.maximum(starts[order], reached[:-1])
    lengths = np.maximum(reached[1:] - starts, 0)
    covered_before = np.concatenate([[0], np.cumsum(lengths)])
    borders = np.arange(bins + 1) * bin_size
    last = np.searchsorted(starts, borders, side="right")
    # Bases covered left of each border: all of the peaks that begin there, less what the last
    # of them has right of it. Earlier ones end before the last one's own part begins.
    over = np.maximum(reached[last] - borders, 0)
    covered = np.diff(covered_before[last] - over)
    return 2 * covered > bin_size


def _sequence_labels(
    found: list[_Peaks], chromosome: str, size: int, bin_size: int, length: int
) -> np.ndarray:
    """Label the sequences of a chromosome, (sequences, classes) of bool."""
    sequences, bins_each = size // length, length // bin_size
    labels = np.zeros((sequences, len(found)), dtype=bool)
    for index, peaks in enumerate(found):
        if chromosome in peaks:
            bins = bin_labels(*peaks[chromosome], sequences * bins_each, bin_size)
            labels[:, index] = bins.reshape(sequences, bins_each).any(axis=1)
    return labels


def _blocks(keep: np.ndarray, most: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of at most ``most`` sequences that begin and end with one to keep."""
    for start in range(0, len(keep), most):
        kept = start + np.flatnonzero(keep[start : start + most])
        if len(kept):
            yield int(kept[0]), int(kept[-1]) + 1


def _by_class(peaks: Mapping[str, str | Path] | Sequence[str | Path]) -> dict[str, Path]:
    """Return the file of each class, by its name."""
    if isinstance(peaks, Mapping):
        files = {name: Path(file) for name, file in peaks.items()}
    else:
        paths = [Path(file) for file in _listed(peaks)]
        files = {Path(path.name.removesuffix(".gz")).stem: path for path in paths}
        if len(files) < len(paths):
            raise DataError(
                f"files of peaks with the same name: {', '.join(str(path) for path in paths)}; "
                "give a name for each class"
            )
    if not files:
        raise DataError("no file of peaks; give at least one BED file")
    return files


def _listed(values: Any) -> tuple[Any, ...]:
    return (values,) if isinstance(values, (str, Path)) else tuple(values)


def _bare(chromosome: str) -> str:
    """Return a chromosome's name without "chr"."""
    return chromosome.removeprefix("chr")


def _used(
    genome: Path, names: tuple[str, ...], chromosomes: Sequence[str] | None
) -> dict[str, str]:
    """Return the genome's names of the chromosomes to use, by their names without "chr"."""
    if chromosomes is None:
        wanted = [name for name in names if _AUTOSOME.fullmatch(name)]
        if not wanted:
            raise DataError(
                f"{genome} has no autosome called by its number, as chr1 or 1: it has "
                f"{first_few(names)}; name the chromosomes to use (chromosomes)"
            )
    else:
        asked = {_bare(name) for name in _listed(chromosomes)}
        wanted = [name for name in names if _bare(name) in asked]
        present = {_bare(name) for name in wanted}
        missing = [name for name in _listed(chromosomes) if _bare(name) not in present]
        if missing:
            raise DataError(f"{genome} has no {first_few(missing)}; it has {first_few(names)}")
    used: dict[str, str] = {}
    for name in wanted:
        if _bare(name) in used:
            raise DataError(
                f"{genome} has both {used[_bare(name)]} and {name}, which mean the same here; "
                "leave one of them out"
            )
        used[_bare(name)] = name
    return used


def _parts(
    genome: Path, used: dict[str, str], *, valid: Sequence[str], test: Sequence[str]
) -> dict[str, str]:
    """Return the part of each chromosome, by the genome's names and in its order."""
    parts = dict.fromkeys(used.values(), "train")
    for part, names in (("valid", valid), ("test", test)):
        for name in _listed(names):
            record = used.get(_bare(name))
            if record is None:
                raise DataError(
                    f"{name} is held out ({part}) but is none of the chromosomes used of {genome}: "
                    f"{first_few(tuple(used.values()))}; name others ({part}_chromosomes)"
                )
            if parts[record] not in ("train", part):
                raise DataError(f"{name} is held out twice, for {parts[record]} and {part}")
            parts[record] = part
    empty = [part for part in PARTS if part not in parts.values()]
    if empty:
        raise DataError(
            f"no chromosome for {' and '.join(empty)} among {first_few(tuple(parts))} of "
            f"{genome}; each part needs one"
        )
    return parts


def _read_peaks(
    path: Path, genome: Path, used: dict[str, str], sizes: dict[str, int], *, autosomes: bool
) -> _Peaks:
    """Read the peaks on the chromosomes used, cut at their ends."""
    file_format = find_format(path)
    if file_format != "bed":
        raise DataError(f"{path}: the format is {file_format}; expected peaks as BED")
    intervals: dict[str, list[tuple[int, int]]] = {}
    others: dict[str, None] = {}
    for interval in bed_intervals(path):
        name = used.get(_bare(interval.chromosome))
        if name is None:
            if autosomes and _AUTOSOME.fullmatch(interval.chromosome):
                raise DataError(
                    f"{path}: peak {interval} lies on a chromosome that {genome} lacks; is it "
                    "another genome? to use some chromosomes only, name them (chromosomes)"
                )
            others[interval.chromosome] = None
            continue
        if interval.start >= sizes[name]:
            raise DataError(
                f"{path}: peak {interval} begins beyond the end of {name}, which has "
                f"{sizes[name]:,} bp in {genome}; expected peaks on the same genome build"
            )
        end = min(interval.end, sizes[name])
        intervals.setdefault(name, []).append((interval.start, end))
    if not intervals:
        raise DataError(
            f"{path}: no peak on the chromosomes used ({first_few(tuple(sizes))}); its peaks lie "
            f"on {first_few(tuple(others)) or 'none'}"
        )
    return {name: _columns(pairs) for name, pairs in intervals.items()}


def _columns(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    starts, ends = np.array(pairs, dtype=np.int64).T
    return starts, ends
