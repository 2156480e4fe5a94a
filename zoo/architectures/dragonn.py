"""DragoNN's SequenceDNN: convolutions, one max pool after the last, and a sigmoid.

Convolutions with bias and without padding, each followed by ReLU; nothing is pooled between
them, so that no neuron's motif shifts and there is nothing to decouple. ``sequence-dnn`` is
the workshop's network of one layer, ``sequence-dnn-3`` its network of three.

Source: the slides of "How to train your DragoNN" (2016), and the released code for initial
weights and optimiser. The released code weights the classes of unbalanced data, and stops an
epoch later; it keeps the last epoch's weights, we the best one's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neuroninterp.errors import DataError, NeuroninterpError, UnknownNameError
from zoo.architectures.blocks import CHANNELS, Block, Protocol

if TYPE_CHECKING:
    import keras

__all__ = ["NETWORKS", "PROTOCOLS", "SequenceDNN", "build", "network", "sequence_dnn"]

LENGTH = 500
"""Sequence length of the slides' example, bp."""


@dataclass(frozen=True)
class SequenceDNN:
    """One network.

    Parameters
    ----------
    name : str
        Name in the zoo.
    blocks : tuple of Block
        Convolutional blocks from the input; only the last one pools.
    l1 : float
        Strength of the L1 penalty on the convolutions' weights and biases.
    note : str
        What is special about it.
    """

    name: str
    blocks: tuple[Block, ...]
    l1: float = 0.0
    note: str = ""

    @property
    def length(self) -> int:
        """Sequence length of the slides' example, bp."""
        return LENGTH

    @property
    def classes(self) -> int:
        """Number of outputs."""
        return 1

    @property
    def dense(self) -> tuple[int, ...]:
        """Widths of the hidden dense layers: there are none."""
        return ()

    def features(self, length: int = LENGTH) -> int:
        """Return the number of values that the flatten passes on; 0 or less where too short."""
        for block in self.blocks:
            length = block.output_length(length)
        return length * self.blocks[-1].filters

    def parameter_count(self, *, length: int = LENGTH, classes: int = 1) -> int:
        """Count all weights in closed form.

        Parameters
        ----------
        length : int
            Sequence length, bp.
        classes : int
            Number of outputs.

        Returns
        -------
        int
            What ``keras.Model.count_params()`` gives.
        """
        channels, total = CHANNELS, 0
        for block in self.blocks:
            total += (block.kernel * channels + 1) * block.filters
            channels = block.filters
        return total + (self.features(length) + 1) * classes


PROTOCOLS: dict[str, Protocol] = {
    "released": Protocol(1e-3, 0.9, "he_normal", 0.0, patience=5),
}
"""Training protocols: Adam as Keras 1 has it."""


def sequence_dnn(
    filters: Sequence[int] = (15,),
    kernels: Sequence[int] = (25,),
    *,
    pool: int = 35,
    l1: float = 0.0,
    dropout: float = 0.0,
    name: str = "sequence-dnn",
    note: str = "",
) -> SequenceDNN:
    """Return a network's row of parameters.

    Parameters
    ----------
    filters, kernels : sequence of int
        Number and width of each layer's filters.
    pool : int
        Width of the max pool after the last layer, and its step.
    l1 : float
        Strength of the L1 penalty on the convolutions' weights and biases.
    dropout : float
        Share of each layer's values dropped in training, in [0, 1).
    name, note : str
        What it is called, and what is special about it.

    Returns
    -------
    SequenceDNN
        To be given to ``zoo.build`` or ``zoo.train``.

    Raises
    ------
    NeuroninterpError
        If ``filters`` and ``kernels`` are not of one length.
    """
    if len(filters) != len(kernels) or not filters:
        raise NeuroninterpError(
            f"{len(filters)} numbers of filters and {len(kernels)} widths; expected one of each "
            "for every layer"
        )
    last = len(filters) - 1
    blocks = tuple(
        Block(number, width, *((pool, pool) if layer == last else (1, 1)), "valid", dropout)
        for layer, (number, width) in enumerate(zip(filters, kernels, strict=True))
    )
    return SequenceDNN(name, blocks, l1, note)


NETWORKS: dict[str, SequenceDNN] = {
    row.name: row
    for row in (
        sequence_dnn(note="one layer, as in the slides"),
        sequence_dnn((15,) * 3, (15,) * 3, name="sequence-dnn-3", note="three layers"),
    )
}
"""The networks by name."""


