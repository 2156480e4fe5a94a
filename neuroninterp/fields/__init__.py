"""How far each layer sees: receptive fields, and the trunk that computes a neuron on one."""

from neuroninterp.fields.layers import Layer, PoolSummary
from neuroninterp.fields.receptive_field import (
    Survey,
    hidden_shifts,
    layer_table,
    required_intervals,
    survey,
)
from neuroninterp.fields.summands import Summands
from neuroninterp.fields.trunk import Trunk

__all__ = [
    "Layer",
    "PoolSummary",
    "Summands",
    "Survey",
    "Trunk",
    "hidden_shifts",
    "layer_table",
    "required_intervals",
    "survey",
]
