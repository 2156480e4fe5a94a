"""By which hash a set of sequences is known again, in memory or stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np

__all__ = ["block_digest", "data_digest"]


def block_digest(
    codes: np.ndarray, labels: np.ndarray | None, names: Sequence[str] | None
) -> bytes:
    """Hash the sequences of one block.

    Parameters
    ----------
    codes : numpy.ndarray, shape=(n, L)
        uint8.
    labels : numpy.ndarray, shape=(n, T), or None
        float32; all NaNs count as the same.
    names : sequence of str or None
        One a sequence.

    Returns
    -------
    bytes
        SHA-256.
    """
    found = hashlib.sha256()
    found.update(np.ascontiguousarray(codes, np.uint8).data)
    if labels is not None:
        # Adding 0 turns -0 into 0, which is the same label.
        plain = np.where(np.isnan(labels), np.float32(np.nan), labels + np.float32(0))
        found.update(b"labels")
        found.update(np.ascontiguousarray(plain, "<f4").data)
    if names is not None:
        found.update(b"names")
        found.update(json.dumps(list(names)).encode())
    return found.digest()


def data_digest(
    number: int, length: int, class_names: Sequence[str] | None, blocks: Sequence[bytes]
) -> str:
    """Hash a whole set of sequences from the hashes of its blocks.

    Parameters
    ----------
    number, length : int
        Sequences, and bp of each.
    class_names : sequence of str or None
        What the labels are called.
    blocks : sequence of bytes
        From :func:`block_digest`, in order.

    Returns
    -------
    str
        SHA-256 in hexadecimal digits.
    """
    named = None if class_names is None else list(class_names)
    found = hashlib.sha256(json.dumps([number, length, named]).encode())
    for block in blocks:
        found.update(block)
    return found.hexdigest()
