"""Trained Keras networks as ONNX files."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuroninterp.errors import FidelityError, NeuroninterpError

if TYPE_CHECKING:
    import keras

__all__ = ["check_export", "check_exporter", "export_onnx"]

TOLERANCE = 1e-5
"""Largest difference allowed between the two files' probabilities."""


def check_exporter() -> None:
    """Make sure that ONNX files can be written, before hours of training rather than after.

    Raises
    ------
    NeuroninterpError
        If the exporter that Keras uses is not installed.
    """
    if importlib.util.find_spec("tf2onnx") is None:
        raise NeuroninterpError(
            "writing ONNX files needs the package tf2onnx, which is not installed; "
            "install it with: pip install tf2onnx"
        )


def export_onnx(model: keras.Model, path: str | Path, examples: np.ndarray) -> None:
    """Write a Keras network as an ONNX file and check that it computes the same.

    Parameters
    ----------
    model : keras.Model
        The network; dropout disappears, as at inference.
    path : str or Path
        The ONNX file to write; its batch axis is free and called "N".
    examples : numpy.ndarray, shape=(N, L, 4)
        Inputs to compare the two on.

    Raises
    ------
    NeuroninterpError
        If the exporter is not installed.
    FidelityError
        If the ONNX file's outputs differ from the network's by more than 1e-5.
    """
    check_exporter()
    with warnings.catch_warnings():
        # Keras's exporter still asks for np.object, which NumPy warns about.
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        model.export(str(path), format="onnx", verbose=False)
    _tidy(model, path)
    check_export(model, path, examples)


def check_export(model: keras.Model, path: str | Path, examples: np.ndarray) -> None:
    """Make sure that an ONNX file computes what a Keras network does.

    Raises
    ------
    FidelityError
        If outputs differ by more than 1e-5.
    """
    expected = np.asarray(model(examples, training=False))
    difference = float(np.abs(_run(path, examples) - expected).max())
    if not difference <= TOLERANCE:
        raise FidelityError(
            f"{path}: outputs of the exported ONNX file differ from the Keras network's by "
            f"{difference:.2g}, expected at most {TOLERANCE:.0e}; use the .keras file"
        )


def _tidy(model: keras.Model, path: str | Path) -> None:
    """Name nodes after the layers, the output "probabilities", and the batch axis "N"."""
    import onnx

    content = onnx.load(str(path))
    graph = content.graph
    # Tracing a second time makes the exporter number every scope: "cnn_25_1/conv_1_1/…".
    shorter = {f"{model.name}_1/": "", f"{model.name}/": ""}
    shorter.update({f"{layer.name}_1/": f"{layer.name}/" for layer in model.layers})

    def tidied(name: str) -> str:
        if name == graph.output[0].name:
            return "probabilities"
        for long, short in shorter.items():
            if name.startswith(long):
                name = short + name.removeprefix(long)
        return name

    for node in graph.node:
        node.name = tidied(node.name)
        _rename(node.input, tidied)
        _rename(node.output, tidied)
    for tensor in (*graph.initializer, *graph.value_info, *graph.output):
        tensor.name = tidied(tensor.name)
    for tensor in (*graph.input, *graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "N"
    del graph.value_info[:]
    graph.name = model.name
    onnx.checker.check_model(content, full_check=True)
    onnx.save(content, str(path))


def _rename(names: Any, rename: Any) -> None:
    for index, name in enumerate(names):
        names[index] = rename(name)


def _run(path: str | Path, inputs: np.ndarray) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    outputs = session.run(None, {session.get_inputs()[0].name: inputs})
    return np.asarray(outputs[0])
