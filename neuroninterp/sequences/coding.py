"""Sequences as letters, as small integer codes, and one-hot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuroninterp.errors import DataError

__all__ = [
    "ALPHABET",
    "UNKNOWN",
    "codes_from_one_hot",
    "decode",
    "encode",
    "encode_record",
    "is_one_hot",
    "numbered_windows",
    "one_hot",
    "reverse_complement",
]

ALPHABET = "ACGT"
"""Bases in the order of their codes 0 to 3, and of the one-hot channels."""

UNKNOWN = 4
"""Code of N and of every ambiguous base: a zero row in one-hot."""

_INVALID = 255
_AMBIGUOUS = "NRYSWKMBDHV"


def _byte_to_code() -> bytes:
    table = bytearray([_INVALID] * 256)
    pairs = [*zip(ALPHABET, range(4), strict=True), ("U", 3)]
    pairs += [(letter, UNKNOWN) for letter in _AMBIGUOUS]
    for letter, code in pairs:
        table[ord(letter)] = table[ord(letter.lower())] = code
    return bytes(table)


_BYTE_TO_CODE = _byte_to_code()
_CODE_TO_BYTE = np.frombuffer(b"ACGTN", dtype=np.uint8)
_CODE_TO_ROW = np.vstack([np.eye(4, dtype=np.float32), np.zeros((1, 4), dtype=np.float32)])
_COMPLEMENT = np.array([3, 2, 1, 0, UNKNOWN], dtype=np.uint8)


def encode(sequences: Sequence[str]) -> np.ndarray:
    """Turn sequences of letters into codes.

    Parameters
    ----------
    sequences : sequence of str
        All of one length L (bp). Upper or lower case; U counts as T; N and the IUPAC
        ambiguity codes become 4.

    Returns
    -------
    numpy.ndarray, shape=(N, L)
        uint8 codes, 0 to 4.

    Raises
    ------
    DataError
        If a sequence holds another character, or the lengths differ.
    """
    length = len(sequences[0]) if len(sequences) else 0
    codes = np.empty((len(sequences), length), dtype=np.uint8)
    for index, sequence in enumerate(sequences):
        if len(sequence) != length:
            raise DataError(
                f"sequence {index} has {len(sequence)} bp, expected {length} as in sequence 0"
            )
        codes[index] = encode_record(sequence, f"sequence {index}")
    return codes


def encode_record(sequence: str | bytes, name: str) -> np.ndarray:
    """Turn one sequence into codes.

    Parameters
    ----------
    sequence : str or bytes
        Letters, upper or lower case.
    name : str
        What to call the sequence in an error.

    Returns
    -------
    numpy.ndarray, shape=(L,)
        uint8 codes, 0 to 4.

    Raises
    ------
    DataError
        If a character is no base and no IUPAC code; names record, character and position.
    """
    text = sequence.encode("ascii", "replace") if isinstance(sequence, str) else sequence
    codes = np.frombuffer(text.translate(_BYTE_TO_CODE), dtype=np.uint8)
    if codes.size and codes.max() == _INVALID:
        position = int(codes.argmax())
        found = sequence[position] if isinstance(sequence, str) else chr(sequence[position])
        raise DataError(
            f"{name} has the character {found!r} at position {position + 1}; "
            "expected A, C, G, T, U, N or an IUPAC ambiguity code"
        )
    return codes


def decode(codes: np.ndarray) -> list[str]:
    """Turn codes ``(N, L)``, 0 to 4, into N strings of A, C, G, T and N."""
    letters = _CODE_TO_BYTE[codes]
    return [row.tobytes().decode("ascii") for row in letters]


def numbered_windows(numbers: np.ndarray, length: int) -> np.ndarray:
    """Return windows by their numbers in the lexicographic order of all 4^length.

    Parameters
    ----------
    numbers : numpy.ndarray, shape=(N,)
        0 to 4^length - 1.
    length : int
        Window length, bp.

    Returns
    -------
    numpy.ndarray, shape=(N, length)
        uint8 codes, 0 to 3.
    """
    shifts = 2 * np.arange(length - 1, -1, -1)
    return ((np.asarray(numbers, np.int64)[:, None] >> shifts) & 3).astype(np.uint8)


def one_hot(codes: np.ndarray) -> np.ndarray:
    """Turn codes into one-hot.

    Parameters
    ----------
    codes : numpy.ndarray, shape=(N, L)
        0 to 4.

    Returns
    -------
    numpy.ndarray, shape=(N, L, 4)
        float32, channels ACGT; a zero row where the code is 4.
    """
    return _CODE_TO_ROW[codes]


def reverse_complement(codes: np.ndarray) -> np.ndarray:
    """Return the other strand of codes ``(..., L)``, read 5' to 3'; 4 stays 4."""
    return _COMPLEMENT[codes[..., ::-1]]


def codes_from_one_hot(
    array: np.ndarray,
    *,
    alphabet: str = ALPHABET,
    name: str = "array",
    first: int = 0,
    first_position: int = 0,
) -> np.ndarray:
    """Turn one-hot into codes, refusing anything that is not one-hot.

    Parameters
    ----------
    array : numpy.ndarray, shape=(N, L, 4)
        Each position has exactly one 1 and zeros, or four zeros or four times 0.25 for an
        unknown base. Any numeric type.
    alphabet : str
        Base of each channel.
    name : str
        What to call the array in an error.
    first : int
        Index of ``array[0]`` in the whole data set, for the error.
    first_position : int
        Position of ``array[:, 0]`` in whole sequences, for the error.

    Returns
    -------
    numpy.ndarray, shape=(N, L)
        uint8 codes, 0 to 4.

    Raises
    ------
    DataError
        If the shape is another, or a position is not one-hot; names the first such
        position (both indices from 0) and its values.
    """
    if array.ndim != 3 or array.shape[2] != 4:
        raise DataError(f"{name} has shape {array.shape}, expected one-hot of shape (N, L, 4)")
    codes, valid = _classify(array)
    if not valid.all():
        index, position = (int(i) for i in np.argwhere(~valid)[0])
        values = ", ".join(f"{float(value):.4g}" for value in array[index, position])
        raise DataError(
            f"{name} is data that is not one-hot: sequence {first + index}, position "
            f"{first_position + position} holds ({values}); expected exactly one 1 and zeros, "
            "all zeros, or all 0.25"
        )
    code_of_channel = [ALPHABET.index(base) for base in alphabet]
    return np.array([*code_of_channel, UNKNOWN], dtype=np.uint8)[codes]


def is_one_hot(array: np.ndarray) -> bool:
    """Say whether every position of ``(N, L, 4)`` is one-hot or unknown."""
    return bool(_classify(array)[1].all())


def _classify(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each position's channel (4 where unknown), and whether it is valid; both (N, L)."""
    shape = array.shape[:2]
    ones = np.zeros(shape, dtype=np.uint8)
    zeros = np.zeros(shape, dtype=np.uint8)
    quarters = np.zeros(shape, dtype=np.uint8)
    codes = np.zeros(shape, dtype=np.uint8)
    # Channel by channel, because the channel axis is rarely the contiguous one in a file.
    for channel in range(4):
        values = array[:, :, channel]
        is_one = values == 1
        ones += is_one
        zeros += values == 0
        quarters += values == 0.25
        codes += np.uint8(channel) * is_one
    known = (ones == 1) & (zeros == 3)
    codes[~known] = UNKNOWN
    return codes, known | (zeros == 4) | (quarters == 4)
