"""Sequences that are kept on disk at two bits a base, because memory would not hold them.

A folder holds ``blocks.json``, which says of which file with which arguments it was made, and a
file for each block (:mod:`neuroninterp.sequences.block_file`). What is there and whole is not
made again, so that an interrupted conversion continues where it was.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from neuroninterp.durable import replace_file
from neuroninterp.errors import DataError, OutputError
from neuroninterp.sequences.block_file import (
    BlockFacts,
    read_block,
    read_facts,
    write_block,
)
from neuroninterp.sequences.dataset import Sequences, block_size, check_numbers
from neuroninterp.sequences.digest import data_digest
from neuroninterp.sequences.opened import OpenedData, in_blocks

__all__ = ["StoredSequences", "open_stored", "origin_of", "reopen", "store"]

_DESCRIPTION = "blocks.json"
_SCHEMA = 1
_KEPT_IN_MEMORY = 2
"""Blocks that were read last are kept: several windows are cut from each."""


@dataclass(frozen=True, eq=False)
class StoredSequences:
    """Sequences of one length in a folder, of which only some are in memory at a time.

    They offer what :class:`neuroninterp.sequences.dataset.SequenceData` says. Made by
    :func:`neuroninterp.sequences.store_sequences` and :func:`open_stored`.

    Parameters
    ----------
    folder : Path
        Where they are.
    source : str
        Path of the file that they were read from.
    number, length : int
        Sequences, and bp of each.
    classes : int
        Labels of each; 0 without labels.
    class_names : tuple of str or None
        What they are called.
    named : bool
        Whether the sequences have names.
    notes : tuple of str
        What was left out, cut or padded.
    binary_labels : bool
        Whether there are labels and all that are not missing are 0 or 1.
    digest : str
        Hash of codes, labels and names.
    """

    folder: Path
    source: str
    number: int
    length: int
    classes: int
    class_names: tuple[str, ...] | None
    named: bool
    notes: tuple[str, ...]
    binary_labels: bool
    digest: str
    _recent: dict[int, Sequences] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return self.number

    @cached_property
    def _size(self) -> int:
        return block_size(self.length, self.classes)

    @property
    def block_count(self) -> int:
        """Number of blocks."""
        return -(-self.number // self._size)

    def block(self, number: int) -> Sequences:
        """Return one block, by its number from 0.

        Raises
        ------
        DataError
            If its file is missing, truncated or altered.
        """
        recent = self._recent
        if number not in recent:
            piece = read_block(_block_path(self.folder, number))
            while len(recent) >= _KEPT_IN_MEMORY:
                recent.pop(next(iter(recent)))
            recent[number] = Sequences(
                piece.codes, piece.labels, self.class_names, piece.names, self.source, self.notes
            )
        return recent[number]

    def blocks(self) -> Iterator[tuple[int, Sequences]]:
        """Yield the number of the first sequence of each block, and the block."""
        for number in range(self.block_count):
            yield number * self._size, self.block(number)

    def some(self, numbers: Sequence[int]) -> Sequences:
        """Return the sequences of these numbers (from 0), in their order.

        Sequences without names are called by their numbers from here on.

        Raises
        ------
        DataError
            If there is no sequence of a number, or a block cannot be read.
        """
        check_numbers(self, numbers)
        chosen = np.asarray(numbers, np.int64)
        codes = np.empty((len(chosen), self.length), np.uint8)
        labels = np.empty((len(chosen), self.classes), np.float32) if self.classes else None
        names = [str(number) for number in numbers]
        for block_number in np.unique(chosen // self._size).tolist():
            block = self.block(block_number)
            rows = np.flatnonzero(chosen // self._size == block_number)
            inside = chosen[rows] - block_number * self._size
            codes[rows] = block.codes[inside]
            if labels is not None and block.labels is not None:
                labels[rows] = block.labels[inside]
            if block.names is not None:
                for row, place in zip(rows.tolist(), inside.tolist(), strict=True):
                    names[row] = block.names[place]
        return Sequences(codes, labels, self.class_names, tuple(names), self.source, self.notes)


def origin_of(path: Path, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Describe what stored sequences are made from: files by size and time, and arguments.

    Parameters
    ----------
    path : Path
        The data file.
    arguments : mapping
        How it is read; plain values, and the genome's path under "genome".
    """
    genome = arguments.get("genome")
    files = [path] if genome is None else [path, Path(genome)]
    return {
        "schema": _SCHEMA,
        "files": [_state(file) for file in files],
        "arguments": {**arguments, "genome": None if genome is None else str(genome)},
    }


