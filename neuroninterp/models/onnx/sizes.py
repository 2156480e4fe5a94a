"""Sizes of an ONNX network's tensors, worked out without ending the process.

onnx and ONNX Runtime abort where a Slice reads a tensor of negative size, which is what a
window larger than its input gives in their arithmetic: a file can say so, and so can a user
who asks for a very short sequence. So no Slice is shown to them before the sizes of what it
reads are known to be none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neuroninterp.errors import ModelError
from neuroninterp.models.onnx.walk import names_read, nodes_inside

__all__ = ["TooShortError", "infer_sizes"]

_MOST_SLICES = 100
"""Most slices of slices, each of which costs a pass over the network."""
_HIDDEN = "neuroninterp.hidden"
_STANDARD = ("", "ai.onnx")
_LARGEST_KEPT = 1024
"""Bytes of a stored tensor that may hold a shape; of others only their size matters."""


class TooShortError(ModelError):
    """A tensor would have a negative size at the sizes that the inputs were given."""


def infer_sizes(
    path: Path, model: Any, inputs: Mapping[str, Sequence[int]]
) -> dict[str, tuple[int, ...]]:
    """Return the size of every tensor whose size follows from the inputs'.

    Parameters
    ----------
    path : Path
        The file, for messages.
    model : onnx.ModelProto
        A checked network without local functions, in topological order.
    inputs : mapping of str to sequence of int
        Sizes of inputs; those not named keep what the file declares.

    Returns
    -------
    dict
        By the tensor's name; empty where the file breaks a rule of ONNX (it may still run).

    Raises
    ------
    TooShortError
        If a tensor would have a negative size.
    ModelError
        If one has none that can be counted, or slices follow one another without end.
    """
    import onnx

    light = _without_weights(model, inputs)
    waves = _waves(light.graph.node)
    if len(waves) > _MOST_SLICES:
        raise ModelError(f"{path}: {len(waves)} slices of slices; not opened")
    for node in nodes_inside(light.graph.node):
        # Working out the sizes would compute all entries of a Range.
        if node.op_type in ("Range", "Slice") and node.domain in _STANDARD:
            node.domain = _HIDDEN
    found: dict[str, tuple[int, ...]] = {}
    for wave in [*waves, []]:
        try:
            inferred = onnx.shape_inference.infer_shapes(light, data_prop=True)
        except onnx.shape_inference.InferenceError:
            return {}
        except Exception as error:  # as C++ raises them, on numbers that no network has
            raise ModelError(f"{path}: its tensors have no sizes ({error})") from error
        found = _known(path, inferred.graph)
        for node in wave:
            node.domain = ""
    return found


def _without_weights(model: Any, inputs: Mapping[str, Sequence[int]]) -> Any:
    """Copy a model without the numbers of its weights, its inputs of the sizes given."""
    import onnx

    light = onnx.ModelProto(ir_version=model.ir_version)
    light.opset_import.extend(model.opset_import)
    light.opset_import.add(domain=_HIDDEN, version=1)
    graph = light.graph
    graph.name = "sizes"
    graph.node.extend(model.graph.node)
    graph.input.extend(model.graph.input)
    graph.sparse_initializer.extend(model.graph.sparse_initializer)
    declared = {value.name for value in graph.input}
    for tensor in model.graph.initializer:
        if tensor.ByteSize() <= _LARGEST_KEPT:
            graph.initializer.append(tensor)
        elif tensor.name not in declared:
            graph.input.append(
                onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            )
    for value in graph.input:
        if value.name in inputs:
            shape = value.type.tensor_type.shape
            del shape.dim[:]
            for size in inputs[value.name]:
                shape.dim.add().dim_value = size
    for value in model.graph.output:
        graph.output.add().CopyFrom(value)
        graph.output[-1].type.tensor_type.ClearField("shape")
    return light


def _waves(nodes: Sequence[Any]) -> list[list[Any]]:
    """Return the slices, those in sub-graphs included, grouped by how many come before them."""
    waves: list[list[Any]] = []
    behind: dict[str, int] = {}
    for node in nodes:
        depth = max((behind.get(name, 0) for name in names_read(node)), default=0)
        for inner in nodes_inside([node]):
            if inner.op_type == "Slice" and inner.domain in _STANDARD:
                if depth == len(waves):
                    waves.append([])
                waves[depth].append(inner)
                depth += 1
        behind.update(dict.fromkeys(node.output, depth))
    return waves


def _known(path: Path, graph: Any) -> dict[str, tuple[int, ...]]:
    known = {}
    for value in [*graph.value_info, *graph.output]:
        dims = value.type.tensor_type.shape.dim
        if any(dim.dim_value < 0 for dim in dims):
            raise TooShortError(
                f"{path}: tensor {value.name!r} would have a size of "
                f"{min(dim.dim_value for dim in dims)}; is the sequence too short for the network?"
            )
        sized = value.type.tensor_type.HasField("shape")
        if sized and all(dim.HasField("dim_value") for dim in dims):
            known[value.name] = tuple(dim.dim_value for dim in dims)
    return known
