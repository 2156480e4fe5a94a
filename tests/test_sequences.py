"""Reading of sequences: every layout against the codes it was made from, every bad input."""

from __future__ import annotations

import gzip
import zipfile
from collections import Counter
from itertools import pairwise, permutations

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.io import savemat

from neuroninterp.errors import DataError
from neuroninterp.sequences import (
    background,
    codes_from_one_hot,
    decode,
    encode,
    one_hot,
    read_sequences,
    reverse_complement,
    shuffle_dinucleotides,
)

N, LENGTH, CLASSES = 30, 12, 3


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def codes(rng):
    return rng.integers(0, 5, size=(N, LENGTH), dtype=np.uint8)


@pytest.fixture
def labels(rng):
    return rng.integers(0, 2, size=(N, CLASSES)).astype(np.float32)


def write_h5(path, **arrays):
    with h5py.File(path, "w") as file:
        for key, array in arrays.items():
            file[key] = array
    return path


def code_arrays(**length):
    shapes = st.tuples(st.integers(1, 6), st.integers(1, 15))
    return shapes.flatmap(lambda shape: arrays(np.uint8, shape, elements=st.integers(0, 4)))


# --- coding -------------------------------------------------------------------------------


@given(code_arrays())
def test_codes_round_trip_through_letters_and_one_hot(codes):
    np.testing.assert_array_equal(encode(decode(codes)), codes)
    np.testing.assert_array_equal(codes_from_one_hot(one_hot(codes)), codes)
    hot = one_hot(codes)
    assert hot.dtype == np.float32
    np.testing.assert_array_equal(hot.sum(axis=2), codes != 4)
    np.testing.assert_array_equal(reverse_complement(reverse_complement(codes)), codes)


def test_letters_have_their_meaning():
    assert encode(["ACGTUacgtu"]).tolist() == [[0, 1, 2, 3, 3] * 2]
    assert encode(["NnRYSWKMBDHVryswkmbdhv"]).tolist() == [[4] * 22]
    assert decode(reverse_complement(encode(["AACGN"]))) == ["NCGTT"]
    assert encode([]).shape == (0, 0)


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        (["ACGT", "ACXT"], r"sequence 1 has the character 'X' at position 3"),
        (["AÉ"], "character 'É' at position 2"),
        (["ACGT", "ACG"], "sequence 1 has 3 bp, expected 4"),
    ],
)
def test_other_letters_are_refused(sequences, message):
    with pytest.raises(DataError, match=message):
        encode(sequences)


def test_quarters_are_unknown_and_a_channel_order_is_undone():
    array = one_hot(encode(["ACGTN"]))
    array[0, 4] = 0.25
    in_agct = array[:, :, [0, 2, 1, 3]]
    assert decode(codes_from_one_hot(in_agct, alphabet="AGCT")) == ["ACGTN"]
    assert decode(codes_from_one_hot(in_agct)) == ["AGCTN"]


@pytest.mark.parametrize(
    "bad", [(1, 1, 0, 0), (0.9, 0, 0, 0), (1, 0, 0, 0.5), (0.25, 0.25, 0.25, 0), (np.nan, 0, 0, 1)]
)
def test_what_is_not_one_hot_is_refused_with_its_place(bad, codes):
    array = one_hot(codes)
    array[5, 7] = bad
    with pytest.raises(DataError, match=r"not one-hot: sequence 105, position 7 holds \("):
        codes_from_one_hot(array, first=100)
    with pytest.raises(DataError, match=r"shape \(30, 4, 12\), expected one-hot"):
        codes_from_one_hot(one_hot(codes).transpose(0, 2, 1))


def test_tracks_beside_the_bases_are_left_out(tmp_path, codes):
    """Six channels, of which N and a track are no bases; and bases alone for the same model."""
    array = np.zeros((*codes.shape, 6), np.float32)
    array[:, :, [1, 3, 2, 4]] = one_hot(codes)
    array[:, :, 0] = codes == 4
    array[:, :, 5] = 0.7
    path = tmp_path / "tracks.npz"
    np.savez(path, X_test=array)
    data = read_sequences(path, length=codes.shape[1], alphabet="NAGCT.")
    np.testing.assert_array_equal(data.codes, codes)
    assert "1 of 6 channels are no bases" in " ".join(data.notes)
    alone = tmp_path / "bases.npz"
    np.savez(alone, X_test=one_hot(codes)[:, :, [0, 2, 1, 3]])
    data = read_sequences(alone, length=codes.shape[1], alphabet="NAGCT.")
    np.testing.assert_array_equal(data.codes, codes)
    with pytest.raises(DataError, match=r"expected \(N, 4, L\)"):
        read_sequences(path, length=codes.shape[1])
    with pytest.raises(DataError, match="alphabet 'ACGG'"):
        read_sequences(path, length=None, alphabet="ACGG")


