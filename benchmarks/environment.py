"""On what a benchmark ran: machine, device, backend, versions, commit, date."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from neuroninterp.backend import device_in_use, import_keras

__all__ = ["environment"]

_PACKAGES = ("keras", "tensorflow", "jax", "numpy", "scikit-learn")


def environment() -> dict[str, Any]:
    """Describe this process; the backend must have been imported.

    Returns
    -------
    dict
        ``date``, ``commit``, ``machine``, ``cores``, ``threads`` (None: as many as cores),
        ``device``, ``backend`` and ``versions``.
    """
    return {
        "date": date.today().isoformat(),
        "commit": _commit(),
        "machine": _processor(),
        "cores": _cores(),
        "threads": os.environ.get("TF_NUM_INTRAOP_THREADS"),
        "device": _device(),
        "backend": import_keras().backend.backend(),
        "versions": {"python": platform.python_version(), **_versions()},
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _commit() -> str:
    """Return the commit of the source tree, with a note where files differ from it."""
    root = Path(__file__).parents[1]
    try:
        answers = [
            subprocess.run(
                ["git", "--no-optional-locks", *command],
                cwd=root,
                capture_output=True,
                text=True,
                check=True,
            ).stdout.strip()
            for command in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain"])
        ]
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return answers[0] + (" with changes" if answers[1] else "")


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _device() -> str:
    """Return "CPU", or the name of the GPU."""
    if device_in_use() == "cpu":
        return "CPU"
    if import_keras().backend.backend() == "jax":
        import jax

        return str(jax.devices()[0].device_kind)
    import tensorflow

    gpu = tensorflow.config.list_physical_devices("GPU")[0]
    details = tensorflow.config.experimental.get_device_details(gpu)
    return str(details.get("device_name", "GPU"))
