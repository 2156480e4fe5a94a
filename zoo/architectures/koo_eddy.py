"""The 17 networks of Koo & Eddy 2019: a table of parameters and one builder.

Every network reads one-hot DNA ``(N, L, 4)`` through blocks of convolution without bias,
batch norm, ReLU, max pool and dropout, then a dense block and one sigmoid a class.
``CNN-p`` has a first pool of p; the second makes their product 100. ``CNN9-p`` and ``CNN3-p``
have first filters of 9 and 3 bp.

Source: Koo PK, Eddy SR (2019) PLoS Comput Biol 15(12): e1007560, and its released code where
that differs from the text (the dense part of CNN-50-2, the training protocol).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from neuroninterp.errors import DataError, UnknownNameError
from zoo.architectures.blocks import CHANNELS, Block, Protocol

if TYPE_CHECKING:
    import keras

__all__ = [
    "CLASSES",
    "LENGTH",
    "PROTOCOLS",
    "TEXT_VARIANTS",
    "VARIANTS",
    "Block",
    "Protocol",
    "Variant",
    "build",
    "names",
    "training_protocol",
    "variant",
]

LENGTH = 200
"""Sequence length of the synthetic data, bp."""

CLASSES = 12
"""Number of labels: one per transcription factor."""

DROPOUT_DENSE = 0.5
L2_STRENGTH = 1e-6
NORM_MOMENTUM = 0.99
NORM_EPSILON = 1e-8


@dataclass(frozen=True)
class Variant:
    """One network of the paper.

    Parameters
    ----------
    name : str
        Name in the zoo, for example "cnn-25".
    blocks : tuple of Block
        Convolutional blocks from the input.
    units : int
        Width of the dense layer.
    note : str
        What is special about it.
    """

    name: str
    blocks: tuple[Block, ...]
    units: int = 512
    note: str = ""

    @property
    def length(self) -> int:
        """Sequence length of the synthetic data, bp."""
        return LENGTH

    @property
    def classes(self) -> int:
        """Number of labels of the synthetic data."""
        return CLASSES

    @property
    def dense(self) -> tuple[int, ...]:
        """Widths of the hidden dense layers."""
        return (self.units,)

    def features(self, length: int = LENGTH) -> int:
        """Return the number of values that the flatten hands to the dense layer."""
        for block in self.blocks:
            length = block.output_length(length)
        return length * self.blocks[-1].filters

    def parameter_count(self, *, length: int = LENGTH, classes: int = CLASSES) -> int:
        """Count all weights in closed form, the batch norms' running statistics included.

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
            # Batch norm keeps four values a channel: scale, shift, mean, variance.
            total += block.kernel * channels * block.filters + 4 * block.filters
            channels = block.filters
        total += self.features(length) * self.units + 4 * self.units
        return total + self.units * classes + classes


PROTOCOLS: dict[str, Protocol] = {
    "released": Protocol(1e-3, 0.95, "glorot_uniform", 0.05, patience=20),
    "text": Protocol(3e-4, 0.9, "he_normal", 0.0, patience=None),
}
"""Training protocols: of the released code (which gave the paper's figures), and of the text."""


def _two_layers(
    name: str, pool_1: int, pool_2: int, *, filters: int = 30, kernel: int = 19, note: str = ""
) -> Variant:
    """Return the paper's plain network, with its two pools."""
    blocks = (Block(filters, kernel, pool_1, pool_1), Block(128, 5, pool_2, pool_2))
    return Variant(name, blocks, note=note)


def _all_variants() -> dict[str, Variant]:
    cnn_2 = _two_layers("cnn-2", 2, 50)
    first, second = cnn_2.blocks
    return {
        item.name: item
        for item in (
            _two_layers("cnn-1", 1, 100),
            cnn_2,
            _two_layers("cnn-4", 4, 25),
            _two_layers("cnn-10", 10, 10),
            _two_layers("cnn-25", 25, 4),
            _two_layers("cnn-50", 50, 2),
            _two_layers("cnn-100", 100, 1),
            _two_layers("cnn9-4", 4, 25, kernel=9, note="first filters of 9 bp"),
            _two_layers("cnn9-25", 25, 4, kernel=9, note="first filters of 9 bp"),
            _two_layers("cnn3-50", 50, 2, kernel=3, note="first filters of 3 bp"),
            _two_layers("cnn3-2", 2, 50, kernel=3, note="first filters of 3 bp"),
            Variant(
                "cnn-50-2",
                (replace(first, pool=50), replace(second, filters=64)),
                units=96,
                note="first pool of 50 with stride 2",
            ),
            Variant(
                "cnn19-1-2",
                (first, replace(second, kernel=1, padding="valid")),
                note="second filters of 1",
            ),
            _two_layers("cnn-25-60", 25, 4, filters=60, note="60 first filters"),
            _two_layers("cnn-25-90", 25, 4, filters=90, note="90 first filters"),
            _two_layers("cnn-25-120", 25, 4, filters=120, note="120 first filters"),
            Variant(
                "cnn-1-1-100",
                (Block(30, 19), Block(128, 5), Block(128, 5, 100, 100)),
                note="three convolutions, pool after the third",
            ),
        )
    }


VARIANTS: dict[str, Variant] = _all_variants()
"""The 17 networks by name, as the released code has them."""

