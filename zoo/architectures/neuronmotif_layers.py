"""The Keras layers of a NeuronMotif network, from its row of parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo.architectures.blocks import CHANNELS, Block
from zoo.architectures.neuronmotif_network import CONVOLUTIONS, DENSE, OUTPUT, Network, Training

if TYPE_CHECKING:
    import keras

__all__ = ["assemble"]


def assemble(row: Network, length: int, classes: int, seed: int | None) -> keras.Model:
    """Stack the Keras layers of one row, and compile them.

    Parameters
    ----------
    row : Network
        The parameters.
    length : int
        Sequence length, bp; long enough for the network.
    classes : int
        Number of outputs.
    seed : int or None
        Of the initial weights and the dropout; random for None.

    Returns
    -------
    keras.Model
        Compiled; ``(N, length, 4)`` one-hot, ACGT, to ``(N, classes)`` probabilities.
    """
    import keras

    parts = _Layers(row, seed)
    inputs = keras.Input((length, CHANNELS), name="sequence")
    tensor = inputs
    for number, block in enumerate(row.blocks, start=1):
        is_output = not row.dense and number == len(row.blocks)
        tensor = parts.block(tensor, number, block, is_output)
    tensor = keras.layers.Flatten(name="flatten")(tensor)
    tensor = parts.dropout(tensor, row.flat_dropout, "dropout")
    for number, units in enumerate(row.dense, start=1):
        tensor = parts.dense(tensor, number, units)
    if row.dense:
        tensor = parts.output(tensor, classes)
    model = keras.Model(inputs, tensor, name=row.name.replace("-", "_"))
    model.compile(optimizer=_optimizer(row.training), loss=row.training.loss)
    return model


def _optimizer(training: Training) -> Any:
    import keras

    if training.optimizer == "sgd":
        # What Keras 2 calls decay: one over one plus the decay times the steps so far.
        rate = keras.optimizers.schedules.InverseTimeDecay(
            training.learning_rate, decay_steps=1, decay_rate=training.decay
        )
        return keras.optimizers.SGD(rate, momentum=training.momentum)
    kinds = {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}
    return kinds[training.optimizer](learning_rate=training.learning_rate)


class _Layers:
    """Makes the Keras layers of a row, each with a seed of its own."""

    def __init__(self, row: Network, seed: int | None) -> None:
        self._row = row
        self._seed = seed
        self._drawn = 0

    def block(self, tensor: Any, number: int, block: Block, is_output: bool) -> Any:
        """Return the tensor after one convolutional block."""
        import keras

        tensor = keras.layers.Conv1D(
            block.filters,
            block.kernel,
            padding=block.padding,
            name=f"conv_{number}",
            **self._weights(),
        )(tensor)
        tensor = self._norm(tensor, CONVOLUTIONS, str(number))
        tensor = self._activation(tensor, str(number), "sigmoid" if is_output else "relu")
        if block.pool > 1:
            tensor = keras.layers.MaxPooling1D(block.pool, block.stride, name=f"pool_{number}")(
                tensor
            )
        return self.dropout(tensor, block.dropout, f"dropout_{number}")

    def dense(self, tensor: Any, number: int, units: int) -> Any:
        """Return the tensor after a hidden dense layer."""
        import keras

        name = f"dense_{number}"
        tensor = keras.layers.Dense(units, name=name, **self._weights())(tensor)
        tensor = self._activation(self._norm(tensor, DENSE, name), name, "relu")
        return self.dropout(tensor, self._row.dense_dropout, f"dropout_{name}")

    def output(self, tensor: Any, classes: int) -> Any:
        """Return the probabilities."""
        import keras

        l1 = self._row.regularization.output_l1
        penalty = {"activity_regularizer": keras.regularizers.L1(l1)} if l1 else {}
        layer = keras.layers.Dense(classes, name="output", **self._weights(), **penalty)
        return self._activation(self._norm(layer(tensor), OUTPUT, "output"), "output", "sigmoid")

    def dropout(self, tensor: Any, share: float, name: str) -> Any:
        """Return the tensor after a dropout, if any of it is dropped."""
        import keras

        if not share:
            return tensor
        return keras.layers.Dropout(share, seed=self._next_seed(), name=name)(tensor)

    def _next_seed(self) -> int | None:
        """Return another seed at each call, so that no two layers start alike."""
        if self._seed is None:
            return None
        self._drawn += 1
        return 1000 * self._seed + self._drawn

    def _weights(self) -> dict[str, Any]:
        """Return initialiser, regulariser and constraint of a weight matrix."""
        import keras

        rules = self._row.regularization
        initializer = {
            "class_name": self._row.training.initializer,
            "config": {"seed": self._next_seed()},
        }
        arguments = {"kernel_initializer": keras.initializers.get(initializer)}
        if rules.l2:
            arguments["kernel_regularizer"] = keras.regularizers.L2(rules.l2)
        if rules.max_norm is not None:
            arguments["kernel_constraint"] = keras.constraints.MaxNorm(rules.max_norm, axis=0)
        return arguments

    def _norm(self, tensor: Any, kind: str, suffix: str) -> Any:
        import keras

        if kind not in self._row.norm:
            return tensor
        return keras.layers.BatchNormalization(name=f"norm_{suffix}")(tensor)

    def _activation(self, tensor: Any, suffix: str, function: str) -> Any:
        import keras

        name = f"{function}_{suffix}"
        if function == "relu" and self._row.threshold:
            return keras.layers.ReLU(threshold=self._row.threshold, name=name)(tensor)
        return keras.layers.Activation(function, name=name)(tensor)
