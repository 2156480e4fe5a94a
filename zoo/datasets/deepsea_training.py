"""DeepSEA's training data, streamed from its three files with all 919 labels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from neuroninterp.errors import DataError
from zoo.data import PARTS, Piece, TrainingData
from zoo.datasets.deepsea_files import CHANNELS, LABELS, LENGTH, open_deepsea_file
from zoo.streaming import Reader, StreamedPart, checked_labels, digest_of

__all__ = ["open_deepsea"]


def open_deepsea(folder: Path) -> TrainingData:
    """Open DeepSEA's files; sequences are read when they are needed.

    Parameters
    ----------
    folder : Path
        Where ``train.mat``, ``valid.mat`` and ``test.mat`` lie; see
        :mod:`zoo.datasets.deepsea_files`. Their channels are A, G, C, T.

    Returns
    -------
    TrainingData
        Streamed parts of 1,000 bp and 919 labels, whose bases are A, C, G, T.

    Raises
    ------
    DataError
        If a file or a key is missing, damaged, or of another shape. Values are checked as they
        are read.
    """
    files = {part: folder / f"{part}.mat" for part in PARTS}
    for file in files.values():
        if not file.is_file():
            raise DataError(
                f"{folder} has no {file.name}; expected DeepSEA's train.mat, valid.mat, test.mat"
            )
    parts = {part: _part(file, part) for part, file in files.items()}
    return TrainingData(
        **parts,
        class_names=tuple(f"label {index}" for index in range(LABELS)),
        sha256=digest_of(files.values()),
        attributes={},
        kind="DeepSEA",
        channels=CHANNELS,
    )


def _part(path: Path, part: str) -> StreamedPart:
    with open_deepsea_file(path, part) as file:
        return StreamedPart(
            total=file.total,
            length=LENGTH,
            classes=LABELS,
            together=file.together,
            open=partial(_reading, path, part),
        )


@contextmanager
def _reading(path: Path, part: str) -> Iterator[Reader]:
    with open_deepsea_file(path, part) as file:

        def read(first: int, last: int) -> Piece:
            labels = checked_labels(file.all_labels(first, last), f"{path}: '{part}data'", first)
            return file.codes(first, last), labels

        yield read
