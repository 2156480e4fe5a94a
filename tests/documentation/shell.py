"""A shell for the documentation: ``neuroninterp`` and scripts run in this process.

Blocks are run by bash as they stand. ``neuroninterp`` and ``python`` are small programs on its
path that pass what they are asked for to this process, where TensorFlow is loaded already.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import runpy
import selectors
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any
from unittest import mock

from matplotlib import pyplot

from neuroninterp.cli import main

__all__ = ["Shell"]

_FORWARD = """\
#!{python} -IS
import json, os, socket, sys
words = {words}
if words[0] == "python" and not words[1].endswith(".py"):
    os.execv({python!r}, words)
with socket.socket(socket.AF_UNIX) as here:
    here.connect({address!r})
    here.sendall(json.dumps([words, os.getcwd()]).encode() + b"\\n")
    out, err, code = json.loads(here.makefile("rb").read())
sys.stderr.write(err)
try:
    sys.stdout.write(out)
    sys.stdout.flush()
except BrokenPipeError:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
sys.exit(code)
"""


class Shell:
    """Runs commands and Python code in a folder; to be used as a context manager.

    Parameters
    ----------
    folder : Path
        Where to work.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = contextlib.ExitStack()
        self._names: dict[str, Any] = {"__name__": "__page__"}

    def __enter__(self) -> Shell:
        # Addresses of sockets must be short, which pytest's folders are not.
        place = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="docs-")))
        address = str(place / "socket")
        self._listener = self._stack.enter_context(socket.socket(socket.AF_UNIX))
        self._listener.bind(address)
        self._listener.listen()
        programs = place / "bin"
        programs.mkdir()
        for name in ("neuroninterp", "python"):
            program = programs / name
            words = f"[{name!r}, *sys.argv[1:]]"
            program.write_text(_FORWARD.format(python=sys.executable, words=words, address=address))
            program.chmod(0o755)
        self._path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A page that draws leaves its figures to be shown; here nobody looks at them.
        pyplot.close("all")
        self._stack.close()

    def run(self, commands: str) -> tuple[str, str, int]:
        """Run shell commands; return what they print, their errors, and the exit code."""
        environment = {**os.environ, "PATH": self._path, "COLUMNS": "100"}
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            process = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", commands],
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
            with process, selectors.DefaultSelector() as waiting:
                waiting.register(self._listener, selectors.EVENT_READ)
                while process.poll() is None:
                    for _ in waiting.select(timeout=0.02):
                        self._answer()
            out.seek(0)
            err.seek(0)
            return out.read(), err.read(), process.returncode

    def execute(self, code: str) -> str:
        """Run Python code, which knows what the code before it defined; return its output."""
        out = io.StringIO()
        with _working_in(self._folder), contextlib.redirect_stdout(out):
            exec(compile(code, "<page>", "exec"), self._names)
        return out.getvalue()

    def _answer(self) -> None:
        """Do what one program was asked for."""
        asked, _ = self._listener.accept()
        with asked:
            words, folder = json.loads(asked.makefile("rb").readline())
            answer = _in_this_process(words, folder)
            asked.sendall(json.dumps(answer).encode())


@contextlib.contextmanager
def _working_in(folder: str | Path) -> Iterator[None]:
    """Change the working folder for a while; ``contextlib.chdir`` needs Python 3.11."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _in_this_process(words: list[str], folder: str) -> tuple[str, str, int]:
    out, err = io.StringIO(), io.StringIO()
    arguments = words if words[0] == "neuroninterp" else words[1:]
    code: Any = 0
    with (
        _working_in(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", arguments),
        mock.patch.dict(os.environ, {"COLUMNS": "100"}),
    ):
        try:
            if words[0] == "neuroninterp":
                main()
            else:
                runpy.run_path(words[1], run_name="__main__")
        except SystemExit as end:
            code = end.code
            if isinstance(code, str):
                err.write(f"{code}\n")
                code = 1
        except Exception:
            err.write(traceback.format_exc())
            code = 1
    return out.getvalue(), err.getvalue(), code or 0
