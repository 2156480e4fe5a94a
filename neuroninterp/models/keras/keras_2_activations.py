"""Activations whose meaning changed between Keras 2 and Keras 3 under the same name."""

from __future__ import annotations

from typing import Any

__all__ = ["CHANGED_ACTIVATIONS", "activation_of_keras_2"]

_PACKAGE = "neuroninterp"
CHANGED_ACTIVATIONS = frozenset({"hard_sigmoid"})


def _hard_sigmoid(x: Any) -> Any:
    """Compute clip(0.2 x + 0.5, 0, 1); Keras 3 has a slope of 1/6."""
    from keras import ops

    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


def activation_of_keras_2(name: str) -> Any:
    """Return what a name of an activation meant until Keras 2.

    Parameters
    ----------
    name : str
        For example "relu" or "hard_sigmoid".

    Returns
    -------
    str or dict
        ``name`` where its meaning is unchanged, else a description of a function of this
        package, which Keras accepts in a layer's configuration.
    """
    import keras

    if name not in CHANGED_ACTIVATIONS:
        return name
    registered = f"{_PACKAGE}>hard_sigmoid_of_keras_2"
    if keras.saving.get_registered_object(registered) is None:
        keras.saving.register_keras_serializable(_PACKAGE, "hard_sigmoid_of_keras_2")(_hard_sigmoid)
    return {
        "module": "builtins",
        "class_name": "function",
        "config": "hard_sigmoid_of_keras_2",
        "registered_name": registered,
    }
