"""What a file must give when it gives an answer; runs inside the worker."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

__all__ = ["judge_data", "judge_model", "judge_motifs", "judge_saved_model", "misbehave"]


def judge_model(path: Path) -> None:
    """Loading checks the graph against the file's own runtime."""
    from neuroninterp.models import load
    from neuroninterp.models.fidelity import TOLERANCE

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries; a damaged file may well cause some
        model = load(path, device="cpu")
    assert model.layers
    assert 0 <= model.fidelity <= TOLERANCE


def judge_saved_model(path: Path) -> None:
    """Judge the folder that one of a SavedModel's files lies in."""
    inside = path.parent
    judge_model(inside if inside.name == "net" else inside.parent)


def judge_data(path: Path) -> None:
    """Sequences are codes, one row a label."""
    from neuroninterp.sequences import read_sequences

    genome = path.parent / "genome.fa"
    found = read_sequences(path, length=None, genome=genome if ".bed" in path.suffixes else None)
    assert found.codes.dtype == np.uint8
    assert found.codes.ndim == 2
    assert found.codes.size
    assert found.codes.max() <= 4
    if found.labels is not None:
        assert len(found.labels) == len(found.codes)


def judge_motifs(path: Path) -> None:
    """Motifs are probabilities."""
    from neuroninterp.motifs.meme import read_meme

    motifs = read_meme(path)
    assert motifs
    for motif in motifs:
        assert motif.ppm.shape[1] == 4
        assert np.all(motif.ppm >= 0)
        np.testing.assert_allclose(motif.ppm.sum(axis=1), 1, atol=1e-3)


def misbehave(path: Path) -> None:
    """Go wrong as the file's name says, so that the watch can be tried."""
    if path.name == "hang":
        while True:
            pass
    if path.name == "crash":
        import ctypes

        ctypes.string_at(0)
    if path.name == "MemoryError":
        bytearray(2**40)
    if path.name == "ZeroDivisionError":
        _ = 1 / 0
    if path.name == "large":
        bytearray(100_000_000)
