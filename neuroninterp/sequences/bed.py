"""BED intervals with the genome they lie on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neuroninterp.errors import DataError
from neuroninterp.sequences.coding import reverse_complement
from neuroninterp.sequences.dataset import MAX_BASES, Sequences
from neuroninterp.sequences.fitting import most_common_length
from neuroninterp.sequences.formats import is_comment, text_lines
from neuroninterp.sequences.genome import chromosome_sizes, genome_codes, open_genome
from neuroninterp.text import first_few

__all__ = ["Interval", "bed_intervals", "read_bed"]

_STRANDS = ("+", "-", ".")


class Interval(NamedTuple):
    """One line of a BED file: 0-based, half-open, bp; strand "+", "-" or "."; its name or ""."""

    chromosome: str
    start: int
    end: int
    strand: str
    name: str = ""

    def centred(self, length: int) -> Interval:
        """Return the window of ``length`` bp around the middle."""
        start = (self.start + self.end) // 2 - length // 2
        return self._replace(start=start, end=start + length)

    def __str__(self) -> str:
        return f"{self.chromosome}:{self.start}-{self.end}({self.strand})"


def read_bed(path: Path, genome: Path, *, length: int | None, limit: int | None) -> Sequences:
    """Read the windows around the middles of BED intervals from a genome.

    Parameters
    ----------
    path : Path
        BED file, plain or gzipped: 0-based, half-open; the strand, if any, in column 6.
    genome : Path
        FASTA file of the genome; its index (.fai) is made where it is missing.
    length : int or None
        Window length, bp; None takes the most common interval length.
    limit : int or None
        Most intervals to read, from the first on.

    Returns
    -------
    Sequences
        Without labels; ``names`` are the windows as ``chrom:start-end(strand)``. Windows on
        the "-" strand are reverse complements. Windows over a chromosome's end and
        intervals on chromosomes that the genome lacks are left out, with a note.

    Raises
    ------
    DataError
        If a line is no BED interval, the genome cannot be read, or no window is left.
    """
    notes: list[str] = []
    intervals: list[Interval] = []
    for interval in bed_intervals(path):
        if limit is not None and len(intervals) == limit:
            notes.append(f"only the first {limit} intervals were read, as asked")
            break
        intervals.append(interval)
    if not intervals:
        raise DataError(f"{path}: no interval in this BED file")
    if length is None:
        length = most_common_length(i.end - i.start for i in intervals)
    if len(intervals) * length > MAX_BASES:
        raise DataError(
            f"{path}: {len(intervals):,} windows of {length:,} bp are more than "
            f"{MAX_BASES:,} bases; read fewer intervals (limit)"
        )
    with open_genome(genome) as chromosomes:
        sizes = chromosome_sizes(chromosomes)
        windows = _usable_windows(path, genome, intervals, sizes, length, notes)
        codes = np.stack([_window_codes(genome, chromosomes, window) for window in windows])
    names = tuple(str(window) for window in windows)
    return Sequences(codes, None, None, names, str(path), tuple(notes))


def bed_intervals(path: Path) -> Iterator[Interval]:
    """Yield the intervals of a BED file, plain or gzipped, as they stand.

    Raises
    ------
    DataError
        If a line is no BED interval.
    """
    number = 0
    for line, starts in text_lines(path):
        number += starts
        if not starts or is_comment(line):
            continue
        where = f"{path}, line {number}"
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        fields = text.split("\t") if "\t" in text else text.split()
        if len(fields) < 3 or not (fields[1].isdecimal() and fields[2].isdecimal()):
            raise DataError(
                f"{where}: not a BED interval: {text[:60]!r}; "
                "expected chromosome, start and end (whole numbers, 0-based)"
            )
        start, end = int(fields[1]), int(fields[2])
        if end <= start:
            raise DataError(f"{where}: the interval ends at {end}, not after its start {start}")
        strand = fields[5].strip() if len(fields) > 5 else "."
        if strand not in _STRANDS:
            raise DataError(f"{where}: strand {strand!r} in column 6; expected +, - or .")
        name = fields[3].strip() if len(fields) > 3 else ""
        yield Interval(fields[0], start, end, strand, name)


def _usable_windows(
    path: Path,
    genome: Path,
    intervals: list[Interval],
    sizes: dict[str, int],
    length: int,
    notes: list[str],
) -> list[Interval]:
    known = [interval for interval in intervals if interval.chromosome in sizes]
    if len(known) < len(intervals):
        missing = list(dict.fromkeys(i.chromosome for i in intervals if i.chromosome not in sizes))
        if not known:
            raise DataError(
                f"{path}: none of its chromosomes ({first_few(missing)}) is in {genome}, "
                f"which has {first_few(list(sizes))}; name them alike (chr1 against 1)"
            )
        notes.append(
            f"{len(intervals) - len(known)} of {len(intervals)} intervals were left out: "
            f"{genome} has no {first_few(missing)}"
        )
    windows = [interval.centred(length) for interval in known]
    inside = [w for w in windows if w.start >= 0 and w.end <= sizes[w.chromosome]]
    over = [w for w in windows if w.start < 0 or w.end > sizes[w.chromosome]]
    if not inside:
        raise DataError(
            f"{path}: every window of {length} bp runs over its chromosome's end in {genome} "
            f"({over[0]}: the chromosome has {sizes[over[0].chromosome]:,} bp); another assembly?"
        )
    if over:
        notes.append(
            f"{len(over)} of {len(intervals)} windows were left out because they run over a "
            f"chromosome's end: {first_few([str(window) for window in over])}"
        )
    return inside


def _window_codes(genome: Path, chromosomes: Any, window: Interval) -> np.ndarray:
    codes = genome_codes(genome, chromosomes, window.chromosome, window.start, window.end)
    return reverse_complement(codes) if window.strand == "-" else codes
