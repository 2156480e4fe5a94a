"""Attribution: what every base of a sequence adds to a class or to a neuron."""

from neuroninterp.attribution.attribute import attribute
from neuroninterp.attribution.methods import METHODS
from neuroninterp.attribution.records import Attribution

__all__ = ["METHODS", "Attribution", "attribute"]
