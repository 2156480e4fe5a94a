"""Commands that show what the zoo has."""

from __future__ import annotations

import json
from typing import Any

import click

__all__ = ["list_models", "relevant"]


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead.")
def list_models(as_json: bool) -> None:
    """List the networks of the zoo."""
    from zoo.catalogue import DRAGONN, KOO_EDDY, NEURONMOTIF, names, network
    from zoo.pretrained import shipped

    available = shipped()
    rows = [_row(network(name), name in available) for name in names()]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    wide = (
        (KOO_EDDY, "Koo & Eddy 2019: 200 bp, 12 transcription factors"),
        (DRAGONN, "DragoNN: 500 bp, one output"),
    )
    for source, title in wide:
        _print_wide(title, [row for row in rows if row["source"] == source.title])
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


def _print_wide(title: str, rows: list[dict[str, Any]]) -> None:
    """Print networks of few layers, each layer by its filters."""
    table = _table(title)
    for heading in ("filters x width", "pool", "dense", "parameters"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("shipped")
    for row in rows:
        blocks = row["blocks"]
        table.add_row(
            row["name"],
            _filters([f"{block['filters']}x{block['kernel']}" for block in blocks]),
            ", ".join(_pool(block) for block in blocks),
            _dense(row),
            f"{row['parameters']:,}",
            _shipped(row),
        )
    _print(table)


def _print_deep(rows: list[dict[str, Any]]) -> None:
    """Print networks of many layers, each by their number."""
    table = _table("NeuronMotif")
    for heading in ("bp", "layers", "neurons", "dense", "classes", "parameters"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("shipped", no_wrap=True)
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

    # Eight columns on 80 characters.
    table = Table(title=title, box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    table.add_column("network", no_wrap=True)
    return table


def _print(table: Any) -> None:
    from rich.console import Console

    Console().print(table)


def _filters(layers: list[str]) -> str:
    """List the layers' filters; layers that are all alike by their number."""
    if len(layers) > 1 and len(set(layers)) == 1:
        return f"{len(layers)} layers of {layers[0]}"
    return ", ".join(layers)


def _dense(row: dict[str, Any]) -> str:
    return ", ".join(str(units) for units in row["dense"]) or "-"


def _shipped(row: dict[str, Any]) -> str:
    return "yes" if row["shipped"] else ""


def _pool(block: dict[str, Any]) -> str:
    if block["pool"] == 1:
        return "-"
    return f"{block['pool']}" + (f"/{block['stride']}" if block["stride"] < block["pool"] else "")


@click.command()
@click.option("--motifs", default="JASPAR2016", show_default=True, help="Known motifs.")
def relevant(motifs: str) -> None:
    """Print the ids of the planted motifs, for 'analyze --relevant'."""
    from neuroninterp.motifs.databases import load_database
    from zoo.simulations.koo_eddy import relevant_motifs

    click.echo(",".join(relevant_motifs(load_database(motifs).ids)))
