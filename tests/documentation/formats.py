"""What the page on file formats says of tables and of ``results.h5``."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["PAGE", "columns", "store_layout"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "file-formats.md"
_NAME = re.compile(r"`([\w-]+)`")


def columns(table: str) -> dict[str, str]:
    """Return the type of each column of a TSV file, in order."""
    rows = [row for row in _rows(_section(table)) if row[0].startswith("`")]
    return {row[0].strip("`"): row[1] for row in rows}


def store_layout() -> dict[str, set[str]]:
    """Return the attributes and record fields of each place in ``results.h5``."""
    section = _section("results.h5")
    table, _, legend = section.partition("\nwhere\n")
    sets: dict[str, set[str]] = {}
    for item in re.findall(r"^- (.*(?:\n  .*)*)", legend, re.MULTILINE):
        name, _, members = item.partition(":")
        sets[name] = set(_NAME.findall(members))
    layout = {}
    for path, _, members in _rows(table)[1:]:
        words = re.split(r"[,;]\s*", members)
        shared = [sets[word] for word in words if word in sets]
        layout[path.strip("`")] = set(_NAME.findall(members)).union(*shared)
    return layout


def _section(heading: str) -> str:
    page = PAGE.read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", page, re.M | re.S)
    assert found, f"{PAGE.name} has no section {heading}"
    return found[1]


def _rows(text: str) -> list[list[str]]:
    """Return the cells of every row of a table, without the line under the headings."""
    lines = re.findall(r"^\| (.*) \|$", text, re.MULTILINE)
    return [re.split(r"\s*\|\s*", line) for line in lines if not line.startswith("---")]
