"""Placing motifs into random sequences and asking the model for the neuron's value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuroninterp.models import Model
from neuroninterp.motifs.dictionary import DictionaryMotif
from neuroninterp.motifs.information import consensus_codes, on_strand
from neuroninterp.sampling import ActivationSample

__all__ = ["Placement"]

_SEQUENCES = 128


class Placement:
    """A neuron's value on random sequences that hold given motifs at given places.

    Parameters
    ----------
    model : Model
        The network.
    sample : ActivationSample
        Tells layer, neuron and window length.
    motifs : sequence of DictionaryMotif
        What slots refer to by index.
    rng : numpy.random.Generator
        Chooses the sequences around the motifs, and among the places.

    Attributes
    ----------
    highest : float
        Largest z met so far.
    """

    def __init__(
        self,
        model: Model,
        sample: ActivationSample,
        motifs: Sequence[DictionaryMotif],
        rng: np.random.Generator,
    ) -> None:
        self._trunk = model.trunk(sample.layer)
        self._neuron = sample.neuron
        self._length = sample.windows.shape[1]
        self._words = {
            (index, strand): consensus_codes([on_strand(motif.ppm, strand)])[0]
            for index, motif in enumerate(motifs)
            for strand in "+-"
        }
        self._rng = rng
        self.highest = -np.inf

    def median(
        self,
        slots: Sequence[tuple[int, str]],
        positions: np.ndarray,
        weights: np.ndarray,
        *,
        inside: Sequence[tuple[int, int]] = (),
        outside: Sequence[tuple[int, int]] = (),
    ) -> float:
        """Return the neuron's median value with motifs at places drawn from the sample.

        Parameters
        ----------
        slots : sequence of (int, str)
            Motifs and strands from left to right.
        positions : numpy.ndarray, shape=(n, slots)
            Places to draw from, one row a window.
        weights : numpy.ndarray, shape=(n,)
            How likely each row is drawn.
        inside : sequence of (int, int)
            Draw only rows whose gaps (bp) lie in these ranges, ends included.
        outside : sequence of (int, int)
            After drawing, move everything from one motif on so that the gap before it lies
            outside its range.

        Returns
        -------
        float
            NaN where there are no such places.
        """
        widths = np.array([len(self._words[slot]) for slot in slots])
        limits = inside or outside
        if limits:
            gaps = positions[:, 1:] - positions[:, :-1] - widths[:-1]
            low, high = np.array(limits).T
            fitting = ((gaps >= low) & (gaps <= high)).all(axis=1)
            positions, weights = positions[fitting], weights[fitting]
        if not len(positions):
            return float("nan")
        drawn = positions[self._rng.choice(len(positions), _SEQUENCES, p=weights / weights.sum())]
        if outside:
            drawn = self._moved(drawn, widths, outside)
        return self._value(slots, drawn) if len(drawn) else float("nan")

    def _moved(
        self, drawn: np.ndarray, widths: np.ndarray, limits: Sequence[tuple[int, int]]
    ) -> np.ndarray:
        """Give one gap of each row a length outside its range; leave out rows without room.

        Preferred are lengths with every motif where the sample has it, so that only the
        spacing is wrong; then those with the first motif where it stands.
        """
        usual = drawn.min(axis=0), drawn.max(axis=0)
        moved = []
        for row in drawn:
            options = self._options(row, widths, limits)
            if not len(options):
                continue
            unusual = ((options < usual[0]) | (options > usual[1])).any(axis=1)
            rank = np.where(unusual, 1 + (options[:, 0] != row[0]), 0)
            best = options[rank == rank.min()]
            moved.append(best[self._rng.integers(len(best))])
        return np.array(moved)

    def _options(
        self, row: np.ndarray, widths: np.ndarray, limits: Sequence[tuple[int, int]]
    ) -> np.ndarray:
        """Return the places with one gap outside its range that the field has room for.

        Shape (n, slots).
        """
        room = self._length - int(row[-1] + widths[-1])
        options = []
        for left, (low, high) in enumerate(limits):
            gap = int(row[left + 1] - row[left] - widths[left])
            lengths = np.arange(gap + room + int(row[0]) + 1)
            longer = lengths[(lengths < low) | (lengths > high)] - gap
            # Where the right has no room left, all slides to the left.
            new = row - np.maximum(0, longer - room)[:, None]
            new[:, left + 1 :] += longer[:, None]
            options.append(new)
        return np.concatenate(options)

    def _value(self, slots: Sequence[tuple[int, str]], positions: np.ndarray) -> float:
        windows = self._rng.integers(0, 4, (len(positions), self._length), np.uint8)
        rows = np.arange(len(positions))[:, None]
        for slot, starts in zip(slots, positions.T, strict=True):
            word = self._words[slot]
            windows[rows, starts[:, None] + np.arange(len(word))] = word
        values = self._trunk.values_of(windows, np.full(len(windows), self._neuron))
        self.highest = max(self.highest, float(values.max()))
        return float(np.median(values))
