"""Loops over every value of a layer, compiled: counting levels, and keeping a fair choice.

A window's *key* is a hash of the seed, the neuron, the sequence and the position, and not of
when it is met; of each level the windows with the smallest keys are kept. So any part of the data
can be looked at in any order by anyone, and what is kept of all is the same.

The keys of a neuron are the outputs of SplitMix64 (Steele, Lea & Flood 2014, OOPSLA, Fig. 17) at
the window's number, from a state of the neuron's own: a one-to-one map of 64 bits, so no two
windows of a neuron have the same key.
"""

from __future__ import annotations

import numba
import numpy as np

__all__ = ["offer_rows", "offer_values"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@numba.njit(cache=True)
def _key(state, window):  # type: ignore[no-untyped-def]  # compiled for the types that it meets
    z = state + (window + np.uint64(1)) * _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@numba.njit(cache=True)
def _level(value, threshold, span, levels):  # type: ignore[no-untyped-def]
    """Return what ``level_of`` says of a value above the threshold."""
    if span <= 0:
        return -1
    return int(min(max(np.ceil((value - threshold) / span * levels), 0.0), levels)) - 1


@numba.njit(cache=True)
def _keep(keys, sequences, positions, values, key, sequence, position, value, size):  # type: ignore[no-untyped-def]
    """Put a window into a heap of ``size`` with the largest key on top; drop the top if full."""
    full = size == len(keys)
    place = 0 if full else size
    if not full:
        while place > 0 and keys[(place - 1) // 2] < key:  # up from the end
            above = (place - 1) // 2
            keys[place], sequences[place] = keys[above], sequences[above]
            positions[place], values[place] = positions[above], values[above]
            place = above
    else:
        while True:  # down from the top
            below = 2 * place + 1
            if below >= size:
                break
            if below + 1 < size and keys[below + 1] > keys[below]:
                below += 1
            if keys[below] <= key:
                break
            keys[place], sequences[place] = keys[below], sequences[below]
            positions[place], values[place] = positions[below], values[below]
            place = below
    keys[place], sequences[place] = key, sequence
    positions[place], values[place] = position, value
    return size if full else size + 1


@numba.njit(cache=True)
def offer_values(  # type: ignore[no-untyped-def]
    batch, first, bounds, thresholds, spans, counted_spans, states, counts, sizes, cutoffs, keys,
    sequences, positions, values,
):  # fmt: skip
    """Look at a batch of values: count those that are active, and keep a fair choice.

    Parameters
    ----------
    batch : numpy.ndarray, shape=(n, P, K)
        float32 z of K neurons at P positions of n sequences.
    first : int
        Number of the first of these sequences.
    bounds : numpy.ndarray, shape=(K,)
        float32: the largest that is not above each threshold.
    thresholds, spans, counted_spans : numpy.ndarray, shape=(K,)
        float64: where levels begin, and how far those of the choice and of the counts reach.
    states : numpy.ndarray, shape=(K,)
        uint64, for the keys.
    counts : numpy.ndarray, shape=(K, levels)
        int64; counted on.
    sizes, cutoffs : numpy.ndarray, shape=(K, levels)
        Windows kept so far, and the key that another one must stay under.
    keys, sequences, positions, values : numpy.ndarray, shape=(K, levels, kept)
        The windows kept, as heaps.
    """
    rows, places, neurons = batch.shape
    levels, kept = keys.shape[1], keys.shape[2]
    active = np.empty(neurons, np.int64)
    for row in range(rows):
        for place in range(places):
            z = batch[row, place]
            found = 0
            for neuron in range(neurons):  # without a branch, which could not be foreseen
                active[found] = neuron
                found += z[neuron] > bounds[neuron]
            window = np.uint64(first + row) * np.uint64(places) + np.uint64(place)
            for index in range(found):
                k = active[index]
                value, threshold = np.float64(z[k]), thresholds[k]
                level = _level(value, threshold, counted_spans[k], levels)
                if level >= 0:
                    counts[k, level] += 1
                level = _level(value, threshold, spans[k], levels)
                key = _key(states[k], window)
                if level >= 0 and key < cutoffs[k, level]:
                    size = _keep(
                        keys[k, level], sequences[k, level], positions[k, level],
                        values[k, level], key, first + row, place, z[k], sizes[k, level],
                    )  # fmt: skip
                    sizes[k, level] = size
                    if size == kept:
                        cutoffs[k, level] = keys[k, level, 0]


@numba.njit(cache=True)
def offer_rows(  # type: ignore[no-untyped-def]
    groups, offered_sequences, offered_positions, offered_values, places, states, sizes, cutoffs,
    keys, sequences, positions, values,
):  # fmt: skip
    """Offer windows that were kept elsewhere; ``groups`` numbers their neurons and levels."""
    levels, kept = keys.shape[1], keys.shape[2]
    for index in range(len(groups)):
        k, level = groups[index] // levels, groups[index] % levels
        sequence, place = offered_sequences[index], offered_positions[index]
        key = _key(states[k], np.uint64(sequence) * np.uint64(places) + np.uint64(place))
        if key < cutoffs[k, level]:
            size = _keep(
                keys[k, level], sequences[k, level], positions[k, level], values[k, level],
                key, sequence, place, offered_values[index], sizes[k, level],
            )  # fmt: skip
            sizes[k, level] = size
            if size == kept:
                cutoffs[k, level] = keys[k, level, 0]
