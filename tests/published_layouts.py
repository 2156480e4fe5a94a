"""Data files in exactly the layouts in which DeepSEA's and Basset's were published, tiny ones."""

from __future__ import annotations

import h5py
import numpy as np
from scipy.io import savemat

PARTS = ("train", "valid", "test")


def as_agct(sequences):
    return np.array([[[b == c for b in s] for c in "AGCT"] for s in sequences], dtype=np.uint8)


def write_v73(path, sequences, labels, chunks=None, label_chunks=None):
    """Write MATLAB v7.3: a block of 512 bytes for the header, then HDF5 with reversed axes."""
    with h5py.File(path, "w", userblock_size=512) as file:
        compression = "gzip" if chunks else None
        file.create_dataset("trainxdata", data=sequences.T, chunks=chunks, compression=compression)
        file.create_dataset("traindata", data=labels.T, chunks=label_chunks)
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
    with path.open("r+b") as stream:
        stream.write(header.ljust(512, b"\0"))


def write_deepsea(folder, truth, *, compressed=True, chunks=(1000, 4, 3), label_chunks=None):
    folder.mkdir(exist_ok=True)
    for name, (sequences, labels) in truth.items():
        one_hot, path = as_agct(sequences), folder / f"{name}.mat"
        if name == "train":
            write_v73(path, one_hot, labels, chunks, label_chunks)
        else:
            variables = {f"{name}xdata": one_hot, f"{name}data": labels}
            savemat(path, variables, do_compression=compressed)


def as_basset(sequences, dtype=np.float16):
    """Return sequences one-hot, (N, 4, 1, L), ACGT; 0.25 each for N where the type has it."""
    hot = np.array([[[b == c for b in s] for c in "ACGT"] for s in sequences], dtype=dtype)
    if np.issubdtype(dtype, np.floating):
        hot += np.array([[b == "N" for b in s] for s in sequences])[:, None] * dtype(0.25)
    return hot[:, :, None, :]


def write_basset(path, truth, *, dtype=np.float16, shape=lambda x: x, label_type=np.float64, **how):
    """Write what Basset's own script does: contiguous arrays, no attributes."""
    with h5py.File(path, "w") as file:
        classes = len(truth["train"][1][0])
        names = np.array([f"CELL{index}" for index in range(classes)], dtype="S")
        file.create_dataset("target_labels", data=names)
        for name, (sequences, labels) in truth.items():
            file.create_dataset(f"{name}_in", data=shape(as_basset(sequences, dtype)), **how)
            file.create_dataset(f"{name}_out", data=np.asarray(labels, label_type), **how)
        headers = [f"chr1:{index}-{index + 600}" for index in range(len(truth["test"][0]))]
        file.create_dataset("test_headers", data=np.array(headers, dtype="S"))
