"""What a SavedModel may contain, told from its bytes before TensorFlow loads it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuroninterp.errors import ModelError

__all__ = ["Signature", "check_graph", "check_saved_model"]

_LARGEST_GRAPH = 2_000_000_000
_MOST_NODES = 100_000
_LARGEST_CONSTANT = 256 * 2**20
"""Bytes that constants may declare beyond what the file holds: a zero stands for many."""
_LARGEST_TENSOR = 2**29
_LARGEST_COMPUTED = 2**24
"""Most entries of a tensor, for one sequence, and of one computed from constants alone."""

_SERVING = ("serve",)
_RUN_ON_LOADING = "__saved_model_init_op"

_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_ARITHMETIC = """
    Abs Add AddN AddV2 All Any ArgMax ArgMin AvgPool AvgPool3D BatchMatMul BatchMatMulV2
    BatchMatMulV3 BatchToSpaceND BiasAdd BroadcastTo Cast Ceil ClipByValue Concat ConcatV2
    Const Conv1D Conv2D Conv2DBackpropInput Conv3D Cumsum DepthToSpace DepthwiseConv2dNative
    Div DivNoNan Einsum Elu EnsureShape Equal Erf Erfc Exp ExpandDims Expm1 Fill Floor
    FloorDiv FloorMod FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 Gather GatherNd
    GatherV2 Greater GreaterEqual Identity IdentityN If Inv L2Loss LRN LeakyRelu Less
    LessEqual Log Log1p LogSoftmax LogicalAnd LogicalNot LogicalOr MatMul Max MaxPool
    MaxPoolV2 Maximum Mean Merge Min Minimum MirrorPad Mod Mul MulNoNan Neg NoOp NotEqual
    OneHot OnesLike Pack Pad PadV2 Placeholder PlaceholderWithDefault Pow PreventGradient
    Prod Range Rank RealDiv Reciprocal Relu Relu6 Reshape Reverse ReverseSequence ReverseV2
    Round Rsqrt ScatterNd Select SelectV2 Selu Shape ShapeN Sigmoid Sign Size Slice
    Snapshot Softmax Softplus Softsign SpaceToBatchND SpaceToDepth Split SplitV Sqrt Square
    SquaredDifference Squeeze StatelessIf StatelessWhile StopGradient StridedSlice Sub Sum
    Switch Tan Tanh TensorListFromTensor TensorListGetItem TensorListLength
    TensorListReserve TensorListSetItem TensorListStack Tile TopKV2 Transpose Unpack
    Where While Xdivy Xlogy ZerosLike
