"""Attribution: what every base of a sequence adds to a class or to a neuron."""

from neuroninterp.attribution.attribute import attribute
from neuroninterp.attribution.methods import METHODS
from neuroninterp.attribution.planted import share_on_sites
from neuroninterp.attribution.records import Attribution

__all__ = ["METHODS", "Attribution", "attribute", "share_on_sites"]
