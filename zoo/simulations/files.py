"""Simulated data as HDF5 files in the layout of Koo & Eddy's released data."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neuroninterp.errors import DataError, OutputError, UnknownNameError
from zoo.simulations import koo_eddy

__all__ = ["SPLITS", "write_koo_eddy"]

SPLITS: dict[str, float] = {"train": 0.7, "valid": 0.1, "test": 0.2}
"""Share of the sequences in each part."""

SCHEMA = "koo-eddy-synthetic/1"


def write_koo_eddy(
    path: str | Path,
    *,
    n: int = 25_000,
    seed: int = 0,
    splits: Sequence[str] = tuple(SPLITS),
    limit: int | None = None,
    models: bool = True,
    force: bool = False,
) -> dict[str, int]:
    """Simulate the data set of Koo & Eddy 2019 and write it to an HDF5 file.

    Keys ``X_train`` (N, 4, 200) and ``Y_train`` (N, 12), both uint8, ``model_train``
    (N, 4, 200) float32, and likewise for ``valid`` and ``test``; ``class_names`` (12,); seed
    and number of sequences as root attributes. The parts are the same whichever are written.

    Parameters
    ----------
    path : str or Path
        The file to write.
    n : int
        Number of sequences in all three parts.
    seed : int
        Of the random numbers.
    splits : sequence of str
        Parts to write.
    limit : int, optional
        Largest number of sequences in each part; the first ones are kept.
    models : bool
        Whether to write the probability of each base too (four fifths of the file).
    force : bool
        Whether to replace a file that exists.

    Returns
    -------
    dict of str to int
        Number of sequences written for each part.

    Raises
    ------
    OutputError
        If the file exists, or cannot be written.
    DataError
        If ``n`` is too small to fill the three parts, ``limit`` is not positive, or ``seed``
        is negative.
    UnknownNameError
        If a part does not exist.
    """
    path = Path(path)
    if path.exists() and not force:
        raise OutputError(f"{path} exists; give another name, or --force to replace it")
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {path}: there is no folder {path.parent}; make it first")
    if n < 10:
        raise DataError(f"{n} sequences cannot be split 70 : 10 : 20; simulate at least 10")
    if limit is not None and limit < 1:
        raise DataError(f"cannot write {limit} sequences; give at least 1")
    if seed < 0:
        raise DataError(f"seed is {seed}; expected 0 or more")
    for name in splits:
        if name not in SPLITS:
            raise UnknownNameError("part", name, tuple(SPLITS))
    data = koo_eddy.simulate(n, np.random.default_rng(seed))
    parts = {name: _part(data, name)[:limit] for name in splits}
    temporary = path.with_name(f".{path.name}.partial")
    try:
        _write(temporary, parts, models=models, attributes={"n": n, "seed": seed})
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return {name: len(part) for name, part in parts.items()}


def _part(data: koo_eddy.Simulation, name: str) -> koo_eddy.Simulation:
    """Cut one part; sequences are drawn independently, so their order is already random."""
    bounds = np.rint(np.cumsum([0.0, *SPLITS.values()]) * len(data)).astype(int)
    index = list(SPLITS).index(name)
    return data[bounds[index] : bounds[index + 1]]


def _write(
    path: Path,
    parts: dict[str, koo_eddy.Simulation],
    *,
    models: bool,
    attributes: dict[str, int],
) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["schema"] = SCHEMA
        file.attrs["source"] = "Koo & Eddy 2019, doi:10.1371/journal.pcbi.1007560"
        file.attrs["motifs"] = ", ".join(koo_eddy.MOTIF_IDS.values())
        file.attrs["layout"] = "X (N, 4, L), ACGT; Y (N, class)"
        file.attrs.update(attributes)
        file.create_dataset("class_names", data=list(koo_eddy.CLASS_NAMES))
        for name, part in parts.items():
            arrays = {"X": part.one_hot(), "Y": part.labels}
            if models:
                arrays["model"] = part.model()
            for kind, array in arrays.items():
                file.create_dataset(
                    f"{kind}_{name}",
                    data=array,
                    compression="gzip",
                    compression_opts=4,
                    chunks=(min(len(array), 500), *array.shape[1:]),
                    shuffle=True,
                )
