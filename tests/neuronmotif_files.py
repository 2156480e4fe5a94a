"""Weight files as NeuronMotif's training scripts leave them: whole models, by Keras 2.3.1.

The layout is that of the released file of its first toy (``demos/demo1/weight.hdf5``).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

__all__ = ["Keras2File"]

_GLOROT = {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None}


class Keras2File:
    """A functional model, layer by layer, with random weights; layers are numbered by kind."""

    def __init__(self, length: int, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.layers: list[dict[str, Any]] = []
        self.weights: dict[str, dict[str, np.ndarray]] = {}
        self.shape = (length, 4)
        settings = {"batch_input_shape": [None, length, 4], "dtype": "float32", "sparse": False}
        self._append("InputLayer", "seqInput", settings)

    def convolution(self, filters: int, kernel: int) -> None:
        """Add a convolution without padding, of linear activation."""
        sliding = {"kernel_size": [kernel], "strides": [1], "padding": "valid"}
        more = {"data_format": "channels_last", "dilation_rate": [1]}
        self._weighted("Conv1D", filters, (kernel, self.shape[1], filters), **sliding, **more)
        self.shape = (self.shape[0] - kernel + 1, filters)

    def dense(self, units: int) -> None:
        """Add a dense layer of linear activation."""
        self._weighted("Dense", units, (self.shape[0], units))
        self.shape = (units,)

    def batch_norm(self) -> None:
        """Add a batch norm."""
        channels = self.shape[-1]
        ones, zeros = ({"class_name": kind, "config": {}} for kind in ("Ones", "Zeros"))
        name = self._add(
            "BatchNormalization",
            axis=-1,
            momentum=0.99,
            epsilon=0.001,
            center=True,
            scale=True,
            beta_initializer=zeros,
            gamma_initializer=ones,
            moving_mean_initializer=zeros,
            moving_variance_initializer=ones,
            beta_regularizer=None,
            gamma_regularizer=None,
            beta_constraint=None,
            gamma_constraint=None,
        )
        self.weights[name] = {
            "gamma": self.rng.uniform(0.5, 1.5, channels),
            "beta": self.rng.normal(0.0, 0.3, channels),
            "moving_mean": self.rng.normal(0.0, 0.3, channels),
            "moving_variance": self.rng.uniform(0.5, 2.0, channels),
        }

    def activation(self, function: str) -> None:
        """Add an activation, of which Keras 2 writes the name."""
        self._add("Activation", activation=function)

    def pool(self, size: int) -> None:
        """Add a max pool."""
        more = {"padding": "valid", "data_format": "channels_last"}
        self._add("MaxPooling1D", strides=[size], pool_size=[size], **more)
        self.shape = (self.shape[0] // size, self.shape[1])

    def dropout(self, rate: float) -> None:
        """Add a dropout."""
        self._add("Dropout", rate=rate, noise_shape=None, seed=None)

    def flatten(self) -> None:
        """Put positions and channels into one axis."""
        self._add("Flatten", data_format="channels_last")
        self.shape = (int(np.prod(self.shape)),)

    def save(self, path: Path) -> Path:
        """Write architecture, weights, and the optimiser's state, which nobody needs."""
        ends = [[[self.layers[i]["name"], 0, 0]] for i in (0, -1)]
        settings = {"name": "model_1", "layers": self.layers}
        config = {**settings, "input_layers": ends[0], "output_layers": ends[1]}
        model = {"class_name": "Model", "config": config}
        with h5py.File(path, "w") as file:
            file.attrs["backend"], file.attrs["keras_version"] = "tensorflow", "2.3.1"
            file.attrs["model_config"] = json.dumps(model)
            file.attrs["training_config"] = json.dumps({"loss": "binary_crossentropy"})
            file.create_group("optimizer_weights").attrs["weight_names"] = []
            group = file.create_group("model_weights")
            group.attrs["backend"], group.attrs["keras_version"] = "tensorflow", "2.3.1"
            group.attrs["layer_names"] = [layer["name"].encode() for layer in self.layers]
            for layer in self.layers:
                name = layer["name"]
                part = group.create_group(name)
                arrays = self.weights.get(name, {})
                keys = [f"{name}/{key}:0" for key in arrays]
                part.attrs["weight_names"] = np.array([key.encode() for key in keys], dtype="S60")
                for key, array in zip(keys, arrays.values(), strict=True):
                    part[key] = np.asarray(array, np.float32)
        return path

    def _weighted(self, kind: str, units: int, shape: tuple[int, ...], **settings: Any) -> None:
        name = self._add(
            kind,
            **{"filters" if kind == "Conv1D" else "units": units},
            **settings,
            activation="linear",
            use_bias=True,
            kernel_initializer={"class_name": "VarianceScaling", "config": _GLOROT},
            bias_initializer={"class_name": "Zeros", "config": {}},
            kernel_regularizer={"class_name": "L1L2", "config": {"l1": 0.0, "l2": 1e-6}},
            bias_regularizer=None,
            activity_regularizer=None,
            kernel_constraint={"class_name": "MaxNorm", "config": {"max_value": 0.9, "axis": 0}},
            bias_constraint=None,
        )
        spread = 1.5 * np.prod(shape[:-1]) ** -0.5
        kernel = self.rng.normal(0.0, spread, shape)
        self.weights[name] = {"kernel": kernel, "bias": self.rng.normal(0.0, 0.1, units)}

    def _add(self, kind: str, **settings: Any) -> str:
        spelt = {"MaxPooling1D": "max_pooling1d", "BatchNormalization": "batch_normalization"}
        number = 1 + sum(layer["class_name"] == kind for layer in self.layers)
        name = f"{spelt.get(kind, kind.lower())}_{number}"
        self._append(kind, name, {"trainable": True, "dtype": "float32", **settings})
        return name

    def _append(self, kind: str, name: str, settings: dict[str, Any]) -> None:
        read = [[[self.layers[-1]["name"], 0, 0, {}]]] if self.layers else []
        config = {"name": name, **settings}
        self.layers.append(
            {"name": name, "class_name": kind, "config": config, "inbound_nodes": read}
        )
