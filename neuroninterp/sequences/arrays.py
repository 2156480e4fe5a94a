"""One-hot arrays and their labels, read slice by slice from HDF5, .npz, .npy and .mat."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from neuroninterp.errors import DataError
from neuroninterp.sequences.coding import ALPHABET, codes_from_one_hot, is_one_hot
from neuroninterp.sequences.containers import Container, open_container
from neuroninterp.sequences.dataset import MAX_BASES, Sequences
from neuroninterp.sequences.keys import companion_key, find_inputs, find_labels
from neuroninterp.sequences.layouts import fitting_axes, to_canonical
from neuroninterp.sequences.sites import sites_beside
from neuroninterp.sequences.stored import StoredArray

__all__ = ["read_arrays"]

_SLAB_BYTES = 2**25
_MAX_LABELS = 2**29
_MAX_PER_STORED_BYTE = 400  # random DNA takes 2 bits a base at best, so 4 bases a byte
_SMALL = 2**26  # bases: below this no check of declared against stored size
_CLASS_NAMES = frozenset(
    ["targetlabels", "classnames", "classes", "labelnames", "targetnames", "tasknames"]
)
_RECORD_NAMES = frozenset(["headers", "header", "names", "ids", "coordinates", "coords"])


def read_arrays(
    path: Path,
    file_format: str,
    *,
    length: int | None,
    alphabet: str,
    x_key: str | None,
    y_key: str | None,
    limit: int | None,
) -> Sequences:
    """Read one-hot sequences, and labels where there are any, from an array file.

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

    Returns
    -------
    Sequences
        ``codes`` in this package's order ACGT; ``labels`` (N, T).

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
        total = container.arrays[inputs].shape[axes.index("N")]
        rows = total if limit is None else min(total, limit)
        _check_size(path, inputs, container.arrays[inputs], axes, rows)
        codes = _read_codes(container, inputs, axes, rows, alphabet)
        labels = None
        if label_key is not None:
            batch_last = axes.replace("1", "").endswith("N")
            labels = _read_labels(container, label_key, inputs, total, rows, batch_last)
        classes = 0 if labels is None else labels.shape[1]
        class_names = _texts(container, inputs, _CLASS_NAMES, classes, classes, any_split=True)
        names = _texts(container, inputs, _RECORD_NAMES, total, rows, any_split=False)
        alone = len(container.arrays) == 1
    sites = None
    if file_format == "hdf5":
        sites = sites_beside(path, inputs, total, codes.shape[1])
        sites = None if sites is None else sites.among(0, rows)
    data = Sequences(codes, labels, class_names, names, str(path), sites=sites)
    notes = []
    if "." in alphabet:
        others = alphabet.count(".")
        notes.append(f"{others} of {len(alphabet)} channels are no bases and were left out")
    if rows < total:
        notes.append(f"only the first {rows} of {total} sequences were read, as asked")
    if label_key is None and not alone:
        notes.append("no labels were found by name (--y-key names them)")
    if labels is not None and not data.binary_labels:
        notes.append(f"labels {label_key!r} are not all 0 or 1: no test performance from them")
    return replace(data, notes=tuple(notes))


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
    _, stop = next(_slabs(array, batch, array.shape[batch]), (0, 0))
    return _bases(to_canonical(container.read(inputs, batch, 0, stop), axes), alphabet)


def _bases(array: np.ndarray, alphabet: str) -> np.ndarray:
    """Take the channels of the four bases, in the file's order."""
    if alphabet.isalpha() and len(alphabet) == len(ALPHABET):
        return array
    return array[:, :, [i for i, letter in enumerate(alphabet) if letter in ALPHABET]]


def _check_size(path: Path, inputs: str, array: StoredArray, axes: str, rows: int) -> None:
    """Refuse what would not fit into memory, and files that declare more than they can hold."""
    length = array.shape[axes.index("L")]
    if rows == 0:
        raise DataError(f"{path}: {inputs!r} of shape {array.shape} holds no sequences")
    declared = array.shape[axes.index("N")] * length
    if declared > _SMALL and declared > array.stored_bytes * _MAX_PER_STORED_BYTE:
        raise DataError(
            f"{path}: {inputs!r} declares {declared:,} bases but takes only "
            f"{array.stored_bytes:,} bytes in the file; it cannot hold real sequences"
        )
    if rows * length > MAX_BASES:
        raise DataError(
            f"{path}: {inputs!r} holds {rows:,} sequences of {length:,} bp, {16 * rows * length:,} "
            f"bytes as one-hot; at most {MAX_BASES:,} bases are read: take fewer sequences (limit)"
        )


def _slabs(array: StoredArray, axis: int, rows: int) -> Iterator[tuple[int, int]]:
    """Yield start and stop of slices along ``axis``, in whole chunks of the file."""
    each = math.prod(array.shape) // max(1, array.shape[axis]) * array.item_size
    chunk = max(1, array.chunk(axis))
    step = max(1, _SLAB_BYTES // max(1, each) // chunk) * chunk
    for start in range(0, rows, step):
        yield start, min(rows, start + step)


def _read_codes(
    container: Container, inputs: str, axes: str, rows: int, alphabet: str
) -> np.ndarray:
    array = container.arrays[inputs]
    batch = axes.index("N")
    bases = "".join(letter for letter in alphabet if letter in ALPHABET)
    codes = np.empty((rows, array.shape[axes.index("L")]), dtype=np.uint8)
    for start, stop in _slabs(array, batch, rows):
        slab = _bases(to_canonical(container.read(inputs, batch, start, stop), axes), alphabet)
        codes[start:stop] = codes_from_one_hot(
            slab, alphabet=bases, name=f"{container.path}: {inputs!r}", first=start
        )
    return codes


def _read_labels(
    container: Container, key: str, inputs: str, total: int, rows: int, batch_last: bool
) -> np.ndarray:
    """Read labels (N,), (N, T) or (N, T, 1), all axes reversed if ``batch_last``, as (N, T)."""
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
    if rows * classes > _MAX_LABELS:
        raise DataError(f"{where}: more than {_MAX_LABELS:,} labels; take fewer sequences (limit)")
    axis = len(shape) - 1 if batch_last != row_vector else 0
    labels = np.empty((rows, classes), dtype=np.float32)
    for start, stop in _slabs(array, axis, rows):
        slab = container.read(key, axis, start, stop)
        slab = slab if axis == 0 else slab.T
        labels[start:stop] = slab.reshape(stop - start, classes)
    return labels


def _texts(
    container: Container,
    inputs: str,
    stems: frozenset[str],
    n: int,
    rows: int,
    *,
    any_split: bool,
) -> tuple[str, ...] | None:
    key = companion_key(container, inputs, stems, n, any_split=any_split) if n else None
    if key is None:
        return None
    values = container.read(key, 0, 0, rows).tolist()
    return tuple(v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values)
