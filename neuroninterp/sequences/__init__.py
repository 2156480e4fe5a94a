"""DNA sequences: one-hot coding, reading of data files, planted sites, backgrounds, shuffles."""

from neuroninterp.sequences.background import background, shuffle_dinucleotides
from neuroninterp.sequences.coding import (
    codes_from_one_hot,
    decode,
    encode,
    one_hot,
    reverse_complement,
)
from neuroninterp.sequences.dataset import Sequences
from neuroninterp.sequences.reading import read_sequences
from neuroninterp.sequences.sites import PlantedSites, read_sites

__all__ = [
    "PlantedSites",
    "Sequences",
    "background",
    "codes_from_one_hot",
    "decode",
    "encode",
    "one_hot",
    "read_sequences",
    "read_sites",
    "reverse_complement",
    "shuffle_dinucleotides",
]
