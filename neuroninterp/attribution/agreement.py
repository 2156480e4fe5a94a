"""Whether the graph computes the model's output, which loading compares only up to its layers."""

from __future__ import annotations

import numpy as np

from neuroninterp.attribution.explained import Explained
from neuroninterp.attribution.own_runtime import model_outputs
from neuroninterp.attribution.target import Target
from neuroninterp.errors import FidelityError
from neuroninterp.models import Model

__all__ = ["check_output"]

_TOLERANCE = 1e-4
"""Largest accepted difference between graph and runtime, relative to the largest output, or
to 1 where that is larger."""


def check_output(
    model: Model, target: Target, codes: np.ndarray, positions: np.ndarray | None
) -> None:
    """Compare the graph's output with the model's own on some sequences.

    Parameters
    ----------
    model : Model
        The network.
    target : Target
        What is explained; a neuron was compared when the model was loaded.
    codes : numpy.ndarray, shape=(N, L)
        Sequences, uint8.
    positions : numpy.ndarray or None, shape=(N,)
        Output position of each, where the explained tensor has positions.

    Raises
    ------
    FidelityError
        If they differ.
    """
    if target.layer is not None:
        return
    theirs = model_outputs(model, codes)
    if positions is not None and theirs.ndim == 3:
        theirs = theirs[np.arange(len(theirs)), positions]
    prediction = theirs.reshape(len(theirs), -1)[:, target.channel]
    graph = model.graph
    output = Target(
        target.description, graph, graph.outputs[0], target.channel, position=target.position
    )
    mine = Explained(model, output, codes.shape[1]).values(codes, positions)
    off = float(np.abs(mine - prediction).max())
    # Written so that NaN fails too.
    if not off <= _TOLERANCE * max(1.0, float(np.abs(prediction).max())):
        raise FidelityError(
            f"{target.description}: the graph is off by {off:.2g} from the model's own runtime; "
            "--method ism (method='ism') does not need it; please report this model"
        )
