"""Stopping a command: Ctrl-C and what a batch system sends end it within seconds."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from neuroninterp.exit_codes import EXIT_INTERRUPTED

__all__ = ["stoppable"]

_PATIENCE = 4.0
"""Seconds that a command has to end by itself."""

_CUT_OFF = (
    b"Interrupted: what was in hand did not end in time and was cut off; where a command keeps "
    b"what it has finished, the same command goes on from there.\n"
)


@contextmanager
def stoppable() -> Iterator[None]:
    """Let signals end what runs inside: as Ctrl-C does, and for certain a little later.

    Work that was finished is on disk already, so that being cut off loses nothing more.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    timers: list[threading.Timer] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if not timers:
            timer = threading.Timer(_PATIENCE, _cut_off)
            timer.daemon = True
            timer.start()
            timers.append(timer)
        raise KeyboardInterrupt

    names = ("SIGINT", "SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    # A signal that is ignored (nohup) stays so.
    earlier = {n: signal.getsignal(n) for n in numbers if signal.getsignal(n) != signal.SIG_IGN}
    for number in earlier:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
        for timer in timers:
            timer.cancel()


def _cut_off() -> None:
    os.write(2, _CUT_OFF)
    os._exit(EXIT_INTERRUPTED)
