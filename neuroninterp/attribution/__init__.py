"""Attribution: what every base of a sequence adds to a class or to a neuron."""

from neuroninterp.attribution.attribute import METHODS, attribute
from neuroninterp.attribution.records import Attribution

__all__ = ["METHODS", "Attribution", "attribute"]
