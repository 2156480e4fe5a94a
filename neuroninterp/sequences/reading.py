"""Reading a data file of any supported kind."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from neuroninterp.errors import DataError
from neuroninterp.sequences.arrays import open_arrays
from neuroninterp.sequences.bed import open_bed
from neuroninterp.sequences.coding import ALPHABET
from neuroninterp.sequences.dataset import HELD, MAX_BASES, Sequences
from neuroninterp.sequences.fasta import open_fasta
from neuroninterp.sequences.formats import find_format
from neuroninterp.sequences.opened import OpenedData
from neuroninterp.sequences.stored_sequences import StoredSequences, origin_of, reopen, store

__all__ = ["open_data", "read_opened", "read_or_store", "read_sequences", "store_sequences"]


MAX_LABELS = 2**29
"""Most labels that one read may hold: 2 GiB."""


def read_sequences(
    path: str | os.PathLike[str],
    *,
    length: int | None,
    alphabet: str = ALPHABET,
    x_key: str | None = None,
    y_key: str | None = None,
    genome: str | os.PathLike[str] | None = None,
    limit: int | None = None,
) -> Sequences:
    """Read sequences, and labels where the file has them, into memory.

    The format is recognised by the file's content: HDF5, ``.npz``, ``.npy``, MATLAB v5 and
    v7.3, FASTA and BED (both also gzipped). Nothing that a file holds is executed, and no
    other file that it names is opened.

    Parameters
    ----------
    path : str or path
        The file.
    length : int or None
        The model's length, bp. Array data must have it; FASTA records are cut or padded
        to it and BED windows made of it, around their middles. None takes the length of
        array data, or the most common one.
    alphabet : str
        What each channel of array data holds; DeepSEA's files are "AGCT". ``N`` stands for a
        channel that is 1 where the base is unknown, ``.`` for one that is no base.
    x_key, y_key : str or None
        Names of the sequences and of the labels in an array file; None finds them by shape
        and usual names, the test set first.
    genome : str, path or None
        FASTA file of the genome, for BED.
    limit : int or None
        Most sequences to read, from the first on; at least 1.

    Returns
    -------
    Sequences
        Codes of shape (N, L), labels, names, and notes on what was left out.

    Raises
    ------
    DataError
        If the file or an argument does not fit; one line with found and expected.
    """
    with open_data(
        path,
        length=length,
        alphabet=alphabet,
        x_key=x_key,
        y_key=y_key,
        genome=genome,
        limit=limit,
    ) as opened:
        return read_opened(opened)


def store_sequences(
    path: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    advance: Callable[[int], None] = lambda sequences: None,
    **arguments: Any,
) -> StoredSequences:
    """Convert a data file of any size into blocks of packed sequences in a folder.

    What is there from the same file and the same arguments is not made again, so that an
    interrupted conversion continues; blocks that were truncated or altered are made anew.

    Parameters
    ----------
    path : str or path
        The data file.
    folder : str or path
        Where to; made where it is missing. Other stored sequences in it are replaced.
    advance : callable
        Called with the number of sequences done since the last call.
    **arguments
        How the file is read, as for :func:`read_sequences`.

    Returns
    -------
    StoredSequences

    Raises
    ------
    DataError
        As for :func:`read_sequences`.
    OutputError
        If the folder cannot be written.
    """
    context = open_data(path, **arguments)
    origin = origin_of(Path(path), arguments)
    stored = _found(Path(folder), origin, advance)
    if stored is not None:
        return stored
    with context as opened:
        return store(opened, Path(folder), origin, advance)


def read_or_store(
    path: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    advance: Callable[[int], None] = lambda sequences: None,
    **arguments: Any,
) -> Sequences | StoredSequences:
    """Read a small data file into memory; store a large one block by block.

    Parameters, errors and the values returned are those of :func:`store_sequences` and
    :func:`read_sequences`; a folder is made only where it is needed.
    """
    context = open_data(path, **arguments)
    origin = origin_of(Path(path), arguments)
    stored = _found(Path(folder), origin, advance)
    if stored is not None:
        return stored
    with context as opened:
        if opened.number * max(opened.length, opened.classes) <= HELD:
            return read_opened(opened)
        return store(opened, Path(folder), origin, advance)


def _found(
    folder: Path, origin: dict[str, Any], advance: Callable[[int], None]
) -> StoredSequences | None:
    """Return what is stored already; a large text file need not be gone through again for it."""
    stored = reopen(folder, origin)
    if stored is not None:
        advance(len(stored))
    return stored


def open_data(
    path: str | os.PathLike[str],
    *,
    length: int | None,
    alphabet: str = ALPHABET,
    x_key: str | None = None,
    y_key: str | None = None,
    genome: str | os.PathLike[str] | None = None,
    limit: int | None = None,
) -> AbstractContextManager[OpenedData]:
    """Open a data file; parameters and errors are those of :func:`read_sequences`.

    Returns
    -------
    context manager of OpenedData
        Whose pieces can be read while it is entered.
    """
    path = Path(path)
    if sorted(alphabet.replace(".", "").replace("N", "", 1)) != sorted(ALPHABET):
        raise DataError(
            f"alphabet {alphabet!r}: expected each of A, C, G, T once, for example ACGT or AGCT; "
            ". for a channel that is no base"
        )
    if limit is not None and limit < 1:
        raise DataError(f"limit {limit}: expected at least 1 sequence")
    file_format = find_format(path)
    if file_format not in ("fasta", "bed"):
        return open_arrays(
            path,
            file_format,
            length=length,
            alphabet=alphabet,
            x_key=x_key,
            y_key=y_key,
            limit=limit,
        )
    if x_key is not None or y_key is not None:
        raise DataError(f"{path}: a {file_format.upper()} file has no keys; drop --x-key, --y-key")
    if file_format == "fasta":
        return open_fasta(path, length=length, limit=limit)
    if genome is None:
        raise DataError(f"{path}: BED intervals need the genome they lie on; add --genome FILE.fa")
    return open_bed(path, Path(genome), length=length, limit=limit)


def read_opened(opened: OpenedData) -> Sequences:
    """Read all sequences of an open file into memory.

    Raises
    ------
    DataError
        If they are too many, or the file turns out to be damaged.
    """
    _check_size(opened)
    codes = np.empty((opened.number, opened.length), np.uint8)
    labels = np.empty((opened.number, opened.classes), np.float32) if opened.classes else None
    names: list[str] = []
    start = 0
    for piece in opened.pieces(0):
        stop = start + len(piece.codes)
        codes[start:stop] = piece.codes
        if labels is not None:
            labels[start:stop] = piece.labels
        names += piece.names or ()
        start = stop
    if start != opened.number:
        raise DataError(f"{opened.source}: changed while it was read; read it again")
    found = Sequences(
        codes,
        labels,
        opened.class_names,
        tuple(names) if names else None,
        opened.source,
        sites=opened.sites,
    )
    return replace(found, notes=opened.all_notes(found.binary_labels))


def _check_size(opened: OpenedData) -> None:
    """Refuse what would not fit into memory."""
    bases = opened.number * opened.length
    if bases > MAX_BASES:
        raise DataError(
            f"{opened.source}: {opened.number:,} sequences of {opened.length:,} bp, {16 * bases:,} "
            f"bytes as one-hot; at most {MAX_BASES:,} bases are read: take fewer sequences (limit)"
        )
    if opened.number * opened.classes > MAX_LABELS:
        raise DataError(
            f"{opened.source}: {opened.number:,} sequences of {opened.classes:,} labels: more "
            f"than {MAX_LABELS:,}; take fewer sequences (limit)"
        )
