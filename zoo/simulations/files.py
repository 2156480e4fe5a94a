"""Simulated data as HDF5 files in the layout of Koo & Eddy's released data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neuroninterp.errors import DataError, UnknownNameError
from zoo.data import LAYOUT
from zoo.hdf5_file import new_hdf5
from zoo.output import check_new
from zoo.simulations import koo_eddy, neuronmotif

__all__ = ["SIMULATIONS", "SPLITS", "write_koo_eddy", "write_simulation"]

SPLITS: dict[str, float] = {"train": 0.7, "valid": 0.1, "test": 0.2}
"""Share of the sequences in each part."""

_Truth = koo_eddy.Simulation | neuronmotif.Toy1Simulation | neuronmotif.Toy2Simulation


@dataclass(frozen=True)
class _Simulation:
    """A data set that can be simulated: how, how much of it, and what its file says."""

    simulate: Callable[..., Any]
    sequences: int
    schema: str
    source: str
    motifs: tuple[str, ...]
    class_names: tuple[str, ...]


SIMULATIONS: dict[str, _Simulation] = {
    "koo-eddy": _Simulation(
        koo_eddy.simulate,
        sequences=25_000,
        schema="koo-eddy-synthetic/1",
        source="Koo & Eddy 2019, doi:10.1371/journal.pcbi.1007560",
        motifs=tuple(koo_eddy.MOTIF_IDS.values()),
        class_names=koo_eddy.CLASS_NAMES,
    ),
    "toy-1": _Simulation(
        neuronmotif.simulate_toy_1,
        sequences=4_000,
        schema="neuronmotif-toy-1/1",
        source="NeuronMotif, Wei et al. 2021, doi:10.1101/2021.02.10.430606",
        motifs=(neuronmotif.ZEB1_ID,),
        class_names=neuronmotif.ZEB1_CLASS_NAMES,
    ),
    "toy-2": _Simulation(
        neuronmotif.simulate_toy_2,
        sequences=20_000,
        schema="neuronmotif-toy-2/1",
        source="NeuronMotif, Wei et al. 2021, doi:10.1101/2021.02.10.430606",
        motifs=(neuronmotif.MOTIF_ID,),
        class_names=neuronmotif.CLASS_NAMES,
    ),
}
"""The data sets by name."""


def write_koo_eddy(path: str | Path, *, n: int = 25_000, **settings: Any) -> dict[str, int]:
    """Simulate the data set of Koo & Eddy 2019: :func:`write_simulation` of "koo-eddy"."""
    return write_simulation("koo-eddy", path, n=n, **settings)


def write_simulation(
    name: str,
    path: str | Path,
    *,
    n: int | None = None,
    seed: int = 0,
    splits: Sequence[str] = tuple(SPLITS),
    limit: int | None = None,
    models: bool = True,
    buffer: int = 0,
    force: bool = False,
) -> dict[str, int]:
    """Simulate a data set and write it to an HDF5 file.

    Keys ``X_train`` (N, 4, length) and ``Y_train`` (N, classes), both uint8, ``model_train``
    (N, 4, length) float32, and likewise for ``valid`` and ``test``; ``class_names``
    (classes,); seed and number of sequences as root attributes. The parts are the same
    whichever are written.

    Parameters
    ----------
    name : str
        "koo-eddy" (200 bp, 12 classes), "toy-1" (8 bp, one class) or "toy-2" (82 bp, one class).
    path : str or Path
        The file to write.
    n : int or None
        Number of sequences in all three parts; as many as the paper's for None.
    seed : int
        Of the random numbers.
    splits : sequence of str
        Parts to write.
    limit : int, optional
        Largest number of sequences in each part; the first ones are kept.
    models : bool
        Whether to write the probability of each base too (four fifths of the file).
    buffer : int
        Of "koo-eddy": fewest positions between sites, and at the ends, bp.
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
        If the data set or a part does not exist.
    """
    path = Path(path)
    if name not in SIMULATIONS:
        raise UnknownNameError("simulation", name, tuple(SIMULATIONS))
    simulation = SIMULATIONS[name]
    n = simulation.sequences if n is None else n
    check_new(path, force=force)
    if n < 10:
        raise DataError(f"{n} sequences cannot be split 70 : 10 : 20; simulate at least 10")
    if limit is not None and limit < 1:
        raise DataError(f"cannot write {limit} sequences; give at least 1")
    if seed < 0:
        raise DataError(f"seed is {seed}; expected 0 or more")
    for split in splits:
        if split not in SPLITS:
            raise UnknownNameError("part", split, tuple(SPLITS))
    settings: dict[str, int] = {}
    if buffer:
        if name != "koo-eddy":
            raise DataError(f"simulation {name!r} knows no buffer; only koo-eddy does")
        settings["buffer"] = buffer
    data = simulation.simulate(n, np.random.default_rng(seed), **settings)
    parts = {split: _part(data, split)[:limit] for split in splits}
    attributes = {"n": n, "seed": seed, **settings}
    with new_hdf5(path) as new, new.writing():
        _fill(new.content, simulation, parts, models=models, attributes=attributes)
    return {split: len(part) for split, part in parts.items()}


def _part(data: Any, name: str) -> Any:
    """Cut one part; sequences are in random order already."""
    bounds = np.rint(np.cumsum([0.0, *SPLITS.values()]) * len(data)).astype(int)
    index = list(SPLITS).index(name)
    return data[bounds[index] : bounds[index + 1]]


def _fill(
    file: Any,
    simulation: _Simulation,
    parts: dict[str, _Truth],
    *,
    models: bool,
    attributes: dict[str, int],
) -> None:
    file.attrs["schema"] = simulation.schema
    file.attrs["source"] = simulation.source
    file.attrs["motifs"] = ", ".join(simulation.motifs)
    file.attrs["layout"] = LAYOUT
    file.attrs.update(attributes)
    file.create_dataset("class_names", data=list(simulation.class_names))
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
