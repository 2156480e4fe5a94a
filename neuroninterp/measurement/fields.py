"""The measurement of all layers: reach by substitution, effective fields by gradients."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from neuroninterp.measurement.gradients import effective_field, gradient_profiles
from neuroninterp.measurement.reach import extent, measure_reach
from neuroninterp.measurement.reasons import explain, live_field
from neuroninterp.measurement.records import LayerFields, MeasuredField
from neuroninterp.models import Model

__all__ = ["measure_fields"]


def measure_fields(
    model: Model, codes: np.ndarray | None = None, *, seed: int = 0
) -> tuple[LayerFields, ...]:
    """Measure the receptive field of every layer, and find its effective part.

    Parameters
    ----------
    model : Model
        The network. Substitutions go through its own runtime, derivatives through the graph.
    codes : numpy.ndarray or None, shape=(N, L)
        The user's sequences, 0 to 4 for A, C, G, T, N; uint8.
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
    own = {} if codes is None else gradient_profiles(model, codes, seed=seed)
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
