"""Basset's training data, and data sets in its layout, streamed from their HDF5 file.

Keys ``train_in`` (N, 4, 1, L), one-hot in the order ACGT, 0.25 in all channels where a base is
unknown; ``train_out`` (N, T), 0 or 1; likewise ``valid_…`` and ``test_…``; ``target_labels``
(T,). Basset's own file has 600 bp, 164 labels, 1,879,982 + 70,000 + 71,886 sequences, and
float16 or float64 values. Sequences as (N, 4, L), (N, 4, L, 1) or (N, L, 4), and any number
type, serve as well.

Source: Kelley DR, Snoek J, Rinn JL (2016) Genome Res 26:990, and its released code.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from neuroninterp.errors import DataError
from neuroninterp.sequences.coding import ALPHABET, codes_from_one_hot
from neuroninterp.sequences.containers import Container, open_container
from neuroninterp.sequences.layouts import fitting_axes, to_canonical
from zoo.data import PARTS, Piece, TrainingData, check_alike
from zoo.streaming import Reader, StreamedPart, checked_labels, digest_of

__all__ = ["LABEL_KEY", "open_basset"]

LABEL_KEY = "target_labels"


def open_basset(path: Path) -> TrainingData:
    """Open a file in Basset's layout; sequences are read when they are needed.

    Parameters
    ----------
    path : Path
        The HDF5 file.

    Returns
    -------
    TrainingData
        Streamed parts.

    Raises
    ------
    DataError
        If the file is damaged, a key is missing, or shapes do not fit. Values are checked
        as they are read.
    """
    with open_container(path, "hdf5") as container:
        layouts = {part: _layout(container, part) for part in PARTS}
        parts = {
            part: StreamedPart(
                total=container.arrays[f"{part}_out"].shape[0],
                length=container.arrays[f"{part}_in"].shape[layout.axes.index("L")],
                classes=container.arrays[f"{part}_out"].shape[1],
                together=max(
                    container.arrays[f"{part}_in"].chunk(0),
                    container.arrays[f"{part}_out"].chunk(0),
                ),
                open=partial(_reading, path, layout),
            )
            for part, layout in layouts.items()
        }
        names = _class_names(container, parts["train"].classes)
    check_alike(path, parts)
    return TrainingData(
        **parts,
        class_names=names,
        sha256=digest_of([path]),
        attributes={},
        kind="Basset",
        channels=ALPHABET,
    )


@dataclass(frozen=True)
class _Layout:
    """Where a part's sequences are, and which of their axes is which."""

    part: str
    axes: str


def _layout(container: Container, part: str) -> _Layout:
    """Check that a part's two arrays are there and fit each other."""
    inputs, outputs = f"{part}_in", f"{part}_out"
    for key in (inputs, outputs):
        if key not in container.arrays:
            raise DataError(
                f"{container.path} has no key {key!r}; found: {', '.join(container.arrays)}; "
                f"expected Basset's train_in, train_out, valid_in, valid_out, test_in, test_out"
            )
        if container.arrays[key].kind != "number":
            raise DataError(f"{container.path}: {key!r} does not hold numbers of its own")
    shape, labels = container.arrays[inputs].shape, container.arrays[outputs].shape
    fitting = [
        axes for axes in fitting_axes(shape, None, reverse_first=False) if axes.startswith("N")
    ]
    if not fitting or shape[0] == 0:
        raise DataError(
            f"{container.path}: {inputs!r} has shape {shape}, expected (N, 4, 1, L) as in "
            "Basset's file, N > 0"
        )
    if len(labels) != 2 or labels[0] != shape[0] or labels[1] == 0:
        raise DataError(
            f"{container.path}: {outputs!r} has shape {labels}, expected ({shape[0]}, classes)"
        )
    return _Layout(part, fitting[0])


@contextmanager
def _reading(path: Path, layout: _Layout) -> Iterator[Reader]:
    inputs, outputs = f"{layout.part}_in", f"{layout.part}_out"
    with open_container(path, "hdf5") as container:

        def read(first: int, last: int) -> Piece:
            stored = to_canonical(container.read(inputs, 0, first, last), layout.axes)
            codes = codes_from_one_hot(stored, name=f"{path}: {inputs!r}", first=first)
            values = container.read(outputs, 0, first, last)
            return codes, checked_labels(values, f"{path}: {outputs!r}", first)

        yield read


def _class_names(container: Container, classes: int) -> tuple[str, ...]:
    array = container.arrays.get(LABEL_KEY)
    if array is None or array.shape != (classes,) or array.kind != "text":
        return tuple(f"class {index}" for index in range(classes))
    values = np.asarray(container.read(LABEL_KEY, 0, 0, classes)).tolist()
    return tuple(v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values)
