"""Progress of long work on standard error: a bar a stage, or a line where nobody watches."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars

__all__ = ["Progress", "StageProgress", "counted", "rate"]


class StageProgress:
    """One stage while it lasts.

    Parameters
    ----------
    advance : callable
        Called with each piece of finished work.
    end : callable
        Called when there is no more.
    """

    def __init__(self, advance: Callable[[int], None], end: Callable[[], None]) -> None:
        self._advance = advance
        self._end = end

    def advance(self, finished: int) -> None:
        """Say that some pieces have been finished since the last call."""
        if finished:
            self._advance(finished)

    def close(self) -> None:
        """Say that the stage has ended."""
        self._end()


class Progress:
    """Shows the stages of a run, those under way side by side, and remembers how long each took.

    Parameters
    ----------
    visible : bool
        False for silence.
    prefix : str
        What is shown before each stage's name.

    Attributes
    ----------
    seconds : dict of str to float
        Wall-clock time of each finished stage.
    """

    def __init__(self, *, visible: bool = False, prefix: str = "") -> None:
        self.seconds: dict[str, float] = {}
        self._visible = visible
        self._prefix = prefix
        self._bars: Bars | None = None
        self._shown = 0

    @contextmanager
    def stage(self, name: str, total: int = 1) -> Iterator[Callable[[int], None]]:
        """Run one stage; yields the function to call with each piece of finished work."""
        begun = self.begin(name, total)
        try:
            yield begun.advance
        except BaseException:
            self.stop()
            raise
        begun.close()

    def begin(self, name: str, total: int = 1) -> StageProgress:
        """Begin a stage that others may run beside.

        Parameters
        ----------
        name : str
            What is shown, and under which its time is remembered.
        total : int
            Pieces of work; 0 where nobody knows how many.
        """
        began = time.perf_counter()
        advance, hide = self._show(name, total)

        def end() -> None:
            self.seconds[name] = round(time.perf_counter() - began, 2)
            hide()

        return StageProgress(advance, end)

    def tell(self, line: str) -> None:
        """Show the user a line, whether progress is shown or not."""
        if self._bars is None:
            print(line, file=sys.stderr, flush=True)
        else:
            self._bars.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def stop(self) -> None:
        """Take away what is drawn."""
        if self._bars is not None:
            self._bars.stop()
            self._bars, self._shown = None, 0

    def _show(self, name: str, total: int) -> tuple[Callable[[int], None], Callable[[], None]]:
        """Return what to call with finished pieces, and what at the end."""
        if not self._visible:
            return lambda finished: None, lambda: None
        from rich.console import Console

        name = self._prefix + name
        console = Console(stderr=True)
        if not console.is_terminal:
            began = time.perf_counter()
            return lambda finished: None, lambda: console.print(
                f"{name}: {time.perf_counter() - began:.1f} s", highlight=False
            )
        if self._bars is None:
            self._bars = _bars(console)
            self._bars.start()
        bars, self._shown = self._bars, self._shown + 1
        task = bars.add_task(name, total=total or None)

        def hide() -> None:
            done = total or max(bars.tasks[bars.task_ids.index(task)].completed, 1)
            bars.update(task, completed=done, total=done)
            self._shown -= 1
            if not self._shown:
                self.stop()

        return lambda finished: bars.advance(task, finished), hide


@contextmanager
def counted(name: str, *, visible: bool) -> Iterator[Callable[[int, int], None]]:
    """Show one piece of work whose size is known only once it has begun.

    Yields the function to call with how much is done and how much there is in all.
    """
    from rich.console import Console

    console = Console(stderr=True)
    with _bars(console, hidden=not (visible and console.is_terminal)) as bars:
        task = bars.add_task(name, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def _bars(console: Console, *, hidden: bool = False) -> Bars:
    """Return a display of stage, bar, pieces done, rate, time spent and time left."""
    from rich.progress import (
        BarColumn,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars
    from rich.text import Text

    class Pieces(ProgressColumn):
        def render(self, task: Task) -> Text:
            total = "" if task.total is None else f"/{task.total:.0f}"
            return Text(f"{task.completed:.0f}{total}")

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(rate(task.finished_speed or task.speed, task.total), "progress.data.speed")

    return Bars(
        TextColumn("{task.description:32}"),
        BarColumn(),
        Pieces(),
        Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=hidden,
    )


def rate(speed: float | None, total: float | None) -> str:
    """Write how many pieces are done a second, or how long one takes; nothing of a single one.

    Parameters
    ----------
    speed : float or None
        Pieces a second.
    total : float or None
        Pieces in all.
    """
    if not speed or not total or total <= 1:
        return ""
    return f"{speed:.3g}/s" if speed >= 1 else f"{1 / speed:.3g} s each"
