"""A table as Markdown to read, TSV to compute with, and JSON with everything."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from zoo.output import write_text
from zoo.tables.classes import Unlearned
from zoo.tables.paper import Bottleneck, Figure
from zoo.tables.table import (
    AUROC_TOLERANCE,
    STARVED_TOLERANCE,
    LayerRow,
    Row,
    Table,
    VerdictRow,
    as_dict,
)

__all__ = ["markdown", "write_table"]

_HEADINGS = {"auroc": "auROC", "aupr": "auPR", "match": "any match", "relevant": "relevant"}
_DATA = {1: "synthetic", 2: "in vivo"}


def write_table(table: Table, folder: Path) -> list[Path]:
    """Write ``tableN.md``, ``.json``, ``.tsv``, and ``tableN-layers.tsv`` where there are any.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    name = f"table{table.number}"
    files = {
        f"{name}.md": markdown(table),
        f"{name}.json": json.dumps(as_dict(table), indent=1) + "\n",
        f"{name}.tsv": _tsv(_flat_row(row) for row in table.rows),
    }
    if table.layers:
        files[f"{name}-layers.tsv"] = _tsv(_flat_layer(row) for row in table.layers)
    for file_name, text in files.items():
        write_text(folder / file_name, text)
    return [folder / file_name for file_name in files]


def markdown(table: Table) -> str:
    """Return the table as a Markdown page."""
    parts = [
        f"# Table {table.number} of Koo & Eddy 2019, again",
        _introduction(table),
        _paper_section(table),
        _agreement_section(table),
    ]
    if table.unlearned:
        parts.append(_unlearned_section(table.unlearned))
    if table.layers:
        parts += [_layers_section(table.layers), _verdict_section(table.verdicts)]
    return "\n\n".join(parts) + "\n"


def _introduction(table: Table) -> str:
    settings = table.settings
    return (
        f"Networks of the zoo on the {_DATA[table.number]} data, made by\n\n"
        f"    {settings['command']}\n\n"
        "Ours is the mean ± standard deviation over trials (seeds 1, 2, …), the paper's over "
        "five; Δ is ours minus the paper's. A filter's PPM comes from the alignment of the "
        f"{settings['alignment']} version, it matches by Tomtom at E ≤ 0.1 against "
        f"{settings['motifs']} ({settings['targets']} motifs), and is relevant if a motif of the "
        "12 factors is among the hits. Layers are given as far as no pool hides positions."
    )


def _paper_section(table: Table) -> str:
    quantities = [quantity for quantity in _HEADINGS if quantity != "aupr" or table.number == 2]
    headings = ["network", "layer", "parameters", "trials"]
    for quantity in quantities:
        headings += [_HEADINGS[quantity], "paper", "Δ"]
    rows = []
    for row in table.rows:
        cells = [row.name, str(row.layer), f"{row.parameters:,}", str(row.trials)]
        for quantity in quantities:
            difference = row.difference(quantity)
            cells += [
                _shown(row.ours[quantity]),
                _shown(getattr(row.paper, quantity)),
                "" if difference is None else f"{difference:+.3f}",
            ]
        rows.append(cells)
    return _markdown_table(headings, rows)


def _agreement_section(table: Table) -> str:
    found = table.agreement
    lines = [
        f"- auROC within {AUROC_TOLERANCE} of the paper's (CNN3-50: {STARVED_TOLERANCE}): "
        + (f"all but {', '.join(found.auroc_off)}" if found.auroc_off else "all"),
        "- relevant fraction on the paper's side of one half: "
        + (
            f"all but {', '.join(found.relevant_on_other_side)}"
            if found.relevant_on_other_side
            else "all"
        ),
    ]
    if found.rank_correlation is not None:
        lines.append(
            "- rank correlation (Spearman) of the relevant fractions with the paper's: "
            f"{found.rank_correlation:.3f}"
        )
    return "## Agreement\n\n" + "\n".join(lines)


