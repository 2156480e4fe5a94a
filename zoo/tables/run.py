"""Makes a table from nothing: simulate, train what is missing, measure, compare, write.

Everything lies in one folder and is used again by the next call: the data, a folder
``trial-K`` a trial with the networks and what was measured on them, the table.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neuroninterp.backend import resolve_device
from neuroninterp.errors import DataError, NeuroninterpError
from neuroninterp.motifs import MotifDatabase, load_database
from neuroninterp.progress import Progress
from neuroninterp.sampling import check_effort
from zoo.catalogue import KOO_EDDY
from zoo.data import read_part
from zoo.output import make_folder, write_text
from zoo.records import read_record
from zoo.simulations.files import write_koo_eddy
from zoo.tables.filters import measure_filters
from zoo.tables.layers import measure_layers
from zoo.tables.names import MOTIFS, check_names
from zoo.tables.paper import TABLES
from zoo.tables.table import Measured, Table, build_table
from zoo.tables.write import write_table
from zoo.trials import Trial, TrialSettings, train_trials

__all__ = ["LayerSettings", "make_table", "read_measured", "table_models"]

BUFFERS = {"released": 0, "text": 1}
"""Fewest positions between planted sites, bp, by protocol."""


@dataclass(frozen=True)
class LayerSettings:
    """How all layers are sampled, beyond the paper.

    Parameters
    ----------
    trials : int
        Number of trials of each network that are sampled; none for 0.
    effort : str
        "quick", "standard" or "thorough".
    neurons : int or None
        The first so many neurons of each layer; all for None.
    """

    trials: int = 1
    effort: str = "quick"
    neurons: int | None = None


def table_models(number: int) -> tuple[str, ...]:
    """Return the networks of a table, in its order.

    Raises
    ------
    NeuroninterpError
        If the paper has no such table.
    """
    if number not in TABLES:
        raise NeuroninterpError(f"there is no table {number}; valid: 1, 2")
    return tuple(dict.fromkeys(row.name for row in TABLES[number]))


def make_table(
    number: int,
    output: str | Path,
    *,
    models: Sequence[str] | None = None,
    data: str | Path | None = None,
    trials: int = 5,
    settings: TrialSettings | None = None,
    alignment: str | None = None,
    layers: LayerSettings | None = None,
    jobs: int | None = None,
    verbose: bool = True,
) -> tuple[Table, list[Path]]:
    """Make Table 1 or 2 of the paper.

    Parameters
    ----------
    number : int
        1 (synthetic data) or 2 (in vivo data).
    output : str or Path
        Folder for everything; what is there already is used.
    models : sequence of str or None
        Networks; all of the table for None.
    data : str or Path or None
        HDF5 file with the three parts. None simulates the paper's synthetic data, for Table 1.
    trials : int
        Trials of each network, with seeds 1 to this.
    settings : TrialSettings or None
        Protocol, epochs, device; the paper's for None.
    alignment : str or None
        Version of the alignment, "released" or "text"; the protocol's for None.
    layers : LayerSettings or None
        How all layers are sampled; one trial with quick effort for None.
    jobs : int or None
        Training processes at once; one a core, or four on a GPU, for None.
    verbose : bool
        Whether to show progress.

    Returns
    -------
    table : Table
        Ours beside the paper's.
    files : list of Path
        What was written.

    Raises
    ------
    UnknownNameError
        If a network, protocol, alignment or effort does not exist.
    DataError
        If data are missing or cannot be read.
    NeuroninterpError
        If training fails; see :func:`zoo.trials.train_trials`.
    OutputError
        If the folder cannot be written, or holds trials that were trained otherwise.
    """
    settings = settings or TrialSettings()
    layers = layers or LayerSettings()
    alignment = alignment or settings.protocol
    all_models = table_models(number)
    names = tuple(dict.fromkeys(models or all_models))
    KOO_EDDY.protocol(settings.protocol)
    check_names(names, alignment)
    check_effort(layers.effort)
    folder = Path(output)
    progress = Progress(visible=verbose)
    path = _data(number, data, folder, settings.protocol, progress)
    # Before anything imports Keras.
    resolve_device(settings.device)
    every = train_trials(
        names, path, folder, trials=trials, settings=settings, jobs=jobs, verbose=verbose
    )
    database = load_database(MOTIFS)
    filters = _aligned(every, read_part(path, "test").codes, database, alignment, progress)
    sampled = _sampled(every, database, layers, settings.device, verbose=verbose)
    measured = [
        Measured(
            trial.name, trial.number, read_record(trial.record), filters[trial], sampled.get(trial)
        )
        for trial in every
    ]
    described = {
        "protocol": settings.protocol,
        "epochs": settings.epochs,
        "trials": trials,
        "alignment": alignment,
        "motifs": database.name,
        "targets": len(database),
        "effort": layers.effort,
        "neurons": layers.neurons,
        "command": _command(number, names, data, trials, settings, alignment, layers),
    }
    table = build_table(number, measured, described)
    files = write_table(table, folder)
    files.append(_write_measured(folder / f"table{number}-records.json", described, measured))
    return table, files


def read_measured(path: str | Path) -> tuple[dict[str, Any], list[Measured]]:
    """Read ``tableN-records.json``: the table's settings, and all that it was made from."""
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    return content["settings"], [Measured(**item) for item in content["networks"]]


