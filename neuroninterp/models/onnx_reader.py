"""Reads ONNX files: the canonical graph, the input layout, and the model's own runtime."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuroninterp.errors import ModelError
from neuroninterp.graph import Convolution, Graph, Opaque
from neuroninterp.models.layout import ALPHABET, InputLayout, infer_axes
from neuroninterp.models.onnx_file import OnnxFile, load_onnx
from neuroninterp.models.onnx_runtime import OnnxRuntime, check_runnable
from neuroninterp.models.onnx_translate import Translated, translate
from neuroninterp.models.runtime import ReadModel

__all__ = ["read_onnx"]

_CHANNELS = 4
_Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class _Candidate:
    """A way to read an input: its layout and the shape that goes with it."""

    name: str
    axes: str
    shape: _Shape


def read_onnx(
    path: Path, *, device: str = "cpu", axes: str | None = None, alphabet: str = ALPHABET
) -> ReadModel:
    """Read an ONNX file.

    Parameters
    ----------
    path : Path
        The ``.onnx`` file, opset 7 or newer. Data files must lie in the same folder.
    device : str
        "cpu" or "gpu", for predictions.
    axes : str or None
        Layout of the sequence input, for example ``"NC1L"``; None to infer it.
    alphabet : str
        Base of each channel, in the file's order.

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
    file = load_onnx(Path(path))
    inputs = _inputs(file)
    candidates = _candidates(file, inputs, axes)
    name = candidates[0].name
    # In this order: what comes next trusts the operations to be well formed, and an optimising
    # session computes constants, whose sizes the translation checks.
    check_runnable(file)
    chosen, translated = _best(file, candidates)
    runtime = OnnxRuntime(file, name, device=device)
    layout = InputLayout(
        name=name,
        shape=inputs[name] or chosen.shape,
        axes=chosen.axes,
        length=chosen.shape[chosen.axes.index("L")],
        channels=_CHANNELS,
        alphabet=alphabet,
    )
    return ReadModel("onnx", translated.graph, layout, runtime, translated.taps)


def _inputs(file: OnnxFile) -> dict[str, _Shape | None]:
    """Return the shape of each input that is not a stored weight; None for no known rank."""
    graph = file.analysed.graph
    stored = {tensor.name for tensor in graph.initializer}
    shapes: dict[str, _Shape | None] = {}
    for value in graph.input:
        if value.name in stored:
            continue
        kind = value.type.tensor_type
        known = kind.HasField("shape")
        shapes[value.name] = tuple(d.dim_value or None for d in kind.shape.dim) if known else None
    if not shapes:
        raise ModelError(f"{file.path}: the network has no input; nothing to analyse")
    return shapes


def _candidates(
    file: OnnxFile, inputs: dict[str, _Shape | None], axes: str | None
) -> list[_Candidate]:
    """Return the ways to read the one input that can be a one-hot sequence."""
    if axes is not None:
        found = _given(file, inputs, axes)
    else:
        found = [c for n, shape in inputs.items() for c in _readings(n, shape, guess=False)]
        if not found:
            found = [c for n, shape in inputs.items() for c in _readings(n, shape, guess=True)]
    names = sorted({candidate.name for candidate in found})
    if len(names) != 1:
        listed = ", ".join(f"{name!r} {_written(shape)}" for name, shape in inputs.items())
        several = f"{len(names)} inputs could be" if names else "no input is"
        advice = (
            "only networks on one sequence can be read"
            if names
            else ("if one of them is, give its layout (for example NCL)")
        )
        raise ModelError(
            f"{file.path}: {several} a one-hot sequence with {_CHANNELS} channels; the model "
            f"reads {listed}; {advice}"
        )
    return found


def _written(shape: _Shape | None) -> str:
    if shape is None:
        return "of unknown shape"
    return "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"


def _readings(name: str, shape: _Shape | None, *, guess: bool) -> Iterator[_Candidate]:
    """Yield layouts that fit; with ``guess`` a free axis may be the channels."""
    shapes: list[_Shape] = [(None,) * 3, (None,) * 4] if shape is None else [shape]
    for known in shapes:
        filled = [known]
        if guess:
            filled = [
                (*known[:i], _CHANNELS, *known[i + 1 :])
                for i in range(1, len(known))
                if known[i] is None
            ]
        for one in filled:
            for axes in infer_axes(one, channels=_CHANNELS):
                yield _Candidate(name, axes, one)


def _given(file: OnnxFile, inputs: dict[str, _Shape | None], axes: str) -> list[_Candidate]:
    """Return the inputs that fit the layout the user gave."""
    if sorted(axes.replace("1", "")) != ["C", "L", "N"] or not axes.startswith("N"):
        raise ModelError(
            f"layout {axes!r} is not one; write N for the batch (first), L for the length, C for "
            "the channels, 1 for a dummy axis, for example NLC, NCL, NC1L"
        )
    found = []
    for name, shape in inputs.items():
        one = (None,) * len(axes) if shape is None else shape
        expected = {"C": _CHANNELS, "1": 1}
        if len(one) == len(axes) and all(
            size in (None, expected.get(axis, size)) for size, axis in zip(one, axes, strict=True)
        ):
            filled = tuple(expected.get(a, s) for a, s in zip(axes, one, strict=True))
            found.append(_Candidate(name, axes, filled))
    if not found:
        listed = ", ".join(f"{name!r} {_written(shape)}" for name, shape in inputs.items())
        raise ModelError(f"{file.path}: layout {axes!r} fits no input; the model reads {listed}")
    return found


def _best(file: OnnxFile, candidates: Sequence[_Candidate]) -> tuple[_Candidate, Translated]:
    """Translate by each layout; take the one along which the first convolution slides."""
    blocked: tuple[_Candidate, Translated] | None = None
    for candidate in candidates:
        translated = translate(file, candidate.name, candidate.axes, candidate.shape)
        reached = _reached(translated.graph)
        if reached == "clear":
            return candidate, translated
        if reached == "blocked" and blocked is None:
            blocked = candidate, translated
    if blocked is None:
        raise ModelError(_nothing_found(file, candidates[0]))
    return blocked


def _reached(graph: Graph) -> str:
    """Tell whether a convolution sees the sequence: "clear", "blocked" or "nothing"."""
    state = "nothing"
    for node in graph:
        if isinstance(node, Convolution):
            ancestors = graph.ancestors(node.name)
            if graph.input not in ancestors:
                continue
            if not any(isinstance(ancestor, Opaque) for ancestor in ancestors):
                return "clear"
            state = "blocked"
    return state


def _nothing_found(file: OnnxFile, candidate: _Candidate) -> str:
    """Say what stands where a convolution on the sequence was expected."""
    graph = translate(file, candidate.name, candidate.axes, candidate.shape).graph
    start = (
        f"{file.path}: no convolution on the {_CHANNELS}-channel input {candidate.name!r} "
        f"{_written(candidate.shape)}"
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