# --- shuffles -----------------------------------------------------------------------------


def pair_counts(sequence):
    return Counter(pairwise(sequence))


@given(code_arrays(), st.integers(0, 2**32 - 1))
def test_shuffle_keeps_every_dinucleotide(codes, seed):
    shuffled = shuffle_dinucleotides(codes, np.random.default_rng(seed))
    assert shuffled.dtype == np.uint8
    np.testing.assert_array_equal(shuffled[:, [0, -1]], codes[:, [0, -1]])
    for before, after in zip(codes.tolist(), shuffled.tolist(), strict=True):
        assert pair_counts(before) == pair_counts(after)
    again = shuffle_dinucleotides(codes, np.random.default_rng(seed))
    np.testing.assert_array_equal(shuffled, again)


@pytest.mark.parametrize("text", ["ACAGAACGC", "ACCAGACCC", "AACNATNA"])
def test_shuffle_is_uniform_among_all_orderings(text, rng):
    word = encode([text])[0].tolist()
    possible = {
        p
        for p in permutations(word)
        if (p[0], p[-1]) == (word[0], word[-1]) and pair_counts(p) == pair_counts(word)
    }
    draws = 1000 * len(possible)
    found = shuffle_dinucleotides(np.tile(np.uint8(word), (draws, 1)), rng)
    counts = Counter(map(tuple, found.tolist()))
    assert set(counts) == possible
    assert len(possible) > 3
    # Chi-squared against uniform: its mean is the degrees of freedom, its variance twice that.
    freedom = len(possible) - 1
    chi_squared = sum((count - 1000) ** 2 / 1000 for count in counts.values())
    assert chi_squared < freedom + 4 * np.sqrt(2 * freedom)


def test_background_is_uniform(rng):
    codes = background(1000, 40, rng)
    assert codes.shape == (1000, 40)
    assert codes.dtype == np.uint8
    share = np.bincount(codes.ravel(), minlength=5) / codes.size
    np.testing.assert_allclose(share, [0.25, 0.25, 0.25, 0.25, 0], atol=0.01)


# --- array files --------------------------------------------------------------------------

TO_LAYOUT = {
    "NLC": lambda x: x,
    "NCL": lambda x: x.transpose(0, 2, 1),
    "NCL1": lambda x: x.transpose(0, 2, 1)[..., None],
    "NC1L": lambda x: x.transpose(0, 2, 1)[:, :, None],
    "NLC1": lambda x: x[..., None],
    "NL1C": lambda x: x[:, :, None],
    "LCN": lambda x: x.transpose(1, 2, 0),
}


@pytest.mark.parametrize("layout", TO_LAYOUT)
@pytest.mark.parametrize("known_length", [True, False])
def test_every_layout_of_hdf5(tmp_path, codes, labels, layout, known_length):
    array = TO_LAYOUT[layout](one_hot(codes))
    y = labels.T if layout.endswith("N") else labels
    path = write_h5(tmp_path / "data.h5", X_test=array, Y_test=y, model_test=np.zeros((N, 4)))
    data = read_sequences(path, length=LENGTH if known_length else None)
    np.testing.assert_array_equal(data.codes, codes)
    assert data.codes.dtype == np.uint8
    np.testing.assert_array_equal(data.labels, labels)
    assert (len(data), data.length, data.binary_labels) == (N, LENGTH, True)
    assert (data.source, data.notes) == (str(path), ())


