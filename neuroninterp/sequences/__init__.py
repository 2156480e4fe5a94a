"""DNA sequences: one-hot coding, reading of data files, planted sites, backgrounds, shuffles."""

from neuroninterp.sequences.background import background, shuffle_dinucleotides
from neuroninterp.sequences.coding import (
    codes_from_one_hot,
    decode,
    encode,
    one_hot,
    reverse_complement,
)
from neuroninterp.sequences.dataset import SequenceData, Sequences, block_size
from neuroninterp.sequences.packing import PackedCodes, pack, unpack
from neuroninterp.sequences.reading import read_or_store, read_sequences, store_sequences
from neuroninterp.sequences.sites import PlantedSites, read_sites
from neuroninterp.sequences.stored_sequences import StoredSequences, open_stored

__all__ = [
    "PackedCodes",
    "PlantedSites",
    "SequenceData",
    "Sequences",
    "StoredSequences",
    "background",
    "block_size",
    "codes_from_one_hot",
    "decode",
    "encode",
    "one_hot",
    "open_stored",
    "pack",
    "read_or_store",
    "read_sequences",
    "read_sites",
    "reverse_complement",
    "shuffle_dinucleotides",
    "store_sequences",
    "unpack",
]
