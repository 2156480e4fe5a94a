"""Two runs side by side: which motifs both networks learned, which only one, in which layers.

Two models, two seeds of one model, or two settings. Motifs are compared in two ways:

- *known* ones by name: a known motif that any part of any neuron matches (E <= 0.1). Families
  count with all their members, so that a network is not taken to lack MAX where MYC fits better.
- those *without a match* by likeness: entries of the layers' motif dictionaries, aligned by
  Tomtom on both strands, with the demands that make one dictionary entry of two motifs
  (:mod:`neuroninterp.motifs.alignment`).
"""

from neuroninterp.comparison.rows import FOUND_IN
from neuroninterp.comparison.runs import RunComparison, compare

__all__ = ["FOUND_IN", "RunComparison", "compare"]
