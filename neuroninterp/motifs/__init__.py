"""Motifs of neurons: PPMs, decoupling, matching against known motifs, MEME files."""

from neuroninterp.motifs.databases import MotifDatabase, load_database, relevant_indices
from neuroninterp.motifs.decoupling import decouple, mixture, random_split
from neuroninterp.motifs.dictionary import DictionaryMotif, Occurrence, build_dictionary
from neuroninterp.motifs.information import clip, consensus, cores, information_content
from neuroninterp.motifs.matching import match
from neuroninterp.motifs.meme import read_meme, write_meme
from neuroninterp.motifs.records import KnownMotif, Match, Motif, Part
from neuroninterp.motifs.syntax import Spacing, Syntax, find_syntax

__all__ = [
    "DictionaryMotif",
    "KnownMotif",
    "Match",
    "Motif",
    "MotifDatabase",
    "Occurrence",
    "Part",
    "Spacing",
    "Syntax",
    "build_dictionary",
    "clip",
    "consensus",
    "cores",
    "decouple",
    "find_syntax",
    "information_content",
    "load_database",
    "match",
    "mixture",
    "random_split",
    "read_meme",
    "relevant_indices",
    "write_meme",
]
