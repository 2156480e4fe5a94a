"""Plans, carried out: units are handed to an executor until every plan has its result.

A plan is a generator. It yields a :class:`Stage`, whose units need nothing of each other, and
is resumed with their keys once all are stored; what it returns is its result. Units that are
stored already are not done again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from neuroninterp.jobs.codec import encode
from neuroninterp.jobs.equipment import Equipment
from neuroninterp.jobs.job import Done, Executor, Job
from neuroninterp.jobs.perform import perform
from neuroninterp.jobs.store import UnitStore
from neuroninterp.jobs.unit import Block, Stage, Unit
from neuroninterp.progress import Progress, StageProgress

__all__ = ["Here", "Plan", "carry_out"]

Result = TypeVar("Result")
Plan = Generator[Stage, list[str], Result]


class Here:
    """Does jobs in this process, one after the other.

    Parameters
    ----------
    equipment : Equipment
        The network and the known motifs.
    """

    files = True
    capacity = 1

    def __init__(self, equipment: Equipment) -> None:
        self._equipment = equipment
        self._jobs: deque[Job] = deque()

    def submit(self, job: Job) -> None:
        """Take a job."""
        self._jobs.append(job)

    def finished(self) -> list[Done]:
        """Do the job that has waited longest."""
        job = self._jobs.popleft()
        began = time.perf_counter()
        payload = perform(job, self._equipment)
        return [Done(job.key, payload, time.perf_counter() - began, "the run itself")]

    def close(self) -> None:
        """Forget what was not begun."""
        self._jobs.clear()


@dataclass(eq=False)
class _Running(Generic[Result]):
    """A plan under way, and what it waits for."""

    index: int
    plan: Plan[Result]
    keys: list[str] = field(default_factory=list)
    missing: dict[str, Unit] = field(default_factory=dict)
    shown: StageProgress | None = None


def carry_out(
    plans: Iterable[Plan[Result]],
    store: UnitStore,
    executor: Executor,
    progress: Progress,
    after: Callable[[], None] = lambda: None,
) -> Iterator[tuple[int, Result]]:
    """Carry out plans; those that come first have precedence.

    Parameters
    ----------
    plans : iterable of Plan
        Begun one after the other, as soon as the executor has room.
    store : UnitStore
        Where units are found and kept.
    executor : Executor
        What does them.
    progress : Progress
        Where stages are shown.
    after : callable
        Called whenever something was stored.

    Yields
    ------
    index : int
        Of a plan that has ended, from 0.
    result : Any
        What it returned.
    """
    waiting = enumerate(plans)
    running: list[_Running[Result]] = []
    pending: deque[tuple[_Running[Result], Unit]] = deque()
    at_work: dict[str, _Running[Result]] = {}
    more = True
    while True:
        while more and len(pending) + len(at_work) < executor.capacity:
            following = next(waiting, None)
            more = following is not None
            if following is not None:
                begun = _Running(*following)
                running.append(begun)
                yield from _advance(begun, store, progress, pending, running)
        for owner, unit in _next(pending, executor.capacity - len(at_work)):
            at_work[unit.key] = owner
            store.begun(unit.label, unit.key)
            executor.submit(_job(unit, store, executor.files))
        if not at_work:
            if running or more:
                continue
            return
        for done in executor.finished():
            owner = at_work.pop(done.key)
            unit = owner.missing.pop(done.key)
            store.put(done.key, unit.label, done.payload)
            store.ended(unit.label, done.key, done.seconds, done.worker)
            if owner.shown is not None:
                owner.shown.advance(unit.pieces)
            if not owner.missing:
                yield from _advance(owner, store, progress, pending, running)
            after()


def _next(
    pending: deque[tuple[_Running[Result], Unit]], room: int
) -> list[tuple[_Running[Result], Unit]]:
    """Take units, those of the earliest plan first."""
    chosen = sorted(pending, key=lambda item: item[0].index)[: max(room, 0)]
    for item in chosen:
        pending.remove(item)
    return chosen


def _advance(
    owner: _Running[Result],
    store: UnitStore,
    progress: Progress,
    pending: deque[tuple[_Running[Result], Unit]],
    running: list[_Running[Result]],
) -> Iterator[tuple[int, Result]]:
    """Resume a plan until it has something to wait for, or has ended."""
    while True:
        if owner.shown is not None:
            owner.shown.close()
        try:
            stage = owner.plan.send(owner.keys) if owner.shown else next(owner.plan)
        except StopIteration as ended:
            running.remove(owner)
            yield owner.index, ended.value
            return
        owner.shown = progress.begin(stage.name, sum(unit.pieces for unit in stage.units))
        owner.keys = [unit.key for unit in stage.units]
        owner.missing = {unit.key: unit for unit in stage.units if not store.holds(unit.key)}
        owner.shown.advance(sum(u.pieces for u in stage.units if u.key not in owner.missing))
        if owner.missing:
            pending.extend((owner, unit) for unit in owner.missing.values())
            return


def _job(unit: Unit, store: UnitStore, files: bool) -> Job:
    inputs: list[bytes | Path] = []
    for given in unit.inputs:
        if isinstance(given, Block):
            inputs.append(given.load())
            continue
        path = store.path(given) if files else None
        inputs.append(store.payload(given) if path is None else path)
    return Job(unit.key, unit.label, unit.function, encode(dict(unit.parameters)), tuple(inputs))
