"""Attribution: how much every base of a sequence adds to a class or a neuron."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuroninterp.attribution.agreement import check_output
from neuroninterp.attribution.explained import Explained
from neuroninterp.attribution.methods import METHODS, Found, Task
from neuroninterp.attribution.own_runtime import model_outputs
from neuroninterp.attribution.records import Attribution
from neuroninterp.attribution.target import Target, class_target, neuron_target
from neuroninterp.errors import DataError, UnknownNameError
from neuroninterp.models import Model
from neuroninterp.progress import Progress
from neuroninterp.sequences import Sequences, codes_from_one_hot

__all__ = ["attribute"]

_CHECKED = 32
"""Sequences on which graph and runtime are compared."""

_LARGE_GAP = 0.05
_MANY = 0.05
"""Share of the difference, and of the sequences, beyond which the completeness gap is told."""

_NO_DIFFERENCE = 1e-3
"""Differences from the reference below this one count as this."""


def attribute(
    model: Model,
    sequences: np.ndarray | Sequences,
    method: str = "deeplift",
    *,
    target: int | str | None = None,
    layer: int | None = None,
    neuron: int | None = None,
    position: int | None = None,
    scale: str | None = None,
    reference: str = "shuffled",
    references: int = 20,
    steps: int = 50,
    seed: int = 0,
    batch_size: int = 256,
    verbose: bool = False,
) -> Attribution:
    """Say how much every base of every sequence adds to a class or to a neuron.

    Parameters
    ----------
    model : Model
        The network, from :func:`neuroninterp.load`.
    sequences : numpy.ndarray, shape=(N, L) or (N, L, 4), or Sequences
        Codes (uint8; 0 to 3 for A, C, G, T, 4 for N), one-hot, or what
        :func:`neuroninterp.read_sequences` returns.
    method : str
        "deeplift" (rescale rule), "integrated-gradients", "ism" (in-silico mutagenesis) or
        "saliency" (gradient times input).
    target : int, str or None
        Class of the model's output, from 0, or its name where the data have names. May be
        left out where there is one class, or a neuron is named.
    layer, neuron : int or None
        A neuron instead: layer number from 1, channel from 0.
    position : int or None
        Output position to explain, from 0. None takes a neuron's largest value in each
        sequence; a class needs one where the model predicts along the sequence.
    scale : str or None
        Of a class: "logit" or "output". None takes the logit where the model's last
        operation is a sigmoid or a softmax that the graph knows.
    reference : str
        What sequences are compared with by deeplift and integrated-gradients: "shuffled",
        "gc", "average", "uniform" or "zero"; see
        :class:`neuroninterp.attribution.references.References`.
    references : int
        Shuffles a sequence, whose scores are averaged.
    steps : int
        Steps of integrated gradients on the way from a reference to the sequence.
    seed : int
        The same seed gives the same scores.
    batch_size : int
        Sequences at once in the model's own runtime.
    verbose : bool
        Show progress on standard error.

    Returns
    -------
    Attribution

    Raises
    ------
    UnknownNameError
        If method, class, layer, neuron, position or scale does not exist.
    DataError
        If the sequences do not fit the model, or it is not clear what to explain.
    UnsupportedOperationError
        If a method that needs the graph meets an operation that is not understood.
    FidelityError
        If the graph does not compute the model's output.
    """
    if method not in METHODS:
        raise UnknownNameError("method", method, list(METHODS))
    if steps < 1:
        raise DataError(f"{steps} steps: give at least 1")
    codes, names, class_names = _checked_sequences(model, sequences)
    progress = Progress(visible=verbose)
    with progress.stage("predicting"):
        chosen, prediction = _choose(
            model, codes, target, layer, neuron, position, scale, class_names, batch_size
        )
        explained, positions = None, None
        if chosen.obstacle is None:
            explained = Explained(model, chosen, codes.shape[1])
            positions = explained.find_positions(codes)
        elif position is not None:
            positions = np.full(len(codes), position, np.int32)
    task = Task(
        model,
        chosen,
        explained,
        codes,
        positions,
        reference=reference,
        references=references,
        steps=steps,
        seed=seed,
        batch_size=batch_size,
    )
    if method != "ism":
        task.on_graph(method)
        with progress.stage("checking the graph"):
            check_output(model, chosen, codes[:_CHECKED], _some(positions))
    with progress.stage(method, len(codes)) as advance:
        found = METHODS[method](task, advance)
    value = found.value.astype(np.float64)
    return Attribution(
        codes=codes,
        hypothetical=found.hypothetical,
        method=method,
        target=chosen.description,
        value=value,
        prediction=value if prediction is None else prediction,
        names=names,
        gap=found.gap,
        reference_value=found.reference_value,
        positions=positions,
        settings={
            "method": method,
            "target": None if layer is not None else chosen.channel,
            "layer": layer,
            "neuron": neuron,
            "position": position,
            "scale": _scale(chosen),
            **_settings(method, reference, references, steps, seed),
        },
        notes=(*found.notes, *_gap_notes(found)),
    )


def _some(positions: np.ndarray | None) -> np.ndarray | None:
    return None if positions is None else positions[:_CHECKED]


def _settings(
    method: str, reference: str, references: int, steps: int, seed: int
) -> dict[str, str | int]:
    """Return the settings that the method looks at."""
    if method in ("ism", "saliency"):
        return {}
    settings: dict[str, str | int] = {"reference": reference}
    if reference == "shuffled":
        settings |= {"references": references, "seed": seed}
    return settings | ({"steps": steps} if method == "integrated-gradients" else {})


def _gap_notes(found: Found) -> list[str]:
    """Say if the scores of many sequences do not add up to what they should explain."""
    if found.gap is None or found.reference_value is None:
        return []
    difference = np.abs(found.value - found.reference_value)
    # Where there is hardly a difference, its share is next to nothing of anything.
    share = float((np.abs(found.gap) > _LARGE_GAP * np.maximum(difference, _NO_DIFFERENCE)).mean())
    if share <= _MANY:
        return []
    return [
        f"the scores of {share:.0%} of the sequences miss the difference from the reference by "
        f"more than {_LARGE_GAP:.0%} of it (completeness gap); more --steps (steps=) or --method "
        "deeplift come closer"
    ]


def _scale(target: Target) -> str:
    if target.layer is not None:
        return "value"
    return "output" if target.final is None else "logit"


def _checked_sequences(
    model: Model, sequences: np.ndarray | Sequences
) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...] | None]:
    """Return codes, a name for each sequence, and the names of the classes."""
    if isinstance(sequences, Sequences):
        codes, names, class_names = sequences.codes, sequences.names, sequences.class_names
    else:
        array = np.asarray(sequences)
        codes = codes_from_one_hot(array) if array.ndim == 3 else array
        names, class_names = None, None
    if codes.ndim != 2 or not codes.size or codes.dtype.kind not in "iu" or codes.max() > 4:
        raise DataError(
            f"sequences must be codes 0 to 4 of shape (N, L), or one-hot of shape (N, L, 4); "
            f"found {codes.dtype} of shape {codes.shape}"
        )
    if model.length is not None and codes.shape[1] != model.length:
        raise DataError(f"the model reads {model.length} bp, the sequences have {codes.shape[1]}")
    numbers = tuple(str(number) for number in range(len(codes)))
    return codes.astype(np.uint8), names or numbers, class_names


def _choose(
    model: Model,
    codes: np.ndarray,
    target: int | str | None,
    layer: int | None,
    neuron: int | None,
    position: int | None,
    scale: str | None,
    class_names: Sequence[str] | None,
    batch_size: int,
) -> tuple[Target, np.ndarray | None]:
    """Return what is explained, and the model's own output for it where that is a class."""
    if (layer is None) != (neuron is None):
        raise DataError("a neuron needs both --layer and --neuron (layer=, neuron=)")
    if layer is not None and neuron is not None:
        if target is not None or scale is not None:
            raise DataError(
                "name either a class (--target, --scale) or a neuron (--layer, --neuron), not both"
            )
        return neuron_target(model, layer, neuron, position), None
    shape = model_outputs(model, codes[:1]).shape[1:]
    chosen = class_target(
        model, target, shape, class_names=class_names, position=position, scale=scale
    )
    outputs = model_outputs(model, codes, batch_size=batch_size)
    at = outputs if position is None else outputs[:, position]
    return chosen, at[:, chosen.channel]
