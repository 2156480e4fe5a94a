"""Training data from FASTA files of positives and of negatives."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neuroninterp.errors import OutputError
from neuroninterp.sequences.dataset import Sequences
from neuroninterp.sequences.fasta import open_fasta
from neuroninterp.sequences.reading import read_opened
from zoo.data import LAYOUT, PARTS, channels_first
from zoo.hdf5_file import new_hdf5
from zoo.simulations.dragonn.files import split_sizes

__all__ = ["write_fasta_data"]

_SCHEMA = "positives-and-negatives/1"


def write_fasta_data(
    positives: str | Path,
    negatives: str | Path,
    path: str | Path,
    *,
    seed: int = 0,
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Write positives and negatives, in random order, as an HDF5 file to train on.

    Parameters
    ----------
    positives, negatives : str or Path
        FASTA files, plain or gzipped. All sequences get the length that most positives have:
        longer ones are cut to their middle, shorter ones padded with N.
    path : str or Path
        The file to write: keys ``X_train``, ``Y_train``, ``X_valid``, …, one class
        "positive"; a fifth for the test, a fifth of the rest for validation. One that was made
        here before is replaced.
    seed : int
        Of the order, and so of which sequence belongs to which part.

    Returns
    -------
    sizes : dict of str to int
        Number of sequences in each part.
    notes : tuple of str
        What was cut, padded or left out.

    Raises
    ------
    DataError
        If a file is missing or no FASTA, or there are too few sequences for three parts.
    OutputError
        If another file has this name, or it cannot be written.
    """
    path = Path(path)
    if path.exists() and not _is_own(path):
        raise OutputError(
            f"{path} exists and was not made from FASTA files; give another folder (-o)"
        )
    found = _read_fasta(positives, None)
    others = _read_fasta(negatives, found.length)
    codes = np.concatenate([found.codes, others.codes])
    labels = np.repeat(np.array([[1], [0]], np.uint8), [len(found), len(others)], axis=0)
    sizes = split_sizes(len(codes))
    order = np.random.default_rng(seed).permutation(len(codes))
    with new_hdf5(path) as new, new.writing():
        new.content.attrs.update(
            schema=_SCHEMA,
            positives=Path(positives).name,
            negatives=Path(negatives).name,
            layout=LAYOUT,
            seed=seed,
        )
        new.content.create_dataset("class_names", data=["positive"])
        bounds = np.cumsum([sizes[part] for part in PARTS])[:-1]
        for part, rows in zip(PARTS, np.split(order, bounds), strict=True):
            one_hot = channels_first(codes[rows])
            new.content.create_dataset(
                f"X_{part}",
                data=one_hot,
                compression="gzip",
                compression_opts=4,
                chunks=(min(len(rows), 500), *one_hot.shape[1:]),
                shuffle=True,
            )
            new.content.create_dataset(f"Y_{part}", data=labels[rows])
    return sizes, _notes(found, others)


def _is_own(path: Path) -> bool:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return bool(file.attrs.get("schema") == _SCHEMA)
    except OSError:
        return False


def _read_fasta(path: str | Path, length: int | None) -> Sequences:
    with open_fasta(Path(path), length=length, limit=None) as opened:
        return read_opened(opened)


def _notes(*read: Sequences) -> tuple[str, ...]:
    return tuple(f"{Path(item.source).name}: {note}" for item in read for note in item.notes)
