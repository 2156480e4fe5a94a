"""What a run is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from neuroninterp.pipeline.layer_plan import LayerOptions

__all__ = ["Request"]


@dataclass(frozen=True)
class Request:
    """What the user asked for.

    Parameters
    ----------
    layers : tuple of int or None
        Layer numbers that were named.
    chosen : tuple of int
        Those to analyse.
    options : LayerOptions
        How.
    force : bool
        Also those that take longer than 20 minutes to sample.
    arguments : mapping or None
        All arguments, as the results tell them.
    """

    layers: tuple[int, ...] | None
    chosen: tuple[int, ...]
    options: LayerOptions
    force: bool
    arguments: Mapping[str, Any] | None