def test_basset_file_with_its_names(tmp_path, codes, labels):
    path = write_h5(
        tmp_path / "basset.h5",
        train_in=one_hot(codes[::-1]).transpose(0, 2, 1)[:, :, None],
        train_out=labels[::-1],
        test_in=one_hot(codes).transpose(0, 2, 1)[:, :, None].astype(np.uint8),
        test_out=labels.astype(bool),
        target_labels=np.array(["8988T", "AoSMC", "Chorion"], dtype="S10"),
        test_headers=[f"chr1:{i}" for i in range(N)],
    )
    data = read_sequences(path, length=LENGTH, limit=10)
    np.testing.assert_array_equal(data.codes, codes[:10])
    np.testing.assert_array_equal(data.labels, labels[:10])
    assert data.class_names == ("8988T", "AoSMC", "Chorion")
    assert data.names == tuple(f"chr1:{i}" for i in range(10))
    assert data.notes == ("only the first 10 of 30 sequences were read, as asked",)


@pytest.mark.parametrize("compressed", [True, False])
def test_deepsea_files_of_both_matlab_versions(tmp_path, codes, labels, compressed):
    agct = one_hot(codes)[:, :, [0, 2, 1, 3]].astype(np.uint8)
    v73 = tmp_path / "train.mat"
    with h5py.File(v73, "w", userblock_size=512) as file:
        file["trainxdata"] = agct.transpose(1, 2, 0)
        file["traindata"] = labels.T.astype(np.uint8)
    with v73.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64")
    v5 = tmp_path / "test.mat"
    columns = {"testxdata": agct.transpose(0, 2, 1), "testdata": labels.astype(np.uint8)}
    savemat(v5, columns, do_compression=compressed)
    for path in (v73, v5):
        for length in (LENGTH, None):
            data = read_sequences(path, length=length, alphabet="AGCT")
            np.testing.assert_array_equal(data.codes, codes)
            np.testing.assert_array_equal(data.labels, labels)


def test_matlab_row_vector_of_labels_and_variables_of_other_kinds(tmp_path, codes, labels):
    path = tmp_path / "data.mat"
    others = {"text": "hello", "cell": np.array([{}], dtype=object), "z": np.ones(N) * 1j}
    savemat(path, {**others, "x": one_hot(codes), "y": labels[:, 0].astype(bool)})
    data = read_sequences(path, length=LENGTH)
    np.testing.assert_array_equal(data.codes, codes)
    np.testing.assert_array_equal(data.labels, labels[:, :1])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numpy_archives(tmp_path, codes, labels, save, order):
    path = tmp_path / "data.npz"
    array = np.asarray(one_hot(codes), order=order)
    save(path, sequences=array, labels=labels[:, :, None], classes=np.array(["a", "b", "c"]))
    data = read_sequences(path, length=LENGTH)
    np.testing.assert_array_equal(data.codes, codes)
    np.testing.assert_array_equal(data.labels, labels)
    assert data.class_names == ("a", "b", "c")


def test_one_array_alone(tmp_path, codes):
    np.save(tmp_path / "data.npy", one_hot(codes).transpose(0, 2, 1))
    data = read_sequences(tmp_path / "data.npy", length=LENGTH)
    np.testing.assert_array_equal(data.codes, codes)
    assert (data.labels, data.notes) == (None, ())


def test_named_keys_in_groups_and_labels_with_gaps(tmp_path, codes, labels):
    with_gaps = labels.copy()
    with_gaps[3, 1] = np.nan
    path = write_h5(
        tmp_path / "data.h5", **{"a/foo": one_hot(codes), "b/bar": with_gaps, "c": labels[:, 0] / 2}
    )
    found = read_sequences(path, length=LENGTH)
    assert found.labels is None
    assert "--y-key" in found.notes[0]
    named = read_sequences(path, length=LENGTH, x_key="a/foo", y_key="b/bar")
    np.testing.assert_array_equal(named.labels, with_gaps)
    assert named.binary_labels
    graded = read_sequences(path, length=LENGTH, y_key="c")
    assert graded.labels.shape == (N, 1)
    assert not graded.binary_labels
    assert "not all 0 or 1" in graded.notes[0]


