"""What a network of NeuronMotif is: its row of parameters, and how it is trained."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.architectures.blocks import CHANNELS, Block

__all__ = ["CONVOLUTIONS", "DENSE", "OUTPUT", "Network", "Regularization", "Training"]

CONVOLUTIONS, DENSE, OUTPUT = "convolutions", "dense", "output"
"""Kinds of layers that a batch norm may follow."""


@dataclass(frozen=True)
class Training:
    """How a network is trained; settings of Keras that are not named here are its defaults.

    Parameters
    ----------
    optimizer : str
        "adam", "rmsprop" or "sgd".
    learning_rate : float
        Of the first step.
    batch_size : int
        Sequences a step.
    epochs : int
        Largest number of epochs.
    patience : int
        Epochs without a lower validation loss after which training stops; the weights of the
        best epoch are kept.
    momentum, decay : float
        Of "sgd" alone: step k has the learning rate ``learning_rate / (1 + decay * k)``.
    initializer : str
        Keras name of the weights' initialiser.
    loss : str
        Keras name of the loss.
    """

    optimizer: str = "adam"
    learning_rate: float = 1e-3
    batch_size: int = 128
    epochs: int = 100
    patience: int = 12
    momentum: float = 0.0
    decay: float = 0.0
    initializer: str = "glorot_uniform"
    loss: str = "binary_crossentropy"

    def patience_of(self, epochs: int) -> int:
        """Return the patience of a run of at most ``epochs``."""
        return self.patience


@dataclass(frozen=True)
class Regularization:
    """What keeps the weights of every layer small; zeros and None for nothing.

    Parameters
    ----------
    l2 : float
        Factor of the sum of squared weights (no biases) in the loss.
    max_norm : float or None
        Largest norm of a kernel along its first axis: of a convolution's weights over its
        positions, for each channel and filter; of a dense layer's weights for each unit.
    output_l1 : float
        Factor of the sum of the output layer's absolute values, before the sigmoid and over
        the batch, in the loss.
    """

    l2: float = 0.0
    max_norm: float | None = None
    output_l1: float = 0.0


@dataclass(frozen=True)
class Network:
    """One network: convolutions, then dense layers or none, then a sigmoid.

    Parameters
    ----------
    name : str
        Name in the zoo, for example "toy-2".
    length : int
        Sequence length, bp.
    blocks : tuple of Block
        Convolutional blocks from the input.
    dense : tuple of int
        Widths of the hidden dense layers; empty where the last convolution is the output.
    classes : int
        Number of outputs.
    norm : tuple of str
        Which layers a batch norm follows: "convolutions", "dense", "output".
    threshold : float
        Of the ReLUs: smaller values become 0.
    flat_dropout, dense_dropout : float
        Share of the flattened values, and of each hidden dense layer's, dropped in training.
    regularization : Regularization
        Of the weights.
    training : Training
        Optimiser, batches and patience.
    note : str
        What is special about it.
    """

    name: str
    length: int
    blocks: tuple[Block, ...]
    dense: tuple[int, ...] = ()
    classes: int = 1
    norm: tuple[str, ...] = (CONVOLUTIONS, DENSE)
    threshold: float = 0.0
    flat_dropout: float = 0.0
    dense_dropout: float = 0.0
    regularization: Regularization = Regularization()
    training: Training = Training()
    note: str = ""

    def features(self, length: int | None = None) -> int:
        """Return the number of values that the flatten passes on; 0 or less where too short."""
        size = self.length if length is None else length
        for block in self.blocks:
            size = block.output_length(size)
            if size < 1:
                return 0
        return size * self.blocks[-1].filters

    def parameter_count(self, *, length: int | None = None, classes: int | None = None) -> int:
        """Count all weights in closed form, the batch norms' running statistics included.

        Parameters
        ----------
        length : int or None
            Sequence length, bp; the paper's for None.
        classes : int or None
            Number of outputs; the paper's for None.

        Returns
        -------
        int
            What ``keras.Model.count_params()`` gives.
        """
        channels, total = CHANNELS, 0
        for block in self.blocks:
            total += block.kernel * channels * block.filters
            total += block.filters * self._values_a_channel(CONVOLUTIONS)
            channels = block.filters
        if not self.dense:
            return total
        width = self.features(length)
        for units in self.dense:
            total += width * units + units * self._values_a_channel(DENSE)
            width = units
        classes = self.classes if classes is None else classes
        return total + width * classes + classes * self._values_a_channel(OUTPUT)

    def _values_a_channel(self, kind: str) -> int:
        """Return 1 for the bias, and 4 more where a batch norm follows."""
        return 5 if kind in self.norm else 1
