"""Parameters of DragoNN's six simulations, with the values that were published.

``zoo simulate NAME --help`` is made from these classes, so nothing heavy is imported here.

Source: the released script of DragoNN's performance results (``paper_supplement``) and the
slides of the workshop "How to train your DragoNN" (2016). Of differential accessibility no
values were published; the groups of motifs are our choice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from neuroninterp.errors import DataError

__all__ = [
    "SIMULATIONS",
    "DifferentialAccessibility",
    "Heterodimer",
    "MotifCounting",
    "MotifDensity",
    "MultiMotif",
    "Parameters",
    "SingleMotif",
]


def _parameter(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


def _check_range(name: str, least: int, most: int) -> None:
    if not 0 <= least <= most:
        raise DataError(f"{name} from {least} to {most}; expected 0 or more, and the largest last")


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What all six have in common.

    Parameters
    ----------
    length : int
        Sequence length, bp.
    gc : float
        Share of G and C in the background, in [0, 1].
    """

    length: int = _parameter(500, "Sequence length, bp.")
    gc: float = _parameter(0.4, "Share of G and C in the background.")

    def __post_init__(self) -> None:
        if self.length < 1:
            raise DataError(f"sequences of {self.length} bp; give a length of at least 1")
        if not 0 <= self.gc <= 1:
            raise DataError(f"a GC share of {self.gc:g}; expected 0 to 1")


@dataclass(frozen=True, kw_only=True)
class _TwoClasses(Parameters):
    """A simulation of positives and negatives.

    Parameters
    ----------
    positives, negatives : int
        Number of sequences of each class.
    """

    positives: int = _parameter(10_000, "Number of positive sequences.")
    negatives: int = _parameter(10_000, "Number of negative sequences.")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, number in (("positives", self.positives), ("negatives", self.negatives)):
            if number < 1:
                raise DataError(f"{number} {name}; give at least 1")


@dataclass(frozen=True, kw_only=True)
class SingleMotif(_TwoClasses):
    """Single motif detection: positives hold one site of a motif, negatives none.

    Parameters
    ----------
    motif : str
        The motif.
    """

    motif: str = _parameter("TAL1_known4", "Motif of the positives.")


@dataclass(frozen=True, kw_only=True)
class MotifCounting(_TwoClasses):
    """Motif counting: many sites of a motif in positives, few in negatives.

    Parameters
    ----------
    motif : str
        The motif.
    min_counts, max_counts : int
        Sites of a positive.
    min_negative_counts, max_negative_counts : int
        Sites of a negative.
    """

    length: int = _parameter(1000, "Sequence length, bp.")
    motif: str = _parameter("TAL1_known4", "Motif of both classes.")
    min_counts: int = _parameter(3, "Fewest sites of a positive.")
    max_counts: int = _parameter(5, "Most sites of a positive.")
    min_negative_counts: int = _parameter(0, "Fewest sites of a negative.")
    max_negative_counts: int = _parameter(2, "Most sites of a negative.")

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_range("counts", self.min_counts, self.max_counts)
        _check_range("negative counts", self.min_negative_counts, self.max_negative_counts)


@dataclass(frozen=True, kw_only=True)
class MotifDensity(_TwoClasses):
    """Motif density localisation: sites in the centre of positives, anywhere in negatives.

    Parameters
    ----------
    motif : str
        The motif.
    min_counts, max_counts : int
        Sites of a sequence, in both classes.
    center_size : int
        Width of the stretch in the middle that holds all sites of a positive, bp.
    """

    length: int = _parameter(1000, "Sequence length, bp.")
    motif: str = _parameter("TAL1_known4", "Motif of both classes.")
    min_counts: int = _parameter(2, "Fewest sites of a sequence.")
    max_counts: int = _parameter(4, "Most sites of a sequence.")
    center_size: int = _parameter(150, "Where the sites of a positive lie, bp in the middle.")

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_range("counts", self.min_counts, self.max_counts)
        if not 1 <= self.center_size <= self.length:
            raise DataError(
                f"a centre of {self.center_size} bp in {self.length} bp; expected 1 to "
                f"{self.length}"
            )


@dataclass(frozen=True, kw_only=True)
class MultiMotif(Parameters):
    """Multi-motif embedding: a random choice of motifs, one label each.

    Parameters
    ----------
    motif_names : tuple of str
        The motifs; each has at most one site in a sequence.
    min_motifs, max_motifs : int
        Sites of a sequence.
    sequences : int
        Number of sequences.
    """

    motif_names: tuple[str, ...] = _parameter(
        ("CTCF_known1", "ZNF143_known2", "SIX5_known1"), "Motifs, separated by commas."
    )
    min_motifs: int = _parameter(0, "Fewest motifs in a sequence.")
    max_motifs: int = _parameter(3, "Most motifs in a sequence.")
    sequences: int = _parameter(20_000, "Number of sequences.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sequences < 1:
            raise DataError(f"{self.sequences} sequences; give at least 1")
        _check_groups(self.min_motifs, self.max_motifs, self.motif_names)


@dataclass(frozen=True, kw_only=True)
class DifferentialAccessibility(_TwoClasses):
    """Differential accessibility: motifs of one group in positives, of another in negatives.

    Parameters
    ----------
    positive_motifs, negative_motifs : tuple of str
        The groups; each motif has at most one site in a sequence.
    min_motifs, max_motifs : int
        Sites of a sequence.
    """

    positive_motifs: tuple[str, ...] = _parameter(
        ("CTCF_known1", "ZNF143_known2", "SIX5_known1"), "Group of the positives."
    )
    negative_motifs: tuple[str, ...] = _parameter(
        ("TAL1_known4", "SPI1_known4", "IRF_known20"), "Group of the negatives."
    )
    min_motifs: int = _parameter(1, "Fewest motifs in a sequence.")
    max_motifs: int = _parameter(3, "Most motifs in a sequence.")

    def __post_init__(self) -> None:
        super().__post_init__()
        for group in (self.positive_motifs, self.negative_motifs):
            _check_groups(self.min_motifs, self.max_motifs, group)


@dataclass(frozen=True, kw_only=True)
class Heterodimer(_TwoClasses):
    """Heterodimer grammar: two motifs close to each other in positives, apart in negatives.

    A positive holds motif 1 and then motif 2, both as their matrices say, which is how the
    released code does it; a negative holds one site of each anywhere, on either strand.

    Parameters
    ----------
    motif_1, motif_2 : str
        The motifs.
    min_spacing, max_spacing : int
        Positions between the two sites of a positive, bp.
    """

    motif_1: str = _parameter("SPI1_known4", "Motif on the left of a positive.")
    motif_2: str = _parameter("IRF_known20", "Motif on its right.")
    min_spacing: int = _parameter(2, "Fewest bp between them.")
    max_spacing: int = _parameter(5, "Most bp between them.")

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_range("a spacing", self.min_spacing, self.max_spacing)


def _check_groups(least: int, most: int, group: tuple[str, ...]) -> None:
    _check_range("motifs", least, most)
    if len(set(group)) < len(group) or not group:
        raise DataError(f"motifs {', '.join(group) or 'none'}; expected each once, at least one")
    if most > len(group):
        raise DataError(f"up to {most} of {len(group)} motifs; expected no more than there are")


SIMULATIONS: dict[str, type[Parameters]] = {
    "single-motif": SingleMotif,
    "motif-counting": MotifCounting,
    "motif-density": MotifDensity,
    "multi-motif": MultiMotif,
    "differential-accessibility": DifferentialAccessibility,
    "heterodimer": Heterodimer,
}
"""The simulations by name."""
