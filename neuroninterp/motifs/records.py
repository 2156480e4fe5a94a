"""The values that travel through the second half of the pipeline."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from neuroninterp.text import printable

__all__ = ["KnownMotif", "Match", "Motif", "Part"]


@dataclass(frozen=True, eq=False)
class Motif:
    """A position probability matrix of a neuron, with what is known about it.

    Parameters
    ----------
    ppm : numpy.ndarray, shape=(receptive field, 4)
        Activation-weighted probabilities, ACGT, rows summing to 1.
    maximum : float
        Largest z among the sequences behind it.
    threshold : float
        Above which z counts as active.
    n_sequences : int
        Number of sequences behind it.
    consensus : str
        Most probable base at each position.
    consensus_value : float
        z of the consensus sequence.
    log2_rarity : float
        log2 of the probability that a uniformly random window is active; NaN for windows
        from data.
    """

    ppm: np.ndarray
    maximum: float
    threshold: float
    n_sequences: int
    consensus: str
    consensus_value: float
    log2_rarity: float = float("nan")

    @property
    def consensus_ratio(self) -> float:
        """Z of the consensus over the largest z: near 1 one motif, low still a mixture."""
        return self.consensus_value / self.maximum if self.maximum > 0 else float("nan")

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({printable(self.consensus, 40)!r}, {len(self.ppm)} bp, "
            f"maximum {self.maximum:.3g}, consensus ratio {self.consensus_ratio:.2f})"
        )

    def _repr_html_(self) -> str:
        # A notebook asks the value itself; what draws it stands at the far end of the flow.
        from neuroninterp.notebook.motif_html import motif_html

        return motif_html(self)


@dataclass(frozen=True, eq=False)
class Part(Motif):
    """One decoupled part of a neuron's sample.

    Parameters
    ----------
    share : float
        Activation-weighted share of the neuron's sample, in (0, 1]; a neuron's shares sum to 1.
    shift : int
        Position of this part's motif relative to the neuron's first part, bp.
    offsets : tuple of int
        Winning offset in every pool below, nearest the neuron first, of the entry that
        carries most of the consensus sequence's value; -1 where there is no winner.
    log2_rarity : float
        log2 of the probability that a uniformly random window is active and of this part;
        NaN for windows from data.
    """

    share: float = 1.0
    shift: int = 0
    offsets: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}, share {self.share:.2f}, shift {self.shift:+d} bp)"


@dataclass(frozen=True)
class Match:
    """A Tomtom hit of a clipped PPM, or a segment of it, against a known motif.

    Parameters
    ----------
    query : str
        Which PPM, for example ``"layer1_neuron3_part0"``.
    target_id, target_name : str
        The known motif, for example ``"MA0139.1"`` and ``"CTCF"``.
    p_value, e_value : float
        E-value is p-value times the number of targets.
    strand : str
        "+" or "-".
    start, end : int
        The aligned stretch in the query's own positions (half-open).
    overlap : int
        Aligned columns.
    covered : float
        Share of the target's information content (bits) that the aligned columns cover.
    whole : bool
        Whether ``covered`` reaches the limit for a whole match.
    relevant : bool
        Whether the target is one that the user named as relevant.
    target_start : int or None
        Position in the query (bp, may be negative) of the first column of the target, drawn on
        the strand of the match; None in results of versions that did not tell.
    """

    query: str
    target_id: str
    target_name: str
    p_value: float
    e_value: float
    strand: str
    start: int
    end: int
    overlap: int
    covered: float
    whole: bool
    relevant: bool = field(default=False)
    target_start: int | None = None


@dataclass(frozen=True, eq=False)
class KnownMotif:
    """A motif of a database.

    Parameters
    ----------
    id, name : str
        For example ``"MA0139.1"`` and ``"CTCF"``.
    ppm : numpy.ndarray, shape=(L, 4)
        Probabilities, ACGT, on the strand that the database has.
    """

    id: str
    name: str
    ppm: np.ndarray
