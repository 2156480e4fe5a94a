"""Networks of NeuronMotif: a table of parameters and one builder.

Convolutions with bias and without padding, each followed by batch norm, ReLU and, in most
blocks, a max pool of 2; then either dense layers, or the last convolution's own sigmoid.

``toy-2`` is the paper's five-layer demonstration on 82 bp. ``bd-10`` is its ten-layer network
of 600 bp and 164 data sets, 2,880 neurons in all.

Source: Wei Z et al. (2021) NeuronMotif, bioRxiv, doi:10.1101/2021.02.10.430606, and its
released code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neuroninterp.errors import DataError, UnknownNameError
from zoo.architectures.blocks import CHANNELS, Block, Protocol

if TYPE_CHECKING:
    import keras

__all__ = ["NETWORKS", "PROTOCOLS", "Network", "build", "network", "training_protocol"]


@dataclass(frozen=True)
class Network:
    """One network.

    Parameters
    ----------
    name : str
        Name in the zoo, for example "toy-2".
    length : int
        Sequence length, bp.
    blocks : tuple of Block
        Convolutional blocks from the input.
    dense : tuple of int
        Widths of the hidden dense layers, each with batch norm and ReLU; empty where the last
        convolution is the output.
    classes : int
        Number of outputs.
    dropout : float
        Share of the flattened values dropped in training, in [0, 1).
    note : str
        What is special about it.
    """

    name: str
    length: int
    blocks: tuple[Block, ...]
    dense: tuple[int, ...] = ()
    classes: int = 1
    dropout: float = 0.0
    note: str = ""

    def features(self, length: int | None = None) -> int:
        """Return the number of values that the flatten passes on; 0 or less where too short."""
        size = self.length if length is None else length
        for block in self.blocks:
            size = block.output_length(size)
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
            # A bias, and the four values a channel that batch norm keeps.
            total += block.kernel * channels * block.filters + 5 * block.filters
            channels = block.filters
        if not self.dense:
            return total
        width = self.features(length)
        for units in (*self.dense, self.classes if classes is None else classes):
            total += width * units + 5 * units
            width = units
        return total


PROTOCOLS: dict[str, Protocol] = {
    "released": Protocol(1e-3, 0.9, "glorot_uniform", 0.0, patience=15, epsilon=1e-7),
}
"""Training protocols: Adam as Keras has it."""


def _block(filters: int, kernel: int, pool: int = 1) -> Block:
    return Block(filters, kernel, pool, pool, padding="valid", dropout=0.0)


def _ten_layers(name: str, widths: tuple[int, ...], **rest: Any) -> Network:
    """Return five pairs of layers, a pool of 2 after each pair but the last."""
    blocks: list[Block] = []
    for pair, filters in enumerate(widths):
        last = pair == len(widths) - 1
        blocks += [_block(filters, 3 if pair else 7), _block(filters, 3, 1 if last else 2)]
    return Network(name, blocks=tuple(blocks), **rest)


NETWORKS: dict[str, Network] = {
    item.name: item
    for item in (
        Network(
            "toy-2",
            length=82,
            blocks=(
                _block(5, 7, 2),
                _block(5, 3, 2),
                _block(6, 3, 2),
                _block(6, 3, 2),
                _block(1, 3),
            ),
            note="two CTCF sites, rightly spaced or not",
        ),
        _ten_layers(
            "bd-10",
            (128, 160, 256, 384, 512),
            length=600,
            dense=(768,),
            classes=164,
            dropout=0.2,
            note="2,880 neurons in ten layers",
        ),
    )
}
"""The networks by name."""


def network(name: str) -> Network:
    """Return the parameters of one network.

    Raises
    ------
    UnknownNameError
        If there is no such network; the message lists those that exist.
    """
    if name not in NETWORKS:
        raise UnknownNameError("zoo model", name, tuple(NETWORKS))
    return NETWORKS[name]


def training_protocol(name: str) -> Protocol:
    """Return the parameters of a training protocol; "released" is the only one.

    Raises
    ------
    UnknownNameError
        If there is no such protocol.
    """
    if name not in PROTOCOLS:
        raise UnknownNameError("training protocol", name, tuple(PROTOCOLS))
    return PROTOCOLS[name]


def build(
    name: str | Network,
    *,
    length: int | None = None,
    classes: int | None = None,
    protocol: str = "released",
    seed: int | None = None,
) -> keras.Model:
    """Build one network, untrained, with the optimiser and loss of a protocol.

    Parameters
    ----------
    name : str or Network
        A name of :data:`NETWORKS`, or a row of parameters of your own.
    length : int or None
        Sequence length, bp; the paper's for None.
    classes : int or None
        Number of outputs; the paper's for None.
    protocol : str
        See :data:`PROTOCOLS`.
    seed : int, optional
        Of the initial weights and the dropout; random where None.

    Returns
    -------
    keras.Model
        Compiled; ``(N, length, 4)`` one-hot, ACGT, to ``(N, classes)`` probabilities. Layers
        are called ``conv_1``, ``norm_1``, ``relu_1``, ``pool_1``, …

    Raises
    ------
    UnknownNameError
        If the network or the protocol does not exist.
    DataError
        If the sequences are too short for the network, or give it another number of outputs.
    """
    row = network(name) if isinstance(name, str) else name
    settings = training_protocol(protocol)
    length = row.length if length is None else length
    classes = row.classes if classes is None else classes
    features = row.features(length)
    if features < 1:
        raise DataError(
            f"sequences of {length} bp are too short for zoo model {row.name!r}; "
            f"give longer ones (the paper's have {row.length} bp)"
        )
    if not row.dense and features != classes:
        raise DataError(
            f"zoo model {row.name!r} gives {features} outputs for {length} bp, and the data have "
            f"{classes} labels; expected {row.classes} and {row.length} bp"
        )
    return _assemble(row, settings, length, classes, seed)


def _assemble(
    row: Network, settings: Protocol, length: int, classes: int, seed: int | None
) -> keras.Model:
    """Stack the Keras layers of one row, and compile them."""
    import keras

    parts = _Layers(settings, seed)
    inputs = keras.Input((length, CHANNELS), name="sequence")
    tensor = inputs
    for number, block in enumerate(row.blocks, start=1):
        is_output = not row.dense and number == len(row.blocks)
        tensor = parts.block(tensor, number, block, "sigmoid" if is_output else "relu")
    tensor = keras.layers.Flatten(name="flatten")(tensor)
    if row.dropout > 0:
        dropout = keras.layers.Dropout(row.dropout, seed=parts.next_seed(), name="dropout")
        tensor = dropout(tensor)
    for number, units in enumerate(row.dense, start=1):
        tensor = parts.dense(tensor, units, f"dense_{number}", "relu")
    if row.dense:
        tensor = parts.dense(tensor, classes, "output", "sigmoid")
    model = keras.Model(inputs, tensor, name=row.name.replace("-", "_"))
    optimizer = keras.optimizers.Adam(
        learning_rate=settings.learning_rate,
        beta_1=settings.beta_1,
        beta_2=settings.beta_2,
        epsilon=settings.epsilon,
    )
    model.compile(optimizer=optimizer, loss="binary_crossentropy")
    return model


class _Layers:
    """Makes the Keras layers of a protocol, each with a seed of its own."""

    def __init__(self, settings: Protocol, seed: int | None) -> None:
        self._settings = settings
        self._seed = seed
        self._drawn = 0

    def next_seed(self) -> int | None:
        """Return another seed at each call, so that no two layers start alike."""
        if self._seed is None:
            return None
        self._drawn += 1
        return 1000 * self._seed + self._drawn

    def block(self, tensor: Any, number: int, block: Block, activation: str) -> Any:
        """Return the tensor after one convolutional block."""
        import keras

        convolution = keras.layers.Conv1D(
            block.filters,
            block.kernel,
            padding=block.padding,
            kernel_initializer=self._initializer(),
            name=f"conv_{number}",
        )
        tensor = self._norm(convolution(tensor), str(number), activation)
        if block.pool > 1:
            tensor = keras.layers.MaxPooling1D(block.pool, block.stride, name=f"pool_{number}")(
                tensor
            )
        return tensor

    def dense(self, tensor: Any, units: int, name: str, activation: str) -> Any:
        """Return the tensor after a dense layer with its batch norm."""
        import keras

        layer = keras.layers.Dense(units, kernel_initializer=self._initializer(), name=name)
        return self._norm(layer(tensor), name, activation)

    def _initializer(self) -> Any:
        import keras

        config = {"class_name": self._settings.initializer, "config": {"seed": self.next_seed()}}
        return keras.initializers.get(config)

    def _norm(self, tensor: Any, suffix: str, activation: str) -> Any:
        import keras

        tensor = keras.layers.BatchNormalization(name=f"norm_{suffix}")(tensor)
        return keras.layers.Activation(activation, name=f"{activation}_{suffix}")(tensor)