def _unlearned_section(rows: Sequence[Unlearned]) -> str:
    text = (
        "## Factors that were not learned\n\n"
        "Trials of one network may miss different factors. Here are those with a factor whose "
        "auROC is below the middle between one half and its median over all trials of all "
        "networks."
    )
    cells = [
        [
            *(row.name, str(row.trial), f"{row.auroc:.3f}"),
            "" if row.learned_auroc is None else f"{row.learned_auroc:.3f}",
            str(len(row.classes)),
            ", ".join(f"{name} {auroc:.3f}" for name, auroc in row.classes.items()),
        ]
        for row in rows
    ]
    headings = ["network", "trial", "auROC", "of the others", "not learned", "their auROC"]
    return f"{text}\n\n{_markdown_table(headings, cells)}"


def _layers_section(rows: Sequence[LayerRow]) -> str:
    text = (
        "## Every layer, sampled and decoupled\n\n"
        "What the paper could not show: this package's PPMs, drawn from the network alone, of "
        "every layer, also across pools. *Mixture* is the undecoupled PPM, *random split* the "
        "control (the sample split at random into as many parts), *decoupled* the parts; the "
        "best of several parts matches more often by itself, so what decoupling adds is what "
        "lies above the control. *Null* is the share of neurons whose shuffled PPMs match a "
        "relevant motif whole."
    )
    headings = [
        *("network", "layer", "field (bp)", "shifts", "neurons", "trials"),
        *("mixture", "random split", "decoupled", "whole", "null"),
    ]
    cells = [
        [
            *(row.name, str(row.layer), str(row.receptive_field), str(row.shifts)),
            *(str(row.neurons), str(row.trials)),
            *(
                f"{row.fractions[key]:.2f}"
                for key in (
                    "mixture_relevant",
                    "random_split_relevant",
                    "relevant",
                    "localist",
                    "null_localist",
                )
            ),
        ]
        for row in rows
    ]
    return f"{text}\n\n{_markdown_table(headings, cells)}"


def _verdict_section(rows: Sequence[VerdictRow]) -> str:
    trials = sum(len(row.verdict) for row in rows)
    text = (
        "## The verdict\n\n"
        "The layer that holds whole motifs: by the paper's results, by the architecture alone, "
        "and by the neurons of each trial. Right: the architecture's reading for "
        f"{sum(row.structural_right for row in rows)} of {len(rows)} networks, the neurons' for "
        f"{sum(row.empirical_right for row in rows)} of {trials} trials, the verdict for "
        f"{sum(row.right for row in rows)} of {trials}."
    )
    headings = ["network", "paper", "architecture", "neurons", "verdict", "right"]
    cells = [
        [
            row.name,
            _place(row.implied),
            _place(row.structural),
            ", ".join(_read(*found) for found in row.empirical),
            ", ".join(_read(*found) for found in row.verdict),
            f"{row.right} of {len(row.verdict)}",
        ]
        for row in rows
    ]
    return f"{text}\n\n{_markdown_table(headings, cells)}"


def _place(place: Bottleneck) -> str:
    return _read(place.layer, place.kind)


def _read(layer: int | None, kind: str) -> str:
    if layer is None:
        return kind
    return f"layer {layer}" if kind in ("localist", "distributed") else f"{kind} (layer {layer})"


def _shown(figure: Figure | None) -> str:
    if figure is None:
        return ""
    return f"{figure.mean:.3f}" + ("" if figure.sd is None else f" ± {figure.sd:.3f}")


def _markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _flat_row(row: Row) -> dict[str, Any]:
    flat: dict[str, Any] = {
        "network": row.name,
        "layer": row.layer,
        "parameters": row.parameters,
        "trials": row.trials,
    }
    for quantity in _HEADINGS:
        for source, figure in (("", row.ours[quantity]), ("paper_", getattr(row.paper, quantity))):
            flat[f"{source}{quantity}"] = None if figure is None else figure.mean
            flat[f"{source}{quantity}_sd"] = None if figure is None else figure.sd
        flat[f"{quantity}_difference"] = row.difference(quantity)
    return flat


def _flat_layer(row: LayerRow) -> dict[str, Any]:
    return {
        "network": row.name,
        "layer": row.layer,
        "receptive_field": row.receptive_field,
        "shifts": row.shifts,
        "neurons": row.neurons,
        "trials": row.trials,
        **row.fractions,
    }


def _tsv(rows: Iterable[dict[str, Any]]) -> str:
    rows = list(rows)
    text = StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter="\t", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {
                key: f"{value:.6g}" if isinstance(value, float) else value
                for key, value in row.items()
            }
        )
    return text.getvalue()
