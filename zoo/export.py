"""Trained networks of the zoo as ONNX files, whatever Keras backend trained them.

Keras's own export needs another package for each backend (tf2onnx, jax2onnx), and a machine
with a GPU for training seldom has them. The zoo's networks are chains of a few kinds of
layers, which are written here one by one; the file is then run and compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuroninterp.backend import import_keras
from neuroninterp.errors import FidelityError, UnsupportedOperationError
from zoo.folding import folded

if TYPE_CHECKING:
    import keras

__all__ = ["check_export", "export_onnx"]

TOLERANCE = 1e-4
"""Largest difference allowed between the two files' outputs, relative to 1 or the largest.

That of the fidelity check. Rounding alone takes a tenth of it in the networks of ten layers: DD-10
with random weights is 1.1e-5 from its double-precision self in Keras, 0.7e-5 in ONNX Runtime.
"""

_OPSET = 17
_IR_VERSION = 8
"""Of 2022: read by every ONNX Runtime that the project supports."""
_ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}


def export_onnx(model: keras.Model, path: str | Path, examples: np.ndarray) -> None:
    """Write a Keras network as an ONNX file and check that it computes the same.

    Parameters
    ----------
    model : keras.Model
        A chain of layers; batch norms are folded into the layer before them, and dropout
        disappears, as at inference.
    path : str or Path
        The ONNX file to write: input "sequence" (N, L, 4), output "probabilities"; nodes are
        called after the layers.
    examples : numpy.ndarray, shape=(N, L, 4)
        Inputs to compare the two on.

    Raises
    ------
    UnsupportedOperationError
        If a layer is of a kind that is not written here.
    FidelityError
        If the ONNX file's outputs differ from the network's; see :func:`check_export`.
    """
    import onnx

    from neuroninterp import __version__

    written = _written(model)
    graph = onnx.helper.make_graph(
        written.nodes,
        model.name,
        [_value("sequence", ["N", *model.input_shape[1:]])],
        [_value("probabilities", ["N", *model.output_shape[1:]])],
        [onnx.numpy_helper.from_array(array, name) for name, array in written.weights.items()],
    )
    content = onnx.helper.make_model(
        graph,
        opset_imports=[onnx.helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="neuroninterp",
        producer_version=__version__,
    )
    onnx.checker.check_model(content, full_check=True)
    onnx.save(content, str(path))
    check_export(model, path, examples)


def check_export(model: keras.Model, path: str | Path, examples: np.ndarray) -> None:
    """Make sure that an ONNX file computes what a Keras network does.

    Raises
    ------
    FidelityError
        If outputs differ by more than 1e-4, relative to 1 or to the largest of them.
    """
    expected = np.asarray(import_keras().ops.convert_to_numpy(model(examples, training=False)))
    difference = float(np.abs(_run(path, examples) - expected).max())
    limit = TOLERANCE * max(1.0, float(np.abs(expected).max()))
    if not difference <= limit:
        raise FidelityError(
            f"{path}: outputs of the exported ONNX file differ from the Keras network's by "
            f"{difference:.2g}, expected at most {limit:.2g}; use the .keras file"
        )


def _run(path: str | Path, inputs: np.ndarray) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    outputs = session.run(None, {session.get_inputs()[0].name: inputs})
    return np.asarray(outputs[0])


def _value(name: str, shape: list[Any]) -> Any:
    import onnx

    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)


@dataclass(eq=False)
class _Chain:
    """The ONNX nodes and weights so far. Sequences run along the last axis, as ONNX has it."""

    tensor: str = "sequence"
    nodes: list[Any] = field(default_factory=list)
    weights: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, kind: str, name: str, *weights: np.ndarray, **attributes: Any) -> None:
        """Append a node that reads the chain's last tensor, and weights."""
        import onnx

        names = [f"{name}/{part}" for part in ("weight", "bias")[: len(weights)]]
        self.weights.update(zip(names, (np.asarray(w, np.float32) for w in weights), strict=True))
        node = onnx.helper.make_node(
            kind, [self.tensor, *names], [f"{name}/output"], name=name, **attributes
        )
        self.nodes.append(node)
        self.tensor = f"{name}/output"


