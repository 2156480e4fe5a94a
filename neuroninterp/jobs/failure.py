"""An error on its way from a worker to the process that will raise it."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from importlib import import_module

from neuroninterp.errors import NeuroninterpError

__all__ = ["Failure", "WorkerBugError"]


class WorkerBugError(RuntimeError):
    """A bug that showed in a worker; the worker's traceback is in the message's cause."""


class _WorkerTracebackError(Exception):
    """Shows a worker's traceback as the cause of the error that is raised here."""

    def __init__(self, text: str) -> None:
        super().__init__(f"\n{text}")


@dataclass(frozen=True)
class Failure:
    """Why a job failed, in plain values: an exception itself may not survive the journey.

    Parameters
    ----------
    label : str
        The job's label.
    module, name : str
        Where the exception's class is.
    text : str
        Its message.
    traceback : str
        The worker's traceback.
    system : tuple
        Number, message and file of an error of the operating system; empty otherwise.
    """

    label: str
    module: str
    name: str
    text: str
    traceback: str
    system: tuple[object, ...] = ()

    @classmethod
    def of(cls, error: BaseException, label: str) -> Failure:
        """Describe an exception that is being handled."""
        kind = type(error)
        system: tuple[object, ...] = ()
        if isinstance(error, OSError) and error.errno is not None:
            system = (error.errno, error.strerror, error.filename and str(error.filename))
        return cls(
            label,
            kind.__module__,
            kind.__qualname__,
            str(error),
            "".join(traceback.format_exception(error)),
            system,
        )

    def error(self) -> Exception:
        """Return the exception to raise.

        Returns
        -------
        Exception
            A :class:`NeuroninterpError` as the same class with the same message, an error of
            the operating system (a file that vanished, a full disk) likewise, a lack of memory
            as a :class:`NeuroninterpError`, and anything else as a :class:`WorkerBugError`.
        """
        known = self._known()
        if known is not None:
            # Not by the class's own constructor: some make their message of other arguments.
            error = known.__new__(known)
            NeuroninterpError.__init__(error, self.text)
            return error
        if self.system:
            return OSError(*self.system)
        if self.name in ("MemoryError", "_ArrayMemoryError"):
            return NeuroninterpError(
                f"{self.label}: not enough memory ({self.text or 'none left'}); "
                "use fewer workers (-j) or say what there is (--memory)"
            )
        bug = WorkerBugError(f"{self.label}: {self.name}: {self.text}")
        bug.__cause__ = _WorkerTracebackError(self.traceback)
        return bug

    def _known(self) -> type[NeuroninterpError] | None:
        if self.module.partition(".")[0] != NeuroninterpError.__module__.partition(".")[0]:
            return None
        found = getattr(import_module(self.module), self.name, None)
        ours = isinstance(found, type) and issubclass(found, NeuroninterpError)
        return found if ours else None
