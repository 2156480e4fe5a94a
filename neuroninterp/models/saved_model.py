"""Reads SavedModel folders: checked first, then converted to ONNX and compared with it.

A SavedModel is a TensorFlow program. Only what its serving function reaches is used, and
that must consist of plain tensor arithmetic: an operation that could touch files, the
network, Python or other state is refused by name before TensorFlow loads anything.
"""

from __future__ import annotations

import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from neuroninterp.backend import import_keras
from neuroninterp.errors import FidelityError, ModelError, NeuroninterpError
from neuroninterp.models.layout import InputRequest
from neuroninterp.models.onnx.reader import read_onnx
from neuroninterp.models.runtime import ReadModel
from neuroninterp.models.saved_model_checks import Signature, check_graph, check_saved_model

__all__ = ["read_saved_model"]

_OPSET = 18
_SEQUENCES = 3
_TOLERANCE = 1e-4
"""Largest accepted difference of an output, relative to the output's largest value."""


def read_saved_model(path: Path, request: InputRequest, *, device: str = "cpu") -> ReadModel:
    """Read a SavedModel folder.

    Parameters
    ----------
    path : Path
        The folder that holds ``saved_model.pb``.
    request : InputRequest
        What the user says about the inputs.
    device : str
        "cpu" or "gpu", for predictions.

    Returns
    -------
    ReadModel
        That of the converted network; predictions run in ONNX Runtime.

    Raises
    ------
    ModelError
        If the folder is damaged, declares more than it holds, contains an operation that
        is no plain arithmetic, or cannot be converted.
    UnsupportedOperationError
        If an operation before the first convolution is not understood.
    FidelityError
        If the converted network computes something else than the SavedModel.
    """
    if import_keras().backend.backend() != "tensorflow":
        raise ModelError(
            f"{path} is a SavedModel, which needs TensorFlow to be read; unset KERAS_BACKEND or "
            "set it to tensorflow"
        )
    signature = check_saved_model(path)
    with tempfile.TemporaryDirectory(prefix="neuroninterp-") as folder:
        converted = Path(folder) / "model.onnx"
        with _quiet():
            loaded = _convert(path, signature, converted)
        try:
            read = read_onnx(converted, request, device=device)
            _compare(path, loaded.signatures[signature.name], read)
        except NeuroninterpError as error:
            # The user knows the folder, not the file in between.
            raise type(error)(str(error).replace(str(converted), str(path))) from error
    note = f"a SavedModel: its signature {signature.name!r} was converted to ONNX"
    return replace(read, format="savedmodel", notes=(note, *read.notes))


def _convert(path: Path, signature: Signature, target: Path) -> Any:
    """Convert the serving function; return what TensorFlow loaded."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    try:
        with tf.device("CPU:0"):
            loaded = tf.saved_model.load(str(path), tags=signature.tags)
            function = loaded.signatures[signature.name]
            frozen = convert_variables_to_constants_v2(function, lower_control_flow=False)
        graph = frozen.graph.as_graph_def()
        sized = frozen.graph.as_graph_def(add_shapes=True)
    except Exception as error:  # TensorFlow raises every kind
        raise ModelError(f"TensorFlow cannot load {path}: {_first_line(error)}") from error
    check_graph(sized, path)
    _spell_out_erfc(graph)
    names = {tensor.name: key for key, tensor in _named_inputs(function, frozen)}
    try:
        import tf2onnx

        tf2onnx.convert.from_graph_def(
            graph,
            input_names=list(names),
            output_names=[tensor.name for tensor in frozen.outputs],
            opset=_OPSET,
            tensors_to_rename=names,
            output_path=str(target),
        )
    except Exception as error:  # the converter raises every kind
        raise ModelError(
            f"{path} cannot be converted to ONNX: {_first_line(error)}; export the model to .onnx "
            "where it was made"
        ) from error
    return loaded


def _named_inputs(function: Any, frozen: Any) -> list[tuple[str, Any]]:
    """Pair the names of the signature's inputs with the frozen graph's tensors."""
    arguments = function.structured_input_signature[1]
    by_name = {spec.name: key for key, spec in arguments.items()}
    return [
        (by_name.get(tensor.name.split(":")[0], tensor.name.split(":")[0]), tensor)
        for tensor in frozen.inputs
    ]


def _spell_out_erfc(graph: Any) -> None:
    """Write erfc(x) as 1 - erf(x), because ONNX has no such operation."""
    for node in list(graph.node):
        if node.op != "Erfc":
            continue
        kind = node.attr["T"].type
        one = graph.node.add(op="Const", name=f"{node.name}/one")
        one.attr["dtype"].type = kind
        one.attr["value"].tensor.dtype = kind
        one.attr["value"].tensor.tensor_shape.SetInParent()
        one.attr["value"].tensor.float_val.append(1.0)
        erf = graph.node.add(op="Erf", name=f"{node.name}/erf", input=list(node.input))
        erf.attr["T"].type = kind
        node.op = "Sub"
        del node.input[:]
        node.input.extend([one.name, erf.name])


def _compare(path: Path, function: Any, read: ReadModel) -> None:
    """Compare the converted network's first output with the SavedModel's own."""
    import tensorflow as tf

    layout = read.layout
    length = layout.reference_length or layout.length
    if length is None:
        raise ModelError(f"{path} takes sequences of any length; give one with --length")
    codes = np.random.default_rng(0).integers(0, 4, (_SEQUENCES, length))
    inputs = layout.to_file(np.eye(4, dtype=np.float32)[codes])
    try:
        ours = read.runtime.predict(inputs, batch_size=_SEQUENCES)
    except ModelError as error:
        if layout.length is not None:
            raise
        # Chosen from the layers that are understood; others may crop more than that.
        raise ModelError(f"{error}; give a --length other than {length} bp") from error
    arguments = {}
    for name, spec in function.structured_input_signature[1].items():
        if name == layout.name:
            value = inputs
        else:
            shape = [size or length for size in spec.shape.as_list()]
            value = np.full([_SEQUENCES, *shape[1:]], layout.held.get(name, 0.0))
        arguments[name] = tf.constant(value, spec.dtype)
    try:
        with _quiet(), tf.device("CPU:0"):
            results = function(**arguments)
    except Exception as error:  # TensorFlow raises every kind
        raise ModelError(f"TensorFlow cannot run {path}: {_first_line(error)}") from error
    # The converted outputs come in the order of the flattened, that is sorted, names.
    theirs = [np.asarray(results[key], np.float64) for key in sorted(results)]
    for mine, expected in zip(ours, theirs, strict=True):
        scale = max(float(np.abs(expected).max()), 1e-12)
        difference = float(np.abs(mine - expected).max()) / scale
        # Written so that NaN fails too.
        if mine.shape != expected.shape or not difference <= _TOLERANCE:
            raise FidelityError(
                f"{path}: converted to ONNX it is off by {difference:.2g} of the largest value "
                f"(accepted: {_TOLERANCE:g}); export the model to .onnx where it was made"
            )


def _first_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 240 else text[:240].rsplit(" ", 1)[0] + " …"


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence TensorFlow and the converter, whose messages mean nothing to a user."""
    loggers = [logging.getLogger(name) for name in ("tensorflow", "tf2onnx", "absl")]
    levels = [logger.level for logger in loggers]
    saved = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        os.dup2(nowhere, 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
