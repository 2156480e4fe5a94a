"""Reading a data file of any supported kind."""

from __future__ import annotations

import os
from pathlib import Path

from neuroninterp.errors import DataError
from neuroninterp.sequences.arrays import read_arrays
from neuroninterp.sequences.bed import read_bed
from neuroninterp.sequences.coding import ALPHABET
from neuroninterp.sequences.dataset import Sequences
from neuroninterp.sequences.fasta import read_fasta
from neuroninterp.sequences.formats import find_format

__all__ = ["read_sequences"]


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
    """Read sequences, and labels where the file has them.

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
        return read_arrays(
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
        return read_fasta(path, length=length, limit=limit)
    if genome is None:
        raise DataError(f"{path}: BED intervals need the genome they lie on; add --genome FILE.fa")
    return read_bed(path, Path(genome), length=length, limit=limit)
