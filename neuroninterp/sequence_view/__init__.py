"""One sequence as the network and its attribution see it: neurons, motifs, sites in register."""

from neuroninterp.sequence_view.activity import Activity, layer_activity
from neuroninterp.sequence_view.figure import draw_view, strongest_region
from neuroninterp.sequence_view.firing import Firing, find_firings
from neuroninterp.sequence_view.sites import Site, known_sites
from neuroninterp.sequence_view.view import SequenceView, layer_of_view, sequence_views

__all__ = [
    "Activity",
    "Firing",
    "SequenceView",
    "Site",
    "draw_view",
    "find_firings",
    "known_sites",
    "layer_activity",
    "layer_of_view",
    "sequence_views",
    "strongest_region",
]