TEXT_VARIANTS: dict[str, Variant] = {
    # "Both networks have the same number of parameters": this one and CNN-2.
    "cnn-50-2": replace(
        VARIANTS["cnn-50-2"],
        blocks=(VARIANTS["cnn-50-2"].blocks[0], VARIANTS["cnn-2"].blocks[1]),
        units=VARIANTS["cnn-2"].units,
    ),
}
"""Networks that the paper's text describes otherwise."""


def names() -> tuple[str, ...]:
    """Return the names of the 17 networks, in the paper's order."""
    return tuple(VARIANTS)


def variant(name: str, protocol: str = "released") -> Variant:
    """Return the parameters of one network.

    Parameters
    ----------
    name : str
        One of :func:`names`.
    protocol : str
        "released" or "text": where the network is described twice.

    Returns
    -------
    Variant
        Its row of the table.

    Raises
    ------
    UnknownNameError
        If there is no such network; the message lists those that exist.
    """
    if name not in VARIANTS:
        raise UnknownNameError("zoo model", name, names())
    return TEXT_VARIANTS.get(name, VARIANTS[name]) if protocol == "text" else VARIANTS[name]


def training_protocol(name: str) -> Protocol:
    """Return the parameters of a training protocol, "released" or "text".

    Raises
    ------
    UnknownNameError
        If there is no such protocol.
    """
    if name not in PROTOCOLS:
        raise UnknownNameError("training protocol", name, tuple(PROTOCOLS))
    return PROTOCOLS[name]


def build(
    name: str | Variant,
    *,
    length: int = LENGTH,
    classes: int = CLASSES,
    protocol: str = "released",
    seed: int | None = None,
) -> keras.Model:
    """Build one network, untrained, with the optimiser and loss of a protocol.

    Parameters
    ----------
    name : str or Variant
        One of :func:`names`, or a row of parameters of your own.
    length : int
        Sequence length, bp.
    classes : int
        Number of outputs.
    protocol : str
        "released" (default) or "text"; see :data:`PROTOCOLS`.
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
        If the sequences are too short for the pools.
    """
    row = variant(name, protocol) if isinstance(name, str) else name
    settings = training_protocol(protocol)
    if row.features(length) < 1:
        raise DataError(
            f"zoo model {row.name!r} pools {length} bp to nothing; give longer sequences "
            f"(the paper's have {LENGTH} bp)"
        )
    return _assemble(row, settings, length, classes, seed)


def _assemble(
    row: Variant, settings: Protocol, length: int, classes: int, seed: int | None
) -> keras.Model:
    """Stack the Keras layers of one row, and compile them."""
    import keras

    parts = _Layers(settings, seed)
    inputs = keras.Input((length, CHANNELS), name="sequence")
    tensor = inputs
    for number, block in enumerate(row.blocks, start=1):
        tensor = parts.block(tensor, number, block)
    tensor = keras.layers.Flatten(name="flatten")(tensor)
    tensor = parts.dense(tensor, row.units)
    outputs = keras.layers.Dense(
        classes,
        activation="sigmoid",
        bias_initializer=keras.initializers.Constant(settings.output_bias),
        name="output",
        **parts.weights(),
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


class _Layers:
    """Makes the Keras layers of a protocol, each with a seed of its own."""

    def __init__(self, settings: Protocol, seed: int | None) -> None:
        self._settings = settings
        self._seed = seed
        self._drawn = 0

    def _next_seed(self) -> int | None:
        """Return another seed at each call, so that no two layers start alike."""
        if self._seed is None:
            return None
        self._drawn += 1
        return 1000 * self._seed + self._drawn

    def weights(self) -> dict[str, Any]:
        """Return the initialiser and regulariser of a weight matrix."""
        import keras

        config = {"class_name": self._settings.initializer, "config": {"seed": self._next_seed()}}
        initializer = keras.initializers.get(config)
        regularizer = keras.regularizers.L2(L2_STRENGTH)
        return {"kernel_initializer": initializer, "kernel_regularizer": regularizer}

    def _norm_and_relu(self, tensor: Any, suffix: str) -> Any:
        import keras

        norm = keras.layers.BatchNormalization(
            momentum=NORM_MOMENTUM, epsilon=NORM_EPSILON, name=f"norm_{suffix}"
        )
        return keras.layers.ReLU(name=f"relu_{suffix}")(norm(tensor))

    def block(self, tensor: Any, number: int, block: Block) -> Any:
        """Return the tensor after one convolutional block."""
        import keras

        tensor = keras.layers.Conv1D(
            block.filters,
            block.kernel,
            padding=block.padding,
            use_bias=False,
            name=f"conv_{number}",
            **self.weights(),
        )(tensor)
        tensor = self._norm_and_relu(tensor, str(number))
        if block.pool > 1:
            # Only the overlapping pool needs padding to halve the length, as the paper says.
            padding = "same" if block.overlapping else "valid"
            tensor = keras.layers.MaxPooling1D(
                block.pool, block.stride, padding=padding, name=f"pool_{number}"
            )(tensor)
        return keras.layers.Dropout(
            block.dropout, seed=self._next_seed(), name=f"dropout_{number}"
        )(tensor)

    def dense(self, tensor: Any, units: int) -> Any:
        """Return the tensor after the dense block."""
        import keras

        tensor = keras.layers.Dense(units, use_bias=False, name="dense", **self.weights())(tensor)
        tensor = self._norm_and_relu(tensor, "dense")
        return keras.layers.Dropout(DROPOUT_DENSE, seed=self._next_seed(), name="dropout_dense")(
            tensor
        )
