"""What tables and figures can be asked for by name."""

from __future__ import annotations

from collections.abc import Sequence

from neuroninterp.errors import UnknownNameError
from zoo.architectures.koo_eddy import VARIANTS
from zoo.tables.alignment import ALIGNMENTS

__all__ = ["MOTIFS", "check_names"]

MOTIFS = "JASPAR2016"
"""The known motifs that the paper matches filters against: of vertebrates."""


def check_names(networks: Sequence[str], alignment: str) -> None:
    """Make sure that networks and an alignment exist.

    Raises
    ------
    UnknownNameError
        If one does not.
    """
    for name in networks:
        if name not in VARIANTS:
            raise UnknownNameError("network of Koo & Eddy", name, tuple(VARIANTS))
    if alignment not in ALIGNMENTS:
        raise UnknownNameError("alignment", alignment, tuple(ALIGNMENTS))