def _written(model: keras.Model) -> _Chain:
    """Return the nodes of a network, its output called "probabilities"."""
    layers = import_keras().layers
    chain = _Chain()
    chain.add("Transpose", "channels_first", perm=[0, 2, 1])
    pending = list(model.layers)
    while pending:
        layer = pending.pop(0)
        if isinstance(layer, (layers.InputLayer, layers.Dropout)):
            continue
        kind = type(layer).__name__
        if kind in _WITH_WEIGHTS:
            norm = pending.pop(0) if pending and _is_folded(pending[0], layer) else None
            _WITH_WEIGHTS[kind](chain, layer, norm)
        elif kind in _WITHOUT_WEIGHTS:
            _WITHOUT_WEIGHTS[kind](chain, layer)
        else:
            known = ", ".join((*_WITH_WEIGHTS, *_WITHOUT_WEIGHTS))
            raise UnsupportedOperationError(
                f"layer {layer.name!r} of {model.name!r} is a {kind}, which the zoo cannot write "
                f"as ONNX there; it writes {known}, and a BatchNormalization after the first two"
            )
    chain.nodes[-1].output[0] = "probabilities"
    return chain


def _is_folded(norm: Any, layer: Any) -> bool:
    """Say whether a layer is a batch norm that the layer before it can take in."""
    linear = layer.activation.__name__ == "linear"
    return linear and isinstance(norm, import_keras().layers.BatchNormalization)


def _write_convolution(chain: _Chain, layer: Any, norm: Any | None) -> None:
    kernel, bias = folded(layer, norm)
    chain.add(
        "Conv",
        layer.name,
        kernel.transpose(2, 1, 0),
        bias,
        strides=list(layer.strides),
        dilations=list(layer.dilation_rate),
        group=layer.groups,
        pads=_pads(layer, layer.dilation_rate[0] * (layer.kernel_size[0] - 1) + 1),
    )
    _write_activation(chain, layer)


def _write_dense(chain: _Chain, layer: Any, norm: Any | None) -> None:
    kernel, bias = folded(layer, norm)
    chain.add("Gemm", layer.name, kernel, bias)
    _write_activation(chain, layer)


def _write_pool(chain: _Chain, layer: Any) -> None:
    (width,) = layer.pool_size
    chain.add(
        "MaxPool",
        layer.name,
        kernel_shape=[width],
        strides=list(layer.strides),
        pads=_pads(layer, width),
    )


def _write_relu(chain: _Chain, layer: Any) -> None:
    if layer.negative_slope or layer.max_value is not None:
        raise UnsupportedOperationError(
            f"layer {layer.name!r} is a ReLU with a slope or a largest value, which the zoo "
            "cannot write as ONNX; it writes plain and thresholded ones"
        )
    if layer.threshold:
        chain.add("ThresholdedRelu", layer.name, alpha=float(layer.threshold))
    else:
        chain.add("Relu", layer.name)


def _write_activation(chain: _Chain, layer: Any) -> None:
    name = layer.activation.__name__
    if name == "linear":
        return
    if name not in _ACTIVATIONS:
        raise UnsupportedOperationError(
            f"layer {layer.name!r} has the activation {name!r}, which the zoo cannot write as "
            f"ONNX; it writes {', '.join(_ACTIVATIONS)}"
        )
    kind = _ACTIVATIONS[name]
    # An activation inside a layer is a node of its own.
    own = layer.name if type(layer).__name__ == "Activation" else f"{layer.name}/{name}"
    chain.add(kind, own)


def _write_flatten(chain: _Chain, layer: Any) -> None:
    # Keras flattens position by position, so the channels go last again.
    chain.add("Transpose", f"{layer.name}/channels_last", perm=[0, 2, 1])
    chain.add("Flatten", layer.name, axis=1)


def _pads(layer: Any, width: int) -> list[int]:
    """Return the padding before and after, as Keras has it for a known length."""
    if layer.padding == "valid":
        return [0, 0]
    length, stride = layer.input.shape[1], layer.strides[0]
    total = max((-(-length // stride) - 1) * stride + width - length, 0)
    return [total // 2, total - total // 2]


_WITH_WEIGHTS: dict[str, Callable[[_Chain, Any, Any | None], None]] = {
    "Conv1D": _write_convolution,
    "Dense": _write_dense,
}
_WITHOUT_WEIGHTS: dict[str, Callable[[_Chain, Any], None]] = {
    "MaxPooling1D": _write_pool,
    "Flatten": _write_flatten,
    "ReLU": _write_relu,
    "Activation": _write_activation,
}
