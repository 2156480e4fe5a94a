"""Running a Keras model itself: its predictions and its intermediate tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    held : mapping of str to float
        The value at which each other input is held.
    """

    def __init__(self, model: Any, sequence: Any, held: Mapping[str, float] | None = None) -> None:
        self.device: str = device_in_use()
        self._model = model
        self._sequence = sequence
        self._held = dict(held or {})
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
            If Keras cannot run the model, on this device or at this length.
        """
        if self._complete is None:
            # A flat model, because the file's own may return a dict or a nested list.
            outputs = list(self._model.outputs)
            self._complete = import_keras().Model(list(self._model.inputs), outputs)
        return self._in_batches(self._complete.predict_on_batch, inputs, batch_size)

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
            One a tap, in that tensor's own layout. Where batches are stacked one behind the
            other, the first.

        Raises
        ------
        ModelError
            If Keras cannot run the model, on this device or at this length.
        """
        keras = import_keras()
        if not taps:
            return []
        tensors = [tap.tensor for tap in taps]
        key = tuple(id(tensor) for tensor in tensors)
        if key not in self._parts:
            self._parts[key] = keras.Model(list(self._model.inputs), tensors)
        part = self._parts[key]
        batch_size = max(1, _TAP_ELEMENTS // int(np.prod(inputs.shape[1:])))
        return self._in_batches(
            lambda batch: part(batch, training=False),
            inputs,
            batch_size,
            [tap.stacked for tap in taps],
        )

    def _in_batches(
        self, run: Any, inputs: np.ndarray, batch_size: int, stacked: Sequence[int] | None = None
    ) -> list[np.ndarray]:
        keras = import_keras()
        pieces: list[list[np.ndarray]] = []
        for begin in range(0, len(inputs), batch_size):
            batch = inputs[begin : begin + batch_size]
            try:
                results = run(self._feeds(batch))
            except Exception as error:  # the backend raises every kind
                raise ModelError(
                    f"Keras cannot run the model on {batch.shape}: {_first_line(error)}"
                ) from error
            results = results if isinstance(results, (list, tuple)) else [results]
            arrays = [np.asarray(keras.ops.convert_to_numpy(result)) for result in results]
            copies = stacked or [1] * len(arrays)
            pieces.append([a[: len(a) // n] for a, n in zip(arrays, copies, strict=True)])
        return [np.concatenate(outputs) for outputs in zip(*pieces, strict=True)]

    def _feeds(self, batch: np.ndarray) -> list[np.ndarray]:
        """Return what every input of the model is given: the sequences, and constants."""
        return [
            batch if tensor is self._sequence else self._constant(tensor, batch)
            for tensor in self._model.inputs
        ]

    def _constant(self, tensor: Any, batch: np.ndarray) -> np.ndarray:
        """Return a held input; free axes are as long as the sequence."""
        longest = max(batch.shape[1:])
        shape = [len(batch), *(longest if size is None else size for size in tensor.shape[1:])]
        return np.full(shape, self._held.get(tensor.name, 0.0), str(tensor.dtype))


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:240] if lines else type(error).__name__
