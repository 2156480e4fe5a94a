"""A run: from a model, motifs and sequences to a result, unit by unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from neuroninterp.bottleneck import Reading, empirical, structural, verdict
from neuroninterp.caveats import longer_than_input, not_chosen, not_decoupled, thinly_sampled
from neuroninterp.channel_order import order_warning
from neuroninterp.errors import ModelError, OutputError
from neuroninterp.jobs import (
    Equipment,
    FolderStore,
    MemoryStore,
    UnitStore,
    carry_out,
)
from neuroninterp.models import Model
from neuroninterp.motifs import MotifDatabase
from neuroninterp.pipeline.digests import digest_of, run_digests
from neuroninterp.pipeline.facts import data_card, model_card, versions
from neuroninterp.pipeline.folder import RunFolder
from neuroninterp.pipeline.layer_plan import LayerOutcome, LayerPlan
from neuroninterp.pipeline.request import Request
from neuroninterp.pipeline.snapshots import Snapshots
from neuroninterp.pipeline.survey import Survey, survey_run
from neuroninterp.pipeline.workers import Workers
from neuroninterp.progress import Progress
from neuroninterp.results import (
    AnalysisResult,
    Unfinished,
    read_results,
    unfinished_verdict,
    write_results,
    write_snapshot,
)
from neuroninterp.sequences import SequenceData
from neuroninterp.text import how_many, numbered

__all__ = ["Run"]


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
        about = (self._model, self._sequences, self._request, self._digests)
        known = survey_run(*about, store, scratch, self._progress)
        plans = [
            LayerPlan(
                self._model, number, self._request.options, store, self._digests, self._sequences
            )
            for number in known.chosen
        ]
        outcomes: dict[int, LayerOutcome] = {}

        def write() -> None:
            write_snapshot(self._so_far(known, plans, outcomes), scratch.parent)

        look = Snapshots(write) if isinstance(store, FolderStore) else _nothing
        equipment = Equipment(self._model, self._database, self._workers.threads)
        executor = self._workers.begin(equipment, known.chosen, known.seconds)
        try:
            for index, outcome in carry_out(
                map(iter, plans), store, executor, self._progress, look
            ):
                outcomes[index] = outcome
        finally:
            executor.close()
        return self._finished_result(known, [outcomes[index] for index in range(len(plans))])

    def _finished_result(self, known: Survey, found: Sequence[LayerOutcome]) -> AnalysisResult:
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
        self, known: Survey, plans: Sequence[LayerPlan], outcomes: Mapping[int, LayerOutcome]
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

    def _result(self, known: Survey, found: Sequence[LayerOutcome]) -> AnalysisResult:
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


def _nothing() -> None:
    """Nobody looks into a run without a folder."""