@pytest.mark.parametrize("chunks", [(7, 4, 5), None])
def test_slices_join_up_again(tmp_path, rng, monkeypatch, chunks):
    monkeypatch.setattr("neuroninterp.sequences.arrays._SLAB_BYTES", 1000)
    codes = rng.integers(0, 5, size=(101, LENGTH), dtype=np.uint8)
    hot = one_hot(codes).transpose(0, 2, 1)
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=hot, chunks=chunks)
        file["y"] = np.arange(101.0)
    np.savez_compressed(tmp_path / "data.npz", x=hot, y=np.arange(101.0))
    for name in ("data.h5", "data.npz"):
        data = read_sequences(tmp_path / name, length=LENGTH)
        np.testing.assert_array_equal(data.codes, codes)
        np.testing.assert_array_equal(data.labels[:, 0], np.arange(101))
    hot[83, 2, 4] = 7
    path = write_h5(tmp_path / "bad.h5", x=hot)
    with pytest.raises(DataError, match="sequence 83, position 4"):
        read_sequences(path, length=LENGTH)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(codes=code_arrays(), channels_first=st.booleans(), free=st.booleans())
def test_any_small_array_is_read_back_or_refused_as_ambiguous(
    tmp_path, codes, channels_first, free
):
    n, length = codes.shape
    hot = one_hot(codes).transpose(0, 2, 1) if channels_first else one_hot(codes)
    path = tmp_path / "small.npy"
    np.save(path, hot)
    wanted = None if free else length
    if 4 in (n, length) or (free and length == 1):
        return  # with a second axis of 4 the layout may be undecidable; tested below
    np.testing.assert_array_equal(read_sequences(path, length=wanted).codes, codes)


def test_a_second_axis_of_four_is_settled_by_the_values_or_refused(tmp_path):
    path = tmp_path / "four.npy"
    np.save(path, one_hot(encode(["AAAC", "GTNT"])).transpose(0, 2, 1))
    assert decode(read_sequences(path, length=4).codes) == ["AAAC", "GTNT"]
    np.save(path, one_hot(encode(["ACGT"])))
    with pytest.raises(DataError, match="along either axis"):
        read_sequences(path, length=4)


# --- array files that do not fit ----------------------------------------------------------


@pytest.mark.parametrize(
    ("arrays", "arguments", "message"),
    [
        ({"X_test": (9, 4, 50)}, {}, r"'X_test' of shape \(9, 4, 50\) holds sequences of 50 bp, "
         "expected 12 bp"),
        ({"X_test": (9, 5, 12)}, {}, r"\(9, 5, 12\) cannot be one-hot sequences of 12 bp; expect"),
        ({"p": (9, 3), "q": (2,)}, {}, r"no array holds one-hot sequences of 12 bp; found 'p' \(9"),
        ({"p": (9, 4, 12), "q": (8, 4, 12)}, {}, r"several .*: 'p' .*, 'q' .*--x-key"),
        ({"x": (9, 4, 12)}, {"x_key": "X"}, r"no array 'X' \(--x-key\); the file has 'x' \(9,"),
        ({"x": (9, 4, 12)}, {"y_key": "z"}, r"no array 'z' \(--y-key\)"),
        ({"x": (9, 4, 12), "q": (9, 2)}, {"x_key": "q"}, "'q' of shape .* cannot be one-hot"),
        ({"x": (9, 4, 12), "y": (8, 2)}, {}, r"'y' .* are for 8 sequences, but 'x' holds 9"),
        ({"x": (9, 4, 12), "y": (9, 2, 5)}, {}, r"\(9, 2, 5\): expected \(N,\)"),
        ({"x": (9, 4, 12), "label": (9,), "target": (9,)}, {}, "several .*labels of 'x'.*--y-key"),
        ({"x": (0, 4, 12)}, {}, "holds no sequences"),
        ({"x": (9, 4, 12)}, {"alphabet": "ACGG"}, "alphabet 'ACGG': expected each of A, C, G, T"),
        ({"x": (9, 4, 12)}, {"limit": 0}, "limit 0"),
    ],
)  # fmt: skip
def test_arrays_that_do_not_fit(tmp_path, arrays, arguments, message):
    path = write_h5(tmp_path / "data.h5", **{k: np.zeros(s) for k, s in arrays.items()})
    with pytest.raises(DataError, match=message) as raised:
        read_sequences(path, length=LENGTH, **arguments)
    assert "\n" not in str(raised.value)


