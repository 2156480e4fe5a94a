"""The in vivo data of Koo & Eddy 2019, from DeepSEA's files and from a genome with peaks."""

from __future__ import annotations

import gzip
import os
import resource
from contextlib import contextmanager

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published_layouts import PARTS, as_agct, write_deepsea
from scipy.io import savemat

from neuroninterp.errors import DataError, OutputError
from neuroninterp.sequences import decode, read_sequences
from zoo.data import read_training_data
from zoo.datasets.deepsea import write_deepsea_in_vivo
from zoo.datasets.genome import bin_labels, write_genome_in_vivo
from zoo.lasting_file import LastingFile
from zoo.simulations.files import write_koo_eddy
from zoo.simulations.koo_eddy import CLASS_NAMES

COLUMNS = [592, 602, 344, 345, 635, 636, 349, 642, 359, 361, 661, 369]
"""S1 Table of the paper."""


def written(path):
    """Return sequences as strings and labels of each part, after every reader has agreed."""
    training = read_training_data(path)
    parts = {}
    for name in PARTS:
        part = getattr(training, name)
        with h5py.File(path) as file:
            stored, labels = file[f"X_{name}"][()], file[f"Y_{name}"][()]
            assert file[f"X_{name}"].compression == file[f"Y_{name}"].compression == "gzip"
        assert stored.dtype == labels.dtype == np.uint8
        letters = np.array(list("NACGT"))
        sequences = ["".join(row) for row in letters[(stored * [[1], [2], [3], [4]]).sum(axis=1)]]
        found = read_sequences(path, length=None, x_key=f"X_{name}")
        assert decode(found.codes) == sequences
        assert np.array_equal(found.labels, labels)
        assert found.class_names == training.class_names
        assert np.array_equal(part.inputs, stored.transpose(0, 2, 1))
        assert np.array_equal(part.labels, labels)
        parts[name] = sequences, labels.tolist()
    assert decode(read_sequences(path, length=None).codes) == parts["test"][0]
    return parts


# --- DeepSEA's files -------------------------------------------------------------------------


def deepsea_part(n, seed):
    """Draw sequences as strings, with some N, and 919 labels, few of them of the 12 factors."""
    rng = np.random.default_rng(seed)
    sequences = ["".join(rng.choice(list("ACGTN"), 1000)) for _ in range(n)]
    labels = (rng.random((n, 919)) < 0.03).astype(np.uint8)
    labels[0, COLUMNS[seed % 12]] = labels[-1, COLUMNS[5]] = 1
    labels[1, COLUMNS] = 0
    return sequences, labels


@pytest.fixture(scope="module")
def deepsea():
    return {
        name: deepsea_part(n, seed)
        for seed, (name, n) in enumerate(zip(PARTS, (23, 9, 14), strict=True))
    }


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize(
    ("chunks", "label_chunks", "slab_sequences"),
    [
        ((1000, 4, 3), (919, 4), 7),
        ((40, 1, 3), (1, 23), 1),
        ((37, 1, 23), (10, 7), 2),  # a chunk wider than a slab: read in pieces along positions
        (None, None, 5),
        ((1000, 4, 3), (919, 4), 10_000),
    ],
)
def test_deepsea_sequences_of_the_12_factors_are_kept_in_order(
    tmp_path, deepsea, compressed, chunks, label_chunks, slab_sequences
):
    write_deepsea(
        tmp_path, deepsea, compressed=compressed, chunks=chunks, label_chunks=label_chunks
    )
    path, calls = tmp_path / "in_vivo.h5", []
    sizes = write_deepsea_in_vivo(
        tmp_path,
        path,
        progress=lambda done, total: calls.append((done, total)),
        _slab_bytes=4000 * slab_sequences,
    )
    found = written(path)
    for name, (sequences, labels) in deepsea.items():
        kept = [i for i in range(len(sequences)) if any(labels[i, c] for c in COLUMNS)]
        assert 1 < len(kept) < len(sequences)
        assert found[name][0] == [sequences[i] for i in kept]
        assert found[name][1] == [[labels[i, c] for c in COLUMNS] for i in kept]
        assert sizes[name] == len(kept)
    assert calls == sorted(calls)
    assert calls[-1] == (46, 46)
    training = read_training_data(path)
    assert training.class_names == CLASS_NAMES
    assert training.attributes["schema"] == "koo-eddy-in-vivo/1"
    assert training.attributes["columns"] == ", ".join(map(str, COLUMNS))
    assert "DeepSEA" in training.attributes["made_from"]


