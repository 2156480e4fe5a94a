"""Numbers out of Keras: weights and constants as NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from neuroninterp.backend import import_keras

__all__ = ["to_array"]


def to_array(numbers: Any) -> np.ndarray:
    """Return a Keras variable, a tensor or plain numbers as a float32 array of the same shape."""
    ops = import_keras().ops
    tensor = ops.convert_to_tensor(numbers)
    return np.asarray(ops.convert_to_numpy(tensor), dtype=np.float32)
