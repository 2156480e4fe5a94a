"""Untrained networks as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuroninterp.backend import import_keras
from neuroninterp.errors import OutputError
from neuroninterp.sequences.coding import one_hot
from zoo import catalogue
from zoo.calibration import random_network
from zoo.export import export_onnx
from zoo.output import aside, check_new, output_errors

if TYPE_CHECKING:
    import keras

__all__ = ["write_random_network"]

_FORMATS = (".keras", ".onnx")
_EXAMPLES = 4
"""Sequences on which an ONNX file is compared with the network."""


def write_random_network(
    name: str | catalogue.Row, path: str | Path, *, force: bool = False, **settings: Any
) -> keras.Model:
    """Write a network with random weights, calibrated.

    Parameters
    ----------
    name : str, Variant or Network
        A name of the zoo, or a row of parameters of your own.
    path : str or Path
        The file, ``.keras`` or ``.onnx``.
    force : bool
        Whether to replace a file that exists.
    **settings
        Seed, length, …: see :func:`zoo.calibration.random_network`.

    Returns
    -------
    keras.Model
        What was written.

    Raises
    ------
    UnknownNameError
        If there is no such network or protocol.
    DataError
        If the sequences are too short for it.
    OutputError
        If the file exists, cannot be written, or is to be of another format.
    """
    path = Path(path)
    if path.suffix not in _FORMATS:
        raise OutputError(f"{path}: networks are written as {' or '.join(_FORMATS)}; name it so")
    check_new(path, force=force)
    # Here first, because it keeps the backend's messages to itself.
    import_keras()
    model = random_network(name, **settings)
    with output_errors(path), aside(path) as temporary:
        # Keras goes by the suffix.
        named = temporary.with_suffix(path.suffix)
        try:
            if path.suffix == ".keras":
                model.save(named)
            else:
                codes = np.random.default_rng(0).integers(0, 4, (_EXAMPLES, model.input_shape[1]))
                export_onnx(model, named, one_hot(codes))
            named.replace(temporary)
        finally:
            named.unlink(missing_ok=True)
    return model
