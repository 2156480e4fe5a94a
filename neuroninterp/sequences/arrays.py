"""One-hot arrays and their labels, read slice by slice from HDF5, .npz, .npy and .mat."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from neuroninterp.errors import DataError
from neuroninterp.sequences.coding import ALPHABET, codes_from_one_hot, is_one_hot
from neuroninterp.sequences.containers import Container, open_container
from neuroninterp.sequences.keys import companion_key, find_inputs, find_labels
from neuroninterp.sequences.layouts import fitting_axes, to_canonical
from neuroninterp.sequences.opened import OpenedData, Piece
from neuroninterp.sequences.sites import sites_beside
from neuroninterp.sequences.stored import StoredArray

__all__ = ["open_arrays"]

_SLAB_BYTES = 2**25
_MAX_PER_STORED_BYTE = 400  # random DNA takes 2 bits a base at best, so 4 bases a byte
_SMALL = 2**26  # bases: below this no check of declared against stored size
_CLASS_NAMES = frozenset(
    ["targetlabels", "classnames", "classes", "labelnames", "targetnames", "tasknames"]
)
_RECORD_NAMES = frozenset(["headers", "header", "names", "ids", "coordinates", "coords"])


@contextmanager
def open_arrays(
    path: Path,
    file_format: str,
    *,
    length: int | None,
    alphabet: str,
    x_key: str | None,
    y_key: str | None,
    limit: int | None,
) -> Iterator[OpenedData]:
    """Open an array file of one-hot sequences, and labels where there are any.

    Parameters
    ----------
    path : Path
        The file.
    file_format : str
        "hdf5", "npz", "npy" or "mat".
    length : int or None
        Length that the sequences must have, bp; None for any.
    alphabet : str
        What each channel of the file holds: a base, ``N`` where bases are unknown, or ``.``
        for what is no base and left out. Where no array has so many channels, arrays of the
        bases alone are taken.
    x_key, y_key : str or None
        Keys of sequences and labels; None finds them by shape and usual names.
    limit : int or None
        Most sequences to read, from the first on.

    Yields
    ------
    OpenedData
        Its pieces hold ``codes`` in this package's order ACGT, and ``labels`` (n, T).

    Raises
    ------
    DataError
        If keys, shapes, lengths, values or sizes do not fit; says found and expected.
    """
    with open_container(path, file_format) as container:
        try:
            inputs = find_inputs(container, length, x_key, len(alphabet))
        except DataError:
            bases = "".join(letter for letter in alphabet if letter in ALPHABET)
            if bases == alphabet:
                raise
            alphabet = bases
            inputs = find_inputs(container, length, x_key)
        label_key = find_labels(container, inputs, y_key)
        axes = _choose_axes(container, inputs, label_key, length, alphabet)
        array = container.arrays[inputs]
        total = array.shape[axes.index("N")]
        rows = total if limit is None else min(total, limit)
        _check_declared(path, inputs, array, axes, rows)
        classes, label_axis = 0, 0
        if label_key is not None:
            batch_last = axes.replace("1", "").endswith("N")
            classes, label_axis = _label_shape(container, label_key, inputs, total, batch_last)
        names_key = companion_key(container, inputs, _RECORD_NAMES, total, any_split=False)
        sites = None
        if file_format == "hdf5":
            sites = sites_beside(path, inputs, total, array.shape[axes.index("L")])
            sites = None if sites is None else sites.among(0, rows)

        def pieces(first: int) -> Iterator[Piece]:
            for start, stop in _slabs(array, axes.index("N"), rows, first, beside=4 * classes):
                labels = None
                if label_key is not None:
                    labels = _labels(container, label_key, label_axis, classes, start, stop)
                names = None if names_key is None else _texts(container, names_key, start, stop)
                codes = _codes(container, inputs, axes, alphabet, start, stop)
                yield Piece(codes, labels, names)

        yield OpenedData(
            source=str(path),
            number=rows,
            length=array.shape[axes.index("L")],
            pieces=pieces,
            classes=classes,
            class_names=_class_names(container, inputs, classes),
            named=names_key is not None,
            notes=_notes(alphabet, rows, total, unlabelled=label_key is None, container=container),
            label_key=label_key or "",
            sites=sites,
        )


def _notes(
    alphabet: str, rows: int, total: int, *, unlabelled: bool, container: Container
) -> tuple[str, ...]:
    notes = []
    if "." in alphabet:
        others = alphabet.count(".")
        notes.append(f"{others} of {len(alphabet)} channels are no bases and were left out")
    if rows < total:
        notes.append(f"only the first {rows} of {total} sequences were read, as asked")
    if unlabelled and len(container.arrays) > 1:
        notes.append("no labels were found by name (--y-key names them)")
    return tuple(notes)


def _choose_axes(
    container: Container, inputs: str, label_key: str | None, length: int | None, alphabet: str
) -> str:
    """Choose among the layouts that the shape admits, by the number of labels and the values."""
    shape = container.arrays[inputs].shape
    fitting = fitting_axes(
        shape, length, reverse_first=container.reversed_axes, channels=len(alphabet)
    )
    if label_key is not None and len(fitting) > 1:
        label_shape = container.arrays[label_key].shape
        agreeing = [axes for axes in fitting if shape[axes.index("N")] in label_shape]
        fitting = agreeing or fitting
    if len(fitting) > 1:
        one_hot = [
            axes for axes in fitting if is_one_hot(_probe(container, inputs, axes, alphabet))
        ]
        fitting = one_hot or fitting
    both = [axes for axes in fitting if axes.index("N") == fitting[0].index("N")]
    if len(both) > 1:
        raise DataError(
            f"{container.path}: {inputs!r} of shape {shape} can be read with its channels along "
            f"either axis; store sequences that are not exactly {len(alphabet)} bp long"
        )
    return fitting[0]


def _probe(container: Container, inputs: str, axes: str, alphabet: str) -> np.ndarray:
    """Return the first sequences as ``(N, L, 4)``."""
    batch = axes.index("N")
    array = container.arrays[inputs]
    _, stop = next(_slabs(array, batch, array.shape[batch], 0), (0, 0))
    return _bases(to_canonical(container.read(inputs, batch, 0, stop), axes), alphabet)


def _bases(array: np.ndarray, alphabet: str) -> np.ndarray:
    """Take the channels of the four bases, in the file's order."""
    if alphabet.isalpha() and len(alphabet) == len(ALPHABET):
        return array
    return array[:, :, [i for i, letter in enumerate(alphabet) if letter in ALPHABET]]


