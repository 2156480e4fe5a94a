"""What a run finds out before it looks at neurons: once, and then it is remembered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroninterp.errors import ModelError
from neuroninterp.fields import Layer, PoolSummary
from neuroninterp.jobs import UnitStore, remembered, storable
from neuroninterp.measurement import EffectiveField, LayerFields, MeasuredField, measure_fields
from neuroninterp.models import Model
from neuroninterp.performance import model_performance
from neuroninterp.pipeline.digests import digest_of
from neuroninterp.pipeline.layer_plan import Digests, LayerOptions
from neuroninterp.pipeline.request import Request
from neuroninterp.progress import Progress
from neuroninterp.sampling import check_neurons, sampling_seconds
from neuroninterp.sequences import SequenceData

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Survey", "survey_run"]

_LONGEST_SAMPLING = 20 * 60
"""Seconds of sampling above which a layer is skipped unless the user insists."""

storable(LayerFields, MeasuredField, EffectiveField, Layer, PoolSummary)


@dataclass(frozen=True, eq=False)
class Survey:
    """What a run knows before it looks at neurons.

    Parameters
    ----------
    chosen : tuple of int
        Numbers of the layers that will be looked at.
    too_long : tuple of str
        Why others will not.
    seconds : float
        How long sampling will take, about.
    fields : tuple of LayerFields
        How far each layer sees.
    scores : pandas.DataFrame or None
        How well the model predicts the labels, where there are any.
    """

    chosen: tuple[int, ...]
    too_long: tuple[str, ...]
    seconds: float
    fields: tuple[LayerFields, ...]
    scores: pd.DataFrame | None


def survey_run(
    model: Model,
    sequences: SequenceData | None,
    request: Request,
    digests: Digests,
    store: UnitStore,
    scratch: Path,
    progress: Progress,
) -> Survey:
    """Find out what is known before any neuron is looked at.

    Parameters
    ----------
    model : Model
        The network.
    sequences : SequenceData or None
        The user's sequences.
    request : Request
        What is asked.
    digests : Digests
        Hashes of network, motifs and data.
    store : UnitStore
        Where what was found out before is kept.
    scratch : Path
        Folder for temporary files.
    progress : Progress
        Where progress is shown.

    Raises
    ------
    ModelError
        If all layers would take too long.
    """
    needed = _sampling_seconds(model, request, digests, store)
    kept = [n for n, s in needed.items() if request.force or s <= _LONGEST_SAMPLING]
    reasons = [
        _too_long(model, number, request.options, seconds)
        for number, seconds in needed.items()
        if number not in kept
    ]
    if not kept:
        raise ModelError(f"nothing is left to analyse: {reasons[0]}")
    with progress.stage("measuring receptive fields"):
        fields = _fields(model, sequences, request.options.seed, digests, store)
    return Survey(
        chosen=tuple(kept),
        too_long=tuple(reasons),
        seconds=sum(needed[number] for number in kept),
        fields=fields,
        scores=_performance(model, sequences, digests, store, scratch, progress),
    )


def _sampling_seconds(
    model: Model, request: Request, digests: Digests, store: UnitStore
) -> dict[int, float]:
    """Estimate how long each layer takes; asked once a run, for machines are not equally fast."""
    chosen, options = request.chosen, request.options

    def estimate() -> list[float]:
        return [
            sampling_seconds(
                model,
                number,
                len(check_neurons(model, number, options.neurons)),
                effort=options.effort,
                limit=_LONGEST_SAMPLING,
            )
            for number in chosen
        ]

    key = digest_of("seconds of sampling", digests.model, chosen, asdict(options))
    found: Sequence[float] = remembered(store, key, "seconds-of-sampling", estimate)
    return dict(zip(chosen, found, strict=True))


def _too_long(model: Model, number: int, options: LayerOptions, seconds: float) -> str:
    layer = model.layer(number)
    count = len(check_neurons(model, number, options.neurons))
    return (
        f"layer {number} ({layer.name!r}): sampling {count} neurons with fields of "
        f"{layer.receptive_field} bp would take about {_spoken(seconds)} here; --force "
        "(force=True) does it all the same, fewer --neurons or --effort quick take less"
    )


def _fields(
    model: Model, sequences: SequenceData | None, seed: int, digests: Digests, store: UnitStore
) -> tuple[LayerFields, ...]:
    key = digest_of("fields", digests.model, digests.data, seed)
    found: tuple[LayerFields, ...] = remembered(
        store, key, "receptive-fields", lambda: measure_fields(model, sequences, seed=seed)
    )
    return found


def _performance(
    model: Model,
    sequences: SequenceData | None,
    digests: Digests,
    store: UnitStore,
    scratch: Path,
    progress: Progress,
) -> pd.DataFrame | None:
    """Score the model with its own runtime where the labels are binary."""
    import pandas as pd

    if sequences is None or not sequences.binary_labels:
        return None
    with progress.stage("scoring model", len(sequences)) as advance:

        def score() -> dict[str, list[Any]]:
            frame = model_performance(model, sequences, folder=scratch, advance=advance)
            return {str(name): frame[name].tolist() for name in frame.columns}

        key = digest_of("performance", digests.model, digests.data)
        return pd.DataFrame(remembered(store, key, "performance", score))


def _spoken(seconds: float) -> str:
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"
