"""The ``zoo`` commands: parse, call, print. Heavy imports happen inside the commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

__all__ = ["zoo"]

_SPLITS = ("train", "valid", "test")
_NATURAL = click.IntRange(min=0)
_POSITIVE = click.IntRange(min=1)


@click.group()
def zoo() -> None:
    """Networks of the papers, their synthetic data, and their training."""


@zoo.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead.")
def list_models(as_json: bool) -> None:
    """List the networks of the zoo."""
    from zoo.catalogue import KOO_EDDY, NEURONMOTIF, names, network
    from zoo.pretrained import shipped

    available = shipped()
    rows = [_row(network(name), name in available) for name in names()]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    _print_wide([row for row in rows if row["source"] == KOO_EDDY.title])
    _print_deep([row for row in rows if row["source"] == NEURONMOTIF.title])


def _row(item: Any, is_shipped: bool) -> dict[str, Any]:
    from dataclasses import asdict

    from zoo.catalogue import source_of

    return {
        "name": item.name,
        "source": source_of(item).title,
        "length": item.length,
        "classes": item.classes,
        "blocks": [asdict(block) for block in item.blocks],
        "dense": list(item.dense),
        "parameters": item.parameter_count(),
        "shipped": is_shipped,
        "note": item.note,
    }


def _print_wide(rows: list[dict[str, Any]]) -> None:
    """Print networks of few layers, each layer by its filters."""
    table = _table("Koo & Eddy 2019: 200 bp, 12 transcription factors")
    for heading in ("filters x width", "pool", "dense", "parameters"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("shipped")
    for row in rows:
        blocks = row["blocks"]
        table.add_row(
            row["name"],
            ", ".join(f"{block['filters']}x{block['kernel']}" for block in blocks),
            ", ".join(_pool(block) for block in blocks),
            _dense(row),
            f"{row['parameters']:,}",
            _shipped(row),
        )
    _print(table)


def _print_deep(rows: list[dict[str, Any]]) -> None:
    """Print networks of many layers, each by their number."""
    table = _table("NeuronMotif")
    for heading in ("length", "layers", "neurons", "dense", "classes", "parameters"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("shipped")
    for row in rows:
        table.add_row(
            row["name"],
            str(row["length"]),
            str(len(row["blocks"])),
            f"{sum(block['filters'] for block in row['blocks']):,}",
            _dense(row),
            str(row["classes"]),
            f"{row['parameters']:,}",
            _shipped(row),
        )
    _print(table)


def _table(title: str) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE_HEAD)
    table.add_column("network", no_wrap=True)
    return table


def _print(table: Any) -> None:
    from rich.console import Console

    Console().print(table)


def _dense(row: dict[str, Any]) -> str:
    return ", ".join(str(units) for units in row["dense"]) or "-"


def _shipped(row: dict[str, Any]) -> str:
    return "yes" if row["shipped"] else ""


def _pool(block: dict[str, Any]) -> str:
    if block["pool"] == 1:
        return "-"
    return f"{block['pool']}" + (f"/{block['stride']}" if block["stride"] < block["pool"] else "")


@zoo.command()
@click.option("--motifs", default="JASPAR2016", show_default=True, help="Known motifs.")
def relevant(motifs: str) -> None:
    """Print the ids of the planted motifs, for 'analyze --relevant'."""
    from neuroninterp.motifs.databases import load_database
    from zoo.simulations.koo_eddy import relevant_motifs

    click.echo(",".join(relevant_motifs(load_database(motifs).ids)))


@zoo.command()
@click.argument("name", default="koo-eddy")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="HDF5 file.")
@click.option(
    "--n", type=_POSITIVE, help="Number of sequences in all parts.  [default: the paper's]"
)
@click.option("--seed", type=_NATURAL, default=0, show_default=True, help="Of the random numbers.")
@click.option(
    "--split",
    "splits",
    type=click.Choice(_SPLITS),
    multiple=True,
    help="Write only this part (repeatable); the parts stay the same.",
)
@click.option("--limit", type=_POSITIVE, help="Write only the first sequences of each part.")
@click.option("--without-models", is_flag=True, help="Leave out the ground-truth probabilities.")
@click.option("--force", is_flag=True, help="Replace a file that exists.")
def simulate(
    name: str,
    output: Path,
    n: int | None,
    seed: int,
    splits: tuple[str, ...],
    limit: int | None,
    without_models: bool,
    force: bool,
) -> None:
    """Simulate the synthetic data NAME: koo-eddy (the default) or toy-2.

    koo-eddy: 12 known motifs in random DNA of 200 bp (Koo & Eddy 2019).

    toy-2: two CTCF sites in 82 bp, rightly spaced or not (NeuronMotif).
    """
    from zoo.simulations.files import write_simulation

    sizes = write_simulation(
        name,
        output,
        n=n,
        seed=seed,
        splits=splits or _SPLITS,
        limit=limit,
        models=not without_models,
        force=force,
    )
    parts = ", ".join(f"{size:,} {part}" for part, size in sizes.items())
    click.echo(f"wrote {output}: {parts} sequences")


@zoo.command()
@click.argument("name")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="HDF5 file to learn.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for the files."
)
@click.option(
    "--seed", type=_NATURAL, default=0, show_default=True, help="Of weights, dropout and order."
)
@click.option(
    "--epochs", type=_POSITIVE, default=100, show_default=True, help="Largest number of epochs."
)
@click.option(
    "--patience",
    type=_POSITIVE,
    help="Epochs without improvement after which it ends.  [default: the paper's]",
)
@click.option("--batch-size", type=_POSITIVE, help="Sequences a step.  [default: the paper's]")
@click.option("--protocol", default="released", show_default=True, help="released or text.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or gpu.")
@click.option("--force", is_flag=True, help="Train again where a finished network lies.")
@click.option("-v/-q", "--verbose/--quiet", default=True, help="Show progress.")
def train(
    name: str,
    data: Path,
    output: Path,
    seed: int,
    epochs: int,
    patience: int | None,
    batch_size: int | None,
    protocol: str,
    device: str,
    force: bool,
    verbose: bool,
) -> None:
    """Train the network NAME; an interrupted run continues when the command is repeated."""
    from zoo.catalogue import network, source_of

    # Mistyped names are told at once, before TensorFlow is imported.
    source_of(network(name)).protocol(protocol)
    from zoo.training import train as train_network

    record = train_network(
        name,
        data,
        output,
        seed=seed,
        epochs=epochs,
        patience=patience,
        batch_size=batch_size,
        protocol=protocol,
        device=device,
        force=force,
        verbose=verbose,
    )
    test, history = record["test"], record["history"]
    click.echo(
        f"{name}: best of {len(history['loss'])} epochs was {record['best_epoch']}; test auROC "
        f"{_score(test['auroc'])}, auPR {_score(test['aupr'])}; "
        f"wrote {name}.keras, .onnx and .json to {output}"
    )


def _score(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
