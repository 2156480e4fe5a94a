"""Write files aside, bring them to the disk, and move them into place.

What stands in its place is whole even after the power went out: a file is on the disk before it
gets its name.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from neuroninterp.durable import to_disk

__all__ = ["ASIDE_PREFIX", "staged"]

ASIDE_PREFIX = ".neuroninterp-"
"""Names of folders that hold files not yet, or no longer, in place."""


@contextlib.contextmanager
def staged(folder: Path, names: Sequence[str], *, tidy: bool = True) -> Iterator[Path]:
    """Yield a hidden folder to write into; on success its entries replace those of ``folder``.

    It lies inside ``folder``, so that every move is a rename on one file system, even where
    ``folder`` is a mount point or the current directory. Other entries of ``folder`` are
    left alone.

    Parameters
    ----------
    folder : Path
        Where the entries shall stand; created where missing.
    names : sequence of str
        All entries that belong to the set, the ones that mark it as whole last: these leave
        first and arrive last, so that an interruption never leaves them beside other runs'
        files.
    tidy : bool
        Remove what interrupted calls left aside. False where another process may be at work in
        the folder: what it has aside looks the same.

    Yields
    ------
    Path
        An empty folder.

    Raises
    ------
    OSError
        If the folder cannot be made or written to.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _aside(folder) as stage:
            yield stage
            to_disk(stage)
            _replace(stage, folder, names)
    except BaseException:
        for path in missing:
            with contextlib.suppress(OSError):
                path.rmdir()
        raise
    to_disk(folder, inside=False)
    for leftover in folder.glob(f"{ASIDE_PREFIX}*") if tidy else ():
        shutil.rmtree(leftover, ignore_errors=True)


def _replace(stage: Path, folder: Path, names: Sequence[str]) -> None:
    """Move old entries out and new ones in; put everything back if a move fails."""
    with _aside(folder) as retired:
        moves = [(folder / name, retired / name) for name in reversed(names)]
        moves += [(stage / name, folder / name) for name in names]
        done: list[tuple[Path, Path]] = []
        try:
            for source, target in moves:
                if source.exists():
                    source.rename(target)
                    done.append((source, target))
        except BaseException:
            for source, target in reversed(done):
                target.rename(source)
            raise


@contextlib.contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix=ASIDE_PREFIX, dir=folder))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
