"""Training data of any kind that the zoo knows, told by what lies at the path."""

from __future__ import annotations

from pathlib import Path

from neuroninterp.errors import DataError
from zoo.data import TrainingData, read_training_data

__all__ = ["open_training_data"]


def open_training_data(path: str | Path) -> TrainingData:
    """Open a data set to train on.

    Parameters
    ----------
    path : str or Path
        A folder with DeepSEA's ``train.mat``, ``valid.mat`` and ``test.mat``; an HDF5 file with
        Basset's ``train_in``, ``train_out``, …; or one with ``X_train``, ``Y_train``, … as the
        zoo writes them. The first two are streamed, the last is read whole.

    Returns
    -------
    TrainingData
        Three parts of the same length and number of classes.

    Raises
    ------
    DataError
        If the data are missing, malformed or damaged.
    """
    path = Path(path)
    if path.is_dir():
        from zoo.datasets.deepsea_training import open_deepsea

        return open_deepsea(path)
    keys = _keys(path)
    if any(key in keys for key in ("trainxdata", "validxdata", "testxdata")):
        raise DataError(
            f"{path} is one of DeepSEA's files; give the folder that holds train.mat, valid.mat "
            "and test.mat"
        )
    if "train_in" in keys:
        from zoo.datasets.basset import open_basset

        return open_basset(path)
    return read_training_data(path)


def _keys(path: Path) -> frozenset[str]:
    """Return the names at the top of an HDF5 file; none of what is no such file."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return frozenset(file)
    except OSError:
        return frozenset()
