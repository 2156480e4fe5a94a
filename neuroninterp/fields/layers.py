"""The table of layers: what each convolution is and how far it sees."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Layer", "PoolSummary"]


@dataclass(frozen=True)
class PoolSummary:
    """The pooling that follows a layer.

    Parameters
    ----------
    kind : str
        "max", "average", "global max" or "global average".
    size, stride : int or None
        In positions; None for a global pool.
    """

    kind: str
    size: int | None
    stride: int | None

    def __str__(self) -> str:
        if self.size is None:
            return self.kind
        text = f"{self.kind} {self.size}"
        return text if self.stride == self.size else f"{text} stride {self.stride}"


@dataclass(frozen=True)
class Layer:
    """One convolution and its receptive field.

    Parameters
    ----------
    number : int
        1, 2, … from the input along the graph.
    name : str
        The name it has in the file.
    filters, kernel, stride, dilation : int
        As in the file.
    padding : tuple of int
        Zeros added left and right, in positions of the layer's input.
    activation : str or None
        First nonlinearity after it.
    pool : PoolSummary or None
        Pooling that follows before the next convolution.
    receptive_field : int
        Input positions that can change one neuron's value, bp.
    jump : int
        bp between neighbouring outputs.
    start : int
        Input position (0-based; negative inside the padding) where the receptive field of
        output position 0 starts.
    shifts : int
        Number of alignments that the pools below can hide: the product of their sizes.
    uncertainty : int
        Spatial uncertainty after the layer: the windows, in bp, of the pools below it and of
        the pool that follows, added up. 0 where nothing is pooled.
    direction : int
        1, or -1 where the layer reads the sequence from its end (a reverse-complement
        branch): ``start`` then lies at the right end and following outputs step to the left.
    """

    number: int
    name: str
    filters: int
    kernel: int
    stride: int
    dilation: int
    padding: tuple[int, int]
    activation: str | None
    pool: PoolSummary | None
    receptive_field: int
    jump: int
    start: int
    shifts: int
    uncertainty: int = 0
    direction: int = 1

    def interval(self, position: int) -> tuple[int, int]:
        """Return the half-open input interval that output ``position`` sees (bp)."""
        left = self.start + position * self.jump * self.direction
        return left, left + self.receptive_field