def test_not_one_hot_names_file_and_key(tmp_path, rng):
    path = write_h5(tmp_path / "data.h5", X_test=rng.normal(size=(9, 4, LENGTH)))
    with pytest.raises(DataError, match=r"data\.h5: 'X_test' is data that is not one-hot"):
        read_sequences(path, length=LENGTH)


def test_declared_sizes_are_checked_before_memory_is_taken(tmp_path, monkeypatch):
    path = tmp_path / "bomb.h5"
    with h5py.File(path, "w") as file:
        options = {"dtype": "f4", "chunks": (1000, 4, 200), "compression": "gzip"}
        file.create_dataset("x", shape=(10**10, 4, 200), **options)
    with pytest.raises(DataError, match="declares 2,000,000,000,000 bases but takes only 0 bytes"):
        read_sequences(path, length=200, limit=10)
    np.save(tmp_path / "large.npy", np.zeros((60, 4, 12), dtype=np.uint8))
    monkeypatch.setattr("neuroninterp.sequences.reading.MAX_BASES", 600)
    with pytest.raises(DataError, match=r"60 sequences of 12 bp, .* at most 600 bases"):
        read_sequences(tmp_path / "large.npy", length=12)
    assert len(read_sequences(tmp_path / "large.npy", length=12, limit=50)) == 50


def test_data_outside_the_file_is_not_followed(tmp_path, codes):
    other = write_h5(tmp_path / "other.h5", x=one_hot(codes))
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        file["x"] = h5py.ExternalLink(str(other), "x")
        layout = h5py.VirtualLayout(shape=(N, LENGTH, 4), dtype="f4")
        layout[:] = h5py.VirtualSource(str(other), "x", shape=(N, LENGTH, 4))
        file.create_virtual_dataset("X_test", layout)
    with pytest.raises(DataError, match="no array holds one-hot sequences"):
        read_sequences(path, length=LENGTH)
    with pytest.raises(DataError, match=r"'X_test' .--x-key. does not hold numbers of its own"):
        read_sequences(path, length=LENGTH, x_key="X_test")


def test_pickled_objects_are_not_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    trap = np.array([Trap()], dtype=object)
    np.save(tmp_path / "data.npy", trap, allow_pickle=True)
    np.savez(tmp_path / "data.npz", x=trap)
    for name in ("data.npy", "data.npz"):
        with pytest.raises(DataError):
            read_sequences(tmp_path / name, length=LENGTH)
    assert not (tmp_path / "sprung").exists()


# --- files that are no data ---------------------------------------------------------------


