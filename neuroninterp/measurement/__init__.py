"""Receptive fields measured: what changes a neuron in the model's own runtime, and how much."""

from neuroninterp.measurement.fields import measure_fields
from neuroninterp.measurement.records import (
    EffectiveField,
    LayerFields,
    MeasuredField,
    shortened,
)

__all__ = ["EffectiveField", "LayerFields", "MeasuredField", "measure_fields", "shortened"]
