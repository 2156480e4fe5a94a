"""Where in the genome a stretch of a sequence lies, as far as the sequence's name tells."""

from __future__ import annotations

import re

__all__ = ["genome_location"]

_SPAN = re.compile(r"(?P<start>[0-9]{1,18})-(?P<end>[0-9]{1,18})(?P<strand>\([-+.]\))?")


def genome_location(name: str, length: int, start: int, end: int) -> str:
    """Say where a stretch of a sequence lies in the genome.

    Parameters
    ----------
    name : str
        The sequence's name, for example ``"chr1:1000-1200(-)"``: 0-based and half-open.
    length : int
        Length of the sequence, bp. Where the interval in its name has another one, the
        sequence was cut or padded, or the name counts from 1: nothing is said.
    start, end : int
        The stretch in the sequence as it was read, bp from 0, half-open.

    Returns
    -------
    str
        For example ``"chr1:1100-1119(-)"``, on the strand of the sequence; "" where the name
        is no interval of this length.
    """
    before, _, after = name.rpartition(":")
    # `bedtools getfasta -name` puts a name before the interval.
    chromosome = before.rpartition("::")[2]
    found = _SPAN.fullmatch(after)
    if not chromosome or found is None or int(found["end"]) - int(found["start"]) != length:
        return ""
    strand = found["strand"] or ""
    left = int(found["start"]) + start
    if strand == "(-)":  # read backward
        left = int(found["end"]) - end
    return f"{chromosome}:{left}-{left + end - start}{strand}"
