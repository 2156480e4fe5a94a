"""Say what a trained DNA network has learned, and in which layer.

>>> import neuroninterp as ni
>>> model = ni.load("cnn-25.onnx")  # doctest: +SKIP
>>> result = ni.analyze(model, data="test.h5", output="report")  # doctest: +SKIP

Names are imported when they are first used, so that importing the package is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "AnalysisResult": "neuroninterp.results",
    "Attribution": "neuroninterp.attribution",
    "Layer": "neuroninterp.fields",
    "LayerResult": "neuroninterp.results",
    "Match": "neuroninterp.motifs",
    "Model": "neuroninterp.models",
    "Motif": "neuroninterp.motifs",
    "NeuronResult": "neuroninterp.results",
    "NeuroninterpError": "neuroninterp.errors",
    "Part": "neuroninterp.motifs",
    "Sequences": "neuroninterp.sequences",
    "analyze": "neuroninterp.analysis",
    "analyze_neuron": "neuroninterp.neuron_analysis",
    "attribute": "neuroninterp.attribution",
    "RunComparison": "neuroninterp.comparison",
    "compare": "neuroninterp.comparison",
    "decouple": "neuroninterp.motifs",
    "draw_view": "neuroninterp.sequence_view",
    "empirical": "neuroninterp.bottleneck",
    "load": "neuroninterp.models",
    "load_database": "neuroninterp.motifs",
    "logo": "neuroninterp.report.logo",
    "match": "neuroninterp.motifs",
    "mixture": "neuroninterp.motifs",
    "plot_fields": "neuroninterp.notebook",
    "plot_fractions": "neuroninterp.notebook",
    "plot_histogram": "neuroninterp.notebook",
    "plot_neuron": "neuroninterp.notebook",
    "plot_syntax": "neuroninterp.notebook",
    "read_meme": "neuroninterp.motifs",
    "read_results": "neuroninterp.results",
    "read_sequences": "neuroninterp.sequences",
    "sample": "neuroninterp.sampling",
    "sequence_views": "neuroninterp.sequence_view",
    "structural": "neuroninterp.bottleneck",
    "verdict": "neuroninterp.bottleneck",
    "windows_from_data": "neuroninterp.sampling",
    "write_meme": "neuroninterp.motifs",
    "write_results": "neuroninterp.results",
}

__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'neuroninterp' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
