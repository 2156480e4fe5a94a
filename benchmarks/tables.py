"""Measurements as text: Markdown tables that are aligned, so that a terminal shows them too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

__all__ = ["render", "section_title", "table", "write_section", "write_text_section"]

_Column = tuple[str, Callable[[dict[str, Any]], str]]

_PREAMBLE = """# What the engine costs, and how right it is

Written by `python -m benchmarks.engine --write`; one section a machine and backend. Times are
CPU-seconds per neuron, all threads together; compilation is not counted. *Arithmetic* is the
share of the time inside the network's own compiled functions. *Peak* is the largest memory of the
network's process so far. Errors are against the exact answer, by enumeration up to 12 bp and by
dynamic programming for a first layer: mean and worst entry of the PPM, the worst level
probability in bits, and the neurons whose maximum was missed. Such layers are exact in practice;
a second table says what sampling them would cost, and how far it is off. Consensus ratios are
means over neurons: of the best part, of all parts, of as many random parts of the same sizes (the
control), and of the undecoupled mixture; *beaten* counts the neurons of which some consensus
exceeds the sampled maximum.
"""


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _plain(key: str, digits: int | None = None) -> Callable[[dict[str, Any]], str]:
    if digits is None:
        return lambda row: str(row[key])
    return lambda row: _number(row[key], digits)


def _inside(group: str, key: str, digits: int) -> Callable[[dict[str, Any]], str]:
    return lambda row: "" if row[group] is None else _number(row[group][key], digits)


_WHICH: list[_Column] = [
    ("network", _plain("network")),
    ("layer", _plain("layer")),
    ("field", _plain("field")),
]
_COST: list[_Column] = [
    *_WHICH,
    ("neurons", _plain("neurons")),
    ("sampling", _plain("sampling", 2)),
    ("decoupling", _plain("decoupling", 2)),
    ("wall s", _plain("wall", 2)),
    ("windows", _plain("evaluations", 0)),
    ("arithmetic", lambda row: f"{row['arithmetic']:.0%}"),
    ("peak GB", _plain("peak", 2)),
]
_DISTANCE: list[_Column] = [
    ("mean", _inside("errors", "mean", 4)),
    ("worst", _inside("errors", "worst", 3)),
    ("bits", _inside("errors", "bits", 2)),
]
_ERRORS: list[_Column] = [
    *_WHICH,
    ("truth", lambda row: row["errors"]["truth"]),
    *_DISTANCE,
    ("missed", lambda row: f"{row['errors']['missed']} of {row['neurons'] - row['dead']}"),
]
_SAMPLED: list[_Column] = [
    *_WHICH,
    ("neurons", _plain("neurons")),
    ("sampling", _plain("sampling", 2)),
    ("windows", _plain("evaluations", 0)),
    *_DISTANCE,
    ("missed", _inside("errors", "missed", 0)),
]
_RATIOS: list[_Column] = [
    *_WHICH,
    ("best", _inside("ratios", "best", 3)),
    ("all parts", _inside("ratios", "parts", 3)),
    ("random split", _inside("ratios", "split", 3)),
    ("mixture", _inside("ratios", "mixture", 3)),
    ("parts", _inside("ratios", "n_parts", 1)),
    ("beaten", _inside("ratios", "beaten", 0)),
    ("dead", _plain("dead")),
    ("unconverged", _plain("unconverged")),
]
_GROWTH: list[_Column] = [
    *_WHICH,
    ("neurons", _plain("neurons")),
    ("sampling", _plain("sampling", 2)),
    ("wall s", _plain("wall", 2)),
    ("windows", _plain("evaluations", 0)),
]
_BATCHES: list[_Column] = [
    *_WHICH,
    ("batch", _plain("batch", 0)),
    ("windows a second", _plain("windows", 0)),
]
_SIZES: list[_Column] = [
    ("network", _plain("network")),
    ("layer", _plain("layer")),
    ("MB", lambda row: f"{row['bytes'] / 1e6:.3f}"),
]


def render(report: dict[str, Any]) -> str:
    """Write a report as one Markdown section.

    Parameters
    ----------
    report : dict
        As :func:`benchmarks.plan.merged` gives it.

    Returns
    -------
    str
        Begins with its title (:func:`section_title`).
    """
    layers = report["layers"]
    trained = [row for row in layers if row["ratios"] is not None]
    parts = [
        ("Cost per neuron", _COST, layers),
        ("Distance from the truth", _ERRORS, [row for row in layers if row["errors"] is not None]),
        ("Sampled where the exact answer is at hand", _SAMPLED, report["sampled"]),
        ("Consensus ratios", _RATIOS, trained),
        ("Neurons sampled at once", _GROWTH, report["growth"]),
        ("Length of the field (effort quick)", _GROWTH, report["fields"]),
        ("Batch size", _BATCHES, report["batches"]),
        ("Size of results.h5 with one neuron", _SIZES, report["sizes"]),
    ]
    texts = [f"{section_title(report)}\n\n{_circumstances(report)}"]
    texts += [f"### {title}\n\n{table(columns, rows)}" for title, columns, rows in parts if rows]
    return "\n\n".join(texts) + "\n"


def section_title(report: dict[str, Any]) -> str:
    """Return the heading that names machine and backend."""
    where = report["environment"]
    device = where["machine"] if where["device"] == "CPU" else where["device"]
    return f"## {device}, {where['cores']} cores, {where['backend']}"


def _circumstances(report: dict[str, Any]) -> str:
    where, settings = report["environment"], report["settings"]
    versions = ", ".join(f"{name} {number}" for name, number in where["versions"].items())
    threads = "" if where["threads"] is None else f", {where['threads']} thread(s) an operation"
    return (
        f"{where['date']}, commit {where['commit']}; {where['device']}{threads}; effort "
        f"{settings['effort']}, seed {settings['seed']}; {versions}."
    )


def table(columns: Sequence[_Column], rows: Sequence[dict[str, Any]]) -> str:
    """Write rows as a Markdown table: of each column its name, and how a row shows it."""
    cells = [[name for name, _ in columns]]
    cells += [[show(row) for _, show in columns] for row in rows]
    widths = [max(len(line[k]) for line in cells) for k in range(len(columns))]
    # Names to the left, numbers to the right.
    lines = [_line([line[0].ljust(widths[0]), *_right(line[1:], widths[1:])]) for line in cells]
    rule = _line(["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    return "\n".join([lines[0], rule, *lines[1:]])


def _right(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def write_section(report: dict[str, Any], path: Path) -> None:
    """Write a report into a Markdown file, in place of the section of the same title.

    Parameters
    ----------
    report : dict
        As :func:`benchmarks.plan.merged` gives it.
    path : Path
        The file; made where it does not exist.
    """
    write_text_section(render(report), path)


def write_text_section(fresh: str, path: Path) -> None:
    """Write a section that begins with its title, in place of the one of the same title."""
    kept = []
    if path.exists():
        sections = path.read_text(encoding="utf-8").split("\n## ")[1:]
        kept = [f"## {text.strip()}\n" for text in sections]
    title = fresh.partition("\n")[0]
    titles = [text.partition("\n")[0] for text in kept]
    if title in titles:
        kept[titles.index(title)] = fresh
    else:
        kept.append(fresh)
    path.write_text("\n".join([_PREAMBLE, *kept]), encoding="utf-8")
