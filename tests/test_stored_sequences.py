"""Sequences stored block by block are those that are read at once, whatever happened between."""

from __future__ import annotations

import gzip
import os

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from neuroninterp.errors import DataError, OutputError
from neuroninterp.measurement import fields
from neuroninterp.sequences import (
    Sequences,
    decode,
    one_hot,
    open_stored,
    read_or_store,
    read_sequences,
    store_sequences,
)
from neuroninterp.sequences.packing import pack, unpack

N, LENGTH = 53, 13


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Eight blocks of seven sequences, the last of four."""
    monkeypatch.setattr("neuroninterp.sequences.dataset._BLOCK_SEQUENCES", 7)
    monkeypatch.setattr("neuroninterp.sequences.arrays._SLAB_BYTES", 5 * 4 * LENGTH)
    monkeypatch.setattr("neuroninterp.sequences.fasta._PIECE_BASES", 4 * LENGTH)
    monkeypatch.setattr("neuroninterp.sequences.bed._PIECE_BASES", 3 * LENGTH)


@pytest.fixture
def codes():
    return np.random.default_rng(1).integers(0, 5, (N, LENGTH), np.uint8)


def write_hdf5(path, codes, labels, names=None):
    with h5py.File(path, "w") as file:
        bases = one_hot(codes).astype(np.uint8)
        file.create_dataset("X_test", data=bases, chunks=(10, LENGTH, 4), compression="lzf")
        file["Y_test"] = labels
        file["class_names"] = [f"class {k}" for k in range(labels.shape[1])]
        if names is not None:
            file["names_test"] = names
    return path


def labels_of(kind):
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 2, (N, 3)).astype(np.float32)
    if kind == "missing":
        labels[rng.random((N, 3)) < 0.2] = np.nan
    if kind == "graded":
        labels[N - 1] = (0.1, -4.0, 255.0)
    return labels


def make(kind, folder, codes):
    """Write a data file; return it and how it is read."""
    if kind in ("binary", "missing", "graded"):
        names = [f"näme {n}" for n in range(N)] if kind == "missing" else None
        return write_hdf5(folder / "data.h5", codes, labels_of(kind), names), {"length": LENGTH}
    text = "".join(f">r{n} x\n{letters}\n" for n, letters in enumerate(decode(codes)))
    if kind == "fasta":
        path = folder / "data.fa.gz"
        path.write_bytes(gzip.compress((">none\n" + text + ">odd\nACGTACGT\n").encode()))
        return path, {"length": None}
    genome, bed = folder / "genome.fa", folder / "peaks.bed"
    genome.write_text(f">chr1\n{''.join(decode(codes))}\n")
    rng = np.random.default_rng(3)
    starts = rng.integers(-LENGTH, N * LENGTH, N + 20).clip(0)  # some run over the ends
    strands = rng.choice(["+", "-", "."], N + 20)
    lines = [f"chr1\t{s}\t{s + 3}\t.\t0\t{t}\n" for s, t in zip(starts, strands, strict=True)]
    bed.write_text("chrM\t1\t5\n" + "".join(lines))
    return bed, {"length": LENGTH, "genome": genome}


KINDS = ["binary", "missing", "graded", "fasta", "bed"]


@settings(deadline=None)
@given(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=70),
               elements=st.integers(0, 4))
)  # fmt: skip
def test_packing_loses_nothing(codes):
    packed = pack(codes)
    np.testing.assert_array_equal(unpack(packed, codes.shape), codes)
    assert packed.bases.nbytes == -(-codes.size // 4)
    assert len(packed.unknown_starts) <= (codes == 4).sum()


@pytest.mark.parametrize("kind", KINDS)
def test_stored_is_what_is_read(tmp_path, codes, kind):
    path, arguments = make(kind, tmp_path, codes)
    whole = read_sequences(path, **arguments)
    stored = store_sequences(path, tmp_path / "stored", **arguments)
    assert len(stored) == len(whole) > 7
    facts = [
        "length",
        "classes",
        "named",
        "class_names",
        "notes",
        "source",
        "block_count",
        "binary_labels",
        "digest",
    ]
    for name in facts:
        assert getattr(stored, name) == getattr(whole, name), name
    assert stored.binary_labels == (kind in ("binary", "missing"))
    for (first, block), (same, other) in zip(stored.blocks(), whole.blocks(), strict=True):
        assert first == same
        check_same(block, other)
    numbers = [len(whole) - 1, 0, 8, 0, 30, 29]
    check_same(stored.some(numbers), whole.some(numbers))
    assert stored.some(numbers).names == whole.some(numbers).names
    check_same(stored.some([]), whole.some([]))
    with pytest.raises(DataError, match=f"has no sequence {len(whole)}"):
        stored.some([len(whole)])
    again = open_stored(stored.folder)
    assert all(getattr(again, name) == getattr(stored, name) for name in facts)


def check_same(block: Sequences, other: Sequences) -> None:
    np.testing.assert_array_equal(block.codes, other.codes)
    assert block.names == other.names
    assert (block.labels is None) == (other.labels is None)
    if other.labels is not None:
        assert block.labels.dtype == other.labels.dtype == np.float32
        np.testing.assert_array_equal(block.labels, other.labels)


def test_the_digest_is_of_the_content_alone(tmp_path, codes):
    labels = labels_of("missing")

    def data(codes=codes, labels=labels, classes=("a", "b", "c"), names=None, source="x"):
        return Sequences(codes, labels, classes, names, source).digest

    other = codes.copy()
    other[N - 1, LENGTH - 1] ^= 1
    relabelled = labels.copy()
    relabelled[N - 1, 2] = 0.5
    assert data() == data(source="y") == data(codes=codes.copy(), labels=labels + 0.0)
    different = [
        data(),
        data(codes=other),
        data(codes=codes[:-1], labels=labels[:-1]),
        data(labels=relabelled),
        data(labels=None),
        data(classes=None),
        data(names=tuple(map(str, range(N)))),
    ]
    assert len(set(different)) == len(different)


@pytest.mark.parametrize("kind", ["missing", "fasta", "bed"])
def test_an_interrupted_conversion_continues_to_the_same_bytes(tmp_path, codes, kind):
    path, arguments = make(kind, tmp_path, codes)
    undisturbed = store_sequences(path, tmp_path / "undisturbed", **arguments)
    content = files_of(undisturbed.folder)

    for last in range(undisturbed.block_count):
        folder = tmp_path / f"interrupted-{last}"
        done = [0]

        def stop(sequences, last=last, done=done):
            done.append(sequences)
            if sequences and len(done) == last + 3:  # the first call tells what was there
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            store_sequences(path, folder, advance=stop, **arguments)
        assert len(list(folder.glob("*.block"))) == last + 1
        with pytest.raises(DataError, match="not all of them"):
            open_stored(folder)
        made = {file: os.stat(folder / file).st_mtime_ns for file in files_of(folder)}
        counted = []
        again = store_sequences(path, folder, advance=counted.append, **arguments)
        assert (sum(counted), counted[0]) == (len(again), sum(done))
        assert files_of(folder) == content
        kept = [file for file in made if file.endswith(".block")]
        assert all(os.stat(folder / file).st_mtime_ns == made[file] for file in kept)


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("damage", ["truncated", "altered", "emptied", "deleted"])
def test_a_damaged_block_is_noticed_and_made_again(tmp_path, codes, damage):
    path, arguments = make("missing", tmp_path, codes)
    stored = store_sequences(path, tmp_path / "stored", **arguments)
    content = files_of(stored.folder)
    block = stored.folder / "000003.block"
    found = bytearray(block.read_bytes())
    if damage == "truncated":
        block.write_bytes(found[:-1])
    elif damage == "altered":
        found[len(found) // 2] ^= 8
        block.write_bytes(found)
    elif damage == "emptied":
        block.write_bytes(b"")
    else:
        block.unlink()
    fresh = open_stored(stored.folder)
    fresh.block(2)
    with pytest.raises(DataError, match=r"000003\.block: .*run again.*from the data file"):
        fresh.some([22])
    assert store_sequences(path, stored.folder, **arguments).digest == stored.digest
    assert files_of(stored.folder) == content


def test_what_is_stored_is_not_read_again(tmp_path, codes, monkeypatch):
    path, arguments = make("fasta", tmp_path, codes)
    first = store_sequences(path, tmp_path / "stored", **arguments)
    monkeypatch.setattr("neuroninterp.sequences.fasta._records", None)
    counted = []
    again = read_or_store(path, tmp_path / "stored", advance=counted.append, **arguments)
    assert (again.digest, again.notes) == (first.digest, first.notes)
    assert sum(counted) == len(first)
    path.unlink()
    with pytest.raises(DataError, match="no such file"):
        read_or_store(path, tmp_path / "stored", **arguments)


def test_another_file_or_other_arguments_are_stored_anew(tmp_path, codes):
    path, arguments = make("binary", tmp_path, codes)
    first = store_sequences(path, tmp_path / "stored", **arguments)
    limited = store_sequences(path, tmp_path / "stored", limit=20, **arguments)
    assert len(limited) == 20
    assert len(list(limited.folder.glob("*.block"))) == 3
    state = path.stat()
    write_hdf5(path, codes[::-1].copy(), labels_of("binary"))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    other = store_sequences(path, tmp_path / "stored", **arguments)
    assert other.digest != first.digest
    np.testing.assert_array_equal(other.some([0]).codes[0], codes[-1])


def test_small_data_are_held_and_large_ones_stored(tmp_path, codes, monkeypatch):
    path, arguments = make("binary", tmp_path, codes)
    held = read_or_store(path, tmp_path / "stored", **arguments)
    assert isinstance(held, Sequences)
    assert not (tmp_path / "stored").exists()
    monkeypatch.setattr("neuroninterp.sequences.reading.HELD", N * LENGTH - 1)
    stored = read_or_store(path, tmp_path / "stored", **arguments)
    assert not isinstance(stored, Sequences)
    assert stored.digest == held.digest


def test_a_folder_that_cannot_be_made(tmp_path, codes):
    path, arguments = make("binary", tmp_path, codes)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"sequences cannot be stored .*GB are needed"):
        store_sequences(path, tmp_path / "file" / "stored", **arguments)


def test_only_few_blocks_stay_in_memory(tmp_path, codes):
    path, arguments = make("binary", tmp_path, codes)
    stored = store_sequences(path, tmp_path / "stored", **arguments)
    for _ in stored.blocks():
        assert len(stored._recent) <= 2


def test_derivatives_are_taken_on_a_fair_choice_of_large_data(tmp_path, codes, monkeypatch):
    path, arguments = make("binary", tmp_path, codes)
    stored = store_sequences(path, tmp_path / "stored", **arguments)
    rows = [row.tobytes() for row in codes]
    chosen = [fields._some(stored, seed) for seed in range(40)]
    assert all(len(some) == N for some in chosen)  # few enough to take all
    monkeypatch.setattr("neuroninterp.measurement.fields.HELD", 20 * LENGTH)
    whole = read_sequences(path, **arguments)
    taken = np.zeros(N)
    for seed in range(200):
        some = fields._some(stored, seed)
        np.testing.assert_array_equal(some, fields._some(whole, seed))
        assert len(some) == 20
        taken[[rows.index(row.tobytes()) for row in some]] += 1
    # Without replacement, so that the variance is smaller by (53 - 20) / 52.
    expected = 200 * 20 / N
    statistic = ((taken - expected) ** 2 / expected).sum() * 52 / 33
    assert 0.001 < stats.chi2.cdf(statistic, 52) < 0.999
