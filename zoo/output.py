"""Where commands of the zoo may write, asked before the work is done."""

from __future__ import annotations

from pathlib import Path

from neuroninterp.errors import OutputError

__all__ = ["check_folder_of", "check_new", "make_folder"]


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
