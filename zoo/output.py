"""Where commands of the zoo may write, asked before the work is done, and files written whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neuroninterp.errors import OutputError

__all__ = [
    "aside",
    "cannot_write",
    "check_folder_of",
    "check_new",
    "make_folder",
    "output_errors",
    "write_text",
]


def check_new(path: Path, *, force: bool) -> None:
    """Make sure that a file can be made.

    Raises
    ------
    OutputError
        If it exists, unless it may be replaced (``force``), or its folder does not.
    """
    if path.exists() and not force:
        raise OutputError(f"{path} exists; give another name, or --force to replace it")
    check_folder_of(path)


def check_folder_of(path: Path) -> None:
    """Make sure that the folder of a file exists.

    Raises
    ------
    OutputError
        If it does not.
    """
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {path}: there is no folder {path.parent}; make it first")


def make_folder(folder: Path) -> None:
    """Make a folder, and those that it lies in, where they are missing.

    Raises
    ------
    OutputError
        If that fails.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error}") from error


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """Yield a name beside a file, to write to; the file is replaced once the block is left.

    Where the block raises, nothing is left of what it wrote.

    Raises
    ------
    OutputError
        If the file cannot be replaced.
    """
    temporary = path.with_name(f".{path.name}.partial")
    try:
        yield temporary
        with output_errors(path):
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Tell what fails inside as an OutputError: that the file cannot be written, and why."""
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: Exception) -> OutputError:
    """Return the error that says why a file cannot be written."""
    return OutputError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}")


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    with output_errors(path), aside(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