def _check_declared(path: Path, inputs: str, array: StoredArray, axes: str, rows: int) -> None:
    """Refuse files that hold nothing, or declare more than they can hold."""
    length = array.shape[axes.index("L")]
    if rows == 0:
        raise DataError(f"{path}: {inputs!r} of shape {array.shape} holds no sequences")
    declared = array.shape[axes.index("N")] * length
    if declared > _SMALL and declared > array.stored_bytes * _MAX_PER_STORED_BYTE:
        raise DataError(
            f"{path}: {inputs!r} declares {declared:,} bases but takes only "
            f"{array.stored_bytes:,} bytes in the file; it cannot hold real sequences"
        )


def _slabs(
    array: StoredArray, axis: int, rows: int, first: int, *, beside: int = 0
) -> Iterator[tuple[int, int]]:
    """Yield start and stop of slices along ``axis`` from ``first`` on, in whole chunks.

    ``beside`` are the bytes of what else is read of each sequence.
    """
    each = math.prod(array.shape) // max(1, array.shape[axis]) * array.item_size + beside
    chunk = max(1, array.chunk(axis))
    step = max(1, _SLAB_BYTES // max(1, each) // chunk) * chunk
    for start in range(first // step * step, rows, step):
        yield max(start, first), min(rows, start + step)


def _codes(
    container: Container, inputs: str, axes: str, alphabet: str, start: int, stop: int
) -> np.ndarray:
    slab = container.read(inputs, axes.index("N"), start, stop)
    return codes_from_one_hot(
        _bases(to_canonical(slab, axes), alphabet),
        alphabet="".join(letter for letter in alphabet if letter in ALPHABET),
        name=f"{container.path}: {inputs!r}",
        first=start,
    )


def _label_shape(
    container: Container, key: str, inputs: str, total: int, batch_last: bool
) -> tuple[int, int]:
    """Return the number of classes of labels, and the axis of the sequences in their array.

    Labels are (N,), (N, T) or (N, T, 1), all axes reversed if ``batch_last``.
    """
    array = container.arrays[key]
    shape = array.shape[::-1] if batch_last else array.shape
    where = f"{container.path}: labels {key!r} of shape {array.shape}"
    if not 1 <= len(shape) <= 3 or (len(shape) == 3 and shape[2] != 1):
        raise DataError(f"{where}: expected (N,), (N, T) or (N, T, 1)")
    row_vector = len(shape) == 2 and shape[0] == 1 != total == shape[1]
    if row_vector:  # MATLAB has no vectors, only matrices of one row or one column
        shape = shape[::-1]
    if shape[0] != total:
        raise DataError(
            f"{where} are for {shape[0]} sequences, but {inputs!r} holds {total}; expected {total}"
        )
    classes = shape[1] if len(shape) > 1 else 1
    if classes == 0:
        raise DataError(f"{where} hold no class")
    return classes, len(shape) - 1 if batch_last != row_vector else 0


def _labels(
    container: Container, key: str, axis: int, classes: int, start: int, stop: int
) -> np.ndarray:
    slab = container.read(key, axis, start, stop)
    slab = slab if axis == 0 else slab.T
    return slab.reshape(stop - start, classes).astype(np.float32)


def _class_names(container: Container, inputs: str, classes: int) -> tuple[str, ...] | None:
    if not classes:
        return None
    key = companion_key(container, inputs, _CLASS_NAMES, classes, any_split=True)
    return None if key is None else _texts(container, key, 0, classes)


def _texts(container: Container, key: str, start: int, stop: int) -> tuple[str, ...]:
    values = container.read(key, 0, start, stop).tolist()
    return tuple(v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values)
