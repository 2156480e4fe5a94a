"""The in vivo data of Koo & Eddy 2019 from DeepSEA's own files.

DeepSEA's labels belong to the middle 200 of each sequence's 1,000 bp, and its files hold every
sequence on both strands. Its validation sequences lie on chromosome 7, its test sequences on
chromosomes 8 and 9.

Source: Koo PK, Eddy SR (2019) PLoS Comput Biol 15(12): e1007560, Methods and S1 Table; Zhou J,
Troyanskaya OG (2015) Nat Methods 12:931.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from neuroninterp.errors import DataError
from zoo.data import PARTS
from zoo.datasets.deepsea_files import LENGTH, open_deepsea_file
from zoo.datasets.in_vivo import new_file
from zoo.simulations.koo_eddy import CLASS_NAMES

__all__ = ["COLUMNS", "write_deepsea_in_vivo"]

COLUMNS: dict[str, int] = dict(
    zip(CLASS_NAMES, (592, 602, 344, 345, 635, 636, 349, 642, 359, 361, 661, 369), strict=True)
)
"""Index of each factor among DeepSEA's 919 labels, from 0 (S1 Table)."""

_SLAB_BYTES = 2**26


def write_deepsea_in_vivo(
    folder: str | Path,
    path: str | Path,
    *,
    force: bool = False,
    progress: Callable[[int, int], None] | None = None,
    _slab_bytes: int = _SLAB_BYTES,
) -> dict[str, int]:
    """Write the sequences of DeepSEA's files in which at least one of the 12 factors binds.

    The three files stay the three parts, and their sequences stay in their order. The layout
    is that of :func:`zoo.datasets.in_vivo.new_file`, of 1,000 bp and 12 classes.

    Parameters
    ----------
    folder : str or Path
        Where DeepSEA's ``train.mat``, ``valid.mat`` and ``test.mat`` lie. HDF5 (MATLAB v7.3):
        ``trainxdata`` (1000, 4, N) and ``traindata`` (919, N), read in slabs of some 64 MB.
        MATLAB v5: ``testxdata`` (N, 4, 1000) and ``testdata`` (N, 919); compressed ones are in
        memory as a whole while they are read (2.5 GB at the peak for DeepSEA's test.mat).
    path : str or Path
        The HDF5 file to write.
    force : bool
        Whether to replace a file that exists.
    progress : callable, optional
        Called with the number of sequences done and their number in all three files.

    Returns
    -------
    dict of str to int
        Number of sequences written for each part.

    Raises
    ------
    DataError
        If a file or a key is missing, a shape is not DeepSEA's, a value is not 0 or 1, or a
        file has no sequence with a positive.
    OutputError
        If ``path`` exists, or cannot be written.
    """
    files = {part: Path(folder) / f"{part}.mat" for part in PARTS}
    attributes = {
        "made_from": f"DeepSEA: {', '.join(file.name for file in files.values())}",
        "columns": ", ".join(map(str, COLUMNS.values())),
    }
    with new_file(
        path, length=LENGTH, class_names=tuple(COLUMNS), attributes=attributes, force=force
    ) as writer:
        totals = {part: _count(file, part) for part, file in files.items()}
        done = 0
        for part, file in files.items():
            # Opened again for the sequences: what a v5 file held for its labels is free by then.
            with open_deepsea_file(file, part) as opened:
                labels = opened.labels(list(COLUMNS.values()))
            with open_deepsea_file(file, part) as opened:
                for indices, one_hot in opened.sequences(np.any(labels, axis=1), _slab_bytes):
                    writer.append(part, one_hot, labels[indices])
                    if progress is not None:
                        progress(done + int(indices[-1]) + 1, sum(totals.values()))
            done += totals[part]
        if progress is not None:
            progress(done, done)
        return writer.sizes()


def _count(path: Path, part: str) -> int:
    """Return the number of sequences in a file, whose keys and shapes are checked."""
    if not path.is_file():
        raise DataError(
            f"{path.parent} has no {path.name}; expected DeepSEA's train.mat, valid.mat, test.mat"
        )
    with open_deepsea_file(path, part) as opened:
        return opened.total
