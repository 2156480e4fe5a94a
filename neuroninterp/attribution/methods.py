"""The methods by name, and what each makes of a task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neuroninterp.attribution.deeplift import deeplift_function
from neuroninterp.attribution.differences import explain_differences
from neuroninterp.attribution.explained import Explained
from neuroninterp.attribution.gradients import integrated_function, saliency
from neuroninterp.attribution.mutagenesis import mutagenesis
from neuroninterp.attribution.references import References
from neuroninterp.attribution.target import Target
from neuroninterp.models import Model

__all__ = ["METHODS", "Found", "Task"]

_Advance = Callable[[int], None]


@dataclass(frozen=True, eq=False)
class Task:
    """What a method works on.

    Parameters
    ----------
    model : Model
        The network.
    target : Target
        What is explained.
    explained : Explained or None
        How the graph computes it; None where the graph does not reach it.
    codes : numpy.ndarray, shape=(N, L)
        Sequences, uint8.
    positions : numpy.ndarray or None, shape=(N,)
        Output position of each sequence, where the explained tensor has positions.
    reference : str
        Kind of reference.
    references : int
        References a sequence.
    steps : int
        Steps of integrated gradients.
    seed : int
        Of the references.
    batch_size : int
        Sequences at once in the model's own runtime.
    """

    model: Model
    target: Target
    explained: Explained | None
    codes: np.ndarray
    positions: np.ndarray | None
    reference: str
    references: int
    steps: int
    seed: int
    batch_size: int

    def on_graph(self, method: str) -> Explained:
        """Return how the graph computes the number, or refuse.

        Raises
        ------
        UnsupportedOperationError
            If an operation in the way is not understood.
        """
        if self.explained is None:
            raise self.target.not_on_graph(method)
        return self.explained

    def make_references(self) -> References:
        """Return what the sequences are compared with."""
        table = self.model.layout.table
        return References(self.reference, self.references, self.seed, self.codes, table)


@dataclass(frozen=True, eq=False)
class Found:
    """What a method finds; see :class:`neuroninterp.attribution.Attribution`."""

    hypothetical: np.ndarray
    value: np.ndarray
    gap: np.ndarray | None = None
    reference_value: np.ndarray | None = None
    notes: tuple[str, ...] = ()


def _ism(task: Task, advance: _Advance) -> Found:
    hypothetical, value, notes = mutagenesis(
        task.model,
        task.target,
        task.explained,
        task.codes,
        task.positions,
        batch_size=task.batch_size,
        advance=advance,
    )
    return Found(hypothetical, value, notes=tuple(notes))


def _saliency(task: Task, advance: _Advance) -> Found:
    explained = task.on_graph("saliency")
    value, hypothetical = saliency(explained, task.codes, task.positions, advance)
    return Found(hypothetical, value)


def _deeplift(task: Task, advance: _Advance) -> Found:
    explained, references = task.on_graph("deeplift"), task.make_references()
    return _differences(task, references, deeplift_function(explained, references.count), advance)


def _integrated(task: Task, advance: _Advance) -> Found:
    explained, references = task.on_graph("integrated-gradients"), task.make_references()
    function = integrated_function(explained, references.count, task.steps)
    return _differences(task, references, function, advance)


def _differences(
    task: Task, references: References, function: Callable[..., tuple], advance: _Advance
) -> Found:
    explained = task.on_graph("")
    found = explain_differences(
        explained, task.codes, task.positions, references, function, advance
    )
    return Found(found.hypothetical, found.value, found.gap, found.reference_value)


METHODS: dict[str, Callable[[Task, _Advance], Found]] = {
    "deeplift": _deeplift,
    "integrated-gradients": _integrated,
    "ism": _ism,
    "saliency": _saliency,
}
"""The methods by the names that users give them."""