"""
"""Operations that compute tensors from tensors, and nothing else."""
_VARIABLES = frozenset({"DisableCopyOnRead", "ReadVariableOp", "VarHandleOp"})
_ALLOWED = frozenset(_ARITHMETIC.split()) | _CALLS | _VARIABLES

_OBJECTS = frozenset(
    {"bare_concrete_function", "captured_tensor", "constant", "function", "user_object", "variable"}
)


@dataclass(frozen=True)
class Signature:
    """The function of a SavedModel that predicts.

    Parameters
    ----------
    name : str
        Its key among the signatures, usually "serving_default".
    tags : tuple of str
        The tags of the graph that it belongs to.
    """

    name: str
    tags: tuple[str, ...]


def check_saved_model(path: Path) -> Signature:
    """Check a SavedModel folder and find its serving function.

    Parameters
    ----------
    path : Path
        The folder.

    Returns
    -------
    Signature

    Raises
    ------
    ModelError
        If the folder is damaged or links elsewhere, holds no serving function, contains
        an operation that is no plain arithmetic, or declares more than it holds.
    """
    for file in path.rglob("*"):
        if file.is_symlink():
            raise ModelError(f"{path}: {file.name!r} is a link to another place; refused")
        if not (file.is_file() or file.is_dir()):
            raise ModelError(f"{path}: {file.name!r} is no regular file; refused")
    graph = _serving_graph(path, _parse(path))
    keys = [key for key in graph.signature_def if key != _RUN_ON_LOADING]
    keys = [key for key in keys if graph.signature_def[key].inputs]
    if not keys:
        raise ModelError(
            f"{path} has no serving function, so it cannot predict; save it again with model.export"
        )
    name = "serving_default" if "serving_default" in keys else keys[0]
    if "serving_default" not in keys and len(keys) > 1:
        raise ModelError(
            f"{path} has no signature 'serving_default'; found {', '.join(sorted(keys))}, and "
            "which one predicts is not known; save it again with one"
        )
    _check_objects(path, graph)
    _check_operations(path, graph, name)
    _check_variables(path, graph)
    return Signature(name, tuple(graph.meta_info_def.tags))


def check_graph(graph: Any, path: Path) -> None:
    """Check a frozen graph: plain arithmetic only, no tensor larger than it may be.

    Parameters
    ----------
    graph : tensorflow.GraphDef
        The graph, with the shapes of what its operations give (``add_shapes``).
    path : Path
        The SavedModel, for messages.

    Raises
    ------
    ModelError
        Naming the operation.
    """
    bodies = [list(function.node_def) for function in graph.library.function]
    _check_nodes(path, [*graph.node, *(node for body in bodies for node in body)])
    for nodes in (list(graph.node), *bodies):
        _check_sizes(path, nodes)


def _check_sizes(path: Path, nodes: list[Any]) -> None:
    """Refuse large tensors; of those computed from constants alone, already smaller ones.

    They are computed while the graph is converted, whatever their size.
    """
    constant: set[str] = set()
    for node in _in_order(nodes):
        read = {entry.lstrip("^").split(":")[0] for entry in node.input}
        computed = node.op != "Const" and bool(read) and read <= constant
        if node.op == "Const" or computed:
            constant.add(node.name)
        for shape in node.attr["_output_shapes"].list.shape:
            sizes = [dimension.size for dimension in shape.dim]
            entries = math.prod(max(size, 1) for size in sizes)
            unknown = computed and (shape.unknown_rank or min(sizes, default=0) < 0)
            if unknown or entries > (_LARGEST_COMPUTED if computed else _LARGEST_TENSOR):
                raise ModelError(
                    f"{path}: operation {node.op!r} at {node.name!r} gives a tensor of "
                    f"{'unknown size' if unknown else f'{entries:,} entries'}; refused"
                )


def _in_order(nodes: list[Any]) -> list[Any]:
    """Return nodes behind those they read; those in a circle last."""
    by_name = {node.name: node for node in nodes}
    ordered: dict[str, Any] = {}
    waiting = list(by_name)
    opened: set[str] = set()
    while waiting:
        name = waiting[-1]
        if name in ordered or name not in by_name:
            waiting.pop()
        elif name in opened:
            ordered[waiting.pop()] = by_name[name]
        else:
            opened.add(name)
            waiting += [entry.lstrip("^").split(":")[0] for entry in by_name[name].input]
    return list(ordered.values())


def _parse(path: Path) -> Any:
    from tensorflow.core.protobuf import saved_model_pb2

    file = path / "saved_model.pb"
    if file.stat().st_size > _LARGEST_GRAPH:
        raise ModelError(f"{path}: saved_model.pb has {file.stat().st_size:,} bytes; refused")
    model = saved_model_pb2.SavedModel()
    try:
        model.ParseFromString(file.read_bytes())
    except Exception as error:  # protobuf's DecodeError, which has no typed import
        raise ModelError(f"{path}: saved_model.pb cannot be read; is it truncated?") from error
    if not model.meta_graphs:
        raise ModelError(f"{path}: saved_model.pb holds no graph; is it damaged?")
    return model


def _serving_graph(path: Path, model: Any) -> Any:
    serving = [g for g in model.meta_graphs if set(_SERVING) <= set(g.meta_info_def.tags)]
    if len(serving) != 1:
        tags = [list(graph.meta_info_def.tags) for graph in model.meta_graphs]
        raise ModelError(f"{path}: expected one graph tagged 'serve', found tags {tags}")
    return serving[0]


def _check_objects(path: Path, graph: Any) -> None:
    """Refuse objects that TensorFlow would set up by running functions of the file."""
    if not graph.object_graph_def.nodes:
        raise ModelError(
            f"{path} is a SavedModel of TensorFlow 1, which is not read; convert it with "
            "python -m tf2onnx.convert --saved-model"
        )
    for node in graph.object_graph_def.nodes:
        kind = node.WhichOneof("kind")
        if kind not in _OBJECTS or node.registered_saver or node.saveable_objects:
            raise ModelError(
                f"{path} holds a {(kind or 'nameless object').replace('_', ' ')} (a table, a file "
                "or the like) besides variables and functions; refused"
            )


def _check_operations(path: Path, graph: Any, name: str) -> None:
    """Check every operation that loading or predicting can reach."""
    functions = {function.signature.name: function for function in graph.graph_def.library.function}
    nodes = {node.name: node for node in graph.graph_def.node}
    roots = [tensor.name for tensor in graph.signature_def[name].outputs.values()]
    if _RUN_ON_LOADING in graph.signature_def:
        roots += [t.name for t in graph.signature_def[_RUN_ON_LOADING].outputs.values()]
    for key in ("saved_model_main_op", "legacy_init_op", "saved_model_initializers"):
        if key in graph.collection_def:
            roots += list(graph.collection_def[key].node_list.value)
    reached = _ancestors(path, nodes, roots)
    # TensorFlow 2 does not run this graph but the function that the objects name.
    function = _signature_function(path, graph.object_graph_def, name)
    reached += _bodies(functions, [function, *_called(reached)])
    _check_nodes(path, reached)


def _signature_function(path: Path, objects: Any, name: str) -> str:
    """Return the function that stands for a signature among the objects, as it is loaded."""
    nodes = objects.nodes
    for place in ("signatures", name):
        found = [child.node_id for child in nodes[0].children if child.local_name == place]
        if len(found) != 1 or not 0 <= found[0] < len(objects.nodes):
            raise ModelError(f"{path}: its objects hold no signature {name!r}; is it damaged?")
        nodes = objects.nodes[found[0] :]
    return str(nodes[0].bare_concrete_function.concrete_function_name)


def _ancestors(path: Path, nodes: dict[str, Any], roots: Iterable[str]) -> list[Any]:
    found: dict[str, Any] = {}
    waiting = [root.split(":")[0] for root in roots]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        if name not in nodes:
            raise ModelError(f"{path}: saved_model.pb names {name!r}, which it does not hold")
        found[name] = nodes[name]
        waiting += [entry.lstrip("^").split(":")[0] for entry in nodes[name].input]
    return list(found.values())


def _bodies(functions: dict[str, Any], names: Iterable[str]) -> list[Any]:
    """Return the nodes of functions and of all that these call."""
    seen: set[str] = set()
    waiting = list(names)
    nodes: list[Any] = []
    while waiting:
        name = waiting.pop()
        if name in seen or name not in functions:
            continue
        seen.add(name)
        nodes += functions[name].node_def
        waiting += _called(functions[name].node_def)
    return nodes


def _called(nodes: Iterable[Any]) -> list[str]:
    return [name for node in nodes for name in _functions_of(node)]


def _functions_of(node: Any) -> Iterator[str]:
    for value in node.attr.values():
        if value.HasField("func"):
            yield value.func.name
        for function in value.list.func:
            yield function.name


def _check_nodes(path: Path, nodes: list[Any]) -> None:
    if len(nodes) > _MOST_NODES:
        raise ModelError(f"{path}: {len(nodes):,} operations, more than {_MOST_NODES:,}; refused")
    declared = stored = 0
    for node in nodes:
        if node.op not in _ALLOWED:
            raise ModelError(
                f"{path}: operation {node.op!r} at {node.name!r} is no plain arithmetic (it may "
                "reach files, Python or other state); refused; export the model to .onnx where "
                "it was made"
            )
        if node.op == "Const":
            tensor = node.attr["value"].tensor
            declared += 8 * _elements(tensor.tensor_shape)
            stored += tensor.ByteSize()
    if declared > _LARGEST_CONSTANT + 16 * stored:
        raise ModelError(
            f"{path}: constants of {declared:,} bytes are declared, {stored:,} held; refused"
        )


def _elements(shape: Any) -> int:
    return math.prod(max(dimension.size, 1) for dimension in shape.dim)


def _check_variables(path: Path, graph: Any) -> None:
    """Refuse variables that are larger than the checkpoint that fills them."""
    folder = path / "variables"
    data = sum(file.stat().st_size for file in folder.glob("variables.data-*"))
    declared = sum(
        _elements(node.variable.shape) * _item_size(node.variable.dtype)
        for node in graph.object_graph_def.nodes
        if node.WhichOneof("kind") == "variable"
    )
    if declared and not (folder / "variables.index").is_file():
        raise ModelError(f"{path} is incomplete: variables/variables.index is missing")
    # Counters of training are a few bytes that an exporter may leave out.
    if declared > data + 4096:
        raise ModelError(
            f"{path}: its variables take {declared:,} bytes, variables/ holds {data:,}; is it "
            "truncated?"
        )


def _item_size(dtype: int) -> int:
    import tensorflow as tf

    return int(tf.dtypes.as_dtype(dtype).size or 1)
