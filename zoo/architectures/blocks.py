"""What the networks of all sources are made of: convolutional blocks, and training protocols."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["CHANNELS", "Block", "Protocol"]

CHANNELS = 4
"""A, C, G, T."""


@dataclass(frozen=True)
class Block:
    """One convolutional block.

    Parameters
    ----------
    filters, kernel : int
        Number of filters and their width in positions of the block's input.
    pool, stride : int
        Max pool after the ReLU and its step, in positions; a pool of 1 is no pool.
    padding : str
        "same" or "valid", of the convolution. An overlapping pool pads as "same" does.
    dropout : float
        Share of values dropped in training, in [0, 1).
    """

    filters: int
    kernel: int
    pool: int = 1
    stride: int = 1
    padding: str = "same"
    dropout: float = 0.1

    @property
    def overlapping(self) -> bool:
        """Whether neighbouring pool windows share positions."""
        return self.stride < self.pool

    def output_length(self, length: int) -> int:
        """Return the number of positions after the block for ``length`` before it."""
        if self.padding == "valid":
            length = length - self.kernel + 1
        return math.ceil(length / self.stride) if self.overlapping else length // self.pool


@dataclass(frozen=True)
class Protocol:
    """How the networks are trained, where the paper's text and its released code differ.

    Parameters
    ----------
    learning_rate, beta_1, beta_2, epsilon : float
        Of the Adam optimiser.
    initializer : str
        Keras name of the weights' initialiser.
    output_bias : float
        Initial bias of the output layer.
    patience : int or None
        Epochs without a lower validation loss after which training stops; None trains all
        epochs. The weights of the best epoch are kept either way.
    """

    learning_rate: float
    beta_1: float
    initializer: str
    output_bias: float
    patience: int | None
    beta_2: float = 0.999
    epsilon: float = 1e-8

    def patience_of(self, epochs: int) -> int:
        """Return the patience of a run of at most ``epochs``: all of them where there is none."""
        return self.patience or epochs
