"""A run: from a model, motifs and sequences to a result, unit by unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroninterp.bottleneck import empirical, structural, verdict
from neuroninterp.caveats import longer_than_input, not_chosen, not_decoupled, thinly_sampled
from neuroninterp.channel_order import order_warning
from neuroninterp.errors import ModelError, OutputError
from neuroninterp.fields import Layer, PoolSummary
from neuroninterp.jobs import (
    Equipment,
    MemoryStore,
    UnitStore,
    carry_out,
    remembered,
    storable,
)
from neuroninterp.layer_plan import LayerOptions, LayerOutcome, LayerPlan
from neuroninterp.measurement import EffectiveField, LayerFields, MeasuredField, measure_fields
from neuroninterp.models import Model
from neuroninterp.motifs import MotifDatabase
from neuroninterp.performance import model_performance
from neuroninterp.progress import Progress
from neuroninterp.results import AnalysisResult, read_results, write_results
from neuroninterp.run_digests import digest_of, run_digests
from neuroninterp.run_facts import data_card, model_card, versions
from neuroninterp.run_folder import RunFolder
from neuroninterp.sampling import check_neurons, sampling_seconds
from neuroninterp.sequences import SequenceData
from neuroninterp.text import how_many
from neuroninterp.workers import Workers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Request", "Run"]

_LONGEST_SAMPLING = 20 * 60
"""Seconds of sampling above which a layer is skipped unless the user insists."""

storable(LayerFields, MeasuredField, EffectiveField, Layer, PoolSummary)


@dataclass(frozen=True)
class Request:
    """What the user asked for.

    Parameters
    ----------
    layers : tuple of int or None
        Layer numbers that were named.
    chosen : tuple of int
        Those to analyse.
    options : LayerOptions
        How.
    force : bool
        Also those that take longer than 20 minutes to sample.
    arguments : mapping or None
        All arguments, as the results tell them.
    """

    layers: tuple[int, ...] | None
    chosen: tuple[int, ...]
    options: LayerOptions
    force: bool
    arguments: Mapping[str, Any] | None


class Run:
    """One analysis, ready to begin.

    Parameters
    ----------
    model : Model
        The network.
    database : MotifDatabase
        Known motifs.
    sequences : SequenceData or None
        The user's sequences.
    request : Request
        What is asked.
    workers : Workers
        Who does it.
    progress : Progress
        Where progress is shown.

    Raises
    ------
    ModelError
        If the model's file can no longer be read.
    """

    def __init__(
        self,
        model: Model,
        database: MotifDatabase,
        sequences: SequenceData | None,
        request: Request,
        workers: Workers,
        progress: Progress,
    ) -> None:
        self._model = model
        self._database = database
        self._sequences = sequences
        self._request = request
        self._workers = workers
        self._progress = progress
        self._started = datetime.now(timezone.utc)
        try:
            self._card = model_card(model)
        except OSError as error:
            raise ModelError(f"{model.path} can no longer be read ({error.strerror})") from error
        self._versions = versions()
        self._digests = run_digests(model, self._card, self._versions, database, sequences)

    @property
    def digest(self) -> str:
        """Hash of everything that the result depends on."""
        options = asdict(self._request.options)
        asked = (self._request.layers, self._request.chosen, self._request.force)
        return digest_of(asdict(self._digests), options, asked, self._request.arguments or {})

    def in_memory(self, scratch: Path) -> AnalysisResult:
        """Carry the run out without a results folder; ``scratch`` takes temporary files."""
        return self._carried_out(MemoryStore(), scratch)

    def in_folder(self, folder: RunFolder) -> AnalysisResult:
        """Carry the run out in a results folder, from where an earlier one was stopped.

        Parameters
        ----------
        folder : RunFolder
            The folder, held.

        Returns
        -------
        AnalysisResult
            Of the earlier run, if that was the same and had come to its end.

        Raises
        ------
        OutputError
            If the folder cannot be used any more.
        """
        finished = self._finished(folder)
        if finished is not None:
            self._progress.tell(f"{folder.path} holds this analysis already; nothing is computed")
            folder.clear()
            return finished
        self._greet(folder)
        found = self._carried_out(folder.store, folder.unfinished)
        with self._progress.stage("writing results"):
            write_results(found, folder.path)
        folder.clear()
        return replace(found, folder=folder.path)

    def _finished(self, folder: RunFolder) -> AnalysisResult | None:
        """Return the result of the same run, where it lies there."""
        if not folder.resume:
            return None
        try:
            result = read_results(folder.path)
        except OutputError:
            return None
        return result if result.settings.get("digest") == self.digest else None

    def _greet(self, folder: RunFolder) -> None:
        """Say what is found of earlier runs."""
        settings = {**self._settings(list(self._request.chosen)), **asdict(self._digests)}
        changed = folder.describe({k: v for k, v in settings.items() if k != "digest"})
        if not len(folder.store):
            return
        kept = how_many(len(folder.store), "finished work unit")
        if changed:
            self._progress.tell(
                f"{folder.unfinished} has {kept} of a run with other settings "
                f"({'; '.join(changed)}): what fits is used, the rest begins anew"
            )
        else:
            self._progress.tell(f"going on from {kept} in {folder.unfinished}")

    def _carried_out(self, store: UnitStore, scratch: Path) -> AnalysisResult:
        model, options, progress = self._model, self._request.options, self._progress
        chosen, too_long = self._within_reason(store)
        with progress.stage("measuring receptive fields"):
            fields = self._fields(store)
        scores = self._performance(store, scratch)
        equipment = Equipment(model, self._database, self._workers.threads)
        plans = [
            LayerPlan(model, number, options, store, self._digests, self._sequences)
            for number in chosen
        ]
        outcomes: dict[int, LayerOutcome] = {}
        executor = self._workers.begin(equipment, chosen)
        try:
            for index, outcome in carry_out(map(iter, plans), store, executor, progress):
                outcomes[index] = outcome
        finally:
            executor.close()
        found = [outcomes[index] for index in range(len(plans))]
        return self._result(found, chosen, too_long, fields, scores)

    def _result(
        self,
        found: Sequence[LayerOutcome],
        chosen: Sequence[int],
        too_long: Sequence[str],
        fields: tuple[LayerFields, ...],
        scores: pd.DataFrame | None,
    ) -> AnalysisResult:
        model, progress = self._model, self._progress
        results = [outcome.result for outcome in found]
        skipped = [*(layer.reason for layer in model.blocked), *too_long]
        if self._request.layers is not None:
            skipped += not_chosen(model, self._request.layers)
        for outcome in found:
            number = outcome.result.layer.number
            skipped += [*outcome.skipped, *longer_than_input(model, number)]
        with progress.stage("checking the channel order"):
            warning = order_warning(
                results, self._database, model.layout.alphabet, n_jobs=self._workers.threads
            )
        localist = {o.result.layer.number: o.localist for o in found}
        null = {result.layer.number: result.fractions.null_localist for result in results}
        seed = self._request.options.seed
        return AnalysisResult(
            model=self._card,
            data=data_card(self._sequences, scores),
            performance=scores,
            layers=tuple(results),
            verdict=verdict(structural(model.layers), empirical(localist, null, seed=seed)),
            settings={
                **self._settings(chosen),
                "started": self._started.isoformat(timespec="seconds"),
                "arguments": self._request.arguments,
            },
            versions=self._versions,
            seconds=progress.seconds,
            skipped=tuple(skipped),
            fields=fields,
            blocked=model.blocked,
            notes=(
                *model.notes,
                *not_decoupled(model),
                *thinly_sampled(results),
                *([] if warning is None else [warning]),
            ),
            targets=self._database.known(
                found for result in results for found in result.target_ids
            ),
        )

    def _settings(self, chosen: Sequence[int]) -> dict[str, Any]:
        options = self._request.options
        return {
            "layers": list(chosen),
            "neurons": None if options.neurons is None else list(options.neurons),
            "motifs": self._database.name,
            "targets": len(self._database),
            "relevant": list(options.relevant),
            "effort": options.effort,
            "rounds": options.rounds,
            "seed": options.seed,
            "force": self._request.force,
            "alphabet": self._model.layout.alphabet,
            "digest": self.digest,
        }

    def _within_reason(self, store: UnitStore) -> tuple[list[int], list[str]]:
        """Leave out the layers that would take too long to sample; say so of each.

        Asked once a run: it depends on the speed of the machine.
        """
        chosen, options = list(self._request.chosen), self._request.options
        if self._request.force:
            return chosen, []
        key = digest_of("within reason", self._digests.model, chosen, asdict(options))
        seconds = remembered(
            store, key, "seconds-of-sampling", lambda: self._sampling_seconds(chosen)
        )
        kept, reasons = [], []
        for number, needed in zip(chosen, seconds, strict=True):
            if needed <= _LONGEST_SAMPLING:
                kept.append(number)
                continue
            layer = self._model.layer(number)
            count = len(check_neurons(self._model, number, options.neurons))
            reasons.append(
                f"layer {number} ({layer.name!r}): sampling {count} neurons with fields of "
                f"{layer.receptive_field} bp would take about {_spoken(needed)} here; --force "
                "(force=True) does it all the same, fewer --neurons or --effort quick take less"
            )
        if not kept:
            raise ModelError(f"nothing is left to analyse: {reasons[0]}")
        return kept, reasons

    def _sampling_seconds(self, chosen: Sequence[int]) -> list[float]:
        options = self._request.options
        return [
            sampling_seconds(
                self._model,
                number,
                len(check_neurons(self._model, number, options.neurons)),
                effort=options.effort,
                limit=_LONGEST_SAMPLING,
            )
            for number in chosen
        ]

    def _fields(self, store: UnitStore) -> tuple[LayerFields, ...]:
        seed, sequences = self._request.options.seed, self._sequences
        key = digest_of("fields", self._digests.model, self._digests.data, seed)

        def measure() -> tuple[LayerFields, ...]:
            return measure_fields(self._model, sequences, seed=seed)

        fields: tuple[LayerFields, ...] = remembered(store, key, "receptive-fields", measure)
        return fields

    def _performance(self, store: UnitStore, scratch: Path) -> pd.DataFrame | None:
        """Score the model with its own runtime where the labels are binary."""
        import pandas as pd

        sequences = self._sequences
        if sequences is None or not sequences.binary_labels:
            return None
        with self._progress.stage("scoring model", len(sequences)) as advance:

            def score() -> dict[str, list[Any]]:
                frame = model_performance(self._model, sequences, folder=scratch, advance=advance)
                return {str(name): frame[name].tolist() for name in frame.columns}

            key = digest_of("performance", self._digests.model, self._digests.data)
            return pd.DataFrame(remembered(store, key, "performance", score))


def _spoken(seconds: float) -> str:
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"
