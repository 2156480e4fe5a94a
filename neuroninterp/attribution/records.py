"""What an attribution is: how much every base of a sequence adds to one number of the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

__all__ = ["Attribution"]


@dataclass(frozen=True, eq=False)
class Attribution:
    """Scores of every base of every sequence, for one class or one neuron.

    Parameters
    ----------
    codes : numpy.ndarray, shape=(N, L)
        The sequences; uint8, 0 to 3 for A, C, G, T, 4 for N.
    hypothetical : numpy.ndarray, shape=(N, L, 4)
        Score that each base, ACGT, would have at each position; float32, in units of the
        explained number. What that means exactly depends on the method:

        - "ism": the number with that base there, minus its mean over the four bases.
        - "saliency", "integrated-gradients", "deeplift": the multiplier of each base times
          (base - reference), averaged over the references.
    method : str
        "ism", "saliency", "integrated-gradients" or "deeplift".
    target : str
        What is explained, in words.
    value : numpy.ndarray, shape=(N,)
        The explained number, float64: a logit, an output, or a neuron's value.
    prediction : numpy.ndarray, shape=(N,)
        What the model itself says: its output for the class; for a neuron the same as
        ``value``.
    names : tuple of str
        One name a sequence.
    gap : numpy.ndarray or None, shape=(N,)
        Completeness gap: sum of the scores minus (value - reference value). None for
        methods that promise no completeness (ism, saliency).
    reference_value : numpy.ndarray or None, shape=(N,)
        The explained number of the reference, mean over references where there are several.
    positions : numpy.ndarray or None, shape=(N,)
        Output position that is explained of each sequence (from 0), where the explained
        tensor has positions.
    settings : mapping of str to Any
        Method, target, reference, seed and what else decides the scores; plain values.
    notes : tuple of str
        What the user should know about this run, a sentence each.
    """

    codes: np.ndarray
    hypothetical: np.ndarray
    method: str
    target: str
    value: np.ndarray
    prediction: np.ndarray
    names: tuple[str, ...]
    gap: np.ndarray | None = None
    reference_value: np.ndarray | None = None
    positions: np.ndarray | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.codes)

    def first(self, count: int) -> Attribution:
        """Return the attribution of the first ``count`` sequences."""
        arrays = ("codes", "hypothetical", "value", "prediction", "names")
        optional = ("gap", "reference_value", "positions")
        present = (*arrays, *(name for name in optional if getattr(self, name) is not None))
        return replace(self, **{name: getattr(self, name)[:count] for name in present})

    @property
    def scores(self) -> np.ndarray:
        """Score of the base that is there, (N, L), float32; 0 where it is unknown."""
        known = self.codes < 4
        picked = np.where(known, self.codes, 0).astype(np.intp)
        here = np.take_along_axis(self.hypothetical, picked[:, :, None], axis=2)[:, :, 0]
        return np.where(known, here, np.float32(0.0))

    @property
    def relative_gap(self) -> np.ndarray | None:
        """Size of the completeness gap as a share of |value - reference value|, (N,)."""
        if self.gap is None or self.reference_value is None:
            return None
        difference = np.abs(self.value - self.reference_value)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.gap == 0, 0.0, np.abs(self.gap) / difference)