def _data(
    number: int, data: str | Path | None, folder: Path, protocol: str, progress: Progress
) -> Path:
    if data is None and number == 2:
        raise DataError(
            "Table 2 needs in vivo data: make them with 'neuroninterp zoo in-vivo' and give --data"
        )
    if data is not None and not Path(data).is_file():
        raise DataError(
            f"{data}: no such file; make it with 'neuroninterp zoo simulate' or 'zoo in-vivo'"
        )
    make_folder(folder)
    if data is not None:
        return Path(data)
    path = folder / "koo_eddy.h5"
    if not path.exists():
        with progress.stage("simulating sequences"):
            write_koo_eddy(path, buffer=BUFFERS[protocol])
    return path


def _aligned(
    trials: Sequence[Trial],
    codes: np.ndarray,
    database: MotifDatabase,
    alignment: str,
    progress: Progress,
) -> dict[Trial, dict[str, Any]]:
    """Align and match the filters of all trials."""
    found = {}
    with progress.stage("aligning filters", len(trials)) as advance:
        for trial in trials:
            found[trial] = measure_filters(trial, codes, database, alignment=alignment)
            advance(1)
    return found


def _sampled(
    trials: Sequence[Trial],
    database: MotifDatabase,
    layers: LayerSettings,
    device: str,
    *,
    verbose: bool,
) -> dict[Trial, dict[str, Any]]:
    """Sample every layer of the first trials of each network."""
    found = {}
    for trial in trials:
        if trial.number <= layers.trials:
            found[trial] = measure_layers(
                trial,
                database,
                effort=layers.effort,
                neurons=layers.neurons,
                device=device,
                progress=Progress(visible=verbose, prefix=f"{trial}, "),
            )
    return found


def _write_measured(path: Path, settings: dict[str, Any], measured: Sequence[Measured]) -> Path:
    """Write everything that the table was made from, one network a line."""
    lines = ",\n".join(json.dumps(vars(item)) for item in measured)
    write_text(path, f'{{"settings": {json.dumps(settings)},\n"networks": [\n{lines}\n]}}\n')
    return path


def _command(
    number: int,
    names: Sequence[str],
    data: str | Path | None,
    trials: int,
    settings: TrialSettings,
    alignment: str,
    layers: LayerSettings,
) -> str:
    """Return the command that makes the table again."""
    words = ["neuroninterp", "zoo", f"table{number}", "-o", "DIR", "--trials", str(trials)]
    if tuple(names) != table_models(number):
        words += ["--models", ",".join(names)]
    if data is not None:
        words += ["--data", Path(data).name]
    usual_settings, usual_layers = TrialSettings(), LayerSettings()
    for flag, value, usual in (
        ("--epochs", settings.epochs, usual_settings.epochs),
        ("--patience", settings.patience, usual_settings.patience),
        ("--batch-size", settings.batch_size, usual_settings.batch_size),
        ("--protocol", settings.protocol, usual_settings.protocol),
        ("--alignment", alignment, settings.protocol),
        ("--sampled-trials", layers.trials, usual_layers.trials),
        ("--effort", layers.effort, usual_layers.effort),
        ("--neurons", layers.neurons, usual_layers.neurons),
    ):
        if value != usual:
            words += [flag, str(value)]
    return " ".join(words)
