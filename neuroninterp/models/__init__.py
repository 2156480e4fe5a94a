"""Reading model files into the canonical graph, and predicting with the file's own runtime."""

from neuroninterp.models.layout import InputLayout, InputRequest
from neuroninterp.models.model import Model, load

__all__ = ["InputLayout", "InputRequest", "Model", "load"]
