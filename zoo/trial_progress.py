"""Progress of several trials at once: a bar each on a terminal, a line each elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from zoo.checkpoints import History
from zoo.records import read_record

__all__ = ["TrialDisplay", "TrialStatus"]


@dataclass(frozen=True)
class TrialStatus:
    """How far a running trial is.

    Parameters
    ----------
    title : str
        Network and trial.
    history : History
        Its epochs so far.
    """

    title: str
    history: History


class TrialDisplay:
    """Shows running and finished trials on standard error; to be used as a context.

    Parameters
    ----------
    trials : int
        Number of trials to train.
    epochs : int
        Largest number of epochs of each.
    visible : bool
        False for silence.
    """

    def __init__(self, trials: int, epochs: int, visible: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._trials, self._epochs = trials, epochs
        self._done = 0
        self._tasks: dict[str, Any] = {}
        self._console = Console(stderr=True, quiet=not visible)
        self._bars = Progress(
            TextColumn("{task.description:24}"),
            BarColumn(),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not (visible and self._console.is_terminal),
        )

    def __enter__(self) -> TrialDisplay:
        self._bars.start()
        self._all = self._bars.add_task("trials", total=self._trials, state="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def show(self, running: Sequence[TrialStatus]) -> None:
        """Redraw the bars of the running trials."""
        titles = {status.title for status in running}
        for title in [title for title in self._tasks if title not in titles]:
            self._bars.remove_task(self._tasks.pop(title))
        begun = 0.0
        for status in running:
            if status.title not in self._tasks:
                self._tasks[status.title] = self._bars.add_task(
                    status.title, total=self._epochs, state=""
                )
            self._bars.update(
                self._tasks[status.title],
                completed=len(status.history),
                state=_epochs(status.history, self._epochs),
            )
            begun += len(status.history) / self._epochs
        self._bars.update(
            self._all, completed=self._done + begun, state=f"{self._done} of {self._trials}"
        )

    def finished(self, record: Path) -> None:
        """Say what a finished trial came to."""
        self._done += 1
        content = read_record(record)
        test, history = content["test"], content["history"]
        auroc = "undefined" if test["auroc"] is None else f"{test['auroc']:.3f}"
        self._console.print(
            f"{content['name']}, trial {content['seed']}: auROC {auroc} after "
            f"{len(history['loss'])} epochs in {history['seconds']:.0f} s "
            f"({self._done} of {self._trials})",
            highlight=False,
        )


def _epochs(history: History, epochs: int) -> str:
    if not history:
        return "starting"
    return f"epoch {len(history)} of at most {epochs}, {history.losses()}"
