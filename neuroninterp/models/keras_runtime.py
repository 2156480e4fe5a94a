"""Running a Keras model itself: its predictions and its intermediate tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neuroninterp.backend import device_in_use, import_keras
from neuroninterp.errors import ModelError
from neuroninterp.models.runtime import Tap

__all__ = ["KerasRuntime"]

_TAP_ELEMENTS = 2**19
"""Input elements at once when tapping: intermediate tensors hold hundreds of times as many."""


class KerasRuntime:
    """Runs a loaded Keras model.

    Parameters
    ----------
    model : keras.Model
        A Functional or Sequential model.
    sequence : keras.KerasTensor
        Its sequence input.
    """

    def __init__(self, model: Any, sequence: Any) -> None:
        self.device: str = device_in_use()
        self._model = model
        self._sequence = sequence
        self._parts: dict[tuple[int, ...], Any] = {}
        self._complete: Any = None

    def predict(self, inputs: np.ndarray, *, batch_size: int) -> list[np.ndarray]:
        """Return every output of the model.

        Parameters
        ----------
        inputs : numpy.ndarray
            One-hot sequences in the file's own layout, batch first.
        batch_size : int
            Sequences at once.

        Returns
        -------
        list of numpy.ndarray
            The outputs in the file's order, batch first.

        Raises
        ------
        ModelError
            If the model has inputs besides the sequence.
        """
        if self._complete is None:
            others = [t.name for t in self._model.inputs if t is not self._sequence]
            if others:
                raise ModelError(
                    f"the model cannot be run on sequences alone: it also reads {', '.join(others)}"
                )
            # A flat model, because the file's own may return a dict or a nested list.
            self._complete = import_keras().Model(self._sequence, list(self._model.outputs))
        return _in_batches(self._complete.predict_on_batch, inputs, batch_size)

    def tap(self, inputs: np.ndarray, taps: Sequence[Tap]) -> list[np.ndarray]:
        """Return intermediate tensors.

        Parameters
        ----------
        inputs : numpy.ndarray
            One-hot sequences in the file's own layout, batch first.
        taps : sequence of Tap
            Which tensors; the model that computes them is made once and kept.

        Returns
        -------
        list of numpy.ndarray
            One a tap, in that tensor's own layout.
        """
        keras = import_keras()
        if not taps:
            return []
        tensors = [tap.tensor for tap in taps]
        key = tuple(id(tensor) for tensor in tensors)
        if key not in self._parts:
            self._parts[key] = keras.Model(self._sequence, tensors)
        part = self._parts[key]
        batch_size = max(1, _TAP_ELEMENTS // int(np.prod(inputs.shape[1:])))
        return _in_batches(lambda batch: part(batch, training=False), inputs, batch_size)


def _in_batches(run: Any, inputs: np.ndarray, batch_size: int) -> list[np.ndarray]:
    keras = import_keras()
    pieces: list[list[np.ndarray]] = []
    for begin in range(0, len(inputs), batch_size):
        results = run(inputs[begin : begin + batch_size])
        results = results if isinstance(results, (list, tuple)) else [results]
        pieces.append([np.asarray(keras.ops.convert_to_numpy(result)) for result in results])
    return [np.concatenate(outputs) for outputs in zip(*pieces, strict=True)]
