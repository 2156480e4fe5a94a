"""What is explained: one number a sequence, of an output class or of a neuron.

A class is explained on the scale of its *logit* where the model ends in a sigmoid or a
softmax that the graph knows, because the outputs of both are flat where the model is sure
(Shrikumar et al. 2017, section 3.6). Behind a sigmoid the logit is what the sigmoid reads;
behind a softmax, which does not see what is added to all classes alike, it is that minus its
mean over the classes, which equals log p minus the mean of log p. A neuron is explained by
its value z at one position: the one where it is largest in the sequence as given, which then
stays the same whatever is changed in the sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from neuroninterp.errors import DataError, UnknownNameError, UnsupportedOperationError
from neuroninterp.graph import Activation, Flatten, Graph, Node, Opaque
from neuroninterp.models import Model
from neuroninterp.text import first_few, printable

__all__ = ["SCALES", "Target", "class_target", "neuron_target"]

SCALES = ("logit", "output")
"""On what scale a class can be explained."""

_FINAL = ("sigmoid", "softmax")


@dataclass(frozen=True, eq=False)
class Target:
    """One number a sequence.

    Parameters
    ----------
    description : str
        What it is, in words.
    graph : Graph
        The canonical graph, without the model's last activation where the logit is meant.
    node : str
        The node of ``graph`` that holds the number.
    channel : int
        Its channel there, from 0.
    final : str or None
        The activation between the number and the model's output: "sigmoid", "softmax", or
        None where it is the output (or a neuron's value) itself.
    layer : int or None
        Number of the neuron's layer; None for a class.
    position : int or None
        Output position asked for, from 0; None takes a neuron's largest value.
    obstacle : str or None
        Why the graph cannot compute the number: names operation and node. None where it can.
    """

    description: str
    graph: Graph
    node: str
    channel: int
    final: str | None = None
    layer: int | None = None
    position: int | None = None
    obstacle: str | None = None

    def not_on_graph(self, method: str) -> UnsupportedOperationError:
        """Return the error that says why a method that follows the graph cannot be used."""
        return UnsupportedOperationError(
            f"{self.obstacle}, so that {method} cannot follow the network; --method ism "
            "(method='ism') explains any model"
        )


def neuron_target(model: Model, layer: int, neuron: int, position: int | None = None) -> Target:
    """Return one neuron of a layer as what is explained.

    Parameters
    ----------
    model : Model
        The network.
    layer : int
        Layer number, from 1.
    neuron : int
        Channel, from 0.
    position : int or None
        Output position of the layer (from 0); None for the neuron's largest value in each
        sequence.

    Raises
    ------
    UnknownNameError, UnsupportedOperationError
        If there is no such layer or neuron, or the layer cannot be analysed.
    """
    found = model.layer(layer)
    if not 0 <= neuron < found.filters:
        raise UnknownNameError("neuron", str(neuron), [f"0 to {found.filters - 1}"])
    where = "at its largest value" if position is None else f"at position {position}"
    return Target(
        description=f"layer {layer} ({printable(found.name)}), neuron {neuron}, {where}",
        graph=model.graph,
        node=model.layer_nodes(layer).value,
        channel=neuron,
        layer=layer,
        position=position,
    )


def class_target(
    model: Model,
    target: int | str | None,
    output_shape: tuple[int, ...],
    *,
    class_names: Sequence[str] | None = None,
    position: int | None = None,
    scale: str | None = None,
) -> Target:
    """Return one class of the model's output as what is explained.

    Parameters
    ----------
    model : Model
        The network.
    target : int, str or None
        Number of the class, from 0, or its name; None where there is only one.
    output_shape : tuple of int
        Shape of the model's output for one sequence: (classes,) or (positions, classes).
    class_names : sequence of str or None
        Names of the classes.
    position : int or None
        Output position, of models that predict along the sequence.
    scale : str or None
        "logit" or "output"; None takes the logit where the model's last operation is a
        sigmoid or a softmax that the graph knows.

    Raises
    ------
    UnknownNameError
        If there is no such class or scale.
    DataError
        If a class or a position must be named, or cannot be.
    """
    if scale is not None and scale not in SCALES:
        raise UnknownNameError("scale", scale, SCALES)
    channel = _class_number(target, output_shape[-1], class_names)
    _check_position(position, output_shape)
    bare, final = model.graph, None
    if model.graph.outputs:
        bare, final = _without_final_activation(model.graph, output_shape)
    if scale == "logit" and final is None:
        raise DataError(
            "the model's last operation is no sigmoid or softmax over its classes, so that it "
            "has no logit; use --scale output (scale='output')"
        )
    final = None if scale == "output" else final
    graph = model.graph if final is None else bare
    name = f" ({printable(class_names[channel])})" if class_names else ""
    where = "" if position is None else f" at position {position}"
    return Target(
        description=f"class {channel}{name}{where}, {'output' if final is None else 'logit'}",
        graph=graph,
        node=next(iter(graph.outputs), ""),
        channel=channel,
        final=final,
        position=position,
        obstacle=_obstacle(graph),
    )


def _class_number(target: int | str | None, classes: int, names: Sequence[str] | None) -> int:
    if target is None:
        if classes == 1:
            return 0
        listed = f" ({first_few([printable(name) for name in names])})" if names else ""
        raise DataError(
            f"the model predicts {classes} classes{listed}: name one with --target (target=), or "
            "a neuron with --layer and --neuron"
        )
    if names is not None and str(target) in names:
        return list(names).index(str(target))
    try:
        number = int(target)
    except ValueError:
        number = -1
    if not 0 <= number < classes:
        valid = [f"0 to {classes - 1}", *map(printable, names or ())]
        raise UnknownNameError("class", str(target), valid)
    return number


def _check_position(position: int | None, output_shape: tuple[int, ...]) -> None:
    if len(output_shape) == 1:
        if position is not None:
            raise DataError("the model's output has no positions; leave --position (position=) out")
        return
    positions = output_shape[0]
    if position is None:
        raise DataError(
            f"the model predicts at {positions} positions along the sequence; say which one to "
            f"explain with --position 0 to {positions - 1} (position=)"
        )
    if not 0 <= position < positions:
        raise UnknownNameError("output position", str(position), [f"0 to {positions - 1}"])


def _without_final_activation(
    graph: Graph, output_shape: tuple[int, ...]
) -> tuple[Graph, str | None]:
    """Return the graph of what the last sigmoid or softmax reads, and which one it is."""
    tail: list[Node] = []
    node = graph[graph.outputs[0]]
    while isinstance(node, Flatten):
        tail.append(node)
        node = graph[node.inputs[0]]
    if not isinstance(node, Activation) or node.function not in _FINAL:
        return graph, None
    if node.function == "softmax" and tail and node.length != 1:
        # What is flattened holds several softmaxes side by side.
        return graph, None
    final = node.function
    (source,) = node.inputs
    nodes = graph.ancestors(source)
    for other in reversed(tail):
        # Under a name of its own: the model's own tensor of that name comes after the activation.
        bare = replace(other, name=f"{other.name}:logit", inputs=(source,))
        nodes, source = [*nodes, bare], bare.name
    return Graph(tuple(nodes), (source,)), final


def _obstacle(graph: Graph) -> str | None:
    """Say what the graph does not understand on the way to its first output."""
    if not graph.outputs:
        return "the model's output is not understood"
    for ancestor in graph.ancestors(graph.outputs[0]):
        if isinstance(ancestor, Opaque):
            return f"operation {ancestor.operation!r} at node {ancestor.source!r} is not understood"
    return None
