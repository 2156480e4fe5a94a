"""Genomes as FASTA files, read where they are needed."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from neuroninterp.errors import DataError
from neuroninterp.sequences.coding import encode_record

__all__ = ["chromosome_sizes", "genome_codes", "open_genome"]


@contextlib.contextmanager
def open_genome(genome: Path) -> Iterator[Any]:
    """Open a genome with pyfaidx, its index in a temporary folder where it cannot be written."""
    import pyfaidx

    if not genome.is_file():
        raise DataError(f"{genome}: no such genome file")
    index = Path(f"{genome}.fai")
    with tempfile.TemporaryDirectory() as folder:
        if not index.exists() and not os.access(genome.parent, os.W_OK):
            index = Path(folder) / index.name
        try:
            chromosomes = pyfaidx.Fasta(str(genome), indexname=str(index), as_raw=True)
        except Exception as error:  # pyfaidx raises many kinds on files that are no FASTA
            raise DataError(
                f"{genome}: cannot be read as a genome FASTA ({error}); "
                "expected an uncompressed .fa file, or one compressed with bgzip"
            ) from error
        with contextlib.closing(chromosomes):
            if not list(chromosomes.keys()):
                raise DataError(f"{genome}: no chromosome in this genome file")
            yield chromosomes


def chromosome_sizes(chromosomes: Any) -> dict[str, int]:
    """Return the length (bp) of each chromosome of an open genome, in its order."""
    names = chromosomes.keys()  # the genome itself gives records, not names
    return {name: len(chromosomes[name]) for name in names}


def genome_codes(
    genome: Path, chromosomes: Any, chromosome: str, start: int, end: int
) -> np.ndarray:
    """Read a stretch of an open genome.

    Parameters
    ----------
    genome : Path
        The file, for errors.
    chromosomes : pyfaidx.Fasta
        From :func:`open_genome`.
    chromosome : str
        One of its names.
    start, end : int
        0-based and half-open, bp; inside of the chromosome.

    Returns
    -------
    numpy.ndarray, shape=(end - start,)
        uint8 codes, 0 to 4, of the forward strand.

    Raises
    ------
    DataError
        If a character is no base, or the file's index does not fit it.
    """
    where = f"{genome}: {chromosome}:{start}-{end}"
    codes = encode_record(chromosomes[chromosome][start:end], where)
    if len(codes) != end - start:
        raise DataError(
            f"{where} gave {len(codes)} bp; the index {genome}.fai does not fit the file: "
            "delete it, and it is made again"
        )
    return codes
