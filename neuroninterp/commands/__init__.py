"""The commands, one file each: they parse, call and print. Heavy imports happen inside them."""

from neuroninterp.commands.analyze import analyze
from neuroninterp.commands.attribute import attribute
from neuroninterp.commands.compare import compare
from neuroninterp.commands.completion import completion
from neuroninterp.commands.figure import figure
from neuroninterp.commands.inspect import inspect
from neuroninterp.commands.match import match
from neuroninterp.commands.neuron import neuron
from neuroninterp.commands.report import report

__all__ = [
    "analyze",
    "attribute",
    "compare",
    "completion",
    "figure",
    "inspect",
    "match",
    "neuron",
    "report",
]
