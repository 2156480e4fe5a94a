"""Many trials in one call: several networks, several seeds, several processes at once.

Trial K of a network is the one with seed K; it lies in the folder ``trial-K``. On a CPU one
process a core with one thread each trains more networks an hour than one process with many
threads, because the layers are too small to share; on a GPU a few processes at a time fill
the gaps that each leaves between its steps.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from neuroninterp.backend import resolve_device
from neuroninterp.errors import NeuroninterpError, OutputError
from zoo import catalogue
from zoo.checkpoints import read_progress
from zoo.datasets.training_data import open_training_data
from zoo.records import read_record
from zoo.trial_progress import TrialDisplay, TrialStatus

__all__ = ["Trial", "TrialSettings", "default_jobs", "train_trials"]

_AT_ONCE_ON_GPU = 4
_LOOK_EVERY = 0.5
"""Seconds between looks at the running processes."""


@dataclass(frozen=True)
class Trial:
    """One training run of one network.

    Parameters
    ----------
    name : str
        Name of the network.
    number : int
        From 1; also the seed.
    folder : Path
        Where its files are: ``NAME.keras``, ``NAME.onnx``, ``NAME.json``.
    """

    name: str
    number: int
    folder: Path

    @property
    def record(self) -> Path:
        """The record of the finished trial."""
        return self.folder / f"{self.name}.json"

    @property
    def network(self) -> Path:
        """The trained network, as a Keras file."""
        return self.folder / f"{self.name}.keras"

    def __str__(self) -> str:
        return f"{self.name}, trial {self.number}"


@dataclass(frozen=True)
class TrialSettings:
    """What all trials of a call have in common; see :func:`zoo.training.train`."""

    epochs: int = 100
    patience: int | None = None
    batch_size: int | None = None
    protocol: str = "released"
    device: str = "auto"


def train_trials(
    names: Sequence[str],
    data: str | Path,
    output: str | Path,
    *,
    trials: int,
    settings: TrialSettings | None = None,
    jobs: int | None = None,
    verbose: bool = True,
) -> list[Trial]:
    """Train the trials that are missing; interrupted ones continue where they were.

    Parameters
    ----------
    names : sequence of str
        Networks of the zoo.
    data : str or Path
        HDF5 file with keys X_train, Y_train, X_valid, …
    output : str or Path
        Folder; trial K goes to ``trial-K`` in it.
    trials : int
        Trials of each network: the seeds are 1 to this.
    settings : TrialSettings or None
        Protocol, epochs, device; the paper's for None.
    jobs : int or None
        Processes at once; :func:`default_jobs` for None.
    verbose : bool
        Whether to show progress.

    Returns
    -------
    list of Trial
        All of them, trial by trial, in the order of the names; all are trained.

    Raises
    ------
    UnknownNameError
        If a network or the protocol does not exist.
    DataError
        If the data cannot be read.
    OutputError
        If a finished trial there was trained otherwise.
    NeuroninterpError
        If an argument is out of range, or a training process fails; the others can be
        continued by the same call.
    """
    settings = settings or TrialSettings()
    rows = {name: catalogue.network(name, settings.protocol) for name in names}
    for row in rows.values():
        catalogue.training_of(row, settings.protocol)
    if trials < 1:
        raise NeuroninterpError(f"trials is {trials}; expected at least 1")
    if jobs is not None and jobs < 1:
        raise NeuroninterpError(f"jobs is {jobs}; expected at least 1")
    every = [
        Trial(name, number, Path(output) / f"trial-{number}")
        for number in range(1, trials + 1)
        for name in rows
    ]
    _check_finished(every, rows, settings, open_training_data(data).sha256)
    missing = [trial for trial in every if not trial.record.exists()]
    # The longest first, so that the last processes end together.
    missing.sort(key=lambda trial: (trial.number, -_cost(rows[trial.name])))
    if missing:
        device = resolve_device(settings.device)
        at_once = min(jobs or default_jobs(device), len(missing))
        _run_all(missing, Path(data), settings, at_once, device, verbose=verbose)
    return every


def default_jobs(device: str) -> int:
    """Return how many trials to train at once: one a core, or four on a GPU."""
    return _AT_ONCE_ON_GPU if device == "gpu" else _cores()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cost(row: catalogue.Row) -> float:
    """Return the multiplications of one sequence's forward pass, to order the trials."""
    length, channels, total = row.length, 4, 0.0
    for block in row.blocks:
        total += length * block.kernel * channels * block.filters
        length, channels = block.output_length(length), block.filters
    return total