def test_files_that_are_no_data(tmp_path, codes):
    good = write_h5(tmp_path / "good.h5", x=one_hot(codes))
    np.savez(tmp_path / "good.npz", x=one_hot(codes))
    np.save(tmp_path / "good.npy", one_hot(codes))
    contents = {
        "cut.h5": good.read_bytes()[: good.stat().st_size // 2],
        "cut.npz": (tmp_path / "good.npz").read_bytes()[:-100],
        "cut.npy": (tmp_path / "good.npy").read_bytes()[:-100],
        "text.h5": b"hello\n",
        "notes.txt": b"hello\nworld\n",
        "empty.fa": b"",
        "blank.fa": b"\n\n",
        "h5.gz": gzip.compress(good.read_bytes()),
        "cut.fa.gz": gzip.compress(b">a\nACGT\n" * 1000)[:-20],
        "v5.mat": b"MATLAB 5.0 MAT-file, Platform" + bytes(50),
    }
    messages = {
        "cut.h5": "cannot be read .*truncated or damaged",
        "cut.npz": "cannot be read .*truncated or damaged",
        "cut.npy": "cannot be read .*truncated or damaged",
        "text.h5": "named .h5 but not such a file",
        "notes.txt": "not sequence data .begins with 'hello'.; expected HDF5",
        "empty.fa": "the file is empty",
        "blank.fa": "holds no sequences",
        "h5.gz": "hdf5 data inside gzip; decompress it first",
        "cut.fa.gz": "truncated or damaged",
        "v5.mat": "cannot be read .*truncated or damaged",
    }
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    messages |= {
        "model.keras": "no array in this npz file",
        "absent.h5": "no such file",
        ".": "not a file",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    for name, message in messages.items():
        with pytest.raises(DataError, match=message) as raised:
            read_sequences(tmp_path / name, length=LENGTH)
        assert str(tmp_path) in str(raised.value)


@pytest.mark.parametrize("name", ["a.npz", "a.npy", "a.mat", "a.fa.gz"])
def test_damaged_files_are_read_or_refused_but_never_break(tmp_path, codes, rng, name):
    path = tmp_path / name
    match name:
        case "a.npz":
            np.savez_compressed(path, x=one_hot(codes), y=np.ones(N))
        case "a.npy":
            np.save(path, one_hot(codes))
        case "a.mat":
            savemat(path, {"x": one_hot(codes), "y": np.ones(N)})
        case "a.fa.gz":
            path.write_bytes(gzip.compress(b">a\nACGTACGTACGT\n" * 5))
    whole = path.read_bytes()
    refused = 0
    for trial in range(60):
        content = bytearray(whole)
        if trial % 3:
            for place in rng.integers(min(len(whole), 400), size=rng.integers(1, 6)):
                content[place] = rng.integers(256)
        else:
            content = content[: rng.integers(len(whole))]
        path.write_bytes(content)
        try:
            read_sequences(path, length=LENGTH)
        except DataError:
            refused += 1
    assert refused >= 20  # the truncated ones at least


# --- FASTA --------------------------------------------------------------------------------


@pytest.mark.parametrize("compressed", [False, True])
def test_fasta(tmp_path, compressed):
    text = b"\xef\xbb\xbf>one first record\nACG\r\nt\n\n>two\nnRgU\n"
    path = tmp_path / "data.fa"
    path.write_bytes(gzip.compress(text) if compressed else text)
    data = read_sequences(path, length=4)
    assert decode(data.codes) == ["ACGT", "NNGT"]
    assert (data.names, data.labels, data.notes) == (("one", "two"), None, ())


def test_fasta_records_are_cut_and_padded_around_their_middles(tmp_path):
    path = tmp_path / "data.fa"
    path.write_text(">a\nACGTA\n>b\nAACCGGT\n>c\nG\n>d\nAC\n>e\n\n>f\nTTTTT\n")
    data = read_sequences(path, length=5)
    assert decode(data.codes) == ["ACGTA", "ACCGG", "NNGNN", "NACNN", "TTTTT"]
    assert data.names == ("a", "b", "c", "d", "f")
    assert data.notes == (
        "1 records without any sequence were left out",
        "1 of 5 sequences longer than 5 bp were cut to their middle",
        "2 of 5 sequences shorter than 5 bp were padded with N on both sides",
    )
    assert decode(read_sequences(path, length=4).codes)[:3] == ["ACGT", "ACCG", "NGNN"]
    free = read_sequences(path, length=None, limit=3)
    assert free.codes.shape == (3, 7)  # all lengths are equally common: the longest
    assert free.notes[0] == "only the first 3 records were read, as asked"
    np.testing.assert_array_equal(read_sequences(path, length=None).codes, data.codes)


def test_fasta_lines_of_any_length(tmp_path, rng):
    long = decode(background(1, 2_500_000, rng))[0]
    path = tmp_path / "long.fa"
    path.write_text(f">long\n{long}\n>{'x' * 1_500_000}\nACGT\n")
    data = read_sequences(path, length=100)
    assert decode(data.codes)[0] == long[1_249_950:1_250_050]
    assert decode(data.codes)[1].strip("N") == "ACGT"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (">p\nMKVLE\n", "record 'p' has the character 'L' at position 4"),
        (">p\n>q\n", "no sequence in this FASTA"),
        ("#x\nACGT\n>p\nAC\n", "not sequence data"),
    ],
)
def test_bad_fasta(tmp_path, text, message):
    path = tmp_path / "bad.fa"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_sequences(path, length=4)


def test_keys_are_for_array_files(tmp_path):
    path = tmp_path / "data.fa"
    path.write_text(">p\nACGT\n")
    with pytest.raises(DataError, match="FASTA file has no keys"):
        read_sequences(path, length=4, x_key="x")


# --- BED ----------------------------------------------------------------------------------


@pytest.fixture
def genome(tmp_path):
    path = tmp_path / "genome.fa"
    #                         0         1
    #                         01234567890123456789
    path.write_text(">chr1\nAACCGGTTAC\nacgtnACGGT\n>chr2 other\nTTTTGGGGCC\n")
    return path


