"""One file as output: asked before the work whether it can be written, and written whole."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from neuroninterp.durable import to_disk
from neuroninterp.errors import OutputError
from neuroninterp.results.staging import ASIDE_PREFIX

__all__ = ["prepare_file", "whole_file"]


def prepare_file(path: str | Path, endings: Sequence[str] = ()) -> Path:
    """Check, before any work is done, that a file can be written; an older one is replaced.

    Parameters
    ----------
    path : str or Path
        The file.
    endings : sequence of str
        Endings (".svg") that its name may have; any where empty.

    Returns
    -------
    Path
        The same, absolute.

    Raises
    ------
    OutputError
        If its ending is another, its folder is missing, it is a folder, or it cannot be
        written.
    """
    file = Path(os.path.abspath(Path(path).expanduser()))
    if endings and file.suffix.lower() not in endings:
        raise OutputError(f"output {file}: its name must end in {' or '.join(endings)}")
    if not file.parent.is_dir():
        raise OutputError(f"cannot write {file}: there is no folder {file.parent}; make it first")
    if file.is_dir():
        raise OutputError(f"cannot write {file}: it is a folder; name a file")
    with whole_file(file) as trial:
        trial.write_bytes(b"")
        trial.unlink()
    return file


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a name beside a file, with its ending, to write to.

    What was written there replaces the file at the end. Where the block raises, or writes
    nothing, the file stays as it was.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=ASIDE_PREFIX, dir=path.parent) as folder:
            aside = Path(folder) / path.name
            yield aside
            if aside.exists():
                to_disk(aside)
                aside.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
