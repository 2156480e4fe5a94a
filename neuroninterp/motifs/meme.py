"""Motif files: reading and writing the MEME suite's motif format (text, version 4).

Read is what the MEME suite reads: minimal files, MEME's own text output, files with a
custom-alphabet block that spells DNA, RNA (U is read as T), any ``name= value`` spacing,
matrices without ``w=`` or ``nsites=``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from neuroninterp.durable import replace_file
from neuroninterp.errors import MotifFileError
from neuroninterp.text import LONGEST

__all__ = ["MemeMotif", "read_meme", "write_meme"]

_VERSION = re.compile(r"\s*MEME version\s+(\d+)")
_MATRIX = re.compile(r"\s*letter-probability matrix:(.*)")
_FIELD = re.compile(r"([A-Za-z]+)=\s*(\S+)")
_LOG_ODDS = re.compile(r"\s*log-odds matrix:")
_DEFAULT_SITES = 20  # what the MEME suite assumes where a matrix does not say
_TOLERANCE = 0.0201  # four probabilities rounded to two decimals are off by at most 0.02

_Line = tuple[int, str]


class MemeMotif(NamedTuple):
    """One motif of a file: id, name (the id where it has none), PPM ``(L, 4)``, sites."""

    id: str
    name: str
    ppm: np.ndarray
    nsites: float


def read_meme(path: str | os.PathLike[str]) -> tuple[MemeMotif, ...]:
    """Read all motifs of a file in MEME format.

    Parameters
    ----------
    path : str or path-like
        A text file in MEME format, DNA or RNA.

    Returns
    -------
    tuple of MemeMotif
        In the file's order; PPMs of shape (L, 4), ACGT, float64, each row divided by its sum.

    Raises
    ------
    MotifFileError
        The file is missing or unreadable, is not in MEME format, holds no motif or another
        alphabet, or has a row that is not four probabilities; the line is named.
    """
    lines = _read_lines(path)
    header = _header_end(lines, path)
    motifs: list[MemeMotif] = []
    pending: tuple[int, list[str]] | None = None
    position = header
    while position < len(lines):
        number, text = lines[position]
        position += 1
        words = text.split()
        if words and words[0] == "MOTIF":
            if pending is not None:
                raise _without_matrix(path, pending)
            if len(words) < 2:
                raise MotifFileError(f"{path}, line {number}: MOTIF without an id")
            pending = number, words[1:]
        elif (matrix := _MATRIX.match(text)) and pending is not None:
            fields = dict(_FIELD.findall(matrix.group(1)))
            ppm, position = _read_rows(lines, position, number, fields, path)
            identifier, name = (pending[1] * 2)[:2] if len(pending[1]) == 1 else pending[1][:2]
            sites = _number(fields.get("nsites", _DEFAULT_SITES), "nsites", number, path)
            motifs.append(MemeMotif(identifier, name, ppm, sites))
            pending = None
    if pending is not None:
        raise _without_matrix(path, pending)
    if not motifs:
        raise MotifFileError(f"{path}: in MEME format, but it holds no motif (no line 'MOTIF id')")
    return tuple(motifs)


def write_meme(
    path: str | os.PathLike[str],
    motifs: Iterable[tuple[str, str, np.ndarray, float]],
    *,
    background: tuple[float, float, float, float] = (0.25, 0.25, 0.25, 0.25),
) -> None:
    """Write motifs as a MEME version 4 file, whole or not at all.

    Parameters
    ----------
    path : str or path-like
        File to write; replaced where it exists.
    motifs : iterable of (id, name, ppm, nsites)
        PPMs of shape (L, 4), ACGT, L at least 1, rows summing to 1. Whitespace, control and
        non-ASCII characters in ids and names become ``_``; an empty name is left out.
    background : tuple of float
        Frequencies of A, C, G, T, written into the header.
    """
    frequencies = " ".join(
        f"{base} {frequency:.6g}" for base, frequency in zip("ACGT", background, strict=True)
    )
    blocks = [
        "MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\n"
        f"Background letter frequencies\n{frequencies}\n"
    ]
    for identifier, name, ppm, nsites in motifs:
        title = f"MOTIF {_clean(identifier) or 'motif'} {_clean(name)}".rstrip()
        table = np.asarray(ppm).tolist()
        rows = "\n".join(" " + "  ".join(f"{value:.6f}" for value in row) for row in table)
        sites = max(1, round(nsites))
        blocks.append(
            f"{title}\n"
            f"letter-probability matrix: alength= 4 w= {len(ppm)} nsites= {sites} E= 0\n{rows}\n"
        )
    replace_file(Path(path), "\n".join(blocks).encode("ascii"))


def _read_lines(path: str | os.PathLike[str]) -> list[_Line]:
    """Read numbered lines of a text file."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            start = file.read(4096)
            if "\0" in start:
                raise MotifFileError(f"{path}: not a motif file in MEME format (binary data)")
            text = start + file.read()
    except UnicodeDecodeError as error:
        raise MotifFileError(f"{path}: not a motif file in MEME format (binary data)") from error
    except FileNotFoundError as error:
        raise MotifFileError(f"{path}: no such motif file") from error
    except OSError as error:
        raise MotifFileError(f"{path}: cannot read the motif file ({error.strerror})") from error
    return list(enumerate(text.split("\n"), start=1))


