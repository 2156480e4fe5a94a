"""A loaded model: its layers, its trunks, and its predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from neuroninterp.errors import DataError, UnknownNameError, UnsupportedOperationError
from neuroninterp.fields import Layer, Trunk, survey
from neuroninterp.graph import BlockedLayer, Graph, LayerNodes
from neuroninterp.models.fidelity import check_fidelity
from neuroninterp.models.layout import ALPHABET, InputLayout, InputRequest
from neuroninterp.models.model_file import hash_model, read_model
from neuroninterp.models.reference import reference_length
from neuroninterp.models.runtime import Runtime, Tap
from neuroninterp.text import how_many, printable

__all__ = ["ZOO", "Model", "load"]


ZOO = "zoo:"
"""Begins the name of a network that ships with the zoo, where a file could be given."""


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
        The layers that can be analysed; their numbers count every convolution, from 1.
    blocked : tuple of BlockedLayer
        Convolutions that cannot be analysed, each with its reason.
    fidelity : float
        Largest relative difference between graph and runtime over the layers.
    notes : tuple of str
        What the user should know about how the file was read, a sentence each.
    taps : mapping of str to Tap
        Where the runtime holds the tensors of graph nodes, those of all layers' values
        included.
    weights : Path or None
        The weights file that the user named, where they lie apart.
    given : mapping
        The arguments of :func:`load`, by name, without those that are None; empty for a model
        made otherwise.
    batch_bytes : int or None
        Memory that the tensors of one batch of a trunk may take; None for the usual. The values
        do not depend on it.
    """

    path: Path
    format: str
    graph: Graph
    layout: InputLayout
    runtime: Runtime
    layers: tuple[Layer, ...]
    blocked: tuple[BlockedLayer, ...]
    fidelity: float
    _nodes: tuple[LayerNodes, ...] = field(repr=False)
    notes: tuple[str, ...] = ()
    taps: Mapping[str, Tap] = field(default_factory=dict, repr=False)
    weights: Path | None = None
    given: Mapping[str, Any] = field(default_factory=dict, repr=False)
    batch_bytes: int | None = field(default=None, repr=False)
    _trunks: dict[int, Trunk] = field(default_factory=dict, repr=False)

    @property
    def length(self) -> int | None:
        """Sequence length (bp) that the model reads; None where it takes any."""
        return self.layout.length

    @property
    def reference_length(self) -> int:
        """Length (bp) at which the model is looked at: its own where that is fixed."""
        return self.layout.reference_length or self.length or reference_length(self.graph)

    @property
    def sha256(self) -> str:
        """Hash of the model file, or of all files that it consists of."""
        return hash_model(self.path, self.weights)

    def describe_input(self) -> dict[str, Any]:
        """Describe the input with plain JSON values, as ``inspect --json`` and results do.

        Returns
        -------
        dict
            What :meth:`InputLayout.describe` tells, and under ``assumed`` which of it stands
            neither in the file nor was said by the user: the alphabet, and the layout where it
            was inferred.
        """
        assumed = [name for name in ("layout", "alphabet") if name not in self.given]
        return {**self.layout.describe(), "assumed": assumed}

    def layer(self, number: int) -> Layer:
        """Return a layer by its number.

        Raises
        ------
        UnknownNameError
            If there is no such layer.
        UnsupportedOperationError
            If it is one that cannot be analysed.
        """
        for layer in self.layers:
            if layer.number == number:
                return layer
        for blocked in self.blocked:
            if blocked.number == number:
                raise UnsupportedOperationError(
                    f"layer {number} cannot be analysed: {blocked.reason}"
                )
        raise UnknownNameError("layer", str(number), [str(layer.number) for layer in self.layers])

    def layer_nodes(self, number: int) -> LayerNodes:
        """Return the graph nodes of a layer by its number."""
        return self._nodes[self.layers.index(self.layer(number))]

    def trunk(self, number: int) -> Trunk:
        """Return the compiled trunk of a layer; made once and reused."""
        if number not in self._trunks:
            self._trunks[number] = Trunk(
                self.graph,
                self.layer_nodes(number),
                self.layout.table,
                batch_bytes=self.batch_bytes,
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

    def __repr__(self) -> str:
        size = "any length" if self.length is None else f"{self.length} bp"
        return (
            f"Model({printable(self.path.name)!r}, {self.format}, {size}, "
            f"{how_many(len(self.layers), 'layer')})"
        )

    def _repr_html_(self) -> str:
        # A notebook asks the value itself; what draws it stands at the far end of the flow.
        from neuroninterp.notebook.model_html import model_html

        return model_html(self)


def load(
    path: str | Path,
    *,
    weights: str | Path | None = None,
    device: str = "auto",
    input_name: str | None = None,
    alphabet: str | None = None,
    layout: str | None = None,
    length: int | None = None,
    held: Mapping[str, float] | None = None,
    background: float = 0.0,
    trust_model: bool = False,
) -> Model:
    """Read a Keras or ONNX file into the canonical graph and check it.

    Parameters
    ----------
    path : str or Path
        A ``.keras`` or ``.h5``/``.hdf5`` file, an architecture in JSON, a SavedModel folder,
        or an ``.onnx`` file, recognised by its content; or the name of a trained network of
        the zoo, like "zoo:cnn-25".
    weights : str, Path or None
        Weights of an architecture in JSON; None takes the file of that name beside it.
    device : str
        "auto", "cpu" or "gpu".
    input_name : str or None
        Which input holds the sequence, where several could.
    alphabet : str or None
        What each channel holds, in the file's order ("AGCT" for DeepSEA's files): the four
        bases (U for T), ``N`` for a channel of unknown bases, ``.`` for one that is no base.
        None assumes ACGT.
    layout : str or None
        Axes of the input, for example "NC1L", where they must not be inferred.
    length : int or None
        Length (bp) at which a model that takes any length is looked at.
    held : mapping of str to float or None
        Value that each other input is held at; 0 for those not named.
    background : float
        What channels that are no base hold, at every position.
    trust_model : bool
        Let Keras run code that the file carries (Lambda layers). Only for files of your own.

    Returns
    -------
    Model

    Raises
    ------
    ModelError
        If the file is missing, is not a model, or has no convolution on a one-hot input.
    UnknownNameError
        If the zoo has no network of that name.
    UnsupportedOperationError
        If an operation before the first convolution is not understood.
    FidelityError
        If the graph does not compute what the file computes.
    """
    given = {name: value for name, value in locals().items() if value is not None}
    from neuroninterp.backend import import_keras, resolve_device

    request = InputRequest(
        name=input_name,
        axes=layout,
        alphabet=ALPHABET if alphabet is None else alphabet,
        background=background,
        length=length,
        held=dict(held or {}),
    )
    file = _located(path)
    apart = None if weights is None else Path(weights)
    resolved = resolve_device(device)
    import_keras()
    read = read_model(
        file,
        request,
        device=resolved,
        trust=trust_model,
        weights=apart,
    )
    try:
        found = survey(read.graph)
    except UnsupportedOperationError as error:
        raise UnsupportedOperationError(f"{path}: {error}") from error
    fidelity = check_fidelity(
        read,
        found.nodes,
        read.layout.reference_length or reference_length(read.graph),
    )
    return Model(
        path=file,
        format=read.format,
        graph=read.graph,
        layout=read.layout,
        runtime=read.runtime,
        layers=found.layers,
        blocked=found.blocked,
        fidelity=fidelity,
        _nodes=found.nodes,
        notes=read.notes,
        taps=read.taps,
        weights=apart,
        given=given,
    )


def _located(path: str | Path) -> Path:
    """Return the file that a path, or the name of a network of the zoo, stands for."""
    if not str(path).startswith(ZOO):
        return Path(path)
    # The zoo builds on this package, so it is asked only when it is named.
    from zoo.pretrained import weights_path

    return weights_path(str(path).removeprefix(ZOO), "keras")
