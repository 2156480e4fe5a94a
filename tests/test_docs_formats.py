"""The page on file formats, against what is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import pandas as pd
import pytest
from documentation.formats import PAGE, columns, store_layout
from example_result import example_result

from neuroninterp.results import write_results
from neuroninterp.results.summary import summarize


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report")
    write_results(example_result(), path)
    return path


def test_every_file_is_listed(folder: Path) -> None:
    listed = re.findall(r"^\| `([\w./]+?)/?` \|", PAGE.read_text().split("\n## ")[0], re.M)
    assert set(listed) == {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    "name", ["layers", "neurons", "matches", "sequences", "dictionary", "syntax"]
)
def test_columns_of_tables(folder: Path, name: str) -> None:
    """Their order, and the types that a reader gets."""
    table = pd.read_csv(folder / f"{name}.tsv", sep="\t").convert_dtypes()
    documented = columns(f"{name}.tsv")
    assert list(documented) == list(table.columns)
    for column, kind in documented.items():
        if table[column].notna().any():
            assert kind in kinds(table[column]), column


def kinds(column: pd.Series[Any]) -> set[str]:
    """Return what a column may be called; whole numbers may be numbers that happen to be."""
    if pd.api.types.is_bool_dtype(column):
        return {"truth"}
    if pd.api.types.is_integer_dtype(column):
        # Of one pair of motifs there is one spacing, where others have a list.
        return {"integer", "number", "text"}
    return {"number"} if pd.api.types.is_numeric_dtype(column) else {"text"}


def test_layout_of_the_store(folder: Path) -> None:
    with h5py.File(folder / "results.h5") as file:
        found: dict[str, set[str]] = {}
        for path, names in places(file):
            found.setdefault(path, set()).update(names)
    performance = {path for path in found if path.startswith("/performance/")}
    assert store_layout() == {k: v for k, v in found.items() if k not in performance}


def places(file: h5py.File) -> Iterator[tuple[str, set[str]]]:
    """Yield the places that hold data or attributes: path, numbers as N, and names."""
    yield "/", set(file.attrs)
    found: list[tuple[str, Any]] = []
    file.visititems(lambda name, item: found.append((name, item)))
    for name, item in found:
        fields = item.dtype.names if isinstance(item, h5py.Dataset) else None
        if item.attrs or isinstance(item, h5py.Dataset):
            yield re.sub(r"/\d+", "/N", f"/{name}"), {*item.attrs, *(fields or ())}


def test_keys_of_the_summary() -> None:
    section = PAGE.read_text().partition("\n## summary.json\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(summarize(example_result()))
