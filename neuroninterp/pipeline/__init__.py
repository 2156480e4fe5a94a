"""The pipeline: what a run is asked, what its work units are, and the folder it works in."""

from neuroninterp.pipeline.folder import RunFolder, run_folder
from neuroninterp.pipeline.layer_plan import Digests, LayerOptions, LayerOutcome, LayerPlan
from neuroninterp.pipeline.request import Request
from neuroninterp.pipeline.run import Run
from neuroninterp.pipeline.workers import Workers

__all__ = [
    "Digests",
    "LayerOptions",
    "LayerOutcome",
    "LayerPlan",
    "Request",
    "Run",
    "RunFolder",
    "Workers",
    "run_folder",
]
