"""The results folder while a run is at work in it: its lock, its finished units, its leftovers."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from neuroninterp.durable import PART_SUFFIX, replace_file
from neuroninterp.errors import Interrupted, OutputError
from neuroninterp.jobs import FolderStore, locked
from neuroninterp.progress import Progress
from neuroninterp.results import UNFINISHED
from neuroninterp.text import how_many

__all__ = ["RunFolder", "run_folder"]

_SETTINGS = "settings.json"


class RunFolder:
    """A results folder that this run holds.

    Parameters
    ----------
    folder : Path
        The results folder.
    store : FolderStore
        Its finished units.
    resume : bool
        Whether what an earlier run has left counts.
    """

    def __init__(self, folder: Path, store: FolderStore, resume: bool) -> None:
        self.path = folder
        self.store = store
        self.resume = resume

    @property
    def unfinished(self) -> Path:
        """Where the units lie until the results are written."""
        return self.path / UNFINISHED

    @property
    def data(self) -> Path:
        """Where sequences that memory would not hold are stored meanwhile."""
        return _data(self.path)

    def describe(self, settings: Mapping[str, Any]) -> list[str]:
        """Keep the settings of this run; return which of them an earlier run had otherwise.

        Parameters
        ----------
        settings : mapping
            Plain JSON values.

        Returns
        -------
        list of str
            For example ``'effort was "quick", now "standard"'``; of hashes, that they differ.
        """
        path = self.unfinished / _SETTINGS
        try:
            earlier = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            earlier = {}
        try:
            replace_file(path, (json.dumps(settings, indent=1) + "\n").encode("utf-8"))
        except OSError as error:
            raise OutputError(f"{path} cannot be written ({error.strerror or error})") from error
        if not isinstance(earlier, dict):
            return []
        known = json.loads(json.dumps(settings))
        return [
            _changed(name, earlier[name], value)
            for name, value in known.items()
            if name in earlier and earlier[name] != value
        ]

    def clear(self) -> None:
        """Take the units away once the results are written."""
        _clear(self.unfinished)


@contextlib.contextmanager
def run_folder(folder: Path, progress: Progress, *, resume: bool) -> Iterator[RunFolder]:
    """Hold a results folder for a run.

    Parameters
    ----------
    folder : Path
        The results folder; made where it is missing, and taken away again if nothing was kept.
    progress : Progress
        Where lines for the user go.
    resume : bool
        False forgets the units of earlier runs.

    Raises
    ------
    OutputError
        If another run is at work in it, or it cannot be written to.
    Interrupted
        If the run is stopped; says how to go on.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    unfinished = folder / UNFINISHED
    try:
        unfinished.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"output folder {folder} cannot be written to ({error.strerror or error})"
        ) from error
    try:
        with locked(unfinished / "lock", folder), _units(folder, progress, resume) as held:
            yield held
    finally:
        # Nothing is left of a run that came to nothing.
        for path in missing:
            with contextlib.suppress(OSError):
                path.rmdir()


@contextlib.contextmanager
def _units(folder: Path, progress: Progress, resume: bool) -> Iterator[RunFolder]:
    """Open what earlier runs have left, or forget it; take it away where it is nothing."""
    unfinished = folder / UNFINISHED
    if not resume:
        _clear(unfinished, but="lock")
    store = FolderStore(unfinished, progress.tell)
    try:
        yield RunFolder(folder, store, resume)
    except KeyboardInterrupt as error:
        progress.stop()
        raise Interrupted(
            f"stopped: {how_many(len(store), 'finished work unit')} kept in {unfinished}; "
            "the same command goes on from there"
        ) from error
    finally:
        if not len(store) and not _data(folder).exists():
            _clear(unfinished)


def _clear(unfinished: Path, *, but: str = "") -> None:
    """Take away what a run has put into the folder, and the folder if that was all."""
    for name in ("units", "data", "figures"):
        shutil.rmtree(unfinished / name, ignore_errors=True)
    for name in (_SETTINGS, "journal.tsv", "results.h5", "report.html", "lock"):
        with contextlib.suppress(OSError):
            if name != but:
                (unfinished / name).unlink()
    for leftover in unfinished.glob(f".*{PART_SUFFIX}"):
        leftover.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        unfinished.rmdir()


def _data(folder: Path) -> Path:
    return folder / UNFINISHED / "data"


def _changed(name: str, earlier: Any, now: Any) -> str:
    if isinstance(now, str) and re.fullmatch(r"[0-9a-f]{64}|", now):
        return f"{name} has changed"
    return f"{name} was {_short(earlier)}, now {_short(now)}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
