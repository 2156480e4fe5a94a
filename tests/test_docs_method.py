"""The page on the method: its numbers are those of the code."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

CLONE = Path(__file__).parents[1]
MODULES = {
    ".".join(path.relative_to(CLONE).with_suffix("").parts)
    for path in (CLONE / "neuroninterp").rglob("*.py")
}


def page() -> str:
    return (CLONE / "docs" / "method.md").read_text()


def test_constants_of_the_method_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| ([\d.]+) \|", page(), re.MULTILINE)
    assert len(rows) == page().partition("## The constants")[2].count("\n| `")
    for name, value in rows:
        assert constant(name) == float(value), name


def test_numbers_in_italics_are_constants_that_the_page_lists() -> None:
    text, _, table = page().partition("## The constants")
    listed = {float(value) for value in re.findall(r"^\| `[\w.]+` \| ([\d.]+) \|", table, re.M)}
    written = re.findall(r"(?<!\*)\*([\d.,]+)( %)?\*", text)
    assert len(written) > 30
    for number, percent in written:
        value = float(number.replace(",", ""))
        assert (value / 100 if percent else value) in listed, number


def constant(name: str) -> float:
    """Return a constant of the package by its dotted name."""
    words = name.split(".")
    # A function may have its module's name, so modules are looked for first.
    module = next(
        path
        for end in range(len(words), 0, -1)
        if (path := f"neuroninterp.{'.'.join(words[:end])}") in MODULES
    )
    found: Any = importlib.import_module(module)
    for word in words[module.count(".") :]:
        found = found[word] if isinstance(found, dict) else getattr(found, word)
    return found
