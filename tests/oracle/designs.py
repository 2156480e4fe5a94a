"""Designs of planted networks: one motif, two, alternatives, a gap, both strands.

Each returns a :class:`Planted` whose top layer has one neuron per planted target. Motifs are
drawn so that they resemble neither themselves at another shift nor each other.
"""

from __future__ import annotations

import itertools

import numpy as np

from .planted import Hidden, Level, Piece, Planted, PlantedMotif, Term, Unit, build

__all__ = [
    "POOLS",
    "alternatives",
    "both_strands",
    "draw_motifs",
    "gapped_motif",
    "one_motif",
    "two_motifs",
]

_PIECE = 6
_WIDE_PIECE = 7
"""Columns that a first-layer unit reads; more behind a pool of 3, so that pieces overlap."""
_PIECE_CUT = 0.4
_OTHER = 0.35
"""Largest score, over the maximum, of a motif on what it must not resemble."""
_TRIES = 100_000
_DRAWS = 1_000
_BOTH = 0.4
"""Largest sum of two units' values on one window that is to show one motif or the other."""
_TORN = 0.2
"""Largest value of a unit, over its maximum, with its pieces at offsets that do not fit."""

POOLS = {
    "max": Hidden(2, 2, "max"),
    "wide": Hidden(3, 3, "max"),
    "overlapping": Hidden(3, 2, "max"),
    "average": Hidden(2, 2, "average"),
}
"""What stands after the first layer, besides "strided": a strided first convolution, no pool."""


def draw_motifs(
    count: int, width: int, rng: np.random.Generator, pool: str | None = None
) -> list[PlantedMotif]:
    """Draw motifs that resemble no shifted self, no other one and no other strand.

    Columns carry from about half a bit to nearly two, and some accept a second base. With
    ``pool`` (as in :func:`one_motif`) a motif's pieces must not fit together at different
    offsets either, or an inserted base would go unnoticed.
    """
    found: list[PlantedMotif] = []
    for _ in range(_TRIES):
        if len(found) == count:
            return found
        candidate = _draw(chr(ord("A") + len(found)), width, rng)
        if pool is not None and _torn(candidate, pool) > _TORN:
            continue
        others = [m for known in found for m in (known, known.other_strand)]
        others.append(candidate.other_strand)
        alike = [_resemblance(candidate, candidate, shifted=True)]
        alike += [_resemblance(candidate, other, shifted=False) for other in others]
        alike += [_resemblance(other, candidate, shifted=False) for other in others]
        if max(alike) <= _OTHER:
            found.append(candidate)
    raise ValueError(f"no {count} motifs of {width} bp are different enough")


def _draw(name: str, width: int, rng: np.random.Generator) -> PlantedMotif:
    strength = rng.uniform(0.55, 1.0, width)
    scores = -strength[:, None] * rng.uniform(0.5, 1.0, (width, 4))
    order = rng.permuted(np.tile(np.arange(4), (width, 1)), axis=1)
    rows = np.arange(width)
    scores[rows, order[:, 0]] = strength
    second = rows[rng.random(width) < 0.25]
    scores[second, order[second, 1]] = 0.4 * strength[second]
    return PlantedMotif(name, scores)


