"""The steps of the benchmark of large data, each run in a process of its own.

    python -m benchmarks.large_data_steps make FORMAT SEQUENCES FOLDER
    python -m benchmarks.large_data_steps store FORMAT SEQUENCES FOLDER
    python -m benchmarks.large_data_steps scan FORMAT SEQUENCES FOLDER

print one JSON object: seconds on the clock and of the processors, the largest resident memory of
any process, bytes on disk.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

import neuroninterp as ni
from neuroninterp.backend import import_keras
from neuroninterp.sampling import (
    LargestPart,
    LevelsPart,
    merge_largest,
    merge_levels,
    neurons_from_scan,
    scan_largest,
    scan_levels,
)
from neuroninterp.sequences import StoredSequences, decode, open_stored, store_sequences

__all__ = ["FILTERS", "LENGTH", "PROCESSES", "WIDTH", "data_file", "make_model"]

LENGTH, FILTERS, WIDTH, CLASSES = 1000, 64, 19, 10
PROCESSES = 2
_AT_ONCE = 4096
_ACTIVE = 1.28
"""Standard deviations above the mean at which a neuron is active: a tenth of random windows."""


def data_file(kind: str, folder: Path) -> Path:
    """Return where the data file of a format lies."""
    return folder / {"hdf5": "data.h5", "fasta": "data.fa", "bed": "data.bed"}[kind]


def make_model(path: Path) -> None:
    """Save a network of one wide first layer with random weights."""
    keras = import_keras()
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((LENGTH, 4)),
            layers.Conv1D(FILTERS, WIDTH, activation="relu"),
            layers.GlobalMaxPooling1D(),
            layers.Dense(CLASSES, activation="sigmoid"),
        ]
    )
    kernel = np.random.default_rng(0).normal(size=(WIDTH, 4, FILTERS))
    kernel -= kernel.mean(axis=1, keepdims=True)
    deviation = np.sqrt((kernel**2).sum(axis=1).sum(axis=0) / 4)
    model.layers[0].set_weights([kernel / deviation, np.full(FILTERS, -_ACTIVE)])
    model.save(path)


def _make(kind: str, number: int, folder: Path) -> None:
    rng = np.random.default_rng(number)
    path = data_file(kind, folder)
    if kind == "hdf5":
        _make_hdf5(path, number, rng)
    elif kind == "fasta":
        with path.open("w") as file:
            for first in range(0, number, _AT_ONCE):
                for index, letters in enumerate(decode(_codes(rng, number - first)), first):
                    file.write(f">sequence-{index}\n{letters}\n")
    else:
        genome = rng.integers(0, 4, 20_000_000, np.uint8)
        (folder / "genome.fa").write_text(f">chr1\n{_lines(genome)}\n")
        starts = rng.integers(0, len(genome) - LENGTH, number)
        strands = rng.choice(["+", "-"], number)
        path.write_text(
            "".join(
                f"chr1\t{a}\t{a + LENGTH}\t.\t0\t{strand}\n"
                for a, strand in zip(starts.tolist(), strands, strict=True)
            )
        )


def _make_hdf5(path: Path, number: int, rng: np.random.Generator) -> None:
    import h5py

    rows = np.eye(4, dtype=np.uint8)
    with h5py.File(path, "w") as file:
        shape, chunk = (number, LENGTH, 4), (min(number, 64), LENGTH, 4)
        bases = file.create_dataset("X_test", shape, "u1", chunks=chunk, compression="lzf")
        labels = file.create_dataset("Y_test", (number, CLASSES), "u1")
        for first in range(0, number, _AT_ONCE):
            codes = _codes(rng, number - first)
            bases[first : first + len(codes)] = rows[codes]
            labels[first : first + len(codes)] = rng.integers(0, 2, (len(codes), CLASSES))


def _codes(rng: np.random.Generator, number: int) -> np.ndarray:
    return rng.integers(0, 4, (min(_AT_ONCE, number), LENGTH), np.uint8)


def _lines(genome: np.ndarray) -> str:
    return "\n".join(decode(genome.reshape(-1, 100)))


def _store(kind: str, folder: Path) -> StoredSequences:
    genome = folder / "genome.fa" if kind == "bed" else None
    path = data_file(kind, folder)
    return store_sequences(path, folder / "stored", length=LENGTH, genome=genome)


class _Worker:
    """What each process of a scan keeps: the model, the sequences."""

    model: Any
    data: StoredSequences

    @classmethod
    def begin(cls, folder: Path) -> None:
        cls.model = ni.load(folder / "model.keras", device="cpu")
        cls.data = open_stored(folder / "stored")

    @classmethod
    def largest(cls, number: int, first: int) -> tuple[LargestPart, int]:
        codes = cls.data.block(number).codes
        return scan_largest(cls.model, 1, range(FILTERS), codes, first), _peak()

    @classmethod
    def levels(
        cls, number: int, first: int, thresholds: np.ndarray, maxima: np.ndarray
    ) -> tuple[LevelsPart, int]:
        codes = cls.data.block(number).codes
        ends = (thresholds, maxima, maxima)
        return scan_levels(cls.model, 1, range(FILTERS), *ends, codes, first, 0), _peak()


def _scan(folder: Path) -> int:
    """Look at all blocks with two processes of one thread; return the largest memory of these."""
    peaks = [0]

    def parts(found: Any) -> Iterator[Any]:
        for part, peak in found:
            peaks.append(peak)
            yield part

    data = open_stored(folder / "stored")
    numbers = range(data.block_count)
    size = len(data.block(0))
    firsts = [number * size for number in numbers]
    thresholds = np.zeros(FILTERS)
    context = get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, context, _Worker.begin, (folder,)) as pool:
        largest = merge_largest(parts(pool.map(_Worker.largest, numbers, firsts)))
        bounds = [[thresholds] * len(numbers), [largest.maxima] * len(numbers)]
        levels = merge_levels(parts(pool.map(_Worker.levels, numbers, firsts, *bounds)))
    model = ni.load(folder / "model.keras", device="cpu")
    found = neurons_from_scan(model, 1, range(FILTERS), thresholds, largest, levels, data)
    if sum(neuron.level_counts.sum() for neuron in found) != levels.counts.sum():
        raise AssertionError("windows were lost")
    return max(peaks)


def _peak() -> int:
    """Return the largest resident memory of this process so far, bytes.

    Not what ``getrusage`` says, which a process inherits from the one that started it.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def main() -> None:
    step, kind, number, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    begun = time.perf_counter()
    peak = 0
    if step == "make":
        make_model(folder / "model.keras")
        _make(kind, number, folder)
    elif step == "store":
        _store(kind, folder)
    else:
        peak = _scan(folder)
    seconds = time.perf_counter() - begun
    stored = sum(path.stat().st_size for path in (folder / "stored").glob("*"))
    file = data_file(kind, folder).stat().st_size
    used = os.times()  # the processes of a scan have ended, and so count here
    found = {
        "seconds": seconds,
        "cpu": used.user + used.system + used.children_user + used.children_system,
        "peak": max(peak, _peak()),
        "file": file,
        "stored": stored,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
