"""The part of a layer's plan that looks for its neurons in the user's sequences."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from neuroninterp.graph import Convolution
from neuroninterp.jobs import Block, Stage, Unit, UnitStore, encode
from neuroninterp.models import Model
from neuroninterp.pipeline.data_units import load_block
from neuroninterp.sampling import (
    ActivationSample,
    layer_scan,
    merge_largest,
    merge_levels,
    neurons_from_scan,
)
from neuroninterp.sequences import SequenceData, block_size

__all__ = ["DataPlan"]

_UNITS = "neuroninterp.pipeline.data_units"

_NOMINAL_RATE = 2e10
"""Multiplications a second."""
_NOMINAL_SECONDS = 20.0
"""Of a unit, nominally: what an interruption loses."""
_MOST_BLOCKS = 8
"""Blocks in a unit: what is found in them is stored once, and loses nothing by it."""


class DataPlan:
    """What is to be done with the user's sequences for one layer.

    Parameters
    ----------
    model : Model
        The network.
    layer : int
        Layer number.
    blocks : sequence of tuple of int
        The layer's neurons, block by block.
    seed : int
        For the fair choice of windows.
    store : UnitStore
        Where finished units are found.
    digest : str
        Hash of the network.
    data : SequenceData
        The sequences.
    """

    def __init__(
        self,
        model: Model,
        layer: int,
        blocks: Sequence[tuple[int, ...]],
        seed: int,
        store: UnitStore,
        digest: str,
        data: SequenceData,
    ) -> None:
        self._model = model
        self._layer = layer
        self._blocks = blocks
        self._neurons = [neuron for block in blocks for neuron in block]
        self._seed = seed
        self._store = store
        self._digest = digest
        self._data = data
        self._size = block_size(data.length, data.classes)

    def check(self) -> None:
        """Make sure that the layer's windows fit into the sequences.

        Raises
        ------
        DataError
            If they do not.
        """
        layer_scan(self._model, self._layer, self._data.length)

    def observe(self, sampled: Sequence[str]) -> Generator[Stage, list[str], list[str]]:
        """Look for the neurons.

        Parameters
        ----------
        sampled : sequence of str
            Keys of the samples of each block of neurons: their thresholds and maxima count.

        Returns
        -------
        list of str
            Keys of what was found, a tuple of :class:`neuroninterp.sampling.NeuronInData` for
            each block of neurons.
        """
        observed = [
            self._observed(block, key) for block, key in zip(self._blocks, sampled, strict=True)
        ]
        if not all(self._store.holds(unit.key) for unit in observed):
            yield from self._scan(sampled, observed)
        return [unit.key for unit in observed]

    def _scan(
        self, sampled: Sequence[str], observed: Sequence[Unit]
    ) -> Generator[Stage, list[str], None]:
        thresholds, ends = self._levels(sampled)
        asked = {"layer": self._layer, "neurons": self._neurons}
        found = yield self._stage("maxima", "scan_largest_blocks", asked)
        largest = merge_largest(map(self._store.value, found))
        bounds = {"thresholds": thresholds, "maxima": largest.maxima, "level_maxima": ends}
        asked |= {**bounds, "seed": self._seed}
        counted = yield self._stage("levels", "scan_levels_blocks", asked)
        levels = merge_levels(map(self._store.value, counted))
        begin = 0
        for unit, block in zip(observed, self._blocks, strict=True):
            rows = range(begin, begin + len(block))
            begin += len(block)
            if self._store.holds(unit.key):
                continue
            own = neurons_from_scan(
                self._model,
                self._layer,
                block,
                thresholds[rows],
                largest.of(rows),
                levels.of(rows),
                self._data,
            )
            self._store.begun(unit.label, unit.key)
            self._store.put(unit.key, unit.label, encode(tuple(own)))
            self._store.ended(unit.label, unit.key, 0.0, "the run itself")
        # They are large, and nothing asks for them any more.
        for key in counted:
            self._store.discard(key)

    def _levels(self, sampled: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return where the activation levels of all neurons begin and end."""
        thresholds: list[float] = []
        maxima: list[float] = []
        for key in sampled:
            # One block at a time: the windows of a whole layer's samples would be too many.
            drawn: tuple[ActivationSample, ...] = self._store.value(key)
            thresholds += (sample.threshold for sample in drawn)
            maxima += (sample.maximum for sample in drawn)
        return np.array(thresholds), np.array(maxima)

    def _observed(self, block: tuple[int, ...], sampled: str) -> Unit:
        """Return the unit that what is found of a block of neurons is stored as."""
        return Unit(
            f"layer{self._layer}-data-neuron{block[0]}",
            f"{_UNITS}:neurons_from_scan",
            {"layer": self._layer, "neurons": block, "seed": self._seed, "data": self._data.digest},
            (sampled,),
            self._digest,
        )

    def _stage(self, name: str, function: str, parameters: Mapping[str, Any]) -> Stage:
        together = self._together()
        units = []
        for first in range(0, self._data.block_count, together):
            numbers = range(first, min(first + together, self._data.block_count))
            units.append(
                Unit(
                    f"layer{self._layer}-data-{name}-block{first}",
                    f"{_UNITS}:{function}",
                    parameters,
                    tuple(
                        Block(self._data.digest, number, partial(load_block, self._data, number))
                        for number in numbers
                    ),
                    self._digest,
                    min(numbers.stop * self._size, len(self._data)) - first * self._size,
                )
            )
        return Stage(f"layer {self._layer}: {name} in data", tuple(units))

    def _together(self) -> int:
        """Return how many blocks make a unit."""
        seconds = self._size * self._multiplications() / _NOMINAL_RATE
        return int(np.clip(_NOMINAL_SECONDS / max(seconds, 1e-9), 1, _MOST_BLOCKS))

    def _multiplications(self) -> int:
        """Return what the layer's values in one sequence cost in convolutions."""
        graph = self._model.graph
        return sum(
            math.prod(node.kernel.shape) * (node.length or self._data.length)
            for node in graph.ancestors(self._model.layer_nodes(self._layer).value)
            if isinstance(node, Convolution)
        )
