"""A run: from a model, motifs and sequences to a result, unit by unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroninterp.bottleneck import Reading, empirical, structural, verdict
from neuroninterp.caveats import longer_than_input, not_chosen, not_decoupled, thinly_sampled
from neuroninterp.channel_order import order_warning
from neuroninterp.errors import ModelError, OutputError
from neuroninterp.fields import Layer, PoolSummary
from neuroninterp.jobs import (
    Equipment,
    FolderStore,
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
from neuroninterp.results import (
    AnalysisResult,
    Unfinished,
    read_results,
    unfinished_verdict,
    write_results,
    write_snapshot,
)
from neuroninterp.run_digests import digest_of, run_digests
from neuroninterp.run_facts import data_card, model_card, versions
from neuroninterp.run_folder import RunFolder
from neuroninterp.run_snapshots import Snapshots
from neuroninterp.sampling import check_neurons, sampling_seconds
from neuroninterp.sequences import SequenceData
from neuroninterp.text import how_many, numbered
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


@dataclass(frozen=True, eq=False)
class _Known:
    """What a run knows before it looks at neurons."""

    chosen: tuple[int, ...]
    too_long: tuple[str, ...]
    fields: tuple[LayerFields, ...]
    scores: pd.DataFrame | None


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
        same = result.unfinished is None and result.settings.get("digest") == self.digest
        return result if same else None

    def _greet(self, folder: RunFolder) -> None:
        """Say what is found of earlier runs."""
        digests = self._digests
        settings = self._settings(self._request.chosen)
        del settings["digest"]
        files = {
            "the model": digests.model,
            "its data": digests.data,
            "the motifs' file": digests.motifs,
        }
        changed = folder.describe({**settings, **files})
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
        chosen, too_long, seconds = self._within_reason(store)
        with self._progress.stage("measuring receptive fields"):
            fields = self._fields(store)
        known = _Known(tuple(chosen), tuple(too_long), fields, self._performance(store, scratch))
        plans = [
            LayerPlan(
                self._model, number, self._request.options, store, self._digests, self._sequences
            )
            for number in chosen
        ]
        outcomes: dict[int, LayerOutcome] = {}

        def write() -> None:
            write_snapshot(self._so_far(known, plans, outcomes), scratch.parent)

        look = Snapshots(write) if isinstance(store, FolderStore) else _nothing
        equipment = Equipment(self._model, self._database, self._workers.threads)
        executor = self._workers.begin(equipment, chosen, seconds)
        try:
            for index, outcome in carry_out(
                map(iter, plans), store, executor, self._progress, look
            ):
                outcomes[index] = outcome
        finally:
            executor.close()
        return self._finished_result(known, [outcomes[index] for index in range(len(plans))])

    def _finished_result(self, known: _Known, found: Sequence[LayerOutcome]) -> AnalysisResult:
        """Return what the run says at its end."""
        whole = self._result(known, found)
        with self._progress.stage("checking the channel order"):
            alphabet, threads = self._model.layout.alphabet, self._workers.threads
            warning = order_warning(whole.layers, self._database, alphabet, n_jobs=threads)
        localist = {o.result.layer.number: o.localist for o in found}
        null = {result.layer.number: result.fractions.null_localist for result in whole.layers}
        read = empirical(localist, null, seed=self._request.options.seed)
        return replace(
            whole,
            verdict=verdict(whole.verdict.structural, read),
            seconds=self._progress.seconds,
            notes=(*whole.notes, *([] if warning is None else [warning])),
        )

    def _so_far(
        self, known: _Known, plans: Sequence[LayerPlan], outcomes: Mapping[int, LayerOutcome]
    ) -> AnalysisResult:
        """Return what the run can say before its end."""
        begun = [outcomes.get(index) or plan.so_far() for index, plan in enumerate(plans)]
        found = [outcome for outcome in begun if outcome is not None]
        done = sum(len(outcome.result.neurons) for outcome in found)
        neurons = sum(plan.neurons for plan in plans)
        missing = [n for n, outcome in zip(known.chosen, begun, strict=True) if outcome is None]
        going = [
            n
            for index, (n, outcome) in enumerate(zip(known.chosen, begun, strict=True))
            if outcome is not None and index not in outcomes
        ]
        said = [f"{numbered('layer', going)} under way"] if going else []
        said += [f"{numbered('layer', missing)} to come"] if missing else []
        sentence = f"Missing: {', '.join([*said, 'the verdict'])}."
        unfinished = Unfinished(done, neurons, sentence)
        whole = self._result(known, found)
        return replace(
            whole,
            unfinished=unfinished,
            verdict=unfinished_verdict(whole.verdict.structural, unfinished),
        )

    def _result(self, known: _Known, found: Sequence[LayerOutcome]) -> AnalysisResult:
        """Return layers and what is known of the run, without the empirical reading."""
        model = self._model
        results = [outcome.result for outcome in found]
        skipped = [*(layer.reason for layer in model.blocked), *known.too_long]
        if self._request.layers is not None:
            skipped += not_chosen(model, self._request.layers)
        for outcome in found:
            number = outcome.result.layer.number
            skipped += [*outcome.skipped, *longer_than_input(model, number)]
        named = {target for result in results for target in result.target_ids}
        return AnalysisResult(
            model=self._card,
            data=data_card(self._sequences, known.scores),
            performance=known.scores,
            layers=tuple(results),
            verdict=verdict(structural(model.layers), Reading(None, "undetermined", "")),
            settings={
                **self._settings(known.chosen),
                "started": self._started.isoformat(timespec="seconds"),
                "arguments": self._request.arguments,
            },
            versions=self._versions,
            seconds={},
            skipped=tuple(skipped),
            fields=known.fields,
            blocked=model.blocked,
            notes=(*model.notes, *not_decoupled(model), *thinly_sampled(results)),
            targets=self._database.known(named),
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

    def _within_reason(self, store: UnitStore) -> tuple[list[int], list[str], float]:
        """Leave out the layers that would take too long to sample; say so of each.

        Asked once a run, for it depends on the speed of the machine. The third value is how
        long the others will take, in seconds.
        """
        chosen, options = list(self._request.chosen), self._request.options
        key = digest_of("within reason", self._digests.model, chosen, asdict(options))
        seconds = remembered(
            store, key, "seconds-of-sampling", lambda: self._sampling_seconds(chosen)
        )
        kept, reasons, total = [], [], 0.0
        for number, needed in zip(chosen, seconds, strict=True):
            if needed <= _LONGEST_SAMPLING or self._request.force:
                kept.append(number)
                total += needed
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
        return kept, reasons, total

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


def _nothing() -> None:
    """Nobody looks into a run without a folder."""


def _spoken(seconds: float) -> str:
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"
