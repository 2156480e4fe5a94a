"""One block of stored sequences in a file: packed codes, labels, names, and a checksum.

A file is a NumPy ``.npz`` archive followed by its SHA-256. It is written aside, synchronised and
renamed, so that under its name it is either whole or absent; what altered it later is noticed.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from neuroninterp.durable import replace_file
from neuroninterp.errors import DataError
from neuroninterp.sequences.digest import block_digest
from neuroninterp.sequences.opened import Piece
from neuroninterp.sequences.packing import PackedCodes, pack, unpack

__all__ = ["BlockFacts", "read_block", "read_facts", "write_block"]

_CHECKSUM = hashlib.sha256().digest_size
_MISSING = 255  # a missing label, where labels are stored as bytes


class BlockFacts(NamedTuple):
    """What is asked of a block without unpacking it.

    Parameters
    ----------
    digest : bytes
        Hash of its content (:func:`neuroninterp.sequences.digest.block_digest`).
    binary_labels : bool
        Whether all its labels that are not missing are 0 or 1.
    """

    digest: bytes
    binary_labels: bool


def write_block(path: Path, block: Piece) -> BlockFacts:
    """Write a block.

    Raises
    ------
    OSError
        If that fails; then nothing is left of it.
    """
    labels = None if block.labels is None else block.labels.astype(np.float32, copy=False)
    facts = BlockFacts(
        block_digest(block.codes, labels, block.names),
        labels is None or bool(((labels == 0) | (labels == 1) | np.isnan(labels)).all()),
    )
    packed = pack(block.codes)
    arrays = {
        "shape": np.array(block.codes.shape, np.int64),
        "bases": packed.bases,
        "unknown_starts": packed.unknown_starts,
        "unknown_lengths": packed.unknown_lengths,
        "digest": np.frombuffer(facts.digest, np.uint8),
        "binary_labels": np.array(facts.binary_labels),
    }
    if labels is not None:
        small = _as_bytes(labels)
        arrays["label_type"] = np.array(small.dtype.str)
        arrays["label_shape"] = np.array(labels.shape, np.int64)
        arrays["labels"] = _deflated(small.tobytes())
    if block.names is not None:
        arrays["names"] = _deflated(json.dumps(list(block.names)).encode())
    archive = io.BytesIO()
    np.savez(archive, **arrays)  # type: ignore[arg-type]  # its stubs take the names for options
    content = archive.getvalue()
    replace_file(path, content, hashlib.sha256(content).digest())
    return facts


def read_block(path: Path) -> Piece:
    """Read a block.

    Raises
    ------
    DataError
        If the file is missing, truncated or altered.
    """
    arrays = _arrays(path)
    shape = tuple(arrays["shape"].tolist())
    codes = unpack(
        PackedCodes(arrays["bases"], arrays["unknown_starts"], arrays["unknown_lengths"]), shape
    )
    labels = names = None
    if "labels" in arrays:
        stored = np.frombuffer(zlib.decompress(arrays["labels"].data), str(arrays["label_type"]))
        labels = stored.astype(np.float32).reshape(arrays["label_shape"])
        if stored.dtype == np.uint8:
            labels[labels == _MISSING] = np.nan
    if "names" in arrays:
        names = tuple(json.loads(zlib.decompress(arrays["names"].data)))
    return Piece(codes, labels, names)


def read_facts(path: Path) -> BlockFacts:
    """Read what is asked of a block first, and make sure that it is whole; errors as there."""
    arrays = _arrays(path)
    return BlockFacts(arrays["digest"].tobytes(), bool(arrays["binary_labels"]))


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path}: stored sequences cannot be read ({os.strerror(error.errno or 0)}); run "
            "again, and they are stored anew from the data file"
        ) from error
    body, checksum = content[:-_CHECKSUM], content[-_CHECKSUM:]
    if hashlib.sha256(body).digest() != checksum:
        raise DataError(
            f"{path}: stored sequences were truncated or altered; run again, and they are stored "
            "anew from the data file"
        )
    with np.load(io.BytesIO(body), allow_pickle=False) as archive:
        return dict(archive)


def _as_bytes(labels: np.ndarray) -> np.ndarray:
    """Return labels as bytes where that loses nothing, which it rarely does."""
    missing = np.isnan(labels)
    small = np.where(missing, _MISSING, np.clip(labels, 0, _MISSING - 1)).astype(np.uint8)
    return small if (missing | (small == labels)).all() else labels


def _deflated(content: bytes) -> np.ndarray:
    return np.frombuffer(zlib.compress(content, 1), np.uint8)