def test_deepsea_slabs_without_a_positive_are_not_read(tmp_path, deepsea):
    sequences, _ = deepsea["train"]
    labels = np.zeros((23, 919), dtype=np.uint8)
    labels[[0, 22], COLUMNS[0]] = 1
    write_deepsea(tmp_path, {**deepsea, "train": (sequences, labels)}, chunks=(1000, 4, 5))
    with h5py.File(tmp_path / "train.mat") as file:
        place, size = file["trainxdata"].id.get_chunk_info(2)[2:]
    damaged = bytearray((tmp_path / "train.mat").read_bytes())
    damaged[place : place + size] = bytes(size)
    (tmp_path / "train.mat").write_bytes(damaged)
    write_deepsea_in_vivo(tmp_path, tmp_path / "out.h5", _slab_bytes=4000 * 5)
    assert written(tmp_path / "out.h5")["train"][0] == [sequences[0], sequences[22]]
    with pytest.raises(DataError, match=r"'trainxdata' cannot be read \(.*damaged\?"):
        write_deepsea_in_vivo(tmp_path, tmp_path / "all.h5", _slab_bytes=4000 * 100)
    assert not (tmp_path / "all.h5").exists()


def change_part(name, edit):
    """Return an edit of a folder that rewrites one part's arrays in the other format."""

    def apply(folder, deepsea):
        sequences, labels = deepsea[name]
        variables = {f"{name}xdata": as_agct(sequences), f"{name}data": labels.copy()}
        edit(variables)
        (folder / f"{name}.mat").unlink()
        if name == "train":
            with h5py.File(folder / "train.mat", "w") as file:
                for key, array in variables.items():
                    file[key] = array.T
        else:
            savemat(folder / f"{name}.mat", variables)

    return apply


def set_value(key, place, value):
    def edit(variables):
        variables[key] = variables[key].astype(float if value % 1 else np.uint8)
        variables[key][place] = value

    return edit


def cut(key, slices):
    return lambda variables: variables.update({key: variables[key][slices]})


