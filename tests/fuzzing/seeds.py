"""Small sound files of every format, to be damaged."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from conformance import keras_networks, onnx_networks
from scipy.io import savemat

__all__ = [
    "data_files",
    "keras_files",
    "keras_weights",
    "motif_files",
    "onnx_files",
    "saved_model_files",
]

LENGTH = 20
FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "onnx"

GENOME = ">chr1\n" + "ACGTTGCAAC\n" * 6 + ">chr2\n" + "GATTACA\n" * 4
BED = "".join(f"chr1\t{i * 7}\t{i * 7 + 9}\tpeak{i}\t0\t{'+-'[i % 2]}\n" for i in range(6))
MOTIFS = """\
MEME version 4

ALPHABET= ACGT

strands: + -

Background letter frequencies
A 0.25 C 0.25 G 0.25 T 0.25

MOTIF MA0001.1 first
letter-probability matrix: alength= 4 w= 3 nsites= 20 E= 0
 0.1 0.2 0.3 0.4
 1.0 0.0 0.0 0.0
 0.25 0.25 0.25 0.25

MOTIF MA0002.1
letter-probability matrix: alength= 4 w= 2 nsites= 7 E= 1e-3
 0.5 0.5 0.0 0.0
 0.0 0.0 0.5 0.5
"""


def onnx_files() -> dict[str, bytes]:
    """Return ONNX models by name: exporters' and plain ones."""
    exported = ("dynamo/basset", "torchscript/spliceai", "dynamo/squeeze_and_excite", "quantized")
    found = {name: (FIXTURES / f"{name}.onnx").read_bytes() for name in exported}
    for opset in (9, 17):
        found[f"opset {opset}"] = onnx_networks.two_layers(opset).SerializeToString()
    for name in ("dummy_axes", "gathered", "constant_nodes", "half_precision"):
        model = onnx_networks.NETWORKS[name]()
        if not model.graph.initializer:
            # The changes of weights need one.
            model.graph.initializer.add(name="spare", data_type=1, dims=[1], float_data=[1.0])
        found[name] = model.SerializeToString()
    return found


def keras_files(folder: Path) -> dict[str, bytes]:
    """Return Keras models by file name."""
    found = {}
    for name, suffix in (("chain", ".keras"), ("chain", ".h5"), ("residual", ".keras")):
        path = keras_networks.saved(name, suffix)(folder)
        found[f"{name}{suffix}"] = path.read_bytes()
    found["model.json"] = keras_networks.NETWORKS["chain"]().to_json().encode()
    return found


def keras_weights(folder: Path) -> bytes:
    """Return the weights that belong to ``model.json``."""
    path = folder / "model.weights.h5"
    keras_networks.NETWORKS["chain"]().save_weights(path)
    return path.read_bytes()


def saved_model_files(folder: Path) -> dict[str, bytes]:
    """Return the files of a SavedModel by their paths, its folder ``net`` included."""
    keras_networks.NETWORKS["chain"]().export(folder / "net", verbose=False)
    paths = sorted(path for path in (folder / "net").rglob("*") if path.is_file())
    kept = [path for path in paths if path.name != "fingerprint.pb"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept}


def data_files() -> dict[str, bytes]:
    """Return data files by file name, FASTA and BED included."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (5, LENGTH))
    one_hot = np.eye(4, dtype=np.float32)[codes]
    labels = rng.integers(0, 2, (5, 3)).astype(np.float32)
    fasta = "".join(f">s{i}\n{''.join('ACGT'[c] for c in row)}\n" for i, row in enumerate(codes))
    chunked = {"chunks": (2, LENGTH, 4), "compression": "gzip"}
    return {
        "plain.h5": _hdf5(X_test=(one_hot, {}), Y_test=(labels, {})),
        "chunked.h5": _hdf5(X_test=(one_hot, chunked), Y_test=(labels, {})),
        "arrays.npz": _written(np.savez, x_test=one_hot, y_test=labels),
        "packed.npz": _written(np.savez_compressed, x_test=one_hot, y_test=labels),
        "array.npy": _written(np.save, one_hot),
        "old.mat": _written(savemat, {"testxdata": one_hot.transpose(0, 2, 1), "testdata": labels}),
        "packed.mat": _written(
            savemat,
            {"testxdata": one_hot.transpose(0, 2, 1), "testdata": labels},
            do_compression=True,
        ),
        "sequences.fa": fasta.encode(),
        "packed.fa.gz": gzip.compress(fasta.encode(), mtime=0),
        "peaks.bed": BED.encode(),
        "peaks.bed.gz": gzip.compress(BED.encode(), mtime=0),
    }


def motif_files() -> dict[str, bytes]:
    """Return files of motifs by file name."""
    return {"motifs.meme": MOTIFS.encode()}


def _hdf5(**arrays: tuple[np.ndarray, dict[str, Any]]) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        for name, (array, options) in arrays.items():
            file.create_dataset(name, data=array, **options)
    return stream.getvalue()


def _written(write: Callable[..., None], *arguments: Any, **named: Any) -> bytes:
    stream = io.BytesIO()
    write(stream, *arguments, **named)
    return stream.getvalue()