def _header_end(lines: list[_Line], path: str | os.PathLike[str]) -> int:
    """Check version and alphabet; return the index of the first MOTIF line (or the end)."""
    version_seen = False
    for index, (number, text) in enumerate(lines):
        if version := _VERSION.match(text):
            version_seen = True
            if int(version.group(1)) < 3:
                raise MotifFileError(
                    f"{path}, line {number}: MEME version {version.group(1)}; expected 4 or newer"
                )
        elif text.split()[:1] == ["MOTIF"]:
            if version_seen:
                return index
            break
        elif text.startswith("ALPHABET") and version_seen:
            _check_alphabet(lines[index:], path)
    if version_seen:
        return len(lines)
    found = next((text.strip() for _, text in lines if text.strip()), "")
    raise MotifFileError(
        f"{path}: not a motif file in MEME format: no line 'MEME version 4' before the first "
        f"motif; it begins with {found[:40]!r}"
        + ("; give MEME's text output (meme.txt) instead" if found.startswith("<") else "")
    )


def _check_alphabet(lines: list[_Line], path: str | os.PathLike[str]) -> None:
    """Refuse an alphabet, in a line or a block, that is not DNA or RNA."""
    number, text = lines[0]
    if "=" in text:
        letters = "".join(text.split("=", 1)[1].split())
    else:
        block = (line for _, line in lines[1:] if line.strip())
        letters = "".join(sorted(_core_symbols(block)))
    if letters.upper().replace("U", "T") != "ACGT":
        raise MotifFileError(
            f"{path}, line {number}: the alphabet is {letters[:40]!r}; expected DNA (ACGT)"
        )


def _core_symbols(block: Iterator[str]) -> Iterator[str]:
    """Letters that a custom-alphabet block defines without ``=`` (those are ambiguity codes)."""
    for line in block:
        bare = re.sub(r'"[^"]*"', "", line)
        if bare.startswith(("END ALPHABET", "MOTIF")):
            return
        if "=" not in bare and not bare.lstrip().startswith("#"):
            for half in bare.split("~"):
                yield half.split()[0] if half.split() else "?"


def _read_rows(
    lines: list[_Line],
    position: int,
    number: int,
    fields: dict[str, str],
    path: str | os.PathLike[str],
) -> tuple[np.ndarray, int]:
    """Read the rows after a matrix line; return the PPM and the index after the last row."""
    letters = _number(fields.get("alength", 4), "alength", number, path)
    if letters != 4:
        raise MotifFileError(
            f"{path}, line {number}: alength= {letters:g}; expected 4 (DNA motifs only)"
        )
    width = _number(fields["w"], "w", number, path) if "w" in fields else None
    rows: list[np.ndarray] = []
    while position < len(lines) and (width is None or len(rows) < width):
        row_number, text = lines[position]
        if text.strip():
            if not _starts_with_number(text):
                break
            rows.append(_read_row(text, row_number, path))
        elif rows:
            break
        position += 1
    if not rows or (width is not None and len(rows) != width):
        expected = "at least 1" if width is None else f"w= {width:g}"
        raise MotifFileError(
            f"{path}, line {number}: the matrix has {len(rows)} rows; expected {expected}"
        )
    return np.stack(rows), position


def _read_row(text: str, number: int, path: str | os.PathLike[str]) -> np.ndarray:
    """Read one row of four probabilities."""
    try:
        row = np.array([float(word) for word in text.split()], dtype=np.float64)
    except ValueError as error:
        raise MotifFileError(
            f"{path}, line {number}: expected four probabilities, found {text.strip()[:60]!r}"
        ) from error
    # Written so that NaN fails too.
    if not (row.shape == (4,) and (row >= 0).all() and abs(row.sum() - 1) <= _TOLERANCE):
        raise MotifFileError(
            f"{path}, line {number}: expected four probabilities that sum to 1, "
            f"found {text.strip()[:60]!r} ({row.size} values, sum {row.sum():.4g})"
        )
    return row / row.sum()


def _starts_with_number(text: str) -> bool:
    """Whether the line's first word is a number."""
    try:
        float(text.split()[0])
    except ValueError:
        return False
    return True


def _number(value: str | int, key: str, number: int, path: str | os.PathLike[str]) -> float:
    """Read a number of a matrix line, at least 0."""
    try:
        found = float(value)
    except ValueError:
        found = float("nan")
    if not 0 <= found < float("inf"):
        raise MotifFileError(f"{path}, line {number}: {key}= {value} is not a number")
    return found


def _without_matrix(path: str | os.PathLike[str], pending: tuple[int, list[str]]) -> MotifFileError:
    """Say that a MOTIF line is followed by no matrix."""
    number, words = pending
    return MotifFileError(
        f"{path}, line {number}: motif {words[0]!r} has no 'letter-probability matrix:'"
    )


def _clean(text: str) -> str:
    """Make an id or a name one printable ASCII word, not too long for a title."""
    return re.sub(r"[^\x21-\x7e]+", "_", str(text).strip()[:LONGEST]).strip("_") if text else ""
