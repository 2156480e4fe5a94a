"""A loaded model: its layers, its trunks, and its predictions."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from neuroninterp.errors import DataError, ModelError, UnknownNameError
from neuroninterp.fields import Layer, Trunk, layer_table
from neuroninterp.graph import Graph, LayerNodes, blocked_convolutions, find_layers
from neuroninterp.models.fidelity import check_fidelity
from neuroninterp.models.layout import ALPHABET, InputLayout
from neuroninterp.models.runtime import ReadModel, Runtime

__all__ = ["Model", "load"]

_ZIP_MAGIC = b"PK\x03\x04"
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network, read from a file and checked against its own runtime.

    Parameters
    ----------
    path : Path
        The model file.
    format : str
        "keras" or "onnx".
    graph : Graph
        The canonical graph.
    layout : InputLayout
        How the file arranges its input.
    runtime : Runtime
        The model's own runtime, used for predictions.
    layers : tuple of Layer
        The layers that can be analysed, numbered from 1.
    blocked : tuple of str
        Convolutions that cannot be analysed, one sentence each saying why.
    fidelity : float
        Largest relative difference between graph and runtime over the layers.
    """

    path: Path
    format: str
    graph: Graph
    layout: InputLayout
    runtime: Runtime
    layers: tuple[Layer, ...]
    blocked: tuple[str, ...]
    fidelity: float
    _nodes: tuple[LayerNodes, ...] = field(repr=False)
    _trunks: dict[int, Trunk] = field(default_factory=dict, repr=False)

    @property
    def length(self) -> int | None:
        """Sequence length (bp) that the model reads; None where it takes any."""
        return self.layout.length

    @property
    def sha256(self) -> str:
        """Hash of the model file."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def layer(self, number: int) -> Layer:
        """Return a layer by its number.

        Raises
        ------
        UnknownNameError
            If there is no such layer.
        """
        for layer in self.layers:
            if layer.number == number:
                return layer
        raise UnknownNameError("layer", str(number), [str(layer.number) for layer in self.layers])

    def layer_nodes(self, number: int) -> LayerNodes:
        """Return the graph nodes of a layer by its number."""
        return self._nodes[self.layer(number).number - 1]

    def trunk(self, number: int) -> Trunk:
        """Return the compiled trunk of a layer; made once and reused."""
        if number not in self._trunks:
            self._trunks[number] = Trunk(
                self.graph, self.layer_nodes(number), self.layout.channel_of_base
            )
        return self._trunks[number]

    def predict(self, sequences: np.ndarray, *, batch_size: int = 256) -> np.ndarray:
        """Predict with the model's own runtime.

        Parameters
        ----------
        sequences : numpy.ndarray, shape=(N, L) or (N, L, 4)
            Codes (uint8; 0 to 3 for A, C, G, T, 4 for N) or one-hot, ACGT.
        batch_size : int
            Sequences at once.

        Returns
        -------
        numpy.ndarray, shape=(N, ...)
            The model's first output.

        Raises
        ------
        DataError
            If the length does not fit the model.
        """
        from neuroninterp.sequences import one_hot

        if self.length is not None and sequences.shape[1] != self.length:
            raise DataError(
                f"the model reads {self.length} bp, the sequences have {sequences.shape[1]}"
            )
        pieces = []
        # One-hot is made a batch at a time: a data set as float32 would be 16 times its codes.
        for begin in range(0, len(sequences), batch_size):
            batch = sequences[begin : begin + batch_size]
            encoded = one_hot(batch) if batch.ndim == 2 else batch
            pieces.append(
                self.runtime.predict(self.layout.to_file(encoded), batch_size=batch_size)[0]
            )
        return np.concatenate(pieces)


def load(
    path: str | Path,
    *,
    device: str = "auto",
    alphabet: str = ALPHABET,
    layout: str | None = None,
    trust_model: bool = False,
) -> Model:
    """Read a Keras or ONNX file into the canonical graph and check it.

    Parameters
    ----------
    path : str or Path
        A ``.keras``, ``.h5``/``.hdf5`` or ``.onnx`` file; recognised by its content.
    device : str
        "auto", "cpu" or "gpu".
    alphabet : str
        Base of each channel, in the file's order ("AGCT" for DeepSEA's files).
    layout : str or None
        Axes of the input, for example "NC1L", where they must not be inferred.
    trust_model : bool
        Let Keras run code that the file carries (Lambda layers). Only for files of your own.

    Returns
    -------
    Model

    Raises
    ------
    ModelError
        If the file is missing, is not a model, or has no convolution on a one-hot input.
    UnsupportedOperationError
        If an operation before the first convolution is not understood.
    FidelityError
        If the graph does not compute what the file computes.
    """
    from neuroninterp.backend import import_keras, resolve_device

    path = Path(path)
    if sorted(alphabet) not in (sorted("ACGT"), sorted("ACGU")):
        raise ModelError(f"alphabet {alphabet!r} must be the letters ACGT (or ACGU) in some order")
    kind = _detect(path)
    resolved = resolve_device(device)
    import_keras()
    alphabet = alphabet.replace("U", "T")
    read = _read(path, kind, resolved, alphabet, layout, trust_model)
    nodes = find_layers(read.graph)
    layers = layer_table(read.graph)
    fidelity = check_fidelity(read, nodes, read.layout.length or _free_length(layers))
    return Model(
        path=path,
        format=read.format,
        graph=read.graph,
        layout=read.layout,
        runtime=read.runtime,
        layers=layers,
        blocked=blocked_convolutions(read.graph),
        fidelity=fidelity,
        _nodes=nodes,
    )


def _detect(path: Path) -> str:
    """Tell the format from the first bytes; an extension alone can lie."""
    if path.is_dir():
        raise ModelError(f"{path} is a folder; give a .keras, .h5 or .onnx file")
    try:
        with path.open("rb") as stream:
            head = stream.read(8)
    except FileNotFoundError:
        raise ModelError(f"no such model file: {path}") from None
    except OSError as error:
        raise ModelError(f"cannot read model file {path}: {error.strerror}") from error
    if not head:
        raise ModelError(f"{path} is empty; not a model file")
    if head.startswith(_ZIP_MAGIC) or head == _HDF5_MAGIC:
        return "keras"
    if path.suffix.lower() in (".keras", ".h5", ".hdf5"):
        raise ModelError(
            f"{path} is named like a Keras file but is neither a .keras archive nor HDF5; "
            "is it truncated, or text?"
        )
    return "onnx"


def _read(
    path: Path, kind: str, device: str, alphabet: str, layout: str | None, trust_model: bool
) -> ReadModel:
    if kind == "keras":
        from neuroninterp.models.keras_reader import read_keras

        return read_keras(path, trust=trust_model, axes=layout, alphabet=alphabet)
    from neuroninterp.models.onnx_reader import read_onnx

    return read_onnx(path, device=device, axes=layout, alphabet=alphabet)


def _free_length(layers: tuple[Layer, ...]) -> int:
    """Choose a length for a model that takes any: two fields, on the coarsest grid."""
    grid = max(layer.jump for layer in layers)
    return -(-2 * max(layer.receptive_field for layer in layers) // grid) * grid
