"""A disk that is full, for a process of its own.

Where this process may mount, it is a small file system in memory that is then filled up; elsewhere
the system refuses files beyond a few kilobytes, which fails at the same calls.

    python full_disk.py FOLDER KILOBYTES

is that process: it writes results to the disk, then once more with less room than they take, and
prints as JSON what it was told each time, and whether the earlier ones stayed as they were.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

_MEBIBYTES = 3
_SCRIPT = 'mount -t tmpfs -o size="$0"m tmpfs "$1" || exit 77; shift; exec "$@"'
_NOT_PERMITTED = (1, 77)


def on_full_disk(folder: Path, kilobytes: int) -> subprocess.CompletedProcess[str]:
    """Run this module with a folder on a disk of its own that has so much room in the end."""
    command = [sys.executable, __file__, str(folder), str(kilobytes)]
    mounted = ["unshare", "-m", "sh", "-c", _SCRIPT, str(_MEBIBYTES), str(folder), *command]
    done = subprocess.run(mounted, capture_output=True, text=True, check=False)
    if done.returncode in _NOT_PERMITTED and not done.stdout:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done


def main() -> None:
    """Write, fill the disk, write again, and tell."""
    from example_result import example_result

    from neuroninterp.errors import OutputError
    from neuroninterp.results import Unfinished, write_results, write_snapshot

    disk, kilobytes = Path(sys.argv[1]), int(sys.argv[2])
    result = example_result()
    partial = replace(result, unfinished=Unfinished(1, 3, "Two neurons of layer 2."))
    output = disk / "run"
    write_results(result, output)
    write_snapshot(partial, output)
    before = _tree(output)
    _fill(disk, kilobytes)
    told = []
    for write in (lambda: write_results(result, output), lambda: write_snapshot(partial, output)):
        try:
            write()
        except OutputError as error:
            told.append(str(error))
    print(json.dumps({"told": told, "as_before": _tree(output) == before}))


def _tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _fill(disk: Path, kilobytes: int) -> None:
    if disk.is_mount():
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        (disk / "filled").write_bytes(bytes(free - 1024 * kilobytes))
    else:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * kilobytes, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main()
