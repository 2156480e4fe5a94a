"""FASTA files, plain or gzipped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from neuroninterp.errors import DataError
from neuroninterp.sequences.coding import encode_record
from neuroninterp.sequences.dataset import MAX_BASES
from neuroninterp.sequences.fitting import centred, length_notes, most_common_length
from neuroninterp.sequences.formats import text_lines
from neuroninterp.sequences.opened import OpenedData, Piece

__all__ = ["open_fasta"]

_WHITE_SPACE = b" \t\r\n\v\f"
_PIECE_BASES = 2**23


@contextmanager
def open_fasta(path: Path, *, length: int | None, limit: int | None) -> Iterator[OpenedData]:
    """Open a FASTA file, which is gone through once for the lengths of its records.

    Parameters
    ----------
    path : Path
        The file; upper and lower case are the same, N and ambiguity codes become 4.
    length : int or None
        Length wanted, bp: longer records are cut to their middle, shorter ones padded with
        N on both sides, and a note says how many. None takes the most common length.
    limit : int or None
        Most records to read, from the first on.

    Yields
    ------
    OpenedData
        Without labels; the names are the record names up to the first blank.

    Raises
    ------
    DataError
        If the file is no FASTA, holds no sequence or another character than bases.
    """
    survey = _survey(path, limit)
    number = sum(survey.lengths.values())
    if not number:
        raise DataError(f"{path}: no sequence in this FASTA file")
    wanted = most_common_length(survey.lengths) if length is None else length
    notes = [f"only the first {limit} records were read, as asked"] if survey.more else []
    if survey.empty:
        notes.append(f"{survey.empty} records without any sequence were left out")

    def pieces(first: int) -> Iterator[Piece]:
        kept, names = [], []
        for index, (name, letters) in enumerate(_with_bases(path)):
            if index == number:
                break
            if index < first:
                continue
            codes = encode_record(b"".join(letters), f"{path}: record {name!r}")
            kept.append(centred(codes, wanted))
            names.append(name)
            if len(kept) * wanted >= _PIECE_BASES:
                yield Piece(np.stack(kept), None, tuple(names))
                kept, names = [], []
        if kept:
            yield Piece(np.stack(kept), None, tuple(names))

    yield OpenedData(
        source=str(path),
        number=number,
        length=wanted,
        pieces=pieces,
        notes=(*notes, *length_notes(survey.lengths, wanted)),
    )


@dataclass
class _Survey:
    """Records by their length; those without a sequence; whether there are more than asked for."""

    lengths: Counter[int] = field(default_factory=Counter)
    empty: int = 0
    more: bool = False


def _survey(path: Path, limit: int | None) -> _Survey:
    found = _Survey()
    number = 0
    for _, letters in _records(path):
        if number == limit:
            found.more = True
            break
        size = sum(map(len, letters))
        if size:
            found.lengths[size] += 1
            number += 1
        else:
            found.empty += 1
    return found


def _with_bases(path: Path) -> Iterator[tuple[str, list[bytes]]]:
    return ((name, letters) for name, letters in _records(path) if letters)


def _records(path: Path) -> Iterator[tuple[str, list[bytes]]]:
    """Yield name and letters of each record, which may have none."""
    name: str | None = None
    pieces: list[bytes] = []
    size = 0
    in_header = False
    for piece, starts in text_lines(path):
        if starts:
            in_header = piece.startswith(b">")
            if in_header:
                if name is not None:
                    yield name, pieces
                words = piece[1:].decode("utf-8", "replace").split()
                name, pieces, size = (words[0] if words else ""), [], 0
        if in_header:
            continue
        bases = piece.translate(None, _WHITE_SPACE)
        if not bases:
            continue
        if name is None:
            raise DataError(f"{path}: sequence before the first '>' line; not a FASTA file")
        pieces.append(bases)
        size += len(bases)
        if size > MAX_BASES:
            raise DataError(f"{path}: record {name!r} has more than {MAX_BASES:,} bases")
    if name is not None:
        yield name, pieces
