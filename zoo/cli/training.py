"""The command that trains networks."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import click

from neuroninterp.commands.options import PROGRESS
from zoo.cli.interruption import continued_later

__all__ = ["train"]

_NATURAL = click.IntRange(min=0)
_POSITIVE = click.IntRange(min=1)


@click.command()
@click.argument("names", nargs=-1, required=True)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="HDF5 file to learn (ours or Basset's), or the folder of DeepSEA's .mat files.",
)
@click.option(
    "--positives",
    type=click.Path(path_type=Path),
    help="Instead of --data: FASTA file of positives, with --negatives; a fifth is kept for the "
    "test, a fifth of the rest for validation, by --seed.",
)
@click.option("--negatives", type=click.Path(path_type=Path), help="FASTA file of negatives.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for the files."
)
@click.option("--seed", type=_NATURAL, help="Of weights, dropout and order.  [default: 0]")
@click.option(
    "--trials",
    type=_POSITIVE,
    help="Train so many of each network, with seeds 1, 2, …, in folders trial-1, trial-2, …",
)
@click.option(
    "-j", "--jobs", type=_POSITIVE, help="Trials at once.  [default: one a core, 4 on a GPU]"
)
@click.option(
    "--epochs",
    type=_POSITIVE,
    help="Largest number of epochs.  [default: the paper's; 100 for several trainings]",
)
@click.option(
    "--patience",
    type=_POSITIVE,
    help="Epochs without improvement after which it ends.  [default: the paper's]",
)
@click.option("--batch-size", type=_POSITIVE, help="Sequences a step.  [default: the paper's]")
@click.option(
    "--protocol",
    default="released",
    show_default=True,
    help="released; of Koo & Eddy also text, of NeuronMotif listed or repository.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu or gpu.")
@click.option("--force", is_flag=True, help="Train again where a finished network lies.")
@PROGRESS
@click.option("--while-input-open", is_flag=True, hidden=True)
def train(
    names: tuple[str, ...],
    data: Path | None,
    positives: Path | None,
    negatives: Path | None,
    output: Path,
    seed: int | None,
    trials: int | None,
    jobs: int | None,
    epochs: int | None,
    patience: int | None,
    batch_size: int | None,
    protocol: str,
    device: str,
    force: bool,
    verbose: bool,
    while_input_open: bool,
) -> None:
    """Train the networks NAMES; what was interrupted continues when the command is repeated.

    One network goes to the folder itself. Several, or several trials, are trained side by
    side, each trial in a folder of its own.
    """
    from zoo.catalogue import network, training_of

    if while_input_open:
        _end_with_input()
    if data is not None and (positives or negatives):
        raise click.UsageError("give either --data, or --positives and --negatives")
    # Mistyped names are told at once, before TensorFlow is imported.
    for name in names:
        training_of(network(name), protocol)
    data = data or _from_fasta(positives, negatives, output, seed or 0)
    shared: dict[str, Any] = {
        "epochs": epochs,
        "patience": patience,
        "batch_size": batch_size,
        "protocol": protocol,
        "device": device,
    }
    if trials is None and len(names) == 1:
        if jobs is not None:
            raise click.UsageError("--jobs needs --trials, or several networks")
        _train_one(names[0], data, output, seed or 0, force, verbose, shared)
        return
    if seed is not None or force:
        raise click.UsageError("--seed and --force go with a single network without --trials")
    _train_many(names, data, output, trials or 1, jobs, verbose, shared)


def _from_fasta(positives: Path | None, negatives: Path | None, output: Path, seed: int) -> Path:
    """Write data.h5 in the output folder; the same again where the command is repeated."""
    if positives is None or negatives is None:
        raise click.UsageError("give either --data, or --positives and --negatives")
    from zoo.datasets.fasta import write_fasta_data
    from zoo.output import make_folder

    make_folder(output)
    path = output / "data.h5"
    sizes, notes = write_fasta_data(positives, negatives, path, seed=seed)
    for note in notes:
        click.echo(f"note: {note}")
    parts = ", ".join(f"{size:,} {part}" for part, size in sizes.items())
    click.echo(f"wrote {path}: {parts} sequences")
    return path


def _end_with_input() -> None:
    """End this process as soon as its standard input closes: its parent is gone then."""

    def wait() -> None:
        # Unbuffered: a lock on sys.stdin would be in the way when this process ends by itself.
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _train_one(
    name: str,
    data: Path,
    output: Path,
    seed: int,
    force: bool,
    verbose: bool,
    shared: dict[str, Any],
) -> None:
    from zoo.training import train as train_network

    with continued_later():
        record = train_network(
            name, data, output, seed=seed, force=force, verbose=verbose, **shared
        )
    click.echo(f"{_told(record)}; wrote {name}.keras, .onnx and .json to {output}")


def _train_many(
    names: tuple[str, ...],
    data: Path,
    output: Path,
    trials: int,
    jobs: int | None,
    verbose: bool,
    shared: dict[str, Any],
) -> None:
    from zoo.records import read_record
    from zoo.trials import TrialSettings, train_trials

    given = {key: value for key, value in shared.items() if value is not None}
    with continued_later():
        trained = train_trials(
            names,
            data,
            output,
            trials=trials,
            settings=TrialSettings(**given),
            jobs=jobs,
            verbose=verbose,
        )
    for trial in trained:
        click.echo(f"trial {trial.number}, {_told(read_record(trial.record))}")
    click.echo(f"wrote {len(trained)} networks to the folders trial-1, … of {output}")


def _told(record: dict[str, Any]) -> str:
    """Say in one line what a training run came to."""
    from neuroninterp.performance import spoken

    test, history = record["test"], record["history"]
    return (
        f"{record['name']}: best of {len(history['loss'])} epochs was {record['best_epoch']}; "
        f"test {spoken(test)}"
    )
