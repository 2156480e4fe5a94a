"""Match fractions of a trained network's filters, counted as the paper counts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from neuroninterp.backend import import_keras
from neuroninterp.motifs import MotifDatabase
from neuroninterp.motifs.matching import clipped_match
from zoo.simulations.koo_eddy import RELEVANT_MOTIFS, relevant_motifs
from zoo.tables.alignment import ALIGNMENTS, align_filters, alignable_layers
from zoo.tables.cache import cached, file_sha256
from zoo.trials import Trial

if TYPE_CHECKING:
    import keras

__all__ = ["match_filters", "measure_filters", "planted_names"]

SCHEMA = "zoo-filters/1"


def measure_filters(
    trial: Trial, codes: np.ndarray, database: MotifDatabase, *, alignment: str = "released"
) -> dict[str, Any]:
    """Count the filters of a trained network that match known motifs.

    Parameters
    ----------
    trial : Trial
        A finished trial; the answer is kept beside its network as ``NAME.filters.json``.
    codes : numpy.ndarray, shape=(N, L)
        Test sequences, 0 to 4 for A, C, G, T, N; uint8.
    database : MotifDatabase
        Known motifs.
    alignment : str
        "released" or "text", see :data:`zoo.tables.alignment.ALIGNMENTS`.

    Returns
    -------
    dict
        ``layers``: of each layer that can be aligned ``number``, ``filters``, and the shares
        ``match`` and ``relevant``, in [0, 1]; and what they rest on.
    """
    settings = {
        "schema": SCHEMA,
        "network_sha256": file_sha256(trial.network),
        "alignment": {"name": alignment, **asdict(ALIGNMENTS[alignment])},
        "motifs": database.name,
        "targets": len(database),
        "sequences": len(codes),
    }

    def measure() -> dict[str, Any]:
        model = import_keras().models.load_model(trial.network, compile=False)
        relevant = set(relevant_motifs(database.ids))
        layers = []
        for number in alignable_layers(model):
            ppms, hits = match_filters(model, codes, number, database, alignment=alignment)
            layers.append(
                {
                    "number": number,
                    "filters": len(ppms),
                    "match": _share([bool(found) for found in hits]),
                    "relevant": _share([bool(relevant.intersection(found)) for found in hits]),
                }
            )
        return {"layers": layers}

    path = trial.folder / f"{trial.name}.filters.json"
    return cached(path, settings, measure)


def match_filters(
    model: keras.Model,
    codes: np.ndarray,
    layer: int,
    database: MotifDatabase,
    *,
    alignment: str = "released",
) -> tuple[np.ndarray, list[tuple[str, ...]]]:
    """Turn the filters of a layer into PPMs and match them as the paper does.

    Parameters
    ----------
    model : keras.Model
        A network of Koo & Eddy.
    codes, database, alignment
        As in :func:`measure_filters`.
    layer : int
        Layer number; see :func:`zoo.tables.alignment.alignable_layers`.

    Returns
    -------
    ppms : numpy.ndarray, shape=(filters, width, 4)
        Probabilities.
    hits : list of tuple of str
        Ids of the known motifs that each filter hits, best first.
    """
    ppms = align_filters(model, codes, layer, ALIGNMENTS[alignment])
    return ppms, clipped_match(list(ppms), database, n_jobs=-1)


def planted_names(hits: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return the planted factor that each filter matches best, "" where it matches none.

    Parameters
    ----------
    hits : sequence of sequence of str
        Ids of the known motifs that each filter hits, best first.
    """
    factors = {motif: factor for factor, ids in RELEVANT_MOTIFS.items() for motif in ids}
    return tuple(next((factors[i] for i in found if i in factors), "") for found in hits)


def _share(flags: Sequence[bool]) -> float:
    return round(float(np.mean(flags)), 6)