def store(
    opened: OpenedData,
    folder: Path,
    origin: Mapping[str, Any],
    advance: Callable[[int], None] = lambda sequences: None,
) -> StoredSequences:
    """Store what an open file holds, except what is there already.

    Parameters
    ----------
    opened : OpenedData
        The file.
    folder : Path
        Where to; made where it is missing. What it holds of another origin is deleted.
    origin : mapping
        From :func:`origin_of`.
    advance : callable
        Called with the number of sequences done since the last call.

    Raises
    ------
    DataError
        If the file turns out to be damaged.
    OutputError
        If the folder cannot be written.
    """
    try:
        _begin(folder, origin)
        facts = _blocks(opened, folder, advance)
        binary = bool(opened.classes) and all(fact.binary_labels for fact in facts)
        description = {
            "origin": origin,
            "source": opened.source,
            "number": opened.number,
            "length": opened.length,
            "classes": opened.classes,
            "class_names": opened.class_names,
            "named": opened.named,
            "notes": opened.all_notes(binary),
            "binary_labels": binary,
            "digest": data_digest(
                opened.number, opened.length, opened.class_names, [fact.digest for fact in facts]
            ),
        }
        replace_file(folder / _DESCRIPTION, json.dumps(description, indent=1).encode())
    except OSError as error:
        raise OutputError(
            f"{folder}: sequences cannot be stored ({os.strerror(error.errno or 0)}); "
            f"{opened.number * opened.length / 4e9:.1f} GB are needed"
        ) from error
    return open_stored(folder)


def open_stored(folder: Path) -> StoredSequences:
    """Open stored sequences.

    Raises
    ------
    DataError
        If the folder holds none, or not all of them yet.
    """
    found = _description(folder)
    if found is None or "digest" not in found:
        raise DataError(f"{folder}: holds no stored sequences, or not all of them yet")
    names = found["class_names"]
    return StoredSequences(
        folder=folder,
        source=found["source"],
        number=found["number"],
        length=found["length"],
        classes=found["classes"],
        class_names=None if names is None else tuple(names),
        named=found["named"],
        notes=tuple(found["notes"]),
        binary_labels=found["binary_labels"],
        digest=found["digest"],
    )


def reopen(folder: Path, origin: Mapping[str, Any]) -> StoredSequences | None:
    """Open what was stored of the same origin; None where not all of it is there and whole."""
    found = _description(folder)
    if found is None or found.get("origin") != origin or "digest" not in found:
        return None
    stored = open_stored(folder)
    try:
        for number in range(stored.block_count):
            read_facts(_block_path(folder, number))
    except DataError:
        return None
    return stored


def _begin(folder: Path, origin: Mapping[str, Any]) -> None:
    """Make the folder; empty it where it holds blocks of another origin."""
    folder.mkdir(parents=True, exist_ok=True)
    found = _description(folder)
    if found is None or found.get("origin") != origin:
        with suppress(FileNotFoundError):
            (folder / _DESCRIPTION).unlink()
        for path in folder.glob("*.block"):
            path.unlink()
        replace_file(folder / _DESCRIPTION, json.dumps({"origin": origin}).encode())


def _blocks(opened: OpenedData, folder: Path, advance: Callable[[int], None]) -> list[BlockFacts]:
    """Make every block that is missing or damaged; return the facts of all."""
    size = block_size(opened.length, opened.classes)
    count = -(-opened.number // size)
    facts: dict[int, BlockFacts] = {}
    for number in range(count):
        with suppress(DataError):
            facts[number] = read_facts(_block_path(folder, number))
    missing = [number for number in range(count) if number not in facts]
    advance(min(opened.number, len(facts) * size))
    if missing:
        blocks = in_blocks(opened.pieces(missing[0] * size), size)
        for number, block in enumerate(blocks, missing[0]):
            if number not in facts:
                facts[number] = write_block(_block_path(folder, number), block)
                advance(len(block.codes))
            if number == missing[-1]:
                break
    if len(facts) != count:
        raise DataError(f"{opened.source}: changed while it was read; run again")
    return [facts[number] for number in range(count)]


def _description(folder: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((folder / _DESCRIPTION).read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _state(path: Path) -> list[Any]:
    state = path.stat()
    return [str(path.resolve()), state.st_size, state.st_mtime_ns]


def _block_path(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.block"
