"""Networks with random weights whose neurons are nevertheless alive, in every layer.

Random weights alone let a deep network's values grow or die away, and leave some neurons
always on and others never. Calibrated batch norms mend that: they are given the mean and the
variance that their inputs have on random sequences, so that every neuron's value has mean
``shift`` and standard deviation 1 there. Such a network costs what a trained one costs and
needs no data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neuroninterp.errors import DataError
from zoo.architectures import neuronmotif
from zoo.architectures.blocks import CHANNELS

if TYPE_CHECKING:
    import keras

__all__ = ["calibrate", "random_network"]

SEQUENCES = 256
SHIFT = -0.5
"""Mean of the calibrated values: a normal one is then positive 31 % of the time."""


def random_network(
    name: str = "bd-10", *, length: int | None = None, seed: int = 0, convolutions_only: bool = True
) -> keras.Model:
    """Build a network of NeuronMotif with random weights and calibrated batch norms.

    Parameters
    ----------
    name : str
        A name of :data:`zoo.architectures.neuronmotif.NETWORKS`.
    length : int or None
        Sequence length, bp; the paper's for None.
    seed : int
        Of the weights and of the sequences calibrated on: the same seed, the same network.
    convolutions_only : bool
        Leave out the dense layers, which no neuron of a convolution sees and which are most
        of the file; the last nonlinearity, flattened, is then the output.

    Returns
    -------
    keras.Model
        ``(N, length, 4)`` one-hot, ACGT.

    Raises
    ------
    UnknownNameError
        If there is no such network.
    DataError
        If the sequences are too short for it, or the seed is negative.
    """
    if seed < 0:
        raise DataError(f"seed is {seed}; expected 0 or more")
    model = neuronmotif.build(name, length=length, seed=seed)
    if convolutions_only:
        import keras

        model = keras.Model(model.input, model.get_layer("flatten").output, name=model.name)
    rng = np.random.default_rng(seed)
    size = model.input_shape[1]
    codes = rng.integers(0, CHANNELS, (SEQUENCES, size), np.uint8)
    calibrate(model, np.eye(CHANNELS, dtype=np.float32)[codes])
    return model


def calibrate(model: keras.Model, inputs: np.ndarray, *, shift: float = SHIFT) -> None:
    """Give every batch norm of a chain of layers the statistics of its input, first to last.

    Parameters
    ----------
    model : keras.Model
        Layers in one row; its batch norms are changed in place: mean and variance are set to
        those of their inputs, scale to 1 and offset to ``shift``.
    inputs : numpy.ndarray, shape=(N, L, 4)
        One-hot sequences.
    shift : float
        Mean of a batch norm's outputs on these sequences; their standard deviation is 1.
    """
    import keras

    tensor = keras.ops.convert_to_tensor(inputs)
    for layer in model.layers[1:]:
        if isinstance(layer, keras.layers.BatchNormalization):
            values = keras.ops.convert_to_numpy(tensor).astype(np.float64)
            axes = tuple(range(values.ndim - 1))
            channels = values.shape[-1]
            # What the layer adds under the square root is taken off, so that the result is 1.
            variance = np.maximum(values.var(axis=axes) - layer.epsilon, 0.0)
            layer.set_weights(
                [
                    np.ones(channels),
                    np.full(channels, shift),
                    values.mean(axis=axes),
                    variance,
                ]
            )
        tensor = layer(tensor, training=False)
