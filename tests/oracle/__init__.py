"""Oracle: truths that share no code with the product's sampler, and networks to hold them to.

Tests import it as ``oracle``, benchmarks as ``tests.oracle`` from the repository's root.
"""

from .designs import (
    POOLS,
    alternatives,
    both_strands,
    draw_motifs,
    gapped_motif,
    one_motif,
    two_motifs,
)
from .enumeration import LARGEST, Exact, activation_weights, enumerate_exactly, windows_of
from .importance import Truth, label_windows, truth
from .linear import LEVELS, LinearTruth, linear, linear_on_grid
from .planted import (
    Arrangement,
    Hidden,
    Level,
    Piece,
    Planted,
    PlantedMotif,
    Term,
    Unit,
    build,
    model_of,
)

__all__ = [
    "LARGEST",
    "LEVELS",
    "POOLS",
    "Arrangement",
    "Exact",
    "Hidden",
    "Level",
    "LinearTruth",
    "Piece",
    "Planted",
    "PlantedMotif",
    "Term",
    "Truth",
    "Unit",
    "activation_weights",
    "alternatives",
    "both_strands",
    "build",
    "draw_motifs",
    "enumerate_exactly",
    "gapped_motif",
    "label_windows",
    "linear",
    "linear_on_grid",
    "model_of",
    "one_motif",
    "truth",
    "two_motifs",
    "windows_of",
]
