"""FASTA files, plain or gzipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from neuroninterp.errors import DataError
from neuroninterp.sequences.coding import encode_record
from neuroninterp.sequences.dataset import MAX_BASES, Sequences
from neuroninterp.sequences.fitting import centred, length_notes, most_common_length
from neuroninterp.sequences.formats import text_lines

__all__ = ["read_fasta"]

_WHITE_SPACE = b" \t\r\n\v\f"


def read_fasta(path: Path, *, length: int | None, limit: int | None) -> Sequences:
    """Read a FASTA file.

    Parameters
    ----------
    path : Path
        The file; upper and lower case are the same, N and ambiguity codes become 4.
    length : int or None
        Length wanted, bp: longer records are cut to their middle, shorter ones padded with
        N on both sides, and a note says how many. None takes the most common length.
    limit : int or None
        Most records to read, from the first on.

    Returns
    -------
    Sequences
        Without labels; ``names`` are the record names up to the first blank.

    Raises
    ------
    DataError
        If the file is no FASTA, holds no sequence or another character than bases.
    """
    names: list[str] = []
    kept: list[np.ndarray] = []
    lengths: list[int] = []
    empty = held = 0
    notes: list[str] = []
    for name, codes in _records(path):
        if limit is not None and len(kept) == limit:
            notes.append(f"only the first {limit} records were read, as asked")
            break
        if not len(codes):
            empty += 1
            continue
        names.append(name)
        lengths.append(len(codes))
        kept.append(codes if length is None else centred(codes, length))
        held += len(kept[-1])
        _check_total(path, held)
    if not kept:
        raise DataError(f"{path}: no sequence in this FASTA file")
    if empty:
        notes.append(f"{empty} records without any sequence were left out")
    wanted = most_common_length(lengths) if length is None else length
    _check_total(path, wanted * len(kept))
    fitted = np.stack([centred(codes, wanted) for codes in kept] if length is None else kept)
    notes.extend(length_notes(lengths, wanted))
    return Sequences(fitted, None, None, tuple(names), str(path), tuple(notes))


def _check_total(path: Path, bases: int) -> None:
    if bases > MAX_BASES:
        raise DataError(
            f"{path}: more than {MAX_BASES:,} bases at one length; read fewer sequences (limit)"
        )


def _records(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield name and codes of each record, which may have no bases."""
    name: str | None = None
    pieces: list[bytes] = []
    size = 0
    in_header = False
    for piece, starts in text_lines(path):
        if starts:
            in_header = piece.startswith(b">")
            if in_header:
                if name is not None:
                    yield name, _codes(path, name, pieces)
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
        _check_total(path, size)
    if name is not None:
        yield name, _codes(path, name, pieces)


def _codes(path: Path, name: str, pieces: list[bytes]) -> np.ndarray:
    return encode_record(b"".join(pieces), f"{path}: record {name!r}")
