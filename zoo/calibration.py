"""Networks with random weights whose neurons are nevertheless alive, in every layer.

Random weights alone let a deep network's values grow or die away, and leave some neurons
always on and others never. Calibration mends that: every neuron's value gets mean ``shift`` and
standard deviation 1 on random sequences. Where a batch norm follows the layer, it is given the
mean and the variance of its input; elsewhere the layer's own weights are scaled and its biases
set (as in layer-sequential unit variance: Mishkin & Matas 2016, arXiv:1511.06422). Such a
network costs what a trained one costs and needs no data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from neuroninterp.errors import DataError
from neuroninterp.sequences.coding import one_hot
from zoo import catalogue
from zoo.architectures.blocks import CHANNELS

if TYPE_CHECKING:
    import keras

__all__ = ["calibrate", "random_network"]

SEQUENCES = 256
"""Most sequences to calibrate on."""
_BASES = 50_000
"""Most bases in all of them: a layer's values lie in memory at once."""
SHIFT = -0.5
"""Mean of the calibrated values: a normal one is then positive 31 % of the time."""


def random_network(
    name: str | catalogue.Row = "bd-10",
    *,
    length: int | None = None,
    classes: int | None = None,
    protocol: str = "released",
    seed: int = 0,
    convolutions_only: bool = True,
) -> keras.Model:
    """Build a network of the zoo with random weights, calibrated.

    Parameters
    ----------
    name : str, Variant or Network
        A name of :func:`zoo.names`, or a row of parameters of your own.
    length : int or None
        Sequence length, bp; the paper's for None.
    classes : int or None
        Number of outputs; the paper's for None.
    protocol : str
        "released", or another description of the network; see :func:`zoo.build`.
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
        If there is no such network or protocol.
    DataError
        If the sequences are too short for it, or the seed is negative.
    """
    if seed < 0:
        raise DataError(f"seed is {seed}; expected 0 or more")
    model = catalogue.build(name, length=length, classes=classes, protocol=protocol, seed=seed)
    if convolutions_only:
        import keras

        model = keras.Model(model.input, model.get_layer("flatten").output, name=model.name)
    rng = np.random.default_rng(seed)
    size = model.input_shape[1]
    sequences = min(SEQUENCES, max(1, _BASES // size))
    codes = rng.integers(0, CHANNELS, (sequences, size), np.uint8)
    calibrate(model, one_hot(codes))
    return model


def calibrate(model: keras.Model, inputs: np.ndarray, *, shift: float = SHIFT) -> None:
    """Give every layer's values the same mean and standard deviation, first layer to last.

    Parameters
    ----------
    model : keras.Model
        Layers in one row; changed in place. A batch norm's mean and variance are set to those
        of its inputs, its scale to 1 and its offset to ``shift``. A layer with weights, a bias
        and no activation of its own that no batch norm follows is scaled likewise.
    inputs : numpy.ndarray, shape=(N, L, 4)
        One-hot sequences.
    shift : float
        Mean of the values on these sequences; their standard deviation is 1.
    """
    import keras

    tensor = keras.ops.convert_to_tensor(inputs)
    layers = model.layers[1:]
    for layer, following in zip(layers, [*layers[1:], None], strict=True):
        if isinstance(layer, keras.layers.BatchNormalization):
            _calibrate_norm(layer, tensor, shift)
        elif _stands_alone(layer, following):
            _scale(layer, layer(tensor, training=False), shift)
        tensor = layer(tensor, training=False)


def _stands_alone(layer: Any, following: Any) -> bool:
    """Whether a layer's own weights decide the mean and variance of its neurons' values."""
    import keras

    if not isinstance(layer, (keras.layers.Conv1D, keras.layers.Dense)):
        return False
    linear = layer.activation is keras.activations.linear and layer.use_bias
    return linear and not isinstance(following, keras.layers.BatchNormalization)


def _calibrate_norm(norm: Any, tensor: Any, shift: float) -> None:
    mean, variance = _moments(tensor)
    channels = len(mean)
    # What the layer adds under the square root is taken off, so that the result is 1.
    variance = np.maximum(variance - norm.epsilon, 0.0)
    norm.set_weights([np.ones(channels), np.full(channels, shift), mean, variance])


def _scale(layer: Any, values: Any, shift: float) -> None:
    mean, variance = _moments(values)
    kernel, bias = layer.get_weights()
    # A neuron that is the same for all sequences stays so.
    deviation = np.sqrt(np.where(variance > 0, variance, 1.0))
    layer.set_weights([kernel / deviation, (bias - mean) / deviation + shift])


def _moments(tensor: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance of each channel, float64."""
    import keras

    values = keras.ops.convert_to_numpy(tensor).astype(np.float64)
    axes = tuple(range(values.ndim - 1))
    return values.mean(axis=axes), values.var(axis=axes)