def network(name: str) -> SequenceDNN:
    """Return the parameters of one network.

    Raises
    ------
    UnknownNameError
        If there is no such network; the message lists those that exist.
    """
    if name not in NETWORKS:
        raise UnknownNameError("zoo model", name, tuple(NETWORKS))
    return NETWORKS[name]


def build(
    name: str | SequenceDNN,
    *,
    length: int | None = None,
    classes: int | None = None,
    protocol: str = "released",
    seed: int | None = None,
) -> keras.Model:
    """Build one network, untrained, with the optimiser and loss of a protocol.

    Parameters
    ----------
    name : str or SequenceDNN
        A name of :data:`NETWORKS`, or a row of parameters of your own.
    length : int or None
        Sequence length, bp; the slides' for None.
    classes : int or None
        Number of outputs; one for None.
    protocol : str
        See :data:`PROTOCOLS`.
    seed : int, optional
        Of the initial weights and the dropout; random where None.

    Returns
    -------
    keras.Model
        Compiled; ``(N, length, 4)`` one-hot, ACGT, to ``(N, classes)`` probabilities. Layers
        are called ``conv_1``, ``relu_1``, …, ``pool``, ``flatten``, ``output``.

    Raises
    ------
    UnknownNameError
        If the network or the protocol does not exist.
    DataError
        If the sequences are too short for the network.
    """
    row = network(name) if isinstance(name, str) else name
    if protocol not in PROTOCOLS:
        raise UnknownNameError("training protocol", protocol, tuple(PROTOCOLS))
    length = row.length if length is None else length
    if row.features(length) < 1:
        raise DataError(
            f"sequences of {length} bp are too short for zoo model {row.name!r}; give longer "
            f"ones (the slides' have {LENGTH} bp)"
        )
    return _assemble(row, PROTOCOLS[protocol], length, classes or row.classes, seed)


def _assemble(
    row: SequenceDNN, settings: Protocol, length: int, classes: int, seed: int | None
) -> keras.Model:
    """Stack the Keras layers of one row, and compile them."""
    import keras

    inputs = keras.Input((length, CHANNELS), name="sequence")
    tensor = inputs
    for number, block in enumerate(row.blocks, start=1):
        tensor = keras.layers.Conv1D(
            block.filters,
            block.kernel,
            padding=block.padding,
            kernel_initializer=_initializer(settings.initializer, seed, number),
            name=f"conv_{number}",
            **_penalty(row.l1),
        )(tensor)
        tensor = keras.layers.ReLU(name=f"relu_{number}")(tensor)
        if block.dropout > 0:
            drop = keras.layers.Dropout(
                block.dropout, seed=_layer_seed(seed, -number), name=f"dropout_{number}"
            )
            tensor = drop(tensor)
    pool = row.blocks[-1]
    tensor = keras.layers.MaxPooling1D(pool.pool, pool.stride, name="pool")(tensor)
    tensor = keras.layers.Flatten(name="flatten")(tensor)
    outputs = keras.layers.Dense(
        classes,
        activation="sigmoid",
        # Keras 1 draws a dense layer's weights so, unless told otherwise.
        kernel_initializer=_initializer("glorot_uniform", seed, len(row.blocks) + 1),
        name="output",
    )(tensor)
    model = keras.Model(inputs, outputs, name=row.name.replace("-", "_"))
    optimizer = keras.optimizers.Adam(
        learning_rate=settings.learning_rate,
        beta_1=settings.beta_1,
        beta_2=settings.beta_2,
        epsilon=settings.epsilon,
    )
    model.compile(optimizer=optimizer, loss="binary_crossentropy")
    return model


def _layer_seed(seed: int | None, layer: int) -> int | None:
    """Return a seed of each layer's own; layers count from 1, their dropouts from -1 down."""
    return None if seed is None else 1000 * seed + layer % 1000


def _initializer(name: str, seed: int | None, layer: int) -> Any:
    import keras

    config = {"class_name": name, "config": {"seed": _layer_seed(seed, layer)}}
    return keras.initializers.get(config)


def _penalty(strength: float) -> dict[str, Any]:
    """Return the regularisers of a convolution; none for a strength of 0."""
    import keras

    if strength == 0:
        return {}
    return {
        "kernel_regularizer": keras.regularizers.L1(strength),
        "bias_regularizer": keras.regularizers.L1(strength),
    }
