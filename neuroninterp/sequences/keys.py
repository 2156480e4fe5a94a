"""Which array of a file holds the sequences, and which belong to it.

The usual names are those of Koo & Eddy (``X_test``, ``Y_test``), Basset (``test_in``,
``test_out``, ``target_labels``, ``test_headers``), DeepSEA (``testxdata``, ``testdata``)
and their like. Of several parts the test set comes before the validation set, and that
before the training set, because a network's training sequences flatter it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from neuroninterp.errors import DataError
from neuroninterp.sequences.containers import Container
from neuroninterp.sequences.layouts import fitting_axes
from neuroninterp.text import first_few

__all__ = ["companion_key", "find_inputs", "find_labels", "listing"]

_INPUT_STEMS = frozenset(
    ["x", "xdata", "in", "input", "inputs", "seq", "seqs", "sequence", "sequences", "onehot", "dna"]
)
_LABEL_STEMS = frozenset(
    ["y", "ydata", "out", "output", "outputs", "label", "labels", "target", "targets"]
)
_PARTNERS = {"x": ("y",), "in": ("out",), "xdata": ("data", "ydata"), "input": ("output",)}
_MAX_LISTED = 12


def listing(container: Container, keys: Iterable[str] | None = None) -> str:
    """Name arrays with their shapes, for an error."""
    chosen = list(container.arrays if keys is None else keys)
    return first_few([f"{key!r} {container.arrays[key].shape}" for key in chosen], _MAX_LISTED)


def find_inputs(
    container: Container, length: int | None, key: str | None, channels: int = 4
) -> str:
    """Find the array of one-hot sequences.

    Parameters
    ----------
    container : Container
        The open file.
    length : int or None
        Length that the sequences must have, bp.
    key : str or None
        Its name, where the user gives one.
    channels : int
        How many channels it has.

    Returns
    -------
    str
        The key.

    Raises
    ------
    DataError
        If there is no such key, no array fits, or several fit equally well; says what was
        found and what was expected.
    """
    if key is not None:
        _check_key(container, key, "--x-key")
        if not _layouts(container, key, length, channels):
            raise DataError(_misfit(container, key, length, channels))
        return key
    numeric = [
        key
        for key, array in container.arrays.items()
        if array.kind == "number" and _stem(key) not in _LABEL_STEMS
    ]
    fitting = [key for key in numeric if _layouts(container, key, length, channels)]
    if not fitting:
        loose = [key for key in numeric if _layouts(container, key, None, channels)]
        if len(loose) == 1 or (len(numeric) == 1 == len(container.arrays)):
            raise DataError(_misfit(container, (loose or numeric)[0], length, channels))
        raise DataError(
            f"{container.path}: no array holds one-hot sequences{_of(length)}; found "
            f"{listing(container)}, expected {_expected(channels)}"
        )
    ranks = {key: (_split_rank(key), _stem(key) not in _INPUT_STEMS) for key in fitting}
    best = [key for key in fitting if ranks[key] == min(ranks.values())]
    if len(best) > 1:
        raise DataError(
            f"{container.path}: several arrays could be the sequences: "
            f"{listing(container, best)}; name one with --x-key"
        )
    return best[0]


def find_labels(container: Container, inputs: str, key: str | None) -> str | None:
    """Find the array of labels that belongs to the sequences ``inputs``.

    Parameters
    ----------
    container : Container
        The open file.
    inputs : str
        Key of the sequences.
    key : str or None
        Key of the labels, where the user gives one.

    Returns
    -------
    str or None
        The key; None where no array has a usual name.

    Raises
    ------
    DataError
        If there is no such key, or several arrays could be the labels.
    """
    if key is not None:
        _check_key(container, key, "--y-key")
        return key
    siblings = [
        other for other in _siblings(container, inputs) if container.arrays[other].kind == "number"
    ]
    for stem in _PARTNERS.get(_stem(inputs), ()):
        partners = [other for other in siblings if _stem(other) == stem]
        if len(partners) == 1:
            return partners[0]
    named = [other for other in siblings if _stem(other) in _LABEL_STEMS]
    if len(named) > 1:
        raise DataError(
            f"{container.path}: several arrays could be the labels of {inputs!r}: "
            f"{listing(container, named)}; name one with --y-key"
        )
    return named[0] if named else None


def companion_key(
    container: Container, inputs: str, stems: frozenset[str], n: int, *, any_split: bool
) -> str | None:
    """Find the one text array of shape (n,) with one of the names ``stems``, if there is one.

    ``any_split`` also admits one outside the group and the split (test, train) of ``inputs``.
    """
    candidates = list(container.arrays) if any_split else _siblings(container, inputs)
    fitting = [
        key
        for key in candidates
        if container.arrays[key].kind == "text"
        and container.arrays[key].shape == (n,)
        and _stem(key) in stems
    ]
    return fitting[0] if len(fitting) == 1 else None


def _siblings(container: Container, key: str) -> list[str]:
    """Return the other arrays of the same group and the same split."""
    group = key.rpartition("/")[0]
    return [
        other
        for other in container.arrays
        if other != key
        and other.rpartition("/")[0] == group
        and _split_rank(other) == _split_rank(key)
    ]


def _split_rank(key: str) -> int:
    name = key.lower()
    return next((rank for rank, word in ((0, "test"), (1, "val"), (3, "train")) if word in name), 2)


def _stem(key: str) -> str:
    """Return the last part of a key in small letters, without test, train and the like."""
    name = key.rpartition("/")[2].lower()
    return re.sub(r"test(ing)?|valid(ation)?|val(?![a-z])|train(ing)?|[^a-z]", "", name)


def _layouts(container: Container, key: str, length: int | None, channels: int) -> list[str]:
    array = container.arrays[key]
    return fitting_axes(
        array.shape, length, reverse_first=container.reversed_axes, channels=channels
    )


def _expected(channels: int) -> str:
    return f"(N, {channels}, L), (N, L, {channels}) or one of these with a dummy axis"


def _check_key(container: Container, key: str, option: str) -> None:
    if key not in container.arrays:
        raise DataError(
            f"{container.path}: no array {key!r} ({option}); the file has {listing(container)}"
        )
    if container.arrays[key].kind != "number":
        raise DataError(f"{container.path}: {key!r} ({option}) does not hold numbers of its own")


def _of(length: int | None) -> str:
    return "" if length is None else f" of {length} bp"


def _misfit(container: Container, key: str, length: int | None, channels: int) -> str:
    shape = container.arrays[key].shape
    where = f"{container.path}: {key!r} of shape {shape}"
    layouts = _layouts(container, key, None, channels)
    if layouts and length is not None:
        found = shape[layouts[0].index("L")]
        return f"{where} holds sequences of {found} bp, expected {length} bp, the model's length"
    return f"{where} cannot be one-hot sequences{_of(length)}; expected {_expected(channels)}"
