"""Reads ONNX files: the canonical graph, the input layout, and the model's own runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neuroninterp.errors import ModelError, UnsupportedOperationError
from neuroninterp.graph import (
    Convolution,
    Flatten,
    GlobalPool,
    Graph,
    Opaque,
    convolutions_left_out,
)
from neuroninterp.models.layout import InputLayout, InputRequest, written_shape
from neuroninterp.models.onnx.file import OnnxFile, load_onnx
from neuroninterp.models.onnx.inputs import (
    Reading,
    find_readings,
    held_values,
    input_shapes,
)
from neuroninterp.models.onnx.runtime import OnnxRuntime, check_runnable
from neuroninterp.models.onnx.sizes import TooShortError, infer_sizes
from neuroninterp.models.onnx.translate import FREE_LENGTH, Translated, translate
from neuroninterp.models.reference import reference_length
from neuroninterp.models.runtime import ReadModel

__all__ = ["read_onnx"]


def read_onnx(path: Path, request: InputRequest | None = None, *, device: str = "cpu") -> ReadModel:
    """Read an ONNX file.

    Parameters
    ----------
    path : Path
        The ``.onnx`` file, opset 7 or newer. Data files must lie in the same folder.
    request : InputRequest or None
        What the user says about the inputs; None to infer all of it.
    device : str
        "cpu" or "gpu", for predictions.

    Returns
    -------
    ReadModel
        Operations that are not understood are Opaque nodes of its graph.

    Raises
    ------
    ModelError
        If the file cannot be read or ONNX Runtime refuses it, if no input is a one-hot
        sequence, or if there is no convolution on it.
    """
    request = request or InputRequest()
    file = load_onnx(Path(path))
    inputs = input_shapes(file)
    readings = find_readings(file, inputs, request)
    name = readings[0].name
    held = held_values(file, inputs, name, request)
    # In this order: ONNX Runtime must not see negative sizes, what comes next trusts the
    # operations to be well formed, and an optimising session computes constants, whose sizes
    # the translation checks.
    infer_sizes(file.path, file.analysed, {})
    check_runnable(file)
    reading, translated = _best(file, readings, request, held)
    length = reading.length or request.length
    if length is None:
        length = _reference_length(file, translated.graph)
        # What depends on the length, such as "same" padding of a strided window, is then exact.
        translated = _translate_at(file, reading, length, held)
    letters = request.channel_letters(reading.channels)
    layout = InputLayout(
        name=name,
        shape=inputs[name] or reading.shape,
        axes=reading.axes,
        length=reading.length,
        channels=reading.channels,
        alphabet=letters,
        background=request.background,
        reference_length=length,
        held=held,
    )
    runtime = OnnxRuntime(
        file, layout, translated.helpers, device=device, fold=not translated.unfolded
    )
    notes = (*file.notes, *layout.notes(), *convolutions_left_out(translated.graph))
    return ReadModel("onnx", translated.graph, layout, runtime, translated.taps, notes)


def _translate_at(
    file: OnnxFile, reading: Reading, length: int, held: Mapping[str, float]
) -> Translated:
    """Translate at a length that was chosen from the layers that are understood."""
    try:
        return translate(file, reading, length, held)
    except TooShortError as error:
        # Others may crop more than these see.
        raise ModelError(f"{error}; give a --length other than {length} bp") from error


def _reference_length(file: OnnxFile, graph: Graph) -> int:
    try:
        return reference_length(graph)
    except UnsupportedOperationError as error:
        raise UnsupportedOperationError(f"{file.path}: {error}") from error


def _best(
    file: OnnxFile,
    readings: Sequence[Reading],
    request: InputRequest,
    held: Mapping[str, float],
) -> tuple[Reading, Translated]:
    """Translate by each layout; take the one along which the first convolution slides."""
    blocked: tuple[Reading, Translated] | None = None
    misfit: TooShortError | None = None
    for reading in readings:
        length = _length(file, reading, request)
        try:
            translated = translate(file, reading, length, held)
        except TooShortError as error:
            misfit = error
            continue
        reached = _reached(translated.graph)
        if reached == "clear":
            return reading, translated
        if reached == "blocked" and blocked is None:
            blocked = reading, translated
    if blocked is None and misfit is not None:
        raise misfit
    if blocked is None:
        raise ModelError(_nothing_found(file, readings[0], translated.graph))
    return blocked


def _length(file: OnnxFile, reading: Reading, request: InputRequest) -> int:
    """Return the length to look at a model at."""
    if reading.length is not None and request.length not in (None, reading.length):
        raise ModelError(
            f"{file.path}: the model reads {reading.length} bp, not {request.length}; leave out "
            "--length"
        )
    return reading.length or request.length or FREE_LENGTH


def _reached(graph: Graph) -> str:
    """Tell whether a convolution sees the sequence: "clear", "blocked" or "nothing"."""
    state = "nothing"
    for node in graph:
        if isinstance(node, Convolution):
            ancestors = graph.ancestors(node.name)
            if graph.input not in ancestors:
                continue
            if not any(isinstance(a, (Opaque, GlobalPool, Flatten)) for a in ancestors):
                return "clear"
            state = "blocked"
    return state


def _nothing_found(file: OnnxFile, reading: Reading, graph: Graph) -> str:
    """Say what stands where a convolution on the sequence was expected."""
    start = (
        f"{file.path}: no convolution on the {reading.channels}-channel input {reading.name!r} "
        f"{written_shape(reading.shape)}"
    )
    for node in graph:
        if isinstance(node, Opaque) and "Conv" in node.operation:
            reason = f" ({node.reason})" if node.reason else ""
            return f"{start}; {node.operation} at {node.source!r} is not understood{reason}"
    first = [_operation_name(node) for node in graph if node.inputs][:5]
    return f"{start}; its operations are {', '.join(first) or 'none'}"


def _operation_name(node: Any) -> str:
    kind = node.operation if isinstance(node, Opaque) else type(node).__name__
    return f"{kind} ({node.source})"
