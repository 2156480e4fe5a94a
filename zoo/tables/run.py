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

from neuroninterp.errors import DataError, NeuroninterpError, OutputError, UnknownNameError
from neuroninterp.motifs import MotifDatabase, load_database
from neuroninterp.progress import Progress
from zoo.architectures.koo_eddy import PROTOCOLS, VARIANTS
from zoo.data import read_part
from zoo.records import read_record
from zoo.simulations.files import write_koo_eddy
from zoo.tables.alignment import ALIGNMENTS
from zoo.tables.files import write_text
from zoo.tables.filters import measure_filters
from zoo.tables.layers import measure_layers
from zoo.tables.paper import TABLES
from zoo.tables.table import Measured, Table, build_table
from zoo.tables.write import write_table
from zoo.trials import Trial, TrialSettings, train_trials

__all__ = ["LayerSettings", "make_table", "read_measured", "table_models"]

MOTIFS = "JASPAR2016"
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
    """Return the networks of a table, in its order."""
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
        If a network, protocol or alignment does not exist.
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
    names = _check(number, models, settings, alignment)
    folder = Path(output)
    progress = Progress(visible=verbose)
    path = _data(number, data, folder, settings.protocol, progress)
    every = train_trials(
        names, path, folder, trials=trials, settings=settings, jobs=jobs, verbose=verbose
    )
    database = load_database(MOTIFS)
    codes = read_part(path, "test").codes
    measured = []
    with progress.stage("aligning filters", len(every)) as advance:
        for trial in every:
            filters = measure_filters(trial, codes, database, alignment=alignment)
            measured.append(Measured(trial.name, trial.number, read_record(trial.record), filters))
            advance(1)
    sampled = _sampled(every, database, layers, verbose=verbose)
    measured = [
        Measured(m.name, m.trial, m.record, m.filters, sampled.get((m.name, m.trial)))
        for m in measured
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


def _check(
    number: int, models: Sequence[str] | None, settings: TrialSettings, alignment: str
) -> tuple[str, ...]:
    """Make sure that all names are known before anything long begins; return the networks."""
    if number not in TABLES:
        raise NeuroninterpError(f"there is no table {number}; valid: 1, 2")
    for kind, name, valid in (
        ("training protocol", settings.protocol, tuple(PROTOCOLS)),
        ("alignment", alignment, tuple(ALIGNMENTS)),
    ):
        if name not in valid:
            raise UnknownNameError(kind, name, valid)
    for name in models or ():
        if name not in VARIANTS:
            raise UnknownNameError("network of Koo & Eddy", name, tuple(VARIANTS))
    return tuple(dict.fromkeys(models)) if models else table_models(number)


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
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error}") from error
    if data is not None:
        return Path(data)
    path = folder / "koo_eddy.h5"
    if not path.exists():
        with progress.stage("simulating sequences"):
            write_koo_eddy(path, buffer=BUFFERS[protocol])
    return path


def _sampled(
    trials: Sequence[Trial], database: MotifDatabase, layers: LayerSettings, *, verbose: bool
) -> dict[tuple[str, int], dict[str, Any]]:
    """Sample every layer of the first trials of each network."""
    found = {}
    for trial in trials:
        if trial.number <= layers.trials:
            found[trial.name, trial.number] = measure_layers(
                trial,
                database,
                effort=layers.effort,
                neurons=layers.neurons,
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
    for flag, value, usual in (
        ("--epochs", settings.epochs, 100),
        ("--patience", settings.patience, None),
        ("--batch-size", settings.batch_size, None),
        ("--protocol", settings.protocol, "released"),
        ("--alignment", alignment, settings.protocol),
        ("--sampled-trials", layers.trials, 1),
        ("--effort", layers.effort, "quick"),
        ("--neurons", layers.neurons, None),
    ):
        if value != usual:
            words += [flag, str(value)]
    return " ".join(words)
