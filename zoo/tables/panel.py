"""The paper's Figures 2 and 3: first-layer filters of chosen networks, and the planted motifs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neuroninterp.backend import import_keras
from neuroninterp.errors import ModelError
from neuroninterp.motifs import load_database
from zoo.data import read_part
from zoo.figures import LogoColumn, check_path, draw_panel
from zoo.pretrained import test_data_path, weights_path
from zoo.records import read_record
from zoo.simulations.koo_eddy import CLASS_NAMES, motif_probabilities
from zoo.tables.filters import match_filters, planted_names
from zoo.tables.names import MOTIFS, check_names
from zoo.trials import Trial

__all__ = ["draw_filters"]


def draw_filters(
    names: Sequence[str],
    path: str | Path,
    *,
    runs: str | Path | None = None,
    trial: int = 1,
    data: str | Path | None = None,
    alignment: str = "released",
) -> Path:
    """Draw the first-layer filters of networks side by side with the planted motifs.

    Parameters
    ----------
    names : sequence of str
        Networks of Koo & Eddy.
    path : str or Path
        The picture: .svg, .png or .pdf.
    runs : str, Path or None
        Folder that ``zoo table1`` filled; the shipped networks for None.
    trial : int
        Which trial of the runs.
    data : str, Path or None
        HDF5 file whose test part the filters are aligned on; the shipped one for None.
    alignment : str
        "released" or "text".

    Returns
    -------
    Path
        The picture.

    Raises
    ------
    UnknownNameError
        If a network or the alignment does not exist.
    ModelError
        If a network is not in the runs, or not shipped.
    DataError, OutputError
        If the data cannot be read, or the picture not written.
    """
    check_names(names, alignment)
    check_path(path)
    files = [_files(name, runs, trial) for name in names]
    codes = read_part(data or test_data_path(), "test").codes
    columns = [
        _column(name, network, record, codes, alignment)
        for name, (network, record) in zip(names, files, strict=True)
    ]
    planted = motif_probabilities()
    truth = [
        (name, planted[2 * index], planted[2 * index + 1]) for index, name in enumerate(CLASS_NAMES)
    ]
    return draw_panel(columns, truth, path)


def _files(name: str, runs: str | Path | None, number: int) -> tuple[Path, Path]:
    """Return the network and its record."""
    if runs is None:
        return weights_path(name, "keras"), weights_path(name, "json")
    trial = Trial(name, number, Path(runs) / f"trial-{number}")
    if not trial.record.exists():
        raise ModelError(f"{trial.record} does not exist: {trial} was not trained in {runs}")
    return trial.network, trial.record


def _column(
    name: str, network: Path, record: Path, codes: np.ndarray, alignment: str
) -> LogoColumn:
    model = import_keras().models.load_model(network, compile=False)
    ppms, hits = match_filters(model, codes, 1, load_database(MOTIFS), alignment=alignment)
    labels = planted_names(hits)
    relevant = np.mean([bool(label) for label in labels])
    auroc = read_record(record)["test"]["auroc"]
    score = "" if auroc is None else f", auROC {auroc:.3f}"
    return LogoColumn(name.upper(), f"relevant {relevant:.2f}{score}", ppms, labels)
