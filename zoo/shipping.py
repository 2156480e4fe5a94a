"""Puts trained networks among those that ship with the zoo.

    python -m zoo.shipping RUNS/trial-1 [NAME ...]

To be run with the oldest Keras that the project supports, because a newer one writes
arguments that older ones refuse. No weight changes: the network is built anew from its record
and given the trained weights.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neuroninterp.backend import import_keras
from neuroninterp.errors import OutputError
from neuroninterp.sequences.coding import one_hot
from zoo import catalogue
from zoo.export import check_export
from zoo.pretrained import WEIGHTS
from zoo.records import read_record

__all__ = ["ship"]

LARGEST = 1_000_000
"""Bytes that a network's file may have."""


def ship(runs: str | Path, names: Sequence[str] = (), *, folder: Path = WEIGHTS) -> list[Path]:
    """Copy trained networks and their records to a folder, small and for every Keras.

    Parameters
    ----------
    runs : str or Path
        Folder of trained networks: ``NAME.keras``, ``NAME.onnx`` and ``NAME.json``.
    names : sequence of str
        Which; all that the zoo knows by name for none.
    folder : Path
        Where to.

    Returns
    -------
    list of Path
        The networks' files.

    Raises
    ------
    OutputError
        If a record is missing, or a file would be larger than a megabyte.
    FidelityError
        If a network does not compute what its ONNX file does.
    """
    runs = Path(runs)
    found = names or [name for name in catalogue.names() if (runs / f"{name}.json").exists()]
    return [_ship_one(runs, name, folder) for name in found]


def _ship_one(runs: Path, name: str, folder: Path) -> Path:
    keras = import_keras()
    record = read_record(runs / f"{name}.json")
    built = catalogue.build(
        name, classes=len(record["test"]["classes"]), protocol=record["protocol"]["name"]
    )
    # Not compiled, so without its optimiser, whose state is twice the weights.
    model = keras.Model(built.input, built.output, name=built.name)
    # The weights alone: what a newer Keras says about them an older one may not understand.
    model.load_weights(runs / f"{name}.keras")
    codes = np.random.default_rng(0).integers(0, 4, (8, model.input_shape[1]), np.uint8)
    check_export(model, runs / f"{name}.onnx", one_hot(codes))
    with tempfile.TemporaryDirectory() as temporary:
        plain, packed = (Path(temporary) / file for file in ("plain.keras", "packed.keras"))
        model.save(plain)
        _pack(plain, packed)
        size = packed.stat().st_size
        if size >= LARGEST:
            raise OutputError(f"{name}.keras would have {size:,} bytes, expected under {LARGEST:,}")
        shutil.copyfile(packed, folder / f"{name}.keras")
    shutil.copyfile(runs / f"{name}.json", folder / f"{name}.json")
    return folder / f"{name}.keras"


def _pack(plain: Path, packed: Path) -> None:
    """Compress the members of a Keras file, which Keras stores as they are."""
    with (
        zipfile.ZipFile(plain) as source,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target,
    ):
        for member in source.infolist():
            # A fixed date, so that the same network gives the same bytes.
            entry = zipfile.ZipInfo(member.filename)
            target.writestr(entry, source.read(member), zipfile.ZIP_DEFLATED, compresslevel=9)


if __name__ == "__main__":
    for shipped in ship(sys.argv[1], sys.argv[2:]):
        print(f"{shipped.name}: {shipped.stat().st_size:,} bytes")
