"""Progress of long work on standard error: a bar a stage, or a line where nobody watches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Progress", "counted"]


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
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        console = Console(stderr=True)
        if not console.is_terminal:
            began = time.perf_counter()
            yield lambda finished: None
            console.print(f"{name}: {time.perf_counter() - began:.1f} s", highlight=False)
            return
        columns = (
            TextColumn("{task.description:32}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Bars(*columns, console=console) as bars:
            task = bars.add_task(name, total=total)
            yield lambda finished: bars.advance(task, finished)
            bars.update(task, completed=total)


@contextmanager
def counted(name: str, *, visible: bool) -> Iterator[Callable[[int, int], None]]:
    """Show one piece of work whose size is known only once it has begun.

    Yields the function to call with how much is done and how much there is in all.
    """
    from rich.console import Console
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    with Bars(console=console, disable=not (visible and console.is_terminal)) as bars:
        task = bars.add_task(name, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