def test_bed_windows_strands_and_names(tmp_path, genome):
    path = tmp_path / "peaks.bed.gz"
    lines = [
        "track name=peaks",
        "# a comment",
        "chr1\t4\t8\tp1\t0\t+",  # the window itself: GGTT
        "chr1\t4\t8\tp2\t0\t-",  # its other strand: AACC
        "chr1\t2\t12",  # middle 7, window 5-9: GTTA
        "chr1\t5\t6\tp4\t0\t.",  # middle 5, window 3-7: CGGT
        "",
        "chr1\t12\t16\tp5\t0\t-",  # gtnA reversed: TNAC
        "chr2\t4\t8",  # GGGG
        "chr1\t0\t2",  # window -1 to 3: over the start
        "chr2\t8\t10",  # window 7 to 11: over the end
        "chrM\t1\t5",
    ]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    data = read_sequences(path, length=4, genome=genome)
    assert decode(data.codes) == ["GGTT", "AACC", "GTTA", "CGGT", "TNAC", "GGGG"]
    assert data.names == (
        "chr1:4-8(+)", "chr1:4-8(-)", "chr1:5-9(.)", "chr1:3-7(.)", "chr1:12-16(-)", "chr2:4-8(.)",
    )  # fmt: skip
    assert data.labels is None
    assert data.notes == (
        f"1 of 9 intervals were left out: {genome} has no chrM",
        "2 of 9 windows were left out because they run over a chromosome's end: "
        "chr1:-1-3(.), chr2:7-11(.)",
    )
    limited = read_sequences(path, length=4, genome=genome, limit=2)
    assert decode(limited.codes) == ["GGTT", "AACC"]
    assert limited.notes == ("only the first 2 intervals were read, as asked",)
    free = read_sequences(path, length=None, genome=genome)
    np.testing.assert_array_equal(free.codes, data.codes)  # 4 bp is the most common
    odd = read_sequences(path, length=5, genome=genome, limit=2)
    assert decode(odd.codes) == ["GGTTA", "TAACC"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\t2\t6\n2\t3\t4\n", r"none of its chromosomes \(1, 2\) is in .*has chr1, chr2; .*"),
        ("chr1\t0\t2\n", "every window of 4 bp runs over its chromosome's end"),
        ("chr1\t2\t6\nchr1\tx\t6\n", "line 2: not a BED interval: 'chr1..x"),
        ("chr1\t2\t6\nchr1\t7\t7\n", "line 2: the interval ends at 7, not after its start 7"),
        ("chr1\t2\t6\ta\t0\t1\n", "line 1: strand '1' in column 6; expected"),
    ],
)  # fmt: skip
def test_bad_bed(tmp_path, genome, text, message):
    path = tmp_path / "bad.bed"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_sequences(path, length=4, genome=genome)


def test_genomes_that_do_not_serve(tmp_path, genome):
    path = tmp_path / "peaks.bed"
    path.write_text("chr1\t4\t8\n")
    with pytest.raises(DataError, match="add --genome"):
        read_sequences(path, length=4)
    with pytest.raises(DataError, match=r"absent\.fa: no such genome file"):
        read_sequences(path, length=4, genome=tmp_path / "absent.fa")
    (tmp_path / "text.fa").write_text("this is\nno genome\n")
    with pytest.raises(DataError, match=r"text\.fa: (cannot be read|no chromosome)"):
        read_sequences(path, length=4, genome=tmp_path / "text.fa")
    (tmp_path / "plain.fa.gz").write_bytes(gzip.compress(genome.read_bytes()))
    with pytest.raises(DataError, match=r"plain\.fa\.gz: cannot be read as a genome FASTA"):
        read_sequences(path, length=4, genome=tmp_path / "plain.fa.gz")


def test_a_genome_in_a_folder_that_cannot_be_written(tmp_path, genome, monkeypatch):
    path = tmp_path / "peaks.bed"
    path.write_text("chr1\t4\t8\n")
    monkeypatch.setattr("neuroninterp.sequences.genome.os.access", lambda *_: False)
    assert decode(read_sequences(path, length=4, genome=genome).codes) == ["GGTT"]
    assert not (tmp_path / "genome.fa.fai").exists()
