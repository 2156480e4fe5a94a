"""MEME files: what is written is read back, every legal variant is read, the rest is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neuroninterp.errors import MotifFileError
from neuroninterp.motifs.meme import read_meme, write_meme

TATA = np.array([[0.1, 0.1, 0.1, 0.7], [0.7, 0.1, 0.1, 0.1], [0.0, 0.0, 0.0, 1.0]])
ROWS = "0.1 0.1 0.1 0.7\n0.7 0.1 0.1 0.1\n0 0 0 1\n"

printable = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=12)
words = printable.filter(lambda text: text.strip("_") == text)
ppms = st.lists(st.lists(st.floats(0.001, 1), min_size=4, max_size=4), min_size=1, max_size=12).map(
    lambda rows: np.array(rows) / np.sum(rows, axis=1, keepdims=True)
)
motifs = st.tuples(words, words, ppms, st.integers(1, 100_000))


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(motifs, min_size=1, max_size=4))
def test_round_trip(tmp_path: Path, written: list) -> None:
    path = tmp_path / "motifs.meme"
    write_meme(path, written)
    read = read_meme(path)
    assert [(motif.id, motif.name, motif.nsites) for motif in read] == [
        (identifier, name, sites) for identifier, name, _, sites in written
    ]
    for motif, (_, _, ppm, _) in zip(read, written, strict=True):
        np.testing.assert_allclose(motif.ppm, ppm, atol=2e-6)
        np.testing.assert_allclose(motif.ppm.sum(axis=1), 1, atol=1e-12)
    assert [file.name for file in tmp_path.iterdir()] == ["motifs.meme"]


def test_written_file_is_meme_4_with_clean_names(tmp_path: Path) -> None:
    path = tmp_path / "motifs.meme"
    write_meme(path, [("layer 1\nneuron\x003", "a\tb é", TATA, 12.4), ("two", "", TATA, 0)])
    assert path.read_text(encoding="ascii") == (
        "MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\n"
        "Background letter frequencies\nA 0.25 C 0.25 G 0.25 T 0.25\n\n"
        "MOTIF layer_1_neuron_3 a_b\n"
        "letter-probability matrix: alength= 4 w= 3 nsites= 12 E= 0\n"
        " 0.100000  0.100000  0.100000  0.700000\n"
        " 0.700000  0.100000  0.100000  0.100000\n"
        " 0.000000  0.000000  0.000000  1.000000\n\n"
        "MOTIF two\n"
        "letter-probability matrix: alength= 4 w= 3 nsites= 1 E= 0\n"
        " 0.100000  0.100000  0.100000  0.700000\n"
        " 0.700000  0.100000  0.100000  0.100000\n"
        " 0.000000  0.000000  0.000000  1.000000\n"
    )
    assert [motif.name for motif in read_meme(path)] == ["a_b", "two"]


def test_failed_write_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "motifs.meme"
    write_meme(path, [("old", "old", TATA, 1)])

    def fails():
        yield "new", "new", TATA, 1
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        write_meme(path, fails())
    assert [motif.id for motif in read_meme(path)] == ["old"]
    assert len(list(tmp_path.iterdir())) == 1


CUSTOM_ALPHABET = """ALPHABET "DNA" DNA-LIKE
A "Adenine" CC0000 ~ T "Thymine" 008000
C "Cytosine" 0000CC ~ G "Guanine" FFB300
N "Any base" = ACGT
W = AT
END ALPHABET
"""

LEGAL = {
    "minimal": f"MEME version 4\nMOTIF m\nletter-probability matrix:\n{ROWS}",
    "no final newline": f"MEME version 4\nMOTIF m\nletter-probability matrix: w= 3\n{ROWS[:-1]}",
    "tight fields": f"MEME version 5.5.7\nALPHABET=ACGT\nMOTIF m\n"
    f"letter-probability matrix: alength=4 w=3 nsites=20 E=1e-5\n{ROWS}",
    "blank lines, url": f"\n\nMEME version 4 (Release)\n\nALPHABET= ACGT\n\nMOTIF m\n\n"
    f"letter-probability matrix: alength= 4 w= 3\n\n{ROWS}\nURL http://example.org\n",
    "windows": f"MEME version 4\nMOTIF m\nletter-probability matrix: w= 3\n{ROWS}".replace(
        "\n", "\r\n"
    ),
    "tabs": f"MEME version 4\nMOTIF\tm\nletter-probability matrix: w= 3\n{ROWS}".replace(
        "0.1 ", "\t0.1\t"
    ),
    "byte order mark": f"\ufeffMEME version 4\nMOTIF m\nletter-probability matrix: w= 3\n{ROWS}",
    "custom alphabet": f"MEME version 4.4\n\n{CUSTOM_ALPHABET}\nstrands: + -\nMOTIF m\n"
    f"letter-probability matrix: alength= 4 w= 3\n{ROWS}",
    "RNA": f"MEME version 4\nALPHABET= ACGU\nMOTIF m\nletter-probability matrix: w= 3\n{ROWS}",
    "meme.txt": f"{'*' * 40}\nMEME - Motif discovery tool\n{'*' * 40}\nMEME version 5.4.1\n\n"
    "ALPHABET= ACGT\nBackground letter frequencies (from file `x'):\nA 0.3 C 0.2 G 0.2 T 0.3\n"
    "MOTIF m MEME-1 width = 3 sites = 9 llr = 21\n-----\n"
    "log-odds matrix: alength= 4 w= 3 n= 9 bayes= 5.3 E= 1.0e-5\n -1 -1 -1 1\n 1 -1 -1 -1\n"
    f" -9 -9 -9 2\n-----\nletter-probability matrix: alength= 4 w= 3 nsites= 9 E= 1e-5\n"
    f"{ROWS}-----",
}


@pytest.mark.parametrize("variant", LEGAL)
def test_reads_every_legal_variant(tmp_path: Path, variant: str) -> None:
    path = tmp_path / "motifs.meme"
    path.write_bytes(LEGAL[variant].encode())
    (motif,) = read_meme(path)
    assert motif.id == "m"
    assert motif.name == ("MEME-1" if variant == "meme.txt" else "m")
    assert motif.nsites == (9 if variant == "meme.txt" else 20)
    np.testing.assert_allclose(motif.ppm, TATA)
    assert motif.ppm.flags.c_contiguous


def test_rounded_rows_are_divided_by_their_sum(tmp_path: Path) -> None:
    path = tmp_path / "motifs.meme"
    path.write_text("MEME version 4\nMOTIF m\nletter-probability matrix:\n0.33 0.33 0.33 0\n")
    np.testing.assert_allclose(read_meme(path)[0].ppm, [[1 / 3, 1 / 3, 1 / 3, 0]])


HEAD = "MEME version 4\nMOTIF m\nletter-probability matrix: alength= 4 w= 2\n"
BAD = {
    "text": (b"hello\nworld\n", "not a motif file in MEME format.*begins with 'hello'"),
    "empty": (b"", "not a motif file in MEME format.*begins with ''"),
    "fasta": (b">chr1\nACGT\n", "begins with '>chr1'"),
    "html": (b"<html>MEME version 4</html>", r"begins with '<html>.*meme\.txt"),
    "nul": (b"MEME version 4\0\n", r"binary data"),
    "not utf-8": (b"\x89HDF\r\n\xff\xfe", r"binary data"),
    "late binary": (b"MEME version 4\n" + b"#" * 9000 + b"\xff", r"binary data"),
    "headless": (HEAD.split("\n", 1)[1].encode(), "no line 'MEME version 4' before the first"),
    "version": (b"MEME version 2\n", "line 1: MEME version 2; expected 4"),
    "no motif": (b"MEME version 4\nALPHABET= ACGT\n", "holds no motif"),
    "protein": (
        b"MEME version 4\n\nALPHABET= ACDEFGHIKLMNPQRSTVWY\nMOTIF m\n",
        "line 3: the alphabet is 'ACDEF.*expected DNA",
    ),
    "protein block": (
        b'MEME version 4\nALPHABET "P" PROTEIN-LIKE\nA "Alanine"\nR\nEND ALPHABET\nMOTIF m\n',
        "line 2: the alphabet is 'AR'",
    ),
    "alength": (
        b"MEME version 4\nMOTIF m\nletter-probability matrix: alength= 20 w= 2\n",
        "line 3: alength= 20; expected 4",
    ),
    "no matrix": (b"MEME version 4\nMOTIF one\nMOTIF two\n", "line 2: motif 'one' has no"),
    "no last matrix": (b"MEME version 4\nMOTIF one\n", "line 2: motif 'one' has no"),
    "no id": (b"MEME version 4\nMOTIF\n", "line 2: MOTIF without an id"),
    "short": (HEAD.encode() + b"1 0 0 0\n\nMOTIF", "line 3: the matrix has 1 rows; expected w= 2"),
    "no rows": (b"MEME version 4\nMOTIF m\nletter-probability matrix:\n", "has 0 rows"),
    "counts": (HEAD.encode() + b"1 0 0 0\n10 0 3 4\n", r"line 5: .*sum to 1.*sum 17"),
    "three": (HEAD.encode() + b"1 0 0\n", "line 4: .*3 values"),
    "negative": (HEAD.encode() + b"1.5 -0.5 0 0\n", "line 4: expected four prob"),
    "nan": (HEAD.encode() + b"nan 0 0 1\n", "line 4: expected four prob"),
    "word": (HEAD.encode() + b"1 0 zero 0\n", "line 4: expected four prob.*zero"),
    "width": (
        b"MEME version 4\nMOTIF m\nletter-probability matrix: w= two\n1 0 0 0\n",
        "line 3: w= two is not a number",
    ),
}


@pytest.mark.parametrize("fault", BAD)
def test_refuses_with_one_line(tmp_path: Path, fault: str) -> None:
    content, message = BAD[fault]
    path = tmp_path / "motifs.meme"
    path.write_bytes(content)
    with pytest.raises(MotifFileError, match=message) as caught:
        read_meme(path)
    assert "motifs.meme" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(MotifFileError, match="no such motif file"):
        read_meme(tmp_path / "absent.meme")
    with pytest.raises(MotifFileError, match="cannot read the motif file"):
        read_meme(tmp_path)
