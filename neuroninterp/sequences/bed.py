"""BED intervals with the genome they lie on."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neuroninterp.errors import DataError
from neuroninterp.sequences.coding import reverse_complement
from neuroninterp.sequences.fitting import most_common_length
from neuroninterp.sequences.formats import is_comment, text_lines
from neuroninterp.sequences.genome import chromosome_sizes, genome_codes, open_genome
from neuroninterp.sequences.opened import OpenedData, Piece
from neuroninterp.text import first_few

__all__ = ["Interval", "bed_intervals", "open_bed"]

_STRANDS = ("+", "-", ".")
_PIECE_BASES = 2**23
_SHOWN = 10  # windows that are left out: more than a note names


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


@contextmanager
def open_bed(
    path: Path, genome: Path, *, length: int | None, limit: int | None
) -> Iterator[OpenedData]:
    """Open the windows around the middles of BED intervals of a genome.

    The intervals are gone through, and not kept: there may be more than memory holds.

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

    Yields
    ------
    OpenedData
        Without labels; the names are the windows as ``chrom:start-end(strand)``. Windows on
        the "-" strand are reverse complements. Windows over a chromosome's end and
        intervals on chromosomes that the genome lacks are left out, with a note.

    Raises
    ------
    DataError
        If a line is no BED interval, the genome cannot be read, or no window is left.
    """
    lengths: Counter[int] = Counter()
    notes: list[str] = []
    for number, interval in enumerate(bed_intervals(path)):
        if number == limit:
            notes.append(f"only the first {limit} intervals were read, as asked")
            break
        lengths[interval.end - interval.start] += 1
    if not lengths:
        raise DataError(f"{path}: no interval in this BED file")
    wanted = most_common_length(lengths) if length is None else length
    with open_genome(genome) as chromosomes:
        sizes = chromosome_sizes(chromosomes)
        survey = _survey(path, limit, sizes, wanted)
        notes += survey.notes(path, genome, sizes, wanted)

        def pieces(first: int) -> Iterator[Piece]:
            each = max(1, _PIECE_BASES // wanted)
            windows = itertools.islice(_windows(path, limit, sizes, wanted), first, None)
            while some := list(itertools.islice(windows, each)):
                codes = np.stack([_window_codes(genome, chromosomes, one) for one in some])
                yield Piece(codes, None, tuple(map(str, some)))

        yield OpenedData(
            source=str(path), number=survey.inside, length=wanted, pieces=pieces, notes=tuple(notes)
        )


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


@dataclass
class _Survey:
    """How many windows can be read, and which not: their chromosome missing, or too short."""

    inside: int = 0
    unknown: int = 0
    missing: dict[str, None] = field(default_factory=dict)  # names, in the file's order
    over: int = 0
    first_over: list[Interval] = field(default_factory=list)

    def notes(self, path: Path, genome: Path, sizes: dict[str, int], length: int) -> Iterator[str]:
        """Yield what is left out; refuse a file of which nothing is left."""
        total = self.inside + self.unknown + self.over
        names = list(self.missing)
        if self.unknown == total:
            raise DataError(
                f"{path}: none of its chromosomes ({first_few(names)}) is in {genome}, "
                f"which has {first_few(list(sizes))}; name them alike (chr1 against 1)"
            )
        if not self.inside:
            first = self.first_over[0]
            raise DataError(
                f"{path}: every window of {length} bp runs over its chromosome's end in {genome} "
                f"({first}: the chromosome has {sizes[first.chromosome]:,} bp); another assembly?"
            )
        if self.unknown:
            yield (
                f"{self.unknown} of {total} intervals were left out: "
                f"{genome} has no {first_few(names)}"
            )
        if self.over:
            more = [""] * (self.over - len(self.first_over))
            yield (
                f"{self.over} of {total} windows were left out because they run over a "
                f"chromosome's end: {first_few([*map(str, self.first_over), *more])}"
            )


def _survey(path: Path, limit: int | None, sizes: dict[str, int], length: int) -> _Survey:
    found = _Survey()
    for interval in itertools.islice(bed_intervals(path), limit):
        if interval.chromosome not in sizes:
            found.unknown += 1
            found.missing[interval.chromosome] = None
        elif _inside(interval.centred(length), sizes):
            found.inside += 1
        else:
            found.over += 1
            if len(found.first_over) < _SHOWN:
                found.first_over.append(interval.centred(length))
    return found


def _windows(
    path: Path, limit: int | None, sizes: dict[str, int], length: int
) -> Iterator[Interval]:
    """Yield the windows that can be read."""
    for interval in itertools.islice(bed_intervals(path), limit):
        window = interval.centred(length)
        if interval.chromosome in sizes and _inside(window, sizes):
            yield window


def _inside(window: Interval, sizes: dict[str, int]) -> bool:
    return window.start >= 0 and window.end <= sizes[window.chromosome]


def _window_codes(genome: Path, chromosomes: Any, window: Interval) -> np.ndarray:
    codes = genome_codes(genome, chromosomes, window.chromosome, window.start, window.end)
    return reverse_complement(codes) if window.strand == "-" else codes