def _resemblance(motif: PlantedMotif, other: PlantedMotif, *, shifted: bool) -> float:
    """Return the best score of a motif on another's consensus at any shift, over its maximum.

    Positions beyond the other motif count as the motif's best base: what could stand there.
    """
    width = len(motif.scores)
    consensus = other.scores.argmax(axis=1)
    best = motif.scores.max(axis=1)
    scores = []
    # Beyond half a width both fit side by side well enough, which is no resemblance.
    for shift in range(-(width // 2), width // 2 + 1):
        if shift == 0 and shifted:
            continue
        rows = np.arange(max(0, -shift), min(width, len(consensus) - shift))
        inside = motif.scores[rows, consensus[rows + shift]].sum()
        scores.append(inside / best[rows].sum())
    return max(scores)


def _together(first: PlantedMotif, second: PlantedMotif) -> float:
    """Return the largest sum of two motifs' units that one window can give, linearly.

    A window of one motif takes more from the other's unit than it gives to its own, so what
    remains large is two motifs that fit on top of each other at some shift.
    """
    starts = _starts(first, "max")
    kernels = [_whole(motif, starts, (0,) * len(starts)) for motif in (first, second)]
    width = len(first.scores)
    best = -np.inf
    # The pools of 2 below the layer that reads both let each start at four places.
    for shift in range(-3, 4):
        joint = np.zeros((width + 6, 4))
        for (kernel, _), at in zip(kernels, (3, 3 + shift), strict=True):
            joint[at : at + width] += kernel
        best = max(best, float(joint.max(axis=1).sum() + sum(bias for _, bias in kernels)))
    return best


def _whole(
    motif: PlantedMotif, starts: range, offsets: tuple[int, ...], width: int = _PIECE
) -> tuple[np.ndarray, float]:
    """Return the unit that needs all pieces, linearly: kernel (motif + offsets, 4) and bias."""
    kernel = np.zeros((len(motif.scores) + max(offsets), 4))
    for start, offset in zip(starts, offsets, strict=True):
        piece = motif.scores[start : start + width]
        gain = 1.0 / (piece.max(axis=1).sum() * (1.0 - _PIECE_CUT))
        kernel[start + offset : start + offset + width] += gain * piece / len(starts)
    cut = _cut(len(starts))
    bias = -_PIECE_CUT / (1.0 - _PIECE_CUT) - cut
    return kernel / (1.0 - cut), bias / (1.0 - cut)


def _torn(motif: PlantedMotif, pool: str) -> float:
    """Return the largest value that pieces at different offsets of their pools can give."""
    hidden = POOLS.get(pool)
    starts = _starts(motif, pool)
    size = hidden.size if hidden else 1
    best = 0.0
    for offsets in itertools.product(range(size), repeat=len(starts)):
        if len(set(offsets)) > 1:
            kernel, bias = _whole(motif, starts, offsets, _piece(pool))
            best = max(best, float(kernel.max(axis=1).sum() + bias))
    return best


def _piece(pool: str) -> int:
    return _WIDE_PIECE if pool == "wide" else _PIECE


def _starts(motif: PlantedMotif, pool: str) -> range:
    """Return where the pieces of a motif begin: one tap of the second layer apart."""
    hidden = POOLS.get(pool)
    step = hidden.stride if hidden else 2
    width, piece = len(motif.scores), _piece(pool)
    if width <= piece or (width - piece) % step:
        raise ValueError(f"a motif of {width} bp is not {piece} plus a multiple of {step}")
    return range(0, width - piece + 1, step)


def _cut(pieces: int) -> float:
    """Return a cut above what all pieces but one can reach: every piece must be there."""
    return (pieces - 1 + 0.1) / pieces


def one_motif(
    seed: int = 0,
    *,
    depth: int = 3,
    width: int = 8,
    count: int = 1,
    pool: str = "max",
    reach: int = 1,
) -> Planted:
    """Plant ``count`` motifs, each behind all pools: every shift of it, one arrangement each.

    Parameters
    ----------
    seed : int
        Of the motifs.
    depth : int
        Layers, 2 or more. Layer 2 puts the pieces together; the layers above only pool.
    width : int
        Motif width, bp: 6 plus a multiple of the first pool's stride (7 for "wide").
    count : int
        Motifs; one neuron a motif in every layer above the first.
    pool : str
        A key of :data:`POOLS`, or "strided", for what follows layer 1; max pools of 2 above.
    reach : int
        Kernel width of the layers above the second; they read their middle tap only.
    """
    motifs = draw_motifs(count, width, np.random.default_rng([seed, 1]), pool)
    first, second = _assembled(motifs, pool)
    levels = [first, second]
    through = tuple(Unit((Term(c, reach // 2),), cut=0.1) for c in range(count))
    levels += [Level(reach, through, Hidden()) for _ in range(depth - 2)]
    return build(f"one motif, {pool}", motifs, levels)


def two_motifs(seed: int = 0, *, depth: int = 3, width: int = 8, apart: int = 3) -> Planted:
    """Plant two motifs, both needed, which shift independently behind two pools each.

    Layer 3 reads the first at its first tap and the second ``apart`` taps (of 4 bp) later;
    the pools above it shift both together.
    """
    motifs = draw_motifs(2, width, np.random.default_rng([seed, 2]), "max")
    first, second = _assembled(motifs, "max")
    both = Level(apart + 1, (Unit((Term(0, 0), Term(1, apart)), cut=0.55),), Hidden())
    return build("two motifs", motifs, [first, second, both, *_through(depth - 3)])


def alternatives(
    seed: int = 0, *, depth: int = 4, width: int = 8, strength: float = 0.8
) -> Planted:
    """Plant two motifs of which either will do; the second reaches ``strength`` of the first."""
    rng = np.random.default_rng([seed, 3])
    for _ in range(_DRAWS):
        motifs = draw_motifs(2, width, rng, "max")
        if _together(*motifs) <= _BOTH:
            return _either("alternatives", motifs, depth, strength)
    raise ValueError(f"no two motifs of {width} bp exclude each other")


def both_strands(seed: int = 0, *, depth: int = 4, width: int = 8) -> Planted:
    """Plant a motif and its reverse complement, either of which will do."""
    rng = np.random.default_rng([seed, 4])
    for _ in range(_DRAWS):
        motif = draw_motifs(1, width, rng, "max")[0]
        if _together(motif, motif.other_strand) <= _BOTH:
            return _either("both strands", [motif, motif.other_strand], depth, 1.0)
    raise ValueError(f"no motif of {width} bp excludes its other strand")


def gapped_motif(seed: int = 0, *, depth: int = 4, half: int = 5, gap: int = 4) -> Planted:
    """Plant two halves with a fixed gap: no pool before the layer that joins them."""
    whole = draw_motifs(1, 2 * half, np.random.default_rng([seed, 5]))[0]
    scores = np.insert(whole.scores, [half] * gap, 0.0, axis=0)
    motif = PlantedMotif("A", scores)
    end = len(scores)
    pieces = (Piece(motif, 0, half), Piece(motif, end - half, end))
    first = Level(half, tuple(Unit(piece, cut=_PIECE_CUT) for piece in pieces))
    joined = Unit((Term(0, 0), Term(1, half + gap)), cut=0.55)
    second = Level(half + gap + 1, (joined,), Hidden())
    return build("gapped motif", [motif], [first, second, *_through(depth - 2)])


def _either(name: str, motifs: list[PlantedMotif], depth: int, strength: float) -> Planted:
    first, second = _assembled(motifs, "max")
    either = Unit((Term(0, 0, 1.0), Term(1, 0, strength)), mode="any", cut=0.1)
    return build(name, motifs, [first, second, Level(1, (either,), Hidden()), *_through(depth - 3)])


def _assembled(motifs: list[PlantedMotif], pool: str) -> tuple[Level, Level]:
    """Return the two layers that read pieces and put every motif together."""
    hidden = POOLS.get(pool)
    starts = _starts(motifs[0], pool)
    pieces = [Piece(motif, start, start + _piece(pool)) for motif in motifs for start in starts]
    first = Level(
        _piece(pool),
        tuple(Unit(piece, cut=_PIECE_CUT) for piece in pieces),
        hidden,
        stride=1 if hidden else 2,
    )
    count = len(starts)
    units = tuple(
        Unit(tuple(Term(m * count + tap, tap) for tap in range(count)), cut=_cut(count))
        for m in range(len(motifs))
    )
    return first, Level(count, units, Hidden())


def _through(count: int) -> list[Level]:
    """Return layers of one neuron that only pass on what the pool below found."""
    return [Level(1, (Unit((Term(0),), cut=0.1),), Hidden()) for _ in range(count)]