def _check_finished(
    trials: Iterable[Trial],
    rows: dict[str, catalogue.Row],
    settings: TrialSettings,
    sha256: str,
) -> None:
    """Make sure that the trials which are there already are what would be trained now."""
    for trial in trials:
        if not trial.record.exists():
            continue
        row = rows[trial.name]
        protocol = catalogue.training_of(row, settings.protocol)
        wanted: dict[str, Any] = {
            "seed": trial.number,
            "epochs": settings.epochs,
            "patience": settings.patience or protocol.patience_of(settings.epochs),
            "batch_size": settings.batch_size or catalogue.batch_size_of(row),
            "data_sha256": sha256,
        }
        record = read_record(trial.record)
        found = {key: record.get(key) for key in wanted}
        found["protocol"] = (record.get("protocol") or {}).get("name")
        wanted["protocol"] = settings.protocol
        for key, value in wanted.items():
            if found[key] != value:
                raise OutputError(
                    f"{trial.record} was trained with {key} {found[key]!r}, now {value!r}; give "
                    "another folder, or the same settings"
                )


@dataclass(eq=False)
class _Running:
    """A training process and where it writes what it says."""

    trial: Trial
    process: subprocess.Popen[bytes]
    said: IO[bytes]

    def status(self) -> TrialStatus:
        history = read_progress(self.trial.folder, self.trial.name)
        return TrialStatus(str(self.trial), history)

    def complaint(self) -> str:
        """Return the last line that the process wrote: its error."""
        self.said.seek(0)
        lines = self.said.read().decode(errors="replace").strip().splitlines()
        return lines[-1].removeprefix("Error: ") if lines else "no message"

    def close(self) -> None:
        """Wait for the process and release its pipes."""
        self.process.communicate()
        self.said.close()


def _run_all(
    missing: Sequence[Trial],
    data: Path,
    settings: TrialSettings,
    at_once: int,
    device: str,
    *,
    verbose: bool,
) -> None:
    """Keep as many processes busy as asked until all trials are trained."""
    waiting = list(missing)
    environment = _environment(at_once, device)
    with _processes() as running, TrialDisplay(len(missing), settings.epochs, verbose) as display:
        while waiting or running:
            while waiting and len(running) < at_once:
                running.append(_start(waiting.pop(0), data, settings, environment))
            time.sleep(_LOOK_EVERY)
            for done in [item for item in running if item.process.poll() is not None]:
                if done.process.returncode:
                    raise NeuroninterpError(f"training {done.trial}: {done.complaint()}")
                running.remove(done)
                done.close()
                display.finished(done.trial.record)
            display.show([item.status() for item in running])


@contextmanager
def _processes() -> Iterator[list[_Running]]:
    """Hold the running processes; none outlives the block. A stopped trial can be continued."""
    running: list[_Running] = []
    try:
        yield running
    finally:
        for item in running:
            item.process.terminate()
        for item in running:
            item.close()


def _start(
    trial: Trial, data: Path, settings: TrialSettings, environment: dict[str, str]
) -> _Running:
    optional: dict[str, Any] = {
        "--patience": settings.patience,
        "--batch-size": settings.batch_size,
    }
    arguments = [
        *("zoo", "train", trial.name, "--data", str(data), "-o", str(trial.folder)),
        *("--seed", str(trial.number), "--epochs", str(settings.epochs), "--quiet"),
        # Ends with this process, however that ends: its input closes then.
        "--while-input-open",
        *("--protocol", settings.protocol, "--device", settings.device),
        *(word for key, value in optional.items() if value for word in (key, str(value))),
    ]
    said = tempfile.TemporaryFile()  # noqa: SIM115  (it is read and closed when the process ends)
    process = subprocess.Popen(
        [sys.executable, "-m", "neuroninterp", *arguments],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=said,
    )
    return _Running(trial, process, said)


def _environment(at_once: int, device: str) -> dict[str, str]:
    """Return the environment of the processes: fair shares of the cores and of the GPU."""
    environment = dict(os.environ)
    # The processes import what this one has imported, wherever that lies.
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    if device == "gpu":
        environment["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
        environment["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
        return environment
    threads = max(1, _cores() // at_once)
    for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        environment[name] = str(threads)
    environment["TF_NUM_INTEROP_THREADS"] = "1"
    if threads == 1:
        flags = environment.get("XLA_FLAGS", "")
        environment["XLA_FLAGS"] = f"{flags} --xla_cpu_multi_thread_eigen=false".strip()
    return environment
