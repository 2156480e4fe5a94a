"""The layout of ``results.h5``: its paths, and the columns of its tables.

Channels last, ACGT::

    /                                      schema, model card, settings, verdict (attributes)
    /performance/{column}                  one value a class
    /fields/{number}                       geometry; computed, measured and effective field
    /blocked/{number}                      a convolution without a field, and the reason
    /targets/{i}/ppm                       a known motif that some match names
    /layers/{number}                       geometry (attributes)
    /layers/{number}/fractions             shares of its neurons (attributes)
    /layers/{number}/neurons/{k}/mixture/ppm
    /layers/{number}/neurons/{k}/parts/{i}/ppm
    /layers/{number}/neurons/{k}/from_data/ppm
    /layers/{number}/neurons/{k}/from_data/parts/{i}/ppm
    /layers/{number}/dictionary/{i}/ppm    one dictionary motif
    /layers/{number}/from_data/dictionary/{i}/ppm    the same for the user's sequences
    /layers/{number}/tables/{name}         what is known about all of these, see below

Every PPM is a dataset, and what other programs ask for first stands in its attributes. These are
what such a file costs: an attribute takes HDF5 as long as a row of a hundred numbers, to write
and to read. So all that is known about a layer's PPMs and neurons stands in a handful of packed
tables, too, and there alone where it is no attribute; :mod:`~neuroninterp.results.read_layers`
reads nothing else besides the matrices.

In tables a whole number that is not known is -2^63, and a list is a text of JSON.
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "DICTIONARY_MATCH_COLUMNS",
    "DRAWN_ATTRIBUTES",
    "LEVEL_COLUMNS",
    "MATCH_COLUMNS",
    "MOTIF_ATTRIBUTES",
    "NEURON_COLUMNS",
    "OCCURRENCE_COLUMNS",
    "PART_ATTRIBUTES",
    "PPM_COLUMNS",
    "SYNTAX_COLUMNS",
    "SYNTAX_LISTS",
    "TOP_SEQUENCE_COLUMNS",
    "ppm_path",
]

MOTIF_ATTRIBUTES = (
    *("maximum", "threshold", "n_sequences", "consensus"),
    *("consensus_value", "consensus_ratio", "log2_rarity"),
)
"""Of the PPM of a mixture, and of one from the user's sequences."""

DRAWN_ATTRIBUTES: dict[str, type] = {"effective_size": float, "ppm_error": float, "converged": bool}
"""How well a neuron was sampled: beside its mixture in the file, on the neuron in Python."""

PART_ATTRIBUTES = ("maximum", "consensus_value", "consensus_ratio", "share", "shift")

NEURON_COLUMNS: dict[str, type] = {
    "neuron": np.int64,
    "dead": np.bool_,
    "effective_size": np.float64,
    "ppm_error": np.float64,
    "converged": np.bool_,
    "data_windows": np.int64,
}
"""``neurons``: one record a neuron; ``data_windows`` is of its profile, not known without."""

PPM_COLUMNS: dict[str, type] = {
    "neuron": np.int64,
    "source": str,
    "part": np.int64,
    "maximum": np.float64,
    "threshold": np.float64,
    "n_sequences": np.int64,
    "consensus": str,
    "consensus_value": np.float64,
    "consensus_ratio": np.float64,
    "log2_rarity": np.float64,
    "share": np.float64,
    "shift": np.int64,
}
"""``ppms``: one record a PPM; ``source`` is "model" or "data", ``part`` not known of a mixture."""

MATCH_COLUMNS: dict[str, type] = {
    "query": str,
    "target_id": str,
    "target_name": str,
    "p_value": np.float64,
    "e_value": np.float64,
    "strand": str,
    "start": np.int64,
    "end": np.int64,
    "overlap": np.int64,
    "covered": np.float64,
    "whole": np.bool_,
    "relevant": np.bool_,
    "target_start": np.int64,
}
"""``matches``, after ``neuron`` and ``mixture`` (whether it is a hit of the mixture)."""

DICTIONARY_MATCH_COLUMNS: dict[str, type] = {"source": str, "number": np.int64, **MATCH_COLUMNS}
"""``dictionary_matches``: at most one record a dictionary motif."""

OCCURRENCE_COLUMNS: dict[str, type] = {
    "neuron": np.int64,
    "part": np.int64,
    "start": np.int64,
    "strand": str,
    "share": np.float64,
}
"""``occurrences``, after ``source`` and ``number`` of the dictionary motif."""

TOP_SEQUENCE_COLUMNS: dict[str, type] = {
    "value": np.float64,
    "window": str,
    "sequence": np.int64,
    "name": str,
    "start": np.int64,
    "location": str,
    "labels": str,
}
"""``top_sequences``, after ``neuron``."""

LEVEL_COLUMNS: dict[str, type] = {
    "lower": np.float64,
    "upper": np.float64,
    "log2_level": np.float64,
    "data_count": np.int64,
}
"""``profiles``, after ``neuron``: one record an activation level."""

SYNTAX_LISTS = (
    *("motifs", "strands", "starts", "spacing_minimum", "spacing_maximum"),
    *("spacing_mode", "spacing_in_parts"),
)

SYNTAX_COLUMNS: dict[str, type] = {
    "neuron": np.int64,
    "source": str,
    "text": str,
    "kind": str,
    "share": np.float64,
    **dict.fromkeys(SYNTAX_LISTS, str),
    "value_inside": np.float64,
    "value_outside": np.float64,
}
"""``syntax``: one record an arrangement; lists have one entry a motif, or a neighbouring pair."""


def ppm_path(neuron: int, source: str, part: int | None) -> str:
    """Return where a PPM lies in its layer's group.

    Parameters
    ----------
    neuron : int
        Channel, from 0.
    source : str
        "model" or "data".
    part : int or None
        None for the mixture.
    """
    place = f"neurons/{neuron}" if source == "model" else f"neurons/{neuron}/from_data"
    if part is not None:
        return f"{place}/parts/{part}/ppm"
    return f"{place}/mixture/ppm" if source == "model" else f"{place}/ppm"
