"""HDF5 files of Keras: what they hold, and whether their declared sizes are honest."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neuroninterp.errors import ModelError
from neuroninterp.hdf5_heaps import damaged_heap, occurrences

__all__ = [
    "HDF5_MAGIC",
    "LARGEST_EXPANSION",
    "LayerWeights",
    "attribute_text",
    "check_datasets",
    "open_hdf5",
    "read_layer_weights",
    "weights_layout",
]

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"

LARGEST_EXPANSION = 200
"""Weights hardly compress; a file that grows more than this is made to fill a memory."""

_MOST_ITEMS = 1_000_000
_DEEPEST = 100
"""Most groups inside one another; finding an item takes as many steps."""

_TEXTS = (b"model_config", b"training_config", b"keras_version", b"backend")
"""Attributes that hold a text of any length."""
_LONGEST_ATTRIBUTE = 120
"""Bytes from an attribute's name to the end of its description."""


@dataclass(frozen=True)
class LayerWeights:
    """The stored arrays of one layer.

    Parameters
    ----------
    name : str
        The layer's name in the file; empty where only its place is known.
    arrays : tuple of numpy.ndarray
        Its weights, in the order in which Keras wrote them.
    """

    name: str
    arrays: tuple[np.ndarray, ...]


@contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """Open an HDF5 file for reading; whatever the library finds wrong is a ModelError.

    Parameters
    ----------
    path : Path
        The file.

    Yields
    ------
    h5py.File

    Raises
    ------
    ModelError
        If the file cannot be opened or breaks while it is read.
    """
    import h5py

    try:
        _check_text_lengths(path)
        if (place := damaged_heap(path)) is not None:
            raise ModelError(f"{path} is damaged: its texts at byte {place:,} have no end")
        with h5py.File(path, "r") as file:
            yield file
    except ModelError:
        raise
    except FileNotFoundError:
        raise ModelError(f"no such file: {path}") from None
    except Exception as error:  # h5py raises every kind on a damaged file
        raise ModelError(
            f"{path} starts like HDF5 but cannot be read; is it truncated or damaged?"
        ) from error


def _check_text_lengths(path: Path) -> None:
    """Refuse texts said to be longer than the file: HDF5 takes that memory before it looks.

    Of the texts that Keras keeps as attributes. Shortly after the attribute's name stand the
    text's length (4 bytes), the address of the collection that holds it (8) and its number in
    there (4, from 1); collections begin with ``GCOL``.
    """
    size = path.stat().st_size
    if size == 0:
        return
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        addresses = [struct.pack("<Q", place) for place in occurrences(data, b"GCOL")]
        for name in _TEXTS:
            for start in occurrences(data, name):
                for length in _lengths_after(data, start, addresses):
                    if length > size:
                        raise ModelError(
                            f"{path} is damaged: it announces a text of {length:,} bytes, more "
                            f"than the file's {size:,}"
                        )


def _lengths_after(data: mmap.mmap, start: int, addresses: list[bytes]) -> Iterator[int]:
    """Yield the lengths of the texts that lie in a collection and are named at ``start``."""
    end = min(start + _LONGEST_ATTRIBUTE, len(data) - 4)
    for address in addresses:
        place = data.find(address, start + 4, end)
        if place >= 0 and 0 < struct.unpack_from("<I", data, place + 8)[0] < 2**16:
            yield struct.unpack_from("<I", data, place - 4)[0]


def check_datasets(file: Any, path: Path, size: int) -> None:
    """Refuse data outside the file, and more data than the file can honestly hold.

    Parameters
    ----------
    file : h5py.File
        The open file.
    path : Path
        Its name, for messages.
    size : int
        Its size on disk, bytes.

    Raises
    ------
    ModelError
        Naming the dataset.
    """
    import h5py

    declared = 0
    items = 0
    largest = LARGEST_EXPANSION * max(size, 1)

    def check(name: str, item: Any) -> None:
        nonlocal declared, items
        items += 1
        if name.count("/") > _DEEPEST:
            raise ModelError(f"{path}: its groups nest more than {_DEEPEST} deep; refused")
        if isinstance(item, h5py.Dataset):
            outside = bool(item.external) or item.is_virtual
            declared += int(item.dtype.itemsize) * int(np.prod(item.shape, dtype=object))
        else:
            links = (item.get(key, getlink=True) for key in item)
            outside = any(isinstance(link, h5py.ExternalLink) for link in links)
        if outside:
            raise ModelError(f"{path}: {name!r} points to data outside the file; refused")
        if declared > largest or items > _MOST_ITEMS:
            raise ModelError(
                f"{path}: {name!r} declares data of more than {LARGEST_EXPANSION} times the "
                f"file's {size:,} bytes; refused"
            )

    check("/", file)
    file.visititems(check)


def attribute_text(file: Any, key: str) -> str:
    """Return a text attribute of a file or group, "" where there is none."""
    value = file.attrs.get(key, "")
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""


def weights_layout(file: Any) -> str:
    """Tell how a file holds weights.

    Parameters
    ----------
    file : h5py.File
        The open file.

    Returns
    -------
    str
        "by_name" (Keras 1 and 2 ``save_weights``), "whole" (the same inside a whole model),
        "numbered" (Keras 0.x), "by_path" (Keras 3 ``.weights.h5``), or "" for none of these.
    """
    if "model_weights" in file:
        return "whole"
    if "layer_names" in file.attrs or "layer_names0" in file.attrs:
        return "by_name"
    if "nb_layers" in file.attrs:
        return "numbered"
    if any(key in file for key in ("layers", "_layer_checkpoint_dependencies")):
        return "by_path"
    return ""


def read_layer_weights(file: Any, path: Path) -> list[LayerWeights]:
    """Read the weights of a Keras 0.x or 1 file, one entry a layer, in the file's order.

    Parameters
    ----------
    file : h5py.File
        The open file, its datasets checked.
    path : Path
        Its name, for messages.

    Returns
    -------
    list of LayerWeights

    Raises
    ------
    ModelError
        If a layer or an array that the file announces is not in it.
    """
    layout = weights_layout(file)
    try:
        if layout == "numbered":
            return [
                LayerWeights("", _numbered(file[f"layer_{k}"]))
                for k in range(int(file.attrs["nb_layers"]))
            ]
        group = file["model_weights"] if layout == "whole" else file
        return [
            LayerWeights(
                name, tuple(np.asarray(group[name][key]) for key in _names(group[name], "weight"))
            )
            for name in _names(group, "layer")
        ]
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{path}: the weights are incomplete ({error})") from error


def _numbered(group: Any) -> tuple[np.ndarray, ...]:
    return tuple(np.asarray(group[f"param_{n}"]) for n in range(int(group.attrs["nb_params"])))


def _names(group: Any, kind: str) -> list[str]:
    """Read a list of names, which Keras splits where it is too long for one attribute."""
    key = f"{kind}_names"
    pieces = []
    if key in group.attrs:
        pieces.append(group.attrs[key])
    else:
        while f"{key}{len(pieces)}" in group.attrs:
            pieces.append(group.attrs[f"{key}{len(pieces)}"])
    return [
        name.decode("utf-8") if isinstance(name, bytes) else str(name)
        for piece in pieces
        for name in piece
    ]
