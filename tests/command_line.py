"""The command line in tests: a small network in a file, and what a refusal looks like."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np

from neuroninterp.backend import import_keras

Run = Callable[..., "subprocess.CompletedProcess[str]"]
"""The fixture ``run_here``: runs the command in this process."""

CONSENSUS = ("TGACTCA", "CACGTG")
"""What the two living neurons of the small network's first layer respond to."""


def assert_one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit code 2, one line on standard error that names what was wrong, no traceback."""
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("Error: ")
    for word in words:
        assert word in lines[0], lines[0]


def small_model(path: Path) -> Path:
    """Write a network whose first layer holds :data:`CONSENSUS` and a dead neuron.

    The second layer's neuron 0 wants both, either first; neuron 1 only the second.
    """
    keras = import_keras()
    kernel = np.full((8, 4, 3), -1.0, np.float32)
    for neuron, word in enumerate(CONSENSUS):
        for position, base in enumerate(word):
            kernel[position, "ACGT".index(base), neuron] = 1.0
        kernel[len(word) :, :, neuron] = 0.0
    first = keras.layers.Conv1D(3, 8, activation="relu", name="scan")
    second = keras.layers.Conv1D(2, 3, activation="relu", name="join")
    network = keras.Sequential(
        [
            keras.Input((40, 4)),
            first,
            keras.layers.MaxPooling1D(4),
            second,
            keras.layers.GlobalMaxPooling1D(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    first.set_weights([kernel, np.array([-2.0, -1.0, -100.0], np.float32)])
    joined = np.zeros((3, 3, 2), np.float32)
    joined[:, 0, 0] = joined[:, 1, 0] = joined[1, 1, 1] = 1.0
    second.set_weights([joined, np.array([-3.0, -1.0], np.float32)])
    network.save(path)
    return path