DEEPSEA_MISTAKES = [
    (lambda folder, _: (folder / "valid.mat").unlink(), "has no valid.mat; expected DeepSEA's"),
    (
        lambda folder, _: (folder / "train.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(512)),
        "train.mat: truncated or damaged MATLAB v7.3 file",
    ),
    (
        lambda folder, _: (folder / "test.mat").write_text(">a\nACGT\n"),
        "test.mat: the format is fasta; expected a MATLAB file",
    ),
    (
        change_part("test", lambda variables: variables.pop("testdata")),
        "test.mat has no key 'testdata'; found: testxdata; expected testxdata and testdata",
    ),
    (
        change_part("train", cut("traindata", np.s_[:, :918])),
        r"'traindata' has shape \(918, 23\), expected \(919, 23\)",
    ),
    (
        change_part("valid", cut("validdata", np.s_[:8])),
        r"'validdata' has shape \(8, 919\), expected \(9, 919\)",
    ),
    (
        change_part("valid", cut("validxdata", np.s_[:, :, :999])),
        r"'validxdata' has shape \(9, 4, 999\), expected \(9, 4, 1000\)",
    ),
    (
        lambda folder, deepsea: change_part("train", lambda variables: None)(
            folder, {"train": [a.T if hasattr(a, "T") else a for a in deepsea["train"]]}
        ),
        r"'traindata' has shape \(23, 919\), expected \(919, 23\)",
    ),
    (
        change_part("train", set_value("traindata", (4, 344), 2)),
        "'traindata' holds 2 for sequence 4, label 344",
    ),
    (
        change_part("test", set_value("testdata", (3, 369), 0.5)),
        "'testdata' holds 0.5 for sequence 3, label 369",
    ),
    (
        change_part("train", set_value("trainxdata", (22, slice(None), 999), 1)),
        "'trainxdata' is not one-hot in sequence 22",
    ),
    (
        change_part("test", set_value("testxdata", (13, 0, 5), 0.5)),
        "'testxdata' is not one-hot in sequence 13",
    ),
    (
        change_part("valid", lambda variables: variables["validdata"].fill(0)),
        "no sequence for valid: none of that part has a positive label",
    ),
]


@pytest.mark.parametrize(("spoil", "message"), DEEPSEA_MISTAKES)
def test_wrong_deepsea_files_are_told_in_one_line(tmp_path, deepsea, spoil, message):
    folder = tmp_path / "deepsea"
    write_deepsea(folder, deepsea)
    spoil(folder, deepsea)
    with pytest.raises(DataError, match=message) as caught:
        write_deepsea_in_vivo(folder, tmp_path / "out.h5", _slab_bytes=4000 * 4)
    assert "\n" not in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == ["deepsea"]


# --- a genome with peaks ---------------------------------------------------------------------


@st.composite
def peaks_and_bins(draw):
    bin_size, bins = draw(st.integers(1, 9)), draw(st.integers(1, 8))
    position = st.integers(0, bin_size * bins + 5)
    pairs = draw(st.lists(st.tuples(position, st.integers(1, 20)), max_size=12))
    return [(start, start + length) for start, length in pairs], bins, bin_size


@given(peaks_and_bins())
def test_bins_are_labelled_as_counted_base_by_base(case):
    peaks, bins, bin_size = case
    expected = []
    for index in range(bins):
        bases = range(index * bin_size, (index + 1) * bin_size)
        covered = sum(any(start <= base < end for start, end in peaks) for base in bases)
        expected.append(covered > bin_size / 2)
    starts, ends = np.array(peaks, dtype=np.int64).reshape(-1, 2).T
    assert bin_labels(starts, ends, bins, bin_size).tolist() == expected


def make_genome(path, sizes, seed=0):
    """Write a FASTA of random chromosomes, in both cases and with N; return them."""
    rng = np.random.default_rng(seed)
    chromosomes = {name: "".join(rng.choice(list("ACGTacgtN"), n)) for name, n in sizes.items()}
    with path.open("w") as stream:
        for name, text in chromosomes.items():
            lines = [text[i : i + 61] for i in range(0, len(text), 61)]
            stream.write("\n".join([f">{name} assembled", *lines, ""]))
    return chromosomes


def write_bed(path, peaks, columns=3):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt") as stream:
        stream.write("track name=peaks\n")
        for number, (name, start, end) in enumerate(peaks):
            rest = [f"peak{number}", "900", ".", "7.5", "-1", "3.2", "12"]
            stream.write("\t".join([name, str(start), str(end), *rest][:columns]) + "\n")
    return path


def brute_force(chromosomes, peaks, names, bin_size, length):
    """Label base by base, one chromosome after the other, names as in the genome."""
    sequences, labels = [], []
    for name in names:
        text = chromosomes[name]
        masks = []
        for intervals in peaks:
            mask = np.zeros(len(text), dtype=bool)
            for chromosome, start, end in intervals:
                if chromosome.removeprefix("chr") == name.removeprefix("chr"):
                    mask[start:end] = True
            masks.append(mask)
        for start in range(0, len(text) - length + 1, length):
            bins = range(start, start + length, bin_size)
            row = [
                int(any(2 * int(mask[b : b + bin_size].sum()) > bin_size for b in bins))
                for mask in masks
            ]
            if any(row):
                sequences.append(text[start : start + length].upper())
                labels.append(row)
    return sequences, labels


@pytest.mark.parametrize("genome_prefix", ["chr", ""])
@pytest.mark.parametrize(("bin_size", "length", "block"), [(200, 1000, 3000), (30, 90, 2**22)])
def test_genome_is_labelled_as_counted_base_by_base(
    tmp_path, genome_prefix, bin_size, length, block
):
    numbers = {"1": 12_345, "7": 9_000, "8": 8_100, "9": 7_999, "22": 10_000, "X": 6_000}
    sizes = {f"{genome_prefix}{key}": n for key, n in numbers.items()}
    sizes |= {"chrUn_1": 5_000, "chrM": 3_000}
    chromosomes = make_genome(tmp_path / "genome.fa", sizes)
    rng = np.random.default_rng(3)
    peaks = []
    for prefix in ("chr", ""):
        places = [(str(rng.choice([*numbers])), int(rng.integers(0, 7_900))) for _ in range(40)]
        found = [(f"{prefix}{key}", s, s + int(rng.integers(1, 300))) for key, s in places]
        peaks.append([*found, *found[:4], ("chrUn_2", 10**9, 10**9 + 5), (f"{prefix}1", 0, 101)])
    # Of the autosomes, one ends within a peak.
    peaks[0].append(("chr9", 7_900, 8_400))
    files = {
        "first": write_bed(tmp_path / "a.bed", peaks[0]),
        "second": write_bed(tmp_path / "b.narrowPeak.gz", peaks[1], columns=10),
    }
    calls, path = [], tmp_path / "out.h5"
    sizes = write_genome_in_vivo(
        tmp_path / "genome.fa",
        files,
        path,
        bin_size=bin_size,
        length=length,
        progress=lambda done, total: calls.append((done, total)),
        _block_bases=block,
    )
    found = written(path)
    held = {"train": ("1", "22"), "valid": ("7",), "test": ("8", "9")}
    for part, keys in held.items():
        names = [f"{genome_prefix}{key}" for key in keys]
        expected = brute_force(chromosomes, peaks, names, bin_size, length)
        assert found[part] == expected
        assert sizes[part] == len(expected[0]) > 1
    bases = 12_345 + 9_000 + 8_100 + 7_999 + 10_000
    assert calls == sorted(calls)
    assert calls[-1] == (bases, bases)
    training = read_training_data(path)
    assert training.class_names == ("first", "second")
    assert training.attributes["schema"] == "koo-eddy-in-vivo/1"
    assert training.attributes["bin_size"] == bin_size
    assert training.attributes["valid_chromosomes"] == "chr7"
    assert training.attributes["peaks"] == "first: a.bed, second: b.narrowPeak.gz"


def test_half_a_bin_is_negative_and_one_base_more_is_positive(tmp_path):
    chromosomes = make_genome(tmp_path / "g.fa", dict.fromkeys(("chr1", "chr7", "chr8"), 4000))
    held = [("7", 0, 200), ("8", 0, 200)]
    half = [("chr1", 100, 300), ("chr1", 1000, 1050), ("chr1", 1050, 1100), ("chr1", 1000, 1100)]
    more = [("1", 2000, 2050), ("1", 2150, 2200), ("1", 2049, 2051), ("1", 3299, 3400)]
    paths = [
        write_bed(tmp_path / "half.bed", half + held),
        write_bed(tmp_path / "more.broadPeak", more + held, columns=9),
    ]
    arguments = {"test_chromosomes": ["8"], "valid_chromosomes": ["chr7"]}
    write_genome_in_vivo(tmp_path / "g.fa", paths, tmp_path / "out.h5", **arguments)
    sequences = [chromosomes["chr1"][i : i + 1000].upper() for i in (2000, 3000)]
    assert written(tmp_path / "out.h5")["train"] == (sequences, [[0, 1], [0, 1]])
    assert read_training_data(tmp_path / "out.h5").class_names == ("half", "more")


def test_chromosomes_can_be_chosen(tmp_path):
    sizes = dict.fromkeys(("1", "2", "3", "X", "scaffold"), 2000)
    chromosomes = make_genome(tmp_path / "g.fa", sizes)
    bed = write_bed(tmp_path / "a.bed", [(f"chr{name}", 0, 2000) for name in (1, 2, 3, 4, "X")])
    sizes = write_genome_in_vivo(
        tmp_path / "g.fa",
        [bed],
        tmp_path / "out.h5",
        test_chromosomes=["2"],
        valid_chromosomes=["chrX"],
        chromosomes=["chr1", "chrX", "chr2"],
    )
    assert sizes == {"train": 2, "valid": 2, "test": 2}
    for part, name in (("train", "1"), ("valid", "X"), ("test", "2")):
        halves = [chromosomes[name][i : i + 1000].upper() for i in (0, 1000)]
        assert written(tmp_path / "out.h5")[part][0] == halves


GENOME_MISTAKES = [
    ({"length": 1001}, "length is 1001 bp in bins of 200 bp; expected a multiple"),
    ({"peaks": {}}, "no file of peaks"),
    ({"peaks": ["a/x.bed", "b/x.bed.gz"]}, "same name: a/x.bed, b/x.bed.gz"),
    ({"peaks": ["no.bed"]}, "no.bed: no such file"),
    ({"peaks": ["genome.fa"]}, "genome.fa: the format is fasta; expected peaks as BED"),
    ({"genome": "no.fa"}, "no.fa: no such genome file"),
    ({"genome": "good.bed"}, "good.bed: cannot be read as a genome FASTA|good.bed: no chromosome"),
    ({"bed": "chr1\t0\t900\nchr1\t5\tx\n"}, "bad.bed, line 2: not a BED interval"),
    (
        {"bed": "chr1\t0\t900\nchr8\t3000\t3001\n"},
        r"peak chr8:3000-3001\(\.\) begins beyond the end of chr8, which has 3,000 bp in "
        r"genome.fa; expected peaks on the same genome build",
    ),
    ({"bed": "chr5\t0\t900\n"}, r"peak chr5:0-900\(\.\) lies on a chromosome that genome.fa lacks"),
    (
        {"bed": "chrX\t0\t900\nchrUn\t0\t900\n"},
        r"no peak on the chromosomes used \(chr1, chr7, chr8, chr9\); its peaks lie on chrX, chrUn",
    ),
    ({"bed": "chr1\t0\t900\nchr7\t0\t900\n"}, "no sequence for test: none of that part has"),
    ({"chromosomes": ["chr1", "chr3"]}, "genome.fa has no chr3; it has chr1, chr7, chr8, chr9"),
    ({"chromosomes": ["chr1", "chr7"]}, r"chr8 is held out \(test\) but is none of the chrom"),
    ({"test_chromosomes": "chr19"}, r"chr19 is held out \(test\) but is none of the chromosomes"),
    ({"test_chromosomes": ["7"]}, "7 is held out twice, for valid and test"),
    ({"valid_chromosomes": []}, "no chromosome for valid among chr1, chr7, chr8, chr9"),
    ({"fasta": ">I\nACGT\n"}, "genome.fa has no autosome called by its number"),
    ({"fasta": ">1\nACGT\n>chr1\nACGT\n"}, "genome.fa has both 1 and chr1"),
]


@pytest.mark.parametrize(("change", "message"), GENOME_MISTAKES)
def test_wrong_genomes_and_peaks_are_told_in_one_line(tmp_path, monkeypatch, change, message):
    monkeypatch.chdir(tmp_path)
    sizes = {"chr1": 3000, "chr7": 3000, "chr8": 3000, "chr9": 3000, "chrX": 3000}
    make_genome(tmp_path / "genome.fa", sizes)
    write_bed(tmp_path / "good.bed", [(name, 0, 500) for name in sizes])
    arguments = {"genome": "genome.fa", "peaks": ["good.bed"], **change}
    if "bed" in change:
        (tmp_path / "bad.bed").write_text(arguments.pop("bed"))
        arguments["peaks"] = ["bad.bed"]
    if "fasta" in change:
        (tmp_path / "genome.fa").write_text(arguments.pop("fasta"))
    with pytest.raises(DataError, match=message) as caught:
        write_genome_in_vivo(path="out.h5", **arguments)
    assert "\n" not in str(caught.value)
    assert not [file for file in tmp_path.iterdir() if "out.h5" in file.name]


def test_an_index_that_does_not_fit_the_genome_is_told(tmp_path):
    make_genome(tmp_path / "g.fa", dict.fromkeys(("chr1", "chr7", "chr8"), 2000))
    bed = write_bed(tmp_path / "a.bed", [("1", 0, 2000), ("7", 0, 2000), ("8", 0, 9000)])
    arguments = {"test_chromosomes": ["8"]}
    write_genome_in_vivo(tmp_path / "g.fa", [bed], tmp_path / "out.h5", **arguments)
    index = (tmp_path / "g.fa.fai").read_text()
    (tmp_path / "g.fa.fai").write_text(index.replace("chr8\t2000", "chr8\t9000"))
    with pytest.raises(DataError, match=r"gave \d+ bp; the index .*g.fa.fai does not fit"):
        write_genome_in_vivo(tmp_path / "g.fa", [bed], tmp_path / "new.h5", **arguments)
    assert not list(tmp_path.glob("*new.h5*"))


# --- the file --------------------------------------------------------------------------------


def test_files_are_replaced_only_when_asked_and_only_by_whole_ones(tmp_path, deepsea):
    write_deepsea(tmp_path, deepsea)
    path = tmp_path / "out.h5"
    path.write_text("mine")
    with pytest.raises(OutputError, match=r"out.h5 exists; .*--force"):
        write_deepsea_in_vivo(tmp_path, path)
    with pytest.raises(OutputError, match="there is no folder"):
        write_deepsea_in_vivo(tmp_path, tmp_path / "none" / "out.h5")

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_deepsea_in_vivo(tmp_path, path, force=True, progress=interrupt)
    assert path.read_text() == "mine"
    assert not list(tmp_path.glob(".*"))
    write_deepsea_in_vivo(tmp_path, path, force=True)
    assert len(written(path)["train"][0]) > 1


@contextmanager
def full_disk(size):
    """Let no file become longer than ``size`` bytes."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


@pytest.mark.parametrize("size", [0, 500, 3_000, 9_000, 20_000])
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, deepsea, size):
    write_deepsea(tmp_path / "deepsea", deepsea)
    told = pytest.raises(OutputError, match=r"cannot write .*out\.h5: File too large")
    with told, full_disk(size):
        write_deepsea_in_vivo(tmp_path / "deepsea", tmp_path / "out.h5")
    assert [file.name for file in tmp_path.iterdir()] == ["deepsea"]


def test_a_full_disk_is_told_of_simulations_too(tmp_path):
    told = pytest.raises(OutputError, match=r"cannot write .*out\.h5: .*File too large")
    with told, full_disk(20_000):
        write_koo_eddy(tmp_path / "out.h5", n=500)
    assert not list(tmp_path.iterdir())


WRITES = st.tuples(st.just("write"), st.integers(0, 60), st.binary(max_size=30))
READS = st.tuples(st.just("read"), st.integers(0, 80), st.integers(0, 40))
CUTS = st.tuples(st.just("truncate"), st.integers(40, 80), st.none())


@given(st.lists(st.one_of(WRITES, READS, CUTS), max_size=20), st.integers(0, 60))
def test_a_file_reads_as_written_on_a_full_disk_too(tmp_path_factory, steps, size):
    truth = bytearray()
    with full_disk(size), LastingFile(tmp_path_factory.getbasetemp() / "lasting") as stream:
        for action, place, value in steps:
            if action == "truncate":
                place = max(place, len(truth))  # as HDF5 does, to make room
                assert stream.truncate(place) == place
                truth.extend(bytes(place - len(truth)))
                continue
            stream.seek(place)
            if action == "write":
                assert stream.write(value) == len(value)
                truth.extend(bytes(max(0, place + len(value) - len(truth)) if value else 0))
                truth[place : place + len(value)] = value
            else:
                buffer = bytearray(value)
                found = stream.readinto(buffer)
                assert bytes(buffer[:found]) == bytes(truth[place : place + value])
        assert stream.seek(0, os.SEEK_END) == len(truth)
        assert len(truth) <= size or stream.failure is not None
