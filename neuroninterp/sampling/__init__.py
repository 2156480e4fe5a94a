"""Activation samples: drawn from the model itself, or taken from the user's sequences."""

from neuroninterp.sampling.block_scan import (
    NeuronInData,
    neurons_from_scan,
    scan_largest,
    scan_levels,
)
from neuroninterp.sampling.cost import neurons_at_once, sampling_seconds
from neuroninterp.sampling.draw import activity_thresholds, check_neurons, sample
from neuroninterp.sampling.effort import check_effort
from neuroninterp.sampling.largest import LARGEST, LargestPart, LargestWindows, merge_largest
from neuroninterp.sampling.layer_scan import layer_scan
from neuroninterp.sampling.reservoirs import LevelsPart, merge_levels
from neuroninterp.sampling.sample import (
    LEVELS,
    ActivationSample,
    level_edges,
    level_of,
    level_weights,
    weighted_ppm,
)
from neuroninterp.sampling.windows import neurons_in_data, windows_from_data

__all__ = [
    "LARGEST",
    "LEVELS",
    "ActivationSample",
    "LargestPart",
    "LargestWindows",
    "LevelsPart",
    "NeuronInData",
    "activity_thresholds",
    "check_effort",
    "check_neurons",
    "layer_scan",
    "level_edges",
    "level_of",
    "level_weights",
    "merge_largest",
    "merge_levels",
    "neurons_at_once",
    "neurons_from_scan",
    "neurons_in_data",
    "sample",
    "sampling_seconds",
    "scan_largest",
    "scan_levels",
    "weighted_ppm",
    "windows_from_data",
]
