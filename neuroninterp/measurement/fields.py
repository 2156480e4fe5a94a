"""The measurement of all layers: reach by substitution, effective fields by gradients."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from neuroninterp.measurement.gradients import effective_field, gradient_profiles
from neuroninterp.measurement.reach import extent, measure_reach
from neuroninterp.measurement.reasons import explain, live_field
from neuroninterp.measurement.records import LayerFields, MeasuredField
from neuroninterp.models import Model
from neuroninterp.sequences import SequenceData, Sequences
from neuroninterp.sequences.dataset import HELD

__all__ = ["measure_fields"]

_CHOSEN = 4096
"""Most sequences of large data among which those are that derivatives are taken on."""


def measure_fields(
    model: Model, codes: np.ndarray | SequenceData | None = None, *, seed: int = 0
) -> tuple[LayerFields, ...]:
    """Measure the receptive field of every layer, and find its effective part.

    Parameters
    ----------
    model : Model
        The network. Substitutions go through its own runtime, derivatives through the graph.
    codes : numpy.ndarray of shape (N, L), SequenceData or None
        The user's sequences, 0 to 4 for A, C, G, T, N; uint8. Of large data some are looked at.
    seed : int
        Seed of the random sequences.

    Returns
    -------
    tuple of LayerFields
        One a layer, in the model's order.

    Raises
    ------
    FidelityError
        If a substitution outside a layer's computed field changes its value.
    """
    # Substitutions in the runtime and derivatives in the graph share nothing, and neither
    # keeps two cores busy by itself.
    with ThreadPoolExecutor(1) as beside:
        derivatives = beside.submit(gradient_profiles, model, seed=seed)
        reaches = measure_reach(model, seed=seed)
        random = derivatives.result()
    own = {} if codes is None else gradient_profiles(model, _some(codes, seed), seed=seed)
    found = []
    for reach in reaches:
        number = reach.layer.number
        live, names = live_field(model.graph, model.layer_nodes(number).value)
        profile = random.get(number)
        reason = explain(reach, live, names, profile, model.reference_length)
        found.append(
            LayerFields(
                layer=reach.layer,
                measured=MeasuredField(*extent(reach.seen), reason),
                effective=None if profile is None else effective_field(profile),
                effective_data=effective_field(own[number]) if number in own else None,
            )
        )
    return tuple(found)


def _some(codes: np.ndarray | SequenceData, seed: int) -> np.ndarray:
    """Return the codes of all sequences, or of a fair choice where memory should not hold them."""
    data = Sequences(codes, None, None, None, "") if isinstance(codes, np.ndarray) else codes
    if isinstance(data, Sequences) and data.codes.size <= HELD:
        return data.codes
    number = min(_CHOSEN, len(data), max(1, HELD // data.length))
    chosen = np.random.default_rng([seed, 2]).choice(len(data), number, replace=False)
    return data.some(np.sort(chosen).tolist()).codes
