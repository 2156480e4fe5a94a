"""The command in processes of its own that start quickly: copies of one that has imported all.

Run as a script it reads lines of JSON, each the arguments of a command, and answers on standard
output: ``begun PID`` and, when that has ended, ``ended PID STATUS``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path


class Command:
    """A command under way."""

    def __init__(self, pid: int, errors: Path) -> None:
        self.pid = pid
        self._errors = errors
        self._ended = threading.Event()
        self._status = 0

    def end(self, status: int) -> None:
        """Note how it ended."""
        self._status = status
        self._ended.set()

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return not self._ended.is_set()

    def send(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self, seconds: float = 300.0) -> int:
        """Return its exit code, negative for a signal."""
        assert self._ended.wait(seconds), "the command did not end"
        return os.waitstatus_to_exitcode(self._status)

    @property
    def errors(self) -> str:
        """What it wrote to standard error."""
        return self._errors.read_text(encoding="utf-8")


class Zygote:
    """Starts commands."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._commands: dict[int, Command] = {}
        self._begun = threading.Condition()
        self._latest: Command | None = None
        self._number = 0
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def start(self, *words: object) -> Command:
        """Start ``neuroninterp`` with some arguments."""
        self._number += 1
        errors = self._folder / f"errors-{self._number}.txt"
        errors.touch()
        assert self._process.stdin is not None
        with self._begun:
            self._latest = None
            order = {"arguments": [str(word) for word in words], "errors": str(errors)}
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            assert self._begun.wait_for(lambda: self._latest is not None, 120)
            assert self._latest is not None
            self._latest._errors = errors
            return self._latest

    def run(self, *words: object) -> Command:
        """Run it to its end."""
        command = self.start(*words)
        command.wait()
        return command

    def close(self) -> None:
        """End it, and all that still runs."""
        for command in self._commands.values():
            if command.running:
                command.send(signal.SIGKILL)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with suppress(ValueError):
            for line in self._process.stdout:
                word, pid, *rest = line.split()
                with self._begun:
                    if word == "begun":
                        self._latest = self._commands[int(pid)] = Command(int(pid), Path())
                        self._begun.notify()
                    else:
                        self._commands[int(pid)].end(int(rest[0]))


def _serve() -> None:
    for module in ("h5py", "keras", "memelite", "pandas", "pyjaspar", "tensorflow"):
        import_module(module)
    import_module("neuroninterp.analysis")
    say = threading.Lock()

    def told(line: str) -> None:
        with say:
            os.write(1, (line + "\n").encode())

    def follow(pid: int) -> None:
        told(f"ended {pid} {os.waitpid(pid, 0)[1]}")

    for line in sys.stdin:
        order = json.loads(line)
        with say:
            pid = os.fork()
            if not pid:
                _become(order)
        told(f"begun {pid}")
        threading.Thread(target=follow, args=(pid,), daemon=True).start()
    while threading.active_count() > 1:
        time.sleep(0.05)


def _become(order: dict[str, object]) -> None:
    """Be the command; never returns."""
    import keras

    from neuroninterp.cli import main

    os.setsid()
    # Of a shell's background jobs Ctrl-C is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nowhere, number)
    # TensorFlow speaks when it begins; the command imports it in silence.
    keras.ops.zeros((1,))
    os.dup2(os.open(str(order["errors"]), os.O_WRONLY), 2)
    sys.argv = ["neuroninterp", *order["arguments"]]  # type: ignore[misc]
    code: object = 1
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    _serve()
