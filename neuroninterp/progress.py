"""Progress of long work on standard error: a bar a stage, or a line where nobody watches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars

__all__ = ["Progress", "counted", "rate"]


class Progress:
    """Shows the stages of a run and remembers how long each took.

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

    @contextmanager
    def stage(self, name: str, total: int = 1) -> Iterator[Callable[[int], None]]:
        """Run one stage; yields the function to call with each piece of finished work."""
        began = time.perf_counter()
        if self._visible:
            with self._shown(self._prefix + name, total) as advance:
                yield advance
        else:
            yield lambda finished: None
        self.seconds[name] = round(time.perf_counter() - began, 2)

    @contextmanager
    def _shown(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
        from rich.console import Console

        console = Console(stderr=True)
        if not console.is_terminal:
            began = time.perf_counter()
            yield lambda finished: None
            console.print(f"{name}: {time.perf_counter() - began:.1f} s", highlight=False)
            return
        with _bars(console) as bars:
            task = bars.add_task(name, total=total)
            yield lambda finished: bars.advance(task, finished)
            bars.update(task, completed=total)


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

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(rate(task.finished_speed or task.speed, task.total), "progress.data.speed")

    return Bars(
        TextColumn("{task.description:32}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
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
