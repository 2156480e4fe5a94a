"""Random sequences: uniform backgrounds, and shuffles that keep dinucleotide counts.

The shuffle draws uniformly among all orderings with the same dinucleotide counts and the
same first and last base. Such an ordering is an Eulerian path through the graph whose
vertices are the bases and whose edges are the dinucleotides (Altschul & Erickson, Mol.
Biol. Evol. 2:526, 1985): draw the last edge out of every base so that these edges form a
tree towards the last base, shuffle the other edges, and walk.
"""

from __future__ import annotations

from itertools import product

import numpy as np

__all__ = ["background", "shuffle_dinucleotides"]

_LETTERS = 5  # A, C, G, T, and N, which is shuffled like any other letter
_BLOCK_BASES = 2**22


def background(n: int, length: int, rng: np.random.Generator) -> np.ndarray:
    """Draw sequences of independent bases, each with probability 1/4.

    Parameters
    ----------
    n, length : int
        Number of sequences, and their length (bp).
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    numpy.ndarray, shape=(n, length)
        uint8 codes, 0 to 3.
    """
    return rng.integers(0, 4, size=(n, length), dtype=np.uint8)


def shuffle_dinucleotides(codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shuffle each sequence, keeping the count of every dinucleotide exactly.

    The first and the last base stay, and with them the count of every base. N is a fifth
    letter.

    Parameters
    ----------
    codes : numpy.ndarray, shape=(N, L)
        Codes, 0 to 4.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    numpy.ndarray, shape=(N, L)
        uint8 codes: for each sequence a uniform draw among all orderings with its
        dinucleotide counts and its first and last base.
    """
    shuffled = np.array(codes, dtype=np.uint8)
    n, length = shuffled.shape
    if length < 4:  # with both ends kept, no other ordering exists
        return shuffled
    block = max(1, _BLOCK_BASES // length)
    for start in range(0, n, block):
        rows = shuffled[start : start + block]
        shuffled[start : start + block] = _shuffle_block(rows, rng)
    return shuffled


def _shuffle_block(codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    n, length = codes.shape
    rows = np.arange(n)
    before = codes[:, :-1].astype(np.intp)
    after = codes[:, 1:].astype(np.intp)
    counts = _count_pairs(before, after)
    last_edge = _draw_trees(counts, codes[:, -1].astype(np.intp), rng)
    successors = _order_edges(before, after, last_edge, rng)

    # Successors of base b stand together, from the number of edges out of smaller bases on.
    out_degree = counts.sum(axis=2)
    cursor = np.cumsum(out_degree, axis=1) - out_degree
    walk = np.empty_like(codes)
    walk[:, 0] = codes[:, 0]
    current = codes[:, 0].astype(np.intp)
    for step in range(1, length):
        place = cursor[rows, current]
        cursor[rows, current] += 1
        current = successors[rows, place]
        walk[:, step] = current
    return walk


def _count_pairs(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Count dinucleotides: (N, L - 1) twice to (N, 5, 5)."""
    n = len(before)
    keys = (np.arange(n)[:, None] * _LETTERS + before) * _LETTERS + after
    counts = np.bincount(keys.ravel(), minlength=n * _LETTERS**2)
    return counts.reshape(n, _LETTERS, _LETTERS)


def _trees_towards(root: int) -> np.ndarray:
    """List the 125 trees on five letters directed at ``root``: (125, 5), next letter of each.

    The root itself has none, -1: all its edges are free to be shuffled.
    """
    others = [letter for letter in range(_LETTERS) if letter != root]
    trees = []
    for choice in product(range(_LETTERS), repeat=len(others)):
        following = dict(zip(others, choice, strict=True))
        if all(_reaches(letter, root, following) for letter in others):
            trees.append([following.get(letter, -1) for letter in range(_LETTERS)])
    return np.array(trees, dtype=np.intp)


def _reaches(letter: int, root: int, following: dict[int, int]) -> bool:
    for _ in range(_LETTERS):
        if letter == root:
            return True
        letter = following[letter]
    return letter == root


def _draw_trees(counts: np.ndarray, roots: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw each sequence's last edges, (N, 5), as the target of each letter.

    A tree's weight is the number of ways to pick its edges, the product of their counts.
    Letters that do not occur hang on the root with weight 1.
    """
    n = len(counts)
    letters = np.arange(_LETTERS)
    weights = counts.astype(np.float64)
    absent = counts.sum(axis=2) == 0
    sequence, letter = np.nonzero(absent)
    weights[sequence, letter, roots[sequence]] = 1.0
    drawn = np.empty((n, _LETTERS), dtype=np.intp)
    for root in np.unique(roots):
        mine = np.nonzero(roots == root)[0]
        trees = _trees_towards(int(root))
        logarithms = np.zeros((len(mine), len(trees)))
        with np.errstate(divide="ignore"):
            edge_logarithms = np.log(weights[mine])
        for vertex in letters[letters != root]:
            logarithms += edge_logarithms[:, vertex, trees[:, vertex]]
        # The largest of log-weight plus Gumbel noise is a draw in proportion to the weights.
        picked = (logarithms + rng.gumbel(size=logarithms.shape)).argmax(axis=1)
        drawn[mine] = trees[picked]
    return drawn


def _order_edges(
    before: np.ndarray, after: np.ndarray, last_edge: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Shuffle the edges out of each letter, one edge to its tree neighbour last: (N, L - 1)."""
    n, edges = before.shape
    rows = np.arange(n)
    order = before + 0.5 * rng.random((n, edges))
    to_tree = after == np.take_along_axis(last_edge, before, axis=1)
    for letter in range(_LETTERS):
        fitting = to_tree & (before == letter)
        # Edges between the same two letters are alike, so the first may stand for any.
        position = fitting.argmax(axis=1)
        present = fitting[rows, position]
        order[rows[present], position[present]] = letter + 0.75
    return np.take_along_axis(after, order.argsort(axis=1), axis=1)
