"""Results in a notebook: as HTML where they are the value of a cell, and as figures."""

from neuroninterp.notebook.plot_layers import plot_fields, plot_fractions
from neuroninterp.notebook.plot_neuron import plot_histogram, plot_neuron
from neuroninterp.notebook.plot_syntax import plot_syntax

__all__ = ["plot_fields", "plot_fractions", "plot_histogram", "plot_neuron", "plot_syntax"]
